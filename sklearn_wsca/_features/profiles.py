"""Samples that are unlike the others, and features that tell nothing of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

MAD_TO_DEVIATION = 1.4826
# A feature below a hundredth of an equal share of the variance carries nothing.
SMALL_SHARE = 0.01
SAME = 0.95
# Relative to the largest value: what is smaller is rounding.
CONSTANT = 1e-12


def outlier_scores(contributions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Robust distance of every sample from the others of its class.

    The root mean square over features of the distance of a contribution from the median
    of the class, in robust standard deviations (1.4826 times the median absolute
    deviation). 1 is usual; features without any deviation are left out. NaN in classes
    of fewer than three samples.
    """
    scores = np.full(len(contributions), np.nan)
    for k in np.unique(classes):
        rows = np.flatnonzero(classes == k)
        if len(rows) < 3:
            continue
        distance = np.abs(contributions[rows] - np.median(contributions[rows], axis=0))
        deviation = MAD_TO_DEVIATION * np.median(distance, axis=0)
        varies = deviation > CONSTANT * np.abs(contributions[rows]).max(axis=0)
        standard = distance[:, varies] / deviation[varies]
        scores[rows] = np.sqrt(np.mean(standard**2, axis=1)) if varies.any() else 0.0
    return scores


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
