"""A candidate is the objective's own: what happens to its dict is seen by nobody else."""

import collections
import threading
from typing import NamedTuple

import numpy as np
import pytest

import pyhopper
from pyhopper.callbacks import Callback
from pyhopper.errors import SearchFailedError
from pyhopper.events import Ended, Outcome, Status
from pyhopper.ownership import freeze, own


class Pair(NamedTuple):
    names: list
    sizes: list


def template():
    return {
        "x": pyhopper.float(0, 1),
        "layers": [16, 32],
        "nested": {"opt": {"names": ["adam"], "flags": {"a"}}},
        "mixed": [pyhopper.int(0, 9), {"tags": ["t"]}],
        "pair": (["in a tuple"], 1),
        "named": Pair(["n"], [1]),
        "array": np.zeros(3),
        "text": bytearray(b"abc"),
        "option": pyhopper.choice([[1, 2]], [[3, 4]], {"deep": [5]}),
        "items": pyhopper.list(pyhopper.choice([1], [2]), 2, 2),
        "made": pyhopper.choice([[7]], [[8]], seeding_fn=lambda: [[7]]),
        "weights": pyhopper.float(0, 1, shape=2),
        "anything": pyhopper.custom(lambda: {"list": [0]}, lambda value: value),
    }


def plain(params):
    """Everything that the tests change, as text."""
    return repr({key: value for key, value in params.items() if key not in ("x", "weights")})


def spoil(value):
    """Change everything that can be changed in place, at any depth."""
    if isinstance(value, dict):
        for inner in list(value.values()):
            spoil(inner)
        value["spoilt"] = True
    elif isinstance(value, list):
        for inner in value:
            spoil(inner)
        value.append("spoilt")
    elif isinstance(value, tuple):
        for inner in value:
            spoil(inner)
    elif isinstance(value, set):
        value.add("spoilt")
    elif isinstance(value, bytearray):
        value += b"spoilt"
    elif isinstance(value, np.ndarray) and value.flags.writeable:
        value += 1e6


def objective(params):
    text, weights = plain(params), float(np.max(params["weights"]))
    spoil(params)
    return {"value": params["x"], "seen": text, "weights": weights}


class Spoiler(Callback):
    """Spoils every dict that it gets, and notes what it had been."""

    def __init__(self, seen):
        self.seen = seen

    def _note(self, params):
        self.seen.append(plain(params))
        spoil(params)

    def on_evaluate_start(self, candidate, info):
        self._note(candidate)

    def on_evaluate_end(self, candidate, f, info):
        self._note(candidate)
        info.metrics["spoilt"] = True

    def on_new_best(self, candidate, f, info):
        self._note(candidate)


class Threads:
    """An executor of a user's own, which evaluates in another thread."""

    slots = 1

    def submit(self, job):
        assert job.shared == ()
        thread = threading.Thread(target=self._run, args=(job,))
        self._ended = []
        thread.start()
        thread.join()

    def _run(self, job):
        self._ended.append(Ended(job.id, job.evaluate(job.params, lambda estimate: False)))

    def wait(self, timeout):
        events, self._ended = self._ended, []
        return events

    def cancel(self, job_id, reason):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("how", ["inline", "worker", "threads"])
def test_the_objective_changes_only_its_own(how):
    given = template()
    constants = {key: value for key, value in given.items() if not hasattr(value, "sample")}
    before = repr({key: value for key, value in constants.items() if key != "mixed"})
    search = pyhopper.Search(given, seed=3)
    seen = []
    options = {"inline": {}, "worker": {"isolation": "slot"}, "threads": {"executor": Threads()}}
    more = {"callbacks": [Spoiler(seen), Spoiler(seen)], "quiet": True, **options[how]}
    best = search.run(objective, steps=12, **more)
    assert len(search.history) == 12
    for params in (best, search.best, search.history[0], *seen):
        assert "spoilt" not in plain(params) if isinstance(params, dict) else "spoilt" not in params
    for record in search.history.evaluations:
        assert "spoilt" not in record.metrics["seen"]
        assert record.metrics["weights"] <= 1
        assert "spoilt" not in plain(record.params)
        assert set(record.metrics) == {"seen", "weights"}
    assert repr({key: value for key, value in constants.items() if key != "mixed"}) == before
    assert all(np.max(weights) <= 1 for weights in search.history["weights"])


def test_what_a_user_reads_is_the_users_own():
    search = pyhopper.Search(template(), seed=3)
    search.run(lambda p: p["x"], steps=5, quiet=True)
    expected = [plain(search.history[index]) for index in range(5)], plain(search.best)
    for index in range(5):
        spoil(search.history[index])
    for record in search.history.evaluations:
        spoil(record.params)
    spoil(search.best)
    for name in ("weights", "anything", "items", "layers"):
        for value in search.history[name]:
            spoil(value)
    candidate = search.ask()
    spoil(candidate.params)
    search.tell(candidate, 0.5)
    assert "spoilt" not in plain(search.history[5])
    assert ([plain(search.history[index]) for index in range(5)], plain(search.best)) == expected
    assert np.max(search.best["weights"]) <= 1


def test_what_a_user_gave_may_be_changed_afterwards():
    search = pyhopper.Search(x=pyhopper.custom(lambda: [0], lambda value: [value[0] + 1]))
    guess, known = {"x": [5]}, {"x": [6]}
    search += guess
    search.add(known, 1.0)
    guess["x"].append("spoilt")
    known["x"].append("spoilt")
    seen = []
    search.run(lambda p: seen.append(list(p["x"])) or 0.0, steps=1, quiet=True)
    assert seen == [[5]]
    assert search.best == {"x": [6]}


def test_the_error_shows_the_candidate_as_it_was():
    def broken(params):
        params.pop("lr")
        return params["lr"]

    search = pyhopper.Search(lr=pyhopper.float(0.25, 0.5), names=["a"])
    with pytest.raises(SearchFailedError) as caught:
        search.run(broken, steps=5, quiet=True)
    assert 0.25 <= caught.value.params["lr"] <= 0.5


def test_constraints_cannot_change_candidates():
    search = pyhopper.Search(x=pyhopper.float(0, 1), names=["a"])

    def greedy(params):
        params.pop("x")
        params["names"].append("b")
        return True

    search.constrain(greedy)
    search.constrain(lambda params: params["x"] >= 0 and params["names"] == ["a"])
    search.run(lambda params: params["x"], steps=3, quiet=True)
    assert search.best["names"] == ["a"]


def test_repeated_calls_do_not_see_each_other():
    def greedy(params):
        return params.pop("x") + len(params["names"].pop())

    wrapped = pyhopper.wrap_n_times(greedy, 3)
    search = pyhopper.Search(x=pyhopper.float(0, 1), names=["a"])
    search.run(wrapped, steps=3, quiet=True)
    assert len(search.history) == 3


@pytest.mark.parametrize("options", [{}, {"isolation": "slot"}])
def test_large_arrays_are_not_copied_but_read_only(options):
    data = np.zeros(200_000)
    places = {"data": data, "inside": [{"data": data}], "option": pyhopper.choice([data], [data])}

    def objective(params):
        found = params["data"], params["inside"][0]["data"], params["option"][0]
        assert not any(each.flags.writeable or each.base is None for each in found)
        with pytest.raises(ValueError, match="read-only"):
            params["data"] += 1
        params["inside"].append(1)
        assert len(params["inside"]) == 2
        return params["x"]

    search = pyhopper.Search(places, x=pyhopper.float(0, 1))
    search.run(objective, steps=4, quiet=True, on_error="raise", **options)
    if not options:
        assert np.shares_memory(search.best["data"], data)
    assert data.flags.writeable
    assert data.sum() == 0


def test_the_reason_says_how_to_change_a_large_array():
    def objective(params):
        params["data"] += 1

    search = pyhopper.Search(x=pyhopper.float(0, 1), data=np.zeros(200_000))
    with pytest.raises(SearchFailedError, match="change a copy"):
        search.run(objective, steps=2, quiet=True)


def test_parameters_of_any_size_can_be_changed():
    def objective(params):
        params["weights"] += 1
        return float(params["weights"].mean())

    search = pyhopper.Search(weights=pyhopper.float(0, 1, shape=200_000))
    search.run(objective, steps=3, quiet=True)
    assert search.best["weights"].max() <= 1


def test_objects_of_other_classes_are_handed_on():
    class Data:
        pass

    data = Data()
    seen = []
    search = pyhopper.Search(x=pyhopper.float(0, 1), data=data, more=[data])
    search.run(lambda p: seen.append((p["data"], p["more"][0])) or 0.0, steps=2, quiet=True)
    assert all(each is data for pair in seen for each in pair)


@pytest.mark.parametrize(
    "value",
    [
        [1, [2]],
        ([1], 2),
        Pair([1], 2),
        {"a": {1}},
        collections.OrderedDict(a=[1]),
        collections.defaultdict(list, a=[1]),
        collections.deque([[1]], maxlen=3),
        np.arange(6.0).reshape(2, 3).T,
    ],
    ids=lambda value: type(value).__name__,
)
def test_own_keeps_types_and_values(value):
    copied = own(value)
    assert copied is not value
    assert type(copied) is type(value)
    assert repr(copied) == repr(value)
    if isinstance(value, np.ndarray):
        assert copied.flags.f_contiguous
    assert freeze(value) is value


@pytest.mark.parametrize("value", [1, "text", (), (1, ("a",)), None, frozenset({1}), b"x"])
def test_own_leaves_what_cannot_change(value):
    assert own(value) is value


def test_status_of_the_thread_executor():
    """The control: the executor of these tests evaluates what it is given."""
    threads = Threads()
    threads.submit(pyhopper.executors.Job(1, lambda p, report: Outcome(Status.DONE, 2.0), {}))
    assert threads.wait(None)[0].outcome.value == 2.0


def test_a_search_runs_once_at_a_time():
    """Neither in its own objective nor in another thread; another search may."""
    search, other = (pyhopper.Search(x=pyhopper.float(0, 1), seed=1) for _ in range(2))
    seen = []

    def objective(params):
        with pytest.raises(pyhopper.ArgumentError, match="this search is running"):
            search.run(objective, steps=1, quiet=True)
        seen.append(other.run(lambda p: p["x"], steps=1, quiet=True))
        return params["x"]

    search.run(objective, steps=2, quiet=True)
    assert len(seen) == 2
    search.run(lambda p: p["x"], steps=1, quiet=True)
    assert len(search.history) == 3
