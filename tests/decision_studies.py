"""A decision and columns of every kind, for tests of what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import read_column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._utilization.adjusted_effect import Decision
from sklearn_wsca._utilization.output_model import prepare_outputs
from tests.columns import column_of
from tests.reference import least_squares_utilization

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


@dataclass
class Sample:
    """Outputs and labels of rows; target and groups are None where there are none."""

    outputs: np.ndarray
    labels: np.ndarray
    target: np.ndarray | None
    held: list
    weights: np.ndarray
    groups: np.ndarray | None = None

    def model(self):
        column = column_of(self.labels)
        groups = None if self.groups is None else Groups.of(pd.Series(self.groups))
        return prepare_outputs(
            self.outputs,
            column,
            None if self.target is None else column_of(self.target, "disease"),
            [column_of(c, f"held {i}") for i, c in enumerate(self.held)],
            self.weights,
            exchange_units(column, groups),
        )

    def reference(self, coding=None):
        """The same by explicit least-squares models; groups are held where they are."""
        within = self.model().exchange.scheme == "within groups"
        return least_squares_utilization(
            self.outputs,
            self.labels,
            self.target,
            self.held,
            self.weights,
            self.groups if within else None,
            coding,
        )
