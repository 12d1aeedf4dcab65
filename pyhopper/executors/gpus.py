"""Which GPUs there are, and the environment in which a worker sees exactly one of them.

NVML and ``nvidia-smi`` list all GPUs of the machine. If a variable such as ``CUDA_VISIBLE_DEVICES``
is set already (by the user, Slurm or a container), it says which of them to use.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pyhopper.errors import ArgumentError, plural
from pyhopper.executors.base import Slot

CUDA = "CUDA_VISIBLE_DEVICES"
ROCR = "ROCR_VISIBLE_DEVICES"
HIP = "HIP_VISIBLE_DEVICES"

_MIG = re.compile(r"MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)")
_GPU = re.compile(r"GPU (\d+): (.*) \(UUID: (GPU-[^)]+)\)")
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Device(NamedTuple):
    """A GPU or a part of one.

    Attributes
    ----------
    variable : str
        The environment variable that selects it.
    entry : str
        The value of the variable that selects it: an index or a UUID.
    name : str
        Its name for people.
    mode : str
        Its compute mode: Default, Exclusive_Process or Prohibited.
    uuid : str
        Its UUID, empty if it is not known.
    """

    variable: str
    entry: str
    name: str
    mode: str = "Default"
    uuid: str = ""


def threads(slots: int, cores: int, environ: Mapping[str, str]) -> dict[str, str | None]:
    """Environment variables by which the slots share the cores.

    There are none if there is only one slot, or if the user has set one of them.
    """
    if slots == 1 or any(name in environ for name in _THREADS):
        return {}
    return dict.fromkeys(_THREADS, str(max(1, cores // slots)))


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_slots(count: int, environ: Mapping[str, str]) -> list[Slot]:
    """Slots without GPUs, which share the cores."""
    env = threads(count, usable_cores(), environ)
    return [Slot(f"process {number}", env) for number in range(1, count + 1)]


def gpu_slots(
    n_jobs: object, per_gpu: int, environ: Mapping[str, str], together: int = 1
) -> list[Slot]:
    """Slots with one GPU each, or several.

    Parameters
    ----------
    n_jobs : object
        What the user wrote, for messages.
    per_gpu : int
        How many slots each GPU has.
    environ : mapping
        The environment variables.
    together : int
        How many GPUs each slot has.

    Raises
    ------
    ArgumentError
        If there is no GPU, it cannot be shared, or there are not enough for one slot.
    """
    devices, looked_at = find(environ)
    usable = [device for device in devices if device.mode != "Prohibited"]
    if not usable:
        skipped = [f"{device.name} is in compute mode Prohibited" for device in devices]
        found = "; ".join([*looked_at, *skipped])
        problem = f"no GPU found ({found}); use a number of processes to run without GPUs"
        raise ArgumentError("n_jobs", n_jobs, problem)
    for device in usable:
        if per_gpu > 1 and device.mode.startswith("Exclusive"):
            problem = (
                f"{device.name} is in compute mode {device.mode}, so only one process can use it; "
                'use n_jobs="per-gpu", or change it with nvidia-smi --compute-mode=DEFAULT'
            )
            raise ArgumentError("n_jobs", n_jobs, problem)
    if together > 1:
        usable = _groups(usable, together, per_gpu)
    shared = threads(len(usable) * per_gpu, usable_cores(), environ)
    slots = []
    # The second slots of all GPUs come after the first ones, so that a few candidates are spread
    # over all GPUs.
    for turn in range(per_gpu):
        for device in usable:
            name = device.name if turn == 0 else f"{device.name} #{turn + 1}"
            slots.append(Slot(name, {**_environment(device, environ), **shared}, has_gpu=True))
    return slots


def _groups(devices: list[Device], together: int, per_gpu: int) -> list[Device]:
    """Groups of GPUs that are used together, each as if it were one."""
    if per_gpu > 1:
        problem = 'candidates cannot have several GPUs and share one; use n_jobs="per-gpu"'
        raise ArgumentError("gpus_per_job", together, problem)
    if len(devices) < together:
        problem = f"this machine has {plural(len(devices), 'GPU')}"
        raise ArgumentError("gpus_per_job", together, problem)
    if any(device.entry.startswith("MIG-") for device in devices):
        problem = "a process can use only one MIG device"
        raise ArgumentError("gpus_per_job", together, problem)
    groups = []
    for first in range(0, len(devices) - together + 1, together):
        group = devices[first : first + together]
        entry = ",".join(device.entry for device in group)
        name = " + ".join(device.name for device in group)
        groups.append(group[0]._replace(entry=entry, name=name))
    return groups


def _environment(device: Device, environ: Mapping[str, str]) -> dict[str, str | None]:
    """Environment variables with which a process sees only this device."""
    if device.variable == CUDA:
        env: dict[str, str | None] = {CUDA: device.entry}
        if device.entry.replace(",", "").isdigit() and "CUDA_DEVICE_ORDER" not in environ:
            # The order in which nvidia-smi counts. CUDA's own order puts the fastest GPU first.
            env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        return env
    # The other variables count within the devices that the first one leaves, so if they were set
    # too, no device might be left.
    return {ROCR: device.entry, HIP: None, CUDA: None}


def find(environ: Mapping[str, str]) -> tuple[list[Device], list[str]]:
    """The devices to use, and what was looked at to find them, for messages.

    Raises
    ------
    ArgumentError
        If a variable names a device that this machine does not have, as far as that is known.
    """
    if CUDA in environ:
        looked_at = [f"{CUDA} is {environ[CUDA]!r}"]
        entries = _entries(environ[CUDA], "MIG-")
        known = _nvidia(looked_at) if entries else []
        _check_form(environ[CUDA], len(entries), known)
        return [_match(entry, known, environ[CUDA]) for entry in entries], looked_at
    for variable in (ROCR, HIP):
        if variable in environ:
            looked_at = [f"{variable} is {environ[variable]!r}"]
            return _preset_amd(environ, _amd([])), looked_at
    looked_at = [f"{CUDA} is not set"]
    return _nvidia(looked_at) or _amd(looked_at), looked_at


def _entries(value: str, *prefixes: str) -> list[str]:
    """The valid entries of such a variable. As CUDA does, it stops at the first invalid one."""
    entries: list[str] = []
    for entry in value.split(","):
        text = entry.strip()
        if not (text.isdigit() or text.startswith(("GPU-", *prefixes))) or text in entries:
            break
        entries.append(text)
    return entries


def _check_form(value: str, count: int, known: list[Device]) -> None:
    """Refuse a list that ends early by an entry that is no index or UUID.

    An empty entry or -1 ends it on purpose. One that comes first hides all GPUs.
    """
    texts = [text.strip() for text in value.split(",")]
    if not 0 < count < len(texts):
        return
    end = texts[count]
    if end not in ("", "-1") and end not in texts[:count]:
        raise _unknown(CUDA, value, end, known)


def _match(entry: str, known: list[Device], value: str) -> Device:
    """The device that an entry of the user's ``value`` means."""
    for device in known:
        if device.entry == entry or (not entry.isdigit() and device.uuid.startswith(entry)):
            return device._replace(entry=entry)
    # Of a GPU that is divided, only the parts are known, and older drivers name these by numbers.
    divided = any(device.entry.startswith("MIG-") for device in known)
    if known and "/" not in entry and (entry.startswith("MIG-") or not divided):
        raise _unknown(CUDA, value, entry, known)
    return Device(CUDA, entry, f"GPU {entry}" if entry.isdigit() else entry)


def _unknown(variable: str, value: str, entry: str, known: Iterable[Device]) -> ArgumentError:
    """The error for an entry that names no device."""
    names = [f"{each.entry} ({each.uuid})" if each.uuid else each.entry for each in known]
    problem = (
        f"{entry!r} names no GPU of this machine, which has {', '.join(names) or 'none'}. "
        "Such a list ends at the first entry that is not valid: an evaluation on it would run "
        "without a GPU, and none would use those after it. Correct the variable or unset it"
    )
    return ArgumentError(variable, value, problem)


def _preset_amd(environ: Mapping[str, str], known: list[Device]) -> list[Device]:
    """The devices that the variables for AMD name; ``known`` is empty if that is not known."""
    devices = known
    if ROCR in environ:
        named = (_indexed(entry, known, ROCR, environ[ROCR]) for entry in _entries(environ[ROCR]))
        devices = list(named)
    if HIP in environ:
        # It counts within the devices that the first variable leaves, and knows no UUIDs.
        entries = [entry for entry in _entries(environ[HIP]) if entry.isdigit()]
        if ROCR in environ:
            left = [Device(ROCR, str(index), "") for index in range(len(devices))]
            for entry in entries:
                _indexed(entry, left, HIP, environ[HIP])
            return [devices[int(entry)] for entry in entries if int(entry) < len(devices)]
        devices = [_indexed(entry, known, HIP, environ[HIP]) for entry in entries]
    return devices


def _indexed(entry: str, known: list[Device], variable: str, value: str) -> Device:
    """The device of an index, or of a UUID, which cannot be checked."""
    if known and entry.isdigit() and all(int(each.entry) != int(entry) for each in known):
        raise _unknown(variable, value, entry, known)
    return Device(ROCR, entry, f"GPU {entry}")


def _nvidia(looked_at: list[str]) -> list[Device]:
    return _nvml(looked_at) or _nvidia_smi(looked_at)


def _nvml(looked_at: list[str]) -> list[Device]:
    """Devices by NVIDIA's library."""
    try:
        import pynvml as nvml
    except ImportError:
        looked_at.append("the package nvidia-ml-py is not installed")
        return []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        looked_at.append(f"NVML says: {error}")
        return []
    devices: list[Device] = []
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            devices += _nvml_device(nvml, index)
    except nvml.NVMLError as error:
        looked_at.append(f"NVML says: {error}")
        return []
    finally:
        nvml.nvmlShutdown()
    looked_at.append(f"NVML lists {plural(len(devices), 'GPU')}")
    return devices


def _nvml_device(nvml: Any, index: int) -> list[Device]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    model = _text(nvml.nvmlDeviceGetName(handle))
    uuid = _text(nvml.nvmlDeviceGetUUID(handle))
    modes = {
        nvml.NVML_COMPUTEMODE_PROHIBITED: "Prohibited",
        nvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "Exclusive_Process",
    }
    try:
        mode = modes.get(nvml.nvmlDeviceGetComputeMode(handle), "Default")
    except nvml.NVMLError:
        mode = "Default"
    parts: list[Device] = []
    try:
        if nvml.nvmlDeviceGetMigMode(handle)[0]:
            for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                parts += _nvml_part(nvml, handle, number, f"GPU {index} ({model})", mode)
            return parts
    except nvml.NVMLError:
        # This GPU does not support MIG.
        pass
    return [Device(CUDA, str(index), f"GPU {index} ({model})", mode, uuid)]


def _nvml_part(nvml: Any, handle: Any, number: int, parent: str, mode: str) -> list[Device]:
    try:
        part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
    except nvml.NVMLError:
        return []
    uuid = _text(nvml.nvmlDeviceGetUUID(part))
    return [Device(CUDA, uuid, f"MIG {number} of {parent}", mode, uuid)]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _nvidia_smi(looked_at: list[str]) -> list[Device]:
    """Devices by NVIDIA's program."""
    fields = "--query-gpu=index,uuid,name,compute_mode"
    table = _output(["nvidia-smi", fields, "--format=csv,noheader"], looked_at)
    if table is None:
        return []
    parts = _mig_parts(_output(["nvidia-smi", "-L"], looked_at) or "")
    devices: list[Device] = []
    for line in table.splitlines():
        row = [cell.strip() for cell in line.split(",")]
        if len(row) < 4 or not row[0].isdigit():
            continue
        index, uuid, name, mode = row[0], row[1], ", ".join(row[2:-1]), row[-1]
        title = f"GPU {index} ({name})"
        devices += [
            Device(CUDA, part, f"MIG {number} of {title}", mode, part)
            for number, part in parts.get(index, [])
        ] or [Device(CUDA, index, title, mode, uuid)]
    looked_at.append(f"nvidia-smi lists {plural(len(devices), 'GPU')}")
    return devices


def _mig_parts(listing: str) -> dict[str, list[tuple[str, str]]]:
    """Number and UUID of the MIG devices of each GPU."""
    parts: dict[str, list[tuple[str, str]]] = {}
    index = ""
    for line in listing.splitlines():
        if found := _GPU.match(line.strip()):
            index = found[1]
        elif found := _MIG.search(line):
            parts.setdefault(index, []).append((found[2], found[3]))
    return parts


def _amd(looked_at: list[str]) -> list[Device]:
    """Devices by AMD's program."""
    text = _output(["rocm-smi", "--showuniqueid", "--json"], looked_at)
    try:
        cards = json.loads(text or "{}")
    except ValueError:
        looked_at.append("rocm-smi printed no JSON")
        return []
    numbers = sorted(int(card[4:]) for card in cards if re.fullmatch(r"card\d+", card))
    if text is not None:
        looked_at.append(f"rocm-smi lists {plural(len(numbers), 'GPU')}")
    return [Device(ROCR, str(number), f"GPU {number} (AMD)") for number in numbers]


def _output(command: list[str], looked_at: list[str]) -> str | None:
    """What a program prints; None if it does not exist or fails."""
    try:
        # In a session of its own, so that the terminal's Ctrl-C does not end it.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        looked_at.append(f"there is no {command[0]}")
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        looked_at.append(f"{command[0]} failed: {error}")
        return None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        looked_at.append(f"{command[0]} failed: {said[0] if said else done.returncode}")
        return None
    return done.stdout
