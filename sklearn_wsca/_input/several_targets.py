"""Several targets in one call: what names them, and tables with a level for them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from sklearn_wsca._input.table import as_table, level_index
from sklearn_wsca._text import list_first, plain_text

LEVEL = "target"


def list_targets(target: Any, groups: Any = None) -> list | None:
    """Names of several targets; None where there is one, or none.

    Raises
    ------
    ValueError
        If the list is empty, repeats a name, or holds what is no name or the groups.
    """
    if not isinstance(target, list):
        return None
    unnamed = [n for n in target if n is None or not isinstance(n, Hashable)]
    if not target or unnamed or len(set(target)) < len(target):
        raise ValueError(
            f"target={target!r}: pass one name, or a list of different names of "
            "columns."
        )
    if groups in target:
        raise ValueError(
            f"groups: {groups!r} is a target too; groups name what may be exchanged, "
            "such as the patient, and need a column of their own."
        )
    return target


def entry_of(value: Any, target: Any, targets: list, argument: str) -> Any:
    """What an argument says of one of several targets, which a dict tells apart.

    Raises
    ------
    ValueError
        If a dict leaves out a target, or names another one.
    """
    if not isinstance(value, Mapping) or not set(value) & set(targets):
        return value
    wrong = [name for name in targets if name not in value]
    wrong += [name for name in value if name not in targets]
    if wrong:
        raise ValueError(
            f"{argument}: {wrong[0]!r} is only one of its keys or of the targets; it "
            f"needs an entry for each of {list_first(targets)}, and no other."
        )
    return value[target]


def split_target(y: Any, metadata: Any, targets: list) -> list:
    """Return y of every target: the table, or its column beside `metadata`.

    Raises
    ------
    ValueError
        If y has another number of columns than there are targets.
    """
    if metadata is None:
        return [y] * len(targets)
    table = as_table(y)
    if len(table.columns) != len(targets):
        raise ValueError(
            f"y: {len(table.columns)} columns, but target names {len(targets)}: "
            f"{list_first(targets)}; with metadata y holds the targets, one column "
            "each."
        )
    named = set(table.columns) == set(targets)
    if isinstance(y, pd.DataFrame):
        return [y[n] if named else y.iloc[:, i] for i, n in enumerate(targets)]
    own = [table[n] if named else table.iloc[:, i] for i, n in enumerate(targets)]
    return [column.to_numpy() for column in own]


def check_one_target(estimator: Any) -> None:
    """Raise where an estimator has several targets and one is to be shown."""
    targets = getattr(estimator, "target", None)
    if isinstance(targets, list):
        raise ValueError(
            f"the analysis has {len(targets)} targets, and this shows one: pass that "
            f"of a target, such as analysis.targets_[{targets[0]!r}] of a fitted one."
        )


def join_tables(tables: Mapping[Any, Any], axis: int = 0, level: str = LEVEL) -> Any:
    """One table of those of several targets, with their names as its first level."""
    joined = pd.concat(list(tables.values()), axis=axis)
    labels: list[list] = [[]]
    for target, table in tables.items():
        index = table.axes[axis]
        own = [list(index.get_level_values(i)) for i in range(index.nlevels)]
        if len(labels) == 1:
            labels += [[] for _ in own]
        labels[0] += [target] * len(index)
        for known, values in zip(labels[1:], own, strict=True):
            known += values
    names = [level, *next(iter(tables.values())).axes[axis].names]
    return joined.set_axis(level_index(labels, names), axis=axis)


def audit_of(joined: pd.DataFrame, target: Any) -> pd.DataFrame:
    """Table of one target out of a joined one, as its own audit returns it."""
    own = joined[joined.index.get_level_values(LEVEL) == target].droplevel(LEVEL)
    own.attrs = {key: found[plain_text(target)] for key, found in joined.attrs.items()}
    return own


def table_of(estimator: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Audit of the target of an estimator, out of one of several targets."""
    return audit_of(table, estimator.target) if is_joined(table) else table


def is_joined(table: pd.DataFrame) -> bool:
    """Whether a table is of several targets."""
    return isinstance(table.index, pd.MultiIndex) and table.index.names[0] == LEVEL
