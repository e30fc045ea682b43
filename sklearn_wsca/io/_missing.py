"""Cells that say in words that there is no value: one rule for all formats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from pandas.api import types

from sklearn_wsca._text import WORDS_FOR_MISSING
from sklearn_wsca.io._errors import NAMES, quoted

# Of Excel and its relatives, in any language; SPSS writes #NULL! too.
SPREADSHEET_ERROR = re.compile(r"#[¡¿]?[\w/ ]{1,20}[!?]")


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value: it is blank, or a word for it."""
    text = cell.strip()
    if not text or text.lower() in WORDS_FOR_MISSING:
        return True
    return text[0] == "#" and SPREADSHEET_ERROR.fullmatch(text) is not None


def count_words(cells: Iterable[str]) -> Counter[str]:
    """Words for missing values among cells of text, and how often they occur."""
    words: Counter[str] = Counter()
    for cell, count in Counter(cells).items():
        if cell.strip() and is_missing(cell):
            words[cell.strip()] += count
    return words


def without_words(column: pd.Series) -> tuple[pd.Series, Counter[str]]:
    """Column without blank text and words for missing values; and what they were."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        levels = [level for level in dtype.categories if _is_missing_text(level)]
        if not levels:
            return column, Counter()
        return column.cat.remove_categories(levels), Counter(
            column[column.isin(levels)]
        )
    if not (types.is_object_dtype(dtype) or types.is_string_dtype(dtype)):
        return column, Counter()
    empty = column.map(_is_missing_text).astype(bool)
    if not empty.any():
        return column, Counter()
    kept = [None if gone else v for v, gone in zip(column, empty, strict=True)]
    cleaned = pd.Series(kept, index=column.index, name=column.name, dtype=dtype)
    return cleaned, Counter(column[empty])


def _is_missing_text(value: Any) -> bool:
    return isinstance(value, str) and is_missing(value)


def describe_words(found: Mapping[Any, Counter[str]]) -> str | None:
    """Say which words were read as missing values, and how often; None without any."""
    shown = [
        f"{quoted(name)}: "
        + ", ".join(f"{quoted(word)} ({n})" for word, n in words.most_common(NAMES))
        for name, words in found.items()
        if words
    ]
    if not shown:
        return None
    more = f"; and {len(shown) - NAMES} more columns" if len(shown) > NAMES else ""
    return (
        f"words for missing values, with their numbers of rows: "
        f"{'; '.join(shown[:NAMES])}{more}. They were read as missing; if one of them "
        "names a level, write that in another word."
    )
