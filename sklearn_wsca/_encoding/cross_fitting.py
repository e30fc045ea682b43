"""Outputs of rows by heads that were fitted without them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import to_numpy
from sklearn_wsca._encoding.folds import make_training_folds
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.head import Head, all_outputs, center_rows
from sklearn_wsca._heads.probe import HEAD_TOLERANCE, Probe
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.solvers import BatchFit

# Name of the step in progress and errors.
STEP = "cross-fitting"


@dataclass(frozen=True)
class CrossFit:
    """Held-out outputs of the head of a column.

    Parameters
    ----------
    column : Column
        It.
    outputs : ndarray of shape (n_observed, n_rows)
        Class scores, centred over classes, or predicted values; of each row that is
        observed, by a head that was fitted without its unit.
    fold : ndarray of shape (n_observed,), dtype int
        Test fold of each row. -1: none, its outputs are those of the head of all rows.
    note : str
        How the folds deviate from what was asked for, or "".
    converged : bool
        Whether all heads reached the tolerance.
    """

    column: Column
    outputs: np.ndarray
    fold: np.ndarray
    note: str
    converged: bool

    @property
    def n_fitted(self) -> int:
        """Rows that could not be held out."""
        return int((self.fold < 0).sum())

    @property
    def not_converged(self) -> list:
        """Name of the column, if a head missed the tolerance."""
        return [] if self.converged else [self.column.name]

    def describe(self) -> list[str]:
        """What a reader must know about the folds."""
        found = [self.note]
        if self.n_fitted:
            found.append(
                f"{self.n_fitted} of {len(self.fold)} rows are judged by a head that "
                "was fitted on them too, because without their fold it would not know "
                "their class, or there would be none"
            )
        what = f"outputs at held-out rows of {self.column.name!r}"
        return [f"{what}: {sentence}." for sentence in found if sentence]

    def outputs_of_all(self, head: Head, X: Any) -> np.ndarray:
        """Outputs (n, n_rows) of all rows: by the head, where the column is missing."""
        if len(self.column.rows) == len(X):
            return self.outputs
        outputs = all_outputs(X, [head])
        outputs[self.column.rows] = self.outputs
        return outputs


def cross_fit(task: Task, rows: Rows, cv: Any, seed: int, runner: Any) -> CrossFit:
    """Fit the head of a task without each fold of its units, and apply it there."""
    column, probe = task.labelled()
    folds = make_training_folds(column, task.units(), cv, seed)
    design = rows.design(column.rows).in_precision("float64")
    job = partial(
        _cross_fit, design=design, labels=column.labels, probe=probe, fold=folds.fold
    )
    ((outputs, converged),) = runner.run(STEP, [job])
    return CrossFit(column, outputs, folds.fold, folds.note, converged)


def _cross_fit(
    T: Any, design: Design, labels: np.ndarray, probe: Probe, fold: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Outputs (n, n_rows) of the rows of a design, and whether all heads converged."""
    design = design.on(T)
    # The last head leaves no row out: it is that of rows in fold -1 too.
    numbers = np.arange(fold.max() + 2)[:, None]
    training = design.weights * (fold != numbers)
    labels = np.broadcast_to(labels, training.shape)
    fit = probe.fit(design, labels, training, HEAD_TOLERANCE)
    fit = BatchFit(*map(to_numpy, fit))
    if probe.kind == "logistic":
        centred = [center_rows(part) for part in (fit.coef, fit.intercept[..., None])]
        fit = BatchFit(centred[0], centred[1][..., 0], fit.converged)
    outputs, mean, spread = _apply(design, fit, fold)
    return _on_one_scale(outputs, mean, spread, fold), bool(fit.converged.all())


def _apply(
    design: Design, fit: BatchFit, fold: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs of each row by the head of its fold; moments of every head on all rows.

    Returns
    -------
    outputs : ndarray of shape (n, n_rows)
        By row.
    mean : ndarray of shape (n_heads, n_rows)
        Weighted means of the outputs.
    spread : ndarray of shape (n_heads,)
        Root of their variance, summed over outputs.
    """
    n_heads, n_rows, _ = fit.coef.shape
    shares = design.weights / design.weights.sum()
    coef = design.array(fit.coef.reshape(n_heads * n_rows, -1).T)
    outputs = np.empty((len(fold), n_rows))
    mean, squares = np.zeros((n_heads, n_rows)), np.zeros((n_heads, n_rows))
    for rows, block in design.blocks(n_heads * n_rows):
        found = to_numpy(block @ coef).reshape(-1, n_heads, n_rows) + fit.intercept
        outputs[rows] = found[np.arange(len(found)), fold[rows]]
        centred = found - fit.intercept
        mean += np.tensordot(shares[rows], centred, 1)
        squares += np.tensordot(shares[rows], centred**2, 1)
    variance = np.maximum(squares - mean**2, 0.0).sum(axis=1)
    return outputs, mean + fit.intercept, np.sqrt(variance)


def _on_one_scale(
    outputs: np.ndarray, mean: np.ndarray, spread: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """Outputs of heads brought to their common mean and spread.

    Heads of different training rows differ in level and length, above all where classes
    are separable and the penalty is small. Moments over all rows do not tell the labels
    of those that are held out.
    """
    common_mean, common_spread = mean.mean(axis=0), spread.mean()
    stretch = np.divide(
        common_spread, spread, out=np.ones_like(spread), where=spread > 0
    )
    return (outputs - mean[fold]) * stretch[fold, None] + common_mean
