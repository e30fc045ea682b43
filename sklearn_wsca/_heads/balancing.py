"""Row weights under which a metadata column is independent of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.namespace import (
    array_namespace,
    sum_by_code,
    take_along,
    to_same_device,
)
from sklearn_wsca._input.column import Column, LeftOutError

BINS_OF_NUMBERS = 5


@dataclass(frozen=True)
class Balance:
    """How to weight the rows of one column against others.

    `cells` have the level of the column, quantile bins of a continuous one; `strata`
    the combination of those of the others; `base` the weights before balancing.
    """

    cells: np.ndarray
    strata: np.ndarray
    base: np.ndarray

    def weights(self, cells: Any) -> Any:
        r"""Balancing weights of permuted columns: (p, n).

        The factor of a row with level c and target t is
        ``P(c) P(t) / P(c, t)``, all under the base weights; it keeps both margins and
        makes the two independent.
        """
        xp = array_namespace(cells)
        base, strata = (to_same_device(a, cells) for a in (self.base, self.strata))
        n_cells, n_strata = int(self.cells.max()) + 1, int(self.strata.max()) + 1
        joint = cells * n_strata + strata
        mass = sum_by_code(joint, base, n_cells * n_strata)
        mass = mass.reshape(len(cells), n_cells, n_strata)
        margins = xp.sum(mass, axis=2, keepdims=True) * xp.sum(
            mass, axis=1, keepdims=True
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = margins / mass / float(self.base.sum())
        return base * take_along(factor.reshape(len(cells), -1), joint)


def balance_against(column: Column, held: list[Column], weights: np.ndarray) -> Balance:
    """Prepare the balance of a column against all combinations of others.

    All columns must be observed on the same rows.

    Raises
    ------
    LeftOutError
        If a combination of levels does not occur, so that no weights can make the
        column independent of the others.
    """
    strata, stratum_names = _combinations(held)
    # Fewer classes of a continuous column make balancing coarser, where more are
    # impossible.
    for n_bins in range(BINS_OF_NUMBERS, 1, -1):
        cells, cell_names = _levels(column, n_bins)
        counts = np.zeros((len(cell_names), len(stratum_names)), dtype=int)
        np.add.at(counts, (cells, strata), 1)
        if counts.all() or column.kind == "categorical":
            break
    if not counts.all():
        empty = np.argwhere(counts == 0)
        first, second = empty[0]
        names = " x ".join(str(other.name) for other in held)
        raise LeftOutError(
            f"{len(empty)} of {counts.size} combinations with {names} do not occur "
            f"(first: {column.name} {cell_names[first]} with {names} "
            f"{stratum_names[second]}), so they cannot be made independent by weights"
        )
    return Balance(cells, strata, weights)


def describe_balance(weights: np.ndarray, held: list[Column]) -> str:
    """Effective sample size and largest relative weight, in words."""
    effective = weights.sum() ** 2 / np.sum(weights**2)
    largest = weights.max() / weights.mean()
    names = " x ".join(str(other.name) for other in held)
    return (
        f"head balanced against {names}: effective sample size {effective:.0f} of "
        f"{len(weights)} rows, largest weight {largest:.1f} times the mean"
    )


def _combinations(held: list[Column]) -> tuple[np.ndarray, list[str]]:
    """Combination of levels of each row, numbered, and the names of all that occur."""
    found = [_levels(column) for column in held]
    codes = np.stack([codes for codes, _ in found], axis=1)
    present, strata = np.unique(codes, axis=0, return_inverse=True)
    names = [
        " x ".join(
            str(levels[code]) for code, (_, levels) in zip(row, found, strict=True)
        )
        for row in present
    ]
    return strata.ravel(), names


def _levels(column: Column, n_bins: int = BINS_OF_NUMBERS) -> tuple[np.ndarray, tuple]:
    if column.kind == "categorical":
        return column.labels, column.levels
    bins = pd.qcut(column.labels, n_bins, duplicates="drop")
    return np.asarray(bins.codes, dtype=np.intp), tuple(bins.categories)
