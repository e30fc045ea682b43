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
)
from sklearn_wsca._alignment.null import Primary
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.table import name_index


@dataclass(frozen=True)
class Comparison:
    """Alignment of all head rows, and the parts that a null needs.

    Parameters
    ----------
    space : AlignmentSpace
        The metric.
    filters : ndarray of shape (n_primary_rows, k + extra)
        Unit vectors of the primary head; no rows without one.
    references : dict of name to ndarray of shape (n_rows, k + extra)
        Unit vectors of the metadata heads.
    correlation : DataFrame
        Alignment of all rows with all rows, primary task first.
    """

    space: AlignmentSpace
    filters: np.ndarray
    references: dict[Any, np.ndarray]
    correlation: pd.DataFrame

    @property
    def alignment(self) -> pd.DataFrame:
        """Rows of the primary head against rows of the metadata heads."""
        n = len(self.filters)
        return self.correlation.iloc[:n, n:]

    def primary(self, aggregate: Aggregate) -> Primary:
        """What the heads of permuted columns are compared with."""
        return Primary(self.filters, self.space.reference_weights(), aggregate)

    def scores(self, aggregate: Aggregate) -> pd.Series:
        """Column scores; NaN without a primary head."""
        scores = {
            name: aggregate_alignment(self.filters @ rows.T, aggregate)
            if len(self.filters)
            else np.nan
            for name, rows in self.references.items()
        }
        return pd.Series(list(scores.values()), name_index(scores), dtype=float)


def compare_heads(
    primary: dict[Any, Head],
    heads: dict[Any, Head],
    space: AlignmentSpace,
    X: Embeddings,
    weights: np.ndarray,
) -> Comparison:
    """Compare the rows of all heads with each other."""
    everything = [*primary.items(), *heads.items()]
    coef = np.vstack([head.centred_coef for _, head in everything])
    labels = [(name, row) for name, head in everything for row in head.row_names]
    filters = space.filters(coef, X, weights, labels)
    references = filters
    if not space.symmetric:
        references = space.references(coef, X, weights, labels)
    index = pd.MultiIndex.from_tuples(labels, names=["task", "class"])
    n = sum(head.n_rows for head in primary.values())
    ends = np.cumsum([n] + [head.n_rows for head in heads.values()])
    return Comparison(
        space,
        filters[:n],
        {
            name: references[start:end]
            for name, start, end in zip(heads, ends[:-1], ends[1:], strict=True)
        },
        pd.DataFrame(np.clip(filters @ references.T, -1.0, 1.0), index, index),
    )
