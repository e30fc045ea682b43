"""Interactions of two columns: the rows and combinations that can tell of one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import (
    FEWEST_LEVEL_ROWS,
    Column,
    Kind,
    LeftOutError,
    common_rows,
    restrict_rows,
)
from sklearn_wsca._input.table import require_columns
from sklearn_wsca._text import column_text, list_first, plain_text, quote

INTERACTION: Kind = "interaction"
# Between the names of two columns, and of two levels.
TIMES = " x "
# Beside a level: one standard deviation of a continuous column.
ONE_MORE = "+1 SD"
# Share of a combination that its two levels leave of it, above rounding.
LEFT = 1e-9


def name_interaction(first: Any, second: Any) -> str:
    """Name of the interaction of two columns."""
    return f"{column_text(first)}{TIMES}{column_text(second)}"


@contextmanager
def about(name: Any) -> Iterator[None]:
    """Name the column of a pair in the reason why it cannot be used."""
    try:
        yield
    except LeftOutError as reason:
        raise LeftOutError(f"{quote(name)}: {reason}") from reason


def cross(first: Column, second: Column, name: Any) -> Column:
    """Interaction of two columns, on the rows that can tell of it.

    Its levels are the combinations of levels that occur in at least 3 rows, but for
    those that what each column does alone explains whatever the outputs are (the only
    one of a level, for example). With a continuous column they are the levels of the
    other one in which it varies; two continuous columns have none.

    Raises
    ------
    LeftOutError
        If nothing is left beyond what each column does alone.
    """
    first, second = _on_common_rows(first, second)
    if first.n_levels and second.n_levels:
        return _cross_levels(first, second, name)
    if first.n_levels or second.n_levels:
        return _cross_slopes(first, second, name)
    pairs = np.stack([first.labels, second.labels], axis=1)
    numbers = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    return Column(name, INTERACTION, first.rows, numbers, (), (), (first, second))


def _on_common_rows(first: Column, second: Column) -> tuple[Column, Column]:
    """Two columns on the rows on which both are known."""
    for _ in range(2):
        # Levels that few rows are left of are lost, which may cost the other some.
        try:
            second, (first,) = common_rows(second, [first])
        except LeftOutError as reason:
            raise LeftOutError(
                f"{quote(second.name)} does not vary where both are known"
            ) from reason
        first, second = second, first
    return first, second


def _cross_levels(first: Column, second: Column, name: Any) -> Column:
    counts = np.zeros((first.n_levels, second.n_levels), dtype=int)
    np.add.at(counts, (first.labels, second.labels), 1)
    cells = np.argwhere(counts >= FEWEST_LEVEL_ROWS)
    crossed = cells[left_beside_levels(cells) > LEFT]
    if not len(crossed):
        raise LeftOutError(_explain_nested(counts, first, second))
    names = _name_cells(first, second)
    chosen = crossed[:, 0] * second.n_levels + crossed[:, 1]
    code = np.full(counts.size, -1)
    code[chosen] = np.arange(len(chosen))
    labels = code[first.labels * second.n_levels + second.labels]
    levels = tuple(names[i] for i in chosen)
    column = Column(name, INTERACTION, first.rows, labels, levels, (), (first, second))
    notes = _describe_cells(counts.ravel(), code, names)
    return _keep(column, labels >= 0, notes)


def _cross_slopes(first: Column, second: Column, name: Any) -> Column:
    levelled, number = (first, second) if first.n_levels else (second, first)
    spread = np.array(
        [
            np.ptp(number.labels[levelled.labels == level])
            for level in range(levelled.n_levels)
        ]
    )
    varies = spread > 0
    names = tuple(f"{_show(level)}{TIMES}{ONE_MORE}" for level in levelled.levels)
    if varies.sum() < 2:
        raise LeftOutError(
            f"{quote(number.name)} varies within {varies.sum()} level of "
            f"{quote(levelled.name)}, so no slopes can be compared"
        )
    notes: list[str] = []
    if not varies.all():
        fixed = [levelled.levels[i] for i in np.flatnonzero(~varies)]
        notes.append(
            f"levels of {quote(levelled.name)} in which {quote(number.name)} does not "
            f"vary are not compared: {list_first(fixed)}"
        )
    labels = levelled.labels
    column = Column(name, INTERACTION, first.rows, labels, names, (), (first, second))
    return _keep(column, varies[labels], notes)


def left_beside_levels(cells: np.ndarray) -> np.ndarray:
    """Share of each cell (n_cells, 2) that no sum of effects of two levels explains.

    The sum is the number of independent interactions. 0 for a cell that no others can
    be compared with, such as the only one of a level.
    """
    numbers = [np.unique(codes, return_inverse=True)[1] for codes in cells.T]
    levels = np.hstack([np.eye(codes.max(initial=0) + 1)[codes] for codes in numbers])
    basis, lengths, _ = np.linalg.svd(levels, full_matrices=False)
    basis = basis[:, lengths > LEFT * max(lengths.max(initial=0.0), 1.0)]
    left = 1.0 - np.sum(basis**2, axis=1)
    return np.where(left > LEFT, left, 0.0)


def _keep(column: Column, kept: np.ndarray, notes: list[str]) -> Column:
    """Interaction on some of its rows, with its notes."""
    if not kept.all():
        column = restrict_rows(column, column.rows[kept])
    return replace(column, notes=tuple(notes))


def _name_cells(first: Column, second: Column) -> list[str]:
    """Names of all combinations."""
    return [f"{_show(a)}{TIMES}{_show(b)}" for a in first.levels for b in second.levels]


def _show(level: Any) -> str:
    """Level as text, in quotes where it could be taken for a combination."""
    text = plain_text(level)
    return quote(level) if TIMES in text else text


def _describe_cells(counts: np.ndarray, code: np.ndarray, names: list) -> list[str]:
    """Which combinations do not occur, and which occur and are not compared."""
    absent = [names[i] for i in np.flatnonzero(counts == 0)]
    rare = [names[i] for i in np.flatnonzero((counts > 0) & (code < 0))]
    notes = []
    if absent:
        notes.append(
            f"{len(absent)} of {len(names)} combinations do not occur: "
            f"{list_first(absent)}"
        )
    if rare:
        n_rows = int(counts[(counts > 0) & (code < 0)].sum())
        notes.append(
            f"{n_rows} rows of {len(rare)} combinations are not compared (in fewer "
            f"than {FEWEST_LEVEL_ROWS} rows, or the only one of a level): "
            f"{list_first(rare)}"
        )
    return notes


def _explain_nested(counts: np.ndarray, first: Column, second: Column) -> str:
    """Why combinations cannot be told from what each column does alone."""
    enough = counts >= FEWEST_LEVEL_ROWS
    for one, other, table in ((first, second, enough), (second, first, enough.T)):
        if (table.sum(axis=1) <= 1).all():
            return (
                f"every level of {quote(one.name)} occurs under one level of "
                f"{quote(other.name)} only, so what they do together cannot be told "
                "from what each does alone"
            )
    return (
        f"no two levels of {quote(first.name)} both occur (in {FEWEST_LEVEL_ROWS} rows "
        f"or more) under the same two levels of {quote(second.name)}, so what they do "
        "together cannot be told from what each does alone"
    )


def list_pairs(interactions: Any) -> dict[Any, tuple]:
    """Pairs of columns of the argument `interactions`, by the names of their rows.

    Raises
    ------
    ValueError
        If it is no list of pairs of different columns, or holds a pair twice.
    """
    if interactions is None:
        return {}
    entries = list(interactions)
    if len(entries) == 2 and all(isinstance(entry, str) for entry in entries):
        raise ValueError(
            f"interactions={interactions!r} is one pair and no list of pairs; pass "
            f"interactions=[{tuple(entries)!r}]."
        )
    pairs: dict[Any, tuple] = {}
    for entry in entries:
        pair = _read_pair(entry)
        if any(set(pair) == set(other) for other in pairs.values()):
            raise ValueError(
                f"interactions: {pair!r} is there twice; the order of the two columns "
                "does not matter."
            )
        pairs[name_interaction(*pair)] = pair
    if len(pairs) < len(entries):
        raise ValueError(
            f"interactions: two of {entries} would have the same name; rename a column."
        )
    return pairs


def _read_pair(entry: Any) -> tuple:
    pair = tuple(entry) if isinstance(entry, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(name, Hashable) for name in pair):
        raise ValueError(
            f"interactions: {entry!r} is no pair of columns; pass a list of pairs, "
            "such as [('scanner', 'hospital')]."
        )
    if pair[0] == pair[1]:
        raise ValueError(
            f"interactions: {pair!r} is the same column twice; pass two different ones "
            "(that a continuous column acts along a curve is part of its own row)."
        )
    return pair


def check_pairs(
    pairs: Mapping[Any, tuple], table: pd.DataFrame, target: Any, groups: Any
) -> None:
    """Raise if a pair cannot be examined in a table.

    Raises
    ------
    ValueError
        If a column of it is unknown, the target or the groups, or its name is that of
        a column.
    """
    roles = {"the target": target, "the groups": groups}
    for name, pair in pairs.items():
        require_columns(pair, table, "interactions")
        for role, own in roles.items():
            if own is not None and own in pair:
                advice = "leave that pair out"
                if own == target:
                    advice = (
                        "how the use of a column differs between the classes of the "
                        "target is in utilization_by_class_"
                    )
                raise ValueError(
                    f"interactions: {own!r} in {pair!r} is {role}; {advice}."
                )
        if name in table.columns:
            raise ValueError(
                f"interactions: the row of {pair!r} would be called {name!r}, which is "
                "a column of the metadata; rename that column."
            )
