"""Which columns are erased, and what is said of those that are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._erasure.erasure import Held
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column, LeftOutError, match_levels
from sklearn_wsca._input.persons import find_names
from sklearn_wsca._input.table import (
    as_table,
    check_same_index,
    list_columns,
    require_columns,
)
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._text import list_first


def select_columns(
    table: pd.DataFrame, target: Any, columns: Any, own: Any, kinds: dict
) -> tuple[list, dict[Any, str]]:
    """Names of the columns to erase, and of those that are not, with the reason.

    Without `columns` they are all but the target `own` and those that name rows or
    patients; who names the kind of a column asks for it.

    Raises
    ------
    ValueError
        For unknown or repeated names, the target among the columns, or none at all.
    """
    if target is not None:
        require_columns([target], table, "target")
    if columns is None:
        names = [name for name in table.columns if name != own]
        persons = find_names(table, [name for name in names if name not in kinds])
        return [name for name in names if name not in persons], persons
    names = list_columns(columns)
    require_columns(names, table, "columns")
    if target is not None and target in names:
        raise ValueError(
            f"columns: the target {target!r} is among them; it is held fixed, so leave "
            "it out of columns, or set target=None to erase it."
        )
    return names, {}


@dataclass(frozen=True)
class ErasedColumns:
    """Columns that are erased, and the one that is held fixed.

    Parameters
    ----------
    columns : list of Column
        Those that are erased.
    factors : dict of name to ndarray of shape (n, c)
        By which rows add up to their covariance with each, at fixed target.
    target : Column or None
        What is held fixed.
    dropped : dict of name to str
        Columns that cannot be erased, with the reason.
    notes : list of str
        What a reader must know of the target and the columns.
    """

    columns: list[Column]
    factors: dict[Any, np.ndarray]
    target: Column | None
    dropped: dict[Any, str]
    notes: list[str]


def read_erased(given: Input, names: list, target: Any, kinds: dict) -> ErasedColumns:
    """Read the columns of these names, and the target.

    Raises
    ------
    ValueError
        If the target cannot be held fixed.
    """
    held = _read_target(given.table, target, kinds)
    found = ErasedColumns([], {}, held, {}, [])
    if held is not None:
        found.notes.extend(f"target {target!r}: {note}" for note in held.notes)
    for name in names:
        try:
            column = _read_all_levels(given.table[name], kinds.get(name, "auto"))
            found.factors[name] = _column_factors(column, held, given.weights)
        except LeftOutError as reason:
            found.dropped[name] = str(reason)
        else:
            found.columns.append(column)
            found.notes.extend(_describe_missing(column, len(given.table)))
    return found


def _read_target(table: pd.DataFrame, name: Any, kinds: dict) -> Column | None:
    """Column that is held fixed."""
    if name is None:
        return None
    try:
        return read_column(table[name], kind=kinds.get(name, "auto"))
    except LeftOutError as reason:
        raise ValueError(
            f"target={name!r} cannot be held fixed: {reason}. Choose another column, "
            "or target=None to erase without one."
        ) from reason


def _read_all_levels(series: pd.Series, kind: Any) -> Column:
    """Type a column; unlike in an analysis of effects, rare levels count.

    Raises
    ------
    LeftOutError
        If the column is constant or identifier-like.
    """
    column = read_column(series, kind=kind)
    rows = np.flatnonzero(series.notna().to_numpy())
    if not column.n_levels or len(rows) == len(column.rows):
        return column
    codes, levels = pd.factorize(series.iloc[rows].astype(object))
    return Column(column.name, "categorical", rows, codes, tuple(levels))


def _column_factors(
    column: Column, target: Column | None, weights: np.ndarray
) -> np.ndarray:
    """Factors of the covariance with a column, at fixed target if there is one.

    Raises
    ------
    LeftOutError
        If nothing is left of the column.
    """
    held = [] if target is None else [target]
    factors = Held.of(column, weights, held).concept(column)
    if factors.shape[1]:
        return factors
    if target is None:
        raise LeftOutError("constant: it varies by rounding only")
    raise LeftOutError(
        f"does not vary at fixed target {target.name!r}: that determines it, or no "
        "rows have both"
    )


def _describe_missing(column: Column, n_rows: int) -> list[str]:
    """How many rows were set to the mean of the column."""
    missing = n_rows - len(column.rows)
    if not missing:
        return []
    return [
        f"column {column.name!r}: missing in {missing} of {n_rows} rows, which are set "
        "to its mean."
    ]


def read_candidates(table: pd.DataFrame, names: list, kinds: dict) -> list[Column]:
    """Columns that a network may decide; not those that name rows or patients."""
    persons = find_names(table, names)
    found = []
    for name in names:
        try:
            column = read_column(table[name], kind=kinds.get(name, "auto"))
        except LeftOutError:
            continue
        if name not in persons:
            found.append(column)
    return found


def check_one_categorical(columns: list[Column]) -> Column:
    """Return the only column, if it has levels.

    Raises
    ------
    ValueError
        If there are more, or it is continuous.
    """
    names = [column.name for column in columns]
    if len(columns) > 1:
        raise ValueError(
            f"method='quadratic' erases one column, and there are {len(columns)}: "
            f"{list_first(names)}. Choose one, or combine them into one column of the "
            "combinations of their levels."
        )
    (column,) = columns
    if not column.n_levels:
        raise ValueError(
            f"method='quadratic': {column.name!r} is continuous, and only levels have "
            "covariances of their own; bin it, say kinds="
            f"{{{column.name!r}: 'categorical'}}, or erase it with method='linear'."
        )
    return column


def check_something_left(dropped: dict[Any, str], factors: dict, where: str) -> None:
    """Raise if no column of the argument `where` can be erased, with the reasons."""
    if factors:
        return
    if not dropped:
        raise ValueError(
            f"{where}: there is no column besides the target; pass metadata columns to "
            "erase."
        )
    raise ValueError(f"{where}: no column can be erased. {list_reasons(dropped)}.")


def list_reasons(dropped: dict[Any, str]) -> str:
    return "; ".join(f"{name!r}: {reason}" for name, reason in dropped.items())


def read_levels(metadata: Any, X: Any, n: int, name: Any, levels: tuple) -> np.ndarray:
    """Level of a column in every one of n rows of embeddings, by its number.

    Raises
    ------
    ValueError
        If there is no metadata for these rows, or a level is missing or unknown.
    """
    if metadata is None:
        raise ValueError(
            f"metadata: a quadratic erasure needs the level of every row; pass the "
            f"column {name!r}, or the table that holds it, as metadata."
        )
    check_same_index(X, metadata, ("X", "metadata"))
    table = as_table(metadata, "metadata")
    if len(table) != n:
        raise ValueError(
            f"metadata has {len(table)} rows and X has {n}: row i of metadata must "
            "describe row i of X."
        )
    if not hasattr(metadata, "columns") and len(table.columns) == 1:
        table = table.set_axis([name], axis=1)
    require_columns([name], table, "metadata")
    rows, codes = match_levels(table[name], levels)
    if len(rows) < n:
        unknown = np.setdiff1d(np.arange(n), rows)
        raise ValueError(
            f"metadata: the level of {name!r} is missing, or was not seen by fit, in "
            f"{len(unknown)} of {n} rows (first row {unknown[0]}: "
            f"{table[name].iloc[unknown[0]]!r}); leave these rows out, or erase with "
            "method='linear'."
        )
    return codes
