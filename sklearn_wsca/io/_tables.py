"""Tables with typed cells: parquet, feather and xlsx."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_wsca.io._columns import MISSING
from sklearn_wsca.io._errors import (
    EXAMPLES,
    file_error,
    import_extra,
    library_errors,
    listed,
)
from sklearn_wsca.io._sizes import check_archive, check_size

BYTES_PER_CELL = 8


def read_typed_table(path: Any, file: Path, suffix: str) -> pd.DataFrame:
    """Table of a parquet, feather or xlsx file; an index that it names is kept."""
    table = _READERS[suffix](path, file)
    if not len(table):
        raise file_error(path, "has columns and no rows; export it again.")
    check_names(path, table.columns)
    return table


def check_names(path: Any, names: pd.Index) -> None:
    """Raise unless every column has a name of its own."""
    if isinstance(names, pd.MultiIndex):
        raise file_error(
            path, "has column names of several levels; join them to one name each."
        )
    if not len(names):
        raise file_error(path, "has no columns; export it again.")
    repeated = names[names.duplicated()].unique()
    if len(repeated):
        raise file_error(
            path,
            f"has several columns named {listed(repeated, EXAMPLES)}; rename them so "
            "that every name is unique.",
        )


def _read_parquet(path: Any, file: Path) -> pd.DataFrame:
    parquet = import_extra("pyarrow.parquet", "io")
    with library_errors(path, "parquet file"), parquet.ParquetFile(file) as content:
        n_rows, n_columns = content.metadata.num_rows, content.metadata.num_columns
        check_size(path, "its table", n_rows * n_columns * BYTES_PER_CELL)
        return _from_arrow(path, content.read())


def _read_feather(path: Any, file: Path) -> pd.DataFrame:
    feather = import_extra("pyarrow.feather", "io")
    with library_errors(path, "feather file"):
        return _from_arrow(path, feather.read_table(file, memory_map=True))


def _from_arrow(path: Any, table: Any) -> pd.DataFrame:
    # pandas could not tell repeated columns apart any more.
    check_names(path, pd.Index(table.column_names))
    # Whole numbers beside missing values would be rounded to doubles otherwise.
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
    rows = [_without_tail(list(cells)) for cells in sheet.iter_rows(values_only=True)]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _without_tail(cells: list[Any]) -> list[Any]:
    cells = [_cell(value) for value in cells]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _cell(value: Any) -> Any:
    """Value of a cell; None where it is empty or says that it is."""
    missing = isinstance(value, str) and value.strip().lower() in MISSING
    return None if missing else value


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
    check_names(path, pd.Index(names))
    columns = [
        [row[i] if i < len(row) else None for row in cells] for i in range(width)
    ]
    typed = (pd.Series(column, dtype=object) for column in columns)
    return pd.DataFrame(dict(zip(names, typed, strict=True)), columns=names)


_READERS = {
    ".parquet": _read_parquet,
    ".feather": _read_feather,
    ".xlsx": _read_xlsx,
}
