"""The target as y, apart from the metadata table: as classifiers take it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from sklearn_wsca._input.table import as_table, check_same_index
from sklearn_wsca._text import list_first, quote

UNNAMED_TARGET = "target"


def name_target(target: Any, y: Any, metadata: Any) -> Any:
    """Name of the target; None if there is none.

    With `metadata` y is the target: its own name counts where `target` gives none.
    """
    if metadata is None or target is not None:
        return target
    name = _own_name(y)
    return UNNAMED_TARGET if name is None else name


def join_target(y: Any, metadata: Any, name: Any) -> pd.DataFrame:
    """Metadata table with y as its column `name`.

    Raises
    ------
    ValueError
        If y is no single column, has rows of its own, or contradicts the table.
    """
    check_same_index(y, metadata, ("y", "metadata"))
    table, own = as_table(metadata, "metadata"), as_table(y)
    if len(own.columns) != 1:
        raise ValueError(
            f"y: {len(own.columns)} columns, but with metadata y is the target alone; "
            "pass its column as y, or the whole table as y without metadata."
        )
    if len(own) != len(table):
        raise ValueError(
            f"y has {len(own)} rows and metadata has {len(table)} rows: inconsistent "
            "numbers of samples. Row i of metadata must describe row i of y."
        )
    if name in table.columns:
        _check_equal(own.iloc[:, 0], table[name])
        return table
    other = _own_name(y)
    if other != name and other in table.columns:
        raise ValueError(
            f"y: its name {other!r} is that of a column of metadata, and the target is "
            f"{name!r}; set target={other!r}, or rename y."
        )
    joined = pd.concat([own, table], axis=1)
    joined.columns = pd.Index([name, *table.columns], tupleize_cols=False)
    return joined


def explain_single_column(y: Any, table: pd.DataFrame, needed: Iterable[Any]) -> None:
    """Raise if y lacks columns because it is the target alone.

    Raises
    ------
    ValueError
        The message says how the table is passed beside it.
    """
    missing = [name for name in needed if name not in table.columns]
    if hasattr(y, "columns") or len(table.columns) > 1 or not missing:
        return
    raise ValueError(
        f"y: it is a single column and there is none named {list_first(missing)}; pass "
        "the metadata table as y, or as metadata= if y is the target alone. In a "
        "Pipeline and in cross_validate metadata is routed: "
        "set_config(enable_metadata_routing=True), and set_fit_request(metadata=True) "
        "and set_score_request(metadata=True) of the analysis."
    )


def _own_name(y: Any) -> Any:
    """Name of a Series, or of the only column of a frame; None without one."""
    if hasattr(y, "columns"):
        return y.columns[0] if len(y.columns) == 1 else None
    name = getattr(y, "name", None) if hasattr(y, "to_frame") else None
    return None if isinstance(name, str) and not name else name


def _check_equal(own: pd.Series, column: pd.Series) -> None:
    """Raise if y and the column of its name hold different values."""
    differ = (own.isna() != column.isna()).to_numpy(copy=True)
    known = (own.notna() & column.notna()).to_numpy()
    first, second = (s[known].astype(object).to_numpy() for s in (own, column))
    differ[known] = first != second
    if not differ.any():
        return
    row = int(differ.argmax())
    raise ValueError(
        f"metadata: the column {column.name!r} has the name of the target and is not "
        f"y: they differ in {differ.sum()} of {len(differ)} rows, first in row {row} "
        f"({quote(column[row])} against {quote(own[row])} in y). Pass that column as "
        "y; or, if y holds codes of it and the rows are in the same order, leave it "
        f"out, metadata.drop(columns={column.name!r})."
    )
