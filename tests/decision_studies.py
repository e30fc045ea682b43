"""A decision and columns of every kind, for tests of what is made of them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import read_column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._utilization.adjusted_effect import Decision

N_GROUPS = 60
UNIT = np.repeat(np.arange(N_GROUPS), [1, 2, 4, 3] * 15)
N = len(UNIT)
SCALES, MEANS = np.array([1.0, 4.0, 0.3]), np.array([5.0, -200.0, 1.0])


def study(seed=0, strength=0.0):
    """A decision on rows of 60 patients, and columns of every kind.

    `strength` is how far scanner and view move the outputs.
    """
    rng = np.random.default_rng(seed)
    ill = rng.integers(0, 2, N_GROUPS)[UNIT]
    labels = {
        "scanner": rng.integers(0, 3, N_GROUPS)[UNIT],
        "age": 60.0 + 9.0 * rng.standard_normal(N_GROUPS)[UNIT] + 5.0 * ill,
        "view": rng.integers(0, 2, N),
        "pixels": 0.1 + 0.02 * rng.standard_normal(N),
    }
    outputs = rng.standard_normal((N, 3)) + rng.standard_normal((N_GROUPS, 3))[UNIT]
    outputs += np.outer(ill, [1.0, -0.5, 0.3])
    moves = strength * (labels["scanner"] + labels["view"])
    outputs += np.outer(moves, [1.0, 0.6, -1.0])
    columns = {
        name: read_column(pd.Series(values, name=name), kind="auto")
        for name, values in labels.items()
    }
    target = read_column(pd.Series(ill, name="disease"))
    decision = Decision(outputs * SCALES + MEANS, None, np.ones(N), target, [], None)
    return decision, columns


def grouped(decision):
    return replace(decision, groups=Groups.of(pd.Series(UNIT, name="patient")))
