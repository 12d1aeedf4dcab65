"""Pruners: what they decide, and what a search makes of it."""

import json

import pytest
from helpers import count

import pyhopper
from pyhopper.budget import Budget, Schedule, Stopwatch, SystemClock
from pyhopper.display.summary import summary
from pyhopper.display.text import duration
from pyhopper.events import Status
from pyhopper.executors import InlineExecutor
from pyhopper.pruners import Pruner, QuantilePruner, TopKPruner
from pyhopper.testing import FakeClock


def filled(pruner, *evaluations, direction="max"):
    pruner.direction = direction
    for estimates in evaluations:
        pruner.append(list(estimates), False)
    return pruner


def test_quantile_gives_up_the_worst_share():
    pruner = filled(QuantilePruner(0.5), *([float(i)] for i in range(10)))
    assert [pruner.should_prune([x]) for x in (0.5, 4.5, 5.5, 20.0)] == [True, False, False, False]
    strict = filled(QuantilePruner(80), *([float(i)] for i in range(10)))
    assert strict.q == 0.8
    assert [strict.should_prune([x]) for x in (6.5, 7.5, 9.5)] == [True, False, False]


def test_quantile_in_the_other_direction():
    pruner = filled(QuantilePruner(0.5), *([float(i)] for i in range(10)), direction="min")
    assert [pruner.should_prune([x]) for x in (8.5, 5.5, 4.5, -3.0)] == [True, True, False, False]


def test_quantile_waits_for_the_warmup():
    pruner = filled(QuantilePruner(0.5, warmup=3), [1.0], [1.0])
    assert not pruner.should_prune([-9.0])
    pruner.append([1.0], False)
    assert pruner.should_prune([-9.0])


@pytest.mark.parametrize("pruner", [QuantilePruner(0.5, warmup=2), TopKPruner(2)])
def test_compares_at_equal_steps(pruner):
    """Long and short evaluations mix: the second estimate is held against second estimates."""
    filled(pruner, [0.1, 0.9], [0.2, 0.8, 0.95, 0.99], [0.15, 0.85], [0.3])
    assert not pruner.should_prune([0.3])
    assert pruner.should_prune([0.3, 0.5])
    assert not pruner.should_prune([0.3, 0.5, 0.1]), "only one candidate has got that far"


def test_what_was_pruned_counts_as_worse_later():
    """Else the few that get far would be compared with each other only."""
    pruner = filled(QuantilePruner(0.5, warmup=2), [5.0, 5.0], [6.0, 6.0], [7.0, 7.0])
    for _ in range(10):
        pruner.append([1.0], True)
    assert pruner.should_prune([0.0])
    assert not pruner.should_prune([5.5, 5.5])


def test_equal_estimates_are_never_pruned():
    pruner = filled(QuantilePruner(0.9), *([0.1] for _ in range(20)))
    assert not pruner.should_prune([0.1])


def test_nan_is_worse_than_everything():
    for pruner in (QuantilePruner(0.5, warmup=2), TopKPruner(2)):
        filled(pruner, [1.0], [2.0])
        assert pruner.should_prune([float("nan")])


def test_top_k():
    pruner = filled(TopKPruner(3), *([float(i)] for i in range(10)))
    assert [pruner.should_prune([x]) for x in (6.5, 7.0, 8.5)] == [True, False, False]
    assert not filled(TopKPruner(3), [1.0], [2.0]).should_prune([0.0])


@pytest.mark.parametrize("make", [lambda: QuantilePruner(0.5, warmup=2), lambda: TopKPruner(2)])
def test_state_survives_json(make):
    pruner = filled(make(), [1.0, 2.0], [3.0, 4.0])
    pruner.append([0.5], True)
    copy = make()
    copy.load_state_dict(json.loads(json.dumps(pruner.state_dict())))
    for estimates in ([0.0], [2.0], [5.0], [9.0, 1.0], [9.0, 3.5], [9.0, 9.0]):
        assert copy.should_prune(estimates) == pruner.should_prune(estimates)


@pytest.mark.parametrize("q", [0, 1, 100, -0.5, "0.5", True, float("nan")])
def test_a_bad_quantile_is_named(q):
    with pytest.raises(pyhopper.ArgumentError, match=r"^q="):
        QuantilePruner(q)


def test_other_bad_arguments_are_named():
    with pytest.raises(pyhopper.ArgumentError, match=r"^warmup="):
        QuantilePruner(0.5, warmup=0)
    with pytest.raises(pyhopper.ArgumentError, match=r"^k="):
        TopKPruner(0)
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(pyhopper.ArgumentError, match=r"^pruner=.*create one"):
        search.run(lambda p: 0.0, steps=1, pruner=QuantilePruner)


# In a search -------------------------------------------------------------------------------------


def epochs(params):
    for epoch in range(1, 11):
        yield params["x"] * epoch


def slow_search(seed=0):
    clock = FakeClock()
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=seed, clock=clock)

    def objective(params):
        for epoch in range(1, 11):
            clock.advance(60)
            yield params["x"] * epoch

    return search, objective


def test_pruned_candidates_are_counted_with_the_time_they_saved(capsys):
    search, objective = slow_search()
    search.run(objective, "max", steps=30, pruner=QuantilePruner(0.5))
    text = capsys.readouterr().out
    pruned = count(search, Status.PRUNED)
    spent = [e.seconds for e in search.history.evaluations if e.status is Status.PRUNED]
    assert 0 < pruned == len(spent) < 30
    assert spent == [60.0] * pruned
    saved = duration(pruned * 9 * 60)
    assert f"Pruning saved about {saved}: {pruned} pruned after" in text
    assert "after 1 min 0 s on average, a full evaluation takes 10 min 0 s" in " ".join(
        text.split()
    )


def test_without_a_pruner_nothing_is_said_of_pruning(capsys):
    search, objective = slow_search()
    search.run(objective, "max", steps=5)
    assert "Pruning" not in capsys.readouterr().out


def test_the_forecast_is_that_of_full_evaluations():
    """Many short pruned evaluations do not make the search start what will not fit."""
    clock = FakeClock()
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=3, clock=clock)

    def objective(params):
        for epoch in range(1, 11):
            clock.advance(60)
            yield params["x"] * epoch

    search.run(objective, "max", runtime="3h", pruner=QuantilePruner(0.9), quiet=True)
    assert count(search, Status.PRUNED) > 5
    assert clock.monotonic() <= 3 * 3600


def test_pruned_candidates_keep_what_they_told():
    search, objective = slow_search()
    search.run(objective, "max", steps=30, pruner=TopKPruner(2), quiet=True)
    evaluations = search._log.state.evaluations
    pruned = [e for e in evaluations if e.status is Status.PRUNED]
    for evaluation in pruned:
        step, estimate = evaluation.partial
        assert step == len(evaluation.estimates) == 1
        assert estimate == evaluation.point[0]
    assert all(e.partial is None for e in evaluations if e.status is Status.DONE)
    assert search.history.get_pruned_marginal("x") == [e.point[0] for e in pruned]


def test_minimize():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "min", steps=40, pruner=QuantilePruner(0.5), quiet=True)
    assert min(search.history.get_pruned_marginal("x")) > search.best["x"]


class Framework:
    """A framework that trains and calls back, the way of most of them."""

    def fit(self, rate, callbacks):
        for epoch in range(10):
            for callback in callbacks:
                callback.on_epoch_end(epoch, {"accuracy": rate * (epoch + 1)})
        return rate * 10


class PruneCallback:
    def on_epoch_end(self, epoch, logs):
        if pyhopper.should_prune(logs["accuracy"]):
            raise pyhopper.PruneEvaluation


def train(params):
    return Framework().fit(params["x"], [PruneCallback()])


def test_should_prune_inside_a_callback_class():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(train, "max", steps=40, pruner=QuantilePruner(0.5), quiet=True)
    assert 0 < count(search, Status.PRUNED) < 40
    assert search.best_f == pytest.approx(10 * search.best["x"])


def test_should_prune_outside_a_search_is_false():
    assert train({"x": 0.001}) == pytest.approx(0.01)
    assert pyhopper.should_prune(-1e9) is False


def test_should_prune_inside_a_pytorch_training():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    data = torch.linspace(-1, 1, 64).reshape(-1, 1)

    def fit(params):
        torch.manual_seed(0)
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=params["lr"])
        for _ in range(10):
            optimizer.zero_grad()
            loss = ((model(data) - 3 * data) ** 2).mean()
            loss.backward()
            optimizer.step()
            if pyhopper.should_prune(loss.detach()):
                raise pyhopper.PruneEvaluation
        return loss.detach()

    search = pyhopper.Search(lr=pyhopper.float(1e-4, 1, log=True), seed=0)
    search.run(fit, "min", steps=25, pruner=QuantilePruner(0.5), quiet=True)
    assert count(search, Status.PRUNED) > 3
    assert count(search, Status.FAILED) == 0


def test_an_objective_may_prune_by_itself():
    def objective(params):
        if params["x"] < 0.5:
            raise pyhopper.PruneEvaluation
        return params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(objective, "max", steps=30, quiet=True)
    assert max(search.history.get_pruned_marginal("x")) < 0.5
    assert min(search.history["x"]) >= 0.5


class Threshold(Pruner):
    """A rule of one's own: three methods, no knowledge of the search."""

    def __init__(self, most):
        self.most = most
        self.appended = []

    def append(self, partial_results, was_pruned):
        self.appended.append((len(partial_results), was_pruned))

    def should_prune(self, partial_results):
        return self.direction == "max" and partial_results[-1] < self.most * len(partial_results)


def test_a_pruner_of_ones_own():
    pruner = Threshold(0.5)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=30, pruner=pruner, quiet=True)
    assert pruner.direction == "max"
    assert max(search.history.get_pruned_marginal("x")) < 0.5 <= min(search.history["x"])
    assert set(pruner.appended) == {(1, True), (10, False)}
    assert len(pruner.appended) == 30


def test_a_pruner_that_is_new_to_a_search_learns_what_is_known():
    """So that a second run, or one after a resume, goes on where the first has stopped."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=20, quiet=True)
    fresh = Threshold(-1)
    search.run(epochs, "max", steps=5, pruner=fresh, quiet=True)
    assert len(fresh.appended) == 25
    search.run(epochs, "max", steps=5, pruner=fresh, quiet=True)
    assert len(fresh.appended) == 30, "nothing is learned twice"


class Broken(Pruner):
    def should_prune(self, partial_results):
        raise ZeroDivisionError("oh dear")


def test_a_pruner_that_raises_is_reported_once_and_left_out():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    with pytest.warns(RuntimeWarning, match="Broken raised in should_prune") as caught:
        search.run(epochs, "max", steps=6, pruner=Broken(), quiet=False)
    assert len(caught) == 1
    assert "oh dear" in str(caught[0].message)
    assert count(search, Status.DONE) == 6


class Slots(InlineExecutor):
    """Runs in this process what it has taken two at a time, the newest first."""

    slots = 2

    def wait(self, timeout):
        self._queue.reverse()
        return super().wait(timeout)


def test_jobs_at_the_same_time_are_kept_apart():
    pruner = Threshold(-1)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=9, pruner=pruner, executor=Slots(), quiet=True)
    assert pruner.appended == [(10, False)] * 9


def test_a_failed_or_nan_evaluation_teaches_nothing():
    def objective(params):
        yield 1.0
        if params["x"] < 0.5:
            raise ValueError("no")
        yield float("nan") if params["x"] < 0.75 else 1.0

    pruner = Threshold(-1)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(objective, "max", steps=30, pruner=pruner, ignore_nans=True, quiet=True)
    assert count(search, Status.FAILED) > 0
    assert count(search, Status.NAN) > 0
    assert len(pruner.appended) == count(search, Status.DONE)


def test_summary_has_the_count_of_pruned():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=30, pruner=QuantilePruner(0.5), quiet=True)
    text = summary(
        search._log.state, search._log.space, Budget(Schedule(), Stopwatch(SystemClock())), "done"
    )
    total = next(line for line in text.splitlines() if line.startswith("Total"))
    assert total.split()[3] == str(count(search, Status.PRUNED))


def test_a_pruner_begins_anew_with_another_search():
    """The scores of the first would be no measure for the second."""
    pruner = QuantilePruner(0.5)
    for direction in ("max", "min"):
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        search.run(epochs, direction, steps=20, pruner=pruner, quiet=True)
        assert search.best is not None


def test_a_pruner_that_is_never_asked_is_named(capsys):
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], "max", steps=3, pruner=QuantilePruner(0.5))
    assert "The pruner was never asked" in capsys.readouterr().out
