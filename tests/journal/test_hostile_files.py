"""What stands at a path, or in a file from somebody else, is not what it should be."""

import contextlib
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import pyhopper
from pyhopper.callbacks import SaveBestOnDisk
from pyhopper.cli import main
from pyhopper.files import write_whole
from pyhopper.journal.file import pack, read, unpack

posix = pytest.mark.skipif(os.name == "nt", reason="needs links, pipes and devices")

ARRAY = 100 * 100  # entries of a point that is large


def large(seed=1):
    return pyhopper.Search(w=pyhopper.float(0, 1, shape=(100, 100)), seed=seed)


def mean(params):
    return float(params["w"].mean())


def run(search, path, steps=6, objective=mean, **more):
    return search.run(objective, "max", steps=steps, quiet=True, checkpoint_path=path, **more)


def rewritten(path, change):
    """Change the lines of a checkpoint and give them right numbers and checksums again."""
    lines = []
    for raw in path.read_bytes().splitlines():
        line = unpack(raw)
        del line["n"]
        lines.append(line)
    changed = [change(dict(line)) for line in lines]
    path.write_bytes(b"".join(pack(n, line) for n, line in enumerate(changed) if line))


# Names of large points in a checkpoint -----------------------------------------------------------


@posix
@pytest.mark.parametrize("form", ["absolute", "relative", "symlink", "folder is a link", "device"])
def test_a_strangers_checkpoint_reaches_no_file_outside(form, tmp_path):
    """Neither read nor deleted, at load, resume and overwriting."""
    (tmp_path / "victims").mkdir()
    victim = tmp_path / "victims" / "000000001.json"
    content = pack(0, {"point": {"secret": 1}})
    victim.write_bytes(content)
    path = tmp_path / "run.ckpt"
    run(large(), path)
    folder = tmp_path / "run.ckpt.large"
    names = {
        "absolute": str(victim),
        "relative": "../victims/000000001.json",
        "device": "/dev/zero",
    }
    name = names.get(form, "000000001.json")

    def change(line):
        return {**line, "large": name} if line["event"] == "started" else line

    rewritten(path, change)
    # Cut, so that the last candidate is open.
    lines = path.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b'"event":"started"' in line)
    path.write_bytes(b"".join(lines[: last + 1]))
    if form == "symlink":
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(victim)
    if form == "folder is a link":
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()
        folder.symlink_to(victim.parent)
    before = path.read_bytes()
    with pytest.raises(pyhopper.CheckpointError, match=r"line|large point"):
        large(None).load(path)
    assert path.read_bytes() == before
    main(["show", str(path)])
    for overwrite in (False, True):
        # What the seed says need not be read, and so may go on.
        with contextlib.suppress(pyhopper.CheckpointError):
            run(large(None), path, steps=8, overwrite_checkpoint=overwrite)
        assert victim.read_bytes() == content
    assert len(list(victim.parent.iterdir())) == 1


@posix
def test_a_large_point_is_not_written_through_a_link(tmp_path):
    """The folder that came with a checkpoint may have links under the names that come next."""
    path, victim = tmp_path / "run.ckpt", tmp_path / "victim"
    victim.write_text("mine")
    folder = tmp_path / "run.ckpt.large"
    folder.mkdir()
    for number in range(1, 30):
        (folder / f"{number:09d}.json").symlink_to(victim)
    with pytest.raises(pyhopper.CheckpointError, match="cannot be written"):
        run(large(), path)
    assert victim.read_text() == "mine"


def test_only_files_of_large_points_are_deleted(tmp_path):
    """Whoever made the folder; what an earlier run left there goes."""
    path, folder = tmp_path / "run.ckpt", tmp_path / "run.ckpt.large"
    folder.mkdir()
    mine = {"notes.txt": "a", "000000099.json": '{"mine": 1}', "0000000.json": "b"}
    for name, text in mine.items():
        (folder / name).write_text(text)
    left = folder / "000000077.json"
    left.write_bytes(pack(0, {"point": {}}))
    search = large()
    run(search, path)
    search.save(path)
    assert not left.exists()
    run(large(), path, overwrite_checkpoint=True)
    search.save(tmp_path / "run.ckpt")
    assert {name: (folder / name).read_text() for name in mine} == mine
    again = large(None)
    again.load(path)
    np.testing.assert_array_equal(again.best["w"], search.best["w"])


@posix
def test_a_linked_folder_of_large_points_is_not_emptied(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "000000001.json").write_bytes(pack(0, {"point": {}}))
    (tmp_path / "run.ckpt.large").symlink_to(other)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    for overwrite in (False, True):
        run(
            search,
            tmp_path / "run.ckpt",
            objective=lambda p: p["x"],
            overwrite_checkpoint=overwrite,
        )
    search.save(tmp_path / "run.ckpt")
    assert [each.name for each in other.iterdir()] == ["000000001.json"]


def test_a_known_large_result_stays_whole(tmp_path):
    """Told before the direction is known, so that any of them may be the best."""
    path = tmp_path / "run.ckpt"

    def told():
        search = large(None)
        for value in (0.0, 1.0, 0.9):
            search.add({"w": np.full((100, 100), value)}, value)
        return search

    run(told(), path, steps=2)
    assert len(list((tmp_path / "run.ckpt.large").iterdir())) == 1
    again = large(None)
    again.load(path)
    assert (again.best["w"] == 1.0).all()
    assert (run(told(), path, steps=4)["w"] == 1.0).all()
    # Told, and killed before the run began.
    path.unlink()
    run(told(), path, steps=1)
    lines = path.read_bytes().splitlines(keepends=True)
    begun = next(n for n, line in enumerate(lines) if b'"event":"run"' in line)
    path.write_bytes(b"".join(lines[:begun]))
    assert (run(told(), path, steps=3)["w"] == 1.0).all()


# What a path leads to ----------------------------------------------------------------------------


def small(seed=1):
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=seed)
    search.run(lambda p: p["x"], "max", steps=5, quiet=True)
    return search


def best_to(path):
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], "max", steps=5, quiet=False, callbacks=[SaveBestOnDisk(path)])


def export_to(path):
    with tempfile.TemporaryDirectory() as folder:
        small().save(Path(folder) / "run.ckpt")
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            refused = main(["export", f"{folder}/run.ckpt", str(path)])
        if refused:
            raise pyhopper.CheckpointError(path, errors.getvalue())


WAYS = {"best": best_to, "save": lambda path: small().save(path), "export": export_to}


@posix
@pytest.mark.parametrize("way", WAYS)
def test_devices_stay_devices(way, tmp_path):
    """Also when the user may do anything."""
    if os.geteuid() != 0:
        WAYS[way](Path(os.devnull))
        return
    device = tmp_path / "null.csv"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        device.write_bytes(b"x")
    except OSError:
        pytest.skip("devices cannot be made here")
    WAYS[way](device)
    assert stat.S_ISCHR(device.lstat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["null.csv"]


@posix
@pytest.mark.parametrize("way", WAYS)
def test_pipes_are_written_to(way, tmp_path):
    pipe, got = tmp_path / "pipe.csv", []
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    WAYS[way](pipe)
    thread = threading.Thread(target=lambda: got.append(os.read(reader, 1 << 20)))
    thread.start()
    thread.join(20)
    os.close(reader)
    assert got[0]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


@posix
@pytest.mark.parametrize("way", ["save", "export"])
def test_nobody_reads_the_pipe(way, tmp_path):
    """An error, not a wait without end."""
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises((OSError, pyhopper.CheckpointError), match="a pipe that nobody reads"):
        WAYS[way](tmp_path / "pipe.csv")


@posix
@pytest.mark.parametrize("way", WAYS)
def test_links_are_followed(way, tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "file.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    if way == "save":
        target.unlink()  # a file that is no checkpoint may not be overwritten by a run
    WAYS[way](link)
    assert link.is_symlink()
    assert target.read_text() != "old"
    if way != "save":
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [each.name for each in target.parent.iterdir()] == ["file.csv"]


@posix
def test_sockets_and_folders_are_refused(tmp_path):
    import socket

    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        with pytest.raises(pyhopper.ArgumentError, match="a socket"):
            SaveBestOnDisk(path)
        with pytest.raises(pyhopper.ArgumentError, match="a socket"):
            small().save(path)
        with pytest.raises(OSError, match="a socket"):
            write_whole(path, b"x")
    with pytest.raises(pyhopper.ArgumentError, match="a folder"):
        SaveBestOnDisk(tmp_path)
    with pytest.raises(OSError, match="a folder"):
        write_whole(tmp_path, b"x")


@posix
@pytest.mark.parametrize("path", [os.devnull, "/dev/zero"])
def test_a_checkpoint_is_a_regular_file(path):
    before = sorted(os.listdir("/dev"))  # noqa: PTH208
    with pytest.raises(pyhopper.ArgumentError, match="a device"):
        run(small(), path)
    with pytest.raises(pyhopper.CheckpointError, match="a device"):
        pyhopper.Search(x=pyhopper.float(0, 1)).load(path)
    assert main(["show", path]) == 1
    assert sorted(os.listdir("/dev")) == before  # noqa: PTH208


@posix
def test_a_checkpoint_is_read_from_a_pipe(tmp_path):
    """As the shell's ``<(zcat run.ckpt.gz)`` gives it."""
    small().save(tmp_path / "run.ckpt")
    data = (tmp_path / "run.ckpt").read_bytes()
    command = [sys.executable, "-m", "pyhopper", "best", "/dev/stdin"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    assert json.loads(done.stdout) == small().best


def test_a_file_of_another_name_is_left_alone(tmp_path):
    """Names that the user may have given away."""
    for name in ("run.ckpt.new", ".run.ckpt.new"):
        (tmp_path / name).write_text("mine")
    small().save(tmp_path / "run.ckpt")
    assert (tmp_path / "run.ckpt.new").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


@posix
def test_a_linked_checkpoint_has_one_lock(tmp_path):
    path, link = tmp_path / "run.ckpt", tmp_path / "other" / "link.ckpt"
    link.parent.mkdir()
    link.symlink_to(path)
    refused = []

    def objective(params):
        with pytest.raises(pyhopper.CheckpointError, match="another run uses it") as caught:
            run(pyhopper.Search(x=pyhopper.float(0, 1)), link, objective=lambda p: 1)
        refused.append(caught)
        return params["x"]

    run(pyhopper.Search(x=pyhopper.float(0, 1)), path, steps=1, objective=objective)
    assert refused
    run(pyhopper.Search(x=pyhopper.float(0, 1)), link, steps=2, objective=lambda p: p["x"])
    assert link.is_symlink()
    assert len([line for line in read(path)[0] if line["event"] == "ended"]) == 2
    assert [each.name for each in link.parent.iterdir()] == ["link.ckpt"]
