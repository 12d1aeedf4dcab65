"""Where the time of the slots went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyhopper.display.text import duration
from pyhopper.errors import plural
from pyhopper.events import Status, Tally
from pyhopper.history import series
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.sheet import Sheet

_ENDS = {
    Status.DONE: "with a value",
    Status.PRUNED: "pruned",
    Status.NAN: "without a value",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}


def bill(sheet: Sheet) -> list[list[str]]:
    """Where the time of the slots went: what, how long, and a remark."""
    total = Tally()
    for tally in sheet.state.tallies.values():
        for status in Status:
            total.counts[status] += tally.counts[status]
            total.times[status] += tally.times[status]
    lanes = series.slots(sheet) if sheet.evaluations or sheet.state.running else []
    have = len(lanes) * sheet.state.elapsed
    used = sum(lane.busy for lane in lanes) * max(sheet.state.elapsed, 1e-9)

    def share(seconds: float) -> str:
        return f"{100 * seconds / have:.0f}% of the slots' time" if have else ""

    rows = [["Slots' time", duration(have), f"{len(lanes)} x {duration(sheet.state.elapsed)}"]]
    rows.append(["Busy", duration(used), share(used)])
    for status, name in _ENDS.items():
        if total.counts[status]:
            count, seconds = total.counts[status], total.times[status]
            rows.append([f"  {name}", duration(seconds), plural(count, "evaluation")])
    if starting := _start_up(sheet.evaluations):
        remark = "by which the first evaluation of each slot took longer than the median of others"
        rows.append(["  of it start-up", duration(starting), remark])
    rows.append(["Idle", duration(max(0.0, have - used)), share(max(0.0, have - used))])
    done, pruned = total.counts[Status.DONE], total.counts[Status.PRUNED]
    if done and pruned:
        full = total.times[Status.DONE] / done
        saved = pruned * full - total.times[Status.PRUNED]
        if saved > 0:
            remark = f"as a full evaluation takes {duration(full)}"
            rows.append(["Saved by pruning, about", duration(saved), remark])
    return rows


def _start_up(evaluations: Sequence[Evaluation]) -> float:
    """By how much first evaluations took longer than others."""
    done = [each for each in evaluations if each.status is Status.DONE and each.id >= 0]
    later = [each.seconds for each in done if not each.is_first]
    if len(later) < 3:
        return 0.0
    usual = float(np.median(later))
    return sum(max(0.0, each.seconds - usual) for each in done if each.is_first)
