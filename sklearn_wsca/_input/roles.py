"""Columns with a role of their own: groups and confounders; and combined columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.table import require_columns
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._text import plain_text


@dataclass(frozen=True)
class RoleNames:
    """Names of the columns with a role, as given by the user.

    Parameters
    ----------
    target : object or None
        Primary task.
    confounders : list
        Held fixed.
    groups : object or None
        Exchangeable units.
    kinds : dict of name to {"categorical", "continuous"}
        Kinds of confounders that are not told by their looks.
    """

    target: Any
    confounders: list
    groups: Any
    kinds: Mapping[Any, Any] = field(default_factory=dict)

    def check(self, table: pd.DataFrame) -> None:
        """Raise if a name is unknown, repeated or has two roles."""
        require_columns(self.confounders, table, "confounders")
        if self.target is not None and self.target in self.confounders:
            raise ValueError(
                f"confounders: the target {self.target!r} is among them; it is held "
                "fixed anyway, so leave it out of confounders."
            )
        if len(set(self.confounders)) < len(self.confounders):
            raise ValueError(
                f"confounders: a name occurs more than once in {self.confounders}."
            )
        if self.groups is None:
            return
        require_columns([self.groups], table, "groups")
        if self.groups == self.target or self.groups in self.confounders:
            role = "target" if self.groups == self.target else "a confounder"
            raise ValueError(
                f"groups: {self.groups!r} is {role} too; groups name what may be "
                "exchanged, such as the patient, and need a column of their own."
            )


def refuse_roles(columns: list, target: Any, groups: Any) -> None:
    """Raise if the target or the groups are among the columns to be analysed."""
    if target is not None and target in columns:
        raise ValueError(
            f"columns: the target {target!r} is among them; it is the primary task, so "
            "leave it out of columns."
        )
    if groups is not None and groups in columns:
        raise ValueError(
            f"columns: {groups!r} is among them; it names the groups that are "
            "exchanged, so leave it out of columns."
        )


@dataclass(frozen=True)
class Roles:
    """Groups and confounders, read from the table.

    Parameters
    ----------
    groups : Groups or None
        Which rows belong together.
    confounders : list of Column
        What is held fixed besides the target.
    """

    groups: Groups | None
    confounders: list[Column]

    def take(self, order: np.ndarray) -> Roles:
        """Return the same for a table whose row i was row ``order[i]``."""
        groups = None if self.groups is None else self.groups.take(order)
        return replace(
            self,
            groups=groups,
            confounders=[column.take(order) for column in self.confounders],
        )


NO_ROLES = Roles(None, [])


def read_roles(table: pd.DataFrame, names: RoleNames) -> Roles:
    """Read the columns with a role.

    Raises
    ------
    ValueError
        If a name is unknown or has two roles, if there is only one group, or if a
        confounder cannot be held fixed.
    """
    names.check(table)
    confounders = []
    for name in names.confounders:
        kind = names.kinds.get(name, "auto")
        try:
            confounders.append(read_column(table[name], kind=kind))
        except LeftOutError as reason:
            raise ValueError(
                f"confounders: {name!r} cannot be held fixed: {reason}. Leave it out "
                "of confounders."
            ) from reason
    groups = None
    if names.groups is not None:
        groups = Groups.of_units(table[names.groups])
    return Roles(groups, confounders)


def add_pairs(table: pd.DataFrame, columns: Any, reset: bool = True) -> pd.DataFrame:
    """Add a column of combined levels for every tuple of names among `columns`.

    With `reset` the parts are checked to have levels; new rows are taken as they are.

    Raises
    ------
    ValueError
        If a part is unknown or continuous.
    """
    names = [] if columns is None else list(columns)
    pairs = [n for n in names if isinstance(n, tuple) and n not in table.columns]
    combined = {pair: _combine(table, pair, reset) for pair in pairs}
    if not combined:
        return table
    added = pd.DataFrame(index=table.index)
    for position, series in enumerate(combined.values()):
        added[position] = series
    together = pd.concat([table, added], axis=1)
    together.columns = pd.Index([*table.columns, *combined], tupleize_cols=False)
    return together


def _combine(table: pd.DataFrame, pair: tuple, reset: bool) -> pd.Series:
    if len(pair) < 2 or len(set(pair)) < len(pair):
        raise ValueError(
            f"columns: {pair!r} is neither a column nor a combination of different "
            "columns."
        )
    require_columns(pair, table, "columns")
    for name in pair if reset else ():
        _check_levels(table[name], pair)
    parts = [table[name].astype(object) for name in pair]
    known = np.logical_and.reduce([part.notna() for part in parts])
    labels = [
        " & ".join(map(_label, values)) if complete else None
        for complete, *values in zip(known, *parts, strict=True)
    ]
    return pd.Series(labels, index=table.index, name=pair, dtype=object)


def _label(value: Any) -> str:
    # A doubled sign inside a level keeps different combinations apart.
    return plain_text(value).replace("&", "&&")


def _check_levels(series: pd.Series, pair: tuple) -> None:
    try:
        continuous = read_column(series).kind == "continuous"
    except LeftOutError:
        return
    if continuous:
        raise ValueError(
            f"columns: {series.name!r} in {pair!r} is continuous, so it has no levels "
            "to combine; add a column with classes of it, for example by pd.qcut."
        )
