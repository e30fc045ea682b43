"""Embeddings that look like outputs of a network: logits or probabilities."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special, stats

from sklearn_wsca._input.column import Column

FEWEST_ROWS = 20
# How far sums of probabilities may be from 1 in files with few digits.
ROUNDED = 1e-3
CHANCE = 1e-4
# Logits of two classes go opposite ways.
OPPOSITE = -0.5
# Share of rows whose largest logit names the class, in some order of the classes.
MOSTLY_RIGHT = 0.8


def describe_outputs(
    S: np.ndarray, rows: np.ndarray, target: Column | None
) -> str | None:
    """What makes embeddings look like outputs, on a sample of rows; or None.

    Parameters
    ----------
    S : ndarray of shape (n_sample, n_features)
        Embeddings of some rows.
    rows : ndarray of shape (n_sample,)
        Which rows they are.
    target : Column or None
        The target.
    """
    if len(S) < FEWEST_ROWS:
        return None
    found = _describe_probabilities(S)
    if found is None and target is not None:
        _, first, second = np.intersect1d(
            rows, target.rows, assume_unique=True, return_indices=True
        )
        if len(first) >= FEWEST_ROWS:
            found = _describe_logits(S[first], target.labels[second], target.n_levels)
    return found


def _describe_probabilities(S: np.ndarray) -> str | None:
    if S.shape[1] < 2 or not np.ptp(S, axis=0).any():
        return None
    if S.min() >= 0.0 and np.abs(S.sum(axis=1) - 1.0).max() < ROUNDED:
        return "the features of every row add up to 1, as probabilities do"
    if S.max() <= 0.0 and np.abs(special.logsumexp(S, axis=1)).max() < ROUNDED:
        return (
            "the exponentials of the features of every row add up to 1, as "
            "log-probabilities do"
        )
    return None


def _describe_logits(S: np.ndarray, labels: np.ndarray, n_classes: int) -> str | None:
    """Whether there is one feature per class, or one for two, that predicts it."""
    n_features = S.shape[1]
    if n_features == 1 and n_classes in (0, 2) and _goes_with(S[:, 0], labels):
        return "there is a single feature, and it goes with the target"
    if n_features != n_classes or not _is_largest(S, labels):
        return None
    return (
        f"there are {n_classes} features, as many as the target has classes, and the "
        "largest one of a row tells its class"
    )


def _goes_with(feature: np.ndarray, labels: np.ndarray) -> bool:
    if not np.ptp(feature) or not np.ptp(labels):
        return False
    return bool(stats.spearmanr(feature, labels).pvalue < CHANCE)


def _is_largest(S: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the largest feature tells the class, in whatever order classes have."""
    n_classes = S.shape[1]
    if n_classes == 2:
        difference = S[:, 1] - S[:, 0]
        varies = np.ptp(S, axis=0).all()
        opposite = varies and np.corrcoef(S.T)[0, 1] < OPPOSITE
        return bool(opposite and _goes_with(difference, labels))
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (labels, S.argmax(axis=1)), 1.0)
    n = len(labels)
    expected = float(counts.sum(axis=0) @ counts.sum(axis=1)) / n**2
    right = int(np.trace(counts))
    if stats.binom.sf(right - 1, n, expected) < CHANCE:
        return True
    best = optimize.linear_sum_assignment(counts, maximize=True)
    largest_class = counts.sum(axis=1).max()
    return bool(counts[best].sum() >= max(MOSTLY_RIGHT * n, largest_class + 1))
