"""Pruning and a search with the Trainer of transformers."""

import functools

import pytest
import trainings

from pyhopper.errors import ArgumentError

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")
import torch  # noqa: E402

import pyhopper  # noqa: E402
from pyhopper.integrations.transformers import Pruning, hyperparameter_search  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

EPOCHS = 3


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x, labels=None):
        logits = self.layer(x)
        return {"loss": ((logits - labels) ** 2).mean(), "logits": logits}


def rows():
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    return [{"x": row, "labels": row.sum(0, keepdim=True)} for row in x]


def make(folder, callbacks=(), **settings):
    arguments = transformers.TrainingArguments(
        str(folder / "out"), use_cpu=True, num_train_epochs=EPOCHS, eval_strategy="epoch",
        report_to="none", disable_tqdm=True, save_strategy="no", optim="sgd", logging_steps=1,
        **settings,
    )  # fmt: skip
    return transformers.Trainer(
        model_init=Net, args=arguments, train_dataset=rows(), eval_dataset=rows(),
        callbacks=list(callbacks),
    )  # fmt: skip


def test_pruning_and_resume(tmp_path):
    def objective(params):
        trainer = make(tmp_path, [Pruning("loss")], learning_rate=params["lr"] / 5)
        trainer.train()
        return trainer.evaluate()["eval_loss"]

    trainings.check_pruning(objective, tmp_path, EPOCHS)


class Ends(transformers.TrainerCallback):
    """Tells whether training ended for it, as a tracker would need to close its files."""

    ended = False

    def on_train_end(self, args, state, control, **kwargs):
        self.ended = True


def test_others_end_in_order(tmp_path):
    other = Ends()
    assert trainings.pruned(lambda params: make(tmp_path, [other, Pruning("eval_loss")]).train())
    assert other.ended


def train_together(folder):
    make(folder, [Pruning()], ddp_backend="gloo").train()


def test_several_processes(tmp_path):
    """Both of one training stop, and none waits for the other one."""
    trainings.check_processes("test_transformers", tmp_path)


def test_outside_and_unknown(tmp_path):
    """Outside of a search nothing happens; in it, an unknown metric is an error."""
    assert make(tmp_path, [Pruning()]).train().metrics["epoch"] == EPOCHS
    message = trainings.fails(lambda params: make(tmp_path, [Pruning("eval_los")]).train())
    assert "did you mean 'eval_loss'?" in message


SPACE = {"learning_rate": pyhopper.float(1e-5, 0.3, log=True)}


def test_the_search(tmp_path):
    """In the shape of the Trainer's own; its arguments are afterwards what they were."""
    trainer = make(tmp_path, learning_rate=0.123)
    best = hyperparameter_search(trainer, SPACE, steps=4, seed=1, quiet=True)
    assert trainer.args.learning_rate == 0.123
    search = best.run_summary
    assert best.objective == search.best_f == min(search.history.fs)
    assert best.hyperparameters == search.best
    assert len(search.history.evaluations[0].estimates) == EPOCHS
    assert "eval_loss" in search.history.evaluations[0].metrics


def test_the_search_in_processes(tmp_path):
    """From a function that makes a trainer; goes on from a checkpoint."""
    settings = {"n_jobs": 2, "quiet": True, "checkpoint_path": tmp_path / "run.ckpt"}
    for count in (2, 3):
        best = hyperparameter_search(
            functools.partial(make, tmp_path), SPACE, n_trials=count, pruner="auto", **settings
        )
        assert len(best.run_summary.history.evaluations) == count


def test_mistakes(tmp_path):
    trainer = make(tmp_path)
    with pytest.raises(ArgumentError, match="give a function"):
        hyperparameter_search(trainer, SPACE, n_trials=2, n_jobs=2)
    trainer.model_init = None
    with pytest.raises(ArgumentError, match="model_init"):
        hyperparameter_search(trainer, SPACE, n_trials=2)
    space = {"learning_rat": pyhopper.float(0, 1)}
    with pytest.raises(pyhopper.SearchFailedError, match="did you mean 'learning_rate'"):
        hyperparameter_search(make(tmp_path), space, n_trials=2, quiet=True)


@pytest.mark.parametrize(
    ("argument", "more"),
    [
        ("hp_space", {"hp_space": lambda trial: {}}),
        ("backend", {"hp_space": SPACE, "backend": "optuna"}),
        ("steps", {"hp_space": SPACE, "n_trials": 2, "steps": 3}),
    ],
)
def test_arguments_of_the_trainers_own_search(argument, more, tmp_path):
    with pytest.raises(ArgumentError, match=f"^{argument}="):
        hyperparameter_search(make(tmp_path), **more)
