"""Differences of performance in words, and beside them whether a column is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_wsca._performance.measures import AUROC, BALANCED, BIAS, MAE, R2
from sklearn_wsca._text import format_number, plural, quote
from sklearn_wsca._verdicts.registry import INCONCLUSIVE, UNTESTABLE, USED

USED_AND_DIFFERS, USED_ONLY = "used and differs", "used only"
DIFFERS_ONLY, NEITHER = "differs only", "neither"
CASES = (USED_AND_DIFFERS, USED_ONLY, DIFFERS_ONLY, NEITHER)
NAMES = {
    BALANCED: "balanced accuracy",
    AUROC: "AUROC",
    MAE: "mean absolute error",
    BIAS: "mean error",
    R2: "R2",
    "recall": "share of right decisions",
}
# Measures that are shares, whose differences are percentage points.
NUMBERS = (MAE, BIAS)


def name_measure(measure: str, of_class: Any = None) -> str:
    """What a measure is called."""
    name = NAMES.get(measure, measure)
    return name if of_class is None else f"{name} in class {quote(of_class)}"


def show_difference(size: float, measure: str) -> str:
    """A difference with its unit."""
    if measure in NUMBERS:
        return format_number(size)
    if measure == AUROC:
        return f"{size:.2f}"
    points = f"{100.0 * size:.0f}" if size >= 0.095 else f"{100.0 * size:.2g}"
    return plural(points, "percentage point")


def tell_gap(gap: Mapping[str, Any]) -> str:
    """Between which levels which measure differs, and by how much."""
    name = name_measure(gap["measure"], gap["of_class"])
    low, high = (show_difference(gap[end], gap["measure"]) for end in ("low", "high"))
    low = low.removesuffix(" percentage points").removesuffix(" percentage point")
    wider = ", wider than the test" if gap["low"] <= 0.0 else ""
    return (
        f"{name} is {show_difference(gap['size'], gap['measure'])} higher under "
        f"{quote(gap['higher'])} than under {quote(gap['lower'])} (interval {low} to "
        f"{high}{wider}, q = {gap['qvalue']:.2g}{_tell_left_out(gap)})"
    )


def tell_unseen(gap: Mapping[str, Any]) -> str:
    """How large a difference this sample does not exclude, and what it cannot tell."""
    size = show_difference(gap["unseen"], gap["unseen_measure"])
    name = name_measure(gap["unseen_measure"])
    return f"up to {size} of {name} are not excluded{_tell_left_out(gap)}"


def _tell_left_out(gap: Mapping[str, Any]) -> str:
    left_out = gap["not_compared"]
    return f"; too few units to compare {left_out}" if left_out else ""


def is_missing(value: Any) -> bool:
    """Whether a number is not there."""
    return value is None or bool(np.isnan(value))


def name_case(verdict: str, gap: Mapping[str, Any], significance: float) -> str:
    """Which of four cases is shown; what is not shown need not be absent."""
    differs = not is_missing(gap["qvalue"]) and gap["qvalue"] <= significance
    if verdict == USED:
        return USED_AND_DIFFERS if differs else USED_ONLY
    return DIFFERS_ONLY if differs else NEITHER


def tell_consequence(verdict: str, gap: Mapping[str, Any], significance: float) -> str:
    """Whether a column is used and whether performance differs, in one sentence."""
    case = name_case(verdict, gap, significance)
    lead = verdict.capitalize()
    if verdict in (INCONCLUSIVE, UNTESTABLE):
        lead = "Whether it is used is open"
    if case == USED_AND_DIFFERS:
        return f"{lead}, and performance differs: {tell_gap(gap)}."
    if case == DIFFERS_ONLY:
        link = ", and" if verdict in (INCONCLUSIVE, UNTESTABLE) else ", but"
        return f"{lead}{link} performance differs: {tell_gap(gap)}."
    link = "; that" if verdict == USED else ", and that"
    if is_missing(gap["unseen"]):
        return f"{lead}{link} performance differs was not tested."
    tested = "was not tested" if is_missing(gap["pvalue"]) else "is not shown"
    return f"{lead}{link} performance differs {tested} ({tell_unseen(gap)})."
