"""Levels and combinations in few units, which are no part of the headline."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import Column, LeftOutError, restrict_rows
from sklearn_wsca._input.crossed_columns import cross
from sklearn_wsca._input.groups import Groups, count_units
from sklearn_wsca._text import list_first, quote

# A level in fewer units than this, or a smaller share of them, is no part of the
# headline: its noise would be that of the whole column. Where such levels are more than
# a share of all units together, they are what the column is made of.
FEWEST_LEVEL_UNITS, SMALLEST_LEVEL_SHARE = 10, 0.01
MOST_RARE_SHARE = 0.2


def find_rare_levels(column: Column, groups: Groups | None) -> dict[Any, int]:
    """Units of the levels that occur in few of them, but for the two most frequent.

    None are, where they hold too many of the units together.
    """
    if not column.n_levels:
        return {}
    clusters = _clusters(column, groups)
    units = count_units(column, clusters)
    rare = are_rare(units, len(pd.unique(clusters)))
    return {column.levels[i]: int(units[i]) for i in np.flatnonzero(rare)}


def are_rare(units: np.ndarray, n_units: int) -> np.ndarray:
    """Which levels are in few units, by the numbers of units of each and of all: bool.

    None are, where they hold too many of the units together.
    """
    rare = in_few_units(units, n_units)
    return rare & (units[rare].sum() <= MOST_RARE_SHARE * units.sum())


def in_few_units(units: np.ndarray, n_units: int) -> np.ndarray:
    """Which levels are in few units, but for the two most frequent: bool."""
    few = units < max(FEWEST_LEVEL_UNITS, SMALLEST_LEVEL_SHARE * n_units)
    few[np.argsort(-units, kind="stable")[:2]] = False
    return few


def leave_out_rare(
    column: Column, groups: Groups | None
) -> tuple[Column, dict[Any, int]]:
    """Column without levels in few units, and these; see `find_rare_levels`.

    Raises
    ------
    LeftOutError
        If an interaction rests on combinations in fewer than 10 units.
    """
    rare = find_rare_levels(column, groups)
    if not rare:
        return column, {}
    if not column.parts:
        return restrict_rows(column, column.rows[~_have(column, rare)]), rare
    too_few = {level: n for level, n in rare.items() if n < FEWEST_LEVEL_UNITS}
    for left_out in (rare, too_few):
        kept = restrict_rows(column, column.rows[~_have(column, left_out)])
        first, second = kept.parts
        with suppress(LeftOutError):
            common = cross(first, second, column.name)
            lost = [i for i, n in enumerate(column.levels) if n not in common.levels]
            units = _count_units(column, groups)
            return common, {column.levels[i]: int(units[i]) for i in lost}
    raise LeftOutError(
        f"it rests on combinations in fewer than {FEWEST_LEVEL_UNITS} units: "
        f"{_list_counts(too_few)}"
    )


def _count_units(column: Column, groups: Groups | None) -> np.ndarray:
    """Units in which each level occurs."""
    return count_units(column, _clusters(column, groups))


def _clusters(column: Column, groups: Groups | None) -> np.ndarray:
    """Group of each row of a column, or the row."""
    return column.rows if groups is None else groups.codes[column.rows]


def _have(column: Column, levels: Any) -> np.ndarray:
    """Rows that have one of some levels."""
    return np.isin(column.labels, [column.levels.index(level) for level in levels])


def describe_rare(rare: dict[Any, int], column: Column) -> str:
    """That some levels are left out, with their numbers of units."""
    what = "levels in few units"
    if column.parts:
        what = "combinations in few units, or comparable with such only,"
    return (
        f"{what} are no part of the utilization: {_list_counts(rare)}; "
        "their own effects are in effects_"
    )


def _list_counts(rare: dict[Any, int]) -> str:
    """Levels with their numbers of units."""
    counts = [f"{quote(level)} ({n_units})" for level, n_units in rare.items()]
    return list_first(counts, 5, str)
