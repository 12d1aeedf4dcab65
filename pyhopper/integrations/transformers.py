"""Pruning and a search for the Trainer of Hugging Face's transformers."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyhopper.errors import ArgumentError, UnknownNameError
from pyhopper.extras import require
from pyhopper.integrations.monitor import Judge, Monitor
from pyhopper.parameters import Choice, Float, Int
from pyhopper.search import Search

transformers = require("transformers", "transformers", __name__)


class Pruning(transformers.TrainerCallback):  # type: ignore[name-defined]
    """Reports a metric of each evaluation, and gives the training up if the search says so.

    The training ends in the way of early stopping, then PruneEvaluation is raised, so that what
    reports to trackers has ended. With several processes to one training, the one of rank 0 is that
    of the search: it asks, and PruneEvaluation is raised in all of them. Outside of a search it
    does nothing.

    Parameters
    ----------
    monitor : str or callable
        The metric, such as ``"eval_loss"``; ``eval_`` may be left out. Or a function of all
        metrics that returns a number.

    Raises
    ------
    ArgumentError
        If ``monitor`` is neither; in the training, if there is no such metric.

    Examples
    --------
    >>> from pyhopper.integrations.transformers import Pruning  # doctest: +SKIP
    >>> arguments = TrainingArguments("out", eval_strategy="epoch")  # doctest: +SKIP
    >>> Trainer(model, arguments, callbacks=[Pruning("eval_loss")], ...)  # doctest: +SKIP
    """

    def __init__(self, monitor: Monitor = "eval_loss") -> None:
        self._judge = Judge(monitor)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report, and stop the training if the search says so."""
        metrics = dict(kwargs["metrics"])
        if isinstance(self._judge.monitor, str):
            metrics.update({name.removeprefix("eval_"): v for name, v in metrics.items()})
        prune = state.is_world_process_zero and self._judge.report(metrics)
        if args.world_size > 1:
            from torch import distributed

            answer = [prune]
            distributed.broadcast_object_list(answer, src=0)
            self._judge.pruned = answer[0]
        control.should_training_stop |= self._judge.pruned

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Raise PruneEvaluation if the training was given up."""
        self._judge.end()


def default_space() -> dict[str, Any]:
    """The space that ``Trainer.hyperparameter_search`` has where none is given."""
    return {
        "learning_rate": Float(1e-6, 1e-4, log=True),
        "num_train_epochs": Int(1, 5),
        "seed": Int(1, 40),
        "per_device_train_batch_size": Choice([4, 8, 16, 32, 64], is_ordinal=True),
    }


def hyperparameter_search(
    trainer: Any,
    hp_space: Mapping[str, Any] | None = None,
    compute_objective: Callable[..., float] | None = None,
    n_trials: int | None = None,
    direction: str = "minimize",
    hp_name: Callable[[dict[str, Any]], str] | None = None,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Any:
    """Search for training arguments, in the shape of ``Trainer.hyperparameter_search``.

    That method takes no back ends but its own, so that this is a function: instead of
    ``trainer.hyperparameter_search(...)`` write ``hyperparameter_search(trainer, ...)``.

    Parameters
    ----------
    trainer : Trainer or callable
        One with ``model_init``, or a function without arguments that makes one, which can be sent
        to other processes (``n_jobs``).
    hp_space : dict, optional
        A template of training arguments, by default :func:`default_space`.
    compute_objective : callable, optional
        Makes one number of the metrics of an evaluation; by default as in transformers: the loss,
        or the sum of the other metrics if there are any.
    n_trials : int, optional
        How many candidates to evaluate; or give ``runtime`` or ``steps``. By default 20, as there.
    direction : str
        ``"minimize"`` or ``"maximize"``.
    hp_name : callable, optional
        Makes the name of a run, ``TrainingArguments.run_name``, of a candidate.
    seed : int, optional
        Of the search.
    **settings : object
        Further arguments of :meth:`pyhopper.Search.run`: ``runtime``, ``pruner="auto"``,
        ``n_jobs``, ``checkpoint_path``, and so on.

    Returns
    -------
    transformers.trainer_utils.BestRun
        ``run_id``, ``objective``, ``hyperparameters``, and under ``run_summary`` the search.

    Raises
    ------
    ArgumentError
        If the trainer has no ``model_init``, or an argument makes no sense.
    """
    if hp_space is not None and not isinstance(hp_space, Mapping):
        problem = 'must be a dict, such as {"learning_rate": pyhopper.float(1e-6, 1e-4, log=True)}'
        raise ArgumentError("hp_space", hp_space, problem)
    if "backend" in settings:
        raise ArgumentError("backend", settings["backend"], "this one is pyhopper's; leave it out")
    if n_trials is not None and "steps" in settings:
        raise ArgumentError("steps", settings["steps"], "n_trials means the same; give one of them")
    if n_trials is not None or settings.keys().isdisjoint(("runtime", "steps", "endless_mode")):
        settings["steps"] = 20 if n_trials is None else n_trials
    if isinstance(trainer, transformers.Trainer):
        if settings.get("n_jobs", 1) != 1:
            problem = "for several processes give a function that makes one"
            raise ArgumentError("trainer", trainer, problem)
        _check(trainer)
        make: Callable[[], Any] = functools.partial(_same, trainer)
    else:
        make = trainer
    metric = compute_objective or transformers.trainer_utils.default_compute_objective
    objective = functools.partial(_train, make=make, metric=metric, hp_name=hp_name)
    search = Search(default_space() if hp_space is None else hp_space, seed=seed)
    best = search.run(objective, direction, **settings)
    name = "" if best is None else _run_id(best)
    return transformers.trainer_utils.BestRun(name, search.best_f, best, search)


def _check(trainer: Any) -> None:
    if trainer.model_init is None:
        problem = "needs model_init: a function that makes a fresh model for every candidate"
        raise ArgumentError("trainer", trainer, problem)


def _same(trainer: Any) -> Any:
    return trainer


def _run_id(params: Mapping[str, Any]) -> str:
    """The same name for the same candidate, also after a resume."""
    text = repr(sorted(params.items(), key=str))
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _train(
    params: dict[str, Any],
    make: Callable[[], Any],
    metric: Callable[..., float],
    hp_name: Callable[[dict[str, Any]], str] | None,
) -> dict[str, Any]:
    """Train and evaluate with a candidate's arguments, in a folder of its own."""
    trainer = make()
    _check(trainer)
    args = trainer.args
    changes = {**params, "output_dir": str(Path(args.output_dir) / f"run-{_run_id(params)}")}
    if hp_name is not None:
        changes["run_name"] = hp_name(params)
    unknown = [name for name in changes if not hasattr(args, name)]
    if unknown:
        raise UnknownNameError(unknown[0], sorted(vars(args)))
    before = {name: getattr(args, name) for name in changes}
    pruning = Pruning(metric)
    trainer.add_callback(pruning)
    try:
        for name, value in changes.items():
            setattr(args, name, value)
        try:
            trainer.train()
        finally:
            trainer.remove_callback(pruning)
        metrics = trainer.evaluate()
    finally:
        for name, value in before.items():
            setattr(args, name, value)
    return {**metrics, "value": metric(dict(metrics))}
