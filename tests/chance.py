"""What the statistical tests share.

Each of them is a test at a level of 1e-6: with another seed it would raise a false alarm once in a
million runs. There are about 40, so once in 25,000 for all of them together.
"""

from collections import Counter

import numpy as np
from scipy import stats

FALSE_ALARM = 1e-6
DRAWS = 20_000


def chi_square(values, expected):
    """p-value of drawn values against their expected probabilities."""
    counts = Counter(values)
    assert set(counts) <= set(expected), set(counts) - set(expected)
    observed = [counts[value] for value in expected]
    wanted = np.array(list(expected.values())) * len(values)
    return stats.chisquare(observed, wanted / wanted.sum() * sum(observed)).pvalue


def uniform(values):
    return dict.fromkeys(values, 1 / len(values))
