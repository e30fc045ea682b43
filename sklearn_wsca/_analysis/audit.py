"""Fitted heads on rows that neither they nor the network have seen."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis.description import describe_rows
from sklearn_wsca._analysis.summary import (
    ALIGNMENT_COLUMNS,
    add_utilization,
    describe_column,
    summarise,
)
from sklearn_wsca._backend.namespace import to_numpy, to_same_device
from sklearn_wsca._heads.head import Head, outputs_by_head
from sklearn_wsca._heads.scoring import ScoredColumn
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import (
    FEWEST_LEVEL_ROWS,
    Column,
    Kind,
    LeftOutError,
    match_levels,
    restrict_rows,
)
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.groups import Groups, restrict_to_groups
from sklearn_wsca._input.numeric_values import as_numbers
from sklearn_wsca._input.roles import RoleNames, Roles
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    canonical_order,
    permutation_pvalues,
    split,
)
from sklearn_wsca._utilization.adjusted_effect import make_decision
from sklearn_wsca._utilization.inference import (
    NO_DECISION,
    TIES,
    infer_utilization,
    no_utilization,
    run_here,
)
from sklearn_wsca._verdict import Rule

SCORES_PER_BATCH = 2**22
# Under this name the attrs of a table say what it was made of.
DESCRIPTION = "description"


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
class Memory:
    """What an audit must know about `fit`.

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
    summary : DataFrame
        Table of `fit`.
    """

    columns: dict[Any, FittedColumn]
    target: FittedColumn | None
    target_name: Any
    mean: np.ndarray
    groups: frozenset
    summary: pd.DataFrame

    def alignment(self, name: Any) -> dict[str, float]:
        """Entries of the table that are properties of the heads."""
        row = self.summary.iloc[self.summary.index.get_loc(name)]
        return {key: row[key] for key in ALIGNMENT_COLUMNS}

    def needed(self, names: RoleNames) -> list:
        """Columns that a table must have to be audited."""
        roles = [n for n in (names.target, names.groups) if n is not None]
        return [*roles, *names.confounders, *self.columns]


def remember(
    primary: Task | None,
    tasks: list[Task],
    scored: dict[Any, ScoredColumn],
    mean: np.ndarray,
    groups: pd.Series | None,
    summary: pd.DataFrame,
) -> Memory:
    """Keep what an audit needs of an analysis, and no rows."""
    columns = {
        task.name: FittedColumn(
            task.column.kind, task.column.levels, scored.get(task.name)
        )
        for task in tasks
        if task.column is not None
    }
    target, target_name = None, None
    if primary is not None and primary.column is not None:
        target_name = primary.name
        target = FittedColumn(primary.column.kind, primary.column.levels, None)
    seen = frozenset() if groups is None else frozenset(groups.dropna().unique())
    return Memory(columns, target, target_name, mean, seen, summary)


def audit_rows(
    memory: Memory,
    given: Input,
    roles: Roles,
    primary: Head | None,
    heads: dict[Any, Head],
    plan: PermutationPlan,
    rule: Rule,
) -> pd.DataFrame:
    """Table of new rows under the heads of `fit`.

    Parameters
    ----------
    memory : Memory
        What is known of `fit`.
    given : Input
        The new rows, with combined columns in the table.
    roles : Roles
        Groups and confounders of the new rows.
    primary : Head or None
        The primary head.
    heads : dict of name to Head
        The metadata heads.
    plan : PermutationPlan
        The permutations.
    rule : Rule
        Of the verdicts.
    """
    table = given.table
    columns, left_out = read_columns(memory.columns, table, roles.groups)
    distance = distance_from(memory.mean, given.X)
    order = canonical_order(distance, lambda: row_fingerprints(table))
    roles, weights = roles.take(order), given.weights[order]
    columns = {name: column.take(order) for name, column in columns.items()}
    target, tests = None, no_utilization(columns, NO_DECISION)
    if memory.target is not None and primary is not None:
        target = memory.target.read(table[memory.target_name]).take(order)
        decision = make_decision(primary, given.X, order, target, roles, weights)
        tests = infer_utilization(decision, columns, plan, rule.significance, run_here)
    outputs = outputs_by_head(given.X, [heads[name] for name in columns])
    rows = {}
    for (name, column), own in zip(columns.items(), outputs, strict=True):
        skill, pvalue = held_out_skill(
            memory.columns[name], column, own[order], weights, roles.groups, plan
        )
        rows[name] = describe_column(column, target, weights) | {
            "encoding_score": skill,
            "encoding_pvalue": pvalue,
            **memory.alignment(name),
        }
    notes = {name: list(column.notes) for name, column in columns.items()}
    add_utilization(rows, notes, tests, rule)
    names = list(memory.summary.index)
    notes_of_fit = dict(zip(names, memory.summary["note"], strict=True))
    not_analysed = {
        name: f"not analysed in fit ({note.removeprefix('left out: ')})"
        for name, note in notes_of_fit.items()
        if name not in memory.columns
    }
    summary = summarise(names, not_analysed | left_out, rows)
    summary.attrs[DESCRIPTION] = describe_rows(
        len(table), columns, target, roles, tests, rule
    )
    return summary


def read_columns(
    columns: dict[Any, FittedColumn], table: pd.DataFrame, groups: Groups | None
) -> tuple[dict[Any, Column], dict[Any, str]]:
    """Columns of `fit` on new rows, and the reasons of those that are left out."""
    found, left_out = {}, {}
    for name, fitted in columns.items():
        try:
            column = fitted.read_varying(table[name])
            if groups is not None:
                column = restrict_to_groups(column, groups)
            found[name] = column
        except LeftOutError as reason:
            left_out[name] = str(reason)
    return found, left_out


def held_out_skill(
    fitted: FittedColumn,
    column: Column,
    outputs: np.ndarray,
    weights: np.ndarray,
    groups: Groups | None,
    plan: PermutationPlan,
) -> tuple[float, float]:
    """Skill of a fitted head on new rows, and its p-value.

    Labels are permuted (between or within groups, where there are any) and compared
    with the same outputs: the head is not refitted, because these rows had no part in
    its fit.

    Parameters
    ----------
    fitted : FittedColumn
        The column in `fit`.
    column : Column
        The column on the new rows.
    outputs : ndarray of shape (n_rows, rows)
        Outputs of its head on all new rows.
    weights : ndarray of shape (n_rows,)
        Row weights.
    groups : Groups or None
        Which rows belong together.
    plan : PermutationPlan
        The permutations.
    """
    if fitted.scored is None:
        return float("nan"), float("nan")
    labels = column.labels
    if fitted.levels:
        codes = [fitted.levels.index(level) for level in column.levels]
        labels = np.array(codes)[labels]
    outputs, weights = outputs[column.rows], weights[column.rows]
    observed = fitted.scored.skills(outputs, labels[None], weights)
    if not plan.n_permutations:
        return float(observed[0]), float("nan")
    exchange = exchange_units(column, groups)
    # Scores of every permutation are held at a time.
    size = max(1, SCORES_PER_BATCH // outputs.size)
    null = [
        fitted.scored.skills(
            outputs, labels[exchange.sources(plan.orders(batch))], weights
        )
        for batch in split(range(plan.n_permutations), size)
    ]
    (pvalue,) = permutation_pvalues(observed, np.concatenate(null)[:, None], TIES)
    return float(observed[0]), float(pvalue)


def distance_from(mean: np.ndarray, X: Embeddings) -> np.ndarray:
    """Squared distance of every row from a point."""
    distance = np.empty(len(X))
    for rows, block in X.blocks():
        centred = block - to_same_device(mean, block)
        distance[rows] = to_numpy((centred * centred).sum(axis=1))
    return distance


def warn_of_shared_groups(memory: Memory, table: pd.DataFrame, name: Any) -> None:
    """Say how many groups of new rows were in `fit`."""
    if name is None:
        return
    new = set(table[name].dropna().unique())
    shared = new & memory.groups
    if shared:
        warnings.warn(
            f"groups: {len(shared)} of {len(new)} values of {name!r} were in fit too "
            f"(such as {min(map(str, shared))}), so these rows are not held out: "
            "encoding and utilization may look better than on new ones.",
            UserWarning,
            stacklevel=3,
        )
