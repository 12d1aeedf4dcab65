"""Pruners in a search: what they save, what they learn, in workers and after a resume."""

import pytest
from helpers import count, search_of_x, statuses, told

import pyhopper
from pyhopper.budget import Budget, Schedule, Stopwatch, SystemClock
from pyhopper.display.summary import summary
from pyhopper.display.text import duration
from pyhopper.events import Status
from pyhopper.pruners import QuantilePruner, TopKPruner
from pyhopper.testing import FakeClock


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


def test_summary_has_the_count_of_pruned():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=30, pruner=QuantilePruner(0.5), quiet=True)
    text = summary(
        search._log.state, search._log.space, Budget(Schedule(), Stopwatch(SystemClock())), "done"
    )
    total = next(line for line in text.splitlines() if line.startswith("Total"))
    assert total.split()[3] == str(count(search, Status.PRUNED))


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


def generator(params):
    for epoch in range(1, 5):
        yield params["x"] * epoch


def framework(params):
    for epoch in range(1, 5):
        if pyhopper.should_prune(params["x"] * epoch):
            raise pyhopper.PruneEvaluation
    return params["x"] * 4


@pytest.mark.parametrize("objective", [generator, framework])
def test_pruner_with_workers_and_after_a_resume(objective, tmp_path):
    """Two good candidates first, so that every later one is pruned at its first estimate.

    The one that starts when the first of the two ends has only that one to be compared with.
    """

    def run(steps):
        pruner = TopKPruner(2)
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.sweep("x", [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
        search.run(
            objective,
            steps=steps,
            n_jobs=2,
            pruner=pruner,
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
        return search, pruner

    assert len(run(5)[0].history) <= 3
    search, pruner = run(8)
    pruned = set(search.history.get_pruned_marginal("x"))
    assert pruned | {0.8} == {0.8, 0.7, 0.6, 0.5, 0.4, 0.3}
    assert set(search.history["x"]) | {0.8} == {1.0, 0.9, 0.8}
    ends = [e for e in search.history.evaluations if e.status is Status.PRUNED]
    assert all(e.estimates == (e.params["x"],) for e in ends if e.params["x"] != 0.8)
    assert pruner.should_prune([0.85])
    assert not pruner.should_prune([0.95])


@pytest.mark.parametrize("make", [lambda: QuantilePruner(50, warmup=3), lambda: TopKPruner(4)])
def test_a_resumed_pruner_decides_as_if_nothing_had_happened(make, tmp_path):
    calls = []

    def interrupted(params):
        calls.append(params)
        if len(calls) in (6, 17):
            raise KeyboardInterrupt
        yield from generator(params)

    whole = search_of_x(seed=2)
    whole.run(generator, steps=25, pruner=make(), quiet=True)
    assert len(set(statuses(whole).values())) == 2
    for _ in range(3):
        search = search_of_x(seed=2)
        path = tmp_path / "run.ckpt"
        search.run(interrupted, steps=25, pruner=make(), checkpoint_path=path, quiet=True)
    assert told(search) == told(whole)
