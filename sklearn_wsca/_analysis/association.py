"""How strongly two columns of a table go together, and whether that is chance."""

from __future__ import annotations

import numpy as np
from scipy import stats

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups


def association_pvalue(column: Column, target: Column, groups: Groups | None) -> float:
    """p-value of the association of two columns, from one row of each group.

    Of the chi-squared test, the analysis of variance or the correlation; NaN where
    there are too few rows.
    """
    both, first, second = np.intersect1d(
        column.rows, target.rows, assume_unique=True, return_indices=True
    )
    if groups is not None:
        codes = groups.codes[both]
        once = np.unique(codes, return_index=True)[1]
        first, second = first[once], second[once]
    a, b = column.labels[first], target.labels[second]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    if column.n_levels and target.n_levels:
        return float(stats.chi2_contingency(stats.contingency.crosstab(a, b)[1]).pvalue)
    alike = np.ones(len(a))
    if not (column.n_levels or target.n_levels):
        return _pvalue_of_share(_correlation(a, b, alike) ** 2, 1, len(a) - 2)
    levels, values = (a, b) if column.n_levels else (b, a)
    n_parts = len(np.unique(levels))
    share = _correlation_ratio(levels, values, alike) ** 2
    return _pvalue_of_share(share, n_parts - 1, len(a) - n_parts)


def _pvalue_of_share(explained: float, degrees: int, rest: int) -> float:
    """p-value of a share of variance; 0 where all of it is explained."""
    if not rest:
        return float("nan")
    with np.errstate(divide="ignore"):
        ratio = np.divide(explained / degrees, max(1.0 - explained, 0.0) / rest)
    return float(stats.f.sf(ratio, degrees, rest))


def association_strength(column: Column, target: Column, weights: np.ndarray) -> float:
    """Strength of the association of two columns, between 0 and 1.

    Cramer's V for two categorical columns, the correlation ratio (square root of the
    share of variance between levels) for one categorical and one continuous, and the
    absolute Pearson correlation for two continuous ones. NaN if fewer than two rows
    have both.
    """
    both, a, b = column.rows, column.labels, target.labels
    # Most columns are complete, and to look for what they share would take longest.
    if not np.array_equal(both, target.rows):
        both, first, second = np.intersect1d(
            both, target.rows, assume_unique=True, return_indices=True
        )
        a, b = a[first], b[second]
    if len(both) < 2:
        return float("nan")
    w = weights[both]
    return labels_strength(a, b, w, column.n_levels > 0, target.n_levels > 0)


def labels_strength(
    a: np.ndarray, b: np.ndarray, weights: np.ndarray, a_levels: bool, b_levels: bool
) -> float:
    """The same for labels of the same rows, which are codes of levels or numbers."""
    if a_levels and b_levels:
        return _cramers_v(a, b, weights)
    if a_levels:
        return _correlation_ratio(a, b, weights)
    if b_levels:
        return _correlation_ratio(b, a, weights)
    return abs(_correlation(a, b, weights))


def _cramers_v(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    shape = int(a.max()) + 1, int(b.max()) + 1
    table = np.bincount(a * shape[1] + b, weights, shape[0] * shape[1]).reshape(shape)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0] / table.sum()
    if min(table.shape) < 2:
        return float("nan")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    phi_squared = np.sum((table - expected) ** 2 / expected)
    return float(np.sqrt(phi_squared / (min(table.shape) - 1)))


def _correlation_ratio(levels, values, weights) -> float:
    centred = values - np.average(values, weights=weights)
    mass = np.bincount(levels, weights)
    sums = np.bincount(levels, weights * centred)
    between = np.sum(sums[mass > 0] ** 2 / mass[mass > 0])
    total = weights @ centred**2
    return float(np.sqrt(between / total)) if total > 0 else float("nan")


def _correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    a, b = (v - np.average(v, weights=weights) for v in (a, b))
    spread = np.sqrt((weights @ a**2) * (weights @ b**2))
    return float(weights @ (a * b) / spread) if spread > 0 else float("nan")
