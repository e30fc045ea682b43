"""From a metadata table to columns, read as an audit reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis.description import count_lacking
from sklearn_wsca._analysis.prepare import check_something_left
from sklearn_wsca._encoding.folds import DEFAULT_FOLDS
from sklearn_wsca._heads.reader import TaskReader
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.binning import Binning
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.copies import describe_copy
from sklearn_wsca._input.doubtful_values import warn_of_doubts
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.kinds import check_kinds, warn_of_codes
from sklearn_wsca._input.persons import warn_of_persons
from sklearn_wsca._input.roles import RoleNames, add_pairs
from sklearn_wsca._input.table import as_table, refuse_text, row_fingerprints
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._text import list_names
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.regression import Adjustment

TABLE = "table"


@dataclass(frozen=True)
class Screened:
    """A table as an audit would read it, in an order that its rows give themselves.

    Parameters
    ----------
    given : Input
        The table with groups and confounders; its embeddings stand for those to come.
    target : Column
        What the network will predict.
    columns : dict of name to Column
        Those that an audit analyses.
    notes : dict of name to list of str
        What of them is not used.
    left_out : dict of name to str
        Why an audit would leave out the others.
    names : list
        All columns, in the order of the table.
    lacking : list of dict
        Of `count_lacking`: which roles have rows without a value.
    n_used : int
        Rows that lack none.
    copies : dict of name to Column
        Those that are left out because they cannot be told from the target.
    """

    given: Input
    target: Column
    columns: dict[Any, Column]
    notes: dict[Any, list[str]]
    left_out: dict[Any, str]
    names: list
    lacking: list[dict[str, Any]]
    n_used: int
    copies: dict[Any, Column]

    def decision(self, adjustment: Adjustment) -> Decision:
        """What an audit holds fixed, with nothing in place of outputs."""
        roles, weights = self.given.roles, self.given.weights
        return Decision(
            np.zeros((len(weights), 1)),
            None,
            weights,
            self.target,
            roles.confounders,
            roles.groups,
            adjustment=adjustment,
        )

    def clusters(self) -> np.ndarray:
        """What every row belongs to: its group, or the row itself; -1 without one."""
        groups = self.given.roles.groups
        return np.arange(len(self.given.weights)) if groups is None else groups.codes


def read_table(
    table: Any,
    target: Any,
    *,
    columns: Any,
    groups: Any,
    confounders: Any,
    kinds: Any,
    n_bins: int | None,
    binning: Binning,
    stacklevel: int,
) -> Screened:
    """Read a table as the estimator reads it with default folds.

    Parameters
    ----------
    table, target, columns, groups, confounders, kinds, n_bins, binning
        As in `screen_metadata`.
    stacklevel : int
        Whose line warnings show; 1 is this function.

    Raises
    ------
    ValueError
        If an argument cannot be used, or no row or column is left.
    """
    _check_target(target)
    refuse_text(confounders, "confounders")
    refuse_text(columns, "columns")
    table = add_pairs(as_table(table, TABLE), columns)
    if not len(table):
        raise ValueError("table: it has no rows; pass one row per image or patient.")
    known = check_kinds(kinds, table)
    roles = RoleNames(target, [*(confounders or ())], groups, known)
    stand_in = Embeddings(np.zeros((len(table), 1)))
    given = Input(stand_in, table, np.ones(len(table)), len(table)).with_roles(roles)
    reader = TaskReader(
        given, known, "auto", n_bins, 1.0, 1.0, DEFAULT_FOLDS, binning=binning
    )
    tasks = reader.read(target, None, columns, groups)
    check_something_left(tasks, TABLE)
    _warn(table, tasks, roles, known, stacklevel + 1)
    read = tasks.target
    assert read is not None
    counts = count_lacking(given, read)
    if not counts["n_used"]:
        names = [name for name in (target, groups, *roles.confounders) if name]
        raise ValueError(
            f"table: no row has a value in all of {list_names(names)}; they are held "
            "fixed, so rows without one of them are not used."
        )
    copies = _find_copies(table, tasks.dropped, read, known)
    order = _own_order(table, [target, groups, *roles.confounders, *tasks.names])
    given = given.take(order)
    tasks.reorder(order)
    return Screened(
        given,
        tasks.target or read,
        {name: c for name, c in tasks.columns.items() if c is not None},
        {task.name: task.notes for task in tasks.metadata},
        tasks.dropped,
        tasks.names,
        counts["lacking"],
        counts["n_used"],
        {name: column.take(order) for name, column in copies.items()},
    )


def _find_copies(
    table: pd.DataFrame, left_out: Mapping, target: Column, known: Mapping
) -> dict[Any, Column]:
    """Columns among those left out that are the target under another name."""
    found = {}
    for name in left_out:
        try:
            column = read_column(table[name], kind=known.get(name, "auto"))
        except LeftOutError:  # For another reason.
            continue
        if describe_copy(column, target) is not None:
            found[name] = column
    return found


def _check_target(target: Any) -> None:
    if target is None:
        raise ValueError(
            "target is None: name the column that the network will predict."
        )
    if isinstance(target, list):
        raise ValueError(
            f"target: {target!r} is a list, and one target is screened at a time; call "
            "this once for each."
        )


def _warn(
    table: pd.DataFrame, tasks: Tasks, roles: RoleNames, known: Mapping, stacklevel: int
) -> None:
    """Warn of what may be read otherwise than it is meant."""
    named = [roles.target, roles.groups, *roles.confounders]
    held = [name for name in named if name is not None]
    analysed = [task.name for task in tasks.metadata]
    guessed = tasks.guessed() + [n for n in roles.confounders if n not in known]
    warn_of_codes(table, dict.fromkeys(guessed), stacklevel=stacklevel + 1)
    warn_of_doubts(table, [*held, *analysed], stacklevel=stacklevel + 1)
    warn_of_persons(table, roles.target, roles.groups, stacklevel=stacklevel + 1)


def _own_order(table: pd.DataFrame, names: list) -> np.ndarray:
    """Order of the rows by what they hold."""
    used = [name for name in dict.fromkeys(names) if name is not None]
    return np.argsort(row_fingerprints(table[used]), kind="stable")
