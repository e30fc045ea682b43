"""What an audit must know of `fit`, and the columns of `fit` on new rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis.summary import ALIGNMENT_COLUMNS
from sklearn_wsca._heads.scoring import ScoredColumn
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import (
    FEWEST_LEVEL_ROWS,
    Column,
    Kind,
    LeftOutError,
    match_levels,
    restrict_rows,
)
from sklearn_wsca._input.crossed_columns import cross
from sklearn_wsca._input.groups import restrict_to_groups
from sklearn_wsca._input.numeric_values import as_numbers, named_column
from sklearn_wsca._input.roles import RoleNames
from sklearn_wsca._text import quote


@dataclass(frozen=True)
class FittedColumn:
    """What an audit must know about a column of `fit`.

    Parameters
    ----------
    kind : {"categorical", "continuous"}
        Whether it has levels.
    levels : tuple
        They; empty for numbers.
    scored : ScoredColumn or None
        Its head, if that predicts the column.
    """

    kind: Kind
    levels: tuple
    scored: ScoredColumn | None

    def read(self, series: pd.Series) -> Column:
        """Read the column on new rows, with the levels of `fit`."""
        if not self.levels:
            numbers = as_numbers(series)
            rows = np.flatnonzero(~np.isnan(numbers))
            return Column(series.name, "continuous", rows, numbers[rows])
        rows, codes = match_levels(series, self.levels)
        unseen = int(series.notna().sum()) - len(rows)
        notes = (f"{unseen} rows hold levels that fit did not use",) if unseen else ()
        return Column(series.name, "categorical", rows, codes, self.levels, notes)

    def read_varying(self, series: pd.Series) -> Column:
        """Read it without levels that hardly occur.

        Raises
        ------
        LeftOutError
            If it does not vary on the new rows.
        """
        column = self.read(series)
        rows = column.rows
        if self.levels:
            counts = np.bincount(column.labels, minlength=len(self.levels))
            rows = rows[counts[column.labels] >= FEWEST_LEVEL_ROWS]
        try:
            return restrict_rows(column, rows)
        except LeftOutError as reason:
            raise LeftOutError("does not vary on the rows of the audit") from reason


@dataclass(frozen=True)
class FitRecord:
    """What an audit must know about `fit`; no rows.

    Parameters
    ----------
    columns : dict of name to FittedColumn
        Analysed columns with labels.
    target : FittedColumn or None
        The target.
    target_name : object
        Its name.
    mean : ndarray of shape (n_features,)
        Mean of the embeddings.
    groups : frozenset
        Groups of the rows of `fit`.
    kinds : dict of name to {"categorical", "continuous"}
        Kinds of the confounders.
    summary : DataFrame
        Table of `fit`.
    pairs : dict of name to dict of name to FittedColumn
        Both columns of every interaction.
    """

    columns: dict[Any, FittedColumn]
    target: FittedColumn | None
    target_name: Any
    mean: np.ndarray
    groups: frozenset
    kinds: dict[Any, Kind]
    summary: pd.DataFrame
    pairs: dict[Any, dict[Any, FittedColumn]]

    @classmethod
    def of(
        cls, tasks: Tasks, given: Input, mean: np.ndarray, summary: pd.DataFrame
    ) -> FitRecord:
        """Keep what an audit needs of an analysis."""
        columns = {
            task.name: FittedColumn(
                task.column.kind,
                task.column.levels,
                ScoredColumn.of(task, given.weights),
            )
            for task in tasks.metadata
            if task.column is not None
        }
        target, target_name = None, None
        if tasks.target is not None:
            target_name = tasks.target.name
            target = FittedColumn(tasks.target.kind, tasks.target.levels, None)
        seen: frozenset = frozenset()
        if given.roles.groups is not None:
            names = given.table[given.roles.groups.name]
            seen = frozenset(names.dropna().unique())
        kinds = {column.name: column.kind for column in given.roles.confounders}
        pairs = {
            name: {
                part.name: FittedColumn(part.kind, part.levels, None)
                for part in column.parts
            }
            for name, column in tasks.interactions.items()
        }
        return cls(columns, target, target_name, mean, seen, kinds, summary, pairs)

    @property
    def scored(self) -> dict[Any, ScoredColumn]:
        """Columns whose heads predict them."""
        found = {name: column.scored for name, column in self.columns.items()}
        return {name: scored for name, scored in found.items() if scored is not None}

    def alignment(self, name: Any) -> dict[str, float]:
        """Entries of the table that are properties of the heads."""
        row = self.summary.iloc[self.summary.index.get_loc(name)]
        return {key: row[key] for key in ALIGNMENT_COLUMNS}

    def read_target(self, table: pd.DataFrame) -> Column | None:
        """Read the target on new rows; None if there was none in `fit`."""
        if self.target is None:
            return None
        with named_column(self.target_name, "target"):
            return self.target.read(table[self.target_name])

    def needed(self, names: RoleNames) -> list:
        """Columns that a table must have to be audited."""
        roles = [n for n in (names.target, names.groups) if n is not None]
        parts = [part for pair in self.pairs.values() for part in pair]
        return [*roles, *names.confounders, *self.columns, *parts]

    def reasons(self) -> dict[Any, str]:
        """Why columns were not analysed."""
        notes = zip(self.summary.index, self.summary["note"], strict=True)
        return {
            name: f"not analysed in fit ({note.removeprefix('left out: ')})"
            for name, note in notes
            if name not in self.columns and name not in self.pairs
        }


def read_columns(
    columns: dict[Any, FittedColumn], given: Input
) -> tuple[dict[Any, Column], dict[Any, str]]:
    """Columns of `fit` on new rows, and the reasons of those that are left out."""
    found, left_out = {}, {}
    for name, fitted in columns.items():
        try:
            column = fitted.read_varying(given.table[name])
            if given.roles.groups is not None:
                column = restrict_to_groups(column, given.roles.groups)
            found[name] = column
        except LeftOutError as reason:
            left_out[name] = str(reason)
    return found, left_out


def read_interactions(
    pairs: dict[Any, dict[Any, FittedColumn]], given: Input
) -> tuple[dict[Any, Column], dict[Any, str]]:
    """Interactions of `fit` on new rows, and the reasons of those that are left out."""
    found, left_out = {}, {}
    for name, pair in pairs.items():
        parts, reasons = read_columns(pair, given)
        try:
            for part, reason in reasons.items():
                raise LeftOutError(f"{quote(part)}: {reason}")
            first, second = parts.values()
            found[name] = cross(first, second, name)
        except LeftOutError as reason:
            left_out[name] = str(reason)
    return found, left_out


def warn_of_shared_groups(record: FitRecord, table: pd.DataFrame, name: Any) -> None:
    """Say how many groups of new rows were in `fit`."""
    if name is None:
        return
    new = set(table[name].dropna().unique())
    shared = new & record.groups
    if shared:
        warnings.warn(
            f"groups: {len(shared)} of {len(new)} values of {name!r} were in fit too "
            f"(such as {min(map(str, shared))}), so these rows are not held out: "
            "encoding and utilization may look better than on new ones.",
            UserWarning,
            stacklevel=4,
        )
