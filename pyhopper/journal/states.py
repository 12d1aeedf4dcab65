"""A checkpoint and a state in step: events go into both, or from the one into the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn, Protocol

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError, CheckpointError, plural
from pyhopper.events import Ended, Event, Outcome, Queued, SpaceChanged, Status
from pyhopper.files import is_stream, write_whole
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.history.front import Front
from pyhopper.history.retold import events_of
from pyhopper.history.state import State, observe
from pyhopper.journal.checkpoint import Checkpoint
from pyhopper.journal.lockfile import is_abandoned
from pyhopper.journal.replay import Replay
from pyhopper.parameters.space import Space

_OTHER_INPUTS = (
    "The objective's arguments or the template's constants are not the ones in the checkpoint: its "
    "evaluations were made with others, and count as if they were not."
)


class Follower(Protocol):
    """Is told of the events of an earlier run while they are read.

    What kernels have learned does not follow from the state alone, see :mod:`pyhopper.retrace`.
    """

    def before(self, event: Event, state: State, replay: Replay) -> Event:
        """An event was read and is about to be observed; returns what to observe instead."""

    def after(self, event: Event, evaluation: Evaluation | None) -> None:
        """It was observed."""


def take(
    event: Event, state: State, file: Checkpoint | None, now: Stamp, again: bool = False
) -> Evaluation | None:
    """Write an event, then take it into the state."""
    if file is None:
        return observe(state, event, now)
    file.append(event, now, state.running, again)
    evaluation = observe(state, event, now)
    file.observed(_sole_best(state))
    return evaluation


def reader(
    state: State,
    replay: Replay,
    follower: Follower | None = None,
    ended: list[Evaluation] | None = None,
) -> Callable[[Event, Stamp], None]:
    """A function that takes events of a file into a state; ``ended`` gets the evaluations."""

    def take(event: Event, now: Stamp) -> None:
        if follower is not None:
            event = follower.before(event, state, replay)
        evaluation = observe(state, event, now)
        replay.large.release(_sole_best(state))
        if follower is not None:
            follower.after(event, evaluation)
        if ended is not None and evaluation is not None:
            ended.append(evaluation)

    return take


def fill(state: State, replay: Replay) -> None:
    """Put in what the lines leave out: params of what runs, large values of the best."""
    state.fill(replay.filled, replay.filled_best(state.best))
    if not isinstance(state.leaders, Front):
        return
    places = {id(each): index for index, each in enumerate(state.evaluations)}
    for member in state.leaders.entries:
        before, filled = member.evaluation, replay.filled_best(member.evaluation)
        if filled is None or filled is before:
            continue
        member.evaluation = filled
        if id(before) in places:
            state.evaluations[places[id(before)]] = filled
        if state.best is not None and state.best.id == filled.id >= 0:
            state.best = state.best._replace(point=filled.point)


def _sole_best(state: State) -> Evaluation | None:
    """The only evaluation whose large values are still needed.

    None with several objectives, where anyone who was on the front may be the compromise later.
    """
    return None if state.objectives.several else state.best


def write_all(source: State, file: Checkpoint, state: State) -> None:
    """Write everything that a state knows to a new file, and take it into another state."""
    for event, now in events_of(source):
        take(event, state, file, now)


@contextlib.contextmanager
def replacing(target: Path, space: Space) -> Iterator[Checkpoint]:
    """A new checkpoint, which takes the place of ``target`` at the end, or is written to a stream.

    Raises
    ------
    CheckpointError
        If it cannot be written, or a run uses the file.
    """
    with contextlib.ExitStack() as stack:
        path = target
        if is_stream(target):
            import tempfile

            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / target.name
        file = Checkpoint.to_replace(path, space)
        file.lock.acquire("ask")
        try:
            yield file
            file.put_in_place()
        finally:
            file.close()
        if path == target:
            return
        if len(list(path.parent.iterdir())) > 1:
            problem = "large points need a folder beside the file, so it must be a regular one"
            raise CheckpointError(target, problem)
        try:
            write_whole(target, path.read_bytes())
        except OSError as error:
            raise CheckpointError(target, f"cannot be written: {error.strerror}") from None


def carried_over(state: State, move: Callable[[Event], Event]) -> list[tuple[Event, Stamp]]:
    """The events that lead to a state, with their points moved to another space."""
    moved = [(move(event), now) for event, now in events_of(state)]
    # A guess of which nothing is left says nothing.
    return [(event, now) for event, now in moved if event != Queued({})]


def misplaced(state: State) -> list[Ended]:
    """The ends of open candidates that have no place in the space any more."""
    outcome = Outcome(Status.CANCELLED, reason="it has no place in the space any more")
    return [
        Ended(number, outcome)
        for number, running in state.running.items()
        if isinstance(running.candidate.point, Misfit)
    ]


def check_objective(state: State, name: str, path: Path) -> None:
    """Refuse a checkpoint with results of another objective, if the names of both are known.

    An objective that has only failed may be replaced.

    Raises
    ------
    ArgumentError
        If it is another one.
    """
    known = {name, state.objective}.isdisjoint(("", "<lambda>"))
    if known and name != state.objective and state.ended and not state.all_failed:
        before, now = _around_difference(state.objective, name)
        problem = (
            f"it has {plural(state.ended, 'evaluation')} of the objective {before!r}, and this "
            f"run is to evaluate {now!r}; use another checkpoint_path, or "
            'overwrite_checkpoint=True, or resume="force" if it is the same under a new name'
        )
        raise ArgumentError("checkpoint_path", str(path), problem)


def _around_difference(first: str, second: str) -> tuple[str, str]:
    """Two texts, of which only the parts around their first difference are left if they are long.

    Examples
    --------
    >>> _around_difference("train", "test")
    ('train', 'test')
    >>> _around_difference("x" * 1000 + " --lr 1", "x" * 1000 + " --lr 2 --epochs 20")
    ('...xxxxxxxxxxxxxxxxxxxxxxxx --lr 1', '...xxxxxxxxxxxxxxxxxxxxxxxx --lr 2 --epochs 20')
    """
    if max(len(first), len(second)) <= 200:
        return first, second
    pairs = enumerate(zip(first, second, strict=False))
    same = next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))
    start = max(0, same - 30)
    before = "..." if start else ""

    def part(text: str) -> str:
        after = "..." if len(text) > start + 100 else ""
        return f"{before}{text[start : start + 100]}{after}"

    return part(first), part(second)


def other_inputs(state: State, inputs: str) -> list[str]:
    """A sentence if a checkpoint has results of the same objective with other inputs.

    Parameters
    ----------
    state : State
        What was read.
    inputs : str
        A hash of what the objective works on now.
    """
    return [] if state.inputs in ("", inputs) else [_OTHER_INPUTS]


def resumed(path: Path, state: State) -> str:
    """A sentence on what was found in a checkpoint."""
    best = "" if state.best is None else f", best {state.best.value:.6g}"
    if isinstance(state.leaders, Front):
        best = f", {len(state.leaders.entries)} on the front"
    count = sum(is_abandoned(each.holder) for each in state.running.values())
    again = f"; {count} {'runs' if count == 1 else 'run'} again" if count else ""
    if others := len(state.running) - count:
        again += f"; {others} {'runs' if others == 1 else 'run'} in other processes"
    if state.all_failed:
        failed = plural(state.ended, "evaluation")
        return f"Nothing in {path} succeeded ({failed}), so the search begins anew{again}."
    return f"Going on from {path}: {plural(state.ended, 'evaluation')}{best}{again}."


def damage(path: Path, lost: int, skipped: int) -> list[str]:
    """A sentence on what could not be read of a file, if that is anything."""
    if not lost and not skipped:
        return []
    text = f"{path}: {plural(lost, 'damaged or missing line')}"
    return [f"{text}; because of that, {skipped} more could not be used"]


def refuse_other_history(path: Path) -> NoReturn:
    """Refuse a file for a search that has results which are not in it."""
    problem = (
        "the file has another history than this search, which has results already; run a "
        "new Search with it, or use another checkpoint_path or overwrite_checkpoint=True"
    )
    raise ArgumentError("checkpoint_path", str(path), problem)


def refuse_other_seed(path: Path, seed: int, chosen: int) -> NoReturn:
    """Refuse a file that was made with another seed than the user has chosen."""
    problem = (
        f"the checkpoint {path} was made with seed={seed}; use that one (or none), "
        "another checkpoint_path, or overwrite_checkpoint=True"
    )
    raise ArgumentError("seed", chosen, problem)


def bring_up_to_date(
    file: Checkpoint, state: State, told: Iterable[Event], now: Stamp
) -> list[str]:
    """Bring a file that was read up to date with the present space and what the user has told.

    Parameters
    ----------
    file : Checkpoint
        The file.
    state : State
        What was read.
    told : iterable of Event
        What the user has told.
    now : Stamp
        The present moment.

    Returns
    -------
    list of str
        What to tell the user.

    Raises
    ------
    CheckpointError
        If the space has changed while other processes evaluate candidates of the file.
    """
    news = [resumed(file.path, state)] if state.started else []
    changes = file.replay.changes
    if changes:
        file.refuse_if_held(state.running)
        guesses = [guess for guess in state.queue if guess]
        file.change_space()
        observe(state, SpaceChanged(), now)
        for guess in guesses:
            take(Queued(guess), state, file, now, again=True)
    for end in misplaced(state):
        take(end, state, file, now)
    misfits = sum(not each.fits for each in state.evaluations)
    if changes:
        news += ["The space is not the one in the checkpoint:", *changes]
    if changes or misfits:
        count = plural(len(state.evaluations), "evaluation")
        news.append(f"{misfits} of {count} {'does' if misfits == 1 else 'do'} not fit any more.")
    for event in list(file.replay.not_in_file(told, now)):
        take(event, state, file, now)
    return news


def written_anew(
    old: Checkpoint, state: State, empty: State, seed: int, repeatable: bool
) -> Checkpoint:
    """A new file in place of one that was displaced, with everything that is known in it.

    Parameters
    ----------
    old : Checkpoint
        The displaced file; closed if it cannot be replaced.
    state : State
        What is known.
    empty : State
        A new one, which follows what is written.
    seed : int
        The search's.
    repeatable : bool
        Whether the user chose the seed.

    Raises
    ------
    CheckpointError, OSError
        If it cannot be written.
    """
    new = None
    try:
        new = old.successor()
        new.create(seed, repeatable)
        write_all(state, new, empty)
        new.put_in_place(state.best)
    except (CheckpointError, OSError):
        for file in (old, new):
            with contextlib.suppress(CheckpointError):
                if file is not None:
                    file.close()
        raise
    return new
