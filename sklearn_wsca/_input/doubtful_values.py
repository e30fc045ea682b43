"""Values that may not be what they seem: almost the same, or codes for missing ones."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from sklearn_wsca._text import list_first

PAIRS_SHOWN = 5
# What surveys write where a number is missing; fewer digits are often real numbers.
NEGATIVE_CODES = (-77, -88, -99, -777, -888, -999, -7777, -8888, -9999, -99999)
POSITIVE_CODES = tuple(-code for code in NEGATIVE_CODES)
# How many times as large as all other numbers a code is; of a few, nothing is far.
TWICE, FAR, MANY = 2.0, 5.0, 10


def warn_of_doubts(
    table: Mapping[Any, pd.Series], names: Iterable[Any], stacklevel: int
) -> None:
    """Warn of doubtful values in some columns of a table."""
    for name in dict.fromkeys(names):
        for doubt in describe_doubts(table[name]):
            warnings.warn(doubt, UserWarning, stacklevel=stacklevel)


def describe_doubts(series: pd.Series) -> list[str]:
    """Say which values of a column are doubtful."""
    dtype = series.dtype
    real = types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)
    if real and not types.is_bool_dtype(dtype):
        doubt = _describe_codes(series)
    else:
        doubt = _describe_lookalikes(series)
    return [doubt] if doubt else []


def _describe_lookalikes(series: pd.Series) -> str | None:
    """Levels that a reader would take for the same."""
    levels = _text_levels(series)
    alike: dict[str, list[str]] = {}
    for level in levels:
        alike.setdefault(_looks(level), []).append(level)
    pairs = [
        f"{other!r} beside {first!r}"
        for same in alike.values()
        for first, *others in [sorted(same, key=lambda text: (len(text), text))]
        for other in others
    ]
    if not pairs:
        return None
    shown = list_first(pairs, PAIRS_SHOWN, str)
    return (
        f"column {series.name!r} holds values that differ in nothing but blanks, case "
        f"or the encoding of letters, and count as different: {shown}; write them "
        "alike if they are the same."
    )


def _text_levels(series: pd.Series) -> list[str]:
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = series.cat.remove_unused_categories().cat.categories
    elif types.is_object_dtype(series.dtype) or types.is_string_dtype(series.dtype):
        values = _distinct(series)
    else:
        return []
    return list(dict.fromkeys(value for value in values if isinstance(value, str)))


def _distinct(series: pd.Series) -> Iterable:
    """Values in the order of their appearance; all of them if some have no hash."""
    try:
        return series.unique()
    except TypeError:
        return series


def _looks(text: str) -> str:
    """Text without what one does not see: blanks, case, and how letters are encoded."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(
        c for c in plain if not c.isspace() and unicodedata.category(c) != "Cf"
    )


def _describe_codes(series: pd.Series) -> str | None:
    """Numbers that stand for missing ones, or are dates."""
    numbers = series.dropna().to_numpy(dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    # The smallest of all codes, and of all dates; most columns have none so large.
    if np.abs(numbers).max(initial=0.0) < min(POSITIVE_CODES):
        return None
    if _are_dates(numbers):
        return (
            f"column {series.name!r} holds whole numbers such as {numbers[0]:.0f}, "
            "which look like dates and are taken for numbers; write them as 2026-01-31."
        )
    codes = _find_codes(numbers)
    if not codes:
        return None
    shown = " and ".join(str(code) for code in codes)
    what = "a code" if len(codes) == 1 else "codes"
    return (
        f"column {series.name!r} holds {shown}, far from all its other numbers; leave "
        f"these cells empty if {'it is' if len(codes) == 1 else 'they are'} {what} for "
        "missing values."
    )


def _are_dates(numbers: np.ndarray) -> bool:
    """Whether all numbers are years, months and days without anything between."""
    if len(np.unique(numbers)) < 2 or (numbers % 1.0).any():
        return False
    years, days = np.divmod(numbers, 10_000)
    months, days = np.divmod(days, 100)
    limits = ((years, 1900, 2100), (months, 1, 12), (days, 1, 31))
    return all(((low <= part) & (part <= high)).all() for part, low, high in limits)


def _find_codes(numbers: np.ndarray) -> list[int]:
    """Numbers that surveys write for missing ones and that no others are near to.

    All candidates are set aside first: -99 for one reason and 999 for another stand in
    one column.
    """
    candidates = np.isin(numbers, [*NEGATIVE_CODES, *POSITIVE_CODES])
    codes, counts = np.unique(numbers[candidates], return_counts=True)
    rest = numbers[~candidates]
    if not len(rest):
        return []
    largest = float(np.abs(rest).max())
    several, signed = len(rest) >= MANY, bool(rest.min() < 0.0)
    found = []
    for code, count in zip(codes, counts, strict=True):
        far = several and abs(code) > FAR * largest
        if code < 0.0:
            is_code = far or not signed
        else:
            # One number may be an outlier, unless it is far out among many.
            is_code = far or (not signed and count > 1 and code > TWICE * largest)
        if is_code:
            found.append(int(code))
    return found
