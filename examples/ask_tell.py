"""Evaluate one candidate by ask and tell; any number of processes may do so, also at the same time.

    for i in 1 2 3 4; do python examples/ask_tell.py & done; wait

Each process asks for a candidate from the shared checkpoint, trains it and tells the result. If one
is killed, the next gets its candidate, finds the folder and goes on from the last epoch.
"""

import argparse
import json
import os
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import pyhopper

TEMPLATE = {
    "alpha": pyhopper.float(1e-6, 1e-1, "0.1g"),
    "loss": pyhopper.choice("log_loss", "hinge", "modified_huber"),
    "eta0": pyhopper.float(1e-4, 1e-1, "0.1g"),
    "epochs": 5,
}


def train(params: dict[str, Any], folder: str) -> dict[str, Any]:
    x, y = load_digits(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    x, test_x, y, test_y = train_test_split(x, y, random_state=0, stratify=y)
    model = SGDClassifier(
        alpha=params["alpha"],
        loss=params["loss"],
        eta0=params["eta0"],
        learning_rate="constant",
        random_state=0,
    )
    saved = os.path.join(folder, "model.json")
    first = 0
    if os.path.exists(saved):
        with open(saved, encoding="utf-8") as file:
            state = json.load(file)
        first = state["epochs"]
        model.partial_fit(x[:10], y[:10], classes=np.unique(y))
        model.coef_, model.intercept_ = np.array(state["coef"]), np.array(state["intercept"])
    for epoch in range(first, params["epochs"]):
        model.partial_fit(x, y, classes=np.unique(y))
        state = {"epochs": epoch + 1, "coef": model.coef_, "intercept": model.intercept_}
        with open(f"{saved}.new", "w", encoding="utf-8") as file:
            json.dump(state, file, default=np.ndarray.tolist)
        os.replace(f"{saved}.new", saved)
    return {"value": float(model.score(test_x, test_y)), "resumed_at": first}


def main() -> None:
    parser = argparse.ArgumentParser(description="Evaluate one candidate.")
    parser.add_argument("--checkpoint", default="ask_tell.ckpt", help="the file that all share")
    parser.add_argument(
        "--work_dir", default="ask_tell_runs", help="has a folder for each candidate"
    )
    parser.add_argument("--steps", default=100, help="how many candidates in all")
    args = parser.parse_args()

    search = pyhopper.Search(TEMPLATE)
    candidate = search.ask(
        "max", steps=args.steps, checkpoint_path=args.checkpoint, work_dir=args.work_dir
    )
    if candidate is None:
        print(f"Nothing left to do. Best so far {search.best_f}: {search.best}")
        return
    print(f"candidate {candidate.id}: {candidate.params}")
    try:
        result = train(candidate.params, str(search.candidate_dir(candidate)))
    except ValueError as error:
        print(f"failed: {error}")
        search.tell(candidate, pyhopper.FAILED)
        return
    search.tell(candidate, result)
    print(f"candidate {candidate.id}: {result}; best so far {search.best_f}")


if __name__ == "__main__":
    main()
