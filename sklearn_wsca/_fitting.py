"""The steps of `WeightSpaceCorrelation.fit`, in their order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sklearn_wsca._alignment import AlignmentSpace
from sklearn_wsca._analysis import Comparison, Rows, compare_heads, fit_heads
from sklearn_wsca._audit import remember
from sklearn_wsca._decision import (
    NO_DECISION,
    Decision,
    UtilizationTests,
    infer_utilization,
    make_decision,
    no_utilization,
)
from sklearn_wsca._description import describe_rows
from sklearn_wsca._embeddings import Embeddings
from sklearn_wsca._erasure_table import erase_columns
from sklearn_wsca._folds import GivenRows, fewest_rows, split_columns
from sklearn_wsca._inference import (
    AlignmentTest,
    EncodingTest,
    Testing,
    infer_alignment,
    infer_encoding,
    no_alignment_test,
)
from sklearn_wsca._input import Input, check_input
from sklearn_wsca._jobs import LESS_MEMORY, JobRunner
from sklearn_wsca._memory import explain_shortage
from sklearn_wsca._permutation import PermutationPlan, canonical_order
from sklearn_wsca._probes import batch_precision, tie_tolerance
from sklearn_wsca._reliability import measure_reliability
from sklearn_wsca._roles import RoleNames, Roles, add_pairs, read_roles
from sklearn_wsca._scoring import ScoredColumn
from sklearn_wsca._subspace import Subspace, fit_subspace, reorder_rows
from sklearn_wsca._summary import (
    add_utilization,
    describe_tasks,
    summarise,
    task_notes,
)
from sklearn_wsca._table import row_fingerprints
from sklearn_wsca._tasks import (
    Task,
    TaskReader,
    assign_units,
    balance,
    reorder,
    target_to_adjust_for,
)
from sklearn_wsca._validation import (
    check_recipes,
    check_something_left,
    select_columns,
)
from sklearn_wsca._verdict import Rule
from sklearn_wsca._wording import (
    describe_null,
    describe_stopping,
    explain_floor,
    explain_no_test,
)


class Prepared(NamedTuple):
    """Checked input, and what is fitted in canonical order.

    Parameters
    ----------
    given : Input
        Rows as given, with combined columns in the table.
    order : ndarray of shape (n,)
        Which of them comes first, second, ...
    rows : Rows
        Their coordinates and weights in that order.
    roles : Roles
        Groups and confounders in that order.
    primary : Task or None
        Primary task.
    tasks : list of Task
        Metadata tasks.
    names : list
        All columns asked for.
    """

    given: Input
    order: np.ndarray
    rows: Rows
    roles: Roles
    primary: Task | None
    tasks: list[Task]
    names: list


class FittingSteps:
    """What `fit` does with checked parameters: each step sets its fitted attributes.

    It is the part of `WeightSpaceCorrelation` that users do not see; the parameters are
    those of its constructor.
    """

    target: Any
    target_head: Any
    columns: Any
    heads: Any
    n_bins: Any
    C: Any
    alpha: Any
    n_components: Any
    min_components: Any
    metric: Any
    aggregate: Any
    adjust_for_target: Any
    confounders: Any
    groups: Any
    n_permutations: Any
    null: Any
    cv: Any
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

    def _prepare(self, X, y, sample_weight) -> Prepared:
        """Check the input; bring rows, roles and tasks to canonical order."""
        given = self._check_input(X, y, sample_weight, reset=True)
        self.notes_: list[str] = []
        given = replace(given, table=add_pairs(given.table, self.columns))
        table, weights = given.table, given.weights
        roles = read_roles(table, self._role_names())
        primary, tasks, names = self._read_tasks(table, roles, given.X.n_features)
        with explain_shortage("X", LESS_MEMORY):
            subspace = self._fit_subspace(given.X, weights)
            T, distance = subspace.coordinates(given.X, batch_precision(len(weights)))
        order = canonical_order(
            distance, lambda: row_fingerprints(table) + pd.util.hash_array(weights)
        )
        rows = Rows(reorder_rows(T, order), weights[order], subspace)
        roles = roles.take(order)
        tasks = self._prepare_tasks(primary, tasks, roles, order, rows.weights)
        return Prepared(given, order, rows, roles, primary, tasks, names)

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

    def _check_input(self, X, y, sample_weight, reset: bool) -> Input:
        return check_input(self, X, y, sample_weight, reset)

    def _role_names(self) -> RoleNames:
        confounders = [] if self.confounders is None else list(self.confounders)
        return RoleNames(self.target, confounders, self.groups)

    def _read_tasks(self, table: pd.DataFrame, roles: Roles, n_features: int):
        """Primary task, metadata tasks, and the names of all columns asked for."""
        check_recipes(self.heads)
        reader = TaskReader(
            table,
            n_features,
            self.heads,
            self.n_bins,
            self.C,
            self.alpha,
            fewest_rows(self.cv),
            roles.groups,
        )
        names, unlabelled = select_columns(
            table, self.target, self.groups, self.columns, self.heads
        )
        primary = reader.primary(self.target, self.target_head)
        if primary is not None:
            self.notes_ += [f"target {primary.name!r}: {n}" for n in primary.notes]
        tasks, self.dropped_columns_ = reader.metadata(names)
        tasks += reader.unlabelled(unlabelled)
        trained = [task.name for task in tasks if task.trained]
        if trained and self.null == "permutation" and self.n_permutations:
            raise ValueError(
                f"heads: those of {trained} are trained and cannot be refitted, so "
                "null='permutation' does not apply; set null='sign_flip', or "
                "n_permutations=0 for no p-values."
            )
        return primary, tasks, names + unlabelled

    def _fit_subspace(self, X: Embeddings, weights: np.ndarray) -> Subspace:
        subspace = fit_subspace(X, weights, self.n_components, self.min_components)
        k = subspace.n_components
        self.mean_, self.components_ = subspace.mean, subspace.components
        self.explained_variance_ = subspace.variance
        self.explained_variance_ratio_ = subspace.variance / subspace.total_variance
        self.n_components_, self.scale_ = k, subspace.scale
        if isinstance(self.n_components, (int, np.integer)) and k < self.n_components:
            self.notes_.append(
                f"n_components={self.n_components} was asked for, but the embeddings "
                f"vary along {k} directions only: k = {k}."
            )
        if self.n_components is not None and k == subspace.rank:
            self.notes_.append(
                f"The {k} principal directions are all along which the embeddings "
                "vary: the projection removes nothing."
            )
        return subspace

    def _prepare_tasks(
        self, primary, tasks: list[Task], roles: Roles, order, weights
    ) -> list[Task]:
        """Bring labels to canonical order and balance them where asked for."""
        everything = [task for task in (primary, *tasks) if task is not None]
        reorder(everything, order)
        assign_units(everything, roles.groups)
        held = list(roles.confounders)
        if self.adjust_for_target:
            held = [target_to_adjust_for(primary), *held]
        if held:
            balance(tasks, held, weights, roles.groups)
        check_something_left(self.dropped_columns_, len(tasks), self.target)
        return tasks

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
        """How shuffles of the rows are turned into p-values."""
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
