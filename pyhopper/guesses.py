"""What a user knows already: guesses to try, results to count, candidates to try again."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from pyhopper.budget import Clock, Stamp
from pyhopper.errors import ArgumentError, CandidateError
from pyhopper.events import Candidate, CandidateType, Event, Forgotten, Known, Queued
from pyhopper.history.evaluation import Misfit
from pyhopper.history.state import State, observe
from pyhopper.journal import Checkpoint
from pyhopper.objective import Objective
from pyhopper.parameters import Lenience, Partial
from pyhopper.parameters.space import Space, merge_dicts, nested

Params = dict[str, Any]


class Guesses:
    """The part of a :class:`~pyhopper.Search` that takes in what its user knows."""

    _space: Space
    _state: State
    _clock: Clock
    _checkpoint: Checkpoint | None
    _given: list[Event]

    def _take_note(self, note: Event) -> None:
        """Take something in, now and in the checkpoint of the present or the next run."""
        now = Stamp(self._state.elapsed, self._clock.time())
        if self._checkpoint is None:
            self._given.append(note)
            observe(self._state, note, now)
        else:
            self._checkpoint.take(note, now)

    def enqueue(self, guess: Mapping[str, Any]) -> None:
        """Queue a full or partial guess, to be evaluated before anything else is drawn.

        Parameters
        ----------
        guess : dict
            Values for some parameters, nested like the template. What is missing comes from the
            best candidate so far, before that from ``init``. A number off the grid or out of the
            bounds gives the nearest legal one, and a constant stays what it is, with a warning.

        Raises
        ------
        CandidateError
            For an unknown key, a wrong nesting, a value of another kind, or a full guess that
            breaks a constraint. A partial one that does so once it is filled is passed over.
        """
        self._enqueue(guess)

    def __iadd__(self, guess: Mapping[str, Any]) -> Guesses:  # noqa: PYI034 - Self is new
        """``search += {"lr": 0.1}`` is :meth:`enqueue`."""
        self._enqueue(guess)
        return self

    def _enqueue(self, guess: Mapping[str, Any]) -> None:
        notes: list[str] = []
        values = self._space.read(guess, Lenience(notes))
        for note in notes:
            warnings.warn(note, stacklevel=3)
        if self._breaks_constraint(values, guess):
            raise CandidateError("", guess, "breaks a constraint, so it would never be evaluated")
        self._take_note(Queued(values))

    def _breaks_constraint(self, values: Partial, guess: Mapping[str, Any]) -> bool:
        """Whether a guess breaks a constraint, whatever is filled in for what it leaves out."""
        if not self._space.constraints:
            return False
        try:
            point = self._space.whole(values, guess)
        except CandidateError:
            return False
        return not self._space.allows(point)

    def sweep(self, name: str, values: Iterable[Any]) -> None:
        """Queue a guess for every value of one parameter.

        Parameters
        ----------
        name : str
            Its key; of a nested one the dotted name.
        values : iterable
            What it should be.
        """
        self.grid({name: values})

    def grid(self, axes: Mapping[str, Iterable[Any]] | None = None, **more: Iterable[Any]) -> None:
        """Queue every combination of values of some parameters that no constraint forbids.

        Parameters
        ----------
        axes : dict, optional
            Values by key or by dotted name.
        **more : iterable
            Values by key.
        """
        columns = {name: list(values) for name, values in {**(axes or {}), **more}.items()}
        for row in itertools.product(*columns.values()):
            guesses = [
                {name: value} if name in self._space.template else nested(name, value)
                for name, value in zip(columns, row, strict=True)
            ]
            guess = merge_dicts(*guesses)
            values = self._space.read(guess)
            if not self._breaks_constraint(values, guess):
                self._take_note(Queued(values))

    def add(
        self, params: Mapping[str, Any], value: float, metrics: Mapping[str, Any] | None = None
    ) -> None:
        """Tell a result that is known from elsewhere. It is not run and uses no budget.

        Parameters
        ----------
        params : dict
            A complete candidate. One that breaks a constraint cannot be the best.
        value : float
            Its value; NaN for an evaluation that had none.
        metrics : dict, optional
            Further results.

        Raises
        ------
        CandidateError
            If the candidate does not fit the template.
        ObjectiveError
            If the value is no number.
        """
        point = self._space.read_all(params)
        if not self._space.allows(point):
            point = Misfit(point)
        result = {**(metrics or {}), "value": value}
        outcome = Objective(lambda _: result, ignore_nans=True)({}, lambda _: False)
        if outcome.misuse:
            raise ArgumentError("value", value, "must be a number")
        kind = CandidateType.MANUALLY_ADDED
        self._take_note(Known(Candidate(-1, kind, self._space.build(point), point), outcome))

    @property
    def manual_queue_count(self) -> int:
        """Number of guesses that wait."""
        return len(self._state.queue)

    def forget_cached(self, candidate: Mapping[str, Any]) -> None:
        """Allow a candidate to be evaluated again."""
        self._take_note(Forgotten(self._space.read_all(candidate)))

    def clear_cache(self) -> None:
        """Allow all candidates to be evaluated again."""
        self._take_note(Forgotten(None))
