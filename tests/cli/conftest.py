"""Running the command line as a user does."""

import contextlib
import io
import json
import subprocess
import sys

import pytest
from processes import environment

from pyhopper.cli import main


class Shell:
    """Runs ``pyhopper`` in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.command = [sys.executable, "-m", "pyhopper"]
        self.started = []

    def __call__(self, *arguments, code=0):
        """Run it in this process, which is faster, and wait."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            found = main([str(each) for each in arguments])
        assert found == code, out.getvalue() + err.getvalue()
        return subprocess.CompletedProcess(arguments, found, out.getvalue(), err.getvalue())

    def apart(self, *arguments):
        """Run it in a process of its own, and wait."""
        return subprocess.run(
            [*self.command, *map(str, arguments)],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )

    def start(self, *arguments):
        """Start it in a process of its own, and do not wait."""
        with (self.folder / "errors.txt").open("a") as errors:
            run = subprocess.Popen(
                [*self.command, *map(str, arguments)],
                cwd=self.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        self.started.append(run)
        return run

    def script(self, name, text):
        """Write an executable script."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def lines(self, kind, path="run.ckpt"):
        """The lines of one kind in a checkpoint."""
        lines = (self.folder / path).read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == kind]


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """``pyhopper`` in an empty folder, the working directory."""
    monkeypatch.chdir(tmp_path)
    found = Shell(tmp_path)
    yield found
    # Where a test has failed, an endless search would go on, and pytest wait for it.
    for run in found.started:
        run.kill()
        run.wait(30)
