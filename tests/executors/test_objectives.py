"""Objectives of every kind in workers, wherever they are defined."""

import functools
import os
import subprocess
import sys
import textwrap
import threading

import pytest
from helpers import (
    Records,
    search_of_x,
    told,
    x_of,
)

import pyhopper
from pyhopper.errors import ArgumentError


def epochs(params, scale=1):
    for epoch in (1, 2):
        yield {"value": params["x"] * scale * epoch, "epoch": epoch, "note": f"x={params['x']}"}


class Model:
    """An object whose method, or which itself, is the objective."""

    scale = 2

    def score(self, params):
        return self.scale * params["x"]

    __call__ = score


def scaled(params, scale):
    return scale * params["x"]


OBJECTIVES = {
    "function": x_of,
    "generator": epochs,
    "lambda": lambda p: 2 * p["x"],
    "bound method": Model().score,
    "object": Model(),
    "partial": functools.partial(scaled, scale=2),
    "repeated": pyhopper.wrap_n_times(x_of, 2),
    "repeated without estimates": pyhopper.wrap_n_times(x_of, 2, yield_after=None),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_in_workers(name):
    """Each kind gives the same values in a subprocess as in this process."""
    found = []
    for arguments in ({}, {"n_jobs": 2}):
        search = search_of_x(seed=1)
        run = {"steps": 2, "seeding_ratio": 1, "on_error": "raise", "quiet": True}
        search.run(OBJECTIVES[name], **run, **arguments)
        found.append(sorted(told(search)))
    assert found[0] == found[1]


def test_metrics_everywhere(tmp_path):
    """Metrics from subprocesses are in the table, the checkpoint and the trackers."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    path, tracker = tmp_path / "run.ckpt", Records()
    search = search_of_x(seed=0)
    search.run(
        epochs,
        steps=4,
        n_jobs=2,
        kwargs={"scale": 3},
        callbacks=tracker,
        checkpoint_path=path,
        quiet=True,
    )
    again = search_of_x()
    again.load(path)
    for each in (search, again):
        table = each.history.to_pandas()
        assert table["metrics.epoch"].tolist() == [2] * 4
        assert table["metrics.note"].tolist() == [f"x={x}" for x in table["x"]]
        assert table["value"].tolist() == [x * 3 * 2 for x in table["x"]]
    assert [r.numbers["metrics.epoch"] for r in tracker.records] == [2.0] * 4
    assert [r.texts["metrics.note"] for r in tracker.records] == [
        f"x={r.params['x']}" for r in tracker.records
    ]


def search(**more):
    return pyhopper.Search({"x": pyhopper.float(0, 1), **more}, seed=7)


def test_kwargs_and_closures_reach_the_workers():
    factor = 3

    class Model:
        def __init__(self, offset):
            self.offset = offset

        def score(self, p, scale):
            return factor * p["x"] * scale + self.offset

    best = search().run(Model(2).score, steps=3, n_jobs=2, kwargs={"scale": 0}, quiet=True)
    assert best is not None
    each = search()
    each.run(Model(2).score, steps=3, n_jobs=2, kwargs={"scale": 0}, quiet=True)
    assert each.best_f == 2


def test_objective_that_cannot_be_sent():
    lock = threading.Lock()
    with pytest.raises(ArgumentError, match=r"objective=.*cannot be sent to a subprocess .*lock"):
        search().run(lambda p: lock, steps=3, n_jobs=2, quiet=True)
    with pytest.raises(ArgumentError, match=r'kwargs\["lock"\]=.*cannot be sent'):
        search().run(lambda p, lock: 1, steps=3, n_jobs=2, kwargs={"lock": lock}, quiet=True)


MODULE = """
import pyhopper

def objective(p):
    return p["x"]

search = pyhopper.Search(x=pyhopper.float(0, 1))
best = search.run(objective, steps=6, n_jobs=2, quiet=True)
print("found", best is not None)
"""


def _python(*arguments, **options):
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_script_needs_no_main_guard(tmp_path):
    (tmp_path / "script.py").write_text(MODULE)
    done = _python(str(tmp_path / "script.py"))
    assert done.stdout == "found True\n", done.stderr
    done = _python("-", input=MODULE)
    assert done.stdout == "found True\n", done.stderr


def test_module_that_searches_when_imported_gets_a_sentence(tmp_path):
    (tmp_path / "module.py").write_text(MODULE)
    done = _python("-c", "import module", cwd=tmp_path)
    assert done.returncode == 1
    assert 'put the call of run under `if __name__ == "__main__":`' in done.stderr
    assert "could not load the objective" in done.stderr


def test_objective_module_in_the_current_folder(tmp_path):
    (tmp_path / "mine.py").write_text("def objective(p):\n    return p['x']\n")
    script = textwrap.dedent("""
        import pyhopper, mine
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        print(search.run(mine.objective, steps=4, n_jobs=2, quiet=True) is not None)
    """)
    done = _python("-c", script, cwd=tmp_path)
    assert done.stdout == "True\n", done.stderr


SCRIPT_THAT_PICKLES = """
import multiprocessing, pickle
import pyhopper

class Net:
    pass

def square(n):
    return n * n

def objective(params, scale=1):
    assert pickle.loads(pickle.dumps(Net()))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return scale * sum(pool.map(square, [2, 3]))

search = pyhopper.Search(x=pyhopper.float(0, 1))
search.run(objective, steps=2, n_jobs=2, quiet=True, on_error="raise")
print(search.best_f)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a pool that is forked")
def test_what_a_script_defines_can_be_pickled_in_a_worker(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT_THAT_PICKLES)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stdout.strip() == "13.0", done.stderr


def test_search_inside_of_an_objective():
    def objective(p):
        inner = pyhopper.Search(y=pyhopper.float(0, 1))
        inner.run(lambda q: q["y"], steps=3, n_jobs=2, quiet=True)
        return inner.best_f

    each = search()
    each.run(objective, steps=2, isolation="candidate", quiet=True)
    assert len(each.history) == 2


def test_pool_inside_of_an_objective():
    """Workers are not daemonic, so a pool of processes or a DataLoader works in them."""

    def objective(p):
        import multiprocessing

        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(abs, (-p["x"],))

    each = search()
    each.run(objective, steps=2, isolation="slot", quiet=True)
    assert len(each.history) == 2, each.history.evaluations
