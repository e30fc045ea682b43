"""Columns of binary tables, whose cells have types of their own, never rounded."""

from __future__ import annotations

from collections import Counter
from datetime import date, time
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from sklearn_wsca._input.numeric_values import LARGEST_EXACT
from sklearn_wsca._text import plain_text
from sklearn_wsca.io._errors import EXAMPLES, listed
from sklearn_wsca.io._missing import without_words

# Digits that Excel keeps of a number.
EXCEL_DIGITS = 15


def exact_column(column: pd.Series) -> tuple[pd.Series, str | None, Counter[str]]:
    """Type a column of a binary table; what to warn of, and words for missing values.

    Whole numbers that doubles cannot hold become text, and so do bytes and columns that
    mix text with other values.
    """
    column, words = without_words(_decoded(column))
    typed, warning = _typed(column)
    return typed, warning, words


def _decoded(column: pd.Series) -> pd.Series:
    """Column with text where it holds nothing but bytes."""
    present = column.dropna() if types.is_object_dtype(column.dtype) else ()
    if not len(present) or not all(isinstance(value, bytes) for value in present):
        return column
    return _as_text(column)


def _typed(column: pd.Series) -> tuple[pd.Series, str | None]:
    if types.is_integer_dtype(column.dtype) or _all_whole(column):
        return _whole_column(column)
    if not types.is_object_dtype(column.dtype):
        return column, None
    present = column.dropna()
    counts = Counter(map(_kind, present))
    if set(counts) == {"number"}:
        return column.astype(np.float64), None
    if len(counts) <= 1:
        return column.infer_objects(), None
    found = ", ".join(f"{count} of {kind}" for kind, count in sorted(counts.items()))
    examples = listed(dict.fromkeys(map(decoded_text, present)), EXAMPLES)
    warning = (
        f"column {column.name!r} mixes cells of several kinds ({found}; such as "
        f"{examples}) and is kept as text; clean it if it should be numbers."
    )
    return _as_text(column), warning


def decoded_text(value: Any) -> str:
    """Text of a value from a file, the same for 7, 7.0, "7" and b"7"."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return plain_text(value)


def _as_text(column: pd.Series) -> pd.Series:
    pairs = zip(column, column.isna(), strict=True)
    cells = [None if missing else decoded_text(value) for value, missing in pairs]
    return pd.Series(cells, index=column.index, name=column.name)


def _all_whole(column: pd.Series) -> bool:
    """Whether an object column holds Python integers only, besides missing values."""
    if not types.is_object_dtype(column.dtype):
        return False
    present = column.dropna()
    return len(present) > 0 and all(
        isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        for value in present
    )


def _whole_column(column: pd.Series) -> tuple[pd.Series, str | None]:
    present = column.dropna()
    ends = [int(present.min()), int(present.max())] if len(present) else []
    huge = [value for value in ends if abs(value) > LARGEST_EXACT]
    if not huge:
        missing = len(present) < len(column)
        return column.astype(np.float64 if missing else np.int64), None
    warning = (
        f"column {column.name!r} is kept as text: it holds whole numbers too large to "
        f"be held exactly (such as {listed(huge[:1])})"
    )
    if all(_is_cut_by_excel(int(value)) for value in present):
        warning += (
            f"; all are zero behind {EXCEL_DIGITS} digits, as Excel leaves numbers: "
            "export them again as text"
        )
    return _as_text(column), f"{warning}."


def _is_cut_by_excel(value: int) -> bool:
    digits = str(abs(value))
    return len(digits) <= EXCEL_DIGITS or not digits[EXCEL_DIGITS:].strip("0")


def _kind(value: Any) -> str:
    """Kind of one cell, in words."""
    if isinstance(value, (bool, np.bool_)):
        return "true or false"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return "number"
    if isinstance(value, (date, time, np.datetime64)):
        return "date"
    return "text" if isinstance(value, str) else type(value).__name__
