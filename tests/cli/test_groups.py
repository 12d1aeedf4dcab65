"""A candidate of several processes, as torchrun starts them."""

import os
import sys
import time

import pytest

TRAIN = """
import argparse, json, os, time
import torch
import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
lr = parser.parse_args().lr
dist.init_process_group("gloo")
open(f"pid-{os.environ['PYHOPPER_PARAM_LR']}-{dist.get_rank()}", "w").write(str(os.getpid()))
for step in range(2):
    value = torch.tensor(-abs(lr - 0.5))
    dist.all_reduce(value, op=dist.ReduceOp.AVG)
    if dist.get_rank() == 0:
        print(json.dumps({"step": step, "value": float(value)}), flush=True)
    if step == 0 and lr != 0.5:
        time.sleep(600)  # only the pruner can end it
dist.destroy_process_group()
"""


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.heavy
def test_torchrun(shell):
    """Rank 0 reports; when the pruner gives the candidate up, all its processes end."""
    pytest.importorskip("torch")
    shell.script("train.py", TRAIN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    options = ["--max", "--steps", 2, "--seed", 1, "--checkpoint", "run.ckpt"]
    options += ["--pruner", "topk=1", "--timeout", "5min"]
    shell("run", *options, "--", *torchrun, "train.py", "--lr", "float(0, 1)")
    ended = shell.lines("ended")
    assert [each["status"] for each in ended] == ["done", "pruned"]
    pids = [int(path.read_text()) for path in shell.folder.glob("pid-*")]
    assert len(pids) == 4
    end = time.monotonic() + 10
    while any(map(is_alive, pids)):
        assert time.monotonic() < end, "a process of the group is left"
        time.sleep(0.05)
