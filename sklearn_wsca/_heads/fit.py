"""Rows in canonical order, and the heads that are fitted on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.probe import HEAD_TOLERANCE, batch_precision
from sklearn_wsca._heads.task import Task
from sklearn_wsca._linear.design import Design, prepare_design
from sklearn_wsca._linear.solvers import BatchFit
from sklearn_wsca._linear.subspace import Subspace


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


def fit_heads(tasks: list[Task], rows: Rows, runner: Any) -> list:
    """Fit the heads that are not trained; returns those that did not converge."""
    tasks = [task for task in tasks if not task.trained]
    jobs = []
    for task in tasks:
        column, probe = task.to_fit()
        weights = None
        if task.balance is not None:
            weights = task.balance.weights(task.balance.cells[None])
        design = rows.design(column.rows).in_precision("float64")
        jobs.append(partial(_fit_head, design, probe, column.labels[None], weights))
    failed = []
    for task, fit in zip(tasks, runner.run("fit heads", jobs), strict=True):
        column, probe = task.to_fit()
        coef, intercept = rows.subspace.restore(fit.coef[0], fit.intercept[0])
        task.head = Head(coef, intercept, column.levels or None, probe.kind)
        if not fit.converged.all():
            failed.append(task.name)
    return failed


def _fit_head(design, probe, labels, weights, T) -> BatchFit:
    return probe.fit(design.on(T), labels, weights, HEAD_TOLERANCE)
