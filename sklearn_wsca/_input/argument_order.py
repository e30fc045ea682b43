"""Embeddings and metadata that were passed in the wrong order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

MADE_NAME = re.compile(r"x\d+")


def check_argument_order(X: Any, y: Any, names: Iterable[Any]) -> None:
    """Raise if X is the metadata table, or holds a column that y should hold.

    Parameters
    ----------
    X, y : object
        As the user passed them.
    names : iterable
        Columns that the metadata must have.
    """
    held = _column_names(X)
    if held is None or y is None:
        return
    swapped = _is_numeric(y) and (not _is_numeric(X) or len(held) < _width(y))
    known = _column_names(y)
    missing = [n for n in names if n in held and not _has(known, n)]
    if missing and not swapped:
        raise ValueError(
            f"y: {missing[0]!r} is a column of X and not of the metadata table y; move "
            "it there, because X holds the embeddings alone."
        )
    if missing or (swapped and not _is_numeric(X) and _width(y) > 1):
        found = f"{missing[0]!r} is a column of X" if missing else "X holds text"
        raise ValueError(
            f"X: embeddings and metadata are swapped: {found}, and y holds nothing but "
            "numbers. Pass the embeddings first and the metadata table second."
        )


def _column_names(data: Any) -> list | None:
    """Names of the columns of a table; None if it is none."""
    if hasattr(data, "columns"):
        return list(data.columns)
    return None


def _has(known: list | None, name: Any) -> bool:
    """Whether a table has a column; those of arrays get names of their own."""
    if known is not None:
        return name in known
    return isinstance(name, str) and MADE_NAME.fullmatch(name) is not None


def _width(data: Any) -> int:
    shape: tuple = getattr(data, "shape", ())
    return int(shape[1]) if len(shape) == 2 else 1


def _is_numeric(data: Any) -> bool:
    """Whether an array, or every column of a table, holds nothing but numbers."""
    if isinstance(data, pd.DataFrame):
        return all(map(_is_number_type, data.dtypes))
    if hasattr(data, "to_pandas") or hasattr(data, "get_columns"):
        return all(
            str(part).startswith(("Int", "UInt", "Float")) for part in data.dtypes
        )
    dtype = getattr(data, "dtype", None)
    return isinstance(dtype, np.dtype) and _is_number_type(dtype)


def _is_number_type(dtype: Any) -> bool:
    return types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)
