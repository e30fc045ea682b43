"""Columns that go together, and the use of each while the other is held fixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd

from sklearn_wsca._analysis.association import association_strength
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.table import level_index
from sklearn_wsca._utilization.adjusted_effect import noise_source, prepare
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.interval import limits

# Columns that are associated above this may stand for each other.
GO_TOGETHER = 0.5
ENTRIES = ("association", "utilization", "low", "high", "reason")
INDEX = ("column", "fixed")


def find_confusable(
    decision: Decision | None, columns: Mapping[Any, Column | None], significance: float
) -> pd.DataFrame:
    """Utilization of each of two columns that go together, at fixed other.

    Only pairs that are associated above `GO_TOGETHER` are compared. A column that is
    combined with another one is no pair with it.

    Returns
    -------
    DataFrame
        Indexed by column and fixed, so a pair has two rows: association, utilization
        without the part that noise adds, low and high (its interval at level 1 -
        significance), and reason: why nothing could be compared, or "".
    """
    rows = {}
    if decision is not None:
        rows = _compare_pairs(decision, columns, significance)
    index = level_index([[key[i] for key in rows] for i in range(len(INDEX))], INDEX)
    table = pd.DataFrame(list(rows.values()), index, columns=list(ENTRIES))
    return table.astype(dict.fromkeys(ENTRIES[:-1], float) | {"reason": object})


def confusable_with(table: pd.DataFrame, name: Any) -> list[dict[str, Any]]:
    """Rows of one column, that with the strongest association first."""
    rows = [
        {"column": other} | found
        for (own, other), found in zip(
            table.index, table.to_dict("records"), strict=True
        )
        if own == name
    ]
    return sorted(rows, key=lambda row: -row["association"])


def _compare_pairs(decision, columns, significance) -> dict[tuple, dict[str, Any]]:
    """Entries of the table by column and what else is held fixed."""
    rows = {}
    for first, second, strength in associated_pairs(decision, columns):
        for column, other in ((first, second), (second, first)):
            found = _at_fixed(decision, column, other, significance)
            found = {"association": strength, "reason": ""} | found
            rows[column.name, other.name] = found
    return rows


def associated_pairs(
    decision: Decision, columns: Mapping[Any, Column | None]
) -> Iterator[tuple[Column, Column, float]]:
    """Columns that go together, but for the target, and how strongly."""
    target = None if decision.target is None else decision.target.name
    known = [c for c in columns.values() if c is not None and c.name != target]
    for first, second in combinations(known, 2):
        a, b = _parts(first.name), _parts(second.name)
        strength = association_strength(first, second, decision.weights)
        if strength > GO_TOGETHER and not (a <= b or b <= a):
            yield first, second, strength


def _parts(name: Any) -> set:
    """Columns that a column was combined from, or itself."""
    return set(name) if isinstance(name, tuple) else {name}


def _at_fixed(
    decision: Decision, column: Column, other: Column, significance: float
) -> dict[str, Any]:
    """Utilization with its interval, or the reason why there is none."""
    decision = fix(decision, other)
    try:
        found = prepare(decision, column)
    except LeftOutError as reason:
        return {"reason": str(reason)}
    noise = noise_source(decision, found.common, found.model)
    raw, spread = noise.measure(found.model.effect_contrasts())
    entries = limits(raw, spread, spread.mean_square, significance)
    return {name: entries[name] for name in ("utilization", "low", "high")}


def fix(decision: Decision, other: Column) -> Decision:
    """The same decision with another column held fixed too."""
    held = [c for c in decision.confounders if c.name != other.name]
    return replace(decision, confounders=[*held, other])
