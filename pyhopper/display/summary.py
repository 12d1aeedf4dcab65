"""The summary at the end of a run: a table of the evaluations, and the best parameters."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from dataclasses import replace

from pyhopper.budget import Budget
from pyhopper.display.text import duration, literal, number, outline, parted
from pyhopper.errors import plural
from pyhopper.events import Status, Tally
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.front import Front
from pyhopper.history.front_view import FrontView
from pyhopper.history.state import State
from pyhopper.parameters import Omitted
from pyhopper.parameters.space import Space
from pyhopper.pruners import Advice

_UNASKED = (
    "The pruner was never asked, because the objective reports no estimates: yield them, call "
    "pyhopper.should_prune(estimate), or let a command print them as JSON with a step."
)

_ON_FRONT = 10
"""So many candidates of a front are shown."""

_REASON = 160
"""Longest reason of a failure that is printed in full, in characters."""

_NARROW = 76
"""Columns of a terminal below which headers and numbers are shorter."""

_SHORT = {"Evaluated": "Tried"}
"""Headers that are shorter in narrow terminals."""

_IMPORTANT = (0, 1, 2, 5, 3, 4, 6)
"""Indices of the columns, the most important first, for terminals too narrow for all of them."""

_BEST = 1
"""Index of the column in which 0 is a value rather than a count."""

_COLUMNS = ("", "Best", "Evaluated", "Pruned", "No value", "Failed", "Time")


def summary(
    state: State,
    space: Space,
    budget: Budget,
    reason: str,
    late: Evaluation | None = None,
    advice: Advice | None = None,
    width: int = 80,
    complete: bool = False,
) -> str:
    """The summary of a search as text of at most ``width`` columns (no fewer than 40).

    Parameters
    ----------
    state : State
        What the search knows.
    space : Space
        The space of the search.
    budget : Budget
        The budget of the run.
    reason : str
        Why the run ended.
    late : Evaluation, optional
        An evaluation that ended after the budget, if there was one.
    advice : Advice, optional
        What asks the pruner on behalf of the run; None without a pruner.
    width : int
        Width of the terminal in characters, 80 by default.
    complete : bool
        Whether the budget had been used up before this run. False by default.

    Returns
    -------
    str
        The lines, without a newline at the end.
    """
    total = Tally()
    for tally in state.tallies.values():
        total.seconds += tally.seconds
        for status, count in tally.counts.items():
            total.counts[status] += count
            total.times[status] += tally.times[status]
    if state.best is not None:
        total.best = state.best.value
    if state.objectives.several:
        total.best = math.nan
    table = _table(state, total, width)
    title = f"Search ended after {duration(budget.elapsed)}: {reason}"
    if complete:
        title = _complete(state, budget)
    lines = [*textwrap.wrap(title, width), "", *([table, ""] if total.evaluated else [])]
    if state.best is None:
        lines += textwrap.wrap(_nothing(state, total), width)
    else:
        lines += _best(state, space, state.best, width)
    unasked = advice is not None and not advice.asked and total.counts[Status.DONE]
    remarks = (
        _failures(state),
        _UNASKED if unasked else "",
        _saved(total),
        trust(state),
        _lateness(budget, late),
    )
    for remark in remarks:
        if remark:
            lines += ["", *textwrap.wrap(remark, width, break_on_hyphens=False)]
    if space.is_large:
        left_out = sum(any(isinstance(v, Omitted) for v in e.point) for e in state.evaluations)
        if left_out:
            lines += ["", f"Arrays of {left_out} other evaluations were not kept (over 64 KiB)."]
    return "\n".join(lines)


def _complete(state: State, budget: Budget) -> str:
    """That the budget had been used up before."""
    steps = budget.schedule.steps
    if steps is not None:
        done = state.ended - state.before_budget.ended
        return (
            f"Search is complete: {done} of {plural(steps, 'evaluation')}; give more steps to go on"
        )
    used, runtime = duration(budget.elapsed), duration(budget.schedule.runtime or 0.0)
    return f"Search is complete: {used} of {runtime} used; give more runtime to go on"


def _best(state: State, space: Space, best: Evaluation, width: int) -> list[str]:
    """The best value and how it was reached."""
    side = "highest" if state.maximize else "lowest"
    found, constant = parted(space.template, space.build(best.point))
    title = [f"Best ({side}) value {number(best.value)} with"]
    if isinstance(state.leaders, Front):
        title = [*front_table(state, width), "", "The compromise has"]
    lines = [*title, outline(found, width)]
    if constant:
        lines += ["", "and the constants", outline(constant, width)]
    if code := literal(found):
        lines += ["", f"As Python: {code}"]
    return lines


def front_table(state: State, width: int, most: int = _ON_FRONT) -> list[str]:
    """The candidates on the front, a line each; the compromise has a mark."""
    from tabulate import tabulate

    entries = list(FrontView(state, None))
    names, best = list(state.objectives.directions), state.best
    own = [i for i, e in enumerate(entries) if best and e.evaluation.point is best.point]
    chosen = sorted({*_evenly(len(entries), most), *own})
    rows = [
        [
            "*" if index in own else "",
            "" if each.id < 0 else each.id,
            *(number(each.values[name]) for name in names),
        ]
        for index, each in ((index, entries[index]) for index in chosen)
    ]
    heads = ["", "id", *(f"{name} ({word})" for name, word in state.objectives.directions.items())]
    table = tabulate(rows, heads, tablefmt="simple", disable_numparse=True)
    left_out = len(entries) - len(chosen)
    more = f", {len(chosen)} of them" if left_out else ""
    lines = [f"Front of {plural(len(entries), 'candidate')}{more} (* is the compromise):"]
    return [*lines, *(line[:width] for line in table.splitlines())]


def _evenly(count: int, most: int) -> list[int]:
    """At most so many of the indices, evenly, with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]


def _nothing(state: State, total: Tally) -> str:
    """Why there is no best candidate."""
    if not total.evaluated:
        return "No candidate has been evaluated."
    if total.counts[Status.DONE] and state.nearest is not None:
        excesses = state.objectives.excesses(state.nearest.metrics)
        broken = [
            f"{limit}, by {number(excess)}"
            for limit, excess in zip(state.objectives.limits, excesses, strict=True)
            if excess > 0
        ]
        return (
            f"No evaluation is within the limits. The nearest, {state.nearest.id}, breaks "
            f"{'; '.join(broken)}."
        )
    if total.counts[Status.DONE]:
        return "No evaluation with a value has a place in the space."
    infinite = sum(each.status is Status.NAN and bool(each.reason) for each in state.evaluations)
    kinds = {
        "infinite": infinite,
        "without a number": total.counts[Status.NAN] - infinite,
        "pruned": total.counts[Status.PRUNED],
        "failed": total.counts[Status.FAILED],
    }
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    hint = ""
    if infinite == total.evaluated:
        hint = " An infinite value cannot be compared: return a large finite one instead."
    elif total.counts[Status.PRUNED] == total.evaluated:
        hint = " Only candidates that are not pruned have one."
    return f"No evaluation has returned a value, so there is no best candidate: {counted}.{hint}"


def _table(state: State, total: Tally, width: int) -> str:
    """A table of counts, best values and times for each type of candidate."""
    from tabulate import tabulate

    narrow = width < _NARROW
    digits = 4 if narrow else 6
    several = state.objectives.several
    rows = [
        _row(kind.value.capitalize(), replace(tally, best=math.nan) if several else tally, digits)
        for kind, tally in state.tallies.items()
        if tally.evaluated
    ]
    if state.duplicates:
        rows.append(["Duplicates", "", str(state.duplicates), "", "", "", ""])
    rows.append(_row("Total", total, digits))
    headers = [_SHORT.get(name, name) if narrow else name for name in _COLUMNS]
    shown = _fitting(headers, rows, width)
    return tabulate(
        [[row[i] for i in shown] for row in rows],
        headers=[headers[i] for i in shown],
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", *["right"] * (len(shown) - 1)),
    )


def _row(name: str, tally: Tally, digits: int) -> list[str]:
    counts = [tally.counts[status] for status in (Status.PRUNED, Status.NAN, Status.FAILED)]
    best = "-" if math.isnan(tally.best) else f"{tally.best:.{digits}g}"
    evaluated = str(tally.evaluated)
    return [name, best, evaluated, *(str(count) for count in counts), duration(tally.seconds)]


def _fitting(headers: list[str], rows: list[list[str]], width: int) -> list[int]:
    """Indices of the columns that fit into ``width``.

    Columns are chosen by importance; those that hold only zeros are left out.
    """
    shown, left = [], width + 2
    for i in _IMPORTANT:
        if all(row[i] in (("", "-") if i == _BEST else ("", "0")) for row in rows):
            continue
        # Tabulate makes a column at least two wider than its header, and puts two between columns.
        needed = max(len(headers[i]) + 2, *(len(row[i]) for row in rows)) + 2
        if needed <= left:
            shown.append(i)
            left -= needed
    return sorted(shown)


def _failures(state: State) -> str:
    """How many evaluations failed or had no value, and the three most frequent reasons."""
    wrong = (Status.FAILED, Status.NAN)  # under ignore_nans a NaN has no reason
    bad = [each for each in state.evaluations if each.status in wrong and each.reason]
    if not bad:
        return ""
    present = [each for each in state.evaluations if each.id >= state.before_budget.started]
    every = bool(present) and all(each.status is Status.FAILED for each in present)
    bad = present if every else bad
    found = Counter(_cut(each.reason.splitlines()[0]) for each in bad)
    reasons = "; ".join(f"{count} x {reason}" for reason, count in found.most_common(3))
    more = f"; and {len(found) - 3} other reasons" if len(found) > 3 else ""
    which = (
        f"Every evaluation of this run, {len(present)},"
        if every
        else plural(len(bad), "evaluation")
    )
    return f"{which} failed or had no value: {reasons}{more}."


def _cut(reason: str) -> str:
    """The beginning and the end of a long reason, where the kind of error and a path's end are."""
    half = _REASON // 2
    return reason if len(reason) <= _REASON else f"{reason[:half]} ... {reason[-half:]}"


def _saved(total: Tally) -> str:
    """The time that pruning saved: that of as many full evaluations, less what was used."""
    pruned, full = total.counts[Status.PRUNED], total.counts[Status.DONE]
    if not pruned or not full:
        return ""
    expected = total.times[Status.DONE] / full
    saved = pruned * expected - total.times[Status.PRUNED]
    if saved < 1:
        return ""
    return (
        f"Pruning saved about {duration(saved)}: {pruned} pruned after "
        f"{duration(total.times[Status.PRUNED] / pruned)} on average, a full evaluation "
        f"takes {duration(expected)}."
    )


def _lateness(budget: Budget, late: Evaluation | None) -> str:
    """By how much the search ended late, and which forecast was wrong; empty if it did not."""
    behind, runtime = -budget.remaining, budget.schedule.runtime
    if late is None or runtime is None or behind < max(1.0, 0.01 * runtime):
        return ""
    took = f"It ended {duration(behind)} late: candidate {late.id} took {duration(late.seconds)}"
    if late.expected_seconds is None:
        return f"{took}; when it started, no duration was known yet to forecast from."
    return f"{took} instead of at most {duration(late.expected_seconds)} as expected."


def _trust_in_front(front: Front) -> str:
    """How noisy each objective is, and whether the front was checked."""
    pairs = zip(front.objectives.names, front.noises, strict=True)
    noisy = [f"{name} ±{noise:.2g}" for name, noise in pairs if 0.0 < noise < math.inf]
    if not noisy:
        return ""
    checked = sum(len(member.results) > 1 for member in front.entries)
    return (
        f"The objectives of one candidate vary by {', '.join(noisy)} (standard deviation). "
        f"{checked} of the {len(front.entries)} candidates on the front were evaluated again, and "
        "stand there with the mean of these; the others may be there by luck."
    )


def trust(state: State) -> str:
    """How accurate the best value is, if the objective is known to be noisy; else empty."""
    if isinstance(state.leaders, Front):
        return _trust_in_front(state.leaders)
    noise = state.leaders.noise
    if not 0.0 < noise < math.inf or state.best is None:
        return ""
    known = f"The value of one candidate varies by ±{noise:.2g} (standard deviation)."
    leader = state.leaders.find(state.key(state.best.point))
    if leader is not None and len(leader.values) > 1 and leader.mean == state.best.value:
        fresh = len(leader.values) - 1
        of = f"the mean of {fresh} re-evaluations" if fresh > 1 else "one re-evaluation"
        return f"{known} The best value is {of}, good to ±{noise / fresh**0.5:.2g}."
    values = state.count(Status.DONE)
    luck = noise * math.sqrt(2 * math.log(max(values, 2)))
    return f"{known} The best is one of {values} values: up to {luck:.2g} of it may be luck."
