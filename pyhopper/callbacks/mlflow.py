"""The callback for the experiment tracker MLflow."""

from __future__ import annotations

from typing import Any

from pyhopper.callbacks.tracker import Tracker
from pyhopper.extras import require

_LONGEST = 500
"""Longest value of a parameter, in characters, that every MLflow server accepts."""


class MLflowCallback(Tracker):
    """Logs a search to MLflow: one run for the search, with a nested run for each evaluation.

    Parameters
    ----------
    experiment_name : str
        Name of the experiment, ``"pyhopper"`` by default. It is created if it does not exist.
    run_name : str, optional
        Name of the run; by default MLflow makes one up.
    tracking_uri : str, optional
        Where to log, for example ``"sqlite:///mlflow.db"``; by default where MLflow is set up to.

    Raises
    ------
    ImportError
        If the package mlflow is not installed.
    """

    def __init__(
        self,
        experiment_name: str = "pyhopper",
        run_name: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        super().__init__()
        self._mlflow = require("mlflow", "mlflow", "this callback")
        self._name = run_name
        self._experiment = experiment_name
        self._uri = tracking_uri
        self._client: Any = None
        self._experiment_id = ""

    def open(self) -> None:
        """See :class:`Tracker`."""
        # Unlike the functions of the module mlflow, a client does not change the active run.
        self._client = self._mlflow.MlflowClient(self._uri)
        found = self._client.get_experiment_by_name(self._experiment)
        self._experiment_id = (
            self._client.create_experiment(self._experiment)
            if found is None
            else found.experiment_id
        )
        if self.run_id:
            self._client.update_run(self.run_id, status="RUNNING")
        else:
            run = self._client.create_run(self._experiment_id, run_name=self._name)
            self.run_id = run.info.run_id

    def close(self) -> None:
        """See :class:`Tracker`."""
        self._client.set_terminated(self.run_id)

    def record(
        self,
        step: int,
        numbers: dict[str, float],
        params: dict[str, float],
        texts: dict[str, str],
    ) -> None:
        """See :class:`Tracker`."""
        entities = self._mlflow.entities
        tags = {"mlflow.parentRunId": self.run_id}
        child = self._client.create_run(self._experiment_id, tags=tags, run_name=f"{step:05d}")
        now = child.info.start_time
        metrics = [entities.Metric(name, value, now, step) for name, value in numbers.items()]
        settings = {**params, **texts}
        listed = [entities.Param(name, str(v)[:_LONGEST]) for name, v in settings.items()]
        self._client.log_batch(child.info.run_id, metrics=metrics, params=listed[:100])
        self._client.set_terminated(child.info.run_id)
        self._client.log_batch(self.run_id, metrics=metrics)
