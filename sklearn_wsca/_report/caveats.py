"""What to keep in mind beside the answers of an audit, and what to do next."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._report.first_screen import by_importance, needed_permutations
from sklearn_wsca._report.words import limits_of, tell_held_out, tell_lacking
from sklearn_wsca._text import (
    capitalised,
    describe_confusable,
    list_first,
    plural,
    quote,
)
from sklearn_wsca._verdicts.registry import INCONCLUSIVE, UNTESTABLE, USED

MOST_NAMED = 4
# So few rows of a level hardly tell how the network treats it.
FEW_ROWS = 30


def list_caveats(result: dict[str, Any]) -> list[str]:
    """What limits these answers, most important first."""
    analysis, columns = result["analysis"], result["columns"]
    found = [tell_held_out(analysis), tell_lacking(analysis), *limits_of(analysis)]
    unjudged = [c["name"] for c in columns if c["verdict"] == UNTESTABLE]
    if unjudged:
        found.append(f"Not judged: {list_first(unjudged, MOST_NAMED, quote)}.")
    found += _left_out(columns, analysis["n_samples"])
    found += _few_rows(columns)
    found += _not_compared(columns)
    found += _confusable(columns)
    if any(column["verdict"] == USED for column in columns):
        found.append(
            "A difference is no proof of a cause: at the same recorded value some may "
            "be more ill than others, and the network may be right to see it."
        )
    return [text for text in found if text]


def _left_out(columns: list[dict], n_rows: int | None) -> list[str]:
    """Columns that many rows have no value of, or one that is too rare."""
    lacking = [
        f"{quote(c['name'])} ({n_rows - c['n_samples']})"
        for c in columns
        if n_rows and c["n_samples"] and c["n_samples"] < n_rows
    ]
    if not lacking:
        return []
    return [
        f"Rows without a value of the column, or with one too rare to compare, say "
        f"nothing about it: {list_first(lacking, MOST_NAMED, str)} of {n_rows}."
    ]


def _few_rows(columns: list[dict]) -> list[str]:
    """Levels of few rows among those that a use is told by."""
    found = []
    for column in by_importance(columns):
        shift = column["utilization"]["shift"]
        if column["verdict"] != USED or shift is None or not column["n_levels"]:
            continue
        counts = {
            row["level"]: row["n_samples"]
            for row in (column["labels"] or {}).get("levels", [])
        }
        found += [
            f"{quote(column['name'])}: only {counts[level]} rows are of {quote(level)}."
            for level in (shift["higher"], shift["lower"])
            if counts.get(level, FEW_ROWS) < FEW_ROWS
        ]
    return found[:MOST_NAMED]


def _not_compared(columns: list[dict]) -> list[str]:
    """Measures of performance that some levels have too few rows for."""
    found = []
    for column in by_importance(columns):
        left_out = (column["performance"]["gap"] or {}).get("not_compared")
        if left_out:
            found.append(f"{quote(column['name'])}: too few to compare {left_out}.")
    n_more = len(found) - MOST_NAMED
    more = [f"The same of {plural(n_more, 'more column')}: see them one by one."]
    return found[:MOST_NAMED] + (more if n_more > 0 else [])


def _confusable(columns: list[dict]) -> list[str]:
    """Pairs of columns of which one may stand for the other."""
    found: dict[frozenset, str] = {}
    for column in columns:
        if column["verdict"] == USED:
            for pair in column["confusable"][:1]:
                key = frozenset((column["name"], pair["column"]))
                text = describe_confusable(column["name"], pair["column"], pair)
                found.setdefault(key, f"{capitalised(text)}.")
    return list(found.values())[:MOST_NAMED]


def list_next_steps(result: dict[str, Any]) -> list[str]:
    """What to do next, most important first."""
    analysis, columns = result["analysis"], result["columns"]
    steps = []
    performance = analysis.get("head_performance") or {}
    if performance.get("finding", "better than chance") != "better than chance":
        steps.append(
            "Check first that the rows of embeddings and table are in the same order "
            "(--id), and that head and classes are those of the network: it does not "
            "predict the target here."
        )
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
        both = ""
        if any(c["n_levels"] for c in columns if c["verdict"] == USED):
            both = "put the same patients under its levels (wsca intervene), "
        steps += [
            f"{names}: whoever treats these patients must decide whether the network "
            "may use it. If something recorded explains the difference, such as "
            "severity, hold it fixed (--confounders).",
            f"If it must not: {both}find what carries it (wsca features), or take it "
            "out (wsca repair).",
        ]
    needed = {c["name"]: needed_permutations(c, analysis) for c in columns}
    untested = [name for name in still_open if needed[name] is not None]
    if untested:
        names = list_first(untested, MOST_NAMED, quote)
        most = max(needed[name] or 0 for name in untested)
        steps.append(
            f"{names}: run it again with {most} permutations or more (--permutations)."
        )
    still_open = [name for name in still_open if name not in untested]
    if still_open:
        names = list_first(still_open, MOST_NAMED, quote)
        steps.append(f"{names}: add rows, above all of rare levels and classes.")
    return steps
