"""Fitted heads on rows that neither they nor the network have seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from sklearn_wsca._analysis.audited_encoding import (
    AuditedHead,
    audit_head,
    encoding_entries,
)
from sklearn_wsca._analysis.confusable import find_confusable
from sklearn_wsca._analysis.consequences import measure_consequences
from sklearn_wsca._analysis.description import describe_rows
from sklearn_wsca._analysis.fit_record import FitRecord, read_columns, read_interactions
from sklearn_wsca._analysis.head_check import check_decision, require_fit
from sklearn_wsca._analysis.head_rows import HELD_OUT
from sklearn_wsca._analysis.outputs import describe_outputs
from sklearn_wsca._analysis.summary import (
    add_interactions,
    add_performance,
    add_utilization,
    describe_column,
    summarise,
)
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._heads.head import Head, outputs_by_head
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._performance import inference as performance
from sklearn_wsca._performance.inference import PerformanceTests
from sklearn_wsca._permutation.plan import PermutationPlan, canonical_order
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
        lambda numbers: given.X.products_with_sum(numbers, record.mean),
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
