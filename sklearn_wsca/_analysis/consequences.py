"""Consequences of a decision: performance by level, beside whether a column is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import Column
from sklearn_wsca._performance.from_head import judge_head
from sklearn_wsca._performance.inference import (
    PerformanceTests,
    infer_performance,
    no_performance,
)
from sklearn_wsca._performance.words import name_case, tell_consequence
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization.decision import Decision


def measure_consequences(
    decision: Decision | None,
    head: Head | None,
    columns: Mapping[Any, Column | None],
    plan: PermutationPlan,
    significance: float,
    runner: Any,
) -> PerformanceTests:
    """Performance of a decision by all columns but its target.

    Permutations act on the rows in the order in which those of the utilization do.
    """
    if decision is None:
        return no_performance(columns, "there is no decision to judge")
    decision, columns = decision.in_own_order(columns)
    decisions = judge_head(decision, head)
    return infer_performance(decisions, columns, plan, significance, runner)


def describe_consequence(
    name: Any, verdict: str, tests: PerformanceTests, significance: float
) -> dict[str, Any]:
    """Which of four cases is shown of a column, in a word and in a sentence."""
    gap = tests.gap_of(name)
    return {
        "case": name_case(verdict, gap, significance),
        "sentence": tell_consequence(verdict, gap, significance),
        "untested": tests.left_out.get(name),
    }
