"""Numbers of a continuous column, whatever type holds them; or that it has levels."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from sklearn_wsca._input.embeddings import check_magnitude

SECONDS_PER_DAY = 86_400.0
DATES = (date, np.datetime64, pd.Period)
DURATIONS = (timedelta, np.timedelta64)
# What Python or numpy takes for numbers, and a column of numbers does not hold.
NO_NUMBERS = (bool, complex, np.timedelta64)


def as_numbers(series: pd.Series) -> np.ndarray:
    """Numbers of a continuous column, NaN where missing."""
    numbers = np.full(len(series), np.nan)
    rows = np.flatnonzero(series.notna().to_numpy())
    found = numbers_or_none(series.iloc[rows])
    if found is None:
        raise ValueError(
            f"column {series.name!r} was numeric in fit and holds {series.dtype} now; "
            "pass the same kind of values."
        )
    numbers[rows] = found
    return numbers


def numbers_or_none(observed: pd.Series) -> np.ndarray | None:
    """Numbers of a column without missing values; None if it holds levels.

    Raises
    ------
    ValueError
        If it has infinite, complex or mixed values, or none that can be used.
    """
    numbers = _as_numbers(observed)
    if numbers is not None:
        largest = float(np.abs(numbers).max(initial=0.0))
        check_magnitude(largest, f"column {observed.name!r}", "number")
    return numbers


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
        raise ValueError(
            f"column {observed.name!r} holds complex numbers; pass real ones, for "
            "example their modulus."
        )
    if types.is_datetime64_any_dtype(dtype):
        return _days_since_epoch(observed)
    if types.is_timedelta64_dtype(dtype):
        return _days(observed)
    if types.is_numeric_dtype(dtype):
        return _finite(observed.name, observed.to_numpy(dtype=np.float64))
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


def _finite(name: Any, numbers: np.ndarray) -> np.ndarray:
    infinite = np.flatnonzero(~np.isfinite(numbers))
    if len(infinite):
        raise ValueError(
            f"column {name!r} holds {len(infinite)} infinite values; replace them by "
            "a number, or by NaN if they are missing."
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
        return _finite(observed.name, _as_floats(observed.name, values))
    found = Counter(type(value).__name__ for value in values)
    counts = ", ".join(f"{count} {name}" for name, count in found.most_common(4))
    raise ValueError(
        f"column {observed.name!r} mixes or holds unusable types ({counts}); convert "
        "it to numbers, strings, booleans or dates first, for example with "
        f"y[{observed.name!r}].astype(str)."
    )


def _as_floats(name: Any, values: list) -> np.ndarray:
    """Doubles of any numbers of Python."""
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise ValueError(
            f"column {name!r} holds numbers beyond the range of doubles (1.8e308); "
            "divide them by a power of ten."
        ) from error


def _object_dates(observed: pd.Series) -> np.ndarray:
    """Days since 1970 of dates and times; those without a zone count as UTC."""
    try:
        return _days_since_epoch(pd.to_datetime(observed, utc=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"column {observed.name!r} holds dates that pandas cannot read ({error}); "
            "convert them with pd.to_datetime first."
        ) from error
