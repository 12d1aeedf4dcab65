"""A variable that names a GPU which the machine does not have is refused, where that is known."""

import pytest
from test_gpus import machine, nvidia

from pyhopper.errors import ArgumentError
from pyhopper.executors.slots import parse_slots

__all__ = ["machine"]


def selected(variable="CUDA_VISIBLE_DEVICES"):
    return [slot.env[variable] for slot in parse_slots("per-gpu")]


@pytest.mark.parametrize(
    ("value", "entry"),
    [
        ("7", "7"),
        ("3,7", "7"),
        ("7,3", "7"),
        ("GPU-99999999", "GPU-99999999"),
        ("0,GPU-99999999,1", "GPU-99999999"),
        ("MIG-aaaaaaaa-0001", "MIG-aaaaaaaa-0001"),
        ("0,gpu1", "gpu1"),
        ("0;1,2", "0;1"),
    ],
)
def test_the_error_names_the_entry_and_what_there_is(machine, monkeypatch, value, entry):
    nvidia(machine)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    with pytest.raises(ArgumentError) as caught:
        parse_slots("per-gpu")
    text = str(caught.value)
    if value == "0;1,2":  # nothing before it is valid, as where GPUs are hidden on purpose
        assert "no GPU found" in text
        return
    for part in ("CUDA_VISIBLE_DEVICES", repr(entry), "0 (GPU-11111111-aaaa)", "ends at the first"):
        assert part in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("MIG-aaaaaaaa-0001,1", ["MIG-aaaaaaaa-0001", "1"]),
        ("GPU-11111111", ["GPU-11111111"]),
        ("MIG-GPU-11111111-aaaa/1/0", ["MIG-GPU-11111111-aaaa/1/0"]),
        ("0", ["0"]),
        ("1,", ["1"]),
    ],
)
def test_what_is_or_may_be_there_is_used(machine, monkeypatch, value, expected):
    nvidia(machine, mig=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert selected() == expected


def test_an_unknown_part_of_a_divided_gpu(machine, monkeypatch):
    nvidia(machine, mig=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-bbbbbbbb")
    with pytest.raises(ArgumentError, match="MIG-aaaaaaaa-0000"):
        parse_slots("per-gpu")


def test_where_nothing_is_known_nothing_is_refused(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,GPU-99999999")
    assert selected() == ["7", "GPU-99999999"]


@pytest.mark.parametrize(
    ("preset", "variable"),
    [
        ({"ROCR_VISIBLE_DEVICES": "0,7"}, "ROCR"),
        ({"HIP_VISIBLE_DEVICES": "7"}, "HIP"),
        ({"ROCR_VISIBLE_DEVICES": "1,0", "HIP_VISIBLE_DEVICES": "2"}, "HIP"),
    ],
)
def test_amd(machine, monkeypatch, preset, variable):
    machine("rocm-smi", """echo '{"card0": {}, "card1": {}, "system": {}}'""")
    for name, value in preset.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ArgumentError, match=rf"{variable}.*names no GPU .* has 0, 1\."):
        parse_slots("per-gpu")


def test_amd_variables_within_each_other(machine, monkeypatch):
    machine("rocm-smi", """echo '{"card0": {}, "card1": {}, "system": {}}'""")
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "1,0")
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1")
    assert selected("ROCR_VISIBLE_DEVICES") == ["0"]
