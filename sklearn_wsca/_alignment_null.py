"""Null distributions of the alignment score of a column."""

from __future__ import annotations

import numpy as np

from sklearn_wsca._alignment import AlignmentSpace, aggregate_alignment
from sklearn_wsca._balancing import Balance
from sklearn_wsca._metadata import Column
from sklearn_wsca._permutation import PermutationPlan
from sklearn_wsca._probes import Probe
from sklearn_wsca._solvers import Design


class RefitNull:
    """Encoding null: shuffle the column, refit its head, compare with the target head.

    Parameters
    ----------
    design : Design
        The rows on which the column is observed.
    column : Column
        The column, in the same order.
    probe : Probe
        How its head is fitted.
    balance : Balance or None
        If given, the head is fitted under balancing weights, and the column is shuffled
        within levels of the target, which leaves the balance as it is.
    """

    def __init__(
        self, design: Design, column: Column, probe: Probe, balance: Balance | None
    ):
        self.design, self.column = design, column
        self.probe, self.balance = probe, balance

    def batch_size(self) -> int:
        """Shuffles per task."""
        return self.probe.batch_size(*self.design.coordinates.shape)

    def scores(
        self,
        batch: range,
        plan: PermutationPlan,
        space: AlignmentSpace,
        filters: np.ndarray,
        aggregate,
    ) -> tuple[np.ndarray, int]:
        """Alignment scores of a batch of shuffles, and how many did not converge."""
        strata = None if self.balance is None else self.balance.strata
        sources = plan.sources(batch, self.column.rows, strata)
        weights = None
        if self.balance is not None:
            weights = self.balance.weights(self.balance.cells[sources])
        fit = self.probe.fit(self.design, self.column.labels[sources], weights)
        centre = self.probe.kind == "logistic"
        labels = [f"{self.column.name} (shuffled)"] * fit.coef.shape[1]
        references = space.fitted_references(fit.coef, centre, labels)
        alignment = filters[:, : references.shape[-1]] @ references.swapaxes(1, 2)
        return aggregate_alignment(alignment, aggregate), int((~fit.converged).sum())


def sign_flip_scores(
    batch: range,
    plan: PermutationPlan,
    filters: np.ndarray,
    references: np.ndarray,
    aggregate,
) -> np.ndarray:
    """Direction null: flip the signs of the principal coordinates of one head.

    Both heads keep their energy per principal direction; what is tested is whether
    they agree more in sign than two unrelated directions of those spectra.
    """
    signs = plan.signs(batch, filters.shape[1])
    alignment = (filters * signs[:, None, :]) @ references.T
    return aggregate_alignment(alignment, aggregate)
