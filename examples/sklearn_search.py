"""SearchCV in the place of RandomizedSearchCV, for a pipeline on handwritten digits.

pip install ".[sklearn]" && python examples/sklearn_search.py --runtime 30s --n_jobs 2
"""

import argparse

from scipy.stats import loguniform, randint
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pyhopper.integrations.sklearn import SearchCV

SPACE = {
    "pca__n_components": randint(5, 60),
    "pca__whiten": [False, True],
    "svc__C": loguniform(1e-2, 1e3),
    "svc__gamma": loguniform(1e-5, 1),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runtime", default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--n_jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    data, target = load_digits(return_X_y=True)
    data, test, target, test_target = train_test_split(data, target, random_state=0)
    search = SearchCV(
        make_pipeline(StandardScaler(), PCA(), SVC()),
        SPACE,
        runtime=arguments.runtime or (None if arguments.steps else "30s"),
        steps=arguments.steps,
        n_jobs=arguments.n_jobs,
        random_state=arguments.seed,
        verbose=1,
    )
    search.fit(data, target)
    print(f"\n{search.n_given_up_} candidates given up, {search.seconds_saved_:.1f} s saved")
    print(f"accuracy on new digits {search.score(test, test_target):.3f}")
