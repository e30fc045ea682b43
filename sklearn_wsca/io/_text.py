"""Text tables: header and complete rows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

from sklearn_wsca._text import plural
from sklearn_wsca.io._columns import is_number
from sklearn_wsca.io._encodings import find_encoding
from sklearn_wsca.io._errors import (
    EXAMPLES,
    file_error,
    listed,
    refuse_repeated,
)
from sklearn_wsca.io._layout import Layout, find_layout, read_cells, without_comment

Row = tuple[int, list[str]]

# Cells may be as long as csv can count on all systems.
LONGEST_CELL = 2**31 - 1
UNNAMED = "Unnamed: {}"


class TextTable(NamedTuple):
    """Table of a text file, read row by row.

    The rows are the line number, counted from 1, and the cells; all are complete.
    """

    names: list[str]
    rows: Iterator[Row]
    separator: str


@contextmanager
def text_table(
    path: Any, file: Path, header_required: bool = True
) -> Iterator[TextTable]:
    """Open a table of text; the encoding and the separator are found out.

    If a header is required, a first line of numbers only is an error, else a row.

    Raises
    ------
    FileError
        If the file is no text, has no rows, rows of unequal length, repeated names,
        or quotes that are not closed.
    """
    encoding = find_encoding(path, file)
    with file.open(encoding=encoding, newline="") as stream, _cells_of_any_length():
        try:
            layout = find_layout(path, stream)
            records = _records(path, stream, layout)
            yield _split_header(path, records, layout, header_required)
        except UnicodeError as error:
            raise file_error(
                path,
                f"its text is damaged or cut off ({encoding}); save it as UTF-8.",
            ) from error


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Lift the limit of csv, which is one for the whole process, for a while."""
    limit = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _records(path: Any, stream: IO[str], layout: Layout) -> Iterator[Row]:
    """Line number and cells of each row that is not blank; ragged rows are refused."""
    header = stream.readline()
    lines = chain([without_comment(header) if layout.commented else header], stream)
    reader = read_cells(lines, layout.separator)
    width, line = 0, layout.n_skipped + 1
    try:
        for cells in reader:
            if cells:
                if width and len(cells) != width:
                    raise file_error(path, _ragged(line, len(cells), width, layout))
                width = width or len(cells) + layout.row_names
                yield line, cells
            line = layout.n_skipped + reader.line_num + 1
    except csv.Error as error:
        raise file_error(
            path,
            f"the quotes in line {line} do not match ({error}); write a quote within "
            'a quoted cell twice ("").',
        ) from error


def _ragged(line: int, found: int, width: int, layout: Layout) -> str:
    model = "lines before it have" if layout.row_names else "first line has"
    return (
        f"line {line} has {plural(found, 'cell')} and the {model} {width} (separated "
        f"by {layout.separator!r}); complete the row, or quote cells that hold the "
        "separator."
    )


def _split_header(
    path: Any, records: Iterator[Row], layout: Layout, header_required: bool
) -> TextTable:
    """Column names, and the rows behind them."""
    line, first = next(records)
    # Programs that join files leave their byte order marks in place.
    names = [name.strip("\ufeff").strip() for name in first]
    if _is_data(names) and not layout.row_names:
        if header_required:
            raise file_error(
                path,
                f"its first line holds numbers only ({listed(names, EXAMPLES)}); add a "
                "line with the names of the columns.",
            )
        names = [str(i) for i in range(len(first))]
        rows = chain([(line, first)], records)
        return TextTable(names, rows, layout.separator)
    names = ["", *names] if layout.row_names else names
    names = [name or UNNAMED.format(i) for i, name in enumerate(names)]
    counts = Counter(names)
    refuse_repeated(path, sorted(name for name, n in counts.items() if n > 1))
    try:
        second = next(records)
    except StopIteration as error:
        raise file_error(
            path, "has a header line and no rows; export it again."
        ) from error
    return TextTable(names, chain([second], records), layout.separator)


def _is_data(names: list[str]) -> bool:
    """Whether a first line is a row: numbers that do not just count the columns."""
    if not all(is_number(name) for name in names):
        return False
    return not any(
        names == [str(i) for i in range(start, start + len(names))] for start in (0, 1)
    )
