"""Tables with typed cells: parquet, feather and xlsx."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._apart import parts_of
from sklearn_wsca.io._errors import (
    LONGEST_REASON,
    file_error,
    library_errors,
    one_line,
    path_text,
    quoted,
    refuse_repeated,
)
from sklearn_wsca.io._workbooks import read_workbook


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


def _read_arrow(name: str) -> Callable[[Any, Path, int | None], pd.DataFrame]:
    """Reader of a format of Arrow, whose tables come from a process of their own."""
    what, task = f"{name} file", f"sklearn_wsca._native.arrow:read_{name}"

    def read(path: Any, file: Path, max_size: int | None) -> pd.DataFrame:
        pyarrow = import_extra("pyarrow", "io")
        with library_errors(path, what):
            with parts_of(path, what, task, file, max_size) as parts:
                source = pyarrow.PythonFile(_Joined(parts), mode="r")
                with pyarrow.ipc.open_stream(source) as stream:
                    table = stream.read_all()
            return _from_arrow(path, table)

    return read


class _Joined(io.RawIOBase):
    """Parts as one stream."""

    def __init__(self, parts: Iterator[bytearray]) -> None:
        self._parts = parts
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, the last one as far as there are bytes."""
        filled = 0
        while filled < len(buffer):
            if not self._left:
                part = next(self._parts, None)
                if part is None:
                    break
                self._left = memoryview(part)
            n_bytes = min(len(buffer) - filled, len(self._left))
            buffer[filled : filled + n_bytes] = self._left[:n_bytes]
            self._left = self._left[n_bytes:]
            filled += n_bytes
        return filled


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
    ".parquet": _read_arrow("parquet"),
    ".feather": _read_arrow("feather"),
    ".xlsx": read_workbook,
}
