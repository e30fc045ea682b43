"""Row weights under which a metadata column and the target are independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sklearn_wsca._metadata import Column, LeftOutError

BINS_OF_NUMBERS = 5


@dataclass(frozen=True)
class Balance:
    """How to weight the rows of one column against the target.

    Parameters
    ----------
    cells : ndarray of shape (n,), dtype int
        Level of the column per row; quantile bins of a continuous one.
    strata : ndarray of shape (n,), dtype int
        Level of the target per row; quantile bins of a continuous one.
    base : ndarray of shape (n,)
        Row weights before balancing.
    """

    cells: np.ndarray
    strata: np.ndarray
    base: np.ndarray

    def weights(self, cells: np.ndarray) -> np.ndarray:
        r"""Balancing weights of shuffled columns: (p, n).

        The factor of a row with level c and target t is
        ``P(c) P(t) / P(c, t)``, all under the base weights; it keeps both margins and
        makes the two independent.
        """
        n_cells, n_strata = self.cells.max() + 1, self.strata.max() + 1
        joint = cells * n_strata + self.strata
        problem = np.arange(len(cells))[:, None] * (n_cells * n_strata)
        mass = np.bincount(
            (joint + problem).ravel(),
            weights=np.broadcast_to(self.base, cells.shape).ravel(),
            minlength=len(cells) * n_cells * n_strata,
        ).reshape(len(cells), n_cells, n_strata)
        margins = mass.sum(axis=2, keepdims=True) * mass.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = margins / mass / self.base.sum()
        factor = factor.reshape(len(cells), -1)
        return self.base * np.take_along_axis(factor, joint, axis=1)


def balance_against(column: Column, target: Column, weights: np.ndarray) -> Balance:
    """Prepare the balance of a column; both must be observed on the same rows.

    Raises
    ------
    LeftOutError
        If a combination of levels does not occur, so that no weights can make the
        column and the target independent.
    """
    cells, cell_names = _levels(column)
    strata, stratum_names = _levels(target)
    counts = np.zeros((len(cell_names), len(stratum_names)), dtype=int)
    np.add.at(counts, (cells, strata), 1)
    if not counts.all():
        empty = np.argwhere(counts == 0)
        first, second = empty[0]
        raise LeftOutError(
            f"adjust_for_target: {len(empty)} of {counts.size} combinations with the "
            f"target do not occur (first: {column.name} {cell_names[first]} with "
            f"{target.name} {stratum_names[second]}), so the two cannot be made "
            "independent by weights"
        )
    return Balance(cells, strata, weights)


def describe_balance(weights: np.ndarray) -> str:
    """Effective sample size and largest relative weight, in words."""
    effective = weights.sum() ** 2 / np.sum(weights**2)
    largest = weights.max() / weights.mean()
    return (
        f"balanced against the target: effective sample size {effective:.0f} of "
        f"{len(weights)} rows, largest weight {largest:.1f} times the mean"
    )


def _levels(column: Column) -> tuple[np.ndarray, tuple]:
    if column.kind == "categorical":
        return column.labels, column.levels
    bins = pd.qcut(column.labels, BINS_OF_NUMBERS, duplicates="drop")
    return np.asarray(bins.codes, dtype=np.intp), tuple(bins.categories)
