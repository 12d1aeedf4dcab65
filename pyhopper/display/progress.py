"""The progress of a run, while it runs: how far it is, the best so far, and each candidate."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from types import TracebackType
from typing import Any

import numpy as np

from pyhopper.budget import Budget, Stamp
from pyhopper.display.outlets import Outlet, columns, outlet
from pyhopper.display.text import brief, clock, duration, number
from pyhopper.errors import plural
from pyhopper.events import Candidate, Outcome, Status
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.history.front import Floats, Front, hypervolume
from pyhopper.history.state import State
from pyhopper.objective import Objective
from pyhopper.objectives import Objectives
from pyhopper.parameters.space import Space

# Seconds between two looks at the state, between two lines where there is no bar, and between two
# lines that tell of a new best value.
_LOOK_EVERY = 0.25
_LINE_EVERY = 60.0
_LINE_ON_BEST_EVERY = 5.0

_REMEMBERED = 200
"""So many earlier fronts are kept to tell how the present one has grown."""

_MOST_MEASURED = 100
"""Larger fronts take too long to measure."""

_LOGGED = 500
"""Longest line in a log, in characters."""

logger = logging.getLogger("pyhopper")
"""Gets a line for every candidate, at the level INFO, with facts in the attribute ``candidate``."""
logger.addHandler(logging.NullHandler())


def start_line(
    objectives: Objectives,
    budget: Budget,
    parameters: int,
    slots: int,
    objective: Objective,
) -> str:
    """What a run is about to do, as far as there is room for it in one line."""
    maximize = objectives.maximize[0]
    verb, other = ("Maximizing", "min") if maximize else ("Minimizing", "max")
    opposite = "minimize" if maximize else "maximize"
    schedule = budget.schedule
    end = "until Ctrl-C"
    if schedule.steps is not None:
        end = plural(schedule.steps, "evaluation")
    elif schedule.runtime is not None:
        end = f"runtime {duration(schedule.runtime)}"
    name, hint = objective.title, objective.direction_hint.format(other)
    full = f" ({hint} to {opposite})" if hint else ""
    brief = f" ({hint.removeprefix('pass ')} {opposite}s)" if hint else ""
    count = plural(parameters, "parameter")
    if objectives.names or objectives.limits:
        return _named_start_line(objectives, name, end, count, plural(slots, "slot"))
    texts = [
        f"{verb} {name}{full}: {end}, {count}, {plural(slots, 'slot')}",
        f"{verb} {name}{full}: {end}, {count}",
        f"{verb}{full}: {end}, {count}",
        f"{verb}{full}: {end}",
        f"{verb}{brief}: {end}",
    ]
    return _fitting([*texts, f"{verb}: {end}"])


def _named_start_line(objectives: Objectives, name: str, end: str, *counts: str) -> str:
    """What a run with named objectives or limits is about to do."""
    texts = [
        f"Optimizing {name} ({objectives}): {', '.join([end, *counts])}",
        f"Optimizing {name} ({objectives}): {end}",
        f"Optimizing ({objectives}): {end}",
        f"Optimizing {', '.join(objectives.directions)}: {end}",
    ]
    return _fitting([*texts, f"Optimizing: {end}"])


def _fitting(texts: list[str]) -> str:
    """The first text for which there is room in a line, else the last one."""
    room = columns() - 1
    return next((text for text in texts if len(text) <= room), texts[-1])


class Trend:
    """How a front grows: its size, and the volume that it gained in the last fifth of the search.

    The volume is measured up to a tenth beyond the present front, which has 100%.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[int, Floats]] = []

    def text(self, front: Front, ended: int) -> str:
        """The front in a few words, after so many evaluations."""
        now = front.losses
        if not len(now):
            return "nothing on the front yet"
        if not self._seen or self._seen[-1][1] is not now:
            self._seen = [*self._seen[-_REMEMBERED:], (ended, now)]
        before = [losses for count, losses in self._seen if count <= 0.8 * ended]
        size = f"front {len(now)}"
        if not before or len(now) < 2 or len(now) > _MOST_MEASURED or now.shape[1] > 3:
            return size
        low, high = now.min(axis=0), now.max(axis=0)
        width = np.where(high > low, high - low, 1.0)
        reference = np.full(len(low), 1.1)
        volumes = [hypervolume((each - low) / width, reference) for each in (before[-1], now)]
        return f"{size} (volume +{100 * (1 - volumes[0] / volumes[1]):.0f}%)"


def standing_of(evaluation: Evaluation, objectives: Objectives) -> str:
    """The value of an evaluation, or the numbers of its objectives by their names."""
    if not objectives.several:
        return number(evaluation.value)
    found = objectives.numbers(evaluation.value, evaluation.metrics)
    pairs = zip(objectives.names, found, strict=True)
    return ", ".join(f"{name} {number(each)}" for name, each in pairs)


class Progress:
    """Shows the progress of a run, from its entry as a context to the exit.

    A separate thread updates the display at fixed intervals. So it is up to date during long
    evaluations, and does not slow down short ones. It waits while a debugger is open.

    Parameters
    ----------
    state : State
        What the search knows.
    space : Space
        The space of the search.
    budget : Budget
        The budget of the run.
    verbose : int
        0 shows nothing, 1 the progress, 2 a line for each candidate too.
    """

    def __init__(self, state: State, space: Space, budget: Budget, verbose: int = 1) -> None:
        self._state = state
        self._space = space
        self._budget = budget
        self._verbose = verbose
        self._offset = state.before_budget.ended
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._watched = threading.get_ident()
        self._outlet: Outlet | None = None
        self._last_line = self._last_best_line = 0.0
        self._last_best = state.best
        self._whole = False
        self._trend = Trend()

    def __enter__(self) -> Progress:  # noqa: PYI034 - typing.Self comes with Python 3.11
        if not self._verbose:
            return self
        self._outlet = outlet()
        self._last_line = self._last_best_line = self._budget.elapsed
        self._show()
        thread = threading.Thread(target=self._tick, name="pyhopper progress", daemon=True)
        with contextlib.suppress(RuntimeError):  # Python in a browser may have no threads
            thread.start()
            self._thread = thread
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        outlet = self._outlet
        if outlet is None:
            return
        if outlet.live or self._state.best is not self._last_best:
            outlet.show(self._share(), self._text(), self._best_line())
        outlet.close()

    def finish(self, *, whole: bool) -> None:
        """The run has come to its end; ``whole`` if that is the end of its budget."""
        self._whole = whole

    def started(self, candidate: Candidate, now: Stamp) -> None:
        """A candidate runs."""

    def ended(self, evaluation: Evaluation, outcome: Outcome, new_best: Evaluation | None) -> None:
        """Tell of a candidate that has ended, in the log and, if asked, in a line."""
        loud = self._verbose > 1 and self._outlet is not None
        if not loud and not logger.isEnabledFor(logging.INFO):
            return
        text = self._candidate(evaluation)
        facts = self._facts(evaluation, new_best is not None)
        logger.info(text[:_LOGGED], extra={"candidate": facts})
        if loud and self._outlet is not None:
            self._outlet.line(_cut(text))

    def _facts(self, each: Evaluation, is_best: bool) -> dict[str, Any]:
        """What a handler of the log may want to know of an evaluation, by name."""
        misfit = isinstance(each.point, Misfit)
        return {
            "id": each.id,
            "type": each.type.value,
            "status": each.status.value,
            "value": each.value,
            "is_best": is_best,
            "seconds": each.seconds,
            "slot": each.slot,
            "reason": each.reason,
            "metrics": dict(each.metrics or {}),
            "params": {} if misfit else self._space.build(each.point),
        }

    def _candidate(self, each: Evaluation) -> str:
        slot = f" on {each.slot}" if each.slot else ""
        where = f"in {duration(each.seconds)}{slot}"
        value, params = self._looks(each)
        if each.status is Status.DONE:
            return f"{each.id}: {value} {where}: {params}"
        reason = f", {' '.join(each.reason.split())}" if each.reason else ""
        return f"{each.id}: {each.status.value} {where}{reason}: {params}"

    def _tick(self) -> None:
        while not self._done.wait(_LOOK_EVERY):
            if not is_debugged(self._watched):
                self._show()

    def _show(self) -> None:
        outlet, elapsed = self._outlet, self._budget.elapsed
        if outlet is None:
            return
        pause = min(_LINE_ON_BEST_EVERY, 0.3 * elapsed) if outlet.live else _LINE_ON_BEST_EVERY
        best = self._state.best
        if (
            best is not None
            and best is not self._last_best
            and elapsed - self._last_best_line >= pause
        ):
            before, self._last_best = self._last_best, best
            is_other = before is None or self._looks(before) != self._looks(best)
            if is_other and not outlet.shows_best:
                self._last_best_line = self._last_line = elapsed
                outlet.line(_cut(f"new {self._best_line()}"))
        elif not outlet.live and elapsed - self._last_line >= _LINE_EVERY:
            self._last_line = elapsed
            outlet.show(self._share(), self._text(), "")
        if outlet.live:
            outlet.show(self._share(), self._text(), self._best_line())

    def _looks(self, best: Evaluation) -> tuple[str, str]:
        """An evaluation's value and parameters as they are shown."""
        params = "" if isinstance(best.point, Misfit) else brief(best.point, self._space)
        return standing_of(best, self._state.objectives), params

    def _best_line(self) -> str:
        best, state = self._state.best, self._state
        if best is None:
            return ""
        value, params = self._looks(best)
        seconds = max(0.0, best.elapsed - state.before_budget.elapsed)
        after = f"after {best.id + 1} ({clock(seconds)})"
        if state.objectives.several:
            return f"compromise {value} {after}: {params}"
        return f"best {value} ({_side(state)}) {after}: {params}"

    def _share(self) -> float | None:
        """How much of the budget is used, 0 to 1; None if it has no end."""
        schedule = self._budget.schedule
        if schedule.steps is None and schedule.runtime is None:
            return None
        if self._whole:
            return 1.0
        if schedule.steps is not None:
            ended = self._state.ended - self._offset
            return min(1.0, ended / schedule.steps) if schedule.steps else 1.0
        assert schedule.runtime is not None
        return min(1.0, self._budget.elapsed / schedule.runtime)

    def _text(self) -> str:
        """The progress in one line, the most important part first."""
        schedule, state = self._budget.schedule, self._state
        elapsed = self._budget.elapsed
        ended = state.ended - self._offset
        if schedule.steps is not None:
            parts = [f"{ended}/{schedule.steps}", clock(elapsed)]
        elif schedule.runtime is not None:
            used = max(elapsed, schedule.runtime) if self._whole else elapsed
            parts = [f"{clock(used)}/{clock(schedule.runtime)}"]
        else:
            parts = [clock(elapsed)]
        best = "no value yet"
        if isinstance(state.leaders, Front):
            best = self._trend.text(state.leaders, state.ended)
        elif state.best is not None:
            best = f"best {number(state.best.value)} ({_side(state)})"
        parts.append(best)
        if schedule.steps is None:
            parts.append(f"{ended} done")
        names = {Status.PRUNED: "pruned", Status.NAN: "no value", Status.FAILED: "failed"}
        for status, name in names.items():
            if count := state.count(status):
                parts.append(f"{count} {name}")
        if ended and elapsed > 0:
            parts.append(_rate(ended / elapsed))
        return ", ".join(parts)


def _side(state: State) -> str:
    return "max" if state.maximize else "min"


def _cut(text: str) -> str:
    """A line that fits into the terminal."""
    most = columns() - 1
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _rate(per_second: float) -> str:
    if per_second >= 1:
        return f"{per_second:.3g}/s" if per_second < 1000 else f"{per_second:.0f}/s"
    if per_second >= 1 / 60:
        return f"{per_second * 60:.2g}/min"
    return f"{per_second * 3600:.2g}/h"


def is_debugged(thread: int) -> bool:
    """Whether a debugger built on :mod:`bdb`, such as pdb, is open in a thread of this process."""
    if "bdb" not in sys.modules:
        return False
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way to look
    while frame is not None:
        if frame.f_globals.get("__name__") == "bdb":
            return True
        frame = frame.f_back
    return False
