"""The callback for TensorBoard, which uses the package tensorboardX."""

from __future__ import annotations

import os
from typing import Any

from pyhopper.callbacks.tracker import Tracker
from pyhopper.extras import require


class TensorboardCallback(Tracker):
    """Writes values, metrics and parameters as scalars, and candidates for the tab HParams.

    Parameters
    ----------
    logdir : str or path
        The folder to pass to ``tensorboard --logdir``; ``"runs"`` by default.

    Raises
    ------
    ImportError
        If the package tensorboardX is not installed.
    """

    def __init__(self, logdir: str | os.PathLike[str] = "runs") -> None:
        super().__init__()
        self._package = require("tensorboardX", "tensorboard", "this callback")
        self._logdir = os.fspath(logdir)
        self._writer: Any = None

    def open(self) -> None:
        """See :class:`Tracker`."""
        self._writer = self._package.SummaryWriter(
            self._logdir,
            # Otherwise two runs within one second would write to the same file.
            filename_suffix=f".{self._step:05d}",
        )

    def close(self) -> None:
        """See :class:`Tracker`."""
        self._writer.close()

    def record(
        self,
        step: int,
        numbers: dict[str, float],
        params: dict[str, float],
        texts: dict[str, str],
    ) -> None:
        """See :class:`Tracker`."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        for name, value in params.items():
            self._writer.add_scalar(f"params/{name}", value, step)
        for name, text in texts.items():
            self._writer.add_text(name, text, step)
        if "value" in numbers:
            hparams: dict[str, Any] = {**params, **texts}
            metrics = {"hparam/value": numbers["value"]}
            self._writer.add_hparams(hparams, metrics, name=f"{step:05d}", global_step=step)
