"""One metadata column: its kind, the rows that it describes, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_wsca._input.numeric_values import LeftOutError, as_numbers

Kind = Literal["categorical", "continuous", "interaction"]

# A level of fewer rows is not used.
FEWEST_LEVEL_ROWS = 3


@dataclass(frozen=True)
class Column:
    """A metadata column that can be analysed, or the interaction of two.

    Parameters
    ----------
    name : object
        Name in the table.
    kind : {"categorical", "continuous", "interaction"}
        What the labels are: codes of levels, or numbers; of an interaction see `cross`.
    rows : ndarray of shape (n_observed,), dtype int
        Rows of the table on which the column is used, rising.
    labels : ndarray of shape (n_observed,)
        Level codes 0 ... len(levels) - 1, or values (days for dates and durations).
    levels : tuple
        The levels in order; empty for continuous columns.
    notes : tuple of str
        What was left out or changed.
    parts : tuple of Column
        The two columns of an interaction, on the same rows; empty for a column.
    """

    name: Any
    kind: Kind
    rows: np.ndarray
    labels: np.ndarray
    levels: tuple = ()
    notes: tuple[str, ...] = ()
    parts: tuple[Column, ...] = ()

    @property
    def n_levels(self) -> int:
        """Number of levels; 0 for a continuous column."""
        return len(self.levels)

    @property
    def codes(self) -> np.ndarray:
        """Level codes in the smallest integers that hold them."""
        return self.labels.astype(np.min_scalar_type(-max(self.n_levels, 1)))

    def take(self, order: np.ndarray) -> Column:
        """Return the same column for a table whose row i was row ``order[i]``."""
        position = np.argsort(order)[self.rows]
        sort = np.argsort(position)
        parts = tuple(part.take(order) for part in self.parts)
        rows, labels = position[sort], self.labels[sort]
        return replace(self, rows=rows, labels=labels, parts=parts)

    def identities(self) -> np.ndarray:
        """Numbers (n_observed,) that are equal where rows hold the same."""
        if not self.parts:
            return self.labels
        held = np.stack([part.labels for part in self.parts], axis=1)
        return np.unique(held, axis=0, return_inverse=True)[1].ravel()

    def numbers(self) -> np.ndarray:
        """Indicators of levels, or values; products of those of two columns: (n, q)."""
        if not self.parts:
            return (
                np.eye(self.n_levels)[self.labels]
                if self.n_levels
                else (self.labels[:, None])
            )
        first, second = (part.numbers() for part in self.parts)
        first, second = first - first.mean(axis=0), second - second.mean(axis=0)
        return (first[:, :, None] * second[:, None]).reshape(len(first), -1)


def match_levels(series: pd.Series, levels: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Codes of new rows by the levels of a fitted column: (rows, codes).

    Rows that are missing or have another level are not among `rows`.
    """
    if isinstance(levels[0], pd.Interval) and not _holds_intervals(series):
        codes = pd.IntervalIndex(levels).get_indexer(as_numbers(series))
    else:
        codes = level_codes(series, levels)
    rows = np.flatnonzero(codes >= 0)
    return rows, codes[rows]


def level_codes(series: pd.Series, levels: Sequence) -> np.ndarray:
    """Number of the level of each label; -1 if it is none of them."""
    return pd.Index(levels, dtype=object).get_indexer(plain_labels(series))


def _holds_intervals(series: pd.Series) -> bool:
    """Whether these are classes already, not numbers that fall into classes."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return isinstance(dtype, pd.IntervalDtype)


def plain_labels(series: pd.Series) -> pd.Index:
    """Level labels without the dtype of their container, so that they compare."""
    # Told to keep objects as they are: pandas 2 would look for dates among them.
    return pd.Index(series.astype(object), dtype=object)


def common_rows(column: Column, held: list[Column]) -> tuple[Column, list[Column]]:
    """Bring a column and those held fixed to the rows on which all are known.

    Levels of the column of which fewer than 3 rows remain are not used.

    Raises
    ------
    LeftOutError
        If the column does not vary on what remains.
    """
    for other in held:
        column = restrict_rows(column, other.rows)
    counts = (
        np.bincount(column.labels) if column.n_levels else np.full(1, len(column.rows))
    )
    rare = np.flatnonzero(counts < FEWEST_LEVEL_ROWS)
    if column.n_levels and len(rare):
        column = restrict_rows(column, column.rows[~np.isin(column.labels, rare)])
    return column, [_restrict(other, column.rows) for other in held]


def restrict_rows(column: Column, rows: np.ndarray) -> Column:
    """Return the column on those of its rows that are among `rows`.

    Levels of which nothing remains are levels no longer.

    Raises
    ------
    LeftOutError
        If what remains does not vary.
    """
    column = _restrict(column, rows)
    labels = column.labels
    if len(labels) == 0 or labels.min() == labels.max():
        raise LeftOutError(
            "does not vary on the rows on which all that is held fixed is known"
        )
    return column


def _restrict(column: Column, rows: np.ndarray) -> Column:
    """Column on those of its rows that are among `rows`, however few remain."""
    kept = np.isin(column.rows, rows)
    labels, levels = column.labels[kept], column.levels
    if kept.all() and len(np.unique(labels)) >= len(levels):
        return column
    if levels:
        remaining, labels = np.unique(labels, return_inverse=True)
        levels = tuple(levels[code] for code in remaining)
    parts = tuple(_restrict(part, rows) for part in column.parts)
    rows = column.rows[kept]
    return replace(column, rows=rows, labels=labels, levels=levels, parts=parts)
