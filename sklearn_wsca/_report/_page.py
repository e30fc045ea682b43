"""From the result to what the HTML page shows: answers, facts and table cells."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

from sklearn_wsca._report.first_screen import by_importance, is_brief
from sklearn_wsca._text import (
    alike_text,
    column_text,
    format_number,
    format_skill,
    shown_shift,
    skill_of,
)
from sklearn_wsca._verdicts.registry import INCONCLUSIVE, USED, by_urgency
from sklearn_wsca._verdicts.rule import Rule

MOST_OPEN_ANSWERS, FEWEST_OPEN_ANSWERS = 12, 3
MOST_LEVELS_SHOWN = 30


class Measure(NamedTuple):
    """A column of the table: header, number to sort by, and what is shown of it.

    The latter two are taken from the entry of a metadata column in the result.
    """

    header: str
    value: Callable[[dict], float | None]
    text: Callable[[dict], str]


def number_columns(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Columns by importance, each with its place as `id` (column-1, ...)."""
    columns = enumerate(by_importance(result["columns"]), start=1)
    return [column | {"id": f"column-{i}", "place": i - 1} for i, column in columns]


def split_answers(columns: list[dict]) -> tuple[list[dict], list[dict[str, Any]]]:
    """Columns that are shown at once, and those that are folded away, by verdict.

    Where there are many columns, those that are used are shown, and at least a few.
    """
    n_open = len(columns)
    if n_open > MOST_OPEN_ANSWERS:
        n_used = sum(column["verdict"] == USED for column in columns)
        n_open = min(max(n_used, FEWEST_OPEN_ANSWERS), MOST_OPEN_ANSWERS)
    folded = [
        {"verdict": verdict, "columns": members}
        for verdict in by_urgency()
        if (members := [c for c in columns[n_open:] if c["verdict"] == verdict])
    ]
    return columns[:n_open], folded


def join_brief(shown: list[dict], columns: list[dict]) -> list[tuple[bool, list[dict]]]:
    """Columns that are shown; those that have the same line follow each other in it.

    Each entry tells whether it is brief, and of which columns it is.
    """

    def key(column: dict) -> tuple:
        if is_brief(column, columns):
            return column["verdict"], column["lead"]
        return (column["id"],)

    return [(len(same) > 1, list(own)) for same, own in groupby(shown, key)]


def count_verdicts(columns: list[dict]) -> dict[str, int]:
    """How many columns have each verdict, by importance."""
    verdicts = [column["verdict"] for column in columns]
    return {v: verdicts.count(v) for v in by_urgency() if v in verdicts}


def write_headline(columns: list[dict]) -> str:
    """One sentence on all columns."""
    verdicts = [column["verdict"] for column in columns]
    n, n_used, n_open = len(columns), verdicts.count(USED), verdicts.count(INCONCLUSIVE)
    if not n:
        return "No column was analysed."
    what = f"column{'s' if n > 1 else ''}"
    if any(column["interaction_of"] for column in columns):
        what = "columns and interactions"
    headline = (
        f"{n_used} of {n} {what} {'is' if n_used == 1 else 'are'} used."
        if n_used
        else f"None of {n} {what} was found to be used."
    )
    if n_open:
        headline += f" For {n_open} the question stays open."
    return headline


def list_facts(result: dict[str, Any]) -> list[tuple[str, str]]:
    """What was done, as terms and short texts."""
    analysis = result["analysis"]
    facts = {
        "Files": ", ".join(f"{k}: {v}" for k, v in result["inputs"].items()),
        "Rows judged": _rows(analysis),
        "Independent units": _units(analysis),
        "Decision": _decision(analysis),
        "Held fixed": ", ".join(column_text(name) for name in analysis["held_fixed"]),
        "Permuted": ", ".join(_schemes(result)),
        "Permutations": _permutations(analysis),
        "Counts as used": _rule(analysis),
        "Software": ", ".join(f"{k} {v}" for k, v in result["software"].items()),
    }
    return [(term, text) for term, text in facts.items() if text]


def _rows(analysis: dict) -> str:
    n = analysis["n_samples"]
    if n is None:
        return ""
    if analysis["judged_rows"] == "fit":
        seen = {
            "held out": "; the trained head has not seen them, as its user declares",
            "cross-fitted": "; the head that judges a row was fitted without it",
            "unknown": "; whether the trained head has seen them is not known",
        }
        found = seen.get(analysis.get("head_rows") or "", "")
        return f"{n}, the same that the linear models were fitted on{found}"
    fitted = analysis.get("n_samples_fit")
    on = "" if fitted is None else f"; they were fitted on {fitted} others"
    return f"{n}, held out from the linear models{on}"


def _units(analysis: dict) -> str:
    if analysis["n_samples"] is None:
        return ""
    if analysis["n_groups"] is None:
        return "each row (no groups were named)"
    return f"{analysis['n_groups']} groups, by '{column_text(analysis['groups'])}'"


def _decision(analysis: dict) -> str:
    head = analysis.get("primary_head")
    if head is None:
        return ""
    source = {
        "trained": "trained head of the network",
        "fitted": "linear head fitted to the target (no trained head was given)",
    }[head["source"]]
    classes = head["classes"]
    return source if classes is None else f"{source}; classes {', '.join(classes)}"


def _schemes(result: dict) -> list[str]:
    schemes = {column["utilization"]["scheme"] for column in result["columns"]}
    return sorted(scheme for scheme in schemes if scheme)


def _permutations(analysis: dict) -> str:
    m, seed = analysis["n_permutations"], analysis.get("seed")
    if m is None:
        return ""
    if not m:
        return "none, so there are no p-values"
    seeded = "" if seed is None else f"; seed {seed}"
    return (
        f"{m} per column, so no p-value is below {format_number(1 / (m + 1))}{seeded}"
    )


def _rule(analysis: dict) -> str:
    margin, level = analysis["min_effect"], analysis["significance"]
    if margin is None or level is None:
        return ""
    return Rule(level, margin, []).describe_use()


def choose_measures(
    columns: list[dict], confidence: str, margin: float | None
) -> list[Measure]:
    """Numbers of the table; those that no column has are left out."""
    interval = f" ({confidence} interval)" if confidence else " (interval)"
    measures = [
        Measure(
            "Probability, points",
            lambda c: shown_shift(c["utilization"]),
            lambda c: points_text(shown_shift(c["utilization"])),
        ),
        Measure(
            f"Utilization{interval}",
            lambda c: c["utilization"]["estimate"],
            lambda c: effect_text(c["utilization"], margin),
        ),
        _measure("Utilization: q", lambda c: c["utilization"]["qvalue"]),
        _measure(
            "Detectable utilization",
            lambda c: c["utilization"]["minimum_detectable_effect"],
        ),
        Measure(
            "Encoding: skill",
            lambda c: skill_of(c["encoding"]),
            lambda c: format_skill(c["encoding"]),
        ),
        _measure("Encoding: p", lambda c: c["encoding"]["pvalue"]),
        _measure("Alignment: score", lambda c: c["alignment"]["score"]),
        _measure("Alignment: p, corrected", lambda c: c["alignment"]["pvalue_fwer"]),
        _measure("Association with target", lambda c: c["target_association"]),
        Measure("Rows", lambda c: c["n_samples"], lambda c: count_text(c["n_samples"])),
    ]
    return [m for m in measures if any(m.value(c) is not None for c in columns)]


def _measure(header: str, value: Callable[[dict], float | None]) -> Measure:
    return Measure(header, value, lambda column: format_number(value(column)))


def effect_text(effect: dict, margin: float | None) -> str:
    """Estimate with its interval, and with every class counted alike if that shows it.

    A use of which the pooled interval reaches 0 must not stand beside that one alone.
    """
    ends = [effect[key] for key in ("estimate", "low", "high")]
    estimate, low, high = (format_number(end, margin) for end in ends)
    if None in ends[1:]:
        return estimate
    alike = ("; " + alike_text(effect, margin)).rstrip("; ")
    return f"{estimate} ({low} to {high}){alike}"


def points_text(shift: float | None) -> str:
    """Percentage points; a shift that there is is not rounded to none."""
    return "<1" if shift is not None and 0.0 < shift < 0.5 else count_text(shift)


def count_text(value: float | None) -> str:
    """Whole number; a dash where there is none."""
    return "-" if value is None else f"{value:.0f}"


def confidence_text(analysis: dict) -> str:
    """Level of the intervals, such as 95%."""
    level = analysis["significance"]
    return "" if level is None else f"{1 - level:.0%}"


def choose_levels(column: dict) -> dict[str, Any] | None:
    """Levels with their counts, the most frequent ones if there are many.

    Returns
    -------
    dict or None
        rows (level, number of rows, numbers by level of the target or None) in the
        order of the levels; n_hidden and n_hidden_samples of what is not shown. None
        for a column without levels.
    """
    levels = (column["labels"] or {}).get("levels")
    if levels is None:
        return None
    counts = column["counts_by_target"] or [None] * len(levels)
    largest = sorted(range(len(levels)), key=lambda i: -levels[i]["n_samples"])
    shown = sorted(largest[:MOST_LEVELS_SHOWN])
    hidden = largest[MOST_LEVELS_SHOWN:]
    return {
        "rows": [
            (levels[i]["level"], levels[i]["n_samples"], counts[i]) for i in shown
        ],
        "n_hidden": len(hidden),
        "n_hidden_samples": sum(levels[i]["n_samples"] for i in hidden),
    }


def name_target(analysis: dict) -> str:
    """Name of the target; "" where there is none."""
    target = analysis["target"]
    return "" if target is None else column_text(target["name"])


def target_levels(analysis: dict) -> list[str]:
    """Names of the levels of the target."""
    target = analysis["target"] or {"labels": {}}
    return [level["level"] for level in target["labels"].get("levels", [])]
