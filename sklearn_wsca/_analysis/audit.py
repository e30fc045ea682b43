"""Fitted heads on rows that neither they nor the network have seen."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis.audited_encoding import (
    AuditedHead,
    audit_head,
    encoding_entries,
)
from sklearn_wsca._analysis.confusable import find_confusable
from sklearn_wsca._analysis.consequences import measure_consequences
from sklearn_wsca._analysis.description import describe_rows
from sklearn_wsca._analysis.head_check import check_decision, require_fit
from sklearn_wsca._analysis.head_rows import HELD_OUT
from sklearn_wsca._analysis.outputs import describe_outputs
from sklearn_wsca._analysis.summary import (
    ALIGNMENT_COLUMNS,
    add_interactions,
    add_performance,
    add_utilization,
    describe_column,
    summarise,
)
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._heads.head import Head, outputs_by_head
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
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._performance import inference as performance
from sklearn_wsca._performance.inference import PerformanceTests
from sklearn_wsca._permutation.plan import PermutationPlan, canonical_order
from sklearn_wsca._text import quote
from sklearn_wsca._utilization.extremes import describe_extreme
from sklearn_wsca._utilization.from_head import make_decision
from sklearn_wsca._utilization.inference import (
    UtilizationTests,
    correct,
    infer_utilization,
)
from sklearn_wsca._utilization.regression import Adjustment
from sklearn_wsca._verdicts.rule import Rule

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


@dataclass(frozen=True)
class AuditedRows:
    """New rows under the heads of `fit`, tested, and not yet judged.

    Parameters
    ----------
    record : FitRecord
        What is known of `fit`.
    given : Input
        The rows, in canonical order.
    columns, interactions : dict of name to Column
        Columns on them, and interactions.
    left_out : dict of name to str
        Why there is none of others.
    target : Column or None
        The target on them.
    performance : dict or None
        Of the primary head.
    tests : UtilizationTests
        Utilization of the columns.
    by_level : PerformanceTests
        Performance by their levels.
    heads : dict of name to AuditedHead
        Encoding of the columns.
    rule : Rule
        Of the verdicts.
    confusable : DataFrame
        Pairs of columns that may stand for each other.
    head_rows : str or None
        What is known of the rows that the primary head was fitted on, if there is one.
    outputs : dict of name to dict
        How an output is spread by level, see `describe_outputs`.
    """

    record: FitRecord
    given: Input
    columns: dict[Any, Column]
    interactions: dict[Any, Column]
    left_out: dict[Any, str]
    target: Column | None
    performance: dict | None
    tests: UtilizationTests
    by_level: PerformanceTests
    heads: dict[Any, AuditedHead]
    rule: Rule
    confusable: pd.DataFrame
    head_rows: str | None
    outputs: dict[Any, dict[str, Any]]

    def conclude(self, encoding: dict[Any, dict[str, float]]) -> pd.DataFrame:
        """Table with the verdicts; `encoding` holds the entries of `heads`."""
        rows, notes = {}, {}
        for name, column in self.columns.items():
            described = describe_column(column, self.target, self.given)
            rows[name] = described | encoding[name] | self.record.alignment(name)
            notes[name] = list(column.notes)
        add_interactions(rows, notes, self.interactions, self.given)
        add_utilization(rows, notes, self.tests, self.rule, self.confusable)
        add_performance(rows, self.by_level, self.rule.significance)
        names = list(self.record.summary.index)
        summary = summarise(names, self.record.reasons() | self.left_out, rows)
        summary.attrs |= {
            "effects": as_lists(self.tests.effects()),
            "by_class": as_lists(self.tests.by_class()),
            "robustness_values": as_lists(self.tests.robustness(self.rule.min_effect)),
            "confusable": as_lists(self.confusable),
            "performance_by_level": as_lists(self.by_level.table()),
            "performance_gaps": as_lists(self.by_level.gap_table()),
            "head_performance": self.performance,
        }
        summary.attrs[DESCRIPTION] = describe_rows(
            self.given,
            self.columns | self.interactions,
            self.target,
            self.tests,
            self.rule,
            self.head_rows,
            self.confusable,
            self.performance,
            self.by_level,
            self.outputs,
        )
        return summary


def audit_rows(
    record: FitRecord,
    given: Input,
    primary: Head | None,
    heads: dict[Any, Head],
    plan: PermutationPlan,
    rule: Rule,
    adjustment: Adjustment,
    check_head: bool = True,
) -> AuditedRows:
    """Test new rows under the heads of `fit`.

    Parameters
    ----------
    record : FitRecord
        What is known of `fit`.
    given : Input
        The new rows with their roles.
    primary : Head or None
        The primary head.
    heads : dict of name to Head
        The metadata heads.
    plan : PermutationPlan
        The permutations.
    rule : Rule
        Of the verdicts.
    adjustment : {"spline", "linear"}
        How what is continuous is held fixed.
    check_head : bool
        Whether to stop where the primary head cannot belong to target and rows.
    """
    distance = given.X.squared_distances(record.mean)
    order = canonical_order(
        distance,
        lambda: row_fingerprints(given.table) + pd.util.hash_array(given.weights),
    )
    given = given.take(order)
    columns, left_out = read_columns(record.columns, given)
    interactions, not_crossed = read_interactions(record.pairs, given)
    target = record.read_target(given.table)
    decision = make_decision(primary, given, target, adjustment)
    checked = check_decision(decision, primary, plan.seed)
    if check_head:
        require_fit(checked, record.target_name, given.roles.groups is not None)
    extreme = describe_extreme(decision, given.positions)
    runner = SequentialRunner("permutations")
    examined = columns | interactions
    tests = infer_utilization(decision, examined, plan, rule.significance, runner)
    outputs = outputs_by_head(given.X, [heads[name] for name in columns])
    audited = {
        name: audit_head(record.columns[name].scored, column, own, given, plan)
        for (name, column), own in zip(columns.items(), outputs, strict=True)
    }
    return AuditedRows(
        record,
        given,
        columns,
        interactions,
        left_out | not_crossed,
        target,
        None if checked is None else checked.performance,
        tests,
        measure_consequences(
            decision, primary, columns, plan, rule.significance, runner
        ),
        audited,
        replace(rule, withheld=extreme, extreme=bool(extreme)),
        find_confusable(decision, columns, rule.significance),
        None if decision is None else HELD_OUT,
        describe_outputs(decision, examined, tests),
    )


def conclude_audits(
    audits: dict[Any, AuditedRows], significance: float, n_permutations: int
) -> dict[Any, pd.DataFrame]:
    """Tables of one or several targets, corrected over all their columns together."""
    tests = [rows.tests for rows in audits.values()]
    by_level = [rows.by_level for rows in audits.values()]
    if len(tests) > 1:
        tests = correct(tests, significance)
        by_level = performance.correct(by_level)
    heads, power = {}, {}
    for target, rows in audits.items():
        fitted = rows.record.summary["encoding_power"]
        for name, head in rows.heads.items():
            heads[target, name] = head
            power[target, name] = fitted.iloc[fitted.index.get_loc(name)]
    entries = encoding_entries(heads, power, significance, n_permutations)
    tables = {}
    for (target, rows), own, levels in zip(
        audits.items(), tests, by_level, strict=True
    ):
        encoding = {name: entries[target, name] for name in rows.heads}
        corrected = replace(rows, tests=own, by_level=levels)
        tables[target] = corrected.conclude(encoding)
    return tables


def as_lists(table: pd.DataFrame) -> dict[str, list]:
    """Index and columns of a table as lists.

    pandas compares what tables carry, and writes it as JSON: it must hold no table.
    """
    return table.reset_index().to_dict("list")


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
