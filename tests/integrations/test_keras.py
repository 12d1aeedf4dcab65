"""Pruning in Keras 3, with PyTorch underneath."""

import os

import numpy as np
import pytest
import trainings

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", "3")

from pyhopper.integrations.keras import Pruning  # noqa: E402

pytestmark = pytest.mark.heavy

EPOCHS = 4


def fit(rate, *callbacks):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = x @ np.array([[1.0], [2.0], [-1.0]], dtype="float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate / 5), "mse")
    return model.fit(x, y, epochs=EPOCHS, validation_split=0.5, verbose=0, callbacks=callbacks)


def objective(params):
    os.environ["KERAS_BACKEND"] = "torch"
    return fit(params["lr"], Pruning("val_loss")).history["val_loss"][-1]


def test_pruning_and_resume(tmp_path):
    trainings.check_pruning(objective, tmp_path, EPOCHS)


class Ends(keras.callbacks.Callback):
    """Tells whether training ended for it, as one that closes files would need it."""

    ended = False

    def on_train_end(self, logs=None):
        self.ended = True


def test_others_end_in_order():
    """Callbacks before it in the list."""
    other = Ends()
    assert trainings.pruned(lambda params: fit(0.1, other, Pruning("val_loss")))
    assert other.ended


def test_outside_and_unknown():
    """Outside of a search nothing happens; in it, an unknown metric is an error."""
    assert len(fit(0.1, Pruning()).history["loss"]) == EPOCHS
    message = trainings.fails(lambda params: fit(0.1, Pruning("val_los")))
    assert "did you mean 'val_loss'?" in message
