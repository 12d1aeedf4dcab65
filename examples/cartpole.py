"""Balance a pole without gradients; the parameters are the weights of a small policy network.

python examples/cartpole.py --runtime 60s --picture cartpole.png
"""

import argparse
from typing import Any

import gymnasium
import numpy as np

import pyhopper

HIDDEN = 6
EPISODES = 4
SOLVED = 475.0  # mean steps from which on the task counts as solved; the most are 500


def template() -> dict[str, Any]:
    return {
        "w1": pyhopper.float(-2, 2, shape=(4, HIDDEN)),
        "b1": pyhopper.float(-1, 1, shape=HIDDEN),
        "w2": pyhopper.float(-2, 2, shape=HIDDEN),
    }


def act(params: dict[str, Any], observation: np.ndarray) -> int:
    hidden = np.tanh(observation @ params["w1"] + params["b1"])
    return int(hidden @ params["w2"] > 0)


def episode(params: dict[str, Any], seed: int | None = None) -> float:
    """How many steps the pole stays up, from a random start."""
    environment = gymnasium.make("CartPole-v1")
    observation, _ = environment.reset(seed=seed)
    reward, over = 0.0, False
    while not over:
        observation, step, fell, late, _ = environment.step(act(params, observation))
        reward += float(step)
        over = fell or late
    environment.close()
    return reward


def save_picture(path: str, params: dict[str, Any], history: Any) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    left.plot(history.steps, history.fs, ".", color="gray", markersize=3, label="tried")
    left.plot(history.steps, history.best_fs, color="tab:blue", label="best so far")
    left.axhline(SOLVED, color="tab:green", linestyle="--", label="solved")
    left.set_xlabel("candidate")
    left.set_ylabel("mean reward")
    left.set_title("Mean reward of the candidates")
    left.legend()
    environment = gymnasium.make("CartPole-v1")
    observation, _ = environment.reset(seed=1)
    angles, over = [], False
    while not over:
        angles.append(np.degrees(observation[2]))
        observation, _, fell, late, _ = environment.step(act(params, observation))
        over = fell or late
    environment.close()
    right.plot(angles, color="tab:blue")
    right.set_ylim(-12, 12)
    right.set_xlabel("step")
    right.set_ylabel("degrees")
    right.set_title("Angle of the pole, best policy (it falls at 12)")
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description="Learn to balance a pole without gradients.")
    parser.add_argument("--runtime", default="60s", help='how long to search, such as "2min"')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", help="where to save a picture (needs matplotlib)")
    parser.add_argument("--short", action="store_true", help="a few candidates, to try it out")
    args = parser.parse_args()
    steps = 20 if args.short else None

    search = pyhopper.Search(template(), seed=args.seed)
    best = search.run(
        # Starts are random, so a policy is judged by several episodes; poor ones are pruned early.
        pyhopper.wrap_n_times(episode, EPISODES),
        "max",
        runtime=None if args.short else args.runtime,
        steps=steps,
        pruner=pyhopper.pruners.QuantilePruner(0.8),
    )
    if best is None:
        print("No policy could be evaluated in this time.")
        return
    fresh = [episode(best, seed) for seed in range(5 if args.short else 100)]
    verdict = "solved" if np.mean(fresh) >= SOLVED else "not solved yet"
    print(f"\nMean reward in {len(fresh)} new episodes: {np.mean(fresh):.1f} ({verdict})")
    if args.picture:
        save_picture(args.picture, best, search.history)
        print(f"Picture: {args.picture}")


if __name__ == "__main__":
    main()
