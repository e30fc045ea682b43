"""Cells of one metadata column -> numbers, truth values or text, never rounded."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from sklearn_wsca._text import plain_text
from sklearn_wsca.io._errors import EXAMPLES, listed

MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>", "nat")
)
WHOLE = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE
)
WITH_COMMA = re.compile(r"[+-]?[0-9]+(,[0-9]+)?(e[+-]?[0-9]+)?", re.IGNORECASE)
GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})?")
COMMAS = re.compile(r"[+-]?[0-9][0-9.,]*,[0-9.,]*")
TRUTH = {"true": True, "false": False}
# Doubles hold every whole number up to here.
LARGEST_EXACT = 2**53


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether a cell is a number with a decimal point, if any."""
    return NUMBER.fullmatch(cell.strip()) is not None


def parse_cells(
    name: Any, cells: list[str], separator: str
) -> tuple[pd.Series, str | None]:
    """Numbers, truth values or text of a column of text cells; and what to warn of.

    Where the separator of the table is no comma, a comma may be a decimal one.
    """
    stripped = [cell.strip() for cell in cells]
    present = [cell for cell in stripped if cell.lower() not in MISSING]
    if not present:
        return pd.Series(np.full(len(cells), np.nan), name=name), None
    if all(cell.lower() in TRUTH for cell in present):
        values = [TRUTH.get(cell.lower(), np.nan) for cell in stripped]
        return pd.Series(values, name=name), None
    if all(NUMBER.fullmatch(cell) for cell in present):
        reason = _would_change(present)
        if reason is None:
            return _numbers(name, stripped), None
        return _text(name, cells), f"column {name!r} is kept as text: {reason}"
    if separator != "," and all(WITH_COMMA.fullmatch(cell) for cell in present):
        pointed = [cell.replace(",", ".") for cell in stripped]
        return _numbers(name, pointed), _ambiguous(name, present)
    return _text(name, cells), _mixed(name, present)


def exact_column(column: pd.Series) -> tuple[pd.Series, str | None]:
    """Type a column of a binary table, whose cells have types of their own.

    Whole numbers that doubles cannot hold become text, and so do bytes and columns that
    mix text with other values.
    """
    if types.is_integer_dtype(column.dtype) or _all_whole(column):
        return _whole_column(column)
    if not types.is_object_dtype(column.dtype):
        return column, None
    present = column.dropna()
    kinds = {_kind(value) for value in present}
    if kinds == {"number"}:
        return column.astype(np.float64), None
    if len(kinds) <= 1 and kinds != {"bytes"}:
        return column.infer_objects(), None
    cells = [None if pd.isna(value) else decoded_text(value) for value in column]
    text = pd.Series(cells, index=column.index, name=column.name)
    if kinds == {"bytes"}:
        return text, None
    counts = {kind: sum(_kind(v) == kind for v in present) for kind in sorted(kinds)}
    found = ", ".join(f"{count} of {kind}" for kind, count in counts.items())
    examples = listed(present.drop_duplicates().head(2 * EXAMPLES), EXAMPLES)
    warning = (
        f"column {column.name!r} mixes cells of several kinds ({found}; such as "
        f"{examples}) and is kept as text; clean it if it should be numbers."
    )
    return text, warning


def decoded_text(value: Any) -> str:
    """Text of a value from a file, the same for 7, 7.0, "7" and b"7"."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return plain_text(value)


def _numbers(name: Any, cells: list[str]) -> pd.Series:
    """Numbers of cells that all are: whole ones stay whole where none is missing."""
    if all(WHOLE.fullmatch(cell) for cell in cells):
        return pd.Series([int(cell) for cell in cells], name=name, dtype=np.int64)
    values = [np.nan if is_missing(cell) else float(cell) for cell in cells]
    return pd.Series(values, name=name, dtype=np.float64)


def _text(name: Any, cells: list[str]) -> pd.Series:
    values = [None if is_missing(cell) else cell for cell in cells]
    return pd.Series(values, name=name)


def _would_change(cells: list[str]) -> str | None:
    """Why cells that look like numbers would not be the same as numbers."""
    whole = [cell for cell in cells if WHOLE.fullmatch(cell)]
    padded = [c for c in whole if _digits(c)[0] == "0" and _digits(c) != "0"]
    if padded and len(whole) == len(cells):
        return (
            f"{len(padded)} of {len(cells)} numbers have leading zeros (such as "
            f"{listed(padded, EXAMPLES)}), as codes do."
        )
    huge = [cell for cell in whole if _is_huge(cell)]
    if huge:
        return (
            f"{len(huge)} of {len(cells)} whole numbers are too large to be held "
            f"exactly (such as {listed(huge, EXAMPLES)})."
        )
    return None


def _digits(cell: str) -> str:
    return cell.lstrip("+-")


def _is_huge(cell: str) -> bool:
    digits = _digits(cell).lstrip("0")
    longest = len(str(LARGEST_EXACT))
    return len(digits) > longest or (
        len(digits) == longest and int(digits) > LARGEST_EXACT
    )


def _ambiguous(name: Any, present: list[str]) -> str | None:
    """Warn where commas may separate thousands instead of decimals."""
    if not all(GROUPED.fullmatch(cell) for cell in present):
        return None
    examples = [cell for cell in present if "," in cell]
    return (
        f"column {name!r} was read with decimal commas, but they could separate "
        f"thousands (such as {listed(examples, EXAMPLES)}); write numbers with a "
        "decimal point and without separators."
    )


def _mixed(name: Any, present: list[str]) -> str | None:
    """Warn where only some cells of a text column are numbers."""
    numbers = [c for c in present if NUMBER.fullmatch(c) or COMMAS.fullmatch(c)]
    if not numbers:
        return None
    others = [cell for cell in present if cell not in set(numbers)]
    if not others:
        return (
            f"column {name!r} is kept as text: its {len(numbers)} numbers hold commas "
            f"(such as {listed(dict.fromkeys(numbers), EXAMPLES)}); write them with a "
            "decimal point and without separators."
        )
    return (
        f"column {name!r} mixes {len(numbers)} numbers (such as "
        f"{listed(dict.fromkeys(numbers), EXAMPLES)}) with {len(others)} other values "
        f"(such as {listed(dict.fromkeys(others), EXAMPLES)}) and is kept as text; "
        "leave cells empty where a number is missing."
    )


def _all_whole(column: pd.Series) -> bool:
    """Whether an object column holds Python integers only, besides missing values."""
    if not types.is_object_dtype(column.dtype):
        return False
    present = [value for value in column if value is not None and value is not pd.NA]
    return bool(present) and all(
        isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        for value in present
    )


def _whole_column(column: pd.Series) -> tuple[pd.Series, str | None]:
    present = column.dropna()
    ends = [int(present.min()), int(present.max())] if len(present) else []
    huge = [value for value in ends if abs(value) > LARGEST_EXACT]
    if not huge:
        missing = len(present) < len(column)
        return column.astype(np.float64 if missing else np.int64), None
    cells = [None if pd.isna(value) else str(int(value)) for value in column]
    warning = (
        f"column {column.name!r} is kept as text: it holds whole numbers too large to "
        f"be held exactly (such as {listed(huge[:1])})."
    )
    return pd.Series(cells, index=column.index, name=column.name), warning


def _kind(value: Any) -> str:
    """Kind of one cell, in words."""
    if isinstance(value, (bool, np.bool_)):
        return "true or false"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return "number"
    if isinstance(value, (date, time, np.datetime64)):
        return "date"
    return "text" if isinstance(value, str) else type(value).__name__
