"""Workbooks (.xlsx): the only sheet with cells, as a table."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca._text import plural
from sklearn_wsca.io._archives import check_archive
from sklearn_wsca.io._errors import (
    EXAMPLES,
    file_error,
    library_errors,
    listed,
    path_text,
    quoted,
)
from sklearn_wsca.io._sizes import check_unpacked_size

WHAT = "xlsx file"
# Cells cost time, formulas as much again; half a minute on a slow machine.
MOST_CELLS = 600_000
# With the empty ones between and around them, which cost memory.
MOST_PLACES = 10_000_000
CELL = re.compile(rb"<(?:\w+:)?c[\s>/]")
VALUE = re.compile(rb"<(?:\w+:)?(?:v|t|f)[\s>]")
FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z]+[0-9]+:[A-Z]+[0-9]+)\"")
SHEET = re.compile(rb"<(?:\w+:)?sheetData[\s>/]")
PLACE = re.compile(
    rb"<(?:\w+:)?(row|c)(?=[\s>/])(?:[^>]*?\sr=[\"']([A-Z]*)([0-9]+)[\"'])?"
)
# openpyxl would take such a number as one that counts from the end.
NEGATIVE_TEXT = re.compile(
    rb"<(?:\w+:)?c\s[^>]*?t=[\"']s[\"'][^>]*>\s*<(?:\w+:)?v>\s*-"
)
# Type of a cell whose formula gave text, which may be an empty one.
TEXT_OF_FORMULA = "str"


class Area(NamedTuple):
    """Merged cells of a sheet, counted from 0."""

    name: str
    rows: range
    columns: range


class Marks(NamedTuple):
    """What the sheets with values hold besides them."""

    n_cells: int
    has_formulas: bool
    merged: list[str]


def read_workbook(path: Any, file: Path, max_size: int | None = None) -> pd.DataFrame:
    """Table of the only sheet that holds something; columns of Python objects."""
    # First: what cannot be read for want of it must not be called damaged.
    import_extra("openpyxl", "io")
    members = check_archive(path, file, WHAT, max_size)
    total = sum(member.file_size for member in members)
    stored = file.stat().st_size
    check_unpacked_size(path, "its content", total, stored, max_size)
    marks = _marks_of(path, file)
    if marks.n_cells * (1 + marks.has_formulas) > MOST_CELLS:
        raise _too_large(path, plural(marks.n_cells, "cell"))
    title, rows = _only_sheet(path, file)
    if marks.merged:
        _fill_merged(path, marks.merged, rows)
    if marks.has_formulas:
        _warn_of_formulas(path, file, title)
    return _table_of(path, rows)


def _only_sheet(path: Any, file: Path) -> tuple[str, list[list[Any]]]:
    """Title and cells of the sheet."""
    with _opened(path, file) as book:
        sheets = {sheet.title: _rows_of(path, sheet) for sheet in book.worksheets}
    filled = {title: rows for title, rows in sheets.items() if rows}
    if not filled:
        raise file_error(path, "has no sheet with cells in it; write it again.")
    if len(filled) > 1:
        raise file_error(
            path,
            f"has {len(filled)} sheets ({listed(filled)}); save the one with the "
            "metadata as a file of its own.",
        )
    return next(iter(filled.items()))


@contextmanager
def _opened(path: Any, file: Path, **options: Any) -> Iterator[Any]:
    """Workbook of openpyxl, by default with values in place of formulas."""
    openpyxl = import_extra("openpyxl", "io")
    options = {"read_only": True, "data_only": True} | options
    # Opened here: openpyxl leaves a file open whose rows are not read to the end.
    with (
        library_errors(path, WHAT),
        warnings.catch_warnings(),
        file.open("rb") as stream,
    ):
        # openpyxl warns of decorations that it does not know.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(stream, **options)
        try:
            yield book
        finally:
            book.close()


def _rows_of(path: Any, sheet: Any) -> list[list[Any]]:
    """Cells of a sheet without the empty rows and columns behind the last value."""
    # The size that a file states may be wrong, and as large as it likes.
    sheet.reset_dimensions()
    rows: list[list[Any]] = []
    width = 1
    for cells in sheet.iter_rows(values_only=True):
        rows.append(_without_tail(cells))
        width = max(width, len(rows[-1]))
        if width * len(rows) > MOST_PLACES:
            raise _too_large(path, f"{len(rows)} rows of {width} columns")
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _too_large(path: Any, found: str) -> Exception:
    return file_error(
        path,
        f"has {found}, which takes a workbook long to read; export the sheet as .csv, "
        "or leave out what is no metadata.",
    )


def _without_tail(cells: Iterable[Any]) -> list[Any]:
    """Cells up to the last that is not empty."""
    cells = list(cells)
    while cells and (cells[-1] is None or not str(cells[-1]).strip()):
        cells.pop()
    return cells


def _marks_of(path: Any, file: Path) -> Marks:
    """Look for what must be known before the sheets with values are opened."""
    n_cells, has_formulas, merged = 0, False, []
    with library_errors(path, WHAT), zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            sheet = archive.read(name) if name.endswith(".xml") else b""
            n_cells += sum(1 for _ in CELL.finditer(sheet))
            # The list of formulas names cells too, in the order of their calculation.
            if SHEET.search(sheet):
                _check_places(path, name, sheet)
            has_formulas = has_formulas or FORMULA.search(sheet) is not None
            if VALUE.search(sheet):
                merged += [found.decode() for found in MERGED.findall(sheet)]
    return Marks(n_cells, has_formulas, merged)


def _check_places(path: Any, name: str, sheet: bytes) -> None:
    """Raise unless rows and cells of a sheet come in order, and each has its place."""
    row, column = 0, (0, b"")
    for kind, letters, digits in PLACE.findall(sheet):
        # Places may be left out: it is then the next row, or cell.
        if not digits:
            row, column = (row + 1, (0, b"")) if kind == b"row" else (row, column)
            continue
        number, here = int(digits), (len(letters), letters)
        in_order = here > column if number == row else number > row and not letters
        if not in_order:
            what = "row" if kind == b"row" else "cell"
            raise file_error(
                path,
                f"the {what} {letters.decode()}{number} of {quoted(name)} is not where "
                "it should be, or is there twice; open the workbook and save it again.",
            )
        row, column = number, here
    if NEGATIVE_TEXT.search(sheet):
        raise file_error(
            path,
            f"a cell of {quoted(name)} has a text with a negative number; open the "
            "workbook and save it again.",
        )


def _fill_merged(path: Any, merged: list[str], rows: list[list[Any]]) -> None:
    """Give every row below a merged cell its value, and say so."""
    filled = []
    for area in _areas(path, merged):
        first = area.rows.start
        if first >= len(rows) or area.columns.start >= len(rows[first]):
            continue
        if first and len(area.columns) > 1:
            raise file_error(
                path,
                f"its cells {area.name} are merged over several columns; split them, "
                "so that every column has a value of its own.",
            )
        if not first:
            continue
        column, value = area.columns.start, rows[first][area.columns.start]
        for row in rows[first + 1 : area.rows.stop]:
            row.extend([None] * (column + 1 - len(row)))
            row[column] = value
        filled.append(area.name)
    if filled:
        warnings.warn(
            f"{path_text(path)}: {plural(len(filled), 'group')} of merged cells "
            f"({listed(filled, EXAMPLES)}): each of their rows was given their value.",
            UserWarning,
            stacklevel=2,
        )


def _areas(path: Any, merged: list[str]) -> list[Area]:
    """Merged cells from the top."""
    utils = import_extra("openpyxl.utils", "io")
    areas = []
    with library_errors(path, WHAT):
        for name in merged:
            left, top, right, bottom = utils.range_boundaries(name)
            areas.append(Area(name, range(top - 1, bottom), range(left - 1, right)))
    return sorted(areas, key=lambda area: area.rows.start)


def _warn_of_formulas(path: Any, file: Path, title: str) -> None:
    """Say which formulas have no value, because no program has computed them yet."""
    with _opened(path, file) as book, _opened(path, file, data_only=False) as formulas:
        for one in (book[title], formulas[title]):
            one.reset_dimensions()
        found = [
            f"{formula.coordinate} {getattr(formula.value, 'text', formula.value)}"
            for values, row in zip(
                book[title].iter_rows(), formulas[title].iter_rows(), strict=True
            )
            for value, formula in zip(values, row, strict=True)
            if formula.data_type == "f"
            and value.value is None
            and value.data_type != TEXT_OF_FORMULA
        ]
    if found:
        warnings.warn(
            f"{path_text(path)}: the values of {plural(len(found), 'formula')} were "
            f"never saved (such as {listed(found, EXAMPLES)}) and are missing; open "
            "the workbook in Excel or LibreOffice and save it again.",
            UserWarning,
            stacklevel=2,
        )


def _table_of(path: Any, rows: list[list[Any]]) -> pd.DataFrame:
    names, cells = rows[0], rows[1:]
    names = [name.strip() if isinstance(name, str) else name for name in names]
    width = max(map(len, rows))
    if len(names) < width or None in names or "" in names:
        raise file_error(
            path,
            "the first row of its sheet does not name every column; put one name above "
            "each column and nothing above that row.",
        )
    full = [row + [None] * (width - len(row)) for row in cells]
    return pd.DataFrame(full, columns=list(map(str, names)), dtype=object)
