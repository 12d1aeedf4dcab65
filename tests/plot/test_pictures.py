"""Pictures: they hold the data, suit light and dark paper, and survive odd searches."""

import itertools
import math

import numpy as np
import pytest

import pyhopper
from pyhopper.testing import FakeClock

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

NAMES = ("lr", "batch", "model", "model.depth", "model.C", "w", "widths", "flag")


def nested(clock, path=None, steps=60):
    """A search with every kind of parameter, estimates, pruned and failed evaluations."""
    search = pyhopper.Search(
        {
            "lr": pyhopper.float(1e-5, 1e-1, log=True),
            "batch": pyhopper.int(8, 64, power_of=2),
            "model": pyhopper.choice(
                {"kind": "net", "depth": pyhopper.int(1, 6)},
                {"kind": "svm", "C": pyhopper.float(0.1, 10, log=True)},
            ),
            "w": pyhopper.float(-1, 1, shape=(3,)),
            "widths": pyhopper.list(pyhopper.int(8, 32), 1, 3),
            "flag": pyhopper.bool(),
            "constant": 7,
        },
        seed=5,
        clock=clock,
    )

    def objective(params):
        if params["batch"] == 64:
            raise MemoryError("out of memory")
        value = -((math.log10(params["lr"]) + 3) ** 2) + params["flag"] - np.sum(params["w"] ** 2)
        for step in range(1, 5):
            clock.advance(30)
            yield float(value * (2 - 0.5**step))

    pruner = pyhopper.pruners.QuantilePruner(0.4)
    search.run(objective, "max", steps=steps, quiet=True, pruner=pruner, checkpoint_path=path)
    return search


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A checkpoint of such a search."""
    path = tmp_path_factory.mktemp("plots") / "run.ckpt"
    nested(FakeClock(), path)
    return path


@pytest.fixture(autouse=True)
def _untouched():
    """No picture changes a setting, and none is left open."""
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    plt.close("all")


def pictures(source):
    """Every picture of a source."""
    plot = pyhopper.plot
    yield plot.progress(source)
    yield plot.progress(source, by="time")
    names = [axis.name for axis in getattr(source, "history", source).sheet().axes]
    for name in dict.fromkeys(names):
        yield plot.parameter(source, name)
    yield plot.contour(source, names[0], names[1])
    yield plot.importance(source)
    yield plot.curves(source)
    yield plot.slots(source)
    yield plot.moves(source)
    yield plot.parallel(source).axes[0]


def said(ax):
    """All text on an Axes."""
    return " ".join(text.get_text() for text in ax.texts)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_every_picture_of_a_nested_search(style, path):
    """Each can be drawn in a light and in a dark style, where its ink is seen on the paper."""
    search = nested(FakeClock())
    with plt.style.context(style):
        for ax in pictures(search):
            ax.figure.canvas.draw()
            paper = matplotlib.colors.to_rgb(ax.figure.get_facecolor())
            for text in ax.texts:
                ink = matplotlib.colors.to_rgb(text.get_color())
                assert abs(sum(ink) - sum(paper)) > 1
            plt.close(ax.figure)


def test_a_checkpoint_gives_the_same_pictures(path):
    """Without its template: what is drawn from the file is what is drawn from the search."""
    search = nested(FakeClock())
    for draw in (
        pyhopper.plot.progress,
        lambda source, ax: pyhopper.plot.parameter(source, "model.depth", ax=ax),
        lambda source, ax: pyhopper.plot.parameter(source, "model", ax=ax),
        lambda source, ax: pyhopper.plot.parameter(source, "w", summary="norm", ax=ax),
        pyhopper.plot.moves,
    ):
        drawn = []
        for source in (search, search.history, path, str(path)):
            _, ax = plt.subplots()
            assert draw(source, ax=ax) is ax
            points = [each.get_offsets().data for each in ax.collections]
            drawn.append((ax.get_xlabel(), ax.get_xscale(), np.vstack(points)))
        for label, scale, points in drawn[1:]:
            assert (label, scale) == drawn[0][:2]
            np.testing.assert_array_equal(points, drawn[0][2])


def test_scales_and_names(path):
    """A logarithmic parameter has a logarithmic axis, a choice the names of its options."""
    ax = pyhopper.plot.parameter(path, "lr")
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "lr")
    ax = pyhopper.plot.parameter(path, "model")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["net", "svm"]
    ax = pyhopper.plot.parameter(path, "model.depth")
    assert ax.get_xlabel() == "model.depth (where model=net)"
    assert pyhopper.plot.parameter(path, "w").get_xlabel() == "mean of w"
    assert pyhopper.plot.parameter(path, "w", summary="max").get_xlabel() == "max of w"
    assert pyhopper.plot.parameter(path, "widths").get_xlabel() == "length of widths"


def test_progress_shows_every_evaluation(path):
    """As many marks as evaluations, and the best value as the line's end."""
    search = nested(FakeClock())
    ax = pyhopper.plot.progress(path)
    marks = sum(len(each.get_offsets()) for each in ax.collections if len(each.get_offsets()) > 1)
    evaluations = search.history.evaluations
    silent = sum(each.status == "pruned" and not each.estimates for each in evaluations)
    assert marks == len(evaluations) - silent
    assert ax.lines[0].get_ydata()[-1] == search.best_f
    assert "random phase" in said(ax)


def test_conditional_parameters_are_drawn_where_they_are_active(path):
    """A dot for each evaluation with a value in which the option was chosen."""
    search = nested(FakeClock())
    active = [
        each
        for each in search.history.evaluations
        if each.status == "done" and "C" in each.params["model"]
    ]
    ax = pyhopper.plot.parameter(path, "model.C")
    labels = {"random phase", "local"}
    dots = [e for e in ax.collections if str(e.get_label()).split(" (")[0] in labels]
    assert sum(len(each.get_offsets()) for each in dots) == len(active) > 0


def failing(params):
    raise ValueError("never")


@pytest.mark.parametrize("kind", ["empty", "failures", "one", "equal"])
def test_odd_searches(kind):
    """A message on the Axes where there is nothing to draw, and never an exception."""
    search = pyhopper.Search(
        x=pyhopper.float(0, 1), c=pyhopper.choice("a"), n=pyhopper.int(3, 3), seed=1
    )
    if kind == "failures":
        with pytest.raises(pyhopper.SearchFailedError):
            search.run(failing, steps=6, quiet=True)
    elif kind != "empty":
        search.run(lambda p: 0.5, steps=1 if kind == "one" else 12, quiet=True)
    for ax in pictures(search):
        ax.figure.canvas.draw()
        plt.close(ax.figure)
    text = said(pyhopper.plot.progress(search))
    expected = {"empty": "no evaluation has ended yet", "failures": "no evaluation has a value"}
    assert expected.get(kind, "random phase") in text


def test_many_evaluations_are_few_objects():
    """20,000 evaluations: marks are pixels, and lines are a sample."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=1)
    rng = np.random.default_rng(1)
    for x, y in rng.random((20_000, 2)):
        search.add({"x": float(x), "y": float(y)}, float(x + y))
    ax = pyhopper.plot.progress(search)
    assert ax.collections[0].get_rasterized()
    (lines, *_) = pyhopper.plot.parallel(search).axes[0].collections
    assert 700 < len(lines.get_segments()) <= 1500
    assert lines.get_rasterized()


def test_values_far_worse_do_not_squash_the_rest():
    """The axis ends where a value of 1e9 is not needed; how many there are is told."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    number = itertools.count()

    def value_of(params):
        return -1e9 if next(number) % 20 == 7 else params["x"]

    search.run(value_of, "max", steps=60, quiet=True)
    ax = pyhopper.plot.progress(search)
    assert ax.get_ylim()[0] > -10
    assert "3 worse values" in said(ax)


def test_several_searches():
    """Seeds of one space give a mean within a band, different labels a line each."""
    searches = []
    for seed in range(3):
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=seed)
        search.run(lambda p: -((p["x"] - 0.3) ** 2), "max", steps=20 + seed, quiet=True)
        searches.append(search)
    ax = pyhopper.plot.progress(searches)
    (mean,) = (line for line in ax.lines if "mean of 3" in str(line.get_label()))
    at = [search.history.best_fs[19] for search in searches]
    assert mean.get_ydata()[-1] == pytest.approx(np.mean(at))
    assert len(mean.get_xdata()) == 20
    ax = pyhopper.plot.progress(searches, labels=["a", "b", "c"], by="time")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]
    other = pyhopper.Search(x=pyhopper.float(0, 1))
    other.run(lambda p: p["x"], "min", steps=3, quiet=True)
    with pytest.raises(pyhopper.ArgumentError, match="different directions"):
        pyhopper.plot.progress([*searches, other])
    with pytest.raises(pyhopper.ArgumentError, match="3 texts"):
        pyhopper.plot.progress(searches, labels=["a"])


def test_a_file_that_is_being_written(tmp_path):
    """From within the objective, with an evaluation open."""
    path, seen = tmp_path / "run.ckpt", []

    def objective(params):
        yield 0.5
        lanes = pyhopper.plot.slots(path)
        seen.append([text.get_text() for text in lanes.get_legend().get_texts()])
        yield params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(objective, steps=2, quiet=True, checkpoint_path=path)
    assert seen == [["running"], ["with a value", "running"]]


def test_hostile_names_are_text():
    """A dollar sign begins no formula, and a long name does not push the picture away."""
    name = "$\\frac{1}{0$" + "x" * 5000
    search = pyhopper.Search({name: pyhopper.choice("$a", "$b$" * 200), "y": pyhopper.float(0, 1)})
    search.run(lambda p: p["y"], steps=12, quiet=True)
    for ax in pictures(search):
        ax.figure.canvas.draw()
        plt.close(ax.figure)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda plot, s: plot.parameter(s, "nothing"), "the space has lr, batch"),
        (lambda plot, s: plot.parameter(s, "w", summary="sum"), "mean, min, max, norm, length"),
        (lambda plot, s: plot.contour(s, "lr", "lr"), "same parameter"),
        (lambda plot, s: plot.progress(s, by="hours"), '"steps" or "time"'),
        (lambda plot, s: plot.progress(s, labels=["a"]), "several searches"),
        (lambda plot, s: plot.progress([]), "at least one"),
        (lambda plot, s: plot.progress(3), "must be a search"),
        (lambda plot, s: plot.parallel(s, "lr"), "list of names"),
    ],
)
def test_mistakes_are_named(call, named, path):
    with pytest.raises(pyhopper.ArgumentError, match=named):
        call(pyhopper.plot, path)


def test_importing_the_package_does_not_import_matplotlib():
    """It is imported when the first picture is drawn."""
    import subprocess
    import sys

    program = "import sys, pyhopper; pyhopper.plot.progress; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]
