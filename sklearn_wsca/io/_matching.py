"""Rows of embeddings and metadata brought together by their ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Literal

import pandas as pd

from sklearn_wsca._text import plural
from sklearn_wsca.io._errors import (
    EXAMPLES,
    file_error,
    listed,
    path_text,
    quoted,
)
from sklearn_wsca.io._ids import check_unique, ids_as_text, refuse_rounded

Names = tuple[Any, Any]
# Whole numbers that became floating-point ones, as beside a missing value.
WHOLE = re.compile(r"(?<=[0-9])\.0*$")

# What often differs between two lists of the same ids, and how to say it.
DIFFERENCES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("white space around them is removed", str.strip),
    ("upper and lower case are taken as equal", str.casefold),
    (
        "the zeros behind their decimal point are removed",
        lambda text: WHOLE.sub("", text),
    ),
    ("leading zeros are removed", lambda text: text.lstrip("0")),
    ("folders in front of them are removed", lambda text: _file_name(text)),
    ("file extensions are removed", lambda text: text.split(".")[0]),
    (
        "folders and file extensions are removed",
        lambda text: _file_name(text).split(".")[0],
    ),
)


def match_rows(
    embeddings: Any,
    metadata: pd.DataFrame,
    *,
    unmatched: Literal["error", "drop"] = "error",
    names: Names = ("embeddings", "metadata"),
) -> tuple[Any, pd.DataFrame, list[str]]:
    """Bring the rows of metadata into the order of the embeddings.

    Both have to be indexed by ids, as `load_embeddings` and `load_metadata` return them
    with `id`; or neither, and then row i of one describes row i of the other. Ids are
    compared as text, so that the number 7 matches the text "7", but not "007".

    Parameters
    ----------
    embeddings : ndarray or DataFrame of shape (n_samples, n_features)
        The embeddings.
    metadata : DataFrame of shape (n_samples, n_columns)
        The metadata.
    unmatched : {"error", "drop"}, default="error"
        What to do with ids that only one of them has.
    names : tuple of two, default=("embeddings", "metadata")
        What to call them in messages: their files.

    Returns
    -------
    embeddings : ndarray or DataFrame of shape (n_matched, n_features)
        Unchanged if all rows have metadata.
    metadata : DataFrame of shape (n_matched, n_columns)
        In the order of the embeddings and with their index.
    notes : list of str
        What was left out.

    Raises
    ------
    FileError
        If an id is repeated or was rounded, only one side has ids, none is common, ids
        are on one side only (unless `unmatched="drop"`), or without ids the lengths
        differ.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_wsca.io import match_rows
    >>> X = pd.DataFrame({"f0": [1.0, 2.0]}, index=pd.Index(["b", "a"], name="sample"))
    >>> y = pd.DataFrame({"age": [60, 70]}, index=pd.Index(["a", "b"], name="sample"))
    >>> match_rows(X, y)[1]["age"].tolist()
    [70, 60]
    """
    if unmatched not in ("error", "drop"):
        raise ValueError(f"unmatched={unmatched!r}: choose 'error' or 'drop'.")
    identified = (_has_ids(embeddings), _has_ids(metadata))
    if not any(identified):
        _check_length(len(embeddings), len(metadata), names)
        return embeddings, metadata, []
    if not all(identified):
        _refuse_one_sided((embeddings, metadata), identified, names)
    for name, table in zip(names, (embeddings, metadata), strict=True):
        refuse_rounded(name, table.index)
    first, second = ids_as_text(embeddings.index), ids_as_text(metadata.index)
    check_unique(names[0], first, embeddings.index.name)
    check_unique(names[1], second, metadata.index.name)
    row_of = {id: row for row, id in enumerate(second)}
    kept = [row for row, id in enumerate(first) if id in row_of]
    notes = _compare(first, second, unmatched, names)
    if len(kept) < len(first):
        embeddings = embeddings.iloc[kept]
    metadata = metadata.iloc[[row_of[first[row]] for row in kept]]
    return embeddings, metadata.set_axis(embeddings.index, axis=0), notes


def _has_ids(table: Any) -> bool:
    """Whether the index of a table names its rows instead of counting them."""
    if not isinstance(table, pd.DataFrame):
        return False
    return table.index.name is not None or not isinstance(table.index, pd.RangeIndex)


def _check_length(n_first: int, n_second: int, names: Names) -> None:
    if n_first != n_second:
        raise file_error(
            names[0],
            f"has {plural(n_first, 'row')} and {path_text(names[1])} has "
            f"{plural(n_second, 'row')}; without ids both need the same rows in the "
            "same order: add an id column to both files and name it with id.",
        )


def _refuse_one_sided(
    tables: tuple[Any, pd.DataFrame], identified: tuple[bool, bool], names: Names
) -> None:
    lacking = identified.index(False)
    columns = getattr(tables[lacking], "columns", None)
    held = "no named columns" if columns is None else f"the columns {listed(columns)}"
    raise file_error(
        names[lacking],
        f"has no ids, while {path_text(names[1 - lacking])} has "
        f"{quoted(tables[1 - lacking].index.name)}; it holds {held}: add the id column "
        "to it, or use no ids if row i of both is the same sample.",
    )


def _compare(first: list[str], second: list[str], unmatched: str, names: Names) -> list:
    """Notes on ids of one side only; errors where they are not to be dropped."""
    known = (set(first), set(second))
    only = (
        [id for id in first if id not in known[1]],
        [id for id in second if id not in known[0]],
    )
    if not any(only):
        return []
    hint = _hint(*only)
    if len(only[0]) == len(first):
        raise file_error(
            names[0],
            f"none of its {plural(len(first), 'id')} (such as "
            f"{listed(first, EXAMPLES)}) is among the {len(second)} of "
            f"{path_text(names[1])} (such as {listed(second, EXAMPLES)})"
            f"{hint}; write the ids alike in both files.",
        )
    sizes = (len(first), len(second))
    if unmatched == "drop":
        return [_left_out(side, only, sizes, names) for side in (0, 1) if only[side]]
    found = [_one_sided(side, only, sizes, names) for side in (0, 1) if only[side]]
    raise file_error(
        names[0 if only[0] else 1],
        f"{' and '.join(found)}{hint}; complete the files, or leave these rows out "
        "with unmatched='drop' (on the command line: --unmatched drop).",
    )


def _one_sided(side: int, only: tuple, sizes: tuple[int, int], names: Names) -> str:
    own, other = path_text(names[side]), path_text(names[1 - side])
    return (
        f"{len(only[side])} of the {sizes[side]} ids of {own} are not in {other} "
        f"({listed(only[side], EXAMPLES)})"
    )


def _left_out(side: int, only: tuple, sizes: tuple[int, int], names: Names) -> str:
    verb = "row was" if len(only[side]) == 1 else "rows were"
    return (
        f"{len(only[side])} of {sizes[side]} {verb} left out of "
        f"{path_text(names[side])}: no such id in {path_text(names[1 - side])} "
        f"({listed(only[side], EXAMPLES)})"
    )


def _hint(first: list[str], second: list[str]) -> str:
    """Say under which simple change unmatched ids of both sides would match."""
    for what, change in DIFFERENCES:
        common = {change(id) for id in first} & {change(id) for id in second}
        common.discard("")
        if common:
            return f"; {len(common)} would match if {what}"
    return ""


def _file_name(text: str) -> str:
    return PurePath(text.replace("\\", "/")).name
