"""Rows of numbers in text tables, with decimal points or decimal commas."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklearn_wsca.io._columns import may_group_thousands
from sklearn_wsca.io._errors import file_error, path_text, quoted
from sklearn_wsca.io._missing import is_missing
from sklearn_wsca.io._text import TextTable

LIST = re.compile(r"\s*(\[|\(|(np\.)?(tensor|array)\()")


@dataclass
class Signs:
    """What points and commas in numbers were seen to be.

    Parameters
    ----------
    first_line : dict of str to int
        First line with each of them.
    grouped : str
        First cell whose commas may separate thousands; "" without any.
    is_decimal : bool
        Whether some comma can only be a decimal one.
    """

    first_line: dict[str, int] = field(default_factory=dict)
    grouped: str = ""
    is_decimal: bool = False

    def look(self, path: Any, line: int, cells: list[str], text: str) -> None:
        """Remember what a row holds; raise if there are points and commas."""
        for sign in ".,":
            if sign in text:
                self.first_line.setdefault(sign, line)
        if len(self.first_line) > 1:
            raise file_error(
                path,
                f"mixes decimal points (line {self.first_line['.']}) and decimal "
                f"commas (line {self.first_line[',']}); write all numbers with a "
                "decimal point.",
            )
        if "," in text and not self.is_decimal:
            with_comma = [cell for cell in cells if "," in cell]
            self.is_decimal = not all(map(may_group_thousands, with_comma))
            self.grouped = self.grouped or with_comma[0]

    def check(self, path: Any, separator: str) -> None:
        """Raise, or warn, if all commas may separate thousands."""
        if self.is_decimal or not self.grouped:
            return
        found = f"commas that may separate thousands (such as {quoted(self.grouped)})"
        fix = "write numbers with a decimal point and without separators"
        if separator == ",":
            raise file_error(path, f"its numbers hold {found}; {fix}.")
        warnings.warn(
            f"{path_text(path)}: was read with decimal commas, but its numbers hold "
            f"{found}; {fix}.",
            UserWarning,
            stacklevel=2,
        )


def read_numbers(
    path: Any, table: TextTable, label: str | None, fix: str
) -> tuple[list[str], np.ndarray]:
    """Cells of the label column, and numbers of all others (n_rows, n); empty: NaN.

    Rows become numbers one by one, so that their text is never in memory as a whole.
    `fix` says what to do about a cell that is no number.
    """
    names = [name for name in table.names if name != label]
    position = None if label is None else table.names.index(label)
    labels, rows, signs = [], [], Signs()
    for line, cells in table.rows:
        if position is not None:
            labels.append(cells.pop(position))
        text = "".join(cells)
        if "[" in text or "(" in text:
            _refuse_lists(path, line, names, cells)
        signs.look(path, line, cells, text)
        pointed = [cell.replace(",", ".") for cell in cells] if "," in text else cells
        # Python takes 1_000 for a number; in a file it is a label.
        convert = _to_number if "_" in text else float
        try:
            row = [convert(cell) for cell in pointed]
        except ValueError:
            row = _read_one_by_one(path, line, names, cells, fix)
        rows.append(np.array(row))
    signs.check(path, table.separator)
    return labels, np.stack(rows)


def _refuse_lists(path: Any, line: int, names: list[str], cells: list[str]) -> None:
    """Raise if a cell holds a whole list of numbers, as Python writes it."""
    for name, cell in zip(names, cells, strict=True):
        if LIST.match(cell):
            raise file_error(
                path,
                f"column {quoted(name)} holds a list of numbers as text in line {line} "
                f"({quoted(cell)}); write one column per number, or save the matrix "
                "np.stack(lists) with np.save.",
            )


def _read_one_by_one(
    path: Any, line: int, names: list[str], cells: list[str], fix: str
) -> list[float]:
    """Numbers of a row with empty cells; an error names the cell that is no number."""
    row = []
    for name, cell in zip(names, cells, strict=True):
        try:
            row.append(_to_number(cell))
        except ValueError as error:
            raise file_error(
                path,
                f"column {quoted(name)} holds {quoted(cell)} in line {line}, which is "
                f"no number; {fix}.",
            ) from error
    return row


def _to_number(cell: str) -> float:
    if is_missing(cell):
        return np.nan
    return float(cell.replace("_", "no number").replace(",", "."))
