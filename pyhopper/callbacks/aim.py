"""The callback for the experiment tracker Aim."""

from __future__ import annotations

import os
from typing import Any

from pyhopper.callbacks.tracker import Tracker
from pyhopper.extras import require


class AimCallback(Tracker):
    """Logs a search as one run of Aim, with one step for each evaluation.

    Parameters
    ----------
    name : str, optional
        Name of the experiment; by default that of Aim.
    repo : str or path, optional
        Folder of the Aim repository; by default the one that Aim finds by itself.
    **settings : object
        Further arguments of ``aim.Run``. By default Aim logs neither the load of the machine, nor
        system parameters, nor what is printed.

    Raises
    ------
    ImportError
        If the package aim is not installed.
    """

    def __init__(
        self,
        name: str | None = None,
        repo: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self._aim = require("aim", "aim", "this callback")
        folder = None if repo is None else os.fspath(repo)
        # By itself Aim would also log the machine and the terminal, which say nothing of a search.
        quiet = {"system_tracking_interval": None, "log_system_params": False}
        quiet["capture_terminal_logs"] = False
        self._settings: dict[str, Any] = {"experiment": name, "repo": folder, **quiet, **settings}
        self._run: Any = None

    def open(self) -> None:
        """See :class:`Tracker`."""
        self._run = self._aim.Run(run_hash=self.run_id or None, **self._settings)
        self.run_id = self._run.hash

    def close(self) -> None:
        """See :class:`Tracker`."""
        self._run.close()

    def record(
        self,
        step: int,
        numbers: dict[str, float],
        params: dict[str, float],
        texts: dict[str, str],
    ) -> None:
        """See :class:`Tracker`."""
        for name, value in numbers.items():
            self._run.track(value, name=name, step=step)
        for name, value in params.items():
            self._run.track(value, name=f"params.{name}", step=step)
        for name, text in texts.items():
            self._run.track(self._aim.Text(text), name=name, step=step)
