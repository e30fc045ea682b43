"""How a column of the table is read: its kind, its levels, or why it is left out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_wsca._input.binning import Binning, bin_numbers
from sklearn_wsca._input.column import FEWEST_LEVEL_ROWS, Column, plain_labels
from sklearn_wsca._input.numeric_values import (
    DATES,
    DURATIONS,
    LeftOutError,
    numbers_or_none,
    text_as_numbers,
)
from sklearn_wsca._text import list_first

# Of more different numbers nobody says that they are levels.
MOST_NUMERIC_LEVELS = 10


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
        return bin_numbers(series.name, rows, numbers, n_bins, binning, notes)
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
        codes, levels = pd.factorize(plain_labels(observed), sort=True)
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
