"""What to keep in mind beside the answers of an audit, and what to do next."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._report.first_screen import by_importance
from sklearn_wsca._report.words import limits_of, tell_held_out, tell_lacking
from sklearn_wsca._text import describe_confusable, list_first, quote
from sklearn_wsca._verdicts.registry import INCONCLUSIVE, UNTESTABLE, USED

MOST_NAMED = 4


def list_caveats(result: dict[str, Any]) -> list[str]:
    """What limits these answers, most important first."""
    analysis, columns = result["analysis"], result["columns"]
    found = [tell_held_out(analysis), tell_lacking(analysis), *limits_of(analysis)]
    unjudged = [c["name"] for c in columns if c["verdict"] == UNTESTABLE]
    if unjudged:
        found.append(f"Not judged: {list_first(unjudged, MOST_NAMED, quote)}.")
    found += _not_compared(columns)
    found += _confusable(columns)
    if any(column["verdict"] == USED for column in columns):
        found.append(
            "A difference is no proof of a cause: at the same recorded value some may "
            "be more ill than others, and the network may be right to see it."
        )
    return [text for text in found if text]


def _not_compared(columns: list[dict]) -> list[str]:
    """Measures of performance that some levels have too few rows for."""
    found = []
    for column in by_importance(columns):
        left_out = (column["performance"]["gap"] or {}).get("not_compared")
        if left_out:
            found.append(f"{quote(column['name'])}: too few to compare {left_out}.")
    n_more = len(found) - MOST_NAMED
    more = [f"The same of {n_more} more columns: see them one by one."]
    return found[:MOST_NAMED] + (more if n_more > 0 else [])


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
        steps += [
            f"{names}: whoever treats these patients must decide whether the network "
            "may use it. If something recorded explains the difference, such as "
            "severity, hold it fixed (--confounders).",
            "If it must not: put the same patients under both levels (wsca "
            "intervene), find what carries it (wsca features), or take it out (wsca "
            "repair).",
        ]
    if still_open:
        names = list_first(still_open, MOST_NAMED, quote)
        steps.append(f"{names}: add rows, above all of rare levels and classes.")
    return steps
