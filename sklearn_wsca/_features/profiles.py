"""Samples that are unlike the others, and features that tell nothing of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse, stats
from scipy.sparse.csgraph import connected_components

MAD_TO_DEVIATION = 1.4826
# Largest deviations, by which a robust standard deviation must not be ruined.
TRIMMED = 0.05
# Of the plain standard deviation: what varies in a few samples only has no smaller one.
LEAST_DEVIATION = 0.2
# Deviations beyond count with their logarithm: no single feature decides.
USUAL_DEVIATION = 3.0
# Samples of a class that count as much as all others in the deviations of its features.
SAMPLES_OF_OTHERS = 10
FALSE_ALARMS = 0.01
# A feature below a hundredth of an equal share of the variance carries nothing.
SMALL_SHARE = 0.01
SAME = 0.95
# Relative to the largest value: what is smaller is rounding.
CONSTANT = 1e-12


def outlier_scores(pooled: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Robust distance of every sample from the others of its class, in usual ones.

    The root mean square over features of the deviation from the median of the class, in
    robust standard deviations, over its median over samples. Deviations above 3 count
    with 3 (1 + log(deviation / 3)). A standard deviation is that of the class, together
    with that of all within their classes where it has few samples. NaN in classes of
    fewer than three samples.
    """
    known = np.bincount(classes)[classes] >= 3
    scores = np.full(len(pooled), np.nan)
    deviations = np.zeros_like(pooled[known])
    members = [np.flatnonzero(classes[known] == k) for k in np.unique(classes[known])]
    for rows in members:
        own = pooled[known][rows]
        apart = np.abs(own - np.median(own, axis=0))
        apart[:, apart.max(axis=0) <= CONSTANT * np.abs(own).max(axis=0)] = 0.0
        deviations[rows] = apart
    if not len(deviations):
        return scores
    common = _robust_variance(deviations)
    for rows in members:
        m, n = SAMPLES_OF_OTHERS, len(rows)
        variance = (n * _robust_variance(deviations[rows]) + m * common) / (n + m)
        deviations[rows] /= np.sqrt(np.where(variance > 0.0, variance, 1.0))
    size = np.maximum(deviations, USUAL_DEVIATION) / USUAL_DEVIATION
    bounded = np.minimum(deviations, USUAL_DEVIATION)
    bounded += USUAL_DEVIATION * np.log(size)
    distance = np.sqrt(np.mean(bounded**2, axis=1))
    usual = np.median(distance)
    scores[known] = distance / usual if usual > 0.0 else distance
    return scores


def _robust_variance(deviations: np.ndarray) -> np.ndarray:
    """Variance of features by deviations from their medians; 0 if none deviates.

    That of the median deviation, which is nothing for a feature that is mostly 0, or of
    deviations cut off at their 95th percentile, or a part of the plain one.
    """
    median = MAD_TO_DEVIATION * np.median(deviations, axis=0)
    cut = np.minimum(deviations, np.quantile(deviations, 1.0 - TRIMMED, axis=0))
    plain = LEAST_DEVIATION**2 * np.mean(deviations**2, axis=0)
    return np.maximum.reduce([median**2, np.mean(cut**2, axis=0), plain])


def outlier_threshold(scores: np.ndarray) -> float:
    """Score that one of a hundred usual samples exceeds.

    Scores are taken for log-normal, with the spread of those above their median. NaN
    where there are none.
    """
    logs = np.log(scores[scores > 0.0])
    if not len(logs):
        return float("nan")
    middle = np.median(logs)
    above = logs[logs > middle] - middle
    spread = MAD_TO_DEVIATION * np.median(above) if len(above) else 0.0
    return float(np.exp(middle + stats.norm.ppf(1.0 - FALSE_ALARMS) * spread))


def find_redundancy(pooled: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Features that carry nothing, and groups of features that carry the same.

    For pooled activations (n, C) and weights (K, C). variance_share: share of the
    summed variances of all contributions (centred over classes, which alone changes
    decisions); carries_nothing: below a hundredth of an equal share; group: number
    shared by features that are linked by absolute correlations of 0.95 or more, -1 for
    features without such a link.
    """
    n_features = pooled.shape[1]
    centred = weights - weights.mean(axis=0) if len(weights) > 1 else weights
    variance = (centred**2).sum(axis=0) * pooled.var(axis=0) * _find_varying(pooled)
    total = variance.sum()
    share = variance / total if total > 0 else np.zeros(n_features)
    return pd.DataFrame(
        {
            "variance_share": share,
            "carries_nothing": share < SMALL_SHARE / n_features,
            "group": _link(pooled),
        }
    )


def _find_varying(pooled: np.ndarray) -> np.ndarray:
    """Which features are not constant up to rounding."""
    return pooled.std(axis=0) > CONSTANT * np.abs(pooled).max(axis=0, initial=0.0)


def _link(pooled: np.ndarray) -> np.ndarray:
    """Number of the group of linked features; -1 for single ones."""
    centred = pooled - pooled.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    varies = _find_varying(pooled)
    unit = centred[:, varies] / norm[varies]
    linked = sparse.csr_array(np.abs(unit.T @ unit) >= SAME)
    labels = connected_components(linked, directed=False)[1]
    sizes = np.bincount(labels, minlength=1)
    groups = np.full(pooled.shape[1], -1)
    numbers = np.cumsum(sizes > 1) - 1
    groups[varies] = np.where(sizes[labels] > 1, numbers[labels], -1)
    return groups
