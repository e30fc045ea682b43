"""A decision and columns of every kind, for tests of what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.preparation import prepare_outputs
from tests.columns import column_of
from tests.reference import (
    classes_by_loop,
    code_column,
    held_fixed,
    independent_share,
    least_squares_utilization,
    studentised_statistics,
)

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
    # These two differ within patients far more than between them.
    place = np.concatenate([rng.permutation(m) for m in np.bincount(UNIT)])
    labels["view"] = (place + rng.integers(0, 2, N_GROUPS)[UNIT]) % 2
    means = np.bincount(UNIT, labels["pixels"]) / np.bincount(UNIT)
    labels["pixels"] -= 0.7 * (means[UNIT] - 0.1)
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

    def model(self, adjustment="linear"):
        column = column_of(self.labels)
        groups = None if self.groups is None else Groups.of(pd.Series(self.groups))
        return prepare_outputs(
            self.outputs,
            column,
            None if self.target is None else column_of(self.target, "disease"),
            [column_of(c, f"held {i}") for i, c in enumerate(self.held)],
            self.weights,
            exchange_units(column, groups),
            adjustment,
        )

    @property
    def clusters(self):
        """Group of every row, or the row."""
        if self.groups is None:
            return np.arange(len(self.outputs))
        return np.unique(self.groups, return_inverse=True)[1]

    @property
    def groups_held(self):
        """Groups, where they are held fixed."""
        within = self.model().exchange.scheme == "within groups"
        return self.groups if within else None

    def fixed(self):
        """Design of what is held fixed."""
        n_units = len(np.unique(self.clusters))
        return held_fixed(
            self.target, self.held, self.weights, self.groups_held, n_units
        )

    def share(self):
        """What each row adds to what its group is known by."""
        if self.groups_held is not None:
            return np.ones(len(self.outputs))
        coding, _ = code_column(self.labels, self.weights)
        design = np.hstack([self.fixed(), coding])
        return independent_share(self.outputs, design, self.weights, self.clusters)

    def reference(self, coding=None):
        """The same by explicit least-squares models; groups are held where they are."""
        return least_squares_utilization(
            self.outputs,
            self.labels,
            self.target,
            self.held,
            self.weights,
            self.groups_held,
            coding,
            self.share(),
            len(np.unique(self.clusters)),
        )

    def statistics(self, coding=None):
        """Studentised statistics by loops; of the data without a permuted coding."""
        if coding is None:
            coding, _ = code_column(self.labels, self.weights)
        weights = self.weights * self.share()
        parts = [self.outputs, coding, self.fixed()]
        classes, clusters = classes_by_loop(self.target, self.weights), self.clusters
        if self.is_by_group():
            # A group is a row, with the mean of what its rows have.
            first = np.unique(clusters, return_index=True)[1]
            parts = [
                [
                    np.average(part[own], axis=0, weights=weights[own])
                    for own in (clusters == k for k in clusters[first])
                ]
                for part in parts
            ]
            parts = [np.array(part) for part in parts]
            weights = np.bincount(clusters, weights)[clusters[first]]
            classes, clusters = classes[first], clusters[first]
        thirds = self.target is not None and self.target.dtype.kind == "f"
        return studentised_statistics(*parts, weights, classes, clusters, thirds)

    def is_by_group(self):
        """Whether column and all that is held fixed are constant in groups."""
        known = [self.labels, *self.held]
        known += [] if self.target is None else [self.target]
        return self.groups is not None and all(
            len(np.unique(values[self.clusters == k])) == 1
            for values in known
            for k in np.unique(self.clusters)
        )
