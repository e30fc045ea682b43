"""Numbers of a continuous column, whatever type holds them; or that it has levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from numbers import Integral, Number
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from sklearn_wsca._input.embeddings import LARGEST, SMALLEST

SECONDS_PER_DAY = 86_400.0
# Doubles hold every whole number up to here.
LARGEST_EXACT = 2**53
DATES = (date, np.datetime64, pd.Period)
DURATIONS = (timedelta, np.timedelta64)
# What Python or numpy takes for numbers, and a column of numbers does not hold.
NO_NUMBERS = (bool, complex, np.timedelta64)


class LeftOutError(ValueError):
    """A column cannot be analysed; the message is the reason, without the name."""


class UntestableColumnError(ValueError):
    """A column that was passed to a test cannot be tested.

    Parameters
    ----------
    message : str
        What is said of it.
    reason : str
        Why, without the name.
    """

    def __init__(self, message: str, reason: str):
        super().__init__(message)
        self.reason = reason


def as_numbers(series: pd.Series) -> np.ndarray:
    """Numbers of a continuous column, NaN where missing.

    Raises
    ------
    LeftOutError
        If it has levels, or values that are of no use.
    """
    numbers = np.full(len(series), np.nan)
    rows = np.flatnonzero(series.notna().to_numpy())
    found = numbers_or_none(text_as_numbers(series.iloc[rows]))
    if found is None:
        raise LeftOutError(
            f"was numeric in fit and holds {series.dtype} now; pass the same kind of "
            "values"
        )
    numbers[rows] = found
    return numbers


def numbers_or_none(observed: pd.Series) -> np.ndarray | None:
    """Numbers of a column without missing values; None if it holds levels.

    Whole numbers that would become the same as doubles are levels.

    Raises
    ------
    LeftOutError
        If it has infinite, complex or mixed values, or none that can be used.
    """
    numbers = _as_numbers(observed)
    if numbers is None:
        return None
    largest = float(np.abs(numbers).max(initial=0.0))
    if largest >= LARGEST_EXACT and _are_merged(observed, numbers):
        return None
    if largest and not SMALLEST < largest < LARGEST:
        raise LeftOutError(
            f"holds numbers up to the size {largest:.3g}, outside of {SMALLEST:g} to "
            f"{LARGEST:g}, where products can be computed; rescale the numbers"
        )
    return numbers


def text_as_numbers(observed: pd.Series) -> pd.Series:
    """Numbers in place of text, where all of it is numbers and is said to be."""
    values = observed.to_list()
    # Python takes 1_000 for a number.
    texts = [value for value in values if isinstance(value, str) and "_" not in value]
    if not texts or len(texts) < len(values):
        return observed
    try:
        return pd.Series(list(map(float, values)), observed.index, name=observed.name)
    except ValueError:
        return observed


@contextmanager
def named_column(name: Any, argument: str = "") -> Iterator[None]:
    """Put the name of a column before the reason why it cannot be used."""
    try:
        yield
    except LeftOutError as reason:
        opening = f"{argument}: " if argument else ""
        raise ValueError(f"{opening}column {name!r} {reason}.") from reason


def are_rounded(values: Any) -> bool:
    """Whether floating-point numbers are so large that they may have been rounded.

    What were different whole numbers may be the same by now: no names of anything.
    """
    dtype = values.dtype
    if types.is_object_dtype(dtype):
        floats = (value for value in values if isinstance(value, float))
        return any(np.isfinite(v) and abs(v) >= LARGEST_EXACT for v in floats)
    if not types.is_float_dtype(dtype):
        return False
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    digits = np.finfo(getattr(dtype, "numpy_dtype", dtype)).nmant + 1
    known = numbers[np.isfinite(numbers)]
    return bool(np.abs(known).max(initial=0.0) >= 2.0**digits)


def _are_merged(observed: pd.Series, numbers: np.ndarray) -> bool:
    """Whether different whole numbers are the same as doubles."""
    if not types.is_integer_dtype(observed.dtype):
        if not types.is_object_dtype(observed.dtype):
            return False
        if not all(isinstance(value, Integral) for value in observed):
            return False
    return observed.nunique() > len(np.unique(numbers))


def _as_numbers(observed: pd.Series) -> np.ndarray | None:
    """Float values of a numeric, date or duration column; None for levels."""
    dtype = observed.dtype
    if isinstance(dtype, pd.SparseDtype):
        observed = observed.sparse.to_dense()
        dtype = observed.dtype
    if isinstance(dtype, pd.PeriodDtype):
        observed = observed.dt.to_timestamp()
        dtype = observed.dtype
    if isinstance(dtype, pd.CategoricalDtype) or types.is_bool_dtype(dtype):
        return None
    if isinstance(dtype, pd.ArrowDtype) and not issubclass(dtype.type, (str, Number)):
        return _object_numbers(observed.astype(object))
    if types.is_complex_dtype(dtype):
        raise LeftOutError(
            "holds complex numbers; pass real ones, for example their modulus"
        )
    if types.is_datetime64_any_dtype(dtype):
        return _days_since_epoch(observed)
    if types.is_timedelta64_dtype(dtype):
        return _days(observed)
    if types.is_numeric_dtype(dtype):
        return _finite(observed.to_numpy(dtype=np.float64))
    if types.is_object_dtype(dtype):
        return _object_numbers(observed)
    return None


def _days_since_epoch(dates: pd.Series) -> np.ndarray:
    """Days since 1970, in UTC where the dates have a time zone."""
    if dates.dt.tz is not None:
        dates = dates.dt.tz_convert("UTC")
    return _days(dates - pd.Timestamp("1970-01-01", tz=dates.dt.tz))


def _days(durations: pd.Series) -> np.ndarray:
    return durations.dt.total_seconds().to_numpy(dtype=np.float64) / SECONDS_PER_DAY


def _finite(numbers: np.ndarray) -> np.ndarray:
    infinite = int(np.sum(~np.isfinite(numbers)))
    if infinite:
        noun = "infinite value" if infinite == 1 else "infinite values"
        raise LeftOutError(
            f"holds {infinite} {noun}; replace them by a number, or by NaN if they are "
            "missing"
        )
    return numbers


def _object_numbers(observed: pd.Series) -> np.ndarray | None:
    """Sort out object columns by the Python types that they hold."""
    values = observed.to_list()

    def hold(*kinds: type) -> bool:
        return all(isinstance(value, kinds) for value in values)

    if hold(str) or hold(bytes) or hold(bool, np.bool_):
        return None
    if hold(date, np.datetime64):
        return _object_dates(observed)
    if hold(*DURATIONS):
        return _days(pd.to_timedelta(observed))
    if hold(Number) and not any(isinstance(value, NO_NUMBERS) for value in values):
        return _finite(_as_floats(values))
    found = Counter(type(value).__name__ for value in values)
    counts = ", ".join(f"{count} {name}" for name, count in found.most_common(4))
    raise LeftOutError(
        f"mixes or holds unusable types ({counts}); convert it to numbers, strings, "
        "booleans or dates, all of one kind"
    )


def _as_floats(values: list) -> np.ndarray:
    """Doubles of any numbers of Python."""
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise LeftOutError(
            "holds numbers beyond the range of doubles (1.8e308); divide them by a "
            "power of ten"
        ) from error


def _object_dates(observed: pd.Series) -> np.ndarray:
    """Days since 1970 of dates and times; those without a zone count as UTC."""
    try:
        return _days_since_epoch(pd.to_datetime(observed, utc=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise LeftOutError(
            f"holds dates that pandas cannot read ({error}); convert them with "
            "pd.to_datetime first"
        ) from error
