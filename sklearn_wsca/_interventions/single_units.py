r"""How far single units move between levels, and how often their decision changes.

Everything is a mean over pairs of levels of a mean over the units that were seen under
both, so cells may be missing. With :math:`D_{jl}` the mean squared distance between the
outputs of a unit under levels j and l,

.. math:: \text{sensitivity}^2
          = \frac{J - 1}{2 J} \,\text{mean}_{j<l}\, D_{jl} \Big/ \text{tr Cov},

which is the mean squared distance from the mean over the levels if no cell is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sklearn_wsca._interventions.design import Design


@dataclass(frozen=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float


NOTHING = Estimate(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Spread:
    """Total variance of the outputs, for all units and without each cluster.

    Parameters
    ----------
    value : float
        Sum of the variances of the outputs, every unit, and every level and repeat of
        a unit, counted alike.
    without : ndarray of shape (n_clusters,)
        The same without each cluster.
    """

    value: float
    without: np.ndarray

    @classmethod
    def of(cls, design: Design, rows: np.ndarray, means: np.ndarray) -> Spread:
        """Spread of rows (n, C) whose cells have these means.

        The variance of the means of units is the unbiased one, so that few units make
        it no smaller.
        """
        n_seen = design.seen.sum(axis=1)
        centres = means.sum(axis=1) / n_seen[:, None]
        apart = rows - centres[design.unit]
        squares = np.sum(apart**2, axis=1, keepdims=True)
        within = design.cell_means(squares)[..., 0].sum(axis=1) / n_seen
        centres = centres - centres.mean(axis=0)
        one = np.ones(design.n_units)
        n, inside, total, square = (
            design.cluster_sums(part)
            for part in (one, within, centres, np.sum(centres**2, axis=1))
        )

        def variance(n, inside, total, square):
            between = square - np.sum(total**2, axis=-1) / n
            return inside / n + between / np.maximum(n - 1.0, 1.0)

        everything = [part.sum(axis=0) for part in (n, inside, total, square)]
        rest = [
            every - part
            for every, part in zip(everything, (n, inside, total, square), strict=True)
        ]
        return cls(float(variance(*everything)), variance(*rest))


@dataclass(frozen=True)
class PairMeans:
    """A value per pair of levels and unit, which is averaged over units, then pairs.

    Parameters
    ----------
    sums, counts : ndarray of shape (n_clusters, n_pairs)
        Sum over the units of a cluster that were seen under both levels; how many.
    """

    sums: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, design: Design, values: np.ndarray) -> PairMeans:
        """Of values (n_units, n_pairs), 0 where a unit was not seen under both."""
        counts = design.cluster_sums(design.both.astype(float))
        return cls(design.cluster_sums(values), counts)

    @property
    def value(self) -> float:
        """Mean over the pairs."""
        return float(np.mean(self.sums.sum(axis=0) / self.counts.sum(axis=0)))

    @property
    def without(self) -> np.ndarray:
        """The same without each cluster; of the pairs that are left: (n_clusters,)."""
        counts = self.counts.sum(axis=0) - self.counts
        left = counts > 0
        means = (self.sums.sum(axis=0) - self.sums) / np.where(left, counts, 1.0)
        return np.sum(means * left, axis=1) / left.sum(axis=1)


def pair_squares(design: Design, means: np.ndarray) -> np.ndarray:
    """Squared distances between the cells of a unit: (..., n_units, n_pairs)."""
    values = np.zeros((*means.shape[:-2], len(design.pairs)))
    for p, (i, j) in enumerate(design.pairs):
        apart = means[..., i, :] - means[..., j, :]
        values[..., p] = np.sum(apart**2, axis=-1)
    return values * design.both


def pair_noise(design: Design, noise: np.ndarray) -> np.ndarray:
    """What repeats leave in these distances; noise (..., n_units, n_levels)."""
    values = np.zeros((*noise.shape[:-1], len(design.pairs)))
    for p, (i, j) in enumerate(design.pairs):
        values[..., p] = noise[..., i] + noise[..., j]
    return values * design.both


def share_of_pairs(design: Design) -> float:
    """Squared distance from the mean over levels, per squared distance of a pair."""
    return (design.n_levels - 1.0) / (2.0 * design.n_levels)


def measure_sensitivity(
    design: Design,
    means: np.ndarray,
    noise: np.ndarray | None,
    spread: Spread,
    significance: float,
) -> Estimate:
    r"""Root mean square move of a unit, in standard deviations of the outputs.

    The interval is that of the logarithm of the raw mean square, with the standard
    error of the jackknife over clusters: squares are skewed, and a few units may move
    most. Its degrees of freedom go by the kurtosis of what each cluster contributes.
    """
    if spread.value <= 0.0:
        return Estimate(0.0, 0.0, 0.0)
    squares = pair_squares(design, means)
    removed = 0.0
    if noise is not None:
        own = pair_noise(design, noise)
        removed = PairMeans.of(design, own).value
        squares = squares - own
    share, found = share_of_pairs(design), PairMeans.of(design, squares)
    removed = share * removed / spread.value
    square = share * found.value / spread.value
    raw = square + removed
    if raw <= 0.0:
        return Estimate(0.0, 0.0, 0.0)
    left = share * found.without / np.where(spread.without > 0, spread.without, np.inf)
    error, degrees = jackknife(np.log(np.maximum(left + removed, raw * 1e-12)))
    reach = np.exp(stats.t.isf(significance / 2.0, degrees) * error)
    ends = [np.clip(end - removed, 0.0, 1.0) for end in (raw / reach, raw * reach)]
    value, low, high = np.sqrt([max(square, 0.0), *ends])
    return Estimate(float(value), float(low), float(max(high, value)))


def jackknife(without: np.ndarray) -> tuple[float, float]:
    """Standard error from leaving out one cluster at a time; degrees of freedom."""
    n = len(without)
    apart = without - without.mean()
    error = float(np.sqrt((n - 1.0) / n * np.sum(apart**2)))
    if error == 0.0:
        return 0.0, n - 1.0
    kurtosis = np.mean(apart**4) / np.mean(apart**2) ** 2
    excess = (kurtosis - (n - 3.0) / (n - 1.0)) / n
    degrees = 2.0 / excess if excess > 0.0 else n - 1.0
    return error, float(np.clip(degrees, 1.0, n - 1.0))


def count_decisions(
    design: Design, decisions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How often decisions differ between levels, and between repeats of a cell.

    Returns
    -------
    between : ndarray of shape (n_units, n_pairs)
        Share of the pairs of rows, one under each level, with different decisions.
    within : ndarray of shape (n_units, n_levels)
        Share of the pairs of rows of a cell; NaN where there is one row or none.
    """
    names, codes = np.unique(decisions, return_inverse=True)
    shares = design.cell_means(np.eye(len(names))[codes])
    between = np.zeros((design.n_units, len(design.pairs)))
    for p, (i, j) in enumerate(design.pairs):
        between[:, p] = 1.0 - np.sum(shares[:, i] * shares[:, j], axis=1)
    n = design.counts
    alike = np.sum(shares**2, axis=2)
    several = n > 1
    within = (1.0 - alike) * n / np.where(several, n - 1.0, 1.0)
    return between * design.both, np.where(several, within, np.nan)


def measure_flips(design: Design, between: np.ndarray, significance: float) -> Estimate:
    """Share of decisions that differ between two levels, with Wilson's interval.

    It is that of as many independent decisions as would have the variance that the
    clusters show; never more than there are pairs of a unit and two levels, and as many
    as clusters of equal size where no decision, or every one, differs.
    """
    found = PairMeans.of(design, between)
    share = min(max(found.value, 0.0), 1.0)
    sizes = np.bincount(np.unique(design.clusters, return_inverse=True)[1])
    n = sizes.sum() ** 2 / np.sum(sizes**2)
    error, _ = jackknife(found.without)
    # Rounding must not make an error of nothing.
    if error > 1e-9:
        n = min(share * (1.0 - share) / error**2, found.counts.sum())
    low, high = wilson(share, max(n, 1.0), significance)
    return Estimate(share, min(low, share), max(high, share))


def wilson(share: float, n: float, significance: float) -> tuple[float, float]:
    """Wilson's interval of a share of n decisions."""
    z = stats.norm.isf(significance / 2.0)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return max(float(centre - reach), 0.0), min(float(centre + reach), 1.0)
