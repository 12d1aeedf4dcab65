"""Runs in which nothing has a value say so, and why."""

import math

import pytest

import pyhopper


def prune(params):
    raise pyhopper.PruneEvaluation


def mixed(params):
    if params["x"] < 0.5:
        raise pyhopper.PruneEvaluation
    return math.inf if params["x"] < 0.8 else math.nan


CASES = [
    (lambda p: math.inf, "20 infinite. An infinite value cannot be compared"),
    (lambda p: -math.inf, "20 infinite. An infinite value cannot be compared"),
    (lambda p: 10**400, "20 infinite. An infinite value cannot be compared"),
    (lambda p: math.nan, "20 without a number."),
    (prune, "20 pruned. Only candidates that are not pruned have one."),
]


def summary(capsys, objective, steps=20, **arguments):
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0)
    best = search.run(objective, "max", steps=steps, ignore_nans=True, **arguments)
    return best, " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("objective", "message"), CASES)
def test_a_run_without_a_value_says_why(objective, message, capsys):
    """The end names how the evaluations ended; a quiet run returns None and is silent."""
    best, text = summary(capsys, objective)
    assert best is None
    assert "No evaluation has returned a value, so there is no best candidate" in text
    assert message in text
    assert ("Pruned" if objective is prune else "No value") in text
    assert "NaN" not in text
    assert summary(capsys, objective, quiet=True) == (None, "")


def test_several_reasons_are_counted_apart(capsys):
    """Infinite values are not counted as NaN."""
    text = summary(capsys, mixed)[1]
    line = text[text.index("no best candidate: ") :]
    counts = dict.fromkeys(("infinite", "without a number", "pruned"), 0)
    for part in line[len("no best candidate: ") : line.index(".")].split(", "):
        count, kind = part.split(" ", 1)
        counts[kind] = int(count)
    assert sum(counts.values()) == 20
    assert min(counts.values()) > 0


def test_a_told_integer_too_large_for_a_float_has_no_value():
    """It counts as infinite, with a reason, as the float would."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    for value, reason in ((10**400, "told inf"), (-(10**400), "told -inf"), (math.inf, "told inf")):
        search.tell(search.ask(), value)
        record = search.history.evaluations[-1]
        assert (record.status, record.reason) == ("nan", reason)
    search.add({"x": 0.5}, 10**400, {"memory": -(10**400)})
    assert search.history.evaluations[-1].status == "nan"
