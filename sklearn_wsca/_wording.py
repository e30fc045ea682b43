"""Numbers of the summary table in words."""

from __future__ import annotations

import math
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


def describe_effect(row: Any, confidence: float, held: Sequence[Any]) -> str:
    """How far the outputs move with a column, with interval and p-value."""
    at = f"at fixed {list_names(held)} " if held else ""
    shift = ""
    # The largest of several differences, which noise alone makes larger than zero.
    if row["utilization_low"] > 0 and not np.isnan(row["probability_shift"]):
        shift = f", predicted probabilities by {row['probability_shift']:.0f} points"
    return (
        f"{at}the outputs move by {format_number(row['utilization'])} of their "
        f"standard deviation{shift} "
        f"({confidence:.0%} interval {format_number(row['utilization_low'])} "
        f"to {format_number(row['utilization_high'])}, "
        f"q = {row['utilization_qvalue']:.2g})"
    )


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


def describe_null(null: str, adjusted: bool, n_permutations: int) -> str:
    """What was shuffled for the alignment p-values, how often, and their floor."""
    floor = 1.0 / (n_permutations + 1)
    draws = f"{n_permutations} draws, so no p-value is below {floor:.2g}"
    if null == "sign_flip":
        return (
            "Alignment p-values (direction null): signs of the principal coordinates "
            f"of the primary head flipped at random, {draws}."
        )
    within = " within levels of the target" if adjusted else ""
    return (
        f"Alignment p-values (encoding null): the rows of each column shuffled{within} "
        f"and its head refitted, {draws}."
    )


def explain_no_test(has_primary: bool, n_permutations: int) -> list[str]:
    """Why alignment p-values, or scores, are missing."""
    reasons = []
    if not has_primary:
        reasons.append(
            "There is no primary head (target or target_head): heads are compared with "
            "each other only, and columns have no alignment score."
        )
    if not n_permutations:
        reasons.append("n_permutations=0: there are no p-values.")
    return reasons


def explain_floor(
    n_permutations: int, n_columns: int, significance: float
) -> list[str]:
    """Say how many shuffles are needed, if these are too few for any finding."""
    floor = 1.0 / (n_permutations + 1)
    if not n_permutations or floor * n_columns <= significance:
        return []
    needed = math.ceil(n_columns / significance) - 1
    return [
        f"n_permutations={n_permutations}: no p-value can be below {floor:.3g}, so a "
        f"single column among {n_columns} cannot reach significance={significance:g} "
        f"after correction; use n_permutations={needed} or more."
    ]


def describe_stopping(stop_after: int) -> str:
    """What a stopping rule changes."""
    return (
        f"stop_after={stop_after}: shuffles of a column end once {stop_after} have "
        "reached its statistic (n_permutations_used_), so there is no correction by "
        "max-T; use alignment_qvalue."
    )
