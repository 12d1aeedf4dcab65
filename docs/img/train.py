"""The search that the pictures of a terminal and of a report show: a real training of a network.

python docs/img/train.py run.ckpt
"""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import pyhopper

warnings.simplefilter("ignore")
images, labels = load_digits(return_X_y=True)
x, valid_x, y, valid_y = train_test_split(images / 16, labels, test_size=0.4, random_state=0)


def train(params: dict[str, Any]) -> Iterator[float]:
    """Train for some epochs, and report the accuracy after each of them."""
    model = MLPClassifier(
        params["layers"],
        activation=params["activation"],
        learning_rate_init=params["lr"],
        batch_size=params["batch"],
        random_state=0,
    )
    for _ in range(10):
        model.partial_fit(x, y, classes=range(10))
        yield model.score(valid_x, valid_y)


search = pyhopper.Search(
    lr=pyhopper.float(1e-4, 1e-1, "0.1g"),
    layers=pyhopper.list(pyhopper.int(8, 64, power_of=2), 1, 3),
    activation=pyhopper.choice("relu", "tanh", "logistic"),
    batch=pyhopper.int(16, 256, power_of=2),
    seed=3,
)
search.run(train, "max", steps=60, pruner="auto", n_jobs=2, checkpoint_path=sys.argv[1])
