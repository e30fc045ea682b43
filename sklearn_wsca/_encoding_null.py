"""Null distribution of the held-out skill of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._design import Design
from sklearn_wsca._exchangeability import Exchangeability
from sklearn_wsca._folds import Folds
from sklearn_wsca._logistic import class_directions
from sklearn_wsca._memory import in_parts
from sklearn_wsca._metadata import Column
from sklearn_wsca._permutation import PermutationPlan
from sklearn_wsca._probes import Probe
from sklearn_wsca._ridge_folds import RidgeFolds

OUTPUTS_PER_BATCH = 1024
LABELS_PER_BATCH = 2**22


@dataclass(frozen=True)
class EncodingNull:
    """Held-out skill of a column and of its shuffles within test folds.

    The folds are stratified by the labels, and a shuffle across folds would break that
    for the shuffles alone; within folds every shuffle is a data set to which the same
    folds could have been given, so the test is exact.

    Parameters
    ----------
    design : Design
        The rows on which the column is observed, without their coordinates.
    column : Column
        The column, in the same order.
    probe : Probe
        The probe that is reported. Its ridge counterpart is tested: the same penalty,
        and for a logistic probe the one that its penalty amounts to at the class
        frequencies.
    folds : Folds
        Test fold of each row.
    exchange : Exchangeability
        What is shuffled.
    """

    design: Design
    column: Column
    probe: Probe
    folds: Folds
    exchange: Exchangeability

    def prepare(self, T: Any) -> RidgeFolds:
        """Sum over the rows what all shuffles share."""
        design, penalty = self.design.on(T), self.ridge_penalty()
        return RidgeFolds.prepare(
            design, self.folds.fold, self.column.n_levels, penalty
        )

    def observed_skill(self, ridge: RidgeFolds) -> np.ndarray:
        """Skill of the data: (1,)."""
        return ridge.skills(self._labels()[None, ridge.slots])

    def skills(self, ridge: RidgeFolds, orders: np.ndarray) -> np.ndarray:
        """Skills of shuffles within folds by orders of all rows: (p,)."""
        fold, slots = self.folds.fold, ridge.slots
        sources = self.exchange.sources_by_slot(orders, fold, slots)
        return ridge.skills(self._labels()[sources])

    def _labels(self) -> np.ndarray:
        """Small integers for levels, standardised numbers."""
        labels = self.column.labels
        if self.column.n_levels:
            return self.column.codes
        # A large mean would use up single precision; skill has no unit.
        return (labels - labels.mean()) / labels.std()

    @property
    def batch_size(self) -> int:
        """Shuffles that are tested together, so that memory stays bounded."""
        n_outputs = max(self.column.n_levels - 1, 1)
        by_rows = LABELS_PER_BATCH // len(self.column.labels)
        return max(1, min(OUTPUTS_PER_BATCH // n_outputs, by_rows))

    def ridge_penalty(self) -> float:
        """Penalty of the ridge counterpart of the probe."""
        if self.probe.kind == "ridge":
            return float(self.probe.alpha)
        weights = self.design.weights
        frequencies = np.bincount(self.column.labels, weights) / weights.sum()
        curvature = class_directions(frequencies)[1].mean()
        return float(1.0 / (self.probe.C * curvature))


def fold_skills(
    T: Any, nulls: list[EncodingNull], batch: range, plan: PermutationPlan
) -> list[np.ndarray]:
    """Skills of several columns, which share the shuffles.

    The skill of the data is the first entry of each, a shuffle of the batch each of the
    others.
    """
    ridges = [null.prepare(T) for null in nulls]
    pairs = list(zip(nulls, ridges, strict=True))
    observed = [null.observed_skill(ridge) for null, ridge in pairs]

    def shuffled(part: range) -> list[np.ndarray]:
        orders = plan.orders(part)
        return [null.skills(ridge, orders) for null, ridge in pairs]

    size = min(null.batch_size for null in nulls)
    parts = zip(observed, *in_parts(shuffled, batch, size), strict=True)
    return [np.concatenate(found) for found in parts]
