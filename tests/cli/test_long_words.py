"""Commands with long constants."""

import json
import shlex


def test_long_constants_are_repeated_in_full(shell):
    shell.script("a.sh", '#!/bin/sh\necho "$1"\n')
    prompt = "it's a prompt; " * 100
    columns = [f"column{number}" for number in range(300)]
    space = {"parameters": {"n": "int(1, 9)", "prompt": prompt, "columns": columns}}
    (shell.folder / "space.json").write_text(json.dumps(space))
    options = ["--max", "--steps", 2, "--quiet", "--checkpoint", "run.ckpt"]
    command = ["./a.sh", "{n}", "{prompt}", "{columns}"]
    shell("run", "space.json", *options, "--", *command)
    words = shlex.split(shell("best", "run.ckpt", "--flags").stdout)
    assert words[2:] == [prompt, *columns]
    replayed = shell("replay", "run.ckpt", "best", "--dry-run").stderr.splitlines()[0]
    assert shlex.split(replayed.partition(": ")[2]) == words
    refused = shell("run", "space.json", *options, "--", *command, "x" * 2000 + "y", code=1)
    assert len(refused.stderr) < 1000


def test_a_large_constant_neither_stops_the_command_nor_swells_the_checkpoint(shell):
    shell.script("a.sh", '#!/bin/sh\necho "$1"\n')
    rows = [[0.5] * 100] * 300
    (shell.folder / "space.json").write_text(json.dumps({"parameters": {"rows": rows}}))
    options = ["--max", "--steps", 1, "--quiet", "--checkpoint", "run.ckpt"]
    shell("run", "space.json", *options, "--", "./a.sh", "int(1, 9)")
    assert (shell.folder / "run.ckpt").stat().st_size < 5000
