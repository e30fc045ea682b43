"""Parts of the sentences that verdicts are told with.

Those of notes are made from a row of the table and its `Findings`, those of answers
from an entry of the columns of a result and its analysis.
"""

from __future__ import annotations

from typing import Any

from sklearn_wsca._text import (
    alike_text,
    capitalised,
    column_text,
    count_points,
    format_number,
    quote,
)


def describe_shift(row: dict[str, Any]) -> str:
    """Change of a probability, where noise is excluded."""
    if not row["probability_shift_low"] > 0:
        return ""
    subject, where = row["shift_sentence"]
    return f"{subject} {count_points(row['probability_shift'])} {where}"


def describe_hidden(row: dict[str, Any]) -> list[str]:
    """Classes that may move although the mean over classes does not."""
    found = []
    kinds = ("class", "classes_above"), ("rare level", "levels_above")
    for kind, key in kinds:
        if row[key]:
            found.append(f"moves by the margin on its own: {kind} {_list(row[key])}")
    if row["classes_unseen"]:
        found.append(
            f"cannot be judged: class {_list(row['classes_unseen'])}, which holds one "
            "value of the column only"
        )
    if row["class_in_doubt"]:
        found.append(row["class_in_doubt"])
    return found


def _list(names: list) -> str:
    return ", ".join(map(quote, names))


def _balanced(effect: dict[str, Any]) -> dict:
    """Estimate and interval with every class counted alike."""
    ends = {"estimate": "", "low": "_low", "high": "_high"}
    return {name: effect[f"balanced{end}"] for name, end in ends.items()}


def name_output(analysis: dict[str, Any]) -> str:
    """Whose output it is that moves."""
    head = analysis.get("primary_head") or {}
    subjects = {
        "trained": "the network's output",
        "fitted": "the output of the fitted linear head",
    }
    return subjects.get(head.get("source", ""), "the output of the decision")


def describe_movement(column: dict[str, Any], analysis: dict[str, Any]) -> str:
    """How far the output moves with a column, by the utilization that shows more."""
    effect, subject, alike = column["utilization"], name_output(analysis), ""
    if alike_text(effect, analysis["min_effect"]):
        effect, alike = _balanced(effect), ", every class counted alike,"
    if column.get("interaction_of"):
        subject = f"{beyond_parts(column)}, {subject}"
    return (
        f"{capitalised(subject)} moves with {moves_with(column)}"
        f"{at_fixed(column, analysis)}{alike or ','} by "
        f"{describe_estimate(effect, analysis)}"
    )


def beyond_parts(column: dict[str, Any]) -> str:
    """What an interaction is beyond."""
    first, second = (f"'{name}'" for name in column["interaction_of"])
    return f"Beyond what {first} does alone and what {second} does alone"


def moves_with(column: dict[str, Any]) -> str:
    """What the output moves with."""
    return "their combination" if column.get("interaction_of") else "it"


def describe_estimate(
    effect: dict[str, Any], analysis: dict[str, Any], whose: str = ""
) -> str:
    """Estimate and interval."""
    deviation = f"{whose}'s standard deviation" if whose else "its standard deviation"
    level = analysis["significance"]
    confidence = "" if level is None else f"{1 - level:.0%} "
    estimate, low, high = (
        format_number(effect[key], analysis["min_effect"])
        for key in ("estimate", "low", "high")
    )
    return f"{estimate} of {deviation} ({confidence}interval {low} to {high})"


def describe_points(effect: dict[str, Any]) -> str:
    """Change of predicted probabilities, where there are any and noise is excluded."""
    shift = effect["probability_shift"]
    if shift is None or not (effect["probability_shift_low"] or 0.0) > 0:
        return ""
    return f"; predicted probabilities differ by up to {count_points(shift)}"


def at_fixed(column: dict[str, Any], analysis: dict[str, Any]) -> str:
    """What is held fixed for a column, which may be a confounder itself."""
    own = [column["name"], *(column.get("interaction_of") or [])]
    names = [
        f"'{column_text(name)}'"
        for name in analysis["held_fixed"]
        if column_text(name) not in own
    ]
    return f" at fixed {' and '.join(names)}" if names else ""


def show_margin(analysis: dict[str, Any]) -> str:
    """The margin, if it is known."""
    margin = analysis["min_effect"]
    return "the margin" if margin is None else format_number(margin)
