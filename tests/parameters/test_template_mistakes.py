"""Templates that are mistakes, and spaces in which nothing is left to try."""

import collections
import dataclasses
import functools
import types
import warnings

import numpy as np
import pytest
from scipy import stats

import pyhopper


@pytest.mark.parametrize("keep_history", [True, False])
def test_a_resume_ends_where_options_were_removed(tmp_path, keep_history):
    """Several evaluations without a place in the space do not hide that all others are done."""
    options, path = ("a", "bb", "ccc", "dddd"), tmp_path / "run.ckpt"
    for count, steps in ((4, 10), (2, 20)):
        search = pyhopper.Search(x=pyhopper.choice(*options[:count]))
        best = search.run(
            lambda p: len(p["x"]),
            steps=steps,
            checkpoint_path=path,
            quiet=True,
            keep_history=keep_history,
        )
        assert best == {"x": options[count - 1]}


def test_a_resume_ends_where_all_options_are_new(tmp_path):
    """What does not fit is not counted, so that everything new is evaluated once."""
    path, seen = tmp_path / "run.ckpt", []
    for options in (("a", "b", "c"), ("d", "e")):
        search = pyhopper.Search(x=pyhopper.choice(*options))
        search.run(lambda p: seen.append(p["x"]) or 1.0, steps=20, checkpoint_path=path, quiet=True)
    assert sorted(seen) == ["a", "b", "c", "d", "e"]


NOTHING_TO_DRAW = [
    ({"lr": [0.1, 0.01]}, "for lr did you mean pyhopper.choice([0.1, 0.01])?"),
    ({"lr": (1e-4, 1e-1)}, "for lr did you mean pyhopper.float(0.0001, 0.1)?"),
    ({"n": (1, 5)}, "for n did you mean pyhopper.int(1, 5)?"),
    ({"n": range(3)}, "for n did you mean pyhopper.int(0, 2)?"),
    ({"n": range(0, 10, 5)}, "for n did you mean pyhopper.int(0, 5, multiple_of=5)?"),
    ({"n": range(1, 10, 5)}, "for n did you mean pyhopper.choice(range(1, 10, 5))?"),
    ({"n": np.arange(3)}, "for n did you mean pyhopper.choice([0, 1, 2])?"),
    ({"opt": {"lr": float}}, "for opt.lr did you mean pyhopper.float(low, high)?"),
    ({"flag": bool}, "for flag did you mean pyhopper.bool()?"),
    ({"lr": stats.norm(0, 1)}, "for lr did you mean pyhopper.distribution(...) around it?"),
    ({"lr": 3}, "has only constants"),
    ({}, "has no entries"),
]


@pytest.mark.filterwarnings("ignore:.*is a constant")
@pytest.mark.parametrize(("template", "message"), NOTHING_TO_DRAW)
def test_a_template_without_parameters_is_refused(template, message):
    """Neither run nor ask takes one evaluation of constants for a search."""
    calls = []
    with pytest.raises(pyhopper.ArgumentError) as caught:
        pyhopper.Search(template).run(calls.append, steps=3, quiet=True)
    assert message in str(caught.value)
    with pytest.raises(pyhopper.ArgumentError, match="nothing to search for"):
        pyhopper.Search(template).ask()
    assert not calls


def test_results_alone_need_no_parameters():
    """A search that only collects results may have any template."""
    search = pyhopper.Search(lr=0.1)
    search.add({"lr": 0.1}, 3.0)
    assert search.history.fs == [3.0]


SUSPICIOUS = [
    (float, "pyhopper.float(low, high)"),
    (int, "pyhopper.int(low, high)"),
    (bool, "pyhopper.bool()"),
    (range(1, 4), "pyhopper.int(1, 3)"),
    (stats.beta(2, 5), "pyhopper.distribution"),
    (iter([1, 2]), "pyhopper.choice(list(...))"),
]


@pytest.mark.parametrize(("value", "meant"), SUSPICIOUS)
def test_a_constant_that_is_likely_a_mistake_warns_once(value, meant):
    """The warning comes from the line that wrote it, and says what was probably meant."""
    with pytest.warns(UserWarning, match="which is not searched") as caught:
        search = pyhopper.Search(x=pyhopper.float(0, 1), d={"y": value})
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "d.y" in str(caught[0].message)
    assert meant in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.run(lambda p: p["x"], steps=3, quiet=True)


def test_plain_constants_do_not_warn():
    """Lists of numbers and options of a choice are what they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pyhopper.Search(
            x=pyhopper.choice(float, int), sizes=[1, 2], names=("a", "b"), f=len, a=np.arange(3)
        )


class Slotted:
    """Has no ``__dict__``."""

    __slots__ = ("lr",)

    def __init__(self, lr):
        self.lr = lr


@dataclasses.dataclass
class Config:
    lr: object


@pytest.mark.parametrize(
    "hide",
    [
        Config,
        Slotted,
        lambda p: types.SimpleNamespace(deep=[p]),
        lambda p: {p},
        lambda p: collections.deque([p]),
        lambda p: types.MappingProxyType({"lr": p}),
        lambda p: np.array([p, 3]),
        lambda p: functools.partial(print, lr=p),
        lambda p: pyhopper.choice(Config(p), 3),
    ],
)
def test_a_parameter_in_an_object_is_refused(hide):
    """It would reach the objective undrawn; the message names the key."""
    parameter = pyhopper.float(0, 1)
    with pytest.raises(pyhopper.ArgumentError, match=r"opt\.v|a set has no order"):
        pyhopper.Search(x=parameter, opt={"v": hide(parameter)})
    search = pyhopper.Search(x=parameter)
    with pytest.raises(pyhopper.ArgumentError, match=r"^v=|a set has no order"):
        search["v"] = hide(parameter)


def cyclic_list():
    made = [1]
    made.append(made)
    return made


def cyclic_dict():
    made = {}
    made["again"] = made
    return made


def deep_list():
    made = []
    for _ in range(5000):
        made = [made]
    return made


@pytest.mark.parametrize("make", [cyclic_list, cyclic_dict, deep_list])
def test_what_contains_itself_is_refused(make):
    """In a template, an option, a guess and a result, with the key."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), c=[1], o=pyhopper.choice([1], [2]))
    value = make()
    for call in (
        lambda: pyhopper.Search(c=value),
        lambda: pyhopper.Search(d={"c": value}),
        lambda: pyhopper.merge_dicts({"c": value}),
        lambda: pyhopper.choice(value, 3),
        lambda: search.enqueue({"c": value}),
        lambda: search.enqueue({"o": value}),
        lambda: search.add({"x": 0.5, "c": value, "o": [1]}, 1.0),
        lambda: search.forget_cached({"x": 0.5, "c": value, "o": [1]}),
        lambda: search.sweep("o", [value]),
        lambda: search.__setitem__("c", value),
    ):
        with pytest.raises(pyhopper.PyhopperError, match=r"contains itself|nested too deeply"):
            call()


def test_what_stands_in_two_places_is_fine():
    """Only a thing inside itself is refused."""
    shared = [1, 2]
    search = pyhopper.Search(x=pyhopper.float(0, 1), a=shared, b=[shared, shared])
    assert search.run(lambda p: p["x"], steps=2, quiet=True)["b"] == [[1, 2], [1, 2]]
