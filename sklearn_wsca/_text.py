"""Wording that several rooms share: numbers, names and p-values."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np


def format_number(value: float | None) -> str:
    """Two significant digits, no exponent where that is short; a dash for nothing."""
    return "-" if value is None or np.isnan(value) else f"{value:.2g}"


def printable(text: Any) -> str:
    """Text from data on one line: control and direction marks as backslash escapes."""
    return "".join(
        character
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        else character.encode("unicode_escape").decode()
        for character in str(text)
    )


def list_names(names: Sequence[Any]) -> str:
    """Names of columns in words."""
    quoted = [repr(name) for name in names]
    return " and ".join(quoted) if quoted else "nothing"


def list_first(
    values: Iterable[Any], most: int = 5, show: Callable[[Any], str] = repr
) -> str:
    """First few of some values, and how many more there are."""
    values = list(values)
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(map(show, values[:most])) + more


def suggest(name: Any, known: Iterable[Any], show: Callable[[Any], str] = repr) -> str:
    """Known name that looks like a given one, as a question; empty without any."""
    by_text = {str(other).casefold(): other for other in known}
    near = difflib.get_close_matches(str(name).casefold(), by_text, n=1)
    return f" (did you mean {show(by_text[near[0]])}?)" if near else ""


def plain_text(value: Any) -> str:
    """Text of a value: the same for 1 and 1.0, which one missing value tells apart."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value)


def column_text(name: Any) -> str:
    """Name of a column as text; combined columns are joined like their levels."""
    return " & ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def count_points(shift: float) -> str:
    """Percentage points in words."""
    shown = f"{shift:.0f}"
    return f"{shown} percentage point{'' if shown == '1' else 's'}"


def format_pvalue(pvalue: float) -> str:
    """p-value with two significant digits; a dash where there is none."""
    return "p -" if np.isnan(pvalue) else f"p = {pvalue:.2g}"


def describe_encoding(row: Any, metrics: Any) -> str:
    """Held-out performance: variance explained, or balanced accuracy."""
    if row["kind"] == "continuous":
        return f"{metrics['r2']:.0%} of its variance, by chance 0%"
    return (
        f"{metrics['balanced_accuracy']:.0%} right, "
        f"by chance {metrics['balanced_accuracy_chance']:.0%}"
    )
