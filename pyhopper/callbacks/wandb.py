"""The callback for the experiment tracker Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyhopper.callbacks.tracker import Tracker
from pyhopper.extras import require


class WandbCallback(Tracker):
    """Logs a search as one run of Weights & Biases, with one step for each evaluation.

    Parameters
    ----------
    project, entity, group, name : str, optional
        The project, the user or team, the group and the name of the run, as for ``wandb.init``,
        whose defaults they have.
    tags : sequence of str, optional
        Tags of the run; none by default.
    **settings : object
        Further arguments of ``wandb.init``, for example ``dir="runs"`` or ``mode="offline"``.

    Raises
    ------
    ImportError
        If the package wandb is not installed.
    """

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self._wandb = require("wandb", "wandb", "this callback")
        of_run = {"project": project, "entity": entity, "group": group, "name": name, "tags": tags}
        self._settings = {**of_run, **settings}
        self._run: Any = None

    def open(self) -> None:
        """See :class:`Tracker`."""
        known = {"id": self.run_id, "resume": "allow"} if self.run_id else {}
        self._run = self._wandb.init(**{**self._settings, **known})
        self.run_id = self._run.id

    def close(self) -> None:
        """See :class:`Tracker`."""
        self._run.finish()

    def record(
        self,
        step: int,
        numbers: dict[str, float],
        params: dict[str, float],
        texts: dict[str, str],
    ) -> None:
        """See :class:`Tracker`."""
        self._run.log({**numbers, **{f"params.{k}": v for k, v in params.items()}, **texts}, step)
