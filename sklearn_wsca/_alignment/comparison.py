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
    no_direction,
)
from sklearn_wsca._backend.namespace import (
    array_namespace,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.table import level_index, name_index
from sklearn_wsca._text import list_first

MOST_NAMED = 5


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

    def scores(self, coef: Any, centre: bool) -> np.ndarray:
        """Alignment scores of heads in principal coordinates (p, rows, k): (p,)."""
        references = fitted_references(coef, centre, self.reference_weights)
        within = to_same_device(self.filters[:, : references.shape[-1]], references)
        found = within @ array_namespace(references).moveaxis(references, 1, 2)
        return to_numpy(aggregate_alignment(found, self.aggregate))


@dataclass(frozen=True)
class Comparison:
    """Alignment of all head rows, and the parts that a null needs.

    Parameters
    ----------
    space : AlignmentSpace
        The metric.
    aggregate : {"rms", "max", "mean"}
        How a column score is made of all pairs of rows.
    filters : ndarray of shape (n_directed_rows, k + extra)
        Unit vectors of the primary head; no rows without one. Rows of a head that are
        zero have no direction and are left out.
    references : dict of name to ndarray of shape (n_directed_rows, k + extra)
        Unit vectors of the metadata heads.
    correlation : DataFrame
        Alignment of all rows with all rows, primary task first; NaN without direction.
    n_primary_rows : int
        Number of rows of the primary head.
    """

    space: AlignmentSpace
    aggregate: Aggregate
    filters: np.ndarray
    references: dict[Any, np.ndarray]
    correlation: pd.DataFrame
    n_primary_rows: int

    @property
    def has_primary(self) -> bool:
        """Whether there is a primary head to compare with."""
        return len(self.filters) > 0

    @property
    def alignment(self) -> pd.DataFrame:
        """Rows of the primary head against rows of the metadata heads."""
        n = self.n_primary_rows
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
    filters = references = space.filters(coef, given.X, given.weights)
    if not space.metric.symmetric:
        references = space.references(coef, given.X, given.weights)
    index = level_index(list(zip(*labels, strict=True)), ["task", "class"])
    n = sum(head.n_rows for head in primary.values())
    ends = np.cumsum([n] + [head.n_rows for head in heads.values()])
    correlation = pd.DataFrame(np.clip(filters @ references.T, -1.0, 1.0), index, index)
    correlation.iloc[~filters.any(axis=1), :] = np.nan
    correlation.iloc[:, ~references.any(axis=1)] = np.nan
    return Comparison(
        space,
        aggregate,
        _directed(filters[:n], labels[:n]),
        {
            name: _directed(references[start:end], labels[start:end])
            for name, start, end in zip(heads, ends[:-1], ends[1:], strict=True)
        },
        correlation,
        n,
    )


def _directed(rows: np.ndarray, labels: list) -> np.ndarray:
    """Rows of one head that have a direction; an error if there are none."""
    kept = rows.any(axis=1)
    if len(rows) and not kept.any():
        raise no_direction(labels[0])
    return rows[kept]


def describe_undirected(comparison: Comparison) -> list[str]:
    """Say which rows of heads are not compared, because nothing is left of them."""
    found = comparison.correlation
    without = found.index[found.isna().all(axis=1)]
    if not len(without):
        return []
    names = list_first(
        list(without), MOST_NAMED, lambda row: f"{row[1]!r} of {row[0]!r}"
    )
    return [
        "Rows of heads that are zero after centring over classes and projection have "
        f"no direction, and their alignment is NaN; scores are of the others: {names}."
    ]
