"""How far two measurements of the same samples are apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from sklearn_wsca._features.arguments import read_groups

FEWEST = 3
# Of normal differences, this share lies within the limits.
WITHIN = 0.95
CONFIDENCE = 0.95


class Agreement(NamedTuple):
    """Bias and limits of agreement of two measurements.

    Parameters
    ----------
    means, differences : ndarray of shape (n,)
        Mean of both, and first less second.
    bias, bias_interval : float, ndarray of shape (2,)
        Mean difference, and where it lies at a confidence of 95 %.
    limits, limits_intervals : ndarray of shape (2,), ndarray of shape (2, 2)
        Between which 95 % of single differences lie if they are normal, and intervals
        of either limit.
    trend : float
        Correlation of differences and means; NaN where one is constant.
    n_units : int
        Samples, or groups.
    """

    means: np.ndarray
    differences: np.ndarray
    bias: float
    bias_interval: np.ndarray
    limits: np.ndarray
    limits_intervals: np.ndarray
    trend: float
    n_units: int


def measure_agreement(first: Any, second: Any, groups: Any = None) -> Agreement:
    r"""Bias and limits of agreement after Bland and Altman.

    With the differences :math:`d_i`, their mean and standard deviation s, and z = 1.96,
    the limits are the mean :math:`\pm z s`, each with a standard error of about
    :math:`s \sqrt{1 / n + z^2 / (2 (n - 1))}`. Of groups, such as the images of a
    patient, :math:`s^2` is the sum of the variances between and within them, as an
    analysis of variance has them, n their number, and the error of the bias is robust
    to what the samples of a group have in common.

    Raises
    ------
    ValueError
        If these are not as many finite numbers, or maps, or there are fewer than three.
    """
    first, second = _as_numbers(first, "first"), _as_numbers(second, "second")
    if len(first) != len(second):
        raise ValueError(
            f"second: {len(second)} values for the {len(first)} of first; pass both "
            "for the same samples."
        )
    means, differences = (first + second) / 2, first - second
    codes = read_groups(groups, len(first))
    n = int(codes.max(initial=-1)) + 1
    if n < FEWEST:
        raise ValueError(
            f"first: {n} {'samples' if groups is None else 'groups'}; limits of "
            f"agreement need {FEWEST} or more."
        )
    bias = float(differences.mean())
    sums = np.bincount(codes, weights=differences - bias)
    error = np.linalg.norm(sums) / len(differences) * np.sqrt(n / (n - 1))
    spread = np.sqrt(_total_variance(differences, codes, n))
    z = stats.norm.ppf((1 + WITHIN) / 2)
    limits = bias + z * spread * np.array([-1.0, 1.0])
    error_of_limits = spread * np.sqrt(1 / n + z**2 / (2 * (n - 1)))
    both = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.array([-1.0, 1.0])
    return Agreement(
        means,
        differences,
        bias,
        bias + error * both,
        limits,
        limits[:, None] + error_of_limits * both,
        _correlate(means, differences),
        n,
    )


def _total_variance(differences: np.ndarray, codes: np.ndarray, n: int) -> float:
    """Variance of a single difference: between groups and within them."""
    total = len(differences)
    if n == total:
        return float(differences.var(ddof=1))
    sizes = np.bincount(codes)
    of_groups = np.bincount(codes, weights=differences) / sizes
    within = ((differences - of_groups[codes]) ** 2).sum() / (total - n)
    between = (sizes * (of_groups - differences.mean()) ** 2).sum() / (n - 1)
    size = (total - (sizes**2).sum() / total) / (n - 1)
    return float(within + max(between - within, 0.0) / size)


def _correlate(means: np.ndarray, differences: np.ndarray) -> float:
    rounding = 1e-12 * max(np.abs(means).max(), np.abs(differences).max())
    if min(np.ptp(means), np.ptp(differences)) <= rounding:
        return np.nan
    return float(np.corrcoef(means, differences)[0, 1])


def _as_numbers(values: Any, argument: str) -> np.ndarray:
    """One number per sample; of maps their means over the positions."""
    given = np.asarray(values)
    if given.ndim == 0 or 0 in given.shape or given.dtype.kind not in "fiub":
        raise ValueError(
            f"{argument}: an array of shape {given.shape} and type {given.dtype}; pass "
            "one number per sample, or one map."
        )
    numbers = given.reshape(len(given), -1).mean(axis=1, dtype=np.float64)
    broken = np.flatnonzero(~np.isfinite(numbers))
    if len(broken):
        raise ValueError(
            f"{argument}: {len(broken)} of {len(numbers)} samples hold NaN or "
            f"infinity, the first is row {broken[0]}; leave them out of both."
        )
    return numbers
