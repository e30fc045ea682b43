"""Which rows belong together, such as the images of one patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import (
    FEWEST_LEVEL_ROWS,
    Column,
    LeftOutError,
    restrict_rows,
)
from sklearn_wsca._input.numeric_values import are_rounded
from sklearn_wsca._text import list_first


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
            If values are no names, were rounded, or differ in nothing but their type.
        """
        if are_rounded(series):
            raise ValueError(
                f"groups: {series.name!r} holds floating-point numbers too large to be "
                "exact, so that different groups may have become one; save and read "
                "the column as text."
            )
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

    @classmethod
    def of_units(cls, series: pd.Series) -> Groups:
        """The same for what is independent of each other, of which there are several.

        Raises
        ------
        ValueError
            If there are fewer than two groups, or as for `of`.
        """
        groups = cls.of(series)
        n_groups = len(groups.first_rows())
        if n_groups < 2:
            raise ValueError(
                f"groups: {series.name!r} holds {n_groups} different values; at least "
                "2 are needed, and 20 for a verdict. Name the column of the patient, "
                "or whatever is independent of others of its kind."
            )
        return groups

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


def clusters_of(groups: Groups | None, column: Column) -> np.ndarray:
    """Group of every row of a column; the row itself without groups."""
    if groups is None:
        return np.arange(len(column.rows))
    return groups.with_loners().codes[column.rows]


def count_units(column: Column, units: np.ndarray) -> np.ndarray:
    """Units, such as patients, in which each level of a column occurs: (J,).

    `units` (n_observed,) has the unit of each entry.
    """
    pairs = pd.unique(column.labels + column.n_levels * units.astype(np.int64))
    return np.bincount(pairs % column.n_levels, minlength=column.n_levels)


def restrict_to_groups(column: Column, groups: Groups) -> Column:
    """Return the column on rows with a group, in levels that enough groups have.

    Raises
    ------
    LeftOutError
        If too little is left.
    """
    kept = groups.codes[column.rows] >= 0
    if not kept.all():
        note = f"{int((~kept).sum())} rows without {groups.name!r} are not used"
        rows, labels = column.rows[kept], column.labels[kept]
        column = replace(column, rows=rows, labels=labels, notes=(*column.notes, note))
    codes = groups.codes[column.rows]
    n_groups = len(np.unique(codes))
    if column.n_levels == 0:
        if n_groups < FEWEST_LEVEL_ROWS:
            raise LeftOutError(f"observed in {n_groups} different {groups.name!r} only")
        return column
    counts = count_units(column, codes)
    enough = counts >= FEWEST_LEVEL_ROWS
    if enough.sum() < 2:
        raise LeftOutError(
            f"fewer than 2 of its {column.n_levels} levels occur in "
            f"{FEWEST_LEVEL_ROWS} or more different {groups.name!r}"
        )
    if enough.all():
        return column
    rare = [column.levels[i] for i in np.flatnonzero(~enough)]
    note = (
        f"levels in fewer than {FEWEST_LEVEL_ROWS} different {groups.name!r} are not "
        f"used: {list_first(rare, 3)}"
    )
    column = restrict_rows(column, column.rows[enough[column.labels]])
    return replace(column, notes=(*column.notes, note))
