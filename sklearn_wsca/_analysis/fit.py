"""The steps of `WeightSpaceCorrelation.fit`, in their order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sklearn_wsca._alignment.comparison import Comparison, compare_heads
from sklearn_wsca._alignment.inference import (
    AlignmentTest,
    describe_null,
    describe_stopping,
    explain_no_test,
    infer_alignment,
    no_alignment_test,
)
from sklearn_wsca._alignment.metrics import AlignmentSpace
from sklearn_wsca._alignment.reliability import measure_reliability
from sklearn_wsca._analysis.audit import remember
from sklearn_wsca._analysis.description import describe_rows
from sklearn_wsca._analysis.prepare import PreparationSteps, Prepared
from sklearn_wsca._analysis.summary import (
    add_utilization,
    describe_tasks,
    summarise,
    task_notes,
)
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._encoding.folds import GivenRows, split_columns
from sklearn_wsca._encoding.inference import EncodingTest, infer_encoding
from sklearn_wsca._erasure.table import erase_columns
from sklearn_wsca._heads.fit import Rows, fit_heads
from sklearn_wsca._heads.probe import tie_tolerance
from sklearn_wsca._heads.scoring import ScoredColumn
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.roles import Roles
from sklearn_wsca._linear.subspace import Subspace
from sklearn_wsca._permutation.column_tests import Testing
from sklearn_wsca._permutation.plan import PermutationPlan, explain_floor
from sklearn_wsca._utilization.adjusted_effect import Decision, make_decision
from sklearn_wsca._utilization.inference import (
    NO_DECISION,
    UtilizationTests,
    infer_utilization,
    no_utilization,
)
from sklearn_wsca._verdict import Rule


class FittingSteps(PreparationSteps):
    """What `fit` does with checked parameters: each step sets its fitted attributes.

    It is the part of `WeightSpaceCorrelation` that users do not see; the parameters are
    those of its constructor.
    """

    metric: Any
    aggregate: Any
    min_effect: Any
    significance: Any
    stop_after: Any
    extrapolate: Any
    random_state: Any
    n_jobs: Any
    _init_callback_context: Any

    def _run_fit(self, X, y, sample_weight):
        """Run all steps and return self."""
        n_steps = 3 + bool(self.n_permutations) + self._tests_alignment()
        n_steps += 2 * (self.target is not None)
        # Under a stopping rule nobody knows how many rounds there will be.
        announced = n_steps if self.stop_after is None else None
        context = self._init_callback_context(max_subtasks=announced)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        prepared = self._prepare(X, y, sample_weight)
        given, order, rows, roles, primary, tasks, _ = prepared
        runner = JobRunner(self, context, self.n_jobs, rows.T)
        failed = self._fit_heads(primary, tasks, rows, runner)
        comparison = self._compare_heads(given.X, tasks, given.weights, rows.subspace)
        testing = self._testing(len(order))
        positions = GivenRows(given.table.index.to_numpy()[order], given.n_given)
        folds = split_columns(
            tasks, self.cv, testing.plan.seed, positions, roles.groups
        )
        encoding = self._test_encoding(tasks, folds, rows, testing, runner)
        alignment = self._test_alignment(tasks, rows, testing, runner, comparison)
        self.n_permutations_used_ = pd.DataFrame(
            {"encoding": encoding.tests.used, "alignment": alignment.tests.used}
        )
        self._measure_reliability(primary, tasks, rows, comparison, testing, runner)
        decision = self._make_decision(given.X, order, primary, roles, rows.weights)
        self._check_erasure(primary, tasks, rows, decision, testing.plan.seed, runner)
        utilization = self._test_utilization(decision, tasks, testing.plan, runner)
        self._summarise(prepared, encoding, alignment, utilization)
        for message, category in self._warnings(failed, encoding, alignment):
            # Level 4 is the caller of fit: two more are fit and scikit-learn's wrapper.
            warnings.warn(message, category, stacklevel=4)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _tests_alignment(self) -> bool:
        """Whether there will be a null of the alignment."""
        has_primary = self.target is not None or self.target_head is not None
        return has_primary and self.n_permutations > 0

    def _primary_head(self) -> dict:
        """Primary head by name; empty without one."""
        if self.target_head_ is None:
            return {}
        return {self._primary_name: self.target_head_}

    def _all_heads(self) -> dict:
        return self._primary_head() | self.heads_

    def _fit_heads(self, primary, tasks: list[Task], rows: Rows, runner) -> list:
        """Fit the heads that are not trained; returns those that did not converge."""
        fitted = [task for task in (primary, *tasks) if task and not task.trained]
        not_converged = fit_heads(fitted, rows, partial(runner.run, "fit heads"))
        self.target_head_ = None if primary is None else primary.head
        self._primary_name = None if primary is None else primary.name
        self.heads_ = {task.name: task.head for task in tasks if task.head is not None}
        self._scored = {
            task.name: ScoredColumn.of(task, rows.weights)
            for task in tasks
            if task.predicting_head() is not None
        }
        return not_converged

    def _compare_heads(
        self, X: Embeddings, tasks: list[Task], weights, subspace: Subspace
    ) -> Comparison:
        space = AlignmentSpace(subspace, self.metric, self.n_components is not None)
        comparison = compare_heads(self._primary_head(), self.heads_, space, X, weights)
        self.correlation_ = comparison.correlation
        self.alignment_ = comparison.alignment
        refused = [bool(task.refusal) for task in tasks]
        self.alignment_scores_ = comparison.scores(self.aggregate).mask(refused)
        return comparison

    def _testing(self, n: int) -> Testing:
        """How permutations of the rows are turned into p-values."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        plan = PermutationPlan(seed, self.n_permutations, n)
        return Testing(plan, self.stop_after, self.extrapolate, tie_tolerance(n))

    def _test_encoding(self, tasks, folds, rows: Rows, testing, runner) -> EncodingTest:
        run, run_null = (
            partial(runner.run, name) for name in ("encoding", "encoding null")
        )
        test = infer_encoding(
            tasks, folds, rows, testing, run, run_null, runner.n_workers
        )
        self.encoding_scores_, self.encoding_pvalues_ = test.scores, test.tests.pvalues
        self.encoding_metrics_ = test.metrics
        self.encoding_selectivity_ = test.selectivity
        return test

    def _test_alignment(
        self, tasks, rows: Rows, testing, runner, comparison
    ) -> AlignmentTest:
        if self._tests_alignment():
            test = infer_alignment(
                tasks,
                rows,
                testing,
                comparison,
                self.aggregate,
                self.null,
                partial(runner.run, "alignment null"),
                runner.n_workers,
            )
            self.notes_.append(
                describe_null(self.null, self.adjust_for_target, self.n_permutations)
            )
            if self.stop_after is not None:
                self.notes_.append(describe_stopping(self.stop_after))
        else:
            test = no_alignment_test(tasks)
            self.notes_ += explain_no_test(
                self.target_head_ is not None, self.n_permutations
            )
        self.null_distribution_ = test.tests.null
        self.pvalues_, self.pvalues_fwer_ = test.tests.pvalues, test.pvalues_fwer
        self.qvalues_ = test.qvalues
        self.pvalues_extrapolated_ = test.tests.extrapolated
        return test

    def _measure_reliability(
        self, primary, tasks: list[Task], rows: Rows, comparison, testing, runner
    ) -> None:
        """How reliable the fitted directions are, and what that makes of alignments."""
        found = measure_reliability(
            primary,
            tasks,
            rows,
            comparison,
            self.aggregate,
            testing.plan.seed,
            partial(runner.run, "reliability"),
        )
        self.reliability_ = found.directions
        self.alignment_ceilings_ = found.ceilings
        self.alignment_corrected_ = self.alignment_scores_ / found.ceilings

    def _make_decision(
        self, X: Embeddings, order, primary, roles: Roles, weights
    ) -> Decision | None:
        """Outputs of the primary head and what is held fixed; None without a target."""
        if self.target is None or self.target_head_ is None:
            return None
        head, target = self.target_head_, primary.column
        return make_decision(head, X, order, target, roles, weights)

    def _check_erasure(
        self, primary, tasks: list[Task], rows: Rows, decision, seed: int, runner
    ) -> None:
        """What the primary head loses when columns are erased."""
        self.erasure_ = None
        if decision is not None:
            run = partial(runner.run, "erasure")
            self.erasure_ = erase_columns(primary, tasks, rows, decision, seed, run)

    def _test_utilization(
        self, decision, tasks: list[Task], plan: PermutationPlan, runner
    ) -> UtilizationTests:
        columns = {task.name: task.column for task in tasks}
        if decision is None:
            tests = no_utilization(columns, NO_DECISION)
        else:
            run = partial(runner.run, "utilization")
            tests = infer_utilization(decision, columns, plan, self.significance, run)
        table = tests.table
        self.utilization_, self.utilization_raw_ = table["utilization"], table["raw"]
        self.utilization_ci_ = table[["low", "high"]]
        self.utilization_pvalues_ = table["pvalue"]
        self.utilization_pvalues_fwer_ = table["pvalue_fwer"]
        self.utilization_qvalues_ = table["qvalue"]
        self.utilization_null_distribution_ = tests.null
        self.minimum_detectable_effect_ = table["minimum_detectable_effect"]
        return tests

    def _summarise(
        self,
        prepared: Prepared,
        encoding: EncodingTest,
        alignment: AlignmentTest,
        utilization: UtilizationTests,
    ) -> None:
        """Put the tests together: table, verdicts, and what an audit must know."""
        given, _, rows, roles, primary, tasks, names = prepared
        described = describe_tasks(
            primary, tasks, rows.weights, encoding, alignment, self.alignment_scores_
        )
        notes = {task.name: task_notes(task, alignment) for task in tasks}
        add_utilization(described, notes, utilization, self._rule())
        self.summary_ = summarise(names, self.dropped_columns_, described)
        self.verdicts_ = self.summary_["verdict"]
        self.description_ = describe_rows(
            len(rows.weights),
            {task.name: task.column for task in tasks},
            None if primary is None else primary.column,
            roles,
            utilization,
            self._rule(),
        )
        self._memory = remember(
            primary,
            tasks,
            self._scored,
            self.mean_,
            None if self.groups is None else given.table[self.groups],
            self.summary_,
        )

    def _rule(self) -> Rule:
        held = [self.target, *(self.confounders or [])]
        return Rule(self.significance, self.min_effect, held)

    def _warnings(self, heads_failed, encoding, alignment) -> Iterator:
        """What deserves a warning about this fit: (message, category)."""
        failures = {
            "heads": heads_failed,
            "cross-validated heads": encoding.not_converged,
            "permuted heads": [
                f"{name} ({count} of {alignment.tests.used[name]})"
                for name, count in alignment.tests.not_converged.items()
            ],
        }
        for what, names in failures.items():
            if names:
                yield (
                    f"{what} of columns {names} did not reach the tolerance of the "
                    "solver; lower C, or merge rare levels.",
                    ConvergenceWarning,
                )
        if self._tests_alignment():
            settings = self.n_permutations, len(self.heads_), self.significance
            for message in explain_floor(*settings):
                yield message, UserWarning
