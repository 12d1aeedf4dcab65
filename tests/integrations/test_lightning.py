"""Pruning in PyTorch Lightning."""

import warnings

import pytest
import trainings

pytest.importorskip("lightning")
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger

from pyhopper.errors import ArgumentError
from pyhopper.integrations.lightning import Pruning

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore"),  # Lightning has advice about the number of workers
]

EPOCHS = 3


class Net(LightningModule):
    def __init__(self, rate):
        super().__init__()
        torch.manual_seed(0)
        self.rate = rate
        self.layer = torch.nn.Linear(3, 1)

    def _loss(self, batch):
        return torch.nn.functional.mse_loss(self.layer(batch), batch.sum(1, keepdim=True))

    def training_step(self, batch):
        loss = self._loss(batch)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch):
        self.log("val_loss", self._loss(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.rate / 5)


def fit(folder, rate, pruning, **settings):
    data = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
    loaders = [torch.utils.data.DataLoader(data, batch_size=8) for _ in range(2)]
    trainer = Trainer(
        max_epochs=EPOCHS, accelerator="cpu", callbacks=[pruning], logger=CSVLogger(folder),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
        log_every_n_steps=1, **{"devices": 1, **settings},
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(Net(rate), *loaders)
    return trainer


def test_pruning_and_resume(tmp_path):
    def objective(params):
        trainer = fit(tmp_path, params["lr"], Pruning("val_loss"))
        return trainer.callback_metrics["val_loss"].item()

    trainings.check_pruning(objective, tmp_path, EPOCHS)


def test_loggers_are_closed(tmp_path):
    """What was logged before the end is in the file."""
    assert trainings.pruned(lambda params: fit(tmp_path, 0.1, Pruning("val_loss"), min_epochs=3))
    lines = next(tmp_path.rglob("metrics.csv")).read_text().splitlines()
    assert "val_loss" in lines[0]
    assert len(lines) >= 5


def test_distributed_groups_are_ended(tmp_path):
    """The next candidate in the same process finds none, and may start its own."""
    for _ in range(2):
        assert trainings.pruned(
            lambda params: fit(tmp_path, 0.1, Pruning("val_loss"), strategy="ddp")
        )
        assert not torch.distributed.is_initialized()


def train_together(folder):
    try:
        fit(folder, 0.1, Pruning("val_loss"), strategy="ddp", devices=2)
    finally:
        assert not torch.distributed.is_initialized()


def test_several_processes(tmp_path):
    """Both of one training stop, and none waits for the other one."""
    trainings.check_processes("test_lightning", tmp_path)


def test_metrics_of_the_training(tmp_path):
    """Reported at the end of its epochs."""
    assert trainings.pruned(lambda params: fit(tmp_path, 0.1, Pruning("loss", on="train")))
    with pytest.raises(ArgumentError, match="on='test'"):
        Pruning("loss", on="test")


def test_outside_and_unknown(tmp_path):
    """Outside of a search nothing happens; in it, an unknown metric is an error."""
    assert fit(tmp_path, 0.1, Pruning("val_loss")).current_epoch == EPOCHS
    message = trainings.fails(lambda params: fit(tmp_path, 0.1, Pruning("val_los")))
    assert "did you mean 'val_loss'?" in message
