"""What a clinician is told of a column in one line, what to keep in mind, what is next.

All of it is made from the result alone, for the page and for the terminal.
"""

from __future__ import annotations

import math
from typing import Any

from sklearn_wsca._performance.words import name_measure, show_difference
from sklearn_wsca._report.words import limits_of, tell_held_out, tell_lacking
from sklearn_wsca._text import (
    column_text,
    describe_confusable,
    format_number,
    list_first,
    quote,
    shown_shift,
)
from sklearn_wsca._verdict import (
    INCONCLUSIVE,
    UNTESTABLE,
    USED,
    WITHHELD,
)

DEFAULT_MARGIN = 0.1
EVERYWHERE = "all"
MOST_NAMED = 4
POINTS = " percentage points", " percentage point"
# The order in which columns matter to somebody who must act.
IMPORTANCE = (USED, INCONCLUSIVE, "not used", "not encoded", UNTESTABLE)


def by_importance(columns: list[dict]) -> list[dict]:
    """Columns that are used first, those that move the output most first of all."""

    def rank(column: dict) -> tuple[int, float]:
        effect = column["utilization"]
        sizes = effect["estimate"] or 0.0, effect["balanced"] or 0.0
        size = max(sizes) if column["verdict"] == USED else sizes[0]
        return IMPORTANCE.index(column["verdict"]), -size

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


def tell_gap(column: dict[str, Any], significance: float | None) -> str:
    """Whether the network is right more often under some level, in a sentence."""
    found = column["performance"]
    gap = found["gap"]
    if gap is None or gap["pvalue"] is None or significance is None:
        reason = found["untested"]
        return f"Performance by level was not compared: {reason}." if reason else ""
    name = name_measure(gap["measure"], gap["of_class"])
    size, low, high = (
        show_difference(gap[key], gap["measure"]) for key in ("size", "low", "high")
    )
    if gap["qvalue"] is not None and gap["qvalue"] <= significance:
        for unit in POINTS:
            low, high = low.removesuffix(unit), high.removesuffix(unit)
        at = "under" if column["n_levels"] else "at"
        return (
            f"Performance differs: {name} is {size} higher {at} "
            f"{quote(gap['higher'])} than {at} {quote(gap['lower'])} "
            f"({low} to {high})."
        )
    unseen = show_difference(gap["unseen"], gap["unseen_measure"])
    what = name_measure(gap["unseen_measure"])
    return (
        "Performance is not shown to differ, but differences of up to "
        f"{unseen} of {what} are not excluded."
    )


def _used(column: dict, analysis: dict) -> str:
    """Where the network reads higher, by how much."""
    effect = column["utilization"]
    points, shift = shown_shift(effect), effect["shift"]
    if points is None or shift is None:
        return _moves(column, analysis, "differs with it by")
    held = _held(column, analysis, shift["target_class"])
    low, high = (_whole(effect[f"probability_shift_{end}"]) for end in ("low", "high"))
    size = f"{_whole(points)} percentage point{'' if _whole(points) == '1' else 's'}"
    who, interval = _network(analysis), f"({_level(analysis)}{low} to {high})"
    subject = f"{who} gives {quote(shift['output'])} a probability {size}"
    if column["n_levels"]:
        return (
            f"{held}, {subject} higher under {quote(shift['higher'])} than under "
            f"{quote(shift['lower'])} {interval}{_beyond(column)}."
        )
    return (
        f"{held}, {subject} {shift['lower']} for {_deviation(column)} {interval}"
        f"{_beyond(column)}."
    )


def _moves(column: dict, analysis: dict, verb: str) -> str:
    """Movement of the output in its standard deviations."""
    effect, margin = column["utilization"], analysis["min_effect"]
    keys = ("estimate", "low", "high")
    if (effect["estimate"] or 0.0) < (margin or 0.0) <= (effect["balanced"] or 0.0):
        keys = ("balanced", "balanced_low", "balanced_high")
    size, low, high = (format_number(effect[key], margin) for key in keys)
    return (
        f"{_held(column, analysis)}, the output of {_network(analysis)} {verb} {size} "
        f"of its standard deviation ({_level(analysis)}{low} to {high})"
        f"{_extremes(column)}{_beyond(column)}."
    )


def _extremes(column: dict) -> str:
    """Under which levels the output is highest and lowest."""
    effects = [
        row
        for row in column["utilization"]["effects"] or []
        if row["target_class"] == EVERYWHERE and row["effect"] is not None
    ]
    if len(effects) < 2:
        return ""
    effects.sort(key=lambda row: row["effect"])
    return (
        f", highest under {quote(effects[-1]['level'])} and lowest under "
        f"{quote(effects[0]['level'])}"
    )


def _not_used(column: dict, analysis: dict) -> str:
    """What is excluded."""
    effect, margin = column["utilization"], analysis["min_effect"]
    ends = [effect["high"], effect["balanced_high"]]
    most = format_number(max(end for end in ends if end is not None), margin)
    return (
        f"{_held(column, analysis)}, the output of {_network(analysis)} differs with "
        f"it by no more than {most} of its standard deviation, which is below the "
        f"margin {format_number(margin)}{_excluded_points(effect)}{_beyond(column)}."
    )


def _open(column: dict, analysis: dict) -> str:
    """What is neither shown nor excluded."""
    effect, level = column["utilization"], analysis["significance"]
    if WITHHELD in column["note"] or effect["high"] is None:
        return column["answer"]
    if None not in (effect["qvalue"], level) and effect["qvalue"] <= level:
        moved = _moves(column, analysis, "differs with it, by").removesuffix(".")
        margin = format_number(analysis["min_effect"])
        return f"{moved}; whether by the margin {margin} or more is open."
    most = max(effect["high"], effect["balanced_high"] or 0.0)
    shown = format_number(most, analysis["min_effect"])
    return (
        f"Neither a difference nor its absence is shown: {_lower(column, analysis)}, "
        f"the output of {_network(analysis)} may differ with it by up to {shown} of "
        f"its standard deviation{_excluded_points(effect)}{_beyond(column)}."
    )


def _not_encoded(column: dict, analysis: dict) -> str:
    """That nothing was found is no proof of anything."""
    return (
        "A linear model finds no trace of it in what the network has computed, so the "
        "last layer has little of it to use. That is no evidence that the network "
        "treats everybody alike."
    )


def _excluded_points(effect: dict) -> str:
    """Difference of a probability that is excluded."""
    high = effect["probability_shift_high"]
    if high is None:
        return ""
    # Rounded up: what is excluded must be.
    return (
        f"; differences of a probability above {math.ceil(max(high, 1.0))} percentage "
        "points are excluded"
    )


def _held(column: dict, analysis: dict, target_class: str = EVERYWHERE) -> str:
    """What is the same for those who are compared."""
    own = [column["name"], *(column.get("interaction_of") or [])]
    names = [column_text(name) for name in analysis["held_fixed"]]
    held = [quote(name) for name in names if name not in own]
    if target_class != EVERYWHERE and analysis["target"] is not None:
        target = column_text(analysis["target"]["name"])
        rest = [name for name in held if name != quote(target)]
        also = f" and the same {' and '.join(rest)}" if rest else ""
        return f"Among those recorded as {quote(target_class)}{also}"
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
    return f"every {format_number(deviation)} more of {name} (one standard deviation)"


def _level(analysis: dict) -> str:
    level = analysis["significance"]
    return "" if level is None else f"{1 - level:.0%} interval "


def _whole(points: float) -> str:
    """Percentage points without decimals, unless they would be 0."""
    return f"{points:.0f}" if abs(points) >= 0.95 else f"{points:.1g}"


def list_caveats(result: dict[str, Any]) -> list[str]:
    """What limits these answers, most important first."""
    analysis, columns = result["analysis"], result["columns"]
    found = [tell_held_out(analysis), tell_lacking(analysis), *limits_of(analysis)]
    unjudged = [c["name"] for c in columns if c["verdict"] == UNTESTABLE]
    if unjudged:
        found.append(f"Not judged: {list_first(unjudged, MOST_NAMED, quote)}.")
    found += _confusable(columns)
    if any(column["verdict"] == USED for column in columns):
        found.append(
            "A difference at the same recorded value is no proof of a cause: those "
            "under one level may be more ill than those under another, and the network "
            "may be right to see it."
        )
    return [*filter(None, found), tell_margin(analysis)]


def tell_margin(analysis: dict[str, Any]) -> str:
    """What counts as used, and who says so."""
    margin = analysis["min_effect"]
    if margin is None:
        return ""
    default = ", the default of this program" if margin == DEFAULT_MARGIN else ""
    chosen = "" if default else ", chosen for this analysis"
    return (
        f"A column counts as used from {format_number(margin)} of the standard "
        f"deviation of the output on (the margin{default}{chosen})."
    )


def _confusable(columns: list[dict]) -> list[str]:
    """Pairs of columns of which one may stand for the other."""
    found: dict[frozenset, str] = {}
    for column in columns:
        if column["verdict"] == USED:
            for pair in column["confusable"][:1]:
                key = frozenset((column["name"], pair["column"]))
                text = describe_confusable(column["name"], pair["column"], pair)
                found.setdefault(key, f"{text[0].upper()}{text[1:]}.")
    return list(found.values())[:MOST_NAMED]


def list_next_steps(result: dict[str, Any]) -> list[str]:
    """What to do next, most important first."""
    analysis, columns = result["analysis"], result["columns"]
    steps = []
    if (analysis.get("primary_head") or {}).get("source") == "fitted":
        steps.append("Give the trained head of the network (--head; target_head=head).")
    if analysis.get("head_rows") == "unknown":
        steps.append(
            "Audit rows that the network was not trained on (--held-out; audit in "
            "Python)."
        )
    if analysis["n_samples"] is not None and analysis["n_groups"] is None:
        steps.append(
            "If several rows belong to one patient, name the patient in groups "
            "(--groups)."
        )
    used, still_open = (
        [c["name"] for c in by_importance(columns) if c["verdict"] == verdict]
        for verdict in (USED, INCONCLUSIVE)
    )
    if used:
        names = list_first(used, MOST_NAMED, quote)
        steps.append(
            f"For {names}: ask whether the difference is wanted; hold fixed what "
            "explains it (--confounders), look for what carries it (wsca features), or "
            "put the same patients under both levels (wsca intervene)."
        )
    if still_open:
        names = list_first(still_open, MOST_NAMED, quote)
        steps.append(f"For {names}: add rows, above all of rare levels and classes.")
    return steps
