"""The metadata table: from pandas, polars, lists or arrays to one DataFrame."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array


def as_table(y: Any) -> pd.DataFrame:
    """Turn the metadata argument into a DataFrame with a RangeIndex.

    Parameters
    ----------
    y : DataFrame, Series, array-like of shape (n,) or (n, n_columns)
        pandas and polars objects keep their names; other columns are called
        x0, x1, ...

    Raises
    ------
    ValueError
        If names are repeated or nested, there is no column, or the shape is wrong.
    """
    if isinstance(y, pd.DataFrame):
        table = y.reset_index(drop=True)
    elif isinstance(y, pd.Series):
        table = y.reset_index(drop=True).to_frame(_series_name(y.name))
    elif _is_polars(y):
        table = _from_polars(y)
    else:
        table = _from_array(y)
    _check_names(table.columns)
    return table


def check_same_index(X: Any, y: Any, names: tuple[str, str] = ("X", "y")) -> None:
    """Raise if two pandas objects have rows with different labels."""
    pandas_types = (pd.DataFrame, pd.Series)
    if not (isinstance(X, pandas_types) and isinstance(y, pandas_types)):
        return
    if len(X) != len(y) or X.index.equals(y.index):
        return
    differ = [i for i in range(len(X)) if X.index[i] != y.index[i]]
    if not differ:
        return
    first, second = names
    if Counter(X.index) == Counter(y.index):
        found = (
            "the same labels in a different order: align them, "
            f"{second} = {second}.loc[{first}.index]"
        )
    else:
        row = differ[0]
        found = (
            f"different labels, first in row {row} ({X.index[row]!r} against "
            f"{y.index[row]!r}): select the same rows, or reset_index(drop=True) on "
            f"both if row i of {second} describes row i of {first}"
        )
    raise ValueError(f"the indexes of {first} and {second} have {found}.")


def require_columns(
    names: Iterable[Hashable], table: pd.DataFrame, argument: str
) -> None:
    """Raise if a name given in `argument` is no column of the table."""
    for name in names:
        if name not in table.columns:
            raise ValueError(
                f"{argument}: there is no column {name!r} in the metadata"
                f"{_suggest(name, table.columns)}. "
                f"Its columns are {_shorten(table.columns)}."
            )


def row_fingerprints(table: pd.DataFrame) -> np.ndarray:
    """One number per row from its values; the order of the columns is irrelevant."""
    total = np.zeros(len(table), dtype=np.uint64)
    for name in table.columns:
        total += pd.util.hash_array(table[name].astype(str).to_numpy(dtype=object))
    return total


def _series_name(name: Hashable) -> Hashable:
    return "x0" if name is None else name


def _is_polars(y: Any) -> bool:
    return type(y).__module__.split(".")[0] == "polars"


def _from_polars(y: Any) -> pd.DataFrame:
    # By plain Python values, because polars' own conversion needs pyarrow.
    if hasattr(y, "get_columns"):
        return pd.DataFrame({s.name: s.to_list() for s in y.get_columns()})
    return pd.DataFrame({y.name or "x0": y.to_list()})


def _from_array(y: Any) -> pd.DataFrame:
    if isinstance(y, (list, tuple)):
        # numpy would turn numbers into strings where a row holds both.
        y = np.array(y, dtype=object)
    array = check_array(
        y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name="y"
    )
    array = array.reshape(-1, 1) if array.ndim < 2 else array
    names = [f"x{i}" for i in range(array.shape[1])]
    table = pd.DataFrame(array, columns=names)
    return table.infer_objects() if array.dtype == object else table


def _check_names(columns: pd.Index) -> None:
    if isinstance(columns, pd.MultiIndex):
        raise ValueError(
            f"y: the metadata columns have {columns.nlevels} header levels; flatten "
            "them to one name per column, e.g. "
            "y.columns = ['_'.join(map(str, name)) for name in y.columns]."
        )
    if len(columns) == 0:
        raise ValueError("y: the metadata table has no column; pass at least one.")
    repeated = columns[columns.duplicated()].unique()
    if len(repeated):
        raise ValueError(
            f"y: the metadata table has several columns named {_shorten(repeated)}; "
            "rename them so that every name is unique."
        )


def _suggest(name: Hashable, columns: pd.Index) -> str:
    by_text = {str(column): column for column in columns}
    matches = difflib.get_close_matches(str(name), by_text, n=1)
    return f" (did you mean {by_text[matches[0]]!r}?)" if matches else ""


def _shorten(names: Iterable[Hashable], most: int = 10) -> str:
    shown = [repr(name) for name in names]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more
