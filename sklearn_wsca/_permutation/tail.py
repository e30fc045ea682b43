"""Small p-values beyond the floor: a generalised Pareto tail of the null."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from sklearn_wsca._permutation.plan import ROUNDING, count_reached

FEWEST_PERMUTATIONS = 99
REACHED_IS_ENOUGH = 10
LARGEST_SHARE = 0.25
MOST_EXCEEDANCES = 250
FEWEST_EXCEEDANCES = 20
FEWER_AT_A_TIME = 10
# 5 % point of the Cramer-von Mises statistic with both parameters fitted freely; with
# the shape bounded, exponential tails exceed it in 8 %, heavier ones in 2 to 4 %.
LARGEST_MISFIT = 0.153
# Ratios of shape and scale that are tried, in units of the mean excess.
RATIOS = np.append(0.0, np.geomspace(1e-3, 1e4, 100))


def extrapolated_pvalue(
    observed: float, null: np.ndarray, tolerance: float = 0.0
) -> float:
    r"""p-value of an alignment score from a generalised Pareto tail of its null.

    Scores s between 0 and 1 are taken to ``-log(1 - s^2)``. For directions without
    relation s^2 is about a beta variable, which this makes exponential in its tail. The
    largest values of the permutations, above a threshold t, are then taken for a sample
    from a generalised Pareto distribution with scale sigma and shape xi, and

    .. math:: p = \frac{e}{m} \left(1 + \xi \frac{T - t}{\sigma}\right)^{-1/\xi}

    with e of m permutations above t and T the value of the data. The fit is by maximum
    likelihood under the constraint that xi is not negative, so the tail has no end and
    p is never 0. The number of exceedances is lowered until a Cramer-von Mises test
    does not reject the tail.

    Parameters
    ----------
    observed : float
        Score of the data.
    null : ndarray of shape (m,)
        Scores of the permutations.
    tolerance : float
        Relative distance below which a permutation counts as a tie.

    Returns
    -------
    float
        NaN where the plain p-value needs no extrapolation, because at least ten
        permutations reach the score, and where no tail can be fitted: fewer than 99
        permutations, or permutations that hardly differ.

    References
    ----------
    .. [1] T. A. Knijnenburg, L. F. A. Wessels, M. J. T. Reinders and I. Shmulevich,
       "Fewer permutations, more accurate P-values", Bioinformatics 25(12), 2009.
    """
    m = len(null)
    enough = count_reached(observed, null, tolerance) >= REACHED_IS_ENOUGH
    if m < FEWEST_PERMUTATIONS or enough or _hardly_differ(null, tolerance):
        return np.nan
    ordered = np.sort(_straighten(null))[::-1]
    reached = float(_straighten(np.asarray(observed)))
    most = min(int(LARGEST_SHARE * m), MOST_EXCEEDANCES)
    for count in range(most, FEWEST_EXCEEDANCES - 1, -FEWER_AT_A_TIME):
        threshold = (ordered[count - 1] + ordered[count]) / 2
        excess = ordered[:count] - threshold
        if not excess[-1] > 0:
            continue
        shape, scale = fit_tail(excess)
        if _misfit(excess, shape, scale) <= LARGEST_MISFIT:
            beyond = stats.genpareto.sf(reached - threshold, shape, scale=scale)
            return max(float(count / m * beyond), float(np.finfo(float).tiny))
    return np.nan


def fit_tail(excess: np.ndarray) -> tuple[float, float]:
    """Shape, not negative, and scale of a generalised Pareto tail.

    For a given ratio a = shape / scale the likelihood is largest at the shape
    ``mean(log(1 + a x))``, which leaves one dimension to search.
    """
    unit = float(excess.mean())
    relative = excess / unit

    def cost(ratio: float) -> float:
        shape = float(np.mean(np.log1p(ratio * relative)))
        return np.log(shape / ratio if ratio else 1.0) + shape

    # The likelihood can have two maxima: search between the points of a grid.
    costs = np.array([cost(ratio) for ratio in RATIOS])
    best = int(np.argmin(costs))
    bounds = RATIOS[max(best - 1, 0)], RATIOS[min(best + 1, len(RATIOS) - 1)]
    found = optimize.minimize_scalar(cost, bounds=bounds, method="bounded")
    ratio = float(found.x) if found.fun < costs[best] else float(RATIOS[best])
    shape = float(np.mean(np.log1p(ratio * relative)))
    return shape, unit * (shape / ratio if ratio else 1.0)


def _hardly_differ(null: np.ndarray, tolerance: float) -> bool:
    """Whether permutations differ by rounding or by what the solver leaves only."""
    return bool(np.ptp(null) <= max(tolerance, ROUNDING) * np.abs(null).max())


def _straighten(scores: np.ndarray) -> np.ndarray:
    """Scores between 0 and 1 on a scale without an upper end."""
    return -np.log1p(-np.minimum(scores**2, 1.0 - np.finfo(float).eps))


def _misfit(excess: np.ndarray, shape: float, scale: float) -> float:
    """Cramer-von Mises statistic of the fitted tail."""
    chances = np.sort(stats.genpareto.cdf(excess, shape, scale=scale))
    n = len(chances)
    expected = (2 * np.arange(n) + 1) / (2 * n)
    return float(np.sum((chances - expected) ** 2) + 1 / (12 * n))
