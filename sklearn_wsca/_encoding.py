"""Encoding: how well a probe predicts a column on rows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn import metrics

from sklearn_wsca._folds import Folds
from sklearn_wsca._heads import log_probability
from sklearn_wsca._metadata import Column
from sklearn_wsca._permutation import PermutationPlan
from sklearn_wsca._probes import Probe, batch_dtype
from sklearn_wsca._solvers import prepare_design


@dataclass(frozen=True)
class FoldResult:
    """Losses of one fold: of the data (entry 0) and of every shuffle after it."""

    losses: np.ndarray
    baselines: np.ndarray
    outputs: np.ndarray
    all_converged: bool


def fold_losses(
    T: np.ndarray,
    weights: np.ndarray,
    column: Column,
    probe: Probe,
    folds: Folds,
    number: int,
    plan: PermutationPlan,
) -> FoldResult:
    """Fit the probe without one fold, for the data and all shuffles, and test it there.

    Labels are shuffled *within* test folds. The folds are stratified by the labels, and
    a shuffle across folds would break that for the shuffles alone; within folds every
    shuffle is a data set to which the same folds could have been given, so the test is
    exact.
    """
    test = folds.fold == number
    train_weights = weights[column.rows[~test]]
    test_weights = weights[column.rows[test]]
    dtype = batch_dtype(len(train_weights))
    design = prepare_design(T[column.rows[~test]], train_weights, dtype)
    test_rows = T[column.rows[test]]

    def evaluate(labels: np.ndarray) -> FoldResult:
        fit = probe.fit(design, labels[:, ~test])
        outputs = fit.coef @ test_rows.T + fit.intercept[..., None]
        constant = probe.baseline(labels[:, ~test], train_weights)[..., None]
        return FoldResult(
            probe.losses(outputs, labels[:, test], test_weights),
            probe.losses(
                np.broadcast_to(constant, outputs.shape), labels[:, test], test_weights
            ),
            outputs[0].T,
            bool(fit.converged.all()),
        )

    parts = [evaluate(column.labels[None])]
    for batch in plan.batches(probe.batch_size(*design.coordinates.shape)):
        sources = plan.sources(batch, column.rows, folds.fold)
        parts.append(evaluate(column.labels[sources]))
    return FoldResult(
        np.concatenate([part.losses for part in parts]),
        np.concatenate([part.baselines for part in parts]),
        parts[0].outputs,
        all(part.all_converged for part in parts),
    )


def combine_folds(results: list[FoldResult]) -> np.ndarray:
    """Skill over all held-out rows: of the data (entry 0) and of every shuffle.

    ``1 - loss / loss of the constant prediction``: D2 for log-loss, R2 for squares;
    0 is chance, 1 is perfect, negative is worse than chance.
    """
    losses = np.sum([result.losses for result in results], axis=0)
    baselines = np.sum([result.baselines for result in results], axis=0)
    return 1.0 - losses / baselines


def held_out_metrics(
    column: Column, folds: Folds, results: list[FoldResult], weights: np.ndarray
) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1 and AUROC, or R2 and absolute error."""
    outputs = np.empty((len(column.labels), results[0].outputs.shape[1]))
    for number, result in enumerate(results):
        outputs[folds.fold == number] = result.outputs
    row_weights = weights[column.rows]
    if column.kind == "continuous":
        return _number_metrics(column.labels, outputs[:, 0], row_weights)
    return _level_metrics(column.labels, outputs, column.n_levels, row_weights)


def _number_metrics(labels, predicted, weights):
    return {
        "r2": metrics.r2_score(labels, predicted, sample_weight=weights),
        "mean_absolute_error": metrics.mean_absolute_error(
            labels, predicted, sample_weight=weights
        ),
    }


def _level_metrics(labels, outputs, n_levels, weights):
    scores = log_probability(outputs, n_levels)
    predicted = scores.argmax(axis=1)
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
        "macro_f1": metrics.f1_score(
            labels,
            predicted,
            sample_weight=weights,
            average="macro",
            labels=np.arange(n_levels),
            zero_division=0.0,
        ),
        "auroc": float(np.mean(areas)),
    }
