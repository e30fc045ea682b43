"""Encoding: how well a probe predicts a column on rows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import array_namespace, device_of, to_numpy
from sklearn_wsca._encoding.folds import Folds
from sklearn_wsca._heads.head import log_probability
from sklearn_wsca._heads.probe import (
    FOLD_TOLERANCES,
    Probe,
    ProbeFit,
    fit_probes,
)
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.solvers import BatchFit


@dataclass(frozen=True)
class HeldOut:
    """Performance of the probe of a column on held-out rows.

    Parameters
    ----------
    score : float
        Skill, ``1 - loss / loss of the constant prediction`` over all held-out rows:
        D2 for log-loss, R2 for squares; 0 is chance, 1 is perfect, negative is worse
        than chance.
    metrics : dict of str to float
        Further measures.
    all_converged : bool
        Whether all fits reached the tolerance.
    """

    score: float
    metrics: dict[str, float]
    all_converged: bool


@dataclass(frozen=True)
class TestedProbe:
    """The probe of a column, and the folds that it is tested on.

    Parameters
    ----------
    design : Design
        Rows of the column, without their coordinates. A fold is a fit in which the test
        rows have the weight 0.
    column : Column
        Labels.
    probe : Probe
        What is fitted.
    folds : Folds
        Test fold of each row of the column.
    """

    design: Design
    column: Column
    probe: Probe
    folds: Folds

    def to_fit(self, T: Any) -> ProbeFit:
        """Fits without each fold."""
        design, folds = self.design, self.folds
        training = design.weights * (folds.fold != np.arange(folds.n_folds)[:, None])
        labels = np.broadcast_to(self.column.labels, training.shape)
        tolerance = FOLD_TOLERANCES[design.precision]
        return ProbeFit(self.probe, design.on(T), labels, training, tolerance)


def held_out(T: Any, columns: list[TestedProbe]) -> list[HeldOut]:
    """Fit the probes without each fold and test them there.

    Parameters
    ----------
    T : array of shape (n_rows, k)
        Coordinates of all rows.
    columns : list of TestedProbe
        The columns.
    """
    fits = fit_probes([column.to_fit(T) for column in columns])
    pairs = zip(columns, fits, strict=True)
    return [_test(T, column, fit) for column, fit in pairs]


def _test(T: Any, tested: TestedProbe, fit: BatchFit) -> HeldOut:
    """Performance on the rows of every fold of the probe that was fitted without it."""
    column, probe, folds = tested.column, tested.probe, tested.folds
    fold, weights = folds.fold, tested.design.weights
    outputs = _outputs_by_fold(tested.design.on(T), fit, fold)
    constant = np.empty_like(outputs)
    for number in range(folds.n_folds):
        train = fold != number
        best = probe.baseline(column.labels[None, train], weights[train])
        constant[~train] = best[0]
    loss, chance = (
        probe.losses(found.T[None], column.labels[None], weights)[0]
        for found in (outputs, constant)
    )
    return HeldOut(
        float(1.0 - loss / chance),
        held_out_metrics(column, outputs, weights),
        bool(fit.converged.all()),
    )


def _outputs_by_fold(design: Design, fit: BatchFit, fold: np.ndarray) -> np.ndarray:
    """Output of each row by the probe of its fold, in double: (n, n_rows)."""
    design = design.in_precision("float64")
    n_folds, n_rows, _ = fit.coef.shape
    xp = array_namespace(design.coordinates)
    coef = design.array(fit.coef).reshape(n_folds * n_rows, -1)
    intercept, place = design.array(fit.intercept), design.index(fold)
    outputs = []
    for rows, block in design.blocks(n_folds * n_rows):
        found = (block @ coef.T).reshape(-1, n_folds, n_rows) + intercept
        at = xp.arange(len(found), **device_of(found))
        outputs.append(found[at, place[rows]])
    return to_numpy(xp.concatenate(outputs))


def held_out_metrics(
    column: Column, outputs: np.ndarray, weights: np.ndarray
) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1 and AUROC, or R2 and absolute error."""
    if column.kind == "continuous":
        return _number_metrics(column.labels, outputs[:, 0], weights)
    return _level_metrics(column.labels, outputs, column.n_levels, weights)


def _number_metrics(labels, predicted, weights):
    from sklearn import metrics  # Late: it takes longer than this package.

    return {
        "r2": metrics.r2_score(labels, predicted, sample_weight=weights),
        "mean_absolute_error": metrics.mean_absolute_error(
            labels, predicted, sample_weight=weights
        ),
    }


def _level_metrics(labels, outputs, n_levels, weights):
    from sklearn import metrics  # Late: it takes longer than this package.

    scores = log_probability(outputs, n_levels)
    predicted = scores.argmax(axis=1)
    of_levels = {
        "sample_weight": weights,
        "average": "macro",
        "labels": np.arange(n_levels),
        "zero_division": 0.0,
    }
    areas = [
        metrics.roc_auc_score(labels == c, scores[:, c], sample_weight=weights)
        for c in range(n_levels)
    ]
    return {
        "accuracy": metrics.accuracy_score(labels, predicted, sample_weight=weights),
        "balanced_accuracy": metrics.balanced_accuracy_score(
            labels, predicted, sample_weight=weights
        ),
        "balanced_accuracy_chance": 1.0 / n_levels,
        "macro_precision": metrics.precision_score(labels, predicted, **of_levels),
        "macro_f1": metrics.f1_score(labels, predicted, **of_levels),
        "auroc": float(np.mean(areas)),
    }
