"""What `fit` is given, checked and brought to canonical order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_wsca._backend.jobs import LESS_MEMORY
from sklearn_wsca._backend.memory import explain_shortage
from sklearn_wsca._encoding.folds import fewest_rows
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import batch_precision
from sklearn_wsca._heads.task import (
    Task,
    TaskReader,
    assign_units,
    balance,
    check_recipes,
    reorder,
    select_columns,
    target_to_adjust_for,
)
from sklearn_wsca._input.checked_input import Input, check_input
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.roles import RoleNames, Roles, add_pairs, read_roles
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._linear.subspace import Subspace, fit_subspace, reorder_rows
from sklearn_wsca._permutation.plan import canonical_order


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


class PreparationSteps:
    """The first steps of `fit`: input, subspace, tasks; they set fitted attributes.

    It is the part of `FittingSteps` before anything is compared; the parameters are
    those of `WeightSpaceCorrelation`.
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
    adjust_for_target: Any
    confounders: Any
    groups: Any
    n_permutations: Any
    null: Any
    cv: Any

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


class NothingLeftError(ValueError):
    """No column can be analysed."""


def check_something_left(dropped: dict[Any, str], n_analysed: int, target: Any) -> None:
    """Raise if no column can be analysed, with the reason for each."""
    if n_analysed:
        return
    if not dropped:
        raise NothingLeftError(
            f"y: there is no column besides the target {target!r}; pass metadata "
            "columns to analyse."
        )
    reasons = "; ".join(f"{name!r}: {reason}" for name, reason in dropped.items())
    raise NothingLeftError(
        f"y: all columns are left out, nothing to analyse. {reasons}."
    )
