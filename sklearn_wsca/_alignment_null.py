"""Null distributions of the alignment score of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._alignment import Aggregate, aggregate_alignment, fitted_references
from sklearn_wsca._balancing import Balance
from sklearn_wsca._design import Design
from sklearn_wsca._exchangeability import Exchangeability
from sklearn_wsca._memory import in_parts
from sklearn_wsca._metadata import Column
from sklearn_wsca._permutation import PermutationPlan
from sklearn_wsca._probes import Probe


@dataclass(frozen=True)
class Primary:
    """What the heads of shuffled columns are compared with.

    Parameters
    ----------
    filters : ndarray of shape (n_primary_rows, k + extra)
        Unit vectors of the primary head.
    reference_weights : ndarray of shape (k,) or float
        What the metric multiplies principal coordinates of a reference by.
    aggregate : {"rms", "max", "mean"}
        How a column score is made of all pairs of rows.
    """

    filters: np.ndarray
    reference_weights: np.ndarray | float
    aggregate: Aggregate

    def scores(self, coef: np.ndarray, centre: bool) -> np.ndarray:
        """Alignment scores of heads in principal coordinates (p, rows, k): (p,)."""
        references = fitted_references(coef, centre, self.reference_weights)
        within = self.filters[:, : references.shape[-1]]
        return aggregate_alignment(within @ references.swapaxes(1, 2), self.aggregate)


@dataclass(frozen=True)
class RefitNull:
    """Encoding null: shuffle the column, refit its head, compare with the target head.

    Parameters
    ----------
    design : Design
        The rows on which the column is observed, without their coordinates.
    column : Column
        The column, in the same order.
    probe : Probe
        How its head is fitted.
    balance : Balance or None
        If given, the head is fitted under balancing weights.
    exchange : Exchangeability
        What is shuffled. Shuffles within levels of the target leave the balance as it
        is.
    """

    design: Design
    column: Column
    probe: Probe
    balance: Balance | None
    exchange: Exchangeability

    def scores(
        self, T: Any, orders: np.ndarray, primary: Primary
    ) -> tuple[np.ndarray, int]:
        """Alignment scores of shuffles, and how many fits did not converge."""
        sources = self.exchange.sources(orders)
        weights = None
        if self.balance is not None:
            weights = self.balance.weights(self.balance.cells[sources])
        labels = self.column.codes if self.column.n_levels else self.column.labels
        fit = self.probe.fit(self.design.on(T), labels[sources], weights)
        scores = primary.scores(fit.coef, self.probe.kind == "logistic")
        return scores, int((~fit.converged).sum())


def refit_scores(
    T: Any,
    nulls: list[RefitNull],
    batch: range,
    plan: PermutationPlan,
    primary: Primary,
) -> list[tuple[np.ndarray, int]]:
    """Scores of a batch of shuffles for several columns, which share the shuffles."""

    def score(part: range) -> list[tuple[np.ndarray, int]]:
        orders = plan.orders(part)
        return [null.scores(T, orders, primary) for null in nulls]

    parts = in_parts(score, batch, len(batch))
    by_column = [zip(*found, strict=True) for found in zip(*parts, strict=True)]
    return [(np.concatenate(scores), sum(failed)) for scores, failed in by_column]


def sign_flip_scores(
    T: Any,
    references: np.ndarray,
    batch: range,
    plan: PermutationPlan,
    primary: Primary,
) -> np.ndarray:
    """Direction null: flip the signs of the principal coordinates of one head.

    Both heads keep their energy per principal direction; what is tested is whether
    they agree more in sign than two unrelated directions of those spectra. The rows
    `T` play no part in it.
    """
    filters = primary.filters

    def score(part: range) -> np.ndarray:
        signs = plan.signs(part, filters.shape[1])
        alignment = (filters * signs[:, None, :]) @ references.T
        return aggregate_alignment(alignment, primary.aggregate)

    return np.concatenate(list(in_parts(score, batch, len(batch))))
