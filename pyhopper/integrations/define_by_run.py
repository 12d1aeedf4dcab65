"""The space of a define-by-run study, found out from its trials.

Such a study has no space: each trial asks for its parameters one after the other. What is always
asked for, and what depends on the option of a categorical parameter, shows in the finished trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

import pyhopper.parameters as kinds
from pyhopper.parameters import Parameter

Distributions = Mapping[str, BaseDistribution]

_GROWN = 10
"""A new parameter joins the space when so many trials in a row have it: those before count no more
then, since nobody knows what their value was."""

_MOST_OPTIONS = 64
"""A categorical parameter with more options switches nothing."""


@dataclass
class Branch:
    """The parameters of a study, or those that depend on one option.

    Attributes
    ----------
    own : list of str
        Names of the parameters that are always there.
    switches : dict
        For some of them, the categorical ones, what depends on each option.
    """

    own: list[str] = field(default_factory=list)
    switches: dict[str, list[Branch]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, trials: Sequence[FrozenTrial], names: Sequence[str], distributions: Distributions
    ) -> Branch:
        """Find out how some parameters depend on each other.

        Parameters
        ----------
        trials : sequence of FrozenTrial
            Complete ones, in the order of their numbers.
        names : sequence of str
            The parameters. Those of which the trials do not tell are left out.
        distributions : dict
            Their present distributions.
        """
        own = [name for name in names if trials and all(name in t.params for t in trials)]
        rest = [n for n in names if n not in own and any(n in t.params for t in trials)]
        switches = {}
        for name in own:
            if rest and (branches := _split(trials, name, rest, distributions)):
                switches[name] = branches
                rest = [n for n in rest if not any(n in each.names() for each in branches)]
        own += [name for name in rest if _has_grown(trials, name)]
        return cls(own, switches)

    def names(self) -> set[str]:
        """All parameters, those of options included."""
        inner = [each.names() for branches in self.switches.values() for each in branches]
        return set(self.own).union(*inner)

    def template(self, distributions: Distributions) -> dict[str, Any]:
        """The template whose candidates :meth:`guess` makes and :meth:`params` reads."""
        template: dict[str, Any] = {}
        for name in self.own:
            if name in self.switches:
                branches = enumerate(self.switches[name])
                options = [{"": i, **each.template(distributions)} for i, each in branches]
                template[name] = kinds.Choice(options)
            else:
                template[name] = _parameter(distributions[name])
        return template

    def guess(self, params: Mapping[str, Any], distributions: Distributions) -> dict[str, Any]:
        """A trial's parameters as a candidate of the template.

        Raises
        ------
        KeyError
            If one is missing.
        ValueError
            If one is outside of its distribution.
        """
        guess: dict[str, Any] = {}
        for name in self.own:
            value = guess[name] = _number(distributions[name], params[name])
            if name in self.switches:
                inner = self.switches[name][value].guess(params, distributions)
                guess[name] = {"": value, **inner}
        return guess

    def params(self, candidate: Mapping[str, Any], distributions: Distributions) -> dict[str, Any]:
        """A candidate of the template as a trial's parameters."""
        params: dict[str, Any] = {}
        for name in self.own:
            value = candidate[name]
            if name in self.switches:
                number = value[""]
                params.update(self.switches[name][number].params(value, distributions))
                value = number
            params[name] = _value(distributions[name], value)
        return params


def _split(
    trials: Sequence[FrozenTrial], name: str, rest: Sequence[str], distributions: Distributions
) -> list[Branch] | None:
    """What depends on each option of a parameter; None if nothing does."""
    distribution = distributions[name]
    if not isinstance(distribution, CategoricalDistribution):
        return None
    if not 1 < len(distribution.choices) <= _MOST_OPTIONS:
        return None
    groups: list[list[FrozenTrial]] = [[] for _ in distribution.choices]
    for trial in trials:
        groups[_number(distribution, trial.params[name])].append(trial)

    def split(names: Sequence[str]) -> list[Branch]:
        return [Branch.of(group, names, distributions) for group in groups]

    known = [each.names() for each in split(rest)]
    explained = [
        n
        for n in rest
        if all(
            n in found or not any(n in trial.params for trial in group)
            for found, group in zip(known, groups, strict=True)
        )
    ]
    return split(explained) if explained else None


def _has_grown(trials: Sequence[FrozenTrial], name: str) -> bool:
    """Whether a parameter has become one that is always there."""
    having = [name in trial.params for trial in trials]
    since = having[having.index(True) :]
    return all(since) and len(since) >= _GROWN


def _steps(distribution: BaseDistribution) -> int | None:
    """How many steps there are from the lowest value to the highest; None in a continuum."""
    step = getattr(distribution, "step", None)
    if step is None or getattr(distribution, "log", False):
        return None
    steps: int = round((distribution.high - distribution.low) / step)
    return steps


def _parameter(distribution: BaseDistribution) -> Parameter:
    """The parameter of :func:`_number`."""
    if isinstance(distribution, CategoricalDistribution):
        return kinds.Choice(list(range(len(distribution.choices))))
    steps = _steps(distribution)
    if steps is not None:
        return kinds.Int(0, steps)
    kind = kinds.Int if isinstance(distribution, IntDistribution) else kinds.Float
    return kind(distribution.low, distribution.high, log=distribution.log)


def _number(distribution: BaseDistribution, value: Any) -> Any:
    """A trial's value as that of a parameter: the number of an option, or of a step."""
    internal = distribution.to_internal_repr(value)
    if not distribution._contains(internal):  # noqa: SLF001 - what its samplers call
        raise ValueError(value)
    if isinstance(distribution, CategoricalDistribution):
        return int(internal)
    steps = _steps(distribution)
    if steps is not None:
        return round((internal - distribution.low) / distribution.step)
    return int(internal) if isinstance(distribution, IntDistribution) else float(internal)


def _value(distribution: BaseDistribution, number: Any) -> Any:
    """Inverts :func:`_number`."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[number]
    if _steps(distribution) is not None:
        value = distribution.low + number * distribution.step
        if isinstance(distribution, FloatDistribution):
            return float(min(value, distribution.high))
        return int(value)
    return number
