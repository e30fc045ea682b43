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
# Classes without rows, and those for what is none of the others.
OTHER_CLASSES = 2
# Of chest radiographs 14 to 18 are common.
MOST_FINDINGS = 20


def describe_outputs(
    S: np.ndarray, rows: np.ndarray, target: Column | None, trained: bool = False
) -> str | None:
    """What makes embeddings look like outputs, on a sample of rows; or None.

    Outputs are as many as the target has classes, or a few more: many proportions that
    add up to 1 are none, and neither are many features between 0 and 1.

    Parameters
    ----------
    S : ndarray of shape (n_sample, n_features)
        Embeddings of some rows.
    rows : ndarray of shape (n_sample,)
        Which rows they are.
    target : Column or None
        The target.
    trained : bool, default=False
        Whether a head of this width is given: few features may then be what it reads,
        and clear signs alone count.
    """
    if len(S) < FEWEST_ROWS:
        return None
    found = _describe_probabilities(S, target)
    if found is None and target is not None:
        _, first, second = np.intersect1d(
            rows, target.rows, assume_unique=True, return_indices=True
        )
        if len(first) >= FEWEST_ROWS:
            found = _describe_logits(
                S[first], target.labels[second], target.n_levels, trained
            )
    if found is None and target is not None and not trained:
        found = _describe_sigmoids(S)
    return found


def _describe_probabilities(S: np.ndarray, target: Column | None) -> str | None:
    if S.shape[1] < 2 or not np.ptp(S, axis=0).any():
        return None
    few = target is None or S.shape[1] <= target.n_levels + OTHER_CLASSES
    if few and S.min() >= 0.0 and _add_up(S):
        return "the features of every row add up to 1, as probabilities do"
    if S.max() <= 0.0 and np.abs(special.logsumexp(S, axis=1)).max() < ROUNDED:
        return (
            "the exponentials of the features of every row add up to 1, as "
            "log-probabilities do"
        )
    return None


def _add_up(S: np.ndarray) -> bool:
    return bool(np.abs(S.sum(axis=1) - 1.0).max() < ROUNDED)


def _describe_sigmoids(S: np.ndarray) -> str | None:
    """Whether there are a few probabilities, each of something of its own.

    Features that were scaled to between 0 and 1 reach both, which a sigmoid does not.
    """
    n_features = S.shape[1]
    within = S.min() > 0.0 and S.max() < 1.0
    if not 2 <= n_features <= MOST_FINDINGS or not within or _add_up(S):
        return None
    if not np.ptp(S, axis=0).all():
        return None
    return (
        f"there are only {n_features} features, all of them between 0 and 1, as the "
        "probabilities of several findings are"
    )


def _describe_logits(
    S: np.ndarray, labels: np.ndarray, n_classes: int, trained: bool
) -> str | None:
    """Whether there is one feature per class, or one for two, that predicts it."""
    n_features = S.shape[1]
    if n_features == 1 and n_classes in (0, 2) and _goes_with(S[:, 0], labels):
        return "there is a single feature, and it goes with the target"
    if n_features != n_classes:
        return None
    if not _is_largest(S, labels) and (trained or not _is_its_own(S, labels)):
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
    counts = _count_largest(S, labels)
    n = len(labels)
    if _is_right(counts):
        return True
    best = optimize.linear_sum_assignment(counts, maximize=True)
    largest_class = counts.sum(axis=1).max()
    return bool(counts[best].sum() >= max(MOSTLY_RIGHT * n, largest_class + 1))


def _count_largest(S: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rows of each class whose largest feature is each: (n_classes, n_classes)."""
    counts = np.zeros((S.shape[1], S.shape[1]))
    np.add.at(counts, (labels, S.argmax(axis=1)), 1.0)
    return counts


def _is_right(counts: np.ndarray) -> bool:
    """Whether the largest feature tells the class more often than by chance."""
    n = counts.sum()
    expected = float(counts.sum(axis=0) @ counts.sum(axis=1)) / n**2
    return bool(stats.binom.sf(np.trace(counts) - 1, n, expected) < CHANCE)


def _is_its_own(S: np.ndarray, labels: np.ndarray) -> bool:
    """Whether every class has a feature that is highest in it, and then the largest."""
    classes = range(S.shape[1])
    if not np.ptp(S, axis=0).all() or set(labels) != set(classes):
        return False
    ranks = stats.rankdata(S, axis=0)
    means = np.stack([ranks[labels == c].mean(axis=0) for c in classes])
    order = means.argmax(axis=0)
    if set(order) != set(classes):
        return False
    higher = [
        stats.mannwhitneyu(
            S[labels == c, j], S[labels != c, j], alternative="greater"
        ).pvalue
        for j, c in enumerate(order)
    ]
    return max(higher) < CHANCE and _is_right(_count_largest(S, labels)[order])
