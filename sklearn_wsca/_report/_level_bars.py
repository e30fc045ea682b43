"""Small pictures by level: a mark and an interval per row, drawn from the result alone.

Names and numbers are text beside them, so that they stay readable on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sklearn_wsca._performance.measures import AUROC, BIAS
from sklearn_wsca._performance.words import NUMBERS, name_measure
from sklearn_wsca._report._page import effect_text
from sklearn_wsca._report.first_screen import EVERYWHERE
from sklearn_wsca._text import (
    capitalised,
    format_number,
    plural,
    quote,
    shown_shift,
)
from sklearn_wsca._verdicts.registry import USED

WIDTH = 200.0
MOST_AT_FIRST, MOST_IN_ALL, MOST_COLUMNS = 5, 30, 60
# An interval is cut where it is so much longer than what it is about.
LONGEST, ROOM = 1.6, 1.05
POINTS = "points", "points_low", "points_high"
DEVIATIONS = "effect", "low", "high"
SHARES = ("sensitivity", "specificity", "accuracy", "balanced_accuracy", "auroc")


class Bar(NamedTuple):
    """One row: places are in pixels of a picture `WIDTH` wide; None where cut off.

    Parameters
    ----------
    name, text : str
        The level, and its number in words.
    value, low, high : float
        Mark, and ends of the interval.
    cut_low, cut_high : bool
        Whether the interval goes on beyond the picture.
    verdict : str, default=""
        Verdict on a column.
    box : tuple of float or None
        Ends of the middle half of what is spread from `low` to `high`.
    null : tuple of float or None
        Ends of what chance gives.
    """

    name: str
    text: str
    value: float
    low: float
    high: float
    cut_low: bool
    cut_high: bool
    verdict: str = ""
    box: tuple[float, float] | None = None
    null: tuple[float, float] | None = None


class Bars(NamedTuple):
    """A picture with a row per level.

    Parameters
    ----------
    title : str
        What the numbers are.
    rows : list of Bar
        The levels that are shown.
    n_hidden : int
        How many are not.
    zero : float or None
        Place of no difference.
    margin : tuple of float or None
        Ends of what counts for no use.
    about : str
        The margin in the unit of the numbers, where that is another one.
    ends : tuple of str or None
        What is said of the left and of the right end of the scale.
    """

    title: str
    rows: list[Bar]
    n_hidden: int
    zero: float | None
    margin: tuple[float, float] | None
    about: str = ""
    ends: tuple[str, str] | None = None


class Scale(NamedTuple):
    """Scale that the pictures of all columns share.

    Parameters
    ----------
    keys : tuple of str
        Effects and their ends: in percentage points, or in standard deviations of the
        output where there are no probabilities.
    top : float
        Largest effect that there is room for.
    margin : float or None
        What counts for no use. It is one of outputs; in percentage points it is what a
        movement of the output by it comes to here.
    """

    keys: tuple[str, str, str]
    top: float
    margin: float | None


def scale_effects(columns: list[dict], margin: float | None) -> Scale:
    """Scale on which one wide interval does not make all others short."""
    rows = [row for column in columns for row in _shown(column)]
    in_points = bool(rows) and all(row["points"] is not None for row in rows)
    keys = POINTS if in_points else DEVIATIONS
    if in_points and margin is not None:
        total = sum(row["effect"] ** 2 for row in rows)
        slope = sum(row["effect"] * row["points"] for row in rows)
        margin = margin * slope / total if slope > 0.0 else None
    least = 1.5 * margin if margin else 0.0
    longest = LONGEST * max([*(abs(row[keys[0]]) for row in rows), least], default=1.0)
    ends = [min(abs(row[end]), longest) for row in rows for end in keys[1:]]
    return Scale(keys, ROOM * (max([least, *ends]) or 1.0), margin)


def draw_effects(column: dict, scale: Scale, most: int = MOST_AT_FIRST) -> Bars | None:
    """How far the output moves under every level, the highest first; or None."""
    value = scale.keys[0]
    found = sorted(_shown(column), key=lambda row: -row[value])
    if not found:
        return None
    top, margin = scale.top, scale.margin
    ends = None if margin is None else (place(-margin, top), place(margin, top))
    rows = [
        draw_bar(_name(row, column), _in_words(row, value), row, scale.keys, -top, top)
        for row in _extremes(found, most)
    ]
    title, n_hidden = _title(found[0], column, value), len(found) - len(rows)
    about, sides = _about(scale), _sides(value)
    return Bars(title, rows, n_hidden, WIDTH / 2, ends, about, sides)


def _about(scale: Scale) -> str:
    """The margin in percentage points, where effects are."""
    if scale.margin is None or scale.keys != POINTS:
        return ""
    if scale.margin < 1.0:
        return ", less than 1 point"
    return f", about {plural(f'{scale.margin:.0f}', 'point')} either way"


def _sides(key: str) -> tuple[str, str]:
    """What is to the left and to the right of no difference."""
    if key == DEVIATIONS[0]:
        return "\u2190 lower", "higher \u2192"
    return "\u2190 less likely", "more likely \u2192"


def _shown(column: dict) -> list[dict]:
    """Effects with an interval: those that the sentence on the column is about.

    They are those in one class of the target, or those that all share.
    """
    effect = column["utilization"]
    told = column["verdict"] == USED and shown_shift(effect) is not None
    shift = effect["shift"] if told else None
    target_class = EVERYWHERE if shift is None else shift["target_class"]
    return [
        row
        for row in effect["effects"] or []
        if row["target_class"] == target_class
        and None not in (row["effect"], row["low"], row["high"])
    ]


def _extremes(rows: list, most: int) -> list:
    """The first and the last rows."""
    if len(rows) <= most:
        return rows
    n_first = -(-most // 2)
    return [*rows[:n_first], *rows[n_first - most :]]


def _name(row: dict, column: dict) -> str:
    if column["n_levels"]:
        return row["level"]
    deviation = (column["labels"] or {}).get("standard_deviation")
    more = "standard deviation" if deviation is None else format_number(deviation)
    return f"per {more} more"


def _in_words(row: dict, key: str) -> str:
    """Percentage points, or standard deviations where there are no probabilities."""
    if key == DEVIATIONS[0]:
        return f"{row[key]:+.2f}"
    # With a decimal, so that differences are those of the sentence beside it.
    return f"{row[key]:+.1f}"


def _title(row: dict, column: dict, key: str) -> str:
    """What the numbers are."""
    what = "Standard deviations of the output"
    if key == POINTS[0]:
        what = f"Points of probability of {quote(row['output'])}"
    among = row["target_class"]
    in_class = "" if among == EVERYWHERE else f" among {quote(among)}"
    beside = ", each from the mean of all" if column["n_levels"] else ""
    return f"{what}{in_class}{beside}"


def draw_bar(
    name: str, text: str, row: dict, keys: Sequence[str], bottom: float, top: float
) -> Bar:
    """One row of a picture, from the value and the ends of its interval."""
    value, low, high = (_place_between(row[key], bottom, top) for key in keys)
    return Bar(name, text, value, low, high, row[keys[1]] < bottom, row[keys[2]] > top)


def place(value: float, top: float) -> float:
    """Where a value stands on a scale from -top to top."""
    return _place_between(value, -top, top)


def _place_between(value: float, bottom: float, top: float) -> float:
    share = (value - bottom) / (top - bottom)
    return round(WIDTH * min(max(share, 0.0), 1.0), 1)


def draw_utilization(columns: list[dict], analysis: dict) -> Bars | None:
    """Utilization of the columns with interval and margin; None where there is none.

    The scale ends where a wide interval would make all others short.
    """
    margin = analysis["min_effect"]
    keys = "estimate", "low", "high"
    known = [
        column
        for column in columns
        if None not in [column["utilization"][key] for key in keys]
    ]
    if not known:
        return None
    found = [column["utilization"] for column in known]
    longest = LONGEST * max([margin or 0.0, *(effect["estimate"] for effect in found)])
    top = ROOM * min(max(effect["high"] for effect in found), longest) or 1.0
    top = max(top, ROOM * (margin or 0.0))
    rows = [
        draw_bar(
            column["name"], effect_text(effect, margin), effect, keys, 0.0, top
        )._replace(verdict=column["verdict"])
        for column, effect in zip(known, found, strict=True)
    ][:MOST_COLUMNS]
    ends = None if margin is None else (0.0, _place_between(margin, 0.0, top))
    title = "Utilization, in standard deviations of the output"
    limits = "0", format_number(top)
    return Bars(title, rows, len(found) - len(rows), None, ends, ends=limits)


def draw_alignment(columns: list[dict]) -> Bars | None:
    """Alignment of the columns beside what permutations give; None where none is."""
    found = [
        column
        for column in columns
        if column["alignment"]["score"] is not None and column["alignment"].get("null")
    ]
    if not found:
        return None
    most = [column["alignment"]["null"]["quantile_0.975"] for column in found]
    most += [column["alignment"]["score"] for column in found]
    top = ROOM * max(most) or 1.0
    rows = [_draw_score(column, top) for column in found[:MOST_COLUMNS]]
    title, n_hidden = "Alignment score; grey: 95% of permutations", len(found)
    limits = "0", format_number(top)
    return Bars(title, rows, n_hidden - len(rows), None, None, ends=limits)


def _draw_score(column: dict, top: float) -> Bar:
    """One column: a mark, and what permutations of it give."""
    alignment = column["alignment"]
    keys = "quantile_0.025", "quantile_0.975"
    low, high = (_place_between(alignment["null"][key], 0.0, top) for key in keys)
    place = _place_between(alignment["score"], 0.0, top)
    pvalue = alignment["pvalue_fwer"]
    corrected = "" if pvalue is None else f", p = {format_number(pvalue)}"
    text = f"{format_number(alignment['score'])}{corrected}"
    null = (low, high)
    return Bar(column["name"], text, place, place, place, False, False, null=null)


def draw_outputs(column: dict, target: str) -> list[Bars]:
    """How the output is spread over the rows of every level: a picture per class."""
    found = column["outputs"]
    if found is None:
        return []
    known = [row for row in found["rows"] if row["quantiles"] is not None]
    if not known:
        return []
    bottom, top, unit, limits = 0.0, 100.0, "%", ("0%", "100%")
    if not found["is_probability"]:
        bottom = min(row["quantiles"][0] for row in known)
        top, unit = max(row["quantiles"][-1] for row in known), ""
        top = top if top > bottom else bottom + 1.0
        limits = format_number(bottom), format_number(top)
    drawn = []
    for target_class in dict.fromkeys(row["target_class"] for row in found["rows"]):
        own = [row for row in found["rows"] if row["target_class"] == target_class]
        shown = [row for row in own if row["quantiles"] is not None][:MOST_IN_ALL]
        rows = [_draw_spread(row, bottom, top, unit) for row in shown]
        title = f"Recorded {quote(target)}: {quote(target_class)}"
        n_hidden = len(own) - len(rows)
        drawn.append(Bars(title, rows, n_hidden, None, None, ends=limits))
    return [bars for bars in drawn if bars.rows]


def _draw_spread(row: dict, bottom: float, top: float, unit: str) -> Bar:
    """One level: median, middle half, and all but 5% at either side."""
    places = [_place_between(value, bottom, top) for value in row["quantiles"]]
    low, lower, middle, upper, high = places
    if unit:
        shown = [f"{value:.0f}" for value in row["quantiles"][1:4]]
    else:
        shown = [format_number(value) for value in row["quantiles"][1:4]]
    text = f"{shown[1]}{unit} ({shown[0]} to {shown[2]})"
    box = (lower, upper)
    return Bar(row["level"], text, middle, low, high, False, False, box=box)


def draw_performance(column: dict) -> list[Bars]:
    """Performance by level, one picture for each measure."""
    levels = column["performance"]["by_level"]
    drawn = [_draw_measure(levels, name) for name in (*SHARES, *NUMBERS)]
    return [bars for bars in drawn if bars.rows]


def _draw_measure(levels: list[dict], name: str) -> Bars:
    """One measure under the levels that it could be measured under."""
    keys = name, f"{name}_low", f"{name}_high"
    found = [row for row in levels if all(row.get(key) is not None for key in keys)]
    bottom, top, limits = 0.0, 1.0, ("0%", "100%")
    if name == AUROC:
        limits = "0", "1"
    if name in NUMBERS:
        top = max((abs(row[key]) for row in found for key in keys), default=1.0) or 1.0
        bottom = -top if name == BIAS else 0.0
        limits = format_number(bottom), format_number(top)
    rows = [
        draw_bar(row["level"], _measured(row, keys), row, keys, bottom, top)
        for row in found[:MOST_IN_ALL]
    ]
    title = capitalised(name_measure(name))
    zero = WIDTH / 2 if name == BIAS else None
    return Bars(title, rows, len(found) - len(rows), zero, None, ends=limits)


def _measured(row: dict, keys: Sequence[str]) -> str:
    """Value and interval in words."""
    if keys[0] in NUMBERS:
        value, low, high = (format_number(row[key]) for key in keys)
        return f"{value} ({low} to {high})"
    if keys[0] == AUROC:
        value, low, high = (f"{row[key]:.2f}" for key in keys)
        return f"{value} ({low} to {high})"
    value, low, high = (f"{100.0 * row[key]:.0f}" for key in keys)
    return f"{value}% ({low} to {high})"
