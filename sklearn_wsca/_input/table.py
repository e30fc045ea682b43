"""The metadata table: from pandas, polars, lists or arrays to one DataFrame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils import check_array

from sklearn_wsca._input.array_checks import explain_bad_array, is_no_array
from sklearn_wsca._text import encodable, list_first, plain_text, suggest

NAMES_SHOWN = 10


def as_table(y: Any, argument: str = "y") -> pd.DataFrame:
    """Turn the metadata argument into a DataFrame with a RangeIndex.

    Parameters
    ----------
    y : DataFrame, Series, array-like of shape (n,) or (n, n_columns)
        pandas and polars objects keep their names; other columns are called
        x0, x1, ...
    argument : str
        What to call it in messages.

    Raises
    ------
    ValueError
        If names are repeated or nested, there is no column, or the shape is wrong.
    """
    if isinstance(y, pd.DataFrame):
        table = y.reset_index(drop=True)
    elif isinstance(y, pd.Series):
        # In this order, because pandas 2.1 would look at integers too large for it.
        table = y.to_frame(_series_name(y.name)).reset_index(drop=True)
    elif _is_of(y, "polars"):
        table = _from_polars(y, argument)
    elif _is_of(y, "pyarrow"):
        # Whole numbers beside missing ones would be rounded to doubles otherwise.
        return as_table(y.to_pandas(integer_object_nulls=True), argument)
    elif hasattr(y, "to_pandas"):
        return as_table(y.to_pandas(), argument)
    else:
        table = _from_array(y, argument)
    table = _in_unicode(table, argument)
    _check_header(table.columns, argument)
    return _in_plain_types(table)


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


def _check_hashable(names: Iterable[Any], argument: str) -> None:
    """Raise if something is a list or an array rather than the name of a column."""
    for name in names:
        if not isinstance(name, Hashable):
            raise ValueError(
                f"{argument}: {name!r} is no name of a column; pass a flat list of "
                "names."
            )


def require_columns(
    names: Iterable[Hashable], table: pd.DataFrame, argument: str
) -> None:
    """Raise if a name given in `argument` is no column of the table."""
    names = list(names)
    _check_hashable(names, argument)
    for name in names:
        if name not in table.columns:
            raise ValueError(
                f"{argument}: there is no column {name!r} in the metadata"
                f"{suggest(name, table.columns)}. "
                f"Its columns are {list_first(table.columns, NAMES_SHOWN)}."
            )


def row_fingerprints(table: pd.DataFrame, role: str = "") -> np.ndarray:
    """One number per row from its values, and from what they are values of.

    Neither the order of the columns nor the types that hold the values matter, and
    their names only where two columns have the same values as often. The `role` tells
    tables from each other.
    """
    hashes = [_hash_values(table[name]) for name in table.columns]
    # What a column holds tells it from others, whatever it is called.
    owners = [int(np.sum(pd.util.hash_array(own))) % 2**64 for own in hashes]
    total = np.zeros(len(table), dtype=np.uint64)
    for name, own, owner in zip(table.columns, hashes, owners, strict=True):
        mark = f"{role} {owner} {name if owners.count(owner) > 1 else ''}"
        salt = pd.util.hash_array(np.array([_as_bytes(mark)], dtype=object))
        total += pd.util.hash_array(own + salt)
    return total


def fingerprints_by_role(parts: Mapping[str, pd.DataFrame | None]) -> np.ndarray:
    """The same from tables of several roles; None is no table."""
    known = {role: part for role, part in parts.items() if part is not None}
    prints = [row_fingerprints(part, role) for role, part in known.items()]
    return np.sum(prints, axis=0)


def _hash_values(values: pd.Series) -> np.ndarray:
    """One number per row from what its value is as text."""
    texts = np.full(len(values), b"", dtype=object)
    known = np.flatnonzero(values.notna().to_numpy(dtype=bool))
    present = values.iloc[known].astype(object)
    for row, value in zip(known, present, strict=True):
        texts[row] = _as_bytes(plain_text(value))
    return pd.util.hash_array(texts)


def _as_bytes(text: str) -> bytes:
    # What cannot be encoded comes from files that are not in UTF-8.
    return text.encode("utf-8", "backslashreplace")


def _series_name(name: Hashable) -> Hashable:
    return "x0" if name is None else name


def _is_of(y: Any, library: str) -> bool:
    return type(y).__module__.split(".")[0] == library


def _from_polars(y: Any, argument: str) -> pd.DataFrame:
    # By plain Python values, because polars' own conversion needs pyarrow.
    if hasattr(y, "collect"):
        raise ValueError(
            f"{argument}: the metadata table is lazy; pass {argument}.collect()."
        )
    columns = y.get_columns() if hasattr(y, "get_columns") else [y]
    return pd.DataFrame({s.name or "x0": _exact(s.to_list()) for s in columns})


def _exact(values: Iterable[Any]) -> pd.Series:
    """Column of Python values; whole numbers beside missing ones are not rounded."""
    objects = pd.Series(list(values), dtype=object)
    present = [value for value in objects if value is not None]
    is_whole = all(isinstance(v, Integral) and not isinstance(v, bool) for v in present)
    if is_whole and 0 < len(present) < len(objects):
        return objects
    return objects.infer_objects()


def _in_unicode(table: pd.DataFrame, argument: str) -> pd.DataFrame:
    """The same with escapes for bytes of names and labels that are not UTF-8."""
    names = [encodable(n) if isinstance(n, str) else n for n in table.columns]
    if names != list(table.columns):
        table = table.set_axis(pd.Index(names, tupleize_cols=False), axis=1)
    for place, dtype in enumerate(table.dtypes):
        is_categorical = isinstance(dtype, pd.CategoricalDtype)
        if not (is_categorical or types.is_object_dtype(dtype)):
            continue
        column = table.iloc[:, place]
        escaped = _escape(column.cat.categories if is_categorical else column)
        if escaped is None:
            raise ValueError(
                f"{argument}: column {names[place]!r} has a label with bytes that are "
                "not UTF-8 and another one that is written like their escape; rename "
                "one of them."
            )
        if not escaped:
            continue
        if is_categorical:
            column = column.cat.rename_categories(escaped)
        else:
            labels = [escaped.get(v, v) if isinstance(v, str) else v for v in column]
            column = pd.Series(labels, column.index, dtype=object)
        table = table.copy(deep=False)
        table.isetitem(place, column)
    return table


def _escape(values: Iterable[Any]) -> dict[str, str] | None:
    """Escapes of what is not UTF-8; None if one of them is there already."""
    texts = {value for value in values if isinstance(value, str)}
    escaped = {text: new for text in texts if (new := encodable(text)) != text}
    return None if texts & {*escaped.values()} else escaped


def _in_plain_types(table: pd.DataFrame) -> pd.DataFrame:
    """The same without numbers of which pandas cannot use everything."""
    plain: dict[Any, Any] = {}
    for name, dtype in table.dtypes.items():
        if isinstance(dtype, np.dtype):
            if not dtype.isnative:
                plain[name] = dtype.newbyteorder("=")
        elif types.is_float_dtype(dtype) and not isinstance(dtype, pd.SparseDtype):
            # These may hold NaN as well as NA, which pandas takes for a number.
            plain[name] = np.float64
    return table.astype(plain) if plain else table


def _from_array(y: Any, argument: str) -> pd.DataFrame:
    _check_is_array(y, argument)
    if isinstance(y, np.ma.MaskedArray):
        values = y.data.astype(object)
        values[np.ma.getmaskarray(y)] = None
        y = values
    if isinstance(y, (list, tuple)):
        # numpy would turn numbers into strings where a row holds both.
        y = np.array(y, dtype=object)
    with explain_bad_array(argument, "metadata"):
        array = check_array(
            y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name=argument
        )
    array = array.reshape(-1, 1) if array.ndim < 2 else array
    names = [f"x{i}" for i in range(array.shape[1])]
    if array.dtype != object:
        return pd.DataFrame(array, columns=names)
    columns = dict(zip(names, map(_exact, array.T), strict=True))
    return pd.DataFrame(columns, columns=names)


def _check_is_array(y: Any, argument: str) -> None:
    """Raise for tables of other kinds, whose names would be lost."""
    first = y[0] if isinstance(y, (list, tuple)) and len(y) else None
    named = hasattr(y, "columns") or getattr(getattr(y, "dtype", None), "names", None)
    if named or isinstance(first, dict) or is_no_array(y):
        raise ValueError(
            f"{argument}: {type(y).__name__} is no table that can be read; pass a "
            "pandas or polars DataFrame, for example pd.DataFrame of a dict or of "
            "records, or .compute() of a dask DataFrame."
        )


def _check_header(columns: pd.Index, argument: str) -> None:
    if isinstance(columns, pd.MultiIndex):
        raise ValueError(
            f"{argument}: the metadata columns have {columns.nlevels} header levels; "
            f"flatten them to one name per column, e.g. {argument}.columns = "
            f"['_'.join(map(str, name)) for name in {argument}.columns]."
        )
    if len(columns) == 0:
        raise ValueError(
            f"{argument}: the metadata table has no column; pass at least one."
        )
    repeated = columns[columns.duplicated()].unique()
    if len(repeated):
        raise ValueError(
            f"{argument}: the metadata table has several columns named "
            f"{list_first(repeated, NAMES_SHOWN)}; rename them so that every name is "
            "unique."
        )


def list_columns(columns: Any) -> list:
    """Names of an argument `columns`, none of them twice.

    Raises
    ------
    ValueError
        For repeated names, or none at all.
    """
    refuse_text(columns, "columns")
    names = list(columns)
    if not names:
        raise ValueError(
            "columns: the list is empty; name at least one column, or pass None for "
            "all but the target."
        )
    _check_hashable(names, "columns")
    if len(set(names)) < len(names):
        raise ValueError(f"columns: a name occurs more than once in {names}.")
    return names


def refuse_text(names: Any, argument: str) -> None:
    """Raise for a single name in place of a list of names, whose letters it has."""
    if isinstance(names, str):
        raise ValueError(
            f"{argument}={names!r} is text and no list of names; pass "
            f"{argument}=[{names!r}]."
        )


def name_index(names: Any) -> pd.Index:
    """Index of columns, whose names may be tuples."""
    return pd.Index(list(names), name="column", tupleize_cols=False)


def level_index(labels: Sequence[Sequence], names: Sequence[Any]) -> pd.MultiIndex:
    """Index of several levels; labels (one sequence per level) may be tuples.

    Levels are not sorted: pandas would turn tuples beside text into rows of a table.
    """
    levels, codes = [], []
    for own in labels:
        found = {label: code for code, label in enumerate(dict.fromkeys(own))}
        levels.append(pd.Index(list(found), tupleize_cols=False))
        codes.append([found[label] for label in own])
    return pd.MultiIndex(levels=levels, codes=codes, names=list(names))
