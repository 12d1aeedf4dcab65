"""Files that are deleted, replaced or cut while they are written, and disks that fail."""

import contextlib
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import pyhopper
from pyhopper.callbacks import SaveBestOnDisk
from pyhopper.journal.file import read
from pyhopper.journal.lockfile import Holder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="an open file cannot be deleted there")

STEPS = 8


def make(seed=1):
    return pyhopper.Search(x=pyhopper.float(0, 1), w=pyhopper.float(0, 1, shape=2), seed=seed)


def ends(path):
    return [line["id"] for line in read(path)[0] if line["event"] == "ended"]


def run(search, path, objective, **more):
    return search.run(objective, "max", steps=STEPS, quiet=True, checkpoint_path=path, **more)


def at(step, act):
    """An objective that does something in one of its calls, until it has been noticed."""
    calls = []

    def objective(params):
        calls.append(params)
        if len(calls) == step:
            act()
        return params["x"]

    return objective


# Somebody else's hands --------------------------------------------------------------------------


def replaced_by_copy(path):
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


ACTS = {
    "deleted": Path.unlink,
    "folder deleted": lambda path: shutil.rmtree(path.parent),
    "cut": lambda path: os.truncate(path, 0),
    "copy": replaced_by_copy,
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("step", [3, STEPS])
def test_a_displaced_checkpoint_is_written_anew(act, step, tmp_path):
    """With everything in it, also when it happens in the last evaluation."""
    path = tmp_path / "runs" / "run.ckpt"
    search = make()
    with pytest.warns(RuntimeWarning, match=r"was deleted, replaced or cut"):
        run(search, path, at(step, lambda: ACTS[act](path)))
    assert ends(path) == list(range(STEPS))
    assert [each.name for each in path.parent.iterdir()] == ["run.ckpt"]
    again = make(None)
    again.load(path)
    assert again.best_f == search.best_f
    run(make(None), path, lambda p: pytest.fail("it is complete"))


def test_it_is_noticed_while_the_search_goes_on(tmp_path):
    """By the thread that syncs, at the next line."""
    path = tmp_path / "run.ckpt"

    def objective(params):
        if len(search.history) == 2:
            path.unlink()
            end = time.monotonic() + 30
            while not search._log.file.is_displaced():
                assert time.monotonic() < end
                time.sleep(0.01)
        if len(search.history) == 3:
            assert ends(path) == [0, 1, 2]
        return params["x"]

    search = make()
    with pytest.warns(RuntimeWarning, match=r"was deleted"):
        run(search, path, objective)


def test_another_file_in_its_place_is_left_alone(tmp_path):
    """What is known goes beside it."""
    path = tmp_path / "run.ckpt"

    def act():
        (tmp_path / "thesis").write_text("my thesis")
        (tmp_path / "thesis").replace(path)

    search = make()
    with pytest.warns(RuntimeWarning, match=r"now in .*run-2\.ckpt"):
        run(search, path, at(3, act))
    assert path.read_text() == "my thesis"
    assert ends(tmp_path / "run-2.ckpt") == list(range(STEPS))
    assert search.checkpoint_path == str(tmp_path / "run-2.ckpt")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run-2.ckpt", "run.ckpt"]


def test_large_points_are_written_anew(tmp_path):
    path = tmp_path / "runs" / "run.ckpt"
    search = pyhopper.Search(w=pyhopper.float(0, 1, shape=(100, 100)), seed=1)
    acts = at(4, lambda: shutil.rmtree(path.parent))
    with pytest.warns(RuntimeWarning, match="was deleted"):
        run(search, path, lambda p: acts({"x": float(p["w"].mean())}))
    again = pyhopper.Search(w=pyhopper.float(0, 1, shape=(100, 100)))
    again.load(path)
    np.testing.assert_array_equal(again.best["w"], search.best["w"])


def test_what_cannot_be_written_anew_is_an_error_at_the_end(tmp_path, capsys):
    """The search goes on, its best is shown, and everything is still in memory."""
    path = tmp_path / "runs" / "run.ckpt"

    def act():
        shutil.rmtree(path.parent)
        path.parent.write_text("in the way")

    search = make()
    with (
        pytest.warns(RuntimeWarning, match="goes on without a file"),
        pytest.raises(pyhopper.CheckpointError, match=r"8 evaluations in memory only"),
    ):
        search.run(at(3, act), "max", steps=STEPS, checkpoint_path=path)
    assert "Best" in capsys.readouterr().out
    assert len(search.history) == STEPS
    search.save(tmp_path / "saved.ckpt")
    assert ends(tmp_path / "saved.ckpt") == list(range(STEPS))


def test_processes_that_share_a_file(tmp_path):
    """The first to notice writes it anew, and the others go on in that."""
    path = tmp_path / "runs" / "run.ckpt"
    one, other = make(), make()
    opened = one.ask(checkpoint_path=path), other.ask(checkpoint_path=path)
    shutil.rmtree(path.parent)
    with pytest.warns(RuntimeWarning, match="was deleted"):
        one.tell(opened[0], 1.0)
    assert ends(path) == [0]
    other.tell(opened[1], 2.0)
    assert ends(path) == [0, 1]
    assert other.ask().id == 2
    assert one.ask().id == 3
    assert one.best_f == other.best_f == 2.0


def test_processes_that_share_a_file_that_is_another_now(tmp_path):
    path = tmp_path / "run.ckpt"
    search = make()
    opened = search.ask(checkpoint_path=path)
    path.unlink()
    make(2).save(path)
    before = path.read_bytes()
    with pytest.warns(RuntimeWarning, match="was replaced by another file"):
        search.tell(opened, 1.0)
    with pytest.raises(pyhopper.CheckpointError, match="1 evaluation in memory only"):
        search._session.close()
    assert path.read_bytes() == before
    assert search.best_f == 1.0


# Disks that fail --------------------------------------------------------------------------------

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
int fsync(int fd) {
    if (access(getenv("FAILS_WHILE"), F_OK) == 0) { errno = EIO; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd);
}
"""

PROGRAM = """
import sys
from pathlib import Path
import pyhopper

path, failing, when = sys.argv[1:]
search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)

def objective(params):
    if len(search.history) == int(when):
        Path(failing).touch()
        import time
        time.sleep(1.5 if when == "2" else 0)
    return params["x"]

try:
    search.run(objective, "max", steps=5, checkpoint_path=path)
except pyhopper.CheckpointError as error:
    print("ERROR", error, len(search.history), flush=True)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """A library with an ``fsync`` that fails as long as a file exists."""
    if shutil.which("gcc") is None or not sys.platform.startswith("linux"):
        pytest.skip("needs gcc on Linux")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    library = folder / "shim.so"
    command = ["gcc", "-shared", "-fPIC", "-o", str(library), str(folder / "shim.c"), "-ldl"]
    subprocess.run(command, check=True)
    return library


@pytest.mark.parametrize("when", ["2", "4"])
def test_a_failing_sync_is_an_error(when, shim, tmp_path):
    """While the search runs, and at its end; the lock goes in any case."""
    path, failing = tmp_path / "run.ckpt", tmp_path / "failing"
    env = {**os.environ, "LD_PRELOAD": str(shim), "FAILS_WHILE": str(failing)}
    command = [sys.executable, "-c", PROGRAM, str(path), str(failing), when]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "ERROR" in done.stdout
    assert "cannot be written to the disk (Input/output error)" in done.stdout
    assert not Path(f"{path}.lock").exists()
    if when == "4":
        assert "Best" in done.stdout
        assert done.stdout.strip().endswith(" 5")
    failing.unlink()
    subprocess.run([*command[:-1], "99"], check=True)
    assert ends(path) == list(range(5))


def limited(program, *arguments, size):
    """Run a program whose files may not grow beyond a size."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_room_for_the_lock(tmp_path):
    """No empty lock is left, for which the next run would wait."""
    path = tmp_path / "run.ckpt"
    program = """
        import signal, sys, pyhopper
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        try:
            search.run(lambda p: p["x"], steps=3, quiet=True, checkpoint_path=sys.argv[1])
        except pyhopper.CheckpointError as error:
            print(error)
    """
    done = limited(program, path, size=20)
    assert "run.ckpt.lock: cannot be written: File too large" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_lock_is_taken_over(tmp_path):
    """Of a process that died before it had written its name."""
    path = tmp_path / "run.ckpt"
    lock = Path(f"{path}.lock")
    lock.touch()
    then = time.time() - 10
    os.utime(lock, (then, then))
    run(make(), path, lambda p: p["x"])
    assert not lock.exists()


@pytest.mark.parametrize("thing", ["pipe", "device", "folder", "text"])
def test_a_lock_that_is_none(thing, tmp_path):
    """Nothing is waited for, and nothing is read without end."""
    lock = tmp_path / "run.ckpt.lock"
    if thing == "pipe":
        os.mkfifo(lock)
    elif thing == "device":
        lock.symlink_to("/dev/zero")
    elif thing == "folder":
        lock.mkdir()
    else:
        lock.write_bytes(b"\xff" * 10)
    with pytest.raises(pyhopper.CheckpointError, match=r"lock: is no lock: .*; move it away"):
        run(make(), tmp_path / "run.ckpt", lambda p: p["x"])


def test_two_containers_with_one_host_name(tmp_path):
    """The processes of the other cannot be seen, and are not dead for that."""
    me = Holder.me()
    if not me.system:
        pytest.skip("the system does not say which it is")
    boot = me.system.partition(".")[0]
    gone = me._replace(pid=2**22 + 1)
    assert gone.dead
    assert not gone._replace(system=f"{boot}.4026532999").dead
    assert gone._replace(system="").dead
    assert Holder.parse(me.text()) == me
    assert Holder.parse(f"{me.host}:{me.pid}:{me.birth}") == me._replace(system="")
    other = gone._replace(system=f"{boot}.4026532999")
    lock = tmp_path / "run.ckpt.lock"
    lock.write_text(json.dumps({**other._asdict(), "for": "run"}))
    with pytest.raises(pyhopper.CheckpointError, match="another run uses it"):
        run(make(), tmp_path / "run.ckpt", lambda p: p["x"])
    assert lock.exists()


# Folders of candidates --------------------------------------------------------------------------


def test_a_large_constant_stands_once(tmp_path):
    data = {"rows": list(range(20_000)), 3: {(1, 2): {4}}}
    other = ["x" * 5000]
    search = pyhopper.Search(
        {"data": data, "x": pyhopper.float(0, 1), "k": pyhopper.choice("a", {"o": other})}, seed=1
    )
    search.run(lambda p: p["x"], steps=6, quiet=True, work_dir=tmp_path)
    assert len(list((tmp_path / "constants").iterdir())) == 2
    for number in range(6):
        config = tmp_path / f"{number:05d}" / "config.json"
        assert config.stat().st_size < 500
        link = json.loads(config.read_text())["data"]["$ref"]
        shown = json.loads((config.parent / link).read_text())
        assert shown["rows"] == data["rows"]
        assert shown["3"] == {"(1, 2)": [4]}


def test_a_work_dir_that_is_removed(tmp_path):
    """The folders come again."""
    folder = tmp_path / "runs"
    act = at(3, lambda: shutil.rmtree(folder))
    make().run(act, steps=STEPS, quiet=True, work_dir=folder)
    assert (folder / "best" / "value.json").exists()


@pytest.mark.parametrize("isolation", ["auto", "candidate"])
def test_a_work_dir_that_cannot_be_written_is_a_warning(isolation, tmp_path):
    """Once, and the search goes on."""
    folder = tmp_path / "runs"
    search = make()

    def objective(params):
        if folder.is_dir():
            shutil.rmtree(folder)
            folder.write_text("in the way")
        print("hello")
        return params["x"]

    with pytest.warns(RuntimeWarning, match=r"work_dir=.*The search goes on") as caught:
        search.run(objective, steps=4, quiet=True, work_dir=folder, isolation=isolation)
    assert len(caught) == 1
    assert len(search.history) == 4


def test_a_full_work_dir(tmp_path):
    """With a disk that really is full."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=100", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        search = make()

        def objective(params):
            print("x" * 5000)
            return params["x"]

        with pytest.warns(RuntimeWarning, match="No space left on device"):
            search.run(objective, steps=60, quiet=True, work_dir=folder)
        assert len(search.history) == 60
        with pytest.raises((pyhopper.CheckpointError, pyhopper.ArgumentError), match="No space"):
            run(make(), folder / "run.ckpt", lambda p: p["x"])
        assert not (folder / "run.ckpt.lock").exists()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_what_the_user_calls_best_is_left_alone(tmp_path):
    (tmp_path / "best").write_text("of all songs")
    with pytest.warns(RuntimeWarning, match="none that was made here"):
        make().run(lambda p: p["x"], steps=2, quiet=True, work_dir=tmp_path)
    assert (tmp_path / "best").read_text() == "of all songs"


# Relative paths ---------------------------------------------------------------------------------


def test_paths_are_those_from_where_the_run_began(tmp_path, monkeypatch):
    """Wherever the objective goes."""
    for name in ("home", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "home")
    search = pyhopper.Search(w=pyhopper.float(0, 1, shape=(100, 100)), seed=1)

    def objective(params):
        os.chdir(tmp_path / "elsewhere")
        return float(params["w"].mean())

    callbacks = [SaveBestOnDisk("best.json"), SaveBestOnDisk(dir="bests")]
    search.run(
        objective,
        steps=4,
        quiet=True,
        checkpoint_path="run.ckpt",
        work_dir="runs",
        callbacks=callbacks,
    )
    assert list((tmp_path / "elsewhere").iterdir()) == []
    names = sorted(each.name for each in (tmp_path / "home").iterdir())
    assert names == ["best.json", "bests", "run.ckpt", "run.ckpt.large", "runs"]
    assert search.checkpoint_path == "run.ckpt"
    assert stat.S_ISREG((tmp_path / "home" / "best.json").stat().st_mode)
    with contextlib.suppress(FileNotFoundError):
        os.chdir(tmp_path / "home")
