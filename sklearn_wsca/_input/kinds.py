"""Kinds of columns: what the user says, and which columns were read by their looks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import Kind
from sklearn_wsca._input.numeric_values import (
    DATES,
    DURATIONS,
    LeftOutError,
    named_column,
    numbers_or_none,
    text_as_numbers,
)
from sklearn_wsca._input.typed_columns import kind_by_looks
from sklearn_wsca._text import list_names, suggest

KINDS = ("categorical", "continuous")
# Integers of so many different values may be codes as well as counts; two values are
# the same contrast either way.
FEWEST_CODES, MOST_CODES = 3, 30


def check_kinds(kinds: Any, table: Mapping[Any, pd.Series]) -> dict[Any, Any]:
    """Check the argument `kinds` against columns by name.

    Raises
    ------
    ValueError
        If it is no dict of columns to kinds, names a column that there is not, or
        calls text continuous.
    """
    if kinds is None:
        return {}
    if not isinstance(kinds, Mapping):
        raise ValueError(
            f"kinds: {kinds!r} is no dict; pass columns with their kinds, such as "
            "{'hospital': 'categorical'}."
        )
    known = list(table)
    for name, kind in kinds.items():
        if name not in known:
            raise ValueError(
                f"kinds: {name!r} is no column that is read{suggest(name, known)}; the "
                f"columns are {list_names(known)}."
            )
        if kind not in KINDS:
            raise ValueError(
                f"kinds[{name!r}]: {kind!r} is no kind; pass 'categorical' or "
                "'continuous'."
            )
        if kind == "continuous":
            _check_numeric(table[name])
    return dict(kinds)


def _check_numeric(series: pd.Series) -> None:
    """Raise if a column that is said to be continuous holds no numbers."""
    observed = series.dropna()
    with named_column(series.name):
        numbers = numbers_or_none(text_as_numbers(observed))
    if not len(observed) or numbers is not None:
        return
    raise ValueError(
        f"kinds[{series.name!r}]: the column is said to be continuous, but holds "
        f"values such as {observed.iloc[0]!r}; convert it with pd.to_numeric, or call "
        "it categorical."
    )


def warn_of_codes(
    table: Mapping[Any, pd.Series],
    guessed: Iterable[Any],
    stacklevel: int,
    read_as: Mapping[Any, Kind] | None = None,
) -> None:
    """Name columns of few integers whose kind nobody said, and how to say it.

    `read_as` has the kinds of those that were not read as they look.
    """
    kinds = read_as or {}
    readings = {name: _read_codes(table[name], kinds.get(name)) for name in guessed}
    coded = {name: reading for name, reading in readings.items() if reading}
    if not coded:
        return
    shown = ", ".join(
        f"{name!r} ({n_values} values) as {kind}"
        for name, (n_values, kind) in coded.items()
    )
    name, (_, kind) = next(iter(coded.items()))
    other = KINDS[kind == KINDS[0]]
    warnings.warn(
        f"kinds: columns of few integers were read by their looks: {shown}. If one is "
        f"meant otherwise, say so, such as kinds={{{name!r}: {other!r}}} (--{other} "
        f"{name}); naming it with the kind that it has ends this warning.",
        UserWarning,
        stacklevel=stacklevel,
    )


def _read_codes(series: pd.Series, kind: Kind | None) -> tuple[int, Kind] | None:
    """Number of values and kind of a column of few integers, which may be codes."""
    observed = series.dropna()
    others = (bool, np.bool_, *DATES, *DURATIONS)
    if not len(observed) or isinstance(observed.iloc[0], others):
        return None
    if isinstance(series.dtype, pd.CategoricalDtype):
        return None
    try:
        numbers = numbers_or_none(observed)
    except LeftOutError:
        return None
    if numbers is None or not np.array_equal(numbers, np.round(numbers)):
        return None
    n_values = len(np.unique(numbers))
    if not FEWEST_CODES <= n_values <= MOST_CODES:
        return None
    return n_values, kind or kind_by_looks(numbers)
