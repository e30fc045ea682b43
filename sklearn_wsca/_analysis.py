"""The steps between checked input and fitted attributes: fit, test, tabulate.

Everything here works on rows in canonical order and on scaled principal coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment import AlignmentSpace, aggregate_alignment
from sklearn_wsca._alignment_null import RefitNull, sign_flip_scores
from sklearn_wsca._encoding import combine_folds, fold_losses, held_out_metrics
from sklearn_wsca._folds import Folds
from sklearn_wsca._heads import Head
from sklearn_wsca._permutation import PermutationPlan
from sklearn_wsca._probes import HEAD_TOLERANCE, batch_dtype
from sklearn_wsca._solvers import Design, prepare_design
from sklearn_wsca._subspace import Subspace
from sklearn_wsca._tasks import Task

Run = Callable[[list], Iterator]
PERMUTATIONS_PER_SIGN_TASK = 1000


@dataclass(frozen=True)
class Rows:
    """The rows of the analysis, in canonical order.

    Parameters
    ----------
    T : ndarray of shape (n, k)
        Scaled principal coordinates.
    weights : ndarray of shape (n,)
        Row weights.
    subspace : Subspace
        Where the coordinates come from.
    """

    T: np.ndarray
    weights: np.ndarray
    subspace: Subspace

    @cached_property
    def _whole_designs(self) -> dict[type, Design]:
        return {}

    def design(self, rows: np.ndarray, dtype: type = np.float64) -> Design:
        """Design of some rows; that of all rows is made once for all columns."""
        if len(rows) < len(self.T):
            return prepare_design(self.T[rows], self.weights[rows], dtype)
        if dtype not in self._whole_designs:
            whole = prepare_design(self.T, self.weights, dtype)
            self._whole_designs[dtype] = whole
        return self._whole_designs[dtype]


@dataclass(frozen=True)
class Encoding:
    """Held-out skill of the probe of one column."""

    score: float
    null: np.ndarray
    metrics: dict[str, float]
    all_converged: bool


def fit_head(task: Task, rows: Rows) -> tuple[Head, bool]:
    """Fit the head of a task in double precision; and whether that converged."""
    column, probe = task.fitted()
    design = rows.design(column.rows)
    balanced = None
    if task.balance is not None:
        balanced = task.balance.weights(task.balance.cells[None])
    fit = probe.fit(design, column.labels[None], balanced, HEAD_TOLERANCE)
    coef, intercept = rows.subspace.restore(fit.coef[0], fit.intercept[0])
    head = Head(coef, intercept, column.levels or None, probe.kind)
    return head, bool(fit.converged.all())


@dataclass(frozen=True)
class Comparison:
    """Alignment of all head rows, and the parts that a null needs.

    Parameters
    ----------
    space : AlignmentSpace
        The metric.
    filters : ndarray of shape (n_primary_rows, k + extra)
        Unit vectors of the primary head; no rows without one.
    references : dict of name to ndarray of shape (n_rows, k + extra)
        Unit vectors of the metadata heads.
    correlation : DataFrame
        Alignment of all rows with all rows, primary task first.
    """

    space: AlignmentSpace
    filters: np.ndarray
    references: dict[Any, np.ndarray]
    correlation: pd.DataFrame

    @property
    def alignment(self) -> pd.DataFrame:
        """Rows of the primary head against rows of the metadata heads."""
        n = len(self.filters)
        return self.correlation.iloc[:n, n:]

    def scores(self, aggregate: Any) -> pd.Series:
        """Column scores; NaN without a primary head."""
        scores = {
            name: aggregate_alignment(self.filters @ rows.T, aggregate)
            if len(self.filters)
            else np.nan
            for name, rows in self.references.items()
        }
        return pd.Series(list(scores.values()), name_index(scores), dtype=float)


def compare_heads(
    primary: dict[Any, Head],
    heads: dict[Any, Head],
    space: AlignmentSpace,
    X: np.ndarray,
    weights: np.ndarray,
) -> Comparison:
    """Compare the rows of all heads with each other."""
    everything = [*primary.items(), *heads.items()]
    coef = np.vstack([head.centred_coef for _, head in everything])
    labels = [(name, row) for name, head in everything for row in head.row_names]
    filters = space.filters(coef, X, weights, labels)
    references = filters
    if not space.symmetric:
        references = space.references(coef, X, weights, labels)
    index = pd.MultiIndex.from_tuples(labels, names=["task", "class"])
    n = sum(head.n_rows for head in primary.values())
    ends = np.cumsum([n] + [head.n_rows for head in heads.values()])
    return Comparison(
        space,
        filters[:n],
        {
            name: references[start:end]
            for name, start, end in zip(heads, ends[:-1], ends[1:], strict=True)
        },
        pd.DataFrame(np.clip(filters @ references.T, -1.0, 1.0), index, index),
    )


def name_index(names: Any) -> pd.Index:
    """Index of columns, whose names may be tuples."""
    return pd.Index(list(names), name="column", tupleize_cols=False)


def encode(
    tasks: list[Task],
    folds: dict[Any, Folds],
    rows: Rows,
    plan: PermutationPlan,
    run: Run,
) -> dict[Any, Encoding]:
    """Cross-validate the probes of the tasks, for the data and all shuffles."""
    jobs = [
        partial(
            fold_losses,
            rows.T,
            rows.weights,
            *task.labelled(),
            folds[task.name],
            i,
            plan,
        )
        for task in tasks
        for i in range(folds[task.name].n_folds)
    ]
    results = run(jobs)
    found = {}
    for task in tasks:
        own = [next(results) for _ in range(folds[task.name].n_folds)]
        skills = combine_folds(own)
        column, _ = task.labelled()
        found[task.name] = Encoding(
            float(skills[0]),
            skills[1:],
            held_out_metrics(column, folds[task.name], own, rows.weights),
            all(result.all_converged for result in own),
        )
    return found


def refit_null(
    tasks: list[Task],
    rows: Rows,
    plan: PermutationPlan,
    run: Run,
    comparison: Comparison,
    aggregate: Any,
) -> tuple[pd.DataFrame, list]:
    """Null of every column under refits, and columns with refits that failed."""
    jobs, owners = [], []
    for task in tasks:
        column, probe = task.fitted()
        design = rows.design(column.rows, batch_dtype(len(column.rows)))
        null = RefitNull(design, column, probe, task.balance)
        for batch in plan.batches(null.batch_size()):
            arguments = comparison.space, comparison.filters, aggregate
            jobs.append(partial(null.scores, batch, plan, *arguments))
            owners.append(task.name)
    parts: dict[Any, list[np.ndarray]] = {task.name: [] for task in tasks}
    failed: dict[Any, int] = {}
    for name, (scores, n_failed) in zip(owners, run(jobs), strict=True):
        parts[name].append(scores)
        failed[name] = failed.get(name, 0) + n_failed
    null_scores = _as_frame(parts, plan.n_permutations)
    return null_scores, [name for name, count in failed.items() if count]


def sign_flip_null(
    plan: PermutationPlan, run: Run, comparison: Comparison, aggregate: Any
) -> pd.DataFrame:
    """Null of every column under random signs of the principal coordinates."""
    batches = list(plan.batches(PERMUTATIONS_PER_SIGN_TASK))
    jobs = [
        partial(sign_flip_scores, batch, plan, comparison.filters, rows, aggregate)
        for rows in comparison.references.values()
        for batch in batches
    ]
    results = run(jobs)
    parts = {name: [next(results) for _ in batches] for name in comparison.references}
    return _as_frame(parts, plan.n_permutations)


def _as_frame(parts: dict[Any, list[np.ndarray]], n: int) -> pd.DataFrame:
    values = [np.concatenate(part) if part else np.empty(0) for part in parts.values()]
    stacked = np.array(values).reshape(len(parts), n).T
    return pd.DataFrame(stacked, columns=name_index(parts))
