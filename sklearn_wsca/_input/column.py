"""One metadata column: what kind it is, which rows it describes, or why it is out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_wsca._input.numeric_values import (
    DATES,
    DURATIONS,
    LeftOutError,
    as_numbers,
    numbers_or_none,
    text_as_numbers,
)
from sklearn_wsca._text import list_first

Kind = Literal["categorical", "continuous", "interaction"]
Binning = Literal["quantile", "uniform"]

MOST_NUMERIC_LEVELS = 10
FEWEST_LEVEL_ROWS = 3
# Of a number that is cut into classes.
BINNINGS = {"quantile": "quantile classes", "uniform": "classes of equal width"}
WHY_FEW = {
    "quantile": "too many rows share a value, or the classes are too many",
    "uniform": "most rows lie close together; take binning='quantile'",
}
# Edges of classes have so many digits more than the size of their range, and as many as
# it takes to keep every row in its class.
EDGE_DIGITS, MOST_MORE_DIGITS = 3, 17


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


def read_column(
    series: pd.Series,
    *,
    kind: Literal["auto", "categorical", "continuous"] = "auto",
    n_bins: int | None = None,
    binning: Binning = "quantile",
    min_rows: int = 2,
    may_identify: bool = False,
) -> Column:
    """Type a column of the metadata table.

    Parameters
    ----------
    series : Series
        The column; its name is used in messages. Rows are counted from 0.
    kind : {"auto", "categorical", "continuous"}
        How to read numbers; "auto" takes them as continuous if more than 10 of them
        are distinct, or more than half.
        Booleans, pandas categoricals and strings are categorical in any case, but for
        strings that are all numbers in a "continuous" column.
    n_bins : int, default=None
        Bins continuous columns into that many classes.
    binning : {"quantile", "uniform"}
        Into classes of equal numbers of rows, or of equal width, of which some may have
        no rows; those with fewer than 3 are not used.
    min_rows : int
        Fewest observed rows.
    may_identify : bool
        Whether levels may be as many as those that name rows or patients: classes that
        a head has rows for.

    Raises
    ------
    LeftOutError
        If the column is constant, identifier-like or observed on too few rows, or has
        infinite, complex or mixed values.
    """
    rows = np.flatnonzero(series.notna().to_numpy())
    if len(rows) < min_rows:
        raise LeftOutError(
            f"observed in {len(rows)} of {len(series)} rows, fewer than the {min_rows} "
            "that are needed"
        )
    notes = _missing_note(len(rows), len(series))
    observed = series.iloc[rows]
    said = text_as_numbers(observed) if kind == "continuous" else observed
    numbers = numbers_or_none(said)
    if numbers is None:
        return _categorical(series.name, rows, observed, notes, may_identify)
    if kind == "auto":
        kind = kind_by_looks(numbers)
    if kind == "categorical":
        return _categorical(series.name, rows, observed, notes, may_identify)
    _check_varies(numbers)
    _check_no_counter(observed, numbers)
    if n_bins is not None:
        return _binned(series.name, rows, numbers, n_bins, binning, notes)
    notes += _unit_note(observed.iloc[0])
    return Column(series.name, "continuous", rows, numbers, (), notes)


def count_values(series: pd.Series) -> int:
    """Number of different values; 0 if they are lists and the like."""
    try:
        return int(series.nunique())
    except TypeError:
        return 0


def kind_by_looks(numbers: np.ndarray) -> Literal["categorical", "continuous"]:
    """Kind of a column of numbers of which nobody says it."""
    distinct = len(np.unique(numbers))
    # Numbers that hardly repeat are no levels, however few rows there are.
    many = distinct > MOST_NUMERIC_LEVELS or 2 * distinct > len(numbers)
    return "continuous" if many else "categorical"


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
    return pd.Index(levels, dtype=object).get_indexer(_plain_labels(series))


def _holds_intervals(series: pd.Series) -> bool:
    """Whether these are classes already, not numbers that fall into classes."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return isinstance(dtype, pd.IntervalDtype)


def _missing_note(n_observed: int, n_rows: int) -> tuple[str, ...]:
    missing = n_rows - n_observed
    if not missing:
        return ()
    verb = "is" if missing == 1 else "are"
    return (f"{missing} of {n_rows} rows {verb} missing",)


def _unit_note(value: Any) -> tuple[str, ...]:
    """Unit of the numbers that a date or duration becomes."""
    if isinstance(value, DATES):
        return ("its numbers are days since 1970-01-01",)
    return ("its numbers are days",) if isinstance(value, DURATIONS) else ()


def _plain_labels(series: pd.Series) -> pd.Index:
    """Level labels without the dtype of their container, so that they compare."""
    # Told to keep objects as they are: pandas 2 would look for dates among them.
    return pd.Index(series.astype(object), dtype=object)


def _categorical(
    name: Any,
    rows: np.ndarray,
    observed: pd.Series,
    notes: tuple[str, ...],
    may_identify: bool,
) -> Column:
    if isinstance(observed.dtype, pd.CategoricalDtype):
        labels = observed.cat.remove_unused_categories()
        codes, levels = labels.cat.codes.to_numpy(), list(labels.cat.categories)
    else:
        codes, levels = pd.factorize(_plain_labels(observed), sort=True)
    if not may_identify:
        _check_no_identifier(levels, len(rows))
    counts = np.bincount(codes, minlength=len(levels))
    if len(levels) == 1:
        raise LeftOutError(f"constant: all {len(rows)} observed rows are {levels[0]!r}")
    kept = np.flatnonzero(counts >= FEWEST_LEVEL_ROWS)
    if len(kept) < 2:
        raise LeftOutError(
            f"fewer than 2 of its {len(levels)} levels have {FEWEST_LEVEL_ROWS} or "
            "more rows"
        )
    notes = notes + _rare_note(levels, counts)
    recode = np.full(len(levels), -1, dtype=np.intp)
    recode[kept] = np.arange(len(kept))
    codes = recode[codes]
    used = codes >= 0
    kept_levels = tuple(_python_scalar(levels[i]) for i in kept)
    return Column(name, "categorical", rows[used], codes[used], kept_levels, notes)


def _python_scalar(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _rare_note(levels: Any, counts: np.ndarray) -> tuple[str, ...]:
    rare = np.flatnonzero(counts < FEWEST_LEVEL_ROWS)
    if not len(rare):
        return ()
    shown = list_first([_python_scalar(levels[i]) for i in rare], 3)
    return (
        f"{int(counts[rare].sum())} rows of {len(rare)} rare levels ({shown}; fewer "
        f"than {FEWEST_LEVEL_ROWS} rows each) are not used",
    )


def _binned(
    name: Any,
    rows: np.ndarray,
    numbers: np.ndarray,
    n_bins: int,
    binning: Binning,
    notes: tuple[str, ...],
) -> Column:
    edges = _edges(numbers, n_bins, binning)
    # The outer classes are open, so that new rows beyond the range belong somewhere.
    levels = pd.IntervalIndex.from_breaks([-np.inf, *edges, np.inf])
    codes = np.searchsorted(edges, numbers, side="left")
    counts = np.bincount(codes, minlength=len(levels))
    kept = np.flatnonzero(counts >= FEWEST_LEVEL_ROWS)
    how = BINNINGS[binning]
    if len(kept) < 2:
        raise LeftOutError(
            f"{n_bins} {how} were asked for, and {len(kept) or 'none'} of them has "
            f"{FEWEST_LEVEL_ROWS} or more rows: {WHY_FEW[binning]}"
        )
    notes = notes + (f"binned into {len(kept)} {how}", *_thin_notes(levels, counts))
    used = np.isin(codes, kept)
    codes = np.searchsorted(kept, codes[used])
    return Column(name, "categorical", rows[used], codes, tuple(levels[kept]), notes)


def _edges(numbers: np.ndarray, n_bins: int, binning: Binning) -> np.ndarray:
    """Inner edges, each the upper end of its class, in no more digits than it takes.

    Quantile classes without rows, which ties make, are left out.
    """
    values = np.unique(numbers)
    if binning == "quantile":
        edges = np.quantile(numbers, np.linspace(0.0, 1.0, n_bins + 1)[1:-1])
    else:
        edges = np.linspace(values[0], values[-1], n_bins + 1)[1:-1]
    edges = np.unique(edges[edges < values[-1]])
    below = np.searchsorted(values, edges, side="right")
    if binning == "quantile":
        below, first = np.unique(below, return_index=True)
        edges = edges[first]
    digits = EDGE_DIGITS - math.floor(math.log10(values[-1] - values[0]))
    pairs = zip(edges.tolist(), below.tolist(), strict=True)
    return np.array([_round(edge, digits, values[i - 1 : i + 1]) for edge, i in pairs])


def _round(edge: float, digits: int, neighbours: np.ndarray) -> float:
    """Edge in few digits that still parts the two values beside it.

    Classes are found again by their names, so that an edge that is rounded for display
    alone would put new rows in another class.
    """
    low, high = neighbours
    for n in range(digits, digits + MOST_MORE_DIGITS):
        if low <= round(edge, n) < high:
            return round(edge, n)
    return edge


def _thin_notes(levels: pd.IntervalIndex, counts: np.ndarray) -> tuple[str, ...]:
    """Name the classes that nobody, or hardly anybody, is in."""
    empty = [str(level) for level in levels[counts == 0]]
    thin = (counts > 0) & (counts < FEWEST_LEVEL_ROWS)
    notes = []
    if empty:
        verb = "has" if len(empty) == 1 else "have"
        notes.append(f"{list_first(empty, 3)} {verb} no rows")
    if thin.any():
        n, named = int(counts[thin].sum()), [str(level) for level in levels[thin]]
        what = f"{n} row{'s' if n > 1 else ''} in {list_first(named, 3)}"
        notes.append(
            f"{what} {'are' if n > 1 else 'is'} not used (fewer than "
            f"{FEWEST_LEVEL_ROWS} in a class)"
        )
    return tuple(notes)


def _check_varies(numbers: np.ndarray) -> None:
    if numbers.min() == numbers.max():
        raise LeftOutError(
            f"constant: all {len(numbers)} observed rows are {numbers[0]:g}"
        )


def _check_no_identifier(levels: Any, n_rows: int) -> None:
    """Refuse labels that name rows or patients rather than describe them."""
    n_levels = len(levels)
    mostly_distinct = n_levels > 10 and n_levels > n_rows / 2
    many_small = n_levels > 50 and n_rows / n_levels < 20
    if mostly_distinct or many_small:
        advice = "merge levels if it is a property of the sample"
        if all(isinstance(level, str) and _is_number(level) for level in levels):
            advice = "they are numbers as text: convert them with pd.to_numeric"
        raise LeftOutError(
            f"identifier-like: {n_levels} different values in {n_rows} rows; {advice}"
        )


def _is_number(text: str) -> bool:
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False


def _check_no_counter(observed: pd.Series, numbers: np.ndarray) -> None:
    """Refuse distinct integers that fill their range, such as row numbers."""
    n = len(numbers)
    if isinstance(observed.iloc[0], DATES) or n <= MOST_NUMERIC_LEVELS:
        return
    whole = np.array_equal(numbers, np.round(numbers))
    if whole and len(np.unique(numbers)) == n and n > 0.5 * np.ptp(numbers):
        raise LeftOutError(
            f"identifier-like: {n} different whole numbers between {numbers.min():g} "
            f"and {numbers.max():g}, as in a row number"
        )


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
