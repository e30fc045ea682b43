"""Rows of numbers in text tables, with decimal points or decimal commas."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_wsca.io._columns import is_missing
from sklearn_wsca.io._errors import file_error, quoted
from sklearn_wsca.io._text import TextTable


class NumberRows:
    """Reads rows whose cells are numbers, but for one column of labels at most.

    Rows become numbers one by one, so that their text is never in memory as a whole.

    Parameters
    ----------
    path : path
        The file as the user named it.
    names : list of str
        Names of the columns.
    labels : str or None
        The column that is text.
    fix : str
        What to do about a cell that is no number.
    """

    def __init__(
        self, path: Any, names: list[str], labels: str | None, fix: str
    ) -> None:
        self.path = path
        self.fix = fix
        self.names = [name for name in names if name != labels]
        self._position = None if labels is None else names.index(labels)
        self._first_line: dict[str, int] = {}

    def read(self, table: TextTable) -> tuple[list[str], np.ndarray]:
        """Labels, and numbers of shape (n_rows, n_names); empty cells are NaN."""
        labels, rows = [], []
        for line, cells in table.rows:
            if self._position is not None:
                labels.append(cells.pop(self._position))
            rows.append(self._numbers(line, cells))
        return labels, np.stack(rows)

    def _numbers(self, line: int, cells: list[str]) -> np.ndarray:
        text = "".join(cells)
        self._check_decimal_sign(line, text)
        pointed = [cell.replace(",", ".") for cell in cells] if "," in text else cells
        # Python takes 1_000 for a number; in a file it is a label.
        if "_" not in text:
            try:
                return np.array([float(cell) for cell in pointed])
            except ValueError:
                pass
        return np.array([self._number(line, i, cell) for i, cell in enumerate(pointed)])

    def _number(self, line: int, i: int, cell: str) -> float:
        if is_missing(cell):
            return np.nan
        try:
            return float(cell.replace("_", "no number"))
        except ValueError as error:
            raise file_error(
                self.path,
                f"column {quoted(self.names[i])} holds {quoted(cell)} in line {line}, "
                f"which is no number; {self.fix}.",
            ) from error

    def _check_decimal_sign(self, line: int, text: str) -> None:
        for sign in ".,":
            if sign in text:
                self._first_line.setdefault(sign, line)
        if len(self._first_line) > 1:
            raise file_error(
                self.path,
                f"mixes decimal points (line {self._first_line['.']}) and decimal "
                f"commas (line {self._first_line[',']}); write all numbers with a "
                "decimal point.",
            )
