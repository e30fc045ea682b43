"""What to do before a network is trained, and before it is audited."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from sklearn_wsca._screening.prospects import ENOUGH, LEFT_OUT, TOO_SMALL, UNTESTABLE
from sklearn_wsca._text import column_text, format_number, list_first, quote

NAMES_SHOWN = 5


def advise(
    columns: pd.DataFrame,
    confusable: pd.DataFrame,
    min_effect: float,
    count_units: Callable[[float], str],
) -> list[str]:
    """Steps in the order in which they are to be done.

    Parameters
    ----------
    columns, confusable : DataFrame
        Of `MetadataScreen`.
    min_effect : float
        Margin of the audit.
    count_units : callable
        Number of units in words.
    """
    outlook = columns["outlook"]
    return [
        *_on_copies(columns.index[columns.apply(is_copy, axis=1)]),
        *_on_design(columns.index[outlook == UNTESTABLE]),
        *_on_pairs([*confusable.index]),
        *_on_size(columns[outlook == TOO_SMALL], min_effect, count_units),
        _on_audit(columns.index[outlook.isin([ENOUGH, TOO_SMALL])]),
    ]


def is_copy(row: pd.Series) -> bool:
    """Whether a column is left out because it cannot be told from the target."""
    return bool(row["outlook"] == LEFT_OUT and row["target_association"] > 0.0)


def _on_copies(names: pd.Index) -> list[str]:
    if not len(names):
        return []
    one = len(names) == 1
    return [
        f"{_list(names)} {'is a copy' if one else 'are copies'} of the target in these "
        f"rows. If {'it is' if one else 'they are'} no other name for it, but "
        "something that a network could see instead, such as the scanner of each "
        "class, add rows in which they differ before a network is trained: no audit "
        "can tell them apart."
    ]


def _on_design(names: pd.Index) -> list[str]:
    if not len(names):
        return []
    return [
        f"Add other rows, or do without an answer on {_list(names)}: no audit of the "
        "rows as they are can say whether a network uses "
        f"{'it' if len(names) == 1 else 'them'}."
    ]


def _on_pairs(index: list) -> list[str]:
    # Both orders of a pair follow each other.
    pairs = index[::2]
    steps = [
        f"{quote(column_text(first))} and {quote(column_text(second))} stand for each "
        "other: add rows in which they differ, or an audit that finds one cannot say "
        "which."
        for first, second in pairs[:NAMES_SHOWN]
    ]
    if len(pairs) > NAMES_SHOWN:
        steps.append(f"{len(pairs) - NAMES_SHOWN} more pairs do: see confusable.")
    return steps


def _on_size(
    small: pd.DataFrame, min_effect: float, count_units: Callable[[float], str]
) -> list[str]:
    """Advice on columns of which a use of the margin is missed."""
    margin, steps = format_number(min_effect), []
    known = small["units_needed"].notna()
    hopeless, more = small.index[~known], small.index[known]
    if len(hopeless):
        steps.append(
            f"Merge or fill rare levels of {_list(hopeless)}: a use of {margin} would "
            "be missed."
        )
    if len(more):
        needed = count_units(small["units_needed"].max())
        steps.append(
            f"Collect {needed} of the same kind if a use of {margin} by {_list(more)} "
            "must not be missed, or decide now that only a larger one matters: set "
            "min_effect to that."
        )
    return steps


def _on_audit(names: pd.Index) -> str:
    if not len(names):
        return "No column is ready for an audit."
    return (
        "Then train, and audit on rows that the network has not seen, with these "
        f"columns named beforehand: {_list(names)}."
    )


def _list(names: pd.Index) -> str:
    return list_first([column_text(name) for name in names], NAMES_SHOWN)
