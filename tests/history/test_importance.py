"""Importance, against functions whose shares are known."""

import math

import numpy as np
import pytest

import pyhopper
from pyhopper.history.importance import importance
from pyhopper.objectives import Objectives

EXACT = 0.06
"""Largest error that is allowed for a share, from 150 random evaluations without noise."""


def told(template, objective, count=150, seed=0, direction="max"):
    """A search that knows so many random evaluations."""
    search = pyhopper.Search(template, seed=seed)
    rng = np.random.default_rng(seed)
    space = search._log.space
    for _ in range(count):
        params = space.build(space.sample(rng))
        search.add(params, objective(params))
    search._log.state.set_objectives(Objectives((direction == "max",)))
    return search


def shares(search):
    """Shares by name."""
    return {share.name: share.share for share in search.history.importance()}


def ishigami(params):
    """Ishigami & Homma 1990, with a = 7 and b = 0.1."""
    x, y, z = (params[name] for name in "xyz")
    return math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)


def test_ishigami():
    """The third parameter matters only together with the first."""
    search = told({name: pyhopper.float(-math.pi, math.pi) for name in "xyz"}, ishigami)
    found = shares(search)
    # V1 = (1 + b pi^4 / 5)^2 / 2, V2 = a^2 / 8, V13 = 8 b^2 pi^8 / 225.
    parts = (1 + 0.1 * math.pi**4 / 5) ** 2 / 2, 49 / 8, 8 * 0.01 * math.pi**8 / 225
    for name, part in zip(("x", "y", "x x z"), parts, strict=True):
        assert found[name] == pytest.approx(part / sum(parts), abs=EXACT)
    assert found["z"] < EXACT
    assert set(found) == {"x", "y", "z", "x x z"}


def test_sobol_g():
    """Sobol's g: parameters matter less and less."""
    weights = (0.0, 1.0, 4.5, 9.0, 99.0)

    def g(params):
        factors = ((abs(4 * params[f"x{i}"] - 2) + a) / (1 + a) for i, a in enumerate(weights))
        return math.prod(factors)

    found = shares(told({f"x{i}": pyhopper.float(0, 1) for i in range(5)}, g, direction="min"))
    parts = [1 / (3 * (1 + a) ** 2) for a in weights]
    whole = math.prod(1 + part for part in parts) - 1
    for index, part in enumerate(parts):
        assert found[f"x{index}"] == pytest.approx(part / whole, abs=EXACT)


def test_categories_and_scales():
    """A choice, integers and a logarithmic range, whose shares follow from their variances."""
    effects = {"a": 0.0, "b": 1.0, "c": 2.0}

    def value(params):
        line = (math.log10(params["lr"]) + 3) / 2
        return effects[params["kind"]] + 2 * line + 0.5 * params["depth"]

    template = {
        "lr": pyhopper.float(1e-5, 1e-1, log=True),
        "kind": pyhopper.choice(*effects),
        "depth": pyhopper.int(0, 3),
        "idle": pyhopper.bool(),
    }
    parts = {"lr": 4 / 3, "kind": 2 / 3, "depth": 0.25 * 15 / 12, "idle": 0.0}
    found = shares(told(template, value))
    for name, part in parts.items():
        assert found[name] == pytest.approx(part / sum(parts.values()), abs=EXACT)


def conditional(params):
    model = params["model"]
    return 3 * model["C"] + params["z"] if model["kind"] == "svm" else params["z"] * 1.0


CONDITIONAL = {
    "model": pyhopper.choice({"kind": "svm", "C": pyhopper.float(0, 1)}, {"kind": "net"}),
    "z": pyhopper.float(0, 1),
}


def test_a_parameter_inside_an_option_is_judged_there():
    """Nine tenths of the variation among the candidates of its option."""
    found = {s.name: s for s in told(CONDITIONAL, conditional, 200).history.importance()}
    assert found["model.C"].where == "model=svm"
    assert found["model.C"].share == pytest.approx(9 / 10, abs=EXACT)
    assert found["z"].where == ""
    # Over everything: the choice 9/16, C 3/8, z 1/12.
    assert found["z"].share == pytest.approx((1 / 12) / (9 / 16 + 3 / 8 + 1 / 12), abs=EXACT)


def test_arrays_and_lists_count_as_one_parameter():
    template = {
        "w": pyhopper.float(-1, 1, shape=(2,)),
        "layers": pyhopper.list(pyhopper.float(0, 1), 1, 3),
        "large": pyhopper.float(-1, 1, shape=(50,)),
    }
    search = told(template, lambda p: p["w"][0] + p["w"][1] + 1.0 * len(p["layers"]), 200)
    found = search.history.importance()
    by_name = {share.name: share.share for share in found}
    # Each entry has variance 1/3, as has the length.
    assert by_name["w"] == pytest.approx(1 / 2, abs=0.1)
    assert by_name["layers"] == pytest.approx(1 / 2, abs=0.1)
    assert any("large (more than 8 numbers)" in note for note in found.notes)


def test_noise_is_unexplained():
    """Pure noise, the control: nothing matters, and it is said that nothing is explained."""
    rng = np.random.default_rng(3)
    template = {f"x{i}": pyhopper.float(0, 1) for i in range(4)}
    found = told(template, lambda p: float(rng.standard_normal())).history.importance()
    assert found.unexplained > 0.5
    assert any("unexplained" in note for note in found.notes)
    # The control of the tests above: shares that are claimed of this search would be refused.
    assert found[0].share < 0.5 - EXACT


def test_the_range_is_wider_with_fewer_evaluations():
    template = {name: pyhopper.float(-math.pi, math.pi) for name in "xyz"}
    widths = []
    for count in (40, 150):
        found = told(template, ishigami, count).history.importance()
        assert all(share.low <= share.share <= share.high for share in found)
        widths.append(np.mean([share.high - share.low for share in found]))
    assert widths[0] > 1.5 * widths[1]


def test_what_makes_it_mean_little_is_said():
    template = {name: pyhopper.float(-math.pi, math.pi) for name in "xyz"}
    few = told(template, ishigami, 12).history.importance()
    assert "12 evaluations for 3 parameters is little" in str(few)
    none = told(template, ishigami, 3).history.importance()
    assert len(none) == 0
    assert math.isnan(none.unexplained)
    assert "Too few" in str(none)
    search = pyhopper.Search(template, seed=1)
    for x in np.random.default_rng(1).normal(0.5, 0.02, 60).tolist():
        search.add({"x": x, "y": x, "z": x}, ishigami({"x": x, "y": x, "z": x}))
    assert any("clustered" in note for note in search.history.importance().notes)
    spread = told(template, ishigami).history.importance()
    assert spread.notes == ()


def test_one_terrible_value_hides_nothing():
    template = {name: pyhopper.float(-math.pi, math.pi) for name in "xyz"}
    search = told(template, ishigami)
    search.add({"x": 0.0, "y": 0.0, "z": 0.0}, -1e12)
    found = search.history.importance()
    assert found[0].name == "y"
    assert any("1 value far worse" in note for note in found.notes)


def test_it_is_the_same_every_time_and_from_a_file(tmp_path):
    """Also without the template."""
    from pyhopper.journal.sources import sheet_of

    path = tmp_path / "run.ckpt"
    search = told(CONDITIONAL, conditional, 60)
    search.save(path)
    text = str(search.history.importance())
    assert text == str(search.history.importance())
    assert text == str(importance(sheet_of(path)))
