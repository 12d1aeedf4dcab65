"""A command as an objective: it is started for each candidate, watched, and ended if need be."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyhopper.cli.values import Reader, Source, state_of
from pyhopper.cli.words import DIR, FILES, filled, places, plain, shown, variables
from pyhopper.errors import ArgumentError, CommandError
from pyhopper.executors.base import CANDIDATE_DIR
from pyhopper.executors.process import how_it_ended
from pyhopper.extras import require
from pyhopper.files import write_whole

_POLL = 0.25
"""How often to look whether a command has exited while another process holds its output open."""

_LAST = 5.0
"""Most seconds to wait for the last output of a command that has exited: on a busy machine the
thread that reads it may be late. Usually the pipe is closed then and the wait is over at once; only
a process that was left behind, and could not be killed, keeps it open."""

_GRACE = 3.0
"""Seconds that a command has to end by SIGTERM before it is killed."""

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""The signal that cannot be ignored; Windows has none."""

_LONGEST = 1 << 20
"""Most bytes of a line that are looked at."""


class Command:
    """An objective that runs a command.

    Parameters
    ----------
    words : sequence of str
        The arguments with placeholders, see :mod:`pyhopper.cli.words`.
    source : Source
        Where its value comes from.
    folder : str
        The working directory.
    work_dir : str
        Where the folders of candidates are; empty if there are none.
    """

    def __init__(
        self, words: Sequence[str], source: Source, folder: str, work_dir: str = ""
    ) -> None:
        self.words = tuple(words)
        self.source = source
        self.folder = folder
        self.work_dir = work_dir
        self.scratch: str | None = None
        """Where temporary folders of candidates are made, by default where the system has them."""
        # By its name a checkpoint tells one objective from another.
        self.__qualname__ = " ".join(words) + (f" ({source.text})" if source.text else "")

    @property
    def pyhopper_command(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, see :meth:`described`."""
        value = {name: each for name, each in self.source._asdict().items() if each}
        return {
            "words": list(self.words),
            "folder": self.folder,
            **({"value": value} if value else {}),
            **({"work_dir": self.work_dir} if self.work_dir else {}),
        }

    @classmethod
    def described(cls, data: Mapping[str, Any]) -> Command:
        """The command of a description.

        Raises
        ------
        ArgumentError
            If it is none.
        """
        words, value = data.get("words"), data.get("value", {})
        folder, work_dir = data.get("folder"), data.get("work_dir", "")
        if not isinstance(words, list) or not words or not isinstance(value, dict):
            raise ArgumentError("command", data, "is no command of a checkpoint")
        if not all(isinstance(each, str) for each in [*words, *value.values(), folder, work_dir]):
            raise ArgumentError("command", data, "is no command of a checkpoint")
        known = {name: value[name] for name in Source._fields if name in value}
        return cls(words, Source(**known), str(folder), str(work_dir))

    def __call__(self, params: dict[str, Any]) -> Generator[Any, None, Any]:
        """Run it for a candidate; yields estimates and returns the value.

        Raises
        ------
        CommandError
            If it cannot be started, exits with an error or gives no value.
        """
        with Setting(self, params, os.environ.get(CANDIDATE_DIR)) as setting:
            reader, file = Reader(self.source), setting.value_file
            before = None if file is None else state_of(file)
            with Child(setting, merged=bool(self.source.pattern)) as child:
                for line in child.lines():
                    yield from reader.estimates(line)
                code = child.wait()
            if code:
                ended = how_it_ended(code, "").rstrip().replace("process", "command", 1)
                raise CommandError(ended)
            return reader.result(file, before)

    def typed(self, params: Mapping[str, Any], number: int) -> str:
        """The command of a candidate as it is typed into a shell.

        Without folders of candidates, a file with the values is one in the present folder.
        """
        folder = Path(self.work_dir, f"{number:05d}") if self.work_dir and number >= 0 else Path()

        def path(name: str) -> str:
            return str(folder if name == DIR else folder / config_name(name))

        return shown(filled(self.words, params, path))

    def foreground(self, params: dict[str, Any], folder: str | None) -> int:
        """Run it for a candidate in this terminal; its exit code.

        Raises
        ------
        CommandError
            If it cannot be started.
        """
        if not Path(self.folder).is_dir():
            raise CommandError(f"its working directory {self.folder} does not exist")
        if folder is not None:
            with contextlib.suppress(OSError):  # then the command says what it misses
                Path(folder).mkdir(parents=True, exist_ok=True)
        with Setting(self, params, folder) as setting:
            try:
                return subprocess.call(setting.arguments, env=setting.env, cwd=self.folder)
            except OSError as error:
                raise CommandError(_not_started(setting.arguments, error)) from None


class Setting:
    """What a command gets for one candidate: arguments, environment and files.

    Parameters
    ----------
    command : Command
        The command.
    params : dict
        The candidate.
    folder : str or None
        The candidate's folder; without one, a temporary folder where one is needed.

    Attributes
    ----------
    arguments : list of str
        The program and its arguments.
    env : dict
        The environment.
    folder : str
        The working directory.
    value_file : Path or None
        The file that the command is to write, if there is one.
    """

    def __init__(self, command: Command, params: dict[str, Any], folder: str | None) -> None:
        self._command, self._params = command, params
        self.folder = command.folder
        self._folder = None if folder is None else Path(folder)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.value_file: Path | None = None

    def __enter__(self) -> Setting:  # noqa: PYI034 - typing.Self comes with Python 3.11
        try:
            command, params = self._command, self._params
            self.arguments = filled(command.words, params, self.file)
            if pattern := command.source.file:
                self.value_file = Path(command.folder, *filled([pattern], params, self.file))
            inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYHOPPER_PARAM_")}
            # Else an estimate would come only when a buffer is full.
            unbuffered = {"PYTHONUNBUFFERED": "1"}
            self.env = {**unbuffered, **inherited, **variables(params)}
            if self._folder is not None:
                self.env[CANDIDATE_DIR] = str(self._folder)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def file(self, name: str) -> str:
        """The path for a placeholder: the candidate's folder, or a file with its values in it."""
        if self._folder is None:
            scratch = self._command.scratch
            # Another machine may not have it.
            where = scratch if scratch is not None and Path(scratch).is_dir() else None
            self._temporary = tempfile.TemporaryDirectory(
                prefix="pyhopper-", dir=where, ignore_cleanup_errors=True
            )
            self._folder = Path(self._temporary.name)
        if name == DIR:
            self._folder.mkdir(parents=True, exist_ok=True)
            return str(self._folder)
        path = self._folder / config_name(name)
        write_whole(path, as_file(path.suffix, self._params).encode(), durable=False)
        return str(path)


def config_name(place: str) -> str:
    """The name of the file for a placeholder of :data:`FILES`."""
    return "params.json" if place == FILES[0] else f"params.{place.partition('.')[2]}"


def as_file(suffix: str, params: Mapping[str, Any]) -> str:
    """A candidate as the text of a file.

    Raises
    ------
    CommandError
        If the format cannot hold it, or its package is missing.
    """
    values = plain(params)
    if suffix == ".toml":
        return "".join(
            f"{_toml(str(k))} = {_toml(v)}\n" for k, v in values.items() if v is not None
        )
    if suffix != ".yaml":
        return json.dumps(values, indent=2) + "\n"
    try:
        yaml = require("yaml", "cli", "{config.yaml}")
    except ImportError as error:
        raise CommandError(str(error)) from None
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _toml(value: Any) -> str:
    """A value in TOML, where dicts become inline tables; what is None is left out."""
    if isinstance(value, dict):
        inside = (f"{_toml(str(k))} = {_toml(v)}" for k, v in value.items() if v is not None)
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(each) for each in value if each is not None)}]"
    text = json.dumps(value)
    if isinstance(value, float):
        # What JSON cannot hold has another name.
        return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(text, text)
    return text.replace("\x7f", "\\u007f")


class Child:
    """A running command. At the exit from the context nothing that it has started is left.

    Parameters
    ----------
    setting : Setting
        What it gets.
    merged : bool
        Whether its standard error is read too.
    """

    def __init__(self, setting: Setting, *, merged: bool) -> None:
        self._setting = setting
        self._merged = merged
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def __enter__(self) -> Child:  # noqa: PYI034 - typing.Self comes with Python 3.11
        arguments = self._setting.arguments
        try:
            self._popen = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if self._merged else None,
                env=self._setting.env,
                cwd=self._setting.folder,
                bufsize=0,
                start_new_session=os.name != "nt",
            )
        except (OSError, ValueError) as error:
            raise CommandError(_not_started(arguments, error)) from None
        threading.Thread(target=self._read, name="pyhopper command", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not self._has_exited():
            self._end_gently()
        self._signal(_KILL)
        self._popen.wait()

    def _read(self) -> None:
        """Move the output into the queue, in a thread, since no system but Unix can wait for it."""
        assert self._popen.stdout is not None
        with contextlib.suppress(OSError, ValueError), self._popen.stdout as pipe:
            while data := os.read(pipe.fileno(), 1 << 16):
                self._chunks.put(data)
        self._chunks.put(b"")

    def lines(self) -> Iterator[str]:
        """Its output in lines, which is passed on as it is, until it ends."""
        rest = b""
        for data in self._output():
            _pass_on(data)
            *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            rest = b"" if len(rest) > _LONGEST else rest
        if rest:
            yield rest.decode(errors="replace")

    def _output(self) -> Iterator[bytes]:
        while True:
            # Before the look at the output, so that nothing printed in between is missed.
            if exited := self._has_exited():
                self._signal(_KILL)  # what it has started may hold its output open
            try:
                data = self._chunks.get(timeout=_LAST if exited else _POLL)
            except queue.Empty:
                if exited:
                    return
                continue
            if not data:
                return
            yield data

    def wait(self) -> int:
        """Wait until it has exited; its exit code, negative for a signal."""
        if not hasattr(os, "waitid"):
            return self._popen.wait()
        # Not reaped yet, so that its process group is still its own.
        os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT)
        self._signal(_KILL)
        return self._popen.wait()

    def _has_exited(self) -> bool:
        if self._popen.returncode is not None or not hasattr(os, "waitid"):
            return self._popen.poll() is not None
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._popen.pid, flags) is not None

    def _end_gently(self) -> None:
        """Ask its processes to end, and wait a little for the first of them."""
        self._signal(signal.SIGTERM)
        end = time.monotonic() + _GRACE
        while not self._has_exited() and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                _pass_on(self._chunks.get(timeout=min(left, _POLL / 10)))

    def _signal(self, number: int) -> None:
        """Send a signal to the whole process group, unless it was reaped already."""
        if self._popen.returncode is not None:
            return
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._popen.pid, number)
            else:
                self._popen.kill()


def _pass_on(data: bytes) -> None:
    """Print what a command has printed."""
    with contextlib.suppress(OSError, ValueError):
        stream = getattr(sys.stdout, "buffer", None)
        if stream is None:
            sys.stdout.write(data.decode(errors="replace"))
        else:
            stream.write(data)
        sys.stdout.flush()


def _not_started(arguments: Sequence[str], error: Exception) -> str:
    reason = getattr(error, "strerror", "") or str(error)
    return f"the command could not be started: {arguments[0]!r}: {reason}"


def missing_program(words: Sequence[str], folder: str) -> str:
    """What is wrong with the program of a command; empty if that is nothing or not known yet."""
    import shutil

    program = words[0]
    if places([program]) or shutil.which(program, path=None) is not None:
        return ""
    path = Path(folder, program)
    if path.is_dir():
        return "is a folder, not a program"
    if os.path.dirname(program) or not path.exists():  # noqa: PTH120 - of the text
        if path.exists():
            return f"is not executable; try chmod +x {program}, or put its interpreter before it"
        where = "there is no such file" if os.path.dirname(program) else "was not found on the PATH"  # noqa: PTH120
        return f"{where}; the program comes right after --"
    return f"was not found on the PATH; for the file in this folder write ./{program}"
