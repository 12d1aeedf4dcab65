"""Evaluations in jobs of Slurm, or in the steps of one job; by way of files that all nodes see."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pyhopper.arguments import seconds
from pyhopper.errors import ArgumentError
from pyhopper.events import Outcome, Status
from pyhopper.executors import mail
from pyhopper.executors.cluster import ClusterExecutor, checked_env, whole_slots
from pyhopper.executors.mail import Folder
from pyhopper.executors.remote import Stored, Work, evaluate, read_result, result_of, stored
from pyhopper.executors.runner import PickledObjective
from pyhopper.extras import require

_WATCH_SECONDS = 2.0
"""How often to ask for the states of all jobs, in one command."""

_GRACE_SECONDS = 10.0
"""How long the result of a job that has ended may take to appear on a network disk."""

_LATER_SECONDS = 0.5
"""How much later than to the objective a signal to all processes of a job may come."""

_COMMAND_SECONDS = 60.0
"""How long a command of Slurm may take; while its controller restarts, they wait for it."""

_PENDING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_ALIVE = {"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "SIGNALING", "STAGE_OUT", "RESIZING"}

_FAULTS = {
    "TIMEOUT": "Slurm ended the job at its time limit; give more time, or a timeout below it",
    "OUT_OF_MEMORY": "Slurm ended the job for lack of memory; ask for more with memory=",
    "CANCELLED": "the job was cancelled in Slurm",
    "DEADLINE": "Slurm ended the job at its deadline",
}
"""States that are no fault of a node, so that another attempt would end alike."""


_OF_STEP = re.compile("SLURM_(CPU_BIND|STEP|MEM|GPUS|GRES)")
"""Variables that would hand the resources of the step of the search on to another one."""


class _Handle(Protocol):
    """A task that was handed in."""

    def state(self, known: Mapping[str, str] | None) -> str:
        """Its state in Slurm's words; ``known`` are those of all jobs, None if not known now."""

    def last_lines(self) -> str:
        """The end of what it has printed."""

    def stop(self) -> None:
        """End it."""


class Slurm(ClusterExecutor):
    """Evaluates each candidate in a job of its own, or in a step of the job of the search.

    Jobs are submitted by submitit. Search and jobs exchange files in a folder that all nodes see,
    and need no open port. The candidate of a node that failed, or of a job that was preempted, runs
    again in another job.

    Parameters
    ----------
    slots : int, optional
        How many jobs are in the queue or run at the same time, by default 8; of steps as many as
        the allocation has room for.
    partition, account : str, optional
        As for ``sbatch``.
    gpus, cpus : int
        What a candidate gets; Slurm sets ``CUDA_VISIBLE_DEVICES``.
    memory : str, optional
        Memory of a job, such as ``"16GB"``.
    time : float or str
        Time limit of a job, as in ``runtime``. It should be longer than an evaluation.
    steps : bool
        Evaluate in steps (``srun``) of the job in which the search runs, instead of in new jobs.
    folder : str or path-like
        A folder that all nodes see.
    env : dict, optional
        Environment variables of the processes that evaluate.
    setup : list of str, optional
        Shell commands that a job runs first, such as ``["module load cuda"]``.
    parameters : dict, optional
        Further options of ``sbatch`` by name, such as ``{"constraint": "a100"}``.
    cluster : str, optional
        ``"local"`` runs the jobs on this machine without Slurm, to try a script.

    Raises
    ------
    ArgumentError
        If an argument makes no sense, there is no Slurm, or no job to make steps in.
    ImportError
        Without the package ``submitit``.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        partition: str | None = None,
        account: str | None = None,
        gpus: int = 0,
        cpus: int = 1,
        memory: str | None = None,
        time: float | str = "1h",
        steps: bool = False,
        folder: str | os.PathLike[str] = ".",
        env: Mapping[str, str | None] | None = None,
        setup: list[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        cluster: str | None = None,
    ) -> None:
        for name, value, least in (("gpus", gpus, 0), ("cpus", cpus, 1)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ArgumentError(name, value, f"must be an integer, at least {least}")
        minutes = math.ceil(seconds("time", time) / 60)
        if cluster not in (None, "slurm", "local"):
            raise ArgumentError("cluster", cluster, 'must be "slurm" or "local"')
        self._folder = Folder(folder)
        self._handles: dict[str, _Handle] = {}
        try:
            if steps:
                self._submitter: _Submitter = _Steps(gpus, cpus, self._folder.path)
            else:
                options = {
                    "timeout_min": minutes,
                    "cpus_per_task": cpus,
                    "gpus_per_node": gpus or None,
                    "slurm_partition": partition,
                    "slurm_account": account,
                    "slurm_mem": memory,
                    "slurm_setup": setup,
                    "slurm_additional_parameters": dict(parameters or {}) or None,
                }
                self._submitter = _Jobs(self._folder.path, cluster, options)
        except BaseException:
            self._folder.close()
            raise
        default = self._submitter.room or 8
        self._slots = default if slots is None else whole_slots(slots)
        super().__init__("Slurm", self._folder, checked_env(env))
        self._watching = threading.Event()
        threading.Thread(target=self._watch, name="pyhopper squeue", daemon=True).start()

    def _capacity(self) -> int:
        return self._slots

    def _start(self, key: str, objective: PickledObjective, work: Work) -> None:
        place = stored(self._folder.path, objective)
        self._handles[key] = self._submitter.submit(place, work)

    def _forget(self, key: str) -> None:
        self._handles.pop(key, None)

    def _stop(self, key: str) -> None:
        handle = self._handles.pop(key, None)
        if handle is not None:
            threading.Thread(target=handle.stop, daemon=True).start()

    def _shut_down(self) -> None:
        self._watching.set()
        self._submitter.close()

    def _watch(self) -> None:
        """Notice jobs that have ended without a result; squeue may take long, so in a thread."""
        ended: dict[str, float] = {}
        while not self._watching.wait(_WATCH_SECONDS):
            handles = dict(self._handles)
            if not handles:
                continue
            known = self._submitter.states(handles.values())
            for key, handle in handles.items():
                state = handle.state(known)
                if state in _PENDING or state in _ALIVE or not state:
                    ended.pop(key, None)
                    continue
                since = ended.setdefault(key, time.monotonic())
                if time.monotonic() - since > _GRACE_SECONDS:
                    self._handles.pop(key, None)
                    self._ended(key, state, handle)

    def _ended(self, key: str, state: str, handle: _Handle) -> None:
        """A job has ended, and its result has not come."""
        lines = handle.last_lines()
        if state in _FAULTS:
            outcome = Outcome(Status.FAILED, reason=_FAULTS[state], details=lines)
            self.done(key, result_of(outcome))
            return
        last = lines.strip().splitlines()[-1:]
        self.gone(key, f"its job ended without a result ({', '.join([state, *last])})")


class _Submitter(Protocol):
    """How tasks get to the nodes."""

    room: int | None
    """How many tasks there is room for, if that is known."""

    def submit(self, objective: Stored, work: Work) -> _Handle:
        """Hand a task in."""

    def states(self, handles: Iterable[Any]) -> Mapping[str, str] | None:
        """The states of these tasks; None if Slurm does not answer now."""

    def close(self) -> None:
        """Wait for what is about to end."""


class _Job(NamedTuple):
    """A job of submitit."""

    job: Any
    local: bool
    at: float

    def state(self, known: Mapping[str, str] | None) -> str:
        if self.local:
            return "" if not self.job.done() else "ENDED"
        if known is None or time.monotonic() - self.at < _GRACE_SECONDS:
            return ""
        return known.get(str(self.job.job_id), "forgotten by Slurm")

    def last_lines(self) -> str:
        with contextlib.suppress(Exception):
            return "\n".join((self.job.stderr() or "").splitlines()[-20:])
        return ""

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self.job.cancel()


class _Jobs:
    """New jobs, by submitit."""

    room: int | None = None

    def __init__(self, folder: Path, cluster: str | None, options: Mapping[str, Any]) -> None:
        submitit = require("submitit", "slurm", "executors.Slurm")
        if cluster != "local" and shutil.which("sbatch") is None:
            problem = 'there is no sbatch here; cluster="local" runs the jobs on this machine'
            raise ArgumentError("cluster", cluster, problem)
        self._local = cluster == "local"
        self._executor = submitit.AutoExecutor(folder / "jobs", cluster=cluster or "slurm")
        given = {name: value for name, value in options.items() if value is not None}
        self._executor.update_parameters(name="pyhopper", **given)
        self._here: list[Any] = []
        """The jobs on this machine that may still run."""

    def submit(self, objective: Stored, work: Work) -> _Handle:
        job = self._executor.submit(deliver, objective, work)
        if self._local:
            self._here = [each for each in self._here if not each.done()] + [job]
        return _Job(job, self._local, time.monotonic())

    def states(self, handles: Iterable[Any]) -> Mapping[str, str] | None:
        if self._local:
            return None
        ids = ",".join(str(each.job.job_id) for each in handles)
        command = ["squeue", "-h", "-r", "--states=all", "-j", ids, "-o", "%i|%T"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode and "Invalid job id" not in done.stderr:
            return None
        found = (line.partition("|") for line in done.stdout.splitlines())
        return {job: state for job, _, state in found}

    def close(self) -> None:
        end = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < end and not all(job.done() for job in self._here):
            time.sleep(0.05)


class _Step(NamedTuple):
    """A step of this job."""

    popen: subprocess.Popen[bytes]
    output: Path

    def state(self, known: Mapping[str, str] | None) -> str:
        code = self.popen.poll()
        return "" if code is None else f"srun has ended with code {code}"

    def last_lines(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.output.read_text(errors="replace").splitlines()[-20:])
        return ""

    def stop(self) -> None:
        self.popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(_GRACE_SECONDS)
        self.popen.kill()


class _Steps:
    """Steps of the job in which this process runs."""

    def __init__(self, gpus: int, cpus: int, folder: Path) -> None:
        if "SLURM_JOB_ID" not in os.environ or shutil.which("srun") is None:
            raise ArgumentError("steps", True, "the search does not run inside a job of Slurm")
        self._folder = folder
        self._popens: list[subprocess.Popen[bytes]] = []
        self._options = ["--exact", "--ntasks=1", "--nodes=1", f"--cpus-per-task={cpus}"]
        if gpus:
            self._options.append(f"--gres=gpu:{gpus}")
        self.room: int | None = max(1, _room(gpus, cpus))

    def submit(self, objective: Stored, work: Work) -> _Handle:
        self._popens = [each for each in self._popens if each.poll() is None]
        path, output = (self._folder / f"{name}-{work.key}" for name in ("task", "output"))
        path.write_bytes(pickle.dumps((objective, work)))
        program = [sys.executable, "-m", "pyhopper.executors.slurm", str(path)]
        # The variables of this job's own step would bind the new one.
        env = {name: value for name, value in os.environ.items() if not _OF_STEP.match(name)}
        with output.open("wb") as file:
            command = ["srun", *self._options, *program]
            popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env
            )
        self._popens.append(popen)
        return _Step(popen, output)

    def states(self, handles: Iterable[Any]) -> Mapping[str, str] | None:
        return None

    def close(self) -> None:
        end = time.monotonic() + _GRACE_SECONDS
        for popen in self._popens:
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(max(0.0, end - time.monotonic()))


def _room(gpus: int, cpus: int) -> int:
    """How many steps of so many GPUs and CPUs fit into the allocation."""
    environ = os.environ
    nodes = int(environ.get("SLURM_JOB_NUM_NODES", "1"))
    if gpus:
        text = environ.get("SLURM_GPUS_ON_NODE") or str(len(environ.get("SLURM_JOB_GPUS", "")))
        return nodes * int(text or 0) // gpus
    if tasks := environ.get("SLURM_NTASKS"):
        return int(tasks) * int(environ.get("SLURM_CPUS_PER_TASK", "1")) // cpus
    return nodes * int(environ.get("SLURM_CPUS_ON_NODE", "1")) // cpus


def deliver(objective: Stored, work: Work) -> None:
    """Run a job, and send its result as a message; what a job of Slurm does.

    If Slurm ends the job meanwhile, nothing is sent: its state then says why.
    """
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    if hasattr(signal, "SIGUSR2"):
        # By which submitit would end a function that cannot be continued, before its time is up.
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    result = evaluate(objective, work)
    failed = bool(result) and read_result(result)[0].status is Status.FAILED
    # The signal that has ended the objective may come to this process a little later.
    if not (failed and told.wait(_LATER_SECONDS)):
        work.box.send(f"{mail.RESULT}{result.decode()}")


if __name__ == "__main__":
    deliver(*pickle.loads(Path(sys.argv[1]).read_bytes()))
