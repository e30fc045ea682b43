"""Ids of rows: which column they are, and how they compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.numeric_values import are_rounded
from sklearn_wsca._text import plural, suggest
from sklearn_wsca.io._errors import (
    EXAMPLES,
    FileError,
    file_error,
    listed,
    quoted,
    quoted_whole,
)
from sklearn_wsca.io._text import UNNAMED
from sklearn_wsca.io._typed_columns import decoded_text

INDEX = "index"


def no_such_id(path: Any, name: Any, columns: Iterable[Any]) -> FileError:
    """Error about an id column that is not there."""
    columns = list(columns)
    return file_error(
        path,
        f"has no id column {quoted(name)}{suggest(name, columns, quoted_whole)}; its "
        f"columns are {listed(columns)}: name the id column alike in both files, or "
        "leave out id where row i of one describes row i of the other.",
    )


def text_ids(path: Any, names: Sequence[str], name: Any) -> str:
    """Name of the column of a text table that holds the ids."""
    if name in names:
        return name
    if name == INDEX and names[0] == UNNAMED.format(0):
        return names[0]
    raise no_such_id(path, name, names)


def take_ids(path: Any, table: pd.DataFrame, name: Any) -> pd.DataFrame:
    """Index a table by its id column, or by the index that it was saved with."""
    if name in table.columns:
        ids, table = table[name], table.drop(columns=name)
    elif name in (INDEX, table.index.name) and not _is_counter(table.index):
        ids = table.index
    else:
        raise no_such_id(path, name, table.columns)
    return table.set_axis(id_index(path, ids, name), axis=0)


def id_index(path: Any, ids: Any, name: Any) -> pd.Index:
    """Ids as an index.

    Raises
    ------
    FileError
        If some are missing, or are floating-point numbers that were rounded.
    """
    index = pd.Index(ids, name=name)
    empty = np.array([isinstance(value, str) and not value.strip() for value in index])
    missing = np.flatnonzero(index.isna() | empty)
    if len(missing):
        raise file_error(
            path,
            f"{len(missing)} of its {len(index)} rows have no id in {quoted(name)} "
            f"(rows {listed(missing.tolist(), EXAMPLES)}, counted from 0); fill them "
            "in or drop these rows.",
        )
    refuse_rounded(path, index)
    return index


def refuse_rounded(path: Any, ids: pd.Index) -> None:
    """Raise if ids are floating-point numbers, of which several may be the same now."""
    if are_rounded(ids):
        raise file_error(
            path,
            f"the ids in {quoted(ids.name)} are floating-point numbers, too large to "
            "be exact; save them as text.",
        )


def check_unique(path: Any, ids: list[str], name: Any) -> None:
    """Raise if two rows have the same id."""
    counts = pd.Series(ids, dtype=object).value_counts()
    repeated = counts[counts > 1]
    if len(repeated):
        raise file_error(
            path,
            f"has {plural(len(repeated), 'id')} of {quoted(name)} repeated "
            f"({listed(sorted(repeated.index), EXAMPLES)}; {int(repeated.sum())} rows "
            "in all); keep one row per id, or use another id column.",
        )


def ids_as_text(index: pd.Index) -> list[str]:
    """Ids as text, so that the number 7 matches the text "7"."""
    return [decoded_text(value) for value in index]


def _is_counter(index: pd.Index) -> bool:
    """Whether an index only counts the rows, as pandas makes it."""
    return isinstance(index, pd.RangeIndex) and index.name is None
