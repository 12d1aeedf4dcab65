"""What a search must see on every engine, beyond the laws of executors."""

import evaluations

import pyhopper
from pyhopper import pruners
from pyhopper.events import Status


class EngineSuite:
    """Tests of searches on one engine; subclasses make its executor."""

    def make_executor(self, **options):
        raise NotImplementedError

    def search(self, objective, steps=1, executor=None, seed=1, **options):
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=seed)
        executor = executor or self.make_executor()
        search.run(objective, "max", steps=steps, executor=executor, **options)
        return search

    def test_a_killed_worker_is_lost_and_its_candidate_runs_again(self, tmp_path, capfd):
        """Once more, and not three more times behind the search's back."""
        search = self.search(evaluations.kills_its_worker_once, kwargs={"folder": tmp_path})
        assert [each.status for each in search.history.evaluations] == [Status.DONE]
        marks = [path.read_text() for path in tmp_path.glob("mark-*")]
        assert len(marks) == 2
        assert len(set(marks)) == 1
        assert "andidate 0 is started again" in capfd.readouterr().err

    def test_attempts_are_capped(self, tmp_path):
        """A candidate that takes its worker down each time fails after the third."""
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.add({"x": 0.5}, 0.5)  # else the search would raise that nothing has succeeded
        search.run(
            evaluations.always_kills_its_worker,
            steps=1,
            executor=self.make_executor(),
            kwargs={"folder": tmp_path},
            quiet=True,
        )
        evaluation = search.history.evaluations[-1]
        assert evaluation.status is Status.FAILED
        assert "3 times" in evaluation.reason
        assert len(list(tmp_path.glob("mark-*"))) == 3

    def test_the_pruner_sees_every_estimate(self, tmp_path):
        search = self.search(
            evaluations.estimates,
            steps=20,
            kwargs={"folder": tmp_path},
            pruner=pruners.QuantilePruner(0.8, warmup=3),
            quiet=True,
        )
        found = search.history.evaluations
        assert {each.status for each in found} == {Status.DONE, Status.PRUNED}
        for each in found:
            assert len(each.estimates) == 6 or each.status is Status.PRUNED
        assert len(list(tmp_path.glob("mark-*"))) == 20

    def test_names_that_engines_take_reach_the_objective(self):
        names = ("retries", "priority", "key", "resources", "workers")
        kwargs = dict.fromkeys(names, 1)
        search = self.search(evaluations.keywords, kwargs=kwargs, quiet=True, on_error="raise")
        assert search.best_f == search.best["x"] + 5

    def test_the_same_candidate_twice_runs_twice(self, tmp_path):
        search = pyhopper.Search(x=pyhopper.choice(1.0))
        search.run(
            evaluations.slow,
            steps=3,
            executor=self.make_executor(),
            enable_rejection_cache=False,
            kwargs={"folder": tmp_path},
            quiet=True,
        )
        assert len(list(tmp_path.glob("mark-*"))) == 3

    def test_objectives_may_have_children_and_handle_signals(self):
        search = self.search(evaluations.multiprocesses, quiet=True, on_error="raise")
        assert search.best_f == 9

    def test_an_exception_that_cannot_be_unpickled(self):
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.add({"x": 0.5}, 0.5)
        objective = evaluations.raises_what_cannot_be_unpickled
        search.run(objective, steps=2, executor=self.make_executor(), quiet=True)
        assert all("this and that" in each.reason for each in search.history.evaluations[1:])

    def test_a_large_objective(self):
        """More than what is sent with each task."""
        data = bytes(3_000_000)
        search = self.search(lambda p: p["x"] + len(data), steps=4, quiet=True, on_error="raise")
        assert search.best_f > 3_000_000

    def test_environment(self):
        """Variables that an engine sets can be changed."""
        executor = self.make_executor(env={"OMP_NUM_THREADS": "7"})
        search = self.search(evaluations.threads, executor=executor, quiet=True, on_error="raise")
        assert search.history.evaluations[0].metrics["threads"] == "7"
