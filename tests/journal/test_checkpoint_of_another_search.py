"""One checkpoint, two searches: the second must not take over the results of the first."""

import functools

import numpy as np
import pytest

import pyhopper

TOLD = "are not the ones in the checkpoint"


def first(params):
    return params["x"]


def second(params):
    return -params["x"]


def broken(params):
    raise ValueError


def line(epochs=3):
    return pyhopper.Search(x=pyhopper.float(0, 1), epochs=epochs)


def run(path, objective, steps=5, search=None, **more):
    search = search or line()
    search.run(objective, "max", steps=steps, checkpoint_path=path, **more)
    return search


def test_another_objective_is_refused(tmp_path):
    """By name, with the way out, and without a change to the file; force goes on."""
    path = tmp_path / "run.ckpt"
    run(path, first, quiet=True)
    before = path.read_bytes()
    with pytest.raises(pyhopper.ArgumentError, match=r"'first'.*'second'.*resume=\"force\""):
        run(path, second, quiet=True)
    assert path.read_bytes() == before
    assert not path.with_name("run.ckpt.lock").exists()
    assert len(run(path, second, 8, resume="force", quiet=True).history) == 8
    assert len(run(path, second, 9, quiet=True).history) == 9


def test_the_same_name_goes_on(tmp_path):
    """Wherever it is defined, wrapped or with some arguments fixed."""

    def here():
        def first(params, scale=1):
            return params["x"] * scale

        return first

    path = tmp_path / "run.ckpt"
    forms = first, here(), pyhopper.wrap_n_times(first, 2), functools.partial(here(), scale=1)
    for steps, objective in enumerate(forms, 5):
        assert len(run(path, objective, steps, quiet=True).history) == steps


def test_what_has_only_failed_may_be_replaced(tmp_path):
    """A fault that is mended under a new name needs no force."""
    path = tmp_path / "run.ckpt"
    with pytest.raises(pyhopper.SearchFailedError):
        run(path, broken, quiet=True)
    assert len(run(path, first, quiet=True).history) == 5


@pytest.mark.parametrize(
    ("before", "after"), [([1, 2], [1, 3]), (np.zeros(9), np.ones(9)), ("a", "b")]
)
def test_other_arguments_are_told(before, after, tmp_path, capsys):
    """The same name on other data: a line says so; on the same data nothing is said."""
    path = tmp_path / "run.ckpt"

    def train(params, data):
        return params["x"]

    for steps, data, told in ((5, before, False), (6, before, False), (7, after, True)):
        run(path, train, steps, kwargs={"data": data})
        assert (TOLD in capsys.readouterr().out) is told


def test_other_closures_and_constants_are_told(tmp_path, capsys):
    """A loop over data sets with one path, by closure or by the template."""
    path = tmp_path / "run.ckpt"

    def of(data):
        return lambda params: params["x"] + len(data)

    forms = (("one", 3, False), ("one", 3, False), ("other", 3, True), ("other", 4, True))
    for steps, (data, epochs, told) in enumerate(forms, 5):
        run(path, of(data), steps, line(epochs))
        assert (TOLD in capsys.readouterr().out) is told


def test_bad_resume():
    with pytest.raises(pyhopper.ArgumentError, match="resume"):
        line().run(first, "max", steps=1, resume="maybe")
