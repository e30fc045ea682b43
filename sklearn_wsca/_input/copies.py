"""Columns that are the target under another name."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_wsca._input.column import Column
from sklearn_wsca._text import quote

FEWEST_ROWS = 20
LEVELS_SHOWN = 3


def describe_copy(column: Column, target: Column) -> str | None:
    """Why a column cannot be told from the target; None if it can.

    Each of its values goes with one value of the target and the other way round; or,
    where both are continuous, both put the rows in the same order, or the reverse. A
    coarser or finer grading of the target is no copy.
    """
    _, first, second = np.intersect1d(
        column.rows, target.rows, assume_unique=True, return_indices=True
    )
    a, b = column.labels[first], target.labels[second]
    if len(a) < FEWEST_ROWS or np.ptp(a) == 0:
        return None
    if not column.n_levels and not target.n_levels:
        how = _describe_order(a, b)
    else:
        how = _describe_pairs(a, b, column, target)
    if how is None:
        return None
    return (
        f"cannot be told from the target {target.name!r} ({how}), so at fixed target "
        "nothing of it is left to compare"
    )


def _describe_order(a: np.ndarray, b: np.ndarray) -> str | None:
    """How the values of two continuous columns go together."""
    ranks = stats.rankdata(a)
    if np.array_equal(ranks, stats.rankdata(b)):
        return "both put the rows in the same order"
    if np.array_equal(ranks, stats.rankdata(-b)):
        return "one puts the rows in the reverse order of the other"
    return None


def _describe_pairs(
    a: np.ndarray, b: np.ndarray, column: Column, target: Column
) -> str | None:
    """Which levels are the same, if each has one of the other column."""
    pairs = pd.DataFrame({"a": a, "b": b}).drop_duplicates().sort_values("b")
    n_pairs = len(pairs)
    if not n_pairs == pairs["a"].nunique() == pairs["b"].nunique():
        return None
    shown = [
        f"{quote(_value(column, x))} where it is {quote(_value(target, y))}"
        for x, y in pairs.head(LEVELS_SHOWN).to_numpy()
    ]
    more = ", ..." if n_pairs > LEVELS_SHOWN else ""
    return f"it is {', '.join(shown)}{more}"


def _value(column: Column, label: float):
    return column.levels[int(label)] if column.n_levels else float(label)
