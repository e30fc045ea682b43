"""How the cells of a text table are laid out: comments, separator and row names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from sklearn_wsca.io._columns import is_number
from sklearn_wsca.io._errors import file_error
from sklearn_wsca.io._missing import is_missing

# A comma comes last: between semicolons it may be a decimal one.
SEPARATORS = ("\t", ";", "|", ",")
BLANK = " "
OTHER_SEPARATORS = (" ", ":", "^", "~", "#", "/")
SAMPLE = 2**18
COMMENT = "#"
QUOTE = '"'


@dataclass(frozen=True)
class Layout:
    """Where a table begins, and what its lines consist of.

    Parameters
    ----------
    separator : str
        Between the cells.
    n_skipped : int
        Lines above the header.
    row_names : bool
        Whether rows begin with a name that has none above it, as those of R do.
    commented : bool
        Whether the header stands behind a comment sign.
    """

    separator: str
    n_skipped: int = 0
    row_names: bool = False
    commented: bool = False


@dataclass(frozen=True)
class Split:
    """The lines of a sample, split by a separator into cells."""

    separator: str
    lines: Sequence[str]
    rows: list[list[str]]

    @property
    def width(self) -> int:
        """Cells of the header."""
        return len(self.rows[0]) if self.rows else 0

    @property
    def share(self) -> float:
        """Share of rows with as many cells as the header, or one more throughout."""
        if self.has_row_names():
            return 1.0
        return sum(len(row) == self.width for row in self.rows) / max(len(self.rows), 1)

    @property
    def rank(self) -> tuple[bool, float, int, int]:
        """What makes a separator likely, the most important first."""
        first = self.rows[1] if len(self.rows) > 1 else []
        splits = self.width > 1 or self.has_row_names()
        return splits, self.share, self.width, sum(map(is_number, first))

    def has_row_names(self) -> bool:
        """Whether every row has one cell more than the header, a name of its own."""
        body = self.rows[1:]
        if not body or any(len(row) != self.width + 1 for row in body):
            return False
        names = [row[0] for row in body]
        if len(set(names)) < len(names) or any(map(is_missing, names)):
            return False
        # A separator at the end of every row makes an empty cell, and no name.
        if all(is_missing(row[-1]) for row in body):
            return False
        # Without quotes the additional cell may be a part of a text, or of 61,5.
        return self.separator == "\t" or self.is_quoted()

    def is_quoted(self) -> bool:
        """Whether header and first row begin with a quote, as R writes them."""
        return all(line.startswith(QUOTE) for line in self.lines[:2])

    def is_table_of_blanks(self) -> bool:
        """Whether blanks separate cells, and not the words of a single column."""
        body = self.rows[1:]
        width = self.width + self.has_row_names()
        if not body or width < 2 or any(len(row) != width for row in body):
            return False
        if self.is_quoted():
            return True
        columns = list(zip(*body, strict=True))
        return any(all(map(is_number, column)) for column in columns)


def find_layout(path: Any, stream: IO[str]) -> Layout:
    """Find the layout of a table; the stream stands at the header afterwards."""
    # Some programs quote the line by which Excel tells the separator.
    start = stream.readline().rstrip("\r\n ").strip(QUOTE)
    if start.lower().startswith("sep=") and len(start) == len("sep=") + 1:
        return Layout(start[-1], 1)
    stream.seek(0)
    sample = stream.read(SAMPLE)
    if not sample.strip():
        raise file_error(path, "holds nothing but blank lines; write it again.")
    lines = list(io.StringIO(sample, newline=""))
    if len(sample) == SAMPLE and len(lines) > 1:
        lines.pop()
    layout = _layout_of(path, lines)
    stream.seek(0)
    for _ in range(layout.n_skipped):
        stream.readline()
    return layout


def read_cells(lines: Any, separator: str) -> Any:
    """Cells of each line; quotes must match."""
    # Blanks that separate are no padding.
    return csv.reader(
        lines, delimiter=separator, skipinitialspace=separator != BLANK, strict=True
    )


def _layout_of(path: Any, lines: list[str]) -> Layout:
    n_comments = _count_comments(lines)
    found = _best_split(path, lines[n_comments:])
    layout = Layout(found.separator, n_comments, found.has_row_names())
    if not n_comments:
        return layout
    # A header may be a comment too, as numpy and genome browsers write it.
    last = lines[n_comments - 1]
    header = without_comment(last)
    n_cells = len(next(iter(_split([header], found.separator).rows), []))
    if n_cells != found.width:
        return layout
    is_spaced = last[1:2].isspace()
    if last.startswith(COMMENT * 2) or (
        is_spaced and not all(map(is_number, found.rows[0]))
    ):
        return layout
    return Layout(found.separator, n_comments - 1, commented=is_spaced)


def without_comment(line: str) -> str:
    """Line without the signs of a comment."""
    return line.lstrip(COMMENT).lstrip(BLANK)


def _count_comments(lines: list[str]) -> int:
    """Number of lines above the first that is no comment; 0 if all are."""
    for number, line in enumerate(lines):
        if line.strip() and not line.startswith(COMMENT):
            return number if any(map(str.strip, lines[:number])) else 0
    return 0


def _best_split(path: Any, lines: list[str]) -> Split:
    splits = [_split(lines, separator) for separator in SEPARATORS]
    best = max(splits, key=lambda split: split.rank)
    if best.rank[0]:
        return best
    blank = _split(lines, BLANK)
    if blank.is_table_of_blanks():
        return blank
    if best.share < 1.0:
        return best
    _check_single_column(path, [line.strip() for line in lines if line.strip()])
    return splits[-1]


def _split(lines: list[str], separator: str) -> Split:
    """Cells of the lines that are not blank."""
    rows: list[list[str]] = []
    # What is no table is reported with its line when it is read.
    with suppress(csv.Error):
        rows.extend(cells for cells in read_cells(lines, separator) if cells)
    return Split(separator, [line for line in lines if line.strip()], rows)


def _check_single_column(path: Any, lines: list[str]) -> None:
    for separator in OTHER_SEPARATORS:
        header, *body = [line.count(separator) for line in lines]
        # Rows of R begin with a name of their own.
        more = (0, 1) if separator == BLANK else (0,)
        if header and len(set(body)) == 1 and body[0] - header in more:
            raise file_error(
                path,
                f"has one column only, and every line holds {separator!r} as if it "
                "separated cells; separate them by comma, semicolon, tab or |.",
            )
