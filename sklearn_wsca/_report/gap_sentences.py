"""Whether the network is right more often under some level, in sentences."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._performance.words import NUMBERS, name_measure, show_difference
from sklearn_wsca._text import capitalised, column_text, list_first, quote

ENDS = ("size", "low", "high")
SENSITIVITY = "sensitivity"
SHARES = (SENSITIVITY, "specificity")
# An interval of a share that is longer than this hardly tells anything.
WIDEST = 0.5
MOST_NAMED = 4
POINTS = " percentage points", " percentage point"


def tell_gap(column: dict[str, Any], analysis: dict[str, Any]) -> str:
    """Whether the network is right more often under some level, in a few sentences."""
    found, significance = column["performance"], analysis["significance"]
    gap = found["gap"]
    if gap is None or gap["pvalue"] is None or significance is None:
        reason = found["untested"]
        return f"Performance by level was not compared: {reason}." if reason else ""
    if gap["qvalue"] is not None and gap["qvalue"] <= significance:
        told = f"Performance differs: {_tell_difference(column, gap, analysis)}."
        ranges = _ranges(column, analysis, without=gap["measure"])
        apart = [
            f"{capitalised(text)}; whether that is more than chance was not tested."
            for text in ranges
        ]
        return " ".join([told, *apart])
    what = name_measure(gap["unseen_measure"])
    shown = "; ".join(_ranges(column, analysis))
    start = f"Performance is not shown to differ{': ' + shown if shown else ''}; "
    if gap["unseen_measure"] not in NUMBERS and gap["unseen"] >= WIDEST:
        return f"{start}of {what} not even large differences are excluded."
    unseen = show_difference(gap["unseen"], gap["unseen_measure"])
    return (
        f"{start}differences of up to {unseen} of {what}, either way, are not excluded."
    )


def _tell_difference(column: dict, gap: dict, analysis: dict) -> str:
    """The levels that differ in performance, with what each reaches."""
    measure, levels = gap["measure"], column["performance"]["by_level"]
    size, low, high = (show_difference(gap[end], measure) for end in ENDS)
    for unit in POINTS:
        low, high = low.removesuffix(unit), high.removesuffix(unit)
    reached = {
        row["level"]: row[measure]
        for row in levels
        if measure in SHARES and row.get(measure) is not None
    }
    high_at, low_at = (_at(column, gap[end]) for end in ("higher", "lower"))
    name = _explain(measure, gap["of_class"], analysis)
    if not {gap["higher"], gap["lower"]} <= set(reached):
        return f"{name} is {size} higher {high_at} than {low_at} ({low} to {high})"
    first, second = _apart(reached[gap["higher"]], reached[gap["lower"]])
    return (
        f"{name} is {first} {high_at} but {second} {low_at} ({size} apart; {low} to "
        f"{high})"
    )


def _apart(first: float, second: float) -> tuple[str, str]:
    """Two shares, with a decimal where without one they were further apart or less."""
    rounded = round(100.0 * first) - round(100.0 * second)
    digits = int(rounded != round(100.0 * (first - second)))
    return f"{first:.{digits}%}", f"{second:.{digits}%}"


def _ranges(column: dict, analysis: dict, without: str = "") -> list[str]:
    """Lowest and highest sensitivity and specificity, where they are known at all."""
    levels = column["performance"]["by_level"]
    found = []
    for measure in SHARES:
        known = [row for row in levels if _is_known(row, measure)]
        if measure != without and len(known) > 1:
            name = _explain(measure, None, analysis)
            unknown = [row["level"] for row in levels if row not in known]
            found.append(
                f"{name} is {_tell_ends(known, measure, column)}{_too_few(unknown)}"
            )
    return found


def _tell_ends(known: list[dict], measure: str, column: dict) -> str:
    """Lowest and highest share, and where they are."""
    first, *_, last = sorted(known, key=lambda row: row[measure])
    low, high = (f"{100.0 * row[measure]:.0f}%" for row in (first, last))
    if low == high:
        return f"{low} for {'both' if len(known) == 2 else 'all'}"
    low, high = (
        f"{share} {_at(column, row['level'])}"
        for share, row in ((low, first), (high, last))
    )
    if len(known) == 2:
        return f"{low} and {high}"
    return f"lowest, {low}, and highest, {high}"


def _too_few(levels: list[str]) -> str:
    """Levels of which a share is not said."""
    if not levels:
        return ""
    return f" (too few rows to say for {list_first(levels, MOST_NAMED, quote)})"


def _is_known(row: dict, measure: str) -> bool:
    """Whether a share has an interval that tells more than that it is a share."""
    low, high = row.get(f"{measure}_low"), row.get(f"{measure}_high")
    if row.get(measure) is None or low is None or high is None:
        return False
    return high - low <= WIDEST


def _explain(measure: str, of_class: Any, analysis: dict) -> str:
    """What a measure is called, and of whom it is a share."""
    classes = (analysis.get("primary_head") or {}).get("classes") or []
    name = name_measure(measure, of_class)
    if measure in NUMBERS and analysis["target"] is not None:
        target = quote(column_text(analysis["target"]["name"]))
        return f"at the same recorded {target}, {name}"
    if measure not in SHARES or len(classes) != 2:
        return name
    whose = quote(classes[measure == SENSITIVITY])
    return f"{name} (share of {whose} recognised)"


def _at(column: dict, level: str) -> str:
    return f"{'for' if column['n_levels'] else 'at'} {quote(level)}"
