"""What may be exchanged under the null: rows, groups of rows, or rows within groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from sklearn_wsca._metadata import FEWEST_LEVEL_ROWS, Column, LeftOutError
from sklearn_wsca._permutation import shuffle_sources, shuffle_within

Scheme = Literal["rows", "between groups", "within groups"]

FEWEST_UNITS = 20
# Where rows are exchanged within groups, so many must hold different values.
FEWEST_VARYING_GROUPS = 5


@dataclass(frozen=True)
class Groups:
    """Which rows belong together, such as the images of one patient.

    Parameters
    ----------
    name : object
        Name of the column that says so.
    codes : ndarray of shape (n_rows,), dtype int
        Group of each row, numbered by first row; -1 where it is missing.
    """

    name: Any
    codes: np.ndarray

    @classmethod
    def of(cls, series: pd.Series) -> Groups:
        """Number the groups of a column by their first rows.

        Raises
        ------
        ValueError
            If values are no names, or names differ in nothing but their type.
        """
        try:
            codes, names = pd.factorize(series)
        except TypeError as error:
            raise ValueError(
                f"groups: {series.name!r} holds values that cannot name a group, such "
                f"as {series.iloc[0]!r}; pass numbers or text."
            ) from error
        if names.dtype == object:
            _check_types_of_names(series.name, names)
        return cls(series.name, np.asarray(codes, dtype=np.intp))

    @property
    def rows(self) -> np.ndarray:
        """Rows that belong to a group."""
        return np.flatnonzero(self.codes >= 0)

    def first_rows(self) -> np.ndarray:
        """First row of each group, rising."""
        used = self.rows
        return used[np.unique(self.codes[used], return_index=True)[1]]

    def with_loners(self) -> Groups:
        """Return the same with a group of its own for every row that has none."""
        codes, without = self.codes.copy(), self.codes < 0
        codes[without] = codes.max() + 1 + np.arange(without.sum())
        return Groups.of(pd.Series(codes, name=self.name))

    def take(self, order: np.ndarray) -> Groups:
        """Return the same groups for a table whose row i was row ``order[i]``."""
        codes = pd.Series(self.codes[order], name=self.name)
        return Groups.of(codes.where(codes >= 0))


def _check_types_of_names(name: Any, names: Any) -> None:
    """Raise if a group would fall apart because it is both 1 and '1'."""
    first: dict[str, Any] = {}
    for value in names:
        other = first.setdefault(str(value), value)
        if other is not value:
            raise ValueError(
                f"groups: {name!r} holds both {other!r} and {value!r}, which differ in "
                "type only; bring the column to one type, for example by .astype(str)."
            )


@dataclass(frozen=True)
class Exchangeability:
    """How the entries of a column may be shuffled.

    Parameters
    ----------
    scheme : {"rows", "between groups", "within groups"}
        What is exchanged.
    keys : ndarray of shape (n_units,), dtype int
        Row of the table that stands for each unit, rising. A shuffle gives the units
        the order that these rows have in a random order of all rows of the table.
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
        return shuffle_sources(orders, self.keys, self.strata)

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
            return shuffle_within(orders, self.keys, fold)[1]
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
        """Logarithm of the number of different columns that shuffles can give."""
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


def restrict_to_groups(column: Column, groups: Groups) -> Column:
    """Return the column on rows with a group, in levels that enough groups have.

    Raises
    ------
    LeftOutError
        If too little is left.
    """
    kept = groups.codes[column.rows] >= 0
    notes = column.notes
    if not kept.all():
        notes += (f"{int((~kept).sum())} rows without {groups.name!r} are not used",)
    column = _keep(replace(column, notes=notes), kept)
    codes = groups.codes[column.rows]
    n_groups = len(np.unique(codes))
    if column.n_levels == 0:
        if n_groups < FEWEST_LEVEL_ROWS:
            raise LeftOutError(f"observed in {n_groups} different {groups.name!r} only")
        return column
    pairs = np.unique(np.stack([column.labels, codes]), axis=1)
    counts = np.bincount(pairs[0], minlength=column.n_levels)
    enough = counts >= FEWEST_LEVEL_ROWS
    if enough.sum() < 2:
        raise LeftOutError(
            f"fewer than 2 of its {column.n_levels} levels occur in "
            f"{FEWEST_LEVEL_ROWS} or more different {groups.name!r}"
        )
    if enough.all():
        return column
    rare = [repr(column.levels[i]) for i in np.flatnonzero(~enough)]
    note = (
        f"levels in fewer than {FEWEST_LEVEL_ROWS} different {groups.name!r} are not "
        f"used: {', '.join(rare[:3])}"
        + (f" and {len(rare) - 3} more" if len(rare) > 3 else "")
    )
    kept_levels = enough[column.labels]
    recode = np.cumsum(enough) - 1
    column = _keep(replace(column, notes=column.notes + (note,)), kept_levels)
    levels = tuple(np.array(column.levels, dtype=object)[enough])
    return replace(column, labels=recode[column.labels], levels=levels)


def _keep(column: Column, kept: np.ndarray) -> Column:
    if kept.all():
        return column
    return replace(column, rows=column.rows[kept], labels=column.labels[kept])
