"""Running the command line as a user does."""

import json
import subprocess
import sys

import pytest
from processes import environment


class Shell:
    """Runs ``pyhopper`` in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.command = [sys.executable, "-m", "pyhopper"]

    def __call__(self, *arguments, code=0, **more):
        done = subprocess.run(
            [*self.command, *map(str, arguments)],
            cwd=self.folder,
            env=environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def start(self, *arguments, **more):
        """Start it, and do not wait."""
        with (self.folder / "errors.txt").open("a") as errors:
            return subprocess.Popen(
                [*self.command, *map(str, arguments)],
                cwd=self.folder,
                env=environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

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
def shell(tmp_path):
    """``pyhopper`` in an empty folder."""
    return Shell(tmp_path)
