"""Processes that the objective forks or spawns never carry on the search or the user's script."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

import pyhopper
from pyhopper.callbacks import Callback

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def run_script(tmp_path, text, *arguments):
    """Run a script without a main guard; what it printed, and its errors."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(text))
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done


COMES_BACK = """
import os, sys, time
import pyhopper

def comes_back(way, n):
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    if way == "raise":
        raise ValueError("from the child")
    if way == "exit":
        sys.exit(7)
    if way == "prune":
        raise pyhopper.PruneEvaluation
    if way == "interrupt":
        raise KeyboardInterrupt
    return 99

def objective(p):
    code = comes_back(sys.argv[1], 1)
    assert code != 99 or not pyhopper.should_prune(0.5)
    if code == 99:
        return 1000.0 + p["x"]
    return {"value": p["x"], "code": code}

def generator(p):
    code = comes_back(sys.argv[1], 1)
    yield 0.5 if code != 99 else 1000.0
    open("after-yield", "a").write(str(os.getpid()) + " ")
    yield {"value": p["x"], "code": code}

def repeated(p):
    with open("calls", "a") as file:
        file.write("x")
    return objective(p)

chosen = {"plain": objective, "generator": generator,
          "repeated": pyhopper.wrap_n_times(repeated, 2, yield_after=None)}[sys.argv[2]]
search = pyhopper.Search(x=pyhopper.float(0, 1))
search.run(chosen, steps=3, checkpoint_path="c.ckpt", quiet=True, isolation=sys.argv[3])
print(len(search.history), search.best_f < 2, search.history.evaluations[0].metrics["code"])
"""


@pytest.mark.parametrize("isolation", ["auto", "slot"])
@pytest.mark.parametrize(
    ("way", "code", "kind"),
    [
        ("return", 0, "plain"),
        ("return", 0, "generator"),
        ("return", 0, "repeated"),
        ("raise", 1, "plain"),
        ("exit", 7, "plain"),
        ("prune", 1, "plain"),
        ("interrupt", 1, "plain"),
    ],
)
def test_a_child_that_comes_back_ends(tmp_path, way, code, kind, isolation):
    done = run_script(tmp_path, COMES_BACK, way, kind, isolation)
    assert done.stdout == f"3 True {code:.0f}\n" or done.stdout == f"3 True {float(code)}\n"
    lines = (tmp_path / "c.ckpt").read_text().splitlines()
    events = [json.loads(line[line.index("{") :])["event"] for line in lines if "{" in line]
    assert sum(event == "started" for event in events) == 3
    if kind == "repeated":
        assert (tmp_path / "calls").read_text() == "x" * 6
    if kind == "generator":
        assert len((tmp_path / "after-yield").read_text().split()) == 3
    if isolation == "auto" and way == "raise":
        assert "ValueError: from the child" in done.stderr


def test_a_child_of_a_callback_or_a_parameter_ends(tmp_path):
    script = """
    import os
    import pyhopper
    from pyhopper.callbacks import Callback

    def fork():
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)

    class Forks(Callback):
        def on_evaluate_start(self, candidate, info):
            fork()
        def on_evaluate_end(self, candidate, f, info):
            fork()

    def draw():
        fork()
        return 1.0

    def note(p):
        with open("calls", "a") as file:
            file.write("x")
        return 1.0

    search = pyhopper.Search(x=pyhopper.float(0, 1, seeding_fn=draw), y=pyhopper.float(0, 1))
    search.constrain(lambda p: fork() or True)
    search.run(note, steps=3, callbacks=[Forks()], quiet=True, checkpoint_path="c.ckpt")
    print(len(search.history))
    """
    assert run_script(tmp_path, script).stdout == "3\n"
    assert (tmp_path / "calls").read_text() == "xxx"


def test_a_worker_that_forks_while_it_loads(tmp_path):
    (tmp_path / "forking.py").write_text(
        "import os\nif os.environ.get('PYHOPPER_WORKER'):\n    os.fork()\n"
        "def objective(p):\n    return p['x']\n"
    )
    script = """
    import forking, pyhopper
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(forking.objective, steps=3, isolation="slot", quiet=True)
    print(len(search.history), [each.reason for each in search.history.evaluations])
    """
    assert run_script(tmp_path, script).stdout == "3 ['', '', '']\n"


SPAWNS = """
import multiprocessing, os, sys
with open("runs", "a") as file:
    file.write("x")
import pyhopper

def twice(number):
    return 2 * number

def objective(p):
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        found = pool.map(abs, range(5))
    return float(sum(found))

search = pyhopper.Search(x=pyhopper.int(0, 100))
search.run(objective, steps=4, n_jobs=2, quiet=True, timeout=60)
print(len(search.history), search.best_f)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_pool_does_not_run_the_script_again(tmp_path, method):
    assert run_script(tmp_path, SPAWNS, method).stdout == "4 10.0\n"
    assert (tmp_path / "runs").read_text() == "x"


def test_a_function_of_the_script_under_a_spawning_pool_gives_pythons_error(tmp_path):
    script = """
    import concurrent.futures, multiprocessing
    with open("runs", "a") as file:
        file.write("x")
    import pyhopper

    def twice(number):
        return 2 * number

    def objective(p):
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            return float(pool.submit(twice, 4).result())

    search = pyhopper.Search(x=pyhopper.int(0, 100))
    try:
        search.run(objective, steps=1, n_jobs=2, quiet=True, timeout=60)
    except pyhopper.PyhopperError as error:
        print(error.details)
    """
    said = run_script(tmp_path, script).stdout
    assert "Can't get attribute 'twice' on <module '__main__'" in said
    assert (tmp_path / "runs").read_text() == "x"


def test_should_prune_answers_only_the_process_of_the_evaluation():
    """A forked process, say of a data loader, may ask, and is not mixed up with its parent."""

    class Prunes(pyhopper.pruners.Pruner):
        def append(self, partial_results, was_pruned):
            pass

        def should_prune(self, partial_results):
            return True

    def objective(p):
        pid = os.fork()
        if pid == 0:
            os._exit(int(pyhopper.should_prune(0.5)))
        assert os.waitpid(pid, 0)[1] == 0
        return p["x"]

    class Notes(Callback):
        estimates = ()

        def on_evaluate_end(self, candidate, f, info):
            self.estimates += info.estimates

    notes = Notes()
    for isolation in ("auto", "slot"):
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.run(
            objective, steps=2, pruner=Prunes(), isolation=isolation, quiet=True, callbacks=[notes]
        )
        assert len(search.history) == 2
    assert notes.estimates == ()
