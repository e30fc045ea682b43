r"""Intervals of measures of performance, with patients as units.

A mean over rows of several patients is known as well as one over fewer independent
rows. With values of variance 1 whose correlation within a patient is ICC, the variance
of the mean is

.. math:: r = \frac{\sum_g \sum_{i \in g} w_i^2 + \text{ICC} \sum_g (w_g^2 -
          \sum_{i \in g} w_i^2)}{(\sum_i w_i)^2}, \qquad n_\text{eff} = 1 / r,

with :math:`w_g` the weight of a patient. Where the patients of a level differ by more
than that, by the ratio estimator of clustered data, the larger counts. Shares then have
the interval of Wilson for :math:`n_\text{eff}` rows, which holds near 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

# Pseudo-units that say what is known of all levels together.
PRIOR_UNITS = 10.0
# Pseudo-events that say that probabilities do not tell who has the event.
PRIOR_EVENTS = 1.0
BISECTIONS = 30


@dataclass(frozen=True)
class Sums:
    """Values of the rows of a part in one level, summed by cluster.

    Parameters
    ----------
    mean, variance : float
        Of the values, weighted.
    weights, squares : ndarray of shape (n_clusters,)
        Sum of the weights of the rows of each cluster, and of their squares.
    errors : ndarray of shape (n_clusters,)
        Sum of the weighted deviations from the mean.
    clusters : ndarray of shape (n_clusters,), dtype int
        Which clusters these are.
    own : float
        Sum of the squared weighted deviations of single rows.
    """

    mean: float
    variance: float
    weights: np.ndarray
    squares: np.ndarray
    errors: np.ndarray
    clusters: np.ndarray
    own: float

    @classmethod
    def of(cls, values: np.ndarray, weights: np.ndarray, clusters: np.ndarray) -> Sums:
        """Sum up the rows."""
        present, place = np.unique(clusters, return_inverse=True)
        mean = float(np.average(values, weights=weights))
        left = weights * (values - mean)
        variance = float(np.average((values - mean) ** 2, weights=weights))
        return cls(
            mean,
            variance,
            np.bincount(place, weights),
            np.bincount(place, weights**2),
            np.bincount(place, left),
            present,
            float(np.sum(left**2)),
        )

    @property
    def n_units(self) -> int:
        """Number of clusters."""
        return len(self.clusters)

    def relative_variance(self, icc: float) -> float:
        """Variance of the mean of values of variance 1, r."""
        total = self.weights.sum() ** 2
        pairs = np.sum(self.weights**2 - self.squares)
        by_icc = float((self.squares.sum() + icc * pairs) / total)
        if not self.variance > 0.0 or not pairs > 0.0:
            return by_icc
        n = self.n_units
        found = float(np.sum(self.errors**2) / total / self.variance)
        found *= n / max(n - 1.0, 1.0)
        mixed = (n * found + PRIOR_UNITS * by_icc) / (n + PRIOR_UNITS)
        return max(by_icc, mixed)

    def quantile(self, level: float) -> float:
        """Quantile of the error: of few patients that of Student's t."""
        if np.all(self.weights**2 == self.squares):
            return float(-special.ndtri(level))
        return float(-special.stdtrit(self.degrees + PRIOR_UNITS, level))

    @property
    def degrees(self) -> float:
        """Effective number of clusters, less one."""
        effective = self.weights.sum() ** 2 / np.sum(self.weights**2)
        return max(float(effective) - 1.0, 1.0)


def intraclass_correlation(parts: list[Sums]) -> float:
    """Correlation of the rows of one cluster, over all levels together.

    1, the careful end, where nothing varies.
    """
    # A level loses one of its clusters to its mean.
    shared = sum(
        float(np.sum(part.errors**2)) * part.n_units / max(part.n_units - 1.0, 1.0)
        - part.own
        for part in parts
    )
    own = sum(part.own for part in parts)
    squares = sum(float(part.squares.sum()) for part in parts)
    pairs = sum(float(np.sum(part.weights**2)) for part in parts) - squares
    if not own > 0.0 or not pairs > 0.0:
        return 1.0
    return float(np.clip(shared / pairs / (own / squares), 0.0, 1.0))


def wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Interval of Wilson for a share of n rows."""
    square = quantile**2
    middle = (share + square / (2.0 * n)) / (1.0 + square / n)
    spread = max(share * (1.0 - share), 0.0) / n + square / (4.0 * n**2)
    reach = quantile / (1.0 + square / n) * np.sqrt(spread)
    low, high = min(middle - reach, share), max(middle + reach, share)
    return max(float(low), 0.0), min(float(high), 1.0)


def linear_limits(
    shares: np.ndarray, parts: list[Sums], icc: list[float], level: float
) -> tuple[float, float]:
    """Interval of a weighted sum of shares.

    That of Price and Bonett: four rows, two of them right, are dealt out to the parts.
    """
    n = np.array(
        [1.0 / p.relative_variance(i) for p, i in zip(parts, icc, strict=True)]
    )
    means = np.array([part.mean for part in parts])
    added = 2.0 / len(parts)
    moved = (n * means + added) / (n + 2.0 * added)
    variance = np.sum(shares**2 * moved * (1.0 - moved) / (n + 2.0 * added))
    fewest = min(parts, key=lambda part: part.n_units)
    reach = fewest.quantile(level) * np.sqrt(variance)
    estimate, middle = float(shares @ means), float(shares @ moved)
    low, high = min(middle - reach, estimate), max(middle + reach, estimate)
    return max(low, 0.0), min(high, 1.0)


def share_limits(part: Sums, icc: float, level: float) -> tuple[float, float]:
    """Interval of a share, `level` being what may lie beyond either end."""
    n = 1.0 / part.relative_variance(icc)
    return wilson(part.mean, n, part.quantile(level))


def mean_limits(part: Sums, icc: float, level: float) -> tuple[float, float]:
    """Interval of a mean of numbers."""
    n = 1.0 / part.relative_variance(icc)
    variance = part.variance / max(n - 1.0, 1.0)
    reach = float(-special.stdtrit(part.degrees, level) * np.sqrt(variance))
    return part.mean - reach, part.mean + reach


def calibration_limits(
    excess: Sums, observed: Sums, icc: float, level: float
) -> tuple[float, float]:
    """Interval of the mean of predicted less observed, a share.

    Probabilities explain a part of who has the event, so less is left to chance than in
    the share observed. Of few events, that part is not known.
    """
    rows = observed.weights.sum()
    n_events = rows * min(observed.mean, 1.0 - observed.mean)
    left = 1.0
    if observed.variance > 0.0:
        found = excess.variance / observed.variance
        left = (n_events * found + PRIOR_EVENTS) / (n_events + PRIOR_EVENTS)
    n = 1.0 / (excess.relative_variance(icc) * max(left, 1e-9))
    low, high = wilson(observed.mean, n, observed.quantile(level))
    predicted = excess.mean + observed.mean
    return predicted - high, predicted - low


def area_limits(
    area: float,
    pairs: list[tuple[Sums, Sums]],
    icc: list[tuple[float, float]],
    variance: float,
    level: float,
) -> tuple[float, float]:
    r"""Interval of an AUROC, or of the mean of several.

    The variance that Hanley and McNeil give for an area A of so many effective rows,
    multiplied by how far that of the placements (DeLong) differs from it here, is taken
    at every A, and all areas are kept from which the estimate is not too far.

    Parameters
    ----------
    area : float
        The estimate.
    pairs : list of (Sums, Sums)
        Placements of the rows of each class, and of the rest.
    icc : list of (float, float)
        Their correlations within patients.
    variance : float
        Of the estimate, by placements.
    level : float
        What may lie beyond either end.
    """
    sizes = [
        (1.0 / a.relative_variance(i), 1.0 / b.relative_variance(j))
        for (a, b), (i, j) in zip(pairs, icc, strict=True)
    ]

    def expected(a: float) -> float:
        return float(np.mean([_area_variance(a, *size) for size in sizes]) / len(sizes))

    at_estimate = expected(area)
    fewest = min(min(a.n_units, b.n_units) for a, b in pairs)
    ratio = variance / at_estimate if at_estimate > 0.0 else 1.0
    ratio = (fewest * ratio + PRIOR_UNITS) / (fewest + PRIOR_UNITS)
    quantile = min((part for pair in pairs for part in pair), key=lambda p: p.n_units)
    reach = quantile.quantile(level) * np.sqrt(ratio)
    ends = [_solve_area(area, end, reach, expected) for end in (0.0, 1.0)]
    return ends[0], ends[1]


def _area_variance(area: float, n_class: float, n_rest: float) -> float:
    """Variance of an area by Hanley and McNeil, with both kinds of pairs alike."""
    less = (n_class + n_rest) / 2.0 - 1.0
    both = 1.0 + less * ((1.0 - area) / (2.0 - area) + area / (1.0 + area))
    return max(area * (1.0 - area) * both, 0.0) / (n_class * n_rest)


def _solve_area(area: float, end: float, reach: float, expected) -> float:
    """Area furthest towards an end from which the estimate is within reach."""
    inside, outside = area, end
    if abs(area - end) <= reach * np.sqrt(expected(end)):
        return end
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2.0
        if abs(area - middle) <= reach * np.sqrt(expected(middle)):
            inside = middle
        else:
            outside = middle
    return inside
