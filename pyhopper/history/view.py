"""The evaluations of a search, as a user reads them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol, overload

from pyhopper.errors import ArgumentError
from pyhopper.events import CandidateType, Screening, Status
from pyhopper.habits import guided
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.history.table import standing, to_html, to_pandas
from pyhopper.parameters.space import Space

if TYPE_CHECKING:  # else they would make up a part of the time that importing the package takes
    from pyhopper.history.importance import Importance
    from pyhopper.history.outlook import Outlook
    from pyhopper.history.sheet import Sheet


class Source(Protocol):
    """Where a history takes its evaluations from: the log, which may replace either."""

    state: State
    space: Space


class Record:
    """One evaluation as a user reads it; nothing in it can be changed."""

    __slots__ = ("_evaluation", "_space")

    def __init__(self, evaluation: Evaluation, space: Space) -> None:
        self._evaluation = evaluation
        self._space = space

    @property
    def params(self) -> dict[str, Any]:
        """What the objective got, a new dict at each call."""
        return self._space.build(self._evaluation.point)

    @property
    def id(self) -> int:
        """Its number, counted from 0 in the order of starting; -1 for a result told by ``add``."""
        return self._evaluation.id

    @property
    def type(self) -> CandidateType:
        """Where the candidate came from; equal to its name, such as ``"random seeding"``."""
        return self._evaluation.type

    @property
    def status(self) -> Status:
        """How it ended: ``"done"``, ``"pruned"``, ``"nan"``, ``"failed"`` or ``"cancelled"``."""
        return self._evaluation.status

    @property
    def value(self) -> float:
        """Its value; NaN unless it is done."""
        return self._evaluation.value

    @property
    def estimates(self) -> tuple[float, ...]:
        """The values that it reported on the way."""
        return self._evaluation.estimates

    @property
    def reason(self) -> str:
        """Why it failed or was cancelled, in one line; else empty."""
        return self._evaluation.reason

    @property
    def details(self) -> str:
        """The end of the traceback or of the output if it failed; else empty."""
        return self._evaluation.details

    @property
    def slot(self) -> str:
        """Where it ran; empty for the process of the search."""
        return self._evaluation.slot

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self._evaluation.seconds

    @property
    def elapsed(self) -> float:
        """Seconds that the search had run when it ended."""
        return self._evaluation.elapsed

    @property
    def sampled_at(self) -> float:
        """When it started, in seconds since the epoch."""
        return self._evaluation.sampled_at

    @property
    def finished_at(self) -> float:
        """When it ended, in seconds since the epoch."""
        return self._evaluation.finished_at

    @property
    def fits(self) -> bool:
        """False if it has no place in the space any more, or breaks a constraint."""
        return self._evaluation.fits

    @property
    def screening(self) -> Screening | None:
        """What the model expected of it; None if it was not screened."""
        return self._evaluation.screening

    @property
    def expected_seconds(self) -> float | None:
        """How long it was expected to take at most; None without a forecast."""
        return self._evaluation.expected_seconds

    @property
    def metrics(self) -> dict[str, Any]:
        """What the objective returned beside the value."""
        return dict(self._evaluation.metrics or {})

    def __repr__(self) -> str:
        return f"<evaluation {self.id}: {self.status.value}, value {self.value:.6g}>"


class History:
    """The evaluations that ended with a value, in the order in which they ended.

    ``len(history)`` is their number, ``history[i]`` the i-th candidate as a dict, and
    ``history["lr"]`` the values of one parameter, nested ones by their dotted name.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3), seed=1)
    >>> _ = search.run(lambda params: -params["layers"], "max", steps=3, quiet=True)
    >>> history = search.history
    >>> history.fs, history.best_fs, history.best_f
    ([-2.0, -1.0, -3.0], [-2.0, -1.0, -1.0], -1.0)
    >>> history["layers"], history[0]
    ([2, 1, 3], {'layers': 2})
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sorted: dict[Status, list[Evaluation]] = {status: [] for status in Status}
        self._first: Evaluation | None = None
        self._seen = 0

    def _state(self) -> State:
        return self._source.state

    def _space(self) -> Space:
        return self._source.space

    @property
    def direction(self) -> str | None:
        """``"max"`` or ``"min"``; None before the first run."""
        maximize = self._state().maximize
        return None if maximize is None else "max" if maximize else "min"

    def _with(self, status: Status) -> list[Evaluation]:
        """The evaluations that ended in one way; only those since the last call are sorted in."""
        evaluations = self._state().evaluations
        first = evaluations[0] if evaluations else None
        if first is not self._first or len(evaluations) < self._seen:
            self._sorted = {status: [] for status in Status}
            self._first, self._seen = first, 0
        for evaluation in evaluations[self._seen :]:
            self._sorted[evaluation.status].append(evaluation)
        self._seen = len(evaluations)
        return self._sorted[status]

    def __len__(self) -> int:
        return len(self._with(Status.DONE))

    @overload
    def __getitem__(self, item: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, item: slice) -> list[dict[str, Any]]: ...
    @overload
    def __getitem__(self, item: str) -> list[Any]: ...

    @guided
    def __getitem__(self, item: int | slice | str) -> Any:
        if isinstance(item, str):
            return self.get_marginal(item)
        done, build = self._with(Status.DONE), self._space().build
        try:
            found: Any = done[item]
        except TypeError:
            problem = "must be a number, a slice, or the name of a parameter"
            raise ArgumentError("item", item, problem) from None
        if isinstance(found, list):
            return [build(each.point) for each in found]
        return build(found.point)

    @guided
    def get_marginal(self, name: str) -> list[Any]:
        """Values of one parameter in all evaluations with a value; None where it was inactive.

        Raises
        ------
        KeyError
            If the template has no such name.
        """
        return self._marginal(name, Status.DONE)

    @guided
    def get_pruned_marginal(self, name: str) -> list[Any]:
        """Values of one parameter in all pruned evaluations."""
        return self._marginal(name, Status.PRUNED)

    def _marginal(self, name: str, status: Status) -> list[Any]:
        if not isinstance(name, str):
            raise ArgumentError("name", name, "must be the name of a parameter, as text")
        return self._space().values(name, [each.point for each in self._with(status)])

    @property
    def evaluations(self) -> tuple[Record, ...]:
        """Every evaluation, however it ended, in the order in which they ended.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(0, 1))
        >>> search.add({"x": 0.25}, 3.0)
        >>> search.history.evaluations[0].params
        {'x': 0.25}
        """
        space = self._space()
        return tuple(Record(each, space) for each in self._state().evaluations)

    @property
    def fs(self) -> list[float]:
        """The values."""
        return [each.value for each in self._with(Status.DONE)]

    @property
    def best_fs(self) -> list[float]:
        """The best value up to each evaluation.

        Of a noisy objective the last of them may be luck; :attr:`best_f` is then the mean over
        the re-evaluations of the best candidate.
        """
        return list(itertools.accumulate(self.fs, max if self._state().maximize else min))

    @property
    def best_f(self) -> float | None:
        """The best value, None if there is none."""
        best = self._state().best
        return None if best is None else best.value

    @property
    def steps(self) -> list[int]:
        """Numbers of the evaluations: 0, 1, 2, ..."""
        return list(range(len(self)))

    @property
    def seconds(self) -> list[float]:
        """When each evaluation ended, in seconds of the search's run time."""
        return [each.elapsed for each in self._with(Status.DONE)]

    @property
    def minutes(self) -> list[float]:
        """Like :attr:`seconds`, in minutes."""
        return [each / 60 for each in self.seconds]

    @property
    def hours(self) -> list[float]:
        """Like :attr:`seconds`, in hours."""
        return [each / 3600 for each in self.seconds]

    def to_pandas(self) -> Any:
        """All evaluations, also pruned and failed ones, as a table with one row for each.

        Returns
        -------
        pandas.DataFrame
            With these columns, in this order:

            * ``id``, -1 for a result that was known before the search; ``type``, where the
              candidate came from; ``status``, how the evaluation ended; and ``value``.
            * The parameters by their dotted names, as in ``opt.lr``. A choice whose options are
              dicts or lists has a column for each value in them, as in ``model.kind`` and
              ``model.depth``; a missing value stands for a parameter of another option. A parameter
              that is named like another column gets ``params.`` in front. ``history[name]`` knows
              all these names.
            * ``metrics.*``: what the objective returned beside the value.
            * ``sampled_at`` and ``finished_at``: when the evaluation started and ended, in UTC.
            * ``seconds``: how long it took; ``elapsed``: how many seconds the search had run when
              it ended; ``slot``: where it ran.
            * ``estimates``: how many values it reported on the way; ``last_estimate``: the last.
            * ``reason``: why it failed or was cancelled, in one line.
            * Why it was tried: from how many proposals it was ``screened`` (0 if no model was
              asked), the value that the model ``expected`` with its standard deviation
              ``expected_sd``, and ``expected_seconds``, how long it was expected to take at most.

        Raises
        ------
        ImportError
            Without the package pandas.
        """
        return to_pandas(self._state().evaluations, self._space())

    def sheet(self) -> Sheet:
        """The evaluations beside their parameters: what pictures are made from."""
        from pyhopper.history.sheet import sheet_of_state

        return sheet_of_state(self._state(), self._space())

    def importance(self) -> Importance:
        """Which parameters matter: the share of the value's variation that each explains.

        The value is taken apart into effects of single parameters and of pairs of them, over the
        whole ranges from which they are drawn (functional analysis of variance), by a model that
        also tells how unsure it is. Evaluations that failed or were pruned do not count.

        Returns
        -------
        Importance
            Prints as a table; its ``notes`` say when the shares mean little. Iterating gives a
            record for each parameter and for the strongest pairs, the largest share first.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=1)
        >>> _ = search.run(lambda p: p["x"] + p["y"] / 50, steps=40, seeding_ratio=1, quiet=True)
        >>> search.history.importance()[0].name
        'x'
        """
        from pyhopper.history.importance import importance

        return importance(self.sheet())

    def outlook(self, more: int | float | str) -> Outlook:
        """How much better the best value is expected to get with more evaluations.

        Parameters
        ----------
        more : int, float or str
            A number of evaluations, or a duration as text such as ``"4h"``, see
            :func:`pyhopper.parse_runtime`; it counts as many evaluations as ended per second of the
            second half of the search.

        Returns
        -------
        Outlook
            Prints as a sentence.

        Raises
        ------
        ArgumentError
            If ``more`` makes no sense.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        >>> _ = search.run(lambda params: params["x"], "max", steps=30, quiet=True)
        >>> outlook = search.history.outlook("1s")
        """
        from pyhopper.history.outlook import outlook

        return outlook(self.sheet(), more)

    def __repr__(self) -> str:
        return f"<History of {standing(self._state())}>"

    def _repr_html_(self) -> str:
        return to_html(repr(self), self._state(), self._space())

    def clear(self) -> None:
        """Forget the evaluations; the best one, the counts and the known duplicates stay."""
        self._state().forget_evaluations()
