"""Wording that several rooms share: numbers, names and p-values."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

MOST_DIGITS = 17
LONGEST_SHOWN = 60
GAP = "..."
# Shorter parts of names are in too many of them to be suggested.
SHORTEST_PART = 4
# Read as a missing value in files, in any case, with any blanks around them; what
# Python, pandas, R, SQL, SAS, Stata and C write.
WORDS_FOR_MISSING = frozenset(
    ("na", "n/a", "nan", "-nan", "null", "none", "<na>", "nat", ".")
    + ("#n/a", "#na", "#nv", "#n/a n/a", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan")
)


# From here on a power of ten is easier to read than the digits.
SHORT_EXPONENT = 1e6


def format_number(value: float | None, beside: float | None = None) -> str:
    """Two significant digits, no exponent where that is short; a dash for nothing.

    More digits where two would not tell it from `beside`, what it is compared with.
    """
    if value is None or np.isnan(value):
        return "-"
    if beside is None or value == beside:
        is_long = 99.5 <= abs(value) < SHORT_EXPONENT
        return f"{value:.0f}" if is_long else f"{value:.2g}"
    texts = (f"{value:.{digits}g}" for digits in range(2, MOST_DIGITS))
    return next((text for text in texts if float(text) != beside), f"{value:.17g}")


def printable(text: Any) -> str:
    """Text from data on one line: control and direction marks as backslash escapes."""
    return "".join(
        character
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        else character.encode("unicode_escape").decode()
        for character in str(text)
    )


def encodable(text: str) -> str:
    """Text in which halves of surrogate pairs are backslash escapes.

    They stand for bytes that are not UTF-8, and pandas and files do not take them.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def escape_markdown(text: str) -> str:
    """Text of the data in which nothing is markup, on one line."""
    text = printable(text)
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Pipe table of cells in Markdown, the first row of which is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@contextmanager
def short_arrays() -> Iterator[None]:
    """Print arrays of numpy with a few numbers of each row."""
    with np.printoptions(threshold=6, edgeitems=2, precision=3):
        yield


def list_names(names: Sequence[Any]) -> str:
    """Names of columns in words."""
    return " and ".join(map(quote, names)) if len(names) else "nothing"


def quote(name: Any) -> str:
    """Name of a column, level or class in quotes; numbers of numpy as plain ones."""
    return repr(name.item() if isinstance(name, np.generic) else name)


def list_first(
    values: Iterable[Any], most: int = 5, show: Callable[[Any], str] = repr
) -> str:
    """First few of some values, and how many more there are.

    Long ones are shortened in the middle, but not so far that two become the same.
    """
    values = list(values)
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(shorten_alike(list(map(show, values[:most])))) + more


def shorten(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Text without its middle if it is long: names often differ at their ends."""
    if len(text) <= longest:
        return text
    kept = longest - len(GAP)
    return text[: kept - kept // 2] + GAP + text[-(kept // 2) :]


def shorten_alike(texts: Sequence[str]) -> list[str]:
    """Short forms of texts that differ where the texts do."""
    distinct = len(set(texts))
    longest = LONGEST_SHOWN
    while len({shorten(text, longest) for text in texts}) < distinct:
        longest += longest // 4
    return [shorten(text, longest) for text in texts]


def suggest(name: Any, known: Iterable[Any], show: Callable[[Any], str] = repr) -> str:
    """Known name that looks like a given one, as a question; empty without any.

    A part of a single known name stands for that one.
    """
    text = str(name).casefold()
    by_text = {str(other).casefold(): other for other in known}
    near = difflib.get_close_matches(text, by_text, n=1)
    within = [other for other in by_text if text in other]
    if not near and len(within) == 1 and len(text) >= SHORTEST_PART:
        near = within
    return f" (did you mean {show(by_text[near[0]])}?)" if near else ""


def plain_text(value: Any) -> str:
    """Text of a value: the same for 1 and 1.0, which one missing value tells apart."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value)


def column_text(name: Any) -> str:
    """Name of a column as text; combined columns are joined like their levels."""
    return " & ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def plural(count: int | str, noun: str) -> str:
    """Count, or its text, with its noun."""
    return f"{count} {noun}" if str(count) == "1" else f"{count} {noun}s"


def capitalised(text: str) -> str:
    """Text that begins a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def count_points(shift: float) -> str:
    """Percentage points in words; a shift that there is is not rounded to none."""
    if 0 < shift < 0.5:
        return "less than 1 percentage point"
    return plural(f"{shift:.0f}", "percentage point")


def shown_shift(effect: dict[str, Any]) -> float | None:
    """Change of probabilities, where noise alone does not explain it."""
    low = effect["probability_shift_low"]
    return effect["probability_shift"] if low is not None and low > 0 else None


def how_much_shown(
    estimate: float | None, low: float | None, margin: float | None
) -> int:
    """What a utilization shows: 0 nothing, 1 that it is above 0, 2 the margin."""
    if low is None or not low > 0.0:
        return 0
    reached = margin is not None and max(low, estimate or 0.0) >= margin
    return 2 if reached else 1


def alike_text(effect: dict[str, Any], margin: float | None) -> str:
    """Utilization with every class counted alike, where it shows more; or ""."""
    pooled = how_much_shown(effect["estimate"], effect["low"], margin)
    alike = how_much_shown(effect["balanced"], effect["balanced_low"], margin)
    if alike <= pooled:
        return ""
    keys = ("balanced", "balanced_low", "balanced_high")
    value, low, high = (format_number(effect[key], margin) for key in keys)
    return f"classes alike: {value} ({low} to {high})"


def describe_robustness(values: Iterable[float | None]) -> str:
    """How strong an unmeasured variable must be, from robustness values; or ""."""
    least = min((0.0 if v is None or np.isnan(v) else v for v in values), default=0.0)
    if least <= 0.0:
        return ""
    share = "less than 1%" if least < 0.005 else f"{least:.0%}"
    return (
        f"an unmeasured variable would have to explain {share} of what is left of both "
        "the column and the outputs to overturn this"
    )


def describe_confusable(name: Any, other: Any, found: Any) -> str:
    """That two columns go together, and the utilization of the first at fixed other."""
    column, fixed = f"'{column_text(name)}'", f"'{column_text(other)}'"
    use = f"{column} cannot be judged"
    if not found["reason"]:
        low, high = format_number(found["low"]), format_number(found["high"])
        number = format_number(found["utilization"])
        use = f"the utilization of {column} is {number} ({low} to {high})"
    return (
        f"{column} and {fixed} go together ({found['association']:.2f}): at fixed "
        f"{fixed} {use}"
    )


def format_pvalue(pvalue: float) -> str:
    """p-value with two significant digits; a dash where there is none."""
    return "p -" if np.isnan(pvalue) else f"p = {pvalue:.2g}"


def skill_of(encoding: dict[str, Any]) -> float | None:
    """Skill of the tested probe, or else the score of the reported one."""
    skill = encoding["skill"]
    return encoding["score"] if skill is None else skill


def format_skill(encoding: dict[str, Any]) -> str:
    """That in words: less than nothing is nothing."""
    skill = skill_of(encoding)
    below = skill is not None and skill < 0.0
    return "none" if below else format_number(skill)


def describe_encoding(column: dict[str, Any], metrics: Any) -> str:
    """Held-out performance: variance explained, or balanced accuracy.

    A probe that overfits can be worse than a constant. Less than nothing is nothing.
    """
    if column["kind"] == "continuous":
        skill = column["encoding"]["skill"]
        explained = metrics["r2"] if skill is None else skill
        return f"{max(explained, 0.0):.0%} of its variance, by chance 0%"
    return (
        f"{metrics['balanced_accuracy']:.0%} right, "
        f"by chance {metrics['balanced_accuracy_chance']:.0%}"
    )


def is_nothing(value: Any) -> bool:
    """Whether a value is None, NaN or another sign that there is none."""
    return types.is_scalar(value) and bool(pd.isna(value))
