"""Wording that several rooms share: numbers, names and p-values."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np


def format_number(value: float) -> str:
    """Two significant digits, without an exponent where that is short."""
    return "-" if np.isnan(value) else f"{value:.2g}"


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
