"""Tables with typed cells: parquet, feather and xlsx."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._columns import is_missing
from sklearn_wsca.io._errors import (
    file_error,
    library_errors,
    listed,
    refuse_repeated,
)
from sklearn_wsca.io._sizes import check_archive, check_unpacked_size

BYTES_PER_CELL = 8


def read_typed_table(path: Any, file: Path, suffix: str) -> pd.DataFrame:
    """Table of a parquet, feather or xlsx file; an index that it names is kept."""
    table = _READERS[suffix](path, file)
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


def _read_parquet(path: Any, file: Path) -> pd.DataFrame:
    parquet = import_extra("pyarrow.parquet", "io")
    with library_errors(path, "parquet file"), parquet.ParquetFile(file) as content:
        n_rows, n_columns = content.metadata.num_rows, content.metadata.num_columns
        check_unpacked_size(path, "its table", n_rows * n_columns * BYTES_PER_CELL)
        return _from_arrow(path, content.read())


def _read_feather(path: Any, file: Path) -> pd.DataFrame:
    feather = import_extra("pyarrow.feather", "io")
    with library_errors(path, "feather file"):
        return _from_arrow(path, feather.read_table(file, memory_map=True))


def _from_arrow(path: Any, table: Any) -> pd.DataFrame:
    # pandas could not tell repeated columns apart any more.
    _check_columns(path, pd.Index(table.column_names))
    # Whole numbers among missing values would be rounded to doubles otherwise.
    return table.to_pandas(integer_object_nulls=True)


def _read_xlsx(path: Any, file: Path) -> pd.DataFrame:
    openpyxl = import_extra("openpyxl", "io")
    check_archive(path, file, "xlsx file")
    with library_errors(path, "xlsx file"), warnings.catch_warnings():
        # openpyxl warns of decorations that it does not know.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            sheets = {sheet.title: _sheet_rows(sheet) for sheet in book.worksheets}
        finally:
            book.close()
    filled = {title: rows for title, rows in sheets.items() if rows}
    if not filled:
        raise file_error(path, "has no sheet with cells in it; write it again.")
    if len(filled) > 1:
        raise file_error(
            path,
            f"has {len(filled)} sheets ({listed(filled)}); save the one with the "
            "metadata as a file of its own.",
        )
    return _sheet_table(path, next(iter(filled.values())))


def _sheet_rows(sheet: Any) -> list[list[Any]]:
    """Cells of a sheet without the empty rows and columns behind the last value."""
    # The size that a file states may be wrong, and as large as it likes.
    sheet.reset_dimensions()
    rows = [_without_tail(cells) for cells in sheet.iter_rows(values_only=True)]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _without_tail(cells: Iterable[Any]) -> list[Any]:
    """Cells up to the last value; None where one is empty or says that it is."""
    cells = [None if isinstance(c, str) and is_missing(c) else c for c in cells]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _sheet_table(path: Any, rows: list[list[Any]]) -> pd.DataFrame:
    names, cells = rows[0], rows[1:]
    width = max(map(len, rows))
    if len(names) < width or None in names:
        raise file_error(
            path,
            "the first row of its sheet does not name every column; put one name above "
            "each column and nothing above that row.",
        )
    names = [name.strip() if isinstance(name, str) else str(name) for name in names]
    _check_columns(path, pd.Index(names))
    full = [row + [None] * (width - len(row)) for row in cells]
    return pd.DataFrame(full, columns=names, dtype=object)


_READERS = {
    ".parquet": _read_parquet,
    ".feather": _read_feather,
    ".xlsx": _read_xlsx,
}
