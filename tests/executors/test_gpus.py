"""One GPU for each worker: with stand-ins for NVIDIA's and AMD's tools, and by variables."""

import os
import stat
import sys
import types

import pytest

import pyhopper
from pyhopper.errors import ArgumentError
from pyhopper.executors import gpus
from pyhopper.executors.slots import describe, parse_slots

VISIBLE = (
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
)

TABLE = """\
0, GPU-11111111-aaaa, NVIDIA A100-SXM4-40GB, Default
1, GPU-22222222-bbbb, NVIDIA A100-SXM4-40GB, {mode}
2, GPU-33333333-cccc, NVIDIA A100-SXM4-40GB, Default
3, GPU-44444444-dddd, NVIDIA A100-SXM4-40GB, [N/A]
"""

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-11111111-aaaa)
  MIG 1g.5gb      Device  0: (UUID: MIG-aaaaaaaa-0000)
  MIG 1g.10gb+me  Device  1: (UUID: MIG-aaaaaaaa-0001)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-22222222-bbbb)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-33333333-cccc)
GPU 3: NVIDIA A100-SXM4-40GB (UUID: GPU-44444444-dddd)
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose PATH has the tools that a test puts there, and no others."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    for name in VISIBLE:
        monkeypatch.delenv(name, raising=False)

    def install(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return install


def nvidia(machine, mode="Default", mig=False):
    listing = "\n".join(line for line in LISTING.splitlines() if mig or not line.startswith(" "))
    machine(
        "nvidia-smi",
        f"if [ \"$1\" = -L ]; then echo '{listing}'; else echo '{TABLE.format(mode=mode)}'; fi",
    )


def visible(params):
    """What a candidate sees, packed into numbers."""
    return {"value": params["x"], "seen": os.environ.get("CUDA_VISIBLE_DEVICES", "unset")}


def seen_by_candidates(n_jobs):
    """The values of CUDA_VISIBLE_DEVICES that eight candidates saw."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(visible, steps=8, n_jobs=n_jobs, quiet=True, isolation="candidate")
    return [evaluation.metrics["seen"] for evaluation in search.history.evaluations]


def env(slot):
    return {name: value for name, value in slot.env.items() if "DEVICE" in name}


def test_each_candidate_sees_one_of_four(machine, capfd):
    nvidia(machine)
    seen = seen_by_candidates("per-gpu")
    assert set(seen) == {"0", "1", "2", "3"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2,0", ["2", "0"]),
        ("GPU-22222222-bbbb,GPU-44444444", ["GPU-22222222-bbbb", "GPU-44444444"]),
        ("0,2,-1,1", ["0", "2"]),
        ("1, 3", ["1", "3"]),
    ],
)
def test_preset_variable_is_the_set_to_use(machine, monkeypatch, value, expected):
    nvidia(machine)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    slots = parse_slots("per_gpu")
    assert [slot.env["CUDA_VISIBLE_DEVICES"] for slot in slots] == expected
    order = "PCI_BUS_ID" if expected[0].isdigit() else None
    assert {slot.env.get("CUDA_DEVICE_ORDER") for slot in slots} == {order}


def test_preset_variable_reaches_candidates(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aa,MIG-bb")
    assert set(seen_by_candidates("per-gpu")) == {"GPU-aa", "MIG-bb"}


def test_order_that_the_user_chose_stays(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    assert env(parse_slots("per-gpu")[1]) == {"CUDA_VISIBLE_DEVICES": "1"}


@pytest.mark.parametrize("value", ["", "-1", "none", "NoDevFiles"])
def test_preset_to_nothing(machine, monkeypatch, value):
    nvidia(machine)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    with pytest.raises(ArgumentError, match=f"no GPU found .CUDA_VISIBLE_DEVICES is '{value}'"):
        parse_slots("per-gpu")


def test_no_gpu_says_what_was_looked_at(machine):
    with pytest.raises(ArgumentError) as caught:
        parse_slots("per-gpu")
    text = str(caught.value)
    for part in ("CUDA_VISIBLE_DEVICES is not set", "nvidia-ml-py", "no nvidia-smi", "no rocm-smi"):
        assert part in text
    with pytest.raises(ArgumentError, match="no GPU found"):
        pyhopper.Search(x=pyhopper.float(0, 1)).run(visible, steps=1, n_jobs="per-gpu")


def test_tool_without_driver(machine):
    machine("nvidia-smi", "echo 'NVIDIA-SMI has failed to talk to the driver.'; exit 9")
    with pytest.raises(ArgumentError, match="nvidia-smi failed: NVIDIA-SMI has failed"):
        parse_slots("per-gpu")


def test_mig_devices_are_slots_in_place_of_their_gpu(machine):
    nvidia(machine, mig=True)
    seen = [slot.env["CUDA_VISIBLE_DEVICES"] for slot in parse_slots("per-gpu")]
    assert seen == ["MIG-aaaaaaaa-0000", "MIG-aaaaaaaa-0001", "1", "2", "3"]


def test_prohibited_is_skipped(machine):
    nvidia(machine, mode="Prohibited")
    seen = [slot.env["CUDA_VISIBLE_DEVICES"] for slot in parse_slots("per-gpu")]
    assert seen == ["0", "2", "3"]


def test_several_on_one_gpu(machine):
    nvidia(machine)
    slots = parse_slots("2x per-gpu")
    assert [slot.env["CUDA_VISIBLE_DEVICES"] for slot in slots] == list("01230123")
    assert len({slot.name for slot in slots}) == 8


def test_exclusive_process_refuses_to_be_shared(machine):
    nvidia(machine, mode="Exclusive_Process")
    assert len(parse_slots("per-gpu")) == 4
    with pytest.raises(ArgumentError, match=r"GPU 1 .* Exclusive_Process"):
        parse_slots("2x per-gpu")


def test_start_up_line(machine, capsys):
    nvidia(machine)
    line = describe(parse_slots("per-gpu"))
    assert "4 processes" in line
    assert "GPU 2 (NVIDIA A100-SXM4-40GB)" in line
    assert "\n" not in line


def test_amd(machine):
    machine("rocm-smi", 'echo \'{"card0": {}, "card1": {}, "system": {}}\'')
    hidden = {"CUDA_VISIBLE_DEVICES": None, "HIP_VISIBLE_DEVICES": None}
    assert [env(slot) for slot in parse_slots("per-gpu")] == [
        {"ROCR_VISIBLE_DEVICES": "0", **hidden},
        {"ROCR_VISIBLE_DEVICES": "1", **hidden},
    ]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ({"ROCR_VISIBLE_DEVICES": "1,3"}, ["1", "3"]),
        ({"HIP_VISIBLE_DEVICES": "2"}, ["2"]),
        ({"ROCR_VISIBLE_DEVICES": "4,GPU-ab,6", "HIP_VISIBLE_DEVICES": "1,2"}, ["GPU-ab", "6"]),
    ],
)
def test_amd_preset(machine, monkeypatch, preset, expected):
    for name, value in preset.items():
        monkeypatch.setenv(name, value)
    assert [slot.env["ROCR_VISIBLE_DEVICES"] for slot in parse_slots("per-gpu")] == expected


class NVMLError(Exception):
    pass


def fake_nvml(**replaced):
    """NVIDIA's library on a machine with a GPU of two MIG devices and a plain one."""

    def part(handle, number):
        if number > 1:
            raise NVMLError
        return f"part {number}"

    def mig_mode(handle):
        if handle == 1:
            raise NVMLError("Not Supported")
        return 1, 1

    functions = {
        "NVMLError": NVMLError,
        "NVML_COMPUTEMODE_PROHIBITED": 2,
        "NVML_COMPUTEMODE_EXCLUSIVE_PROCESS": 3,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: b"H100",
        "nvmlDeviceGetUUID": lambda handle: f"{'MIG' if handle not in (0, 1) else 'GPU'}-{handle}",
        "nvmlDeviceGetComputeMode": lambda handle: 3,
        "nvmlDeviceGetMigMode": mig_mode,
        "nvmlDeviceGetMaxMigDeviceCount": lambda handle: 7,
        "nvmlDeviceGetMigDeviceHandleByIndex": part,
    }
    module = types.ModuleType("pynvml")
    for name, function in {**functions, **replaced}.items():
        setattr(module, name, function)
    return module


def test_nvml(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    devices, _ = gpus.find({})
    assert [device.entry for device in devices] == ["MIG-part 0", "MIG-part 1", "1"]
    assert devices[2].name == "GPU 1 (H100)"
    assert devices[2].mode == "Exclusive_Process"


def test_nvml_that_fails_leaves_it_to_the_tool(machine, monkeypatch):
    def fail():
        raise NVMLError("Driver Not Loaded")

    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(nvmlInit=fail))
    nvidia(machine)
    assert len(parse_slots("per-gpu")) == 4


def test_slots_share_the_cores(monkeypatch):
    for name in gpus._THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gpus, "usable_cores", lambda: 8)
    slots = parse_slots(3)
    assert {slot.env["OMP_NUM_THREADS"] for slot in slots} == {"2"}
    assert "3 processes, 2 CPU threads each" in describe(slots)
    assert parse_slots(1)[0].env == {}
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert parse_slots(3)[0].env == {}
    assert describe(parse_slots(3)) == "Evaluating in 3 processes"
