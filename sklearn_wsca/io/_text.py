"""Text tables: encoding, separator, header and complete rows."""

from __future__ import annotations

import codecs
import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

from sklearn_wsca.io._columns import is_number
from sklearn_wsca.io._errors import (
    EXAMPLES,
    file_error,
    listed,
    path_text,
    plural,
    quoted,
    refuse_repeated,
)

Row = tuple[int, list[str]]

# A comma comes last: between semicolons it may be a decimal one.
SEPARATORS = ("\t", ";", "|", ",")
OTHER_SEPARATORS = (" ", ":", "^", "~", "#", "/")
SAMPLE = 2**18
BLOCK = 2**20
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY = (
    (b"PK\x03\x04", "a zip archive, such as xlsx or npz"),
    (b"\x93NUMPY", "an array of numpy (.npy)"),
    (b"PAR1", "a parquet file"),
    (b"\x89HDF", "an HDF5 file, such as h5ad"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls)"),
)


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
    encoding = _encoding(path, file)
    with file.open(encoding=encoding, newline="") as stream:
        try:
            separator = _separator(path, stream)
            records = _records(path, stream, separator)
            yield _split_header(path, records, separator, header_required)
        except UnicodeError as error:
            raise file_error(
                path,
                f"its text is damaged or cut off ({encoding}); save it as UTF-8.",
            ) from error


def _encoding(path: Any, file: Path) -> str:
    """Encoding by byte order mark, else UTF-8, else Windows-1252 with a warning."""
    with file.open("rb") as stream:
        start = stream.read(8)
        for mark, encoding in BYTE_ORDER_MARKS:
            if start.startswith(mark):
                return encoding
        for magic, what in BINARY:
            if start.startswith(magic):
                raise file_error(
                    path, f"is {what}, and no text; give it the suffix of its format."
                )
        stream.seek(0)
        try:
            _decode(path, stream, "utf-8")
        except UnicodeDecodeError as error:
            found = error.object[error.start : error.start + 20]
        else:
            return "utf-8"
        stream.seek(0)
        try:
            _decode(path, stream, "cp1252")
        except UnicodeDecodeError as error:
            raise file_error(
                path,
                f"is text in an unknown encoding (it holds {found[:8]!r}); save it as "
                "UTF-8.",
            ) from error
    read = found.decode("cp1252", "replace")
    warnings.warn(
        f"{path_text(path)}: is not UTF-8 and was read as Windows-1252, so that "
        f"{quoted(found)} became {quoted(read)}; if that is wrong, save it as UTF-8.",
        UserWarning,
        stacklevel=2,
    )
    return "cp1252"


def _decode(path: Any, stream: IO[bytes], encoding: str) -> None:
    """Decode a whole file block by block, to see whether that is possible."""
    decoder = codecs.getincrementaldecoder(encoding)()
    while block := stream.read(BLOCK):
        if b"\0" in block:
            raise file_error(
                path,
                "holds zero bytes: it is no text, or UTF-16 without a byte order mark; "
                "save it as UTF-8.",
            )
        decoder.decode(block)
    decoder.decode(b"", final=True)


def _separator(path: Any, stream: IO[str]) -> str:
    """Find what separates the cells; the stream stands at the header afterwards."""
    start = stream.readline()
    if start.lower().startswith("sep=") and len(start.strip()) == len("sep=") + 1:
        return start.strip()[-1]
    stream.seek(0)
    sample = stream.read(SAMPLE)
    stream.seek(0)
    if not sample.strip():
        raise file_error(path, "holds nothing but blank lines; write it again.")
    lines = sample.splitlines(keepends=True)
    if len(sample) == SAMPLE and len(lines) > 1:
        lines.pop()
    best = max(SEPARATORS, key=lambda separator: _splits(lines, separator))
    if _splits(lines, best) == (False, 1.0):
        _check_single_column(path, [line.strip() for line in lines if line.strip()])
        return ","
    return best


def _splits(lines: list[str], separator: str) -> tuple[bool, float]:
    """Whether a separator splits the header, and the share of rows split likewise."""
    counts = []
    # What is no table is reported with its line when it is read.
    with suppress(csv.Error):
        for cells in _reader(lines, separator):
            if cells:
                counts.append(len(cells))
    if not counts:
        return False, 0.0
    return counts[0] > 1, counts.count(counts[0]) / len(counts)


def _check_single_column(path: Any, lines: list[str]) -> None:
    for separator in OTHER_SEPARATORS:
        counts = {line.count(separator) for line in lines}
        if len(counts) == 1 and counts != {0} and len(lines) > 1:
            raise file_error(
                path,
                f"has one column only, and every line holds {separator!r} as if it "
                "separated cells; separate them by comma, semicolon, tab or |.",
            )


def _reader(lines: Any, separator: str) -> Any:
    return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)


def _records(path: Any, stream: IO[str], separator: str) -> Iterator[Row]:
    """Line number and cells of each row that is not blank; ragged rows are refused."""
    reader = _reader(stream, separator)
    width, line = None, 1
    try:
        for cells in reader:
            if cells:
                width = width or len(cells)
                if len(cells) != width:
                    raise file_error(path, _ragged(line, len(cells), width, separator))
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise file_error(
            path,
            f"the quotes in line {line} do not match ({error}); write a quote within "
            'a quoted cell twice ("").',
        ) from error


def _ragged(line: int, found: int, width: int, separator: str) -> str:
    return (
        f"line {line} has {plural(found, 'cell')} and the first line has {width} "
        f"(separated by {separator!r}); complete the row, or quote cells that hold "
        "the separator."
    )


def _split_header(
    path: Any, records: Iterator[Row], separator: str, header_required: bool
) -> TextTable:
    """Column names, and the rows behind them."""
    line, first = next(records)
    names = [name.strip() for name in first]
    if _is_data(names):
        if header_required:
            raise file_error(
                path,
                f"its first line holds numbers only ({listed(names, EXAMPLES)}); add a "
                "line with the names of the columns.",
            )
        names = [str(i) for i in range(len(first))]
        return TextTable(names, chain([(line, first)], records), separator)
    names = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    refuse_repeated(path, sorted({n for n in names if names.count(n) > 1}))
    try:
        second = next(records)
    except StopIteration as error:
        raise file_error(
            path, "has a header line and no rows; export it again."
        ) from error
    return TextTable(names, chain([second], records), separator)


def _is_data(names: list[str]) -> bool:
    """Whether a first line is a row: numbers that do not just count the columns."""
    if not all(is_number(name) for name in names):
        return False
    return not any(
        names == [str(i) for i in range(start, start + len(names))] for start in (0, 1)
    )
