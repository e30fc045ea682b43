"""Alignment of all head rows with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.metrics import (
    Aggregate,
    AlignmentSpace,
    aggregate_alignment,
    fitted_references,
)
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.table import name_index


@dataclass(frozen=True)
class Primary:
    """What the heads of permuted columns are compared with.

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
class Comparison:
    """Alignment of all head rows, and the parts that a null needs.

    Parameters
    ----------
    space : AlignmentSpace
        The metric.
    aggregate : {"rms", "max", "mean"}
        How a column score is made of all pairs of rows.
    filters : ndarray of shape (n_primary_rows, k + extra)
        Unit vectors of the primary head; no rows without one.
    references : dict of name to ndarray of shape (n_rows, k + extra)
        Unit vectors of the metadata heads.
    correlation : DataFrame
        Alignment of all rows with all rows, primary task first.
    """

    space: AlignmentSpace
    aggregate: Aggregate
    filters: np.ndarray
    references: dict[Any, np.ndarray]
    correlation: pd.DataFrame

    @property
    def has_primary(self) -> bool:
        """Whether there is a primary head to compare with."""
        return len(self.filters) > 0

    @property
    def alignment(self) -> pd.DataFrame:
        """Rows of the primary head against rows of the metadata heads."""
        n = len(self.filters)
        return self.correlation.iloc[:n, n:]

    @property
    def primary(self) -> Primary:
        """What the heads of permuted columns are compared with."""
        return Primary(self.filters, self.space.reference_weights(), self.aggregate)

    def scores(self) -> pd.Series:
        """Column scores; NaN without a primary head."""
        scores = {
            name: aggregate_alignment(self.filters @ rows.T, self.aggregate)
            if self.has_primary
            else np.nan
            for name, rows in self.references.items()
        }
        return pd.Series(list(scores.values()), name_index(scores), dtype=float)


def compare_heads(
    tasks: Tasks, given: Input, space: AlignmentSpace, aggregate: Aggregate
) -> Comparison:
    """Compare the rows of all heads with each other."""
    primary, heads = tasks.primary_head(), tasks.heads()
    everything = [*primary.items(), *heads.items()]
    coef = np.vstack([head.centred_coef for _, head in everything])
    labels = [(name, row) for name, head in everything for row in head.row_names]
    filters = space.filters(coef, given.X, given.weights, labels)
    references = filters
    if not space.metric.symmetric:
        references = space.references(coef, given.X, given.weights, labels)
    index = pd.MultiIndex.from_tuples(labels, names=["task", "class"])
    n = sum(head.n_rows for head in primary.values())
    ends = np.cumsum([n] + [head.n_rows for head in heads.values()])
    return Comparison(
        space,
        aggregate,
        filters[:n],
        {
            name: references[start:end]
            for name, start, end in zip(heads, ends[:-1], ends[1:], strict=True)
        },
        pd.DataFrame(np.clip(filters @ references.T, -1.0, 1.0), index, index),
    )
