"""Cells of one column of text -> numbers, dates, truth values or text as it was.

Text becomes something else only where nothing is lost by it: what differs as text still
differs, and could be written as it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.numeric_values import LARGEST_EXACT
from sklearn_wsca.io._errors import EXAMPLES, listed
from sklearn_wsca.io._missing import is_missing

WHOLE = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE
)
WITH_COMMA = re.compile(r"[+-]?[0-9]+(,[0-9]+)?(e[+-]?[0-9]+)?", re.IGNORECASE)
GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})*")
# Numbers with what people write between their digits.
SEPARATED = re.compile(
    r"[+-]?([0-9][0-9.]*,[0-9.,]*"
    r"|[0-9]{1,3}([' \u2019\u00a0\u2009\u202f][0-9]{3})+([.,][0-9]+)?"
    r"|[0-9]{1,3}(\.[0-9]{3}){2,})"
)
# Numbers with a unit, such as 12 mm, 45% or 045Y.
WITH_UNIT = re.compile(r"[+-]?[0-9]+([.,][0-9]+)? ?(%|[^\W\d]{1,5})")
PADDED = re.compile(r"[+-]?0[0-9]")
# What programs write has a sign or a point: 1e+05, 1.0E5.
CODE = re.compile(r"[+-]?([0-9]e[0-9]+|[0-9]{2,}e[+-]?[0-9]+)", re.IGNORECASE)
DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
OTHER_DATE = re.compile(
    r"([0-9]{1,2}([./-])([0-9]{1,2}|[^\W\d]{3})\2[0-9]{4}|[0-9]{4}[./][0-9]{1,2}[./][0-9]{1,2})"
    r"( .*)?"
)
ZONE = re.compile(r".*:.*(Z|[+-][0-9]{2}:?[0-9]{2})")
LONGEST_MICROSECONDS = len("2026-01-31T12:00:00.123456")
TRUTH = {"true": True, "false": False}
VERSION = re.compile(r"(?P<major>[0-9]{1,4})(\.(?P<minor>0|[1-9][0-9]?))?")
VERSION_END = re.compile(r"[0-9]+\.[1-9]0")
MOST_VERSIONS = 50
# Few different numbers with a unit may be levels, such as 1.5T and 3T.
MOST_LEVELS = 10


def is_number(cell: str) -> bool:
    """Whether a cell is a number with a decimal point, if any."""
    return NUMBER.fullmatch(cell.strip()) is not None


def may_group_thousands(cell: str) -> bool:
    """Whether the commas of a cell are where those between thousands would be."""
    return GROUPED.fullmatch(cell.strip()) is not None


def parse_cells(
    name: Any, cells: list[str], separator: str
) -> tuple[pd.Series, str | None]:
    """Values of a column of text cells; and what to warn of.

    Where the separator of the table is no comma, a comma may be a decimal one.
    """
    # Patterns are compared with every different cell once.
    clean = {c: "" if is_missing(c) else c.strip() for c in dict.fromkeys(cells)}
    stripped = [clean[cell] for cell in cells]
    counts = Counter(cell for cell in stripped if cell)
    if not counts:
        return pd.Series(np.full(len(cells), np.nan), name=name), None
    if all(cell.lower() in TRUTH for cell in counts):
        values = [TRUTH.get(cell.lower(), np.nan) for cell in stripped]
        return pd.Series(values, name=name), None
    warning = None
    if separator != "," and _all_match(WITH_COMMA, counts):
        warning = _ambiguous(name, counts)
        stripped = [cell.replace(",", ".") for cell in stripped]
        counts = Counter(cell for cell in stripped if cell)
    if _all_match(NUMBER, counts):
        reason = _lost_as_numbers(name, counts)
        if reason is None:
            return _numbers(name, stripped), warning
        return (
            _as_written(name, cells, clean),
            f"column {name!r} is kept as text: {reason}",
        )
    if _all_match(DATE, counts):
        dates = _dates(name, stripped)
        if dates is not None:
            return dates, None
    reason = _describe_text(counts)
    warning = None if reason is None else f"column {name!r} {reason}."
    return _as_written(name, cells, clean), warning


def _as_written(name: Any, cells: list[str], clean: dict[str, str]) -> pd.Series:
    """Text of cells; None where nothing is left of one."""
    return pd.Series([cell if clean[cell] else None for cell in cells], name=name)


def _all_match(pattern: re.Pattern[str], cells: Iterable[str]) -> bool:
    return all(pattern.fullmatch(cell) for cell in cells)


def _numbers(name: Any, cells: list[str]) -> pd.Series:
    """Numbers of cells that all are: whole ones stay whole where none is missing."""
    if _all_match(WHOLE, cells):
        return pd.Series(np.array([*map(int, cells)], np.int64), name=name)
    values = [float(cell) if cell else np.nan for cell in cells]
    return pd.Series(np.array(values, np.float64), name=name)


def _dates(name: Any, cells: list[str]) -> pd.Series | None:
    """Dates by ISO 8601; None if some do not exist, or only some have a time zone."""
    zoned = {ZONE.fullmatch(cell) is not None for cell in cells if cell}
    if len(zoned) > 1:
        return None
    is_zoned = zoned == {True}
    try:
        if is_zoned or max(map(len, cells)) > LONGEST_MICROSECONDS:
            values = [cell or None for cell in cells]
            dates = pd.to_datetime(values, utc=is_zoned, format="ISO8601")
            return pd.Series(dates, name=name)
        # numpy knows years that pandas, which counts nanoseconds, does not.
        return pd.Series(
            np.array([cell or "NaT" for cell in cells], "datetime64[us]"), name=name
        )
    except (ValueError, OverflowError):
        return None


# --- why text stays text -------------------------------------------------------------


def _lost_as_numbers(name: Any, counts: Counter[str]) -> str | None:
    """What would be lost if these cells became numbers; None if nothing."""
    for what, is_lost in LOSSES:
        lost = [cell for cell in counts if is_lost(cell)]
        if lost:
            n_lost = sum(counts[cell] for cell in lost)
            return (
                f"{n_lost} of {counts.total()} numbers {what} (such as "
                f"{listed(lost, EXAMPLES)})."
            )
    has_point = any("." in cell for cell in counts)
    codes = [cell for cell in counts if CODE.fullmatch(cell)]
    if codes and not has_point:
        return f"codes such as {listed(codes, EXAMPLES)} would become other numbers."
    merged = _merged(name, counts)
    if merged is None and _are_versions(counts):
        ends = [cell for cell in counts if VERSION_END.fullmatch(cell)]
        return (
            f"versions such as {listed(ends, EXAMPLES)} would lose their last zero; if "
            "they are numbers, write all with as many digits behind the point, or call "
            f"the column continuous (kinds={{{name!r}: 'continuous'}})."
        )
    return merged


def _are_versions(cells: Iterable[str]) -> bool:
    """Whether numbers count on behind the point: 3.9, 3.10, 3.11.

    There 3.1 and 3.10 differ. Numbers with as many digits behind the point in all rows,
    such as 3.20 and 12.50, are none, and neither is what has a zero behind the point.
    """
    parts = [VERSION.fullmatch(cell) for cell in cells]
    if not all(parts) or len(parts) > MOST_VERSIONS:
        return False
    found = [(part["major"], part["minor"]) for part in parts if part]
    short = {major for major, minor in found if minor is not None and len(minor) == 1}
    return any(
        major in short and minor is not None and len(minor) == 2 and minor[1] == "0"
        for major, minor in found
    )


def _is_huge(cell: str) -> bool:
    if not WHOLE.fullmatch(cell):
        return False
    digits = cell.lstrip("+-").lstrip("0")
    longest = len(str(LARGEST_EXACT))
    return len(digits) > longest or (
        len(digits) == longest and int(digits) > LARGEST_EXACT
    )


def _leaves_range(cell: str) -> bool:
    """Whether a number becomes infinite, or zero, for want of room."""
    number = float(cell)
    if np.isinf(number):
        return "inf" not in cell.lower()
    mantissa = cell.lower().partition("e")[0]
    return number == 0.0 and mantissa.strip("+-0.") != ""


LOSSES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("have leading zeros, as codes do", lambda cell: bool(PADDED.match(cell))),
    ("are whole and too large to be held exactly", _is_huge),
    ("are beyond the range of doubles", _leaves_range),
)


def _merged(name: Any, cells: Iterable[str]) -> str | None:
    """Say which cells, different as text, would be the same number."""
    first: dict[float, str] = {}
    merged = []
    for cell in cells:
        number = float(cell)
        # Rounding leaves a sign on some zeros.
        text = cell.lstrip("+-") if number == 0.0 else cell
        other = first.setdefault(number, text)
        if other != text:
            merged.append(f"{other!r} and {text!r}")
    if not merged:
        return None
    pairs = ", ".join(merged[:EXAMPLES])
    more = f" and {len(merged) - EXAMPLES} more" if len(merged) > EXAMPLES else ""
    return (
        f"{pairs}{more} would be the same number; if they are, write each number in "
        f"one way, or call the column continuous (kinds={{{name!r}: 'continuous'}})."
    )


def _ambiguous(name: Any, cells: Iterable[str]) -> str | None:
    """Warn where commas may separate thousands instead of decimals."""
    examples = [cell for cell in cells if "," in cell]
    if not examples or not _all_match(GROUPED, cells):
        return None
    return (
        f"column {name!r} was read with decimal commas, but they could separate "
        f"thousands (such as {listed(examples, EXAMPLES)}); write numbers with a "
        "decimal point and without separators."
    )


def _describe_text(counts: Counter[str]) -> str | None:
    """Say where text looks as if it was meant to be something else."""
    every = listed(counts, EXAMPLES)
    if _all_match(WITH_UNIT, counts) and len(counts) > MOST_LEVELS:
        return (
            "is kept as text: its numbers have something behind them (such as "
            f"{every}); write the numbers alone if it should be numeric"
        )
    if _all_match(OTHER_DATE, counts):
        return (
            f"is kept as text: dates such as {every} may be read in several ways; "
            "write them as 2026-01-31"
        )
    numbers = [c for c in counts if NUMBER.fullmatch(c) or SEPARATED.fullmatch(c)]
    dates = [cell for cell in counts if DATE.fullmatch(cell)]
    if 0 < len(numbers) < len(counts):
        return _mixed(counts, numbers, "number")
    if 0 < len(dates) < len(counts):
        return _mixed(counts, dates, "date")
    if numbers:
        return (
            f"is kept as text: its {counts.total()} numbers hold commas or other "
            f"separators (such as {every}); write them with a decimal point and "
            "without separators"
        )
    if dates:
        return (
            "is kept as text: some of its dates do not exist, or only some have a time "
            f"zone (such as {every})"
        )
    return None


def _mixed(counts: Counter[str], found: list[str], kind: str) -> str:
    known = set(found)
    others = [cell for cell in counts if cell not in known]
    n_found = sum(counts[cell] for cell in found)
    return (
        f"mixes {n_found} {kind}s (such as {listed(found, EXAMPLES)}) with "
        f"{counts.total() - n_found} other values (such as {listed(others, EXAMPLES)}) "
        f"and is kept as text; leave cells empty where a {kind} is missing"
    )
