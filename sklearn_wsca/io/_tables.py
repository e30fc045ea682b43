"""Tables with typed cells: parquet, feather and xlsx."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._errors import (
    LONGEST_REASON,
    file_error,
    library_errors,
    one_line,
    path_text,
    quoted,
    refuse_repeated,
)
from sklearn_wsca.io._sizes import check_unpacked_size
from sklearn_wsca.io._workbooks import read_workbook

BYTES_PER_CELL = 8


def read_typed_table(
    path: Any, file: Path, suffix: str, max_size: int | None = None
) -> pd.DataFrame:
    """Table of a parquet, feather or xlsx file; an index that it names is kept."""
    table = _READERS[suffix](path, file, max_size)
    if not len(table):
        raise file_error(path, "has columns and no rows; export it again.")
    _check_columns(path, table.columns)
    return table


def _check_columns(path: Any, names: pd.Index) -> None:
    """Raise unless every column has a name of its own."""
    if isinstance(names, pd.MultiIndex):
        raise file_error(
            path, "has column names of several levels; join them to one name each."
        )
    if not len(names):
        raise file_error(path, "has no columns; export it again.")
    refuse_repeated(path, names[names.duplicated()].unique())


def _read_parquet(path: Any, file: Path, max_size: int | None) -> pd.DataFrame:
    parquet = import_extra("pyarrow.parquet", "io")
    with library_errors(path, "parquet file"), parquet.ParquetFile(file) as content:
        n_rows, n_columns = content.metadata.num_rows, content.metadata.num_columns
        n_bytes = n_rows * n_columns * BYTES_PER_CELL
        check_unpacked_size(path, "its table", n_bytes, None, max_size)
        return _from_arrow(path, content.read())


def _read_feather(path: Any, file: Path, max_size: int | None) -> pd.DataFrame:
    feather = import_extra("pyarrow.feather", "io")
    with library_errors(path, "feather file"):
        return _from_arrow(path, feather.read_table(file, memory_map=True))


def _from_arrow(path: Any, table: Any) -> pd.DataFrame:
    # pandas could not tell repeated columns apart any more.
    _check_columns(path, pd.Index(table.column_names))
    try:
        # Whole numbers among missing values would be rounded to doubles otherwise.
        return table.to_pandas(integer_object_nulls=True)
    except Exception:
        # Some nested types have no counterpart in pandas: one column stops nothing.
        reasons = _unreadable(table)
        if not reasons or len(reasons) == len(table.column_names):
            raise
    for name, reason in reasons.items():
        warnings.warn(
            f"{path_text(path)}: column {quoted(name)} is left out: {reason}.",
            UserWarning,
            stacklevel=2,
        )
    return table.drop_columns(list(reasons)).to_pandas(integer_object_nulls=True)


def _unreadable(table: Any) -> dict[str, str]:
    """Columns that pandas cannot hold, and why."""
    reasons = {}
    for name in table.column_names:
        try:
            table.column(name).to_pandas(integer_object_nulls=True)
        except Exception as error:
            found = one_line(str(error))[:LONGEST_REASON]
            reasons[name] = (
                f"its type {table.column(name).type} cannot be read ({found})"
            )
    return reasons


_READERS = {
    ".parquet": _read_parquet,
    ".feather": _read_feather,
    ".xlsx": read_workbook,
}
