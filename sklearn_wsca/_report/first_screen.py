"""What a clinician is told: how often the network is right, and of every column a line.

All of it is made from the result alone, for the page and for the terminal.
"""

from __future__ import annotations

import math
from typing import Any

from sklearn_wsca._permutation.plan import fewest_permutations
from sklearn_wsca._report.words import tell_performance
from sklearn_wsca._text import (
    capitalised,
    column_text,
    format_number,
    plural,
    quote,
    shown_shift,
)
from sklearn_wsca._verdicts.registry import INCONCLUSIVE, USED, WITHHELD, by_urgency

DEFAULT_MARGIN = 0.1
EVERYWHERE = "all"
MOST_NAMED, MOST_ASKED, MOST_IN_FULL = 4, 4, 4


def by_importance(columns: list[dict]) -> list[dict]:
    """Columns that are used first, those that move the output most first of all."""
    order = by_urgency()

    def rank(column: dict) -> tuple[int, float]:
        effect = column["utilization"]
        sizes = effect["estimate"] or 0.0, effect["balanced"] or 0.0
        size = max(sizes) if column["verdict"] == USED else sizes[0]
        return order.index(column["verdict"]), -size

    return sorted(columns, key=rank)


def tell_column(column: dict[str, Any], analysis: dict[str, Any]) -> str:
    """The verdict on one column in a sentence that is read aloud.

    Parameters
    ----------
    column, analysis : dict
        Entry of the columns of a result, and its analysis.
    """
    sentences = {
        USED: _used,
        "not used": _not_used,
        INCONCLUSIVE: _open,
        "not encoded": _not_encoded,
    }
    make = sentences.get(column["verdict"])
    return column["answer"] if make is None else make(column, analysis)


def is_brief(column: dict, columns: list[dict]) -> bool:
    """Whether a column has a line and no more, so that what is next stays in sight."""
    has_numbers = column["verdict"] in (USED, INCONCLUSIVE)
    differs = (column["performance"]["case"] or "").endswith("differs only")
    return len(columns) > MOST_IN_FULL and not (has_numbers or differs)


def ask_in_short(result: dict[str, Any]) -> str:
    """Question of the page, with the names of its columns where they are few."""
    target = result["analysis"]["target"]
    names = [quote(column["name"]) for column in by_importance(result["columns"])]
    about = "" if target is None else f" on {quote(column_text(target['name']))}"
    if not 0 < len(names) <= MOST_ASKED:
        return f"Does the decision{about} depend on what the table records?"
    *first, last = names
    listed = f"{', '.join(first)} or {last}" if first else last
    return f"Does the decision{about} depend on {listed}?"


def tell_rightness(analysis: dict[str, Any]) -> tuple[str, bool]:
    """How often the network is right, and whether that is a warning.

    See `tell_performance`, which says it where a share does not.
    """
    told, doubtful = tell_performance(analysis)
    found = analysis.get("head_performance")
    if doubtful or not found or "r2" in found or not told.endswith("rows."):
        return told, doubtful
    who, target = _network(analysis), quote(column_text(analysis["target"]["name"]))
    held_out = "held out" in (analysis["judged_rows"], analysis.get("head_rows"))
    rows = f"{found['n_rows']} rows" + (" that it has not seen" if held_out else "")
    return (
        f"{capitalised(who)} is right on {target} in "
        f"{found['balanced_accuracy']:.0%} of cases (every class counted alike; by "
        f"chance {found['chance']:.0%}), judged on {rows}.",
        False,
    )


def tell_comparison(analysis: dict[str, Any]) -> str:
    """Who is compared with whom, and what counts as used; "" without a target."""
    target, level = analysis["target"], analysis["significance"]
    if target is None or level is None:
        return ""
    name = quote(column_text(target["name"]))
    return (
        f"Compared are rows with the same {name} in the table, whatever was predicted. "
        f"{tell_margin(analysis)} Two numbers in brackets: a {1 - level:.0%} interval."
    )


def _used(column: dict, analysis: dict) -> str:
    """Where the network reads higher, by how much."""
    effect = column["utilization"]
    points, shift = shown_shift(effect), effect["shift"]
    if points is None or shift is None:
        moved = _moves(column, analysis, "differs with it by")
        return moved + _unsure(effect, analysis["min_effect"])
    held = _held(column, analysis, shift["target_class"])
    low, high = (_whole(effect[f"probability_shift_{end}"]) for end in ("low", "high"))
    told = plural(_whole(points), "percentage point")
    size = f"{told} ({_level(analysis)}{low} to {high})"
    unsure = _unsure(effect, analysis["min_effect"])
    subject = f"{_network(analysis)} gives {quote(shift['output'])} a probability"
    if column["n_levels"]:
        return (
            f"{held}, {subject} {size} higher for {quote(shift['higher'])} than for "
            f"{quote(shift['lower'])}{_beyond(column)}.{unsure}"
        )
    return (
        f"{held}, {subject} {size} {shift['lower']} for {_deviation(column)}"
        f"{_beyond(column)}.{unsure}"
    )


def _unsure(effect: dict, margin: float | None) -> str:
    """That a use may be smaller than the margin, which the estimate reaches."""
    lows = effect["low"] or 0.0, effect["balanced_low"] or 0.0
    if margin is None or max(lows) >= margin:
        return ""
    return " It may be less than the margin."


def _moves(column: dict, analysis: dict, verb: str) -> str:
    """Movement of the output in its standard deviations."""
    effect, margin = column["utilization"], analysis["min_effect"]
    keys = ("estimate", "low", "high")
    if (effect["estimate"] or 0.0) < (margin or 0.0) <= (effect["balanced"] or 0.0):
        keys = ("balanced", "balanced_low", "balanced_high")
    size, low, high = (format_number(effect[key], margin) for key in keys)
    return (
        f"{_held(column, analysis)}, the output of {_network(analysis)} {verb} {size} "
        f"of its usual spread ({_level(analysis)}{low} to {high})"
        f"{_extremes(column)}{_beyond(column)}."
    )


def _extremes(column: dict) -> str:
    """Under which levels the output is highest and lowest, or where a number rises."""
    effects = [
        row
        for row in column["utilization"]["effects"] or []
        if row["target_class"] == EVERYWHERE and row["effect"] is not None
    ]
    if len(effects) == 1 and not column["n_levels"]:
        (slope,) = effects
        if None in (slope["low"], slope["high"]) or slope["low"] <= 0 <= slope["high"]:
            return ""
        way = "higher" if slope["effect"] > 0 else "lower"
        return f", {way} with more of {quote(column['name'])}"
    if len(effects) < 2:
        return ""
    # On the scale of the picture beside it.
    in_points = all(row.get("points") is not None for row in effects)
    effects.sort(key=lambda row: row["points" if in_points else "effect"])
    return (
        f", highest for {quote(effects[-1]['level'])} and lowest for "
        f"{quote(effects[0]['level'])}"
    )


def _not_used(column: dict, analysis: dict) -> str:
    """What is excluded."""
    effect, margin = column["utilization"], analysis["min_effect"]
    ends = [effect["high"], effect["balanced_high"]]
    most = format_number(max(end for end in ends if end is not None), margin)
    return (
        f"{_held(column, analysis)}, the output of {_network(analysis)} differs with "
        f"it by no more than {most} of its usual spread, which is below the "
        f"margin {format_number(margin)}{_excluded_points(effect)}{_beyond(column)}."
    )


def _open(column: dict, analysis: dict) -> str:
    """What is neither shown nor excluded."""
    effect, level = column["utilization"], analysis["significance"]
    if WITHHELD in column["note"] or effect["high"] is None:
        return column["answer"]
    needed = needed_permutations(column, analysis)
    if needed is not None:
        moved = _moves(column, analysis, "differs with it, by").removesuffix(".")
        return (
            f"{moved}; {analysis['n_permutations']} permutations are too few to test "
            f"that: use {needed} or more."
        )
    if None not in (effect["qvalue"], level) and effect["qvalue"] <= level:
        moved = _moves(column, analysis, "differs with it, by").removesuffix(".")
        margin = format_number(analysis["min_effect"])
        return f"{moved}; whether by the margin {margin} or more is open."
    most = max(effect["high"], effect["balanced_high"] or 0.0)
    shown = format_number(most, analysis["min_effect"])
    return (
        f"Neither a difference nor its absence is shown: {_lower(column, analysis)}, "
        f"the output of {_network(analysis)} may differ with it by up to {shown} of "
        f"its usual spread{_excluded_points(effect)}{_beyond(column)}."
    )


def needed_permutations(column: dict, analysis: dict) -> int | None:
    """How many there must be, if no permutation exceeds what too few cannot show."""
    effect, level = column["utilization"], analysis["significance"]
    n, p, q = analysis["n_permutations"], effect["pvalue"], effect["qvalue"]
    if None in (level, n, p, q) or column["verdict"] != INCONCLUSIVE:
        return None
    if p * (n + 1) > 1.0 + 1e-9 or q <= level or (effect["low"] or 0.0) <= 0.0:
        return None
    # What a p-value was corrected for; exact but for rounding.
    return fewest_permutations(round(q / p, 6), level)


def _not_encoded(column: dict, analysis: dict) -> str:
    """That nothing was found is no proof of anything."""
    return (
        "No trace of it that a linear model could read is found in what the network "
        "has computed. That is no evidence that the network treats everybody alike."
    )


def _excluded_points(effect: dict) -> str:
    """Difference of a probability that is excluded."""
    high = effect["probability_shift_high"]
    if high is None:
        return ""
    # Rounded up: what is excluded must be.
    points = plural(math.ceil(max(high, 1.0)), "percentage point")
    return f"; differences of a probability above {points} are excluded"


def _held(column: dict, analysis: dict, target_class: str = EVERYWHERE) -> str:
    """What is the same for those who are compared."""
    own = [column["name"], *(column.get("interaction_of") or [])]
    names = [column_text(name) for name in analysis["held_fixed"]]
    held = [quote(name) for name in names if name not in own]
    if target_class != EVERYWHERE and analysis["target"] is not None:
        target = column_text(analysis["target"]["name"])
        rest = [name for name in held if name != quote(target)]
        also = f" and the same {' and '.join(rest)}" if rest else ""
        return (
            f"Most among those whose recorded {quote(target)} is "
            f"{quote(target_class)}{also}"
        )
    if not held:
        return "Over all rows"
    return f"At the same recorded {' and '.join(held)}"


def _lower(column: dict, analysis: dict) -> str:
    held = _held(column, analysis)
    return held[0].lower() + held[1:]


def _network(analysis: dict) -> str:
    fitted = (analysis.get("primary_head") or {}).get("source") == "fitted"
    return "the linear model fitted here" if fitted else "the network"


def _beyond(column: dict) -> str:
    parts = column.get("interaction_of")
    if not parts:
        return ""
    return f", beyond what {quote(parts[0])} and {quote(parts[1])} do alone"


def _deviation(column: dict) -> str:
    """One standard deviation of a continuous column, in its unit."""
    deviation = (column["labels"] or {}).get("standard_deviation")
    name = quote(column["name"])
    if deviation is None:
        return f"every standard deviation more of {name}"
    return f"every {format_number(deviation)} more of {name}, its standard deviation"


def _level(analysis: dict) -> str:
    level = analysis["significance"]
    return "" if level is None else f"{1 - level:.0%} interval "


def _whole(points: float) -> str:
    """Percentage points without decimals, unless they would be 0."""
    return f"{points:.0f}" if abs(points) >= 0.95 else f"{points:.1g}"


def tell_margin(analysis: dict[str, Any]) -> str:
    """What counts as used, and who says so."""
    margin = analysis["min_effect"]
    if margin is None:
        return ""
    by = "chosen by whoever made this analysis"
    if margin == DEFAULT_MARGIN:
        by = "the default of this program, not a clinical limit"
    return (
        "Used: the output still differs, by more than chance and, as estimated, by the "
        f"margin or more ({format_number(margin)} of its standard deviation: {by}). "
        "Why it differs, this does not say."
    )
