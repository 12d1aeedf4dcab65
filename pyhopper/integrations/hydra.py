"""A sweeper for Hydra: ``python train.py --multirun hydra/sweeper=pyhopper``.

Hydra finds it in the package ``hydra_plugins.pyhopper_sweeper``.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

try:
    from hydra.core.config_store import ConfigStore
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
    from hydra.core.plugins import Plugins
    from hydra.plugins.sweeper import Sweeper
    from omegaconf import OmegaConf
except ImportError as error:
    problem = 'the sweeper needs hydra-core; run: pip install "pyhopper[hydra]"'
    raise ImportError(problem) from error

from pyhopper.errors import ArgumentError, SearchFailedError
from pyhopper.events import Candidate
from pyhopper.integrations.convert.build import options, real, whole
from pyhopper.objective import PruneEvaluation
from pyhopper.parameters import Parameter
from pyhopper.search import Search
from pyhopper.session import FAILED, PRUNED

log = logging.getLogger(__name__)

_FIRST_FAILURES = 5
"""Failures without any success after which the task is taken to be at fault."""


@dataclass
class SweeperConfig:
    """The entries of ``hydra.sweeper``.

    Attributes
    ----------
    direction : str
        ``"minimize"`` or ``"maximize"`` what the task returns.
    steps, runtime : int, str, optional
        The budget: how many jobs, or how long, such as ``"2h"``.
    n_jobs : int
        How many jobs the launcher gets at a time; as many as it runs at a time.
    seed : int, optional
        Makes a sweep with ``steps`` repeatable.
    seeding_ratio : float
        The share of the budget for random search.
    checkpoint : str, optional
        Where the sweep is kept, by default ``pyhopper.ckpt`` in ``hydra.sweep.dir``. If it exists,
        the sweep goes on.
    params : dict
        The space, in the syntax of overrides; what the command line says takes precedence.
    """

    _target_: str = "hydra_plugins.pyhopper_sweeper.PyHopperSweeper"
    direction: str = "minimize"
    steps: Any = None
    runtime: Any = None
    n_jobs: int = 1
    seed: int | None = None
    seeding_ratio: float = 0.25
    checkpoint: str | None = None
    params: dict[str, Any] = field(default_factory=dict)


ConfigStore.instance().store("pyhopper", SweeperConfig, "hydra/sweeper", provider="pyhopper")


class SearchSweeper(Sweeper):
    """Asks the search for candidates, and runs them as jobs of Hydra's launcher.

    Parameters
    ----------
    **settings : object
        See :class:`SweeperConfig`.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = SweeperConfig(**settings)
        self._launcher: Any = None

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """See :class:`hydra.plugins.sweeper.Sweeper`."""
        self.hydra_context, self.config = hydra_context, config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> float | None:
        """Run the sweep.

        Parameters
        ----------
        arguments : list of str
            Overrides of the command line.

        Returns
        -------
        float or None
            The best value.

        Raises
        ------
        ArgumentError
            If there is no budget, nothing to search for, or a sweep that makes no sense.
        SearchFailedError
            If the first jobs have all failed.
        """
        settings = self._settings
        assert self.config is not None
        params = OmegaConf.to_container(OmegaConf.create(settings.params))
        assert isinstance(params, Mapping)
        if settings.steps is None and settings.runtime is None:
            problem = "a sweep needs a budget: hydra.sweeper.steps=50 or hydra.sweeper.runtime=2h"
            raise ArgumentError("steps, runtime", None, problem)
        if settings.n_jobs < 1:
            raise ArgumentError("n_jobs", settings.n_jobs, "must be an integer, at least 1")
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = [f"{key}={value}" for key, value in params.items()]
        space, fixed = read_overrides(parser.parse_overrides([*given, *arguments]))
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        search = Search(space, seed=settings.seed)
        self._run(search, fixed, settings.checkpoint or folder / "pyhopper.ckpt")
        # As the task got them: an option of a choice is text in the syntax of overrides.
        found = parser.parse_overrides(_overrides(search.best or {}))
        best = {each.get_key_element(): each.value() for each in found}
        results = {"name": "pyhopper", "best_value": search.best_f, "best_params": best}
        OmegaConf.save(OmegaConf.create(results), folder / "optimization_results.yaml")
        log.info("Best value: %s", search.best_f)
        log.info("Best parameters: %s", best)
        return search.best_f

    def _run(self, search: Search, fixed: Sequence[str], checkpoint: Any) -> None:
        settings, failures = self._settings, 0
        while True:
            batch: list[Candidate] = []
            while len(batch) < settings.n_jobs:
                candidate = search.ask(
                    settings.direction,
                    steps=settings.steps,
                    runtime=settings.runtime,
                    seeding_ratio=settings.seeding_ratio,
                    checkpoint_path=checkpoint,
                )
                if candidate is None:
                    break
                batch.append(candidate)
            if not batch:
                return
            for candidate, result in self._launched(batch, fixed):
                try:
                    value = result.return_value
                except PruneEvaluation:
                    value = PRUNED
                except Exception as error:
                    failures += 1
                    if search.best is None and failures >= max(_FIRST_FAILURES, settings.n_jobs):
                        search.tell(candidate, FAILED)
                        raise SearchFailedError(failures, candidate.params, repr(error)) from error
                    log.warning("Job %d failed: %r", candidate.id, error)
                    value = FAILED
                search.tell(candidate, value)

    def _launched(
        self, batch: Sequence[Candidate], fixed: Sequence[str]
    ) -> Iterator[tuple[Candidate, Any]]:
        """Run candidates; a job has the number of its candidate, also after a resume."""
        for _, group in itertools.groupby(enumerate(batch), lambda pair: pair[1].id - pair[0]):
            jobs = [candidate for _, candidate in group]
            overrides = [[*fixed, *_overrides(candidate.params)] for candidate in jobs]
            self.validate_batch_is_legal(overrides)
            results = self._launcher.launch(overrides, initial_job_idx=jobs[0].id)
            yield from zip(jobs, results, strict=True)


def read_overrides(overrides: Sequence[Override]) -> tuple[dict[str, Any], list[str]]:
    """The template of all overrides that are sweeps, and the other overrides.

    Parameters
    ----------
    overrides : sequence of Override
        Of one key the last one counts.

    Returns
    -------
    dict, list of str
        By key, for example ``model.lr``: ``interval(a, b)`` is a number and
        ``int(interval(a, b))`` an integer, both with the tag ``log`` drawn loguniformly;
        ``range(a, b, step)`` is a number on a grid without its upper bound; ``choice(...)`` and
        ``a,b,c`` are options, with the tag ``ordinal`` in an order.

    Raises
    ------
    ArgumentError
        If there is no sweep.
    """
    last = {override.get_key_element(): override for override in overrides}
    space, fixed = {}, []
    for key, override in last.items():
        found = _parameter(key, override) if override.is_sweep_override() else None
        if isinstance(found, Parameter):
            space[key] = found
        elif found is not None:
            fixed.append(f"{key}={_text(found)}")
        else:
            fixed.append(f"{key}={override.get_value_element_as_str()}")
    if not space:
        problem = "there is nothing to search for; write lr=interval(0.001, 0.1) or the like"
        raise ArgumentError("overrides", sorted(last), problem)
    return space, fixed


def _parameter(key: str, override: Override) -> Any:
    sweep: Any = override.value()
    tags: set[str] = getattr(sweep, "tags", set())
    if isinstance(sweep, IntervalSweep):
        both = all(isinstance(end, int) for end in (sweep.start, sweep.end))
        read = whole if both else real
        return read(key, sweep.start, sweep.end, log="log" in tags)
    if isinstance(sweep, RangeSweep) and not sweep.shuffle:
        step = abs(sweep.step)
        both = all(isinstance(end, int) for end in (sweep.start, sweep.stop, step))
        values = list(sweep.range())
        read = whole if both else real
        return read(key, min(values), max(values), step=step)
    return options(key, list(override.sweep_string_iterator()), ordinal="ordinal" in tags)


def _overrides(params: Mapping[str, Any]) -> list[str]:
    return [f"{key}={_text(value)}" for key, value in params.items()]


def _text(value: Any) -> str:
    """A value in the syntax of overrides; an option of a choice is that already."""
    return value if isinstance(value, str) else repr(value)
