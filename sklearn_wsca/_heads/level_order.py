"""Whether a predicted number rises with the levels of a target, as grades do."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy import stats

from sklearn_wsca._heads.performance import Predictions

# Share of the range of the means that a fall between two levels takes up.
LARGE = 0.25
FEWEST_UNITS = 5


def means_by_level(found: Predictions) -> dict[float, float]:
    """Mean output at every level, the lowest level first."""
    return {
        level: float(found.scores[found.labels == level].mean())
        for level in found.present
    }


def falls(found: Predictions, units: np.ndarray, significance: float) -> bool:
    """Whether the mean output is much lower at some level than at a lower one.

    Parameters
    ----------
    found : Predictions
        Of a number, at rows whose labels are levels.
    units : ndarray of shape (n,)
        Rows of one unit count as one within a level.
    significance : float
        Of all pairs of levels together.
    """
    means = means_by_level(found)
    width = max(means.values()) - min(means.values())
    pairs = list(combinations(means, 2))
    for low, high in pairs:
        fall = means[low] - means[high]
        if fall <= 0.0 or fall < LARGE * width:
            continue
        lower, higher = (_unit_means(found, units, level) for level in (low, high))
        if min(len(lower), len(higher)) < FEWEST_UNITS:
            continue
        if not max(np.ptp(lower), np.ptp(higher)):
            return True
        test = stats.ttest_ind(lower, higher, equal_var=False, alternative="greater")
        if test.pvalue * len(pairs) <= significance:
            return True
    return False


def _unit_means(found: Predictions, units: np.ndarray, level: float) -> np.ndarray:
    """Mean output of each unit at a level."""
    rows = found.labels == level
    _, unit = np.unique(units[rows], return_inverse=True)
    return np.bincount(unit, found.scores[rows, 0]) / np.bincount(unit)
