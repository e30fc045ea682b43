"""Tables as csv in which a spreadsheet finds nothing to execute."""

from __future__ import annotations

import csv
import re

import pandas as pd

# A cell that begins like this is a formula, also behind blanks and in full width.
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def to_csv_text(table: pd.DataFrame) -> str:
    """Table as csv; text is quoted, and formulas begin with an apostrophe.

    Parameters
    ----------
    table : DataFrame
        Numbers, and text that may come from data; its index is written too.

    Returns
    -------
    str
        Lines that end in a line feed.
    """
    flat = table.reset_index()
    cells = {
        defuse(str(name)): values
        if pd.api.types.is_numeric_dtype(values)
        else values.astype(object).map(
            lambda cell: defuse(cell) if isinstance(cell, str) else cell
        )
        for name, values in flat.items()
    }
    # Quotes, so that a semicolon or a tab in a name does not begin a cell either.
    return pd.DataFrame(cells).to_csv(
        index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
    )


def defuse(text: str) -> str:
    """Text that is no formula: an apostrophe in front, unless it is a number."""
    formula = FORMULA.match(text) and not NUMBER.fullmatch(text)
    return f"'{text}" if formula else text
