"""Rows of numbers in text tables, with decimal points or decimal commas."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_wsca.io._columns import is_missing
from sklearn_wsca.io._errors import file_error, quoted
from sklearn_wsca.io._text import TextTable


def read_numbers(
    path: Any, table: TextTable, label: str | None, fix: str
) -> tuple[list[str], np.ndarray]:
    """Cells of the label column, and numbers of all others (n_rows, n); empty: NaN.

    Rows become numbers one by one, so that their text is never in memory as a whole.
    `fix` says what to do about a cell that is no number.
    """
    names = [name for name in table.names if name != label]
    position = None if label is None else table.names.index(label)
    labels, rows = [], []
    first_line: dict[str, int] = {}
    for line, cells in table.rows:
        if position is not None:
            labels.append(cells.pop(position))
        text = "".join(cells)
        _check_decimal_sign(path, line, text, first_line)
        pointed = [cell.replace(",", ".") for cell in cells] if "," in text else cells
        # Python takes 1_000 for a number; in a file it is a label.
        convert = _to_number if "_" in text else float
        try:
            row = [convert(cell) for cell in pointed]
        except ValueError:
            row = _read_one_by_one(path, line, names, pointed, fix)
        rows.append(np.array(row))
    return labels, np.stack(rows)


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
    return np.nan if is_missing(cell) else float(cell.replace("_", "no number"))


def _check_decimal_sign(
    path: Any, line: int, text: str, first_line: dict[str, int]
) -> None:
    """Remember the first line with each decimal sign; raise if there are both."""
    for sign in ".,":
        if sign in text:
            first_line.setdefault(sign, line)
    if len(first_line) > 1:
        raise file_error(
            path,
            f"mixes decimal points (line {first_line['.']}) and decimal commas (line "
            f"{first_line[',']}); write all numbers with a decimal point.",
        )
