"""`pyhopper run` and what is around it, with real commands."""

import json
import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time

import pytest
from processes import environment, eventually, is_alive

import pyhopper
from pyhopper.cli import main
from pyhopper.cli.command import Child, Command
from pyhopper.cli.values import Source

pytestmark = pytest.mark.skipif(os.name == "nt", reason="scripts of a Unix shell")

TRAIN = """#!/bin/sh
# $2: lr, $4: the optimizer; its environment and its file say the same
echo "training with $*" >&2
[ "$2" = "$PYHOPPER_PARAM_LR" ] || exit 7
[ "$(cat "$6")" = "$(printf '{\\n  "lr": %s,\\n  "opt": "%s"\\n}' "$2" "$4")" ] || exit 8
echo $$ > "$PYHOPPER_CANDIDATE_DIR/pid"
echo "{\\"step\\": 1, \\"acc\\": 0.$2}"
echo "{\\"step\\": 2, \\"acc\\": $2, \\"opt\\": \\"$4\\"}"
"""


def test_from_the_first_run_to_the_replay(shell):
    """One search, started twice, and every command that looks at it."""
    shell.script("train.sh", TRAIN)
    command = ["--", "./train.sh", "--lr", "int(1, 90)", "--opt", "choice('a', 'b')"]
    command += ["--config", "{config}"]
    options = ["--max", "--value", "acc", "--checkpoint", "run.ckpt", "--work-dir", "runs"]
    dry = shell("run", *options, "--seed", 1, "--steps", 4, "--dry-run", *command)
    assert len(dry.stdout.splitlines()) == 3
    assert not (shell.folder / "run.ckpt").exists()
    first = shell("run", *options, "--seed", 1, "--steps", 4, "--guess", '{"lr": 77}', *command)
    assert dry.stdout.splitlines()[0].split()[:5] == ["./train.sh", "--lr", "46", "--opt", "a"]
    assert "Best (highest) value" in first.stdout
    more = shell("run", *options, "--steps", 6, *command)
    assert "Going on from" in more.stdout
    ended = shell.lines("ended")
    assert [each["id"] for each in ended] == list(range(6))
    assert {each["status"] for each in ended} == {"done"}
    assert all(len(each["estimates"]) == 2 for each in ended)
    assert ended[0]["metrics"] == {"step": 2, "opt": "a"}
    best = max(ended, key=lambda each: each["value"])
    assert best["value"] >= 77
    flags = shell("best", "run.ckpt", "--flags").stdout.strip()
    assert shlex.split(flags)[:3] == ["./train.sh", "--lr", str(int(best["value"]))]
    assert more.stdout.strip().endswith(flags)
    assert (shell.folder / "runs" / "00000" / "output.log").read_text().startswith("training with")
    for name in (best["id"], "best"):
        again = shell.apart("replay", "run.ckpt", name)
        assert json.loads(again.stdout.splitlines()[-1])["acc"] == best["value"]
        assert f"In the search: {best['value']:g}" in again.stderr
    assert shell("replay", "run.ckpt", 0, "--dry-run").stdout == ""
    assert "has no candidate 99" in shell("replay", "run.ckpt", 99, code=1).stderr
    other = shell("run", *options, "--steps", 8, *command, "--more", code=1)
    assert (
        "of the objective './train.sh --lr {lr} --opt {opt} --config {config} (acc)'"
        in other.stderr
    )
    assert "--resume force" in other.stderr
    assert "6 done" in shell("show", "run.ckpt").stdout


def test_failures_say_what_was_looked_for(shell):
    shell.script("a.sh", "#!/bin/sh\necho hello; exit $1\n")
    done = shell("run", "--max", "--steps", 9, "--", "./a.sh", "choice(0)", "int(0,99)", code=3)
    assert "no value: it printed no line that is a number or a JSON object" in done.stderr
    assert "Last lines of its output:\nhello" in done.stderr
    done = shell("run", "--max", "--steps", 9, "--", "./a.sh", "int(3,4)", code=3)
    assert "the command exited with code" in done.stderr


def test_a_pruned_command_ends_with_all_it_has_started(shell):
    """The first eight give numbers that fall; what sleeps is ended, gently, then by force."""
    shell.script(
        "slow.sh",
        "#!/bin/sh\ntrap 'echo ended >> terminated; exit' TERM\n"
        '[ "$1" -gt 50 ] && echo acc=$1 && exit\nsleep 600 & echo $! >> pids\n'
        "echo acc=$1\nwait\n",
    )
    arguments = ["--max", "--steps", 5, "--pruner", "topk=1", "--value-regex", "acc=([0-9]+)"]
    guesses = [part for n in (80, 90, 2, 1) for part in ("--guess", json.dumps({"n": n}))]
    arguments += [*guesses, "--checkpoint", "run.ckpt", "-p", "n=int(0, 99)"]
    shell("run", *arguments, "--constraint", "n > 50 or n < 5", "--", "./slow.sh", "{n}")
    status = [each["status"] for each in shell.lines("ended")]
    assert status[:4] == ["done", "done", "pruned", "pruned"]
    assert "ended" in (shell.folder / "terminated").read_text()
    pids = (shell.folder / "pids").read_text().split()
    assert len(pids) >= 2
    assert not any(is_alive(int(pid)) for pid in pids)


def test_temporary_folders(shell, monkeypatch):
    """Without folders of candidates there is one for a file, which is gone afterwards."""
    kept = "#!/bin/sh\necho $PYHOPPER_CANDIDATE_DIR >> folders\ncp $1 $2/value.json\n"
    shell.script("t.sh", f"{kept}[ $PYHOPPER_PARAM_X -lt 5 ] || kill -9 $PPID\n")
    (shell.folder / "tmp").mkdir()
    arguments = ["run", "--max", "--steps", 6, "--value-file", "{dir}/value.json", "--value", "x"]
    arguments += ["-p", "x=int(0, 9)", "--checkpoint", "run.ckpt", "--", "./t.sh"]
    monkeypatch.setattr(tempfile, "tempdir", str(shell.folder / "tmp"))
    shell(*arguments, "{config}", "{dir}")
    points = {each["id"]: each["point"]["x"] for each in shell.lines("started")}
    for each in shell.lines("ended"):
        x = points[each["id"]]
        assert [each["status"], each.get("value")] == (["done", x] if x < 5 else ["failed", None])
    assert count(shell.folder / "folders") == 6
    assert list((shell.folder / "tmp").iterdir()) == []


@pytest.mark.slow
def test_files_and_timeouts(shell):
    """The value comes from a file; one that was there before does not count."""
    shell.script("w.sh", '#!/bin/sh\n[ "$1" = 2 ] && sleep 600\n[ "$1" = 1 ] || echo $1 > $2\n')
    (shell.folder / "space.json").write_text('{"parameters": {"n": "int(0, 3)"}}')
    arguments = ["space.json", "--min", "--steps", 4, "--value-file", "out", "--timeout", "3s"]
    shell("run", *arguments, "--checkpoint", "run.ckpt", "--", "./w.sh", "{n}", "out")
    points = {each["id"]: each["point"]["n"] for each in shell.lines("started")}
    ended = {points[each["id"]]: each for each in shell.lines("ended")}
    assert [ended[n]["status"] for n in range(4)] == ["done", "failed", "failed", "done"]
    assert [ended[0]["value"], ended[3]["value"]] == [0, 3]
    assert "out was not written by it" in ended[1]["reason"] or "not exist" in ended[1]["reason"]
    assert "timeout of 3 s" in ended[2]["reason"]


def test_interrupted(shell):
    """Ctrl-C has a code of its own, and leaves nothing running."""
    shell.script("s.sh", "#!/bin/sh\necho $$ > pid; sleep 600\n")
    run = shell.start("run", "--max", "--endless", "--", "./s.sh", "int(0, 9)")
    pid = shell.folder / "pid"
    eventually(lambda: pid.exists() and pid.read_text().strip(), 60)
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130
    eventually(lambda: not is_alive(int(pid.read_text())))


COUNT = "#!/bin/sh\necho $1 >> started\nsleep 0.05\necho $1\n"


def test_several_shells_share_a_checkpoint(shell):
    """Each candidate is run once, and all of them take some."""
    shell.script("count.sh", COUNT)
    arguments = ["run", "--max", "--steps", 30, "--checkpoint", "run.ckpt", "--"]
    runs = [shell.start(*arguments, "./count.sh", "float(0, 1)") for _ in range(2)]
    assert [each.wait(100) for each in runs] == [0, 0]
    assert sorted(each["id"] for each in shell.lines("ended")) == list(range(30))
    started = (shell.folder / "started").read_text().split()
    assert len(started) == len(set(started)) == 30
    assert len({each["holder"] for each in shell.lines("started")}) == 2
    assert len(shell.lines("header")) == 1


def test_a_shared_search_gives_signs_of_life(tmp_path, monkeypatch):
    """While nothing ends, the time goes on in the checkpoint."""
    monkeypatch.setattr("pyhopper.roster._LOOK_SECONDS", 0.05)
    path = tmp_path / "run.ckpt"

    def objective(params):
        until = 5
        while until and '"alive"' not in path.read_text():
            time.sleep(0.05)
            until -= 0.05
        return params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    more = {"checkpoint_path": path, "shared": True, "isolation": "slot", "quiet": True}
    search.run(objective, steps=1, **more)
    kinds = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    assert kinds[-2:] == ["alive", "ended"]
    assert kinds[:3] == ["header", "run", "started"]
    with pytest.raises(pyhopper.ArgumentError, match="give checkpoint_path"):
        search.run(objective, steps=1, shared=True)


def test_overwriting_what_another_shell_runs_is_refused(shell):
    shell.script("s.sh", "#!/bin/sh\necho $$ > pid; sleep 600\n")
    arguments = ["run", "--max", "--endless", "--checkpoint", "run.ckpt", "--overwrite", "--"]
    run = shell.start(*arguments, "./s.sh", "int(0, 9)")
    eventually(lambda: count(shell.folder / "pid"), 60)
    done = shell(*arguments, "./s.sh", "int(0, 9)", code=1)
    assert f"process {run.pid} on" in done.stderr
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130


@pytest.mark.slow
def test_several_machines_share_a_checkpoint(shell):
    """Two names of a host on one disk; a process of another host is never taken for dead."""
    shell.script("count.sh", COUNT)
    arguments = [*shell.command, "run", "--max", "--steps", 40, "--checkpoint", "run.ckpt", "--"]
    command = shlex.join(map(str, [*arguments, "./count.sh", "float(0, 1)"]))
    runs = []
    for name in "ab":
        program = f"hostname machine-{name} && exec {command}"
        apart = ["unshare", "--uts", "sh", "-c", program]
        more = {"cwd": shell.folder, "env": environment(), "stderr": subprocess.PIPE, "text": True}
        try:
            runs.append(subprocess.Popen(apart, stdout=subprocess.DEVNULL, **more))
        except OSError:
            pytest.skip("there is no unshare")
    errors = [each.communicate(timeout=100)[1] for each in runs]
    if any("unshare" in each for each in errors):
        pytest.skip("this user may not have a host name of its own")
    assert [each.returncode for each in runs] == [0, 0], errors
    assert sorted(each["id"] for each in shell.lines("ended")) == list(range(40))
    hosts = {each["holder"].partition("|")[0] for each in shell.lines("started")}
    assert hosts == {"machine-a", "machine-b"}


def count(path):
    return len(path.read_text().split()) if path.exists() else 0


def storm(shell, kills, steps):
    """Kill ``pyhopper run`` again and again; what its checkpoint has in the end."""
    shell.script("count.sh", COUNT)
    arguments = ["run", "--max", "--steps", steps, "--n-jobs", 2, "--checkpoint", "run.ckpt"]
    arguments += ["--work-dir", "runs", "--", "./count.sh", "float(0, 1)"]
    started = shell.folder / "started"
    for number in range(kills):
        run = shell.start(*arguments)
        before = count(started)
        # Killed at some moment between a start and an end.
        wanted = before + 1 + number % 5
        eventually(lambda n=wanted: count(started) >= n, 60)
        run.kill()
        run.wait(10)
    shell(*arguments)
    ended = shell.lines("ended")
    assert sorted(each["id"] for each in ended) == list(range(steps))
    assert {each["status"] for each in ended} == {"done"}
    values = {each["id"]: each["value"] for each in ended}
    for candidate in shell.lines("started"):
        assert values[candidate["id"]] == candidate["point"]["arg1"]
    # What was running is run again with the same values, and nothing else is.
    assert len(set(started.read_text().split())) == steps
    folders = [each for each in (shell.folder / "runs").iterdir() if each.name.isdigit()]
    assert len(folders) == steps


def test_killed(shell):
    storm(shell, kills=2, steps=9)


@pytest.mark.slow
def test_killed_again_and_again(shell):
    storm(shell, kills=25, steps=120)


@pytest.mark.slow
def test_a_killed_run_with_a_seed_finds_the_same(shell):
    """Killed from within at every fourth evaluation, the candidates are those of a whole run."""
    text = "#!/bin/sh\necho x >> n\n"
    kill = "[ -f kill ] && [ $(($(wc -l < n) % 4)) = 0 ] && kill -9 $(cat kill) && sleep 600\n"
    shell.script("k.sh", f"{text}{kill}echo $1\n")
    arguments = ["run", "--max", "--steps", 16, "--seed", 3, "--checkpoint"]
    command = ["--", "./k.sh", "float(0, 1)", "--o", "choice(1, 2, 3)"]
    shell(*arguments, "whole.ckpt", *command)
    (shell.folder / "n").unlink()
    codes = []
    while not codes or codes[-1] == -signal.SIGKILL:
        run = shell.start(*arguments, "run.ckpt", *command)
        (shell.folder / "kill").write_text(str(run.pid))
        codes.append(run.wait(60))
    assert codes[-1] == 0
    assert len(codes) > 3
    points = [[e["point"] for e in shell.lines("started", f)] for f in ("whole.ckpt", "run.ckpt")]
    assert points[0] == points[1]


def test_completion_knows_all_options(capsys):
    for name in ("bash", "zsh", "fish"):
        assert main(["completion", name]) == 0
        script = capsys.readouterr().out
        assert "value-regex" in script
        assert "replay" in script
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    ask = 'COMP_WORDS=(pyhopper run --val); COMP_CWORD=2; _pyhopper; echo "${COMPREPLY[@]}"'
    command = ["bash", "-c", f"{script}\n{ask}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["--value", "--value-regex", "--value-file"], done.stderr


def test_a_python_objective_is_replayed(tmp_path):
    """With its values and its folder; what it raises is raised."""
    path = tmp_path / "run.ckpt"
    seen = []

    def objective(params, scale):
        seen.append(os.environ["PYHOPPER_CANDIDATE_DIR"])
        if params["x"] > 900:
            raise ZeroDivisionError
        yield {"value": params["x"] * scale, "n": 1}

    search = pyhopper.Search(x=pyhopper.int(0, 1000), seed=1)
    search += {"x": 950}
    more = {"kwargs": {"scale": 2}, "work_dir": tmp_path / "runs"}
    search.run(objective, "max", steps=4, quiet=True, checkpoint_path=path, **more)
    assert search.interrupted is False
    result = search.replay(2)
    assert result == {"value": search.history.evaluations[2].value, "n": 1}
    assert seen[-1] == seen[2] == str(tmp_path / "runs" / "00002")
    with pytest.raises(ZeroDivisionError):
        search.replay(0)
    with pytest.raises(pyhopper.ArgumentError, match="there are 0 to 3"):
        search.replay(7)
    again = pyhopper.Search(x=pyhopper.int(0, 1000))
    again.load(path)
    with pytest.raises(pyhopper.ArgumentError, match="give the objective"):
        again.replay(2)
    assert again.replay(2, objective, **more) == result
    assert len(again.history.evaluations) == 4


def test_a_checkpoint_of_python_has_no_command(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(lambda p: p["x"], steps=2, quiet=True, checkpoint_path=path)
    for arguments in (["best", str(path), "--flags"], ["replay", str(path), "0"]):
        assert main(arguments) == 1
        assert "in Python, not by pyhopper run" in capsys.readouterr().err


def test_output_that_is_read_after_the_exit_counts(shell, monkeypatch):
    """On a busy machine the thread that reads comes to it late: when the exit is known already."""
    exited, read, has_exited = threading.Event(), Child._read, Child._has_exited

    def late(child):
        exited.wait(60)
        read(child)

    def known(child):
        if found := has_exited(child):
            exited.set()
        return found

    monkeypatch.setattr(Child, "_read", late)
    monkeypatch.setattr(Child, "_has_exited", known)
    shell.script("s.sh", "#!/bin/sh\necho 3\n")
    values = []

    def evaluated():
        values.append((yield from Command(["./s.sh"], Source(), str(shell.folder))({})))

    list(evaluated())
    assert values == [3]
