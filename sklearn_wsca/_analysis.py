"""The steps between checked input and fitted attributes: fit, test, tabulate.

Everything here works on rows in canonical order and on scaled principal coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment import Aggregate, AlignmentSpace, aggregate_alignment
from sklearn_wsca._alignment_null import Primary
from sklearn_wsca._design import Design, prepare_design
from sklearn_wsca._embeddings import Embeddings
from sklearn_wsca._encoding import HeldOut, held_out
from sklearn_wsca._folds import Folds
from sklearn_wsca._heads import Head
from sklearn_wsca._probes import HEAD_TOLERANCE, batch_precision
from sklearn_wsca._solvers import BatchFit
from sklearn_wsca._subspace import Subspace
from sklearn_wsca._tasks import Task

# Runs jobs, which are called with the coordinates of all rows; yields their results.
Run = Callable[[list], Iterator]


@dataclass(frozen=True)
class Rows:
    """The rows of the analysis, in canonical order.

    Parameters
    ----------
    T : array of shape (n, k)
        Scaled principal coordinates, numpy or torch.
    weights : ndarray of shape (n,)
        Row weights.
    subspace : Subspace
        Where the coordinates come from.
    """

    T: Any
    weights: np.ndarray
    subspace: Subspace

    def design(self, rows: np.ndarray) -> Design:
        """Design of some rows, for shuffles, without their coordinates."""
        precision = batch_precision(len(rows))
        if len(rows) < len(self.weights):
            design = prepare_design(self.T, self.weights[rows], precision, rows)
            return design.without_coordinates()
        # All rows together are centred and uncorrelated: that is how they were made.
        variance = self.subspace.variance / self.subspace.scale**2
        gram, mean = self.weights.sum() * variance, np.zeros(len(variance))
        return Design(None, None, self.weights, gram, mean, None, precision)


def fit_heads(tasks: list[Task], rows: Rows, run: Run) -> list:
    """Fit the heads of tasks in double precision; returns those that failed."""
    jobs = []
    for task in tasks:
        column, probe = task.fitted()
        weights = None
        if task.balance is not None:
            weights = task.balance.weights(task.balance.cells[None])
        design = rows.design(column.rows).in_precision("float64")
        jobs.append(partial(_fit_head, design, probe, column.labels[None], weights))
    failed = []
    for task, fit in zip(tasks, run(jobs), strict=True):
        column, probe = task.fitted()
        coef, intercept = rows.subspace.restore(fit.coef[0], fit.intercept[0])
        task.head = Head(coef, intercept, column.levels or None, probe.kind)
        if not fit.converged.all():
            failed.append(task.name)
    return failed


def _fit_head(design, probe, labels, weights, T) -> BatchFit:
    return probe.fit(design.on(T), labels, weights, HEAD_TOLERANCE)


def encode(
    tasks: list[Task], folds: dict[Any, Folds], rows: Rows, run: Run
) -> dict[Any, HeldOut]:
    """Cross-validate the probes of the tasks."""
    jobs = [
        partial(
            held_out,
            design=rows.design(task.labelled()[0].rows),
            column=task.labelled()[0],
            probe=task.labelled()[1],
            folds=folds[task.name],
        )
        for task in tasks
    ]
    names = [task.name for task in tasks]
    return dict(zip(names, run(jobs), strict=True))


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

    def primary(self, aggregate: Aggregate) -> Primary:
        """What the heads of shuffled columns are compared with."""
        return Primary(self.filters, self.space.reference_weights(), aggregate)

    def scores(self, aggregate: Aggregate) -> pd.Series:
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
    X: Embeddings,
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
