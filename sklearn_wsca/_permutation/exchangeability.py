"""What may be exchanged under the null: rows, groups of rows, or rows within groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import (
    Groups,
)
from sklearn_wsca._permutation.plan import permutation_sources, permute_within

Scheme = Literal["rows", "between groups", "within groups"]
FEWEST_UNITS = 20
# Where rows are exchanged within groups, so many must hold different values.
FEWEST_VARYING_GROUPS = 5


@dataclass(frozen=True)
class Exchangeability:
    """How the entries of a column may be permuted.

    Parameters
    ----------
    scheme : {"rows", "between groups", "within groups"}
        What is exchanged.
    keys : ndarray of shape (n_units,), dtype int
        Row of the table that stands for each unit, rising. A permutation gives the
        units the order that these rows have in a random order of all rows of the table.
    unit : ndarray of shape (n_observed,), dtype int
        Unit of each entry.
    first : ndarray of shape (n_units,), dtype int
        An entry of each unit.
    clusters : ndarray of shape (n_observed,), dtype int
        Group of each entry, numbered from 0; the entry itself without groups.
    strata : ndarray of shape (n_units,), dtype int, or None
        Units are exchanged within these only.
    within_target : bool
        Whether the strata keep the target of every entry.
    """

    scheme: Scheme
    keys: np.ndarray
    unit: np.ndarray
    first: np.ndarray
    clusters: np.ndarray
    strata: np.ndarray | None = None
    within_target: bool = False

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.keys)

    def unit_sources(self, orders: np.ndarray) -> np.ndarray:
        """Which unit each unit takes its value from: (p, n_units)."""
        return permutation_sources(orders, self.keys, self.strata)

    def sources(self, orders: np.ndarray) -> np.ndarray:
        """Which entry each entry takes its value from: (p, n_observed)."""
        sources = self.unit_sources(orders)
        if self.scheme != "between groups":
            return sources
        return self.first[sources][:, self.unit]

    def sources_by_slot(
        self, orders: np.ndarray, fold: np.ndarray, slots: np.ndarray
    ) -> np.ndarray:
        """Sources of the entries in `slots`, which sort them by fold: (p, n_observed).

        Nothing leaves its fold; groups lie in one fold as a whole.
        """
        if self.scheme == "rows":
            return permute_within(orders, self.keys, fold)[1]
        if self.scheme == "within groups":
            return self.sources(orders)[:, slots]
        return self.within(fold[self.first]).sources(orders)[:, slots]

    def within(self, strata: np.ndarray | None, of_target: bool = False):
        """Return the same with (further) strata of the units."""
        if strata is None:
            return self
        if self.strata is not None:
            pairs = np.stack([self.strata, strata], axis=1)
            strata = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
        return replace(self, strata=strata, within_target=of_target)

    def _all_strata(self) -> np.ndarray:
        """Stratum of every unit; a single one where there are none."""
        return np.zeros(self.n_units, int) if self.strata is None else self.strata

    def n_exchangeable(self, labels: np.ndarray) -> int:
        """Units in strata that hold more than one value of the column."""
        table = pd.Series(labels[self.first]).groupby(self._all_strata())
        return int(table.size()[table.nunique() > 1].sum())

    def log10_arrangements(self, labels: np.ndarray) -> float:
        """Logarithm of the number of different columns that permutations can give."""
        values = np.unique(labels[self.first], return_inverse=True)[1]
        strata = self._all_strata()
        total = special.gammaln(np.bincount(strata) + 1.0).sum()
        cells = np.unique(np.stack([strata, values]), axis=1, return_counts=True)[1]
        return float((total - special.gammaln(cells + 1.0).sum()) / np.log(10.0))


def exchange_units(column: Column, groups: Groups | None) -> Exchangeability:
    """Rows; or groups, where the column is constant in each; or rows within groups.

    The column must have a group wherever it is observed: see `restrict_to_groups`.
    """
    entries = np.arange(len(column.rows))
    if groups is None:
        return Exchangeability("rows", column.rows, entries, entries, entries)
    codes = groups.codes[column.rows]
    present, first, unit = np.unique(codes, return_index=True, return_inverse=True)
    if (column.labels == column.labels[first][unit]).all():
        keys = groups.first_rows()[present]
        return Exchangeability("between groups", keys, unit, first, unit)
    return Exchangeability("within groups", column.rows, entries, entries, unit, unit)


def constant_in_units(exchange: Exchangeability, labels: np.ndarray) -> bool:
    """Whether labels of the entries are the same in all that is one unit.

    That is a group where groups are exchanged; where rows are exchanged within groups
    it is a group too, since no exchange within it then changes anything.
    """
    if exchange.scheme == "rows":
        return True
    _, first = np.unique(exchange.clusters, return_index=True)
    return bool((labels == labels[first][exchange.clusters]).all())


def target_strata(
    exchange: Exchangeability, target: Column | None
) -> np.ndarray | None:
    """Level of the target per unit, where it has levels and is constant in each unit.

    The target must be observed on the entries.
    """
    if target is None or not target.n_levels:
        return None
    if not constant_in_units(exchange, target.labels):
        return None
    return target.labels[exchange.first]
