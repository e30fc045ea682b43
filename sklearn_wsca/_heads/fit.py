"""Rows in canonical order, and the heads that are fitted on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from sklearn_wsca._backend.namespace import is_tensor, to_numpy
from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.probe import (
    HEAD_TOLERANCE,
    ProbeFit,
    batch_precision,
    fit_probes,
)
from sklearn_wsca._heads.task import Task
from sklearn_wsca._linear.design import Design, prepare_design
from sklearn_wsca._linear.solvers import BatchFit
from sklearn_wsca._linear.subspace import Subspace

# Labels of all problems of all columns that an accelerator fits at once.
LABELS_AT_ONCE = 2**27
Item = TypeVar("Item")


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
        """Design of some rows, for permutations, without their coordinates."""
        precision = batch_precision(len(rows))
        if len(rows) < len(self.weights):
            design = prepare_design(self.T, self.weights[rows], precision, rows)
            return design.without_coordinates()
        # All rows together are centred and uncorrelated: that is how they were made.
        variance = self.subspace.variance / self.subspace.scale**2
        gram, mean = self.weights.sum() * variance, np.zeros(len(variance))
        return Design(None, None, self.weights, gram, mean, None, precision)

    def share_out(self, columns: Sequence[Item], n_problems: int) -> list[list[Item]]:
        """Columns of the same job, each fitted in so many problems.

        One, where workers take columns in turn; many for an accelerator.
        """
        size = 1
        if is_tensor(self.T):
            size = max(1, LABELS_AT_ONCE // (n_problems * len(self.weights)))
        starts = range(0, len(columns), size)
        return [list(columns[start : start + size]) for start in starts]


def fit_heads(tasks: list[Task], rows: Rows, runner: Any) -> list:
    """Fit the heads that are not trained; returns those that did not converge."""
    tasks = [task for task in tasks if not task.trained]
    fits = []
    for task in tasks:
        column, probe = task.to_fit()
        weights = None
        if task.balance is not None:
            weights = task.balance.weights(task.balance.cells[None])
        design = rows.design(column.rows).in_precision("float64")
        labels = column.labels[None]
        fits.append(ProbeFit(probe, design, labels, weights, HEAD_TOLERANCE))
    jobs = [partial(_fit_heads, own) for own in rows.share_out(fits, 1)]
    found = chain.from_iterable(runner.run("fit heads", jobs))
    failed = []
    for task, fit in zip(tasks, found, strict=True):
        column, probe = task.to_fit()
        parts = to_numpy(fit.coef[0]), to_numpy(fit.intercept[0])
        coef, intercept = rows.subspace.restore(*parts)
        task.head = Head(coef, intercept, column.levels or None, probe.kind)
        if not fit.converged.all():
            failed.append(task.name)
    return failed


def _fit_heads(fits: list[ProbeFit], T: Any) -> list[BatchFit]:
    return fit_probes([fit._replace(design=fit.design.on(T)) for fit in fits])
