r"""The largest studentised difference between levels, and its permutations.

For every pair of levels j, l and every measure,

.. math:: T = \max \frac{|\theta_j - \theta_l|}
          {\sqrt{V_j + V_l - 2 C_{jl}}}

with variances and covariances of the means by cluster, so that neither unequal noise
nor unequal numbers of images per patient make a difference. Variances are taken
together with what all levels show, as :math:`(n V_j + \kappa V_{0j}) / (n + \kappa)`
for n units and :math:`\kappa` pseudo-units: few units that are all right have no
variance of their own. Placements of an AUROC are taken among all rows where levels are
permuted, and within levels for the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from sklearn_wsca._performance.levels import Estimate
from sklearn_wsca._performance.limits import PRIOR_UNITS
from sklearn_wsca._performance.measures import Judged, Measure, Part
from sklearn_wsca._permutation.exchangeability import Exchangeability

TIE_DIGITS = 7
NUMBERS_AT_ONCE = 2**21
# Values and variances of measures under levels; covariances, or None.
Scored = tuple[np.ndarray, np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class Cells:
    """Sums of all parts by unit, from which permuted levels are summed up.

    Parameters
    ----------
    weights, values : ndarray of shape (n, K)
        Of the rows of each part, and times the deviations of their values from the
        mean of the part; by unit where whole units have one level, else by row.
    shares : ndarray of shape (M, K)
        What each part counts in each measure.
    noise : ndarray of shape (K,)
        Variance of the mean of each part, times the weight of its rows.
    numbers : list of list of int
        Numbers of the parts of each measure, in its own order.
    clusters : ndarray of shape (n,), dtype int, or None
        Cluster of each row, rising, where rows of one cluster have different levels.
    """

    weights: np.ndarray
    values: np.ndarray
    shares: np.ndarray
    noise: np.ndarray
    numbers: list[list[int]]
    clusters: np.ndarray | None

    def largest(self, codes: np.ndarray, compared: np.ndarray) -> np.ndarray:
        """Largest studentised difference under permuted levels (b, n): (b,)."""
        n_levels = len(compared)
        size = max(1, NUMBERS_AT_ONCE // (codes.shape[1] * n_levels))
        score = self._apart
        if self.clusters is None:
            score = partial(self._together, self._moments(), self._products())
        found = []
        for start in range(0, len(codes), size):
            scored = score(codes[start : start + size], n_levels)
            found.append(largest_difference(*scored, compared)[0])
        return np.concatenate(found)

    def _moments(self) -> np.ndarray:
        """Of every unit what levels sum up: (n, 6 K)."""
        w, x = self.weights, self.values
        return np.hstack([w, x, x * x, x * w, w * w, (w > 0).astype(float)])

    def _products(self) -> dict[tuple[int, int], np.ndarray]:
        """The same of pairs of parts that units share: (n, 4) each."""
        w, x = self.weights, self.values
        return {
            (k, j): np.stack([a[:, k] * b[:, j] for a in (x, w) for b in (x, w)], 1)
            for k, j in self._overlapping()
        }

    def _together(
        self, moments: np.ndarray, products: dict, codes: np.ndarray, n_levels: int
    ) -> Scored:
        """Estimates and covariances where every unit has one level."""
        n_parts = len(self.noise)
        own = codes[:, None, :] == np.arange(n_levels)[:, None]
        own = own.astype(float).reshape(-1, codes.shape[1])
        sums = own @ moments
        mass, total, xx, xw, ww, n_units = (
            part.reshape(len(codes), n_levels, n_parts)
            for part in np.split(sums, 6, axis=1)
        )
        safe = np.where(mass > 0, mass, 1.0)
        means = total / safe
        variances = (xx - 2.0 * means * xw + means**2 * ww) / safe**2
        variances = self._steady(variances, safe, n_units)
        found = variances @ (self.shares**2).T
        for (k, j), product in products.items():
            cross = (own @ product).reshape(*mass.shape[:2], 4)
            both, first, second, weights = (cross[..., i] for i in range(4))
            a, b = means[..., k], means[..., j]
            shared = both - b * first - a * second + a * b * weights
            shared /= safe[..., k] * safe[..., j]
            pair = self.shares[:, k] * self.shares[:, j]
            found += 2.0 * shared[..., None] * pair
        return means @ self.shares.T, found, None

    def _overlapping(self) -> list[tuple[int, int]]:
        """Pairs of parts of one measure that units share."""
        pairs = combinations(range(len(self.noise)), 2)
        together = (self.shares != 0).T.astype(float) @ (self.shares != 0)
        shared = (self.weights > 0).T.astype(float) @ (self.weights > 0)
        return [pair for pair in pairs if together[pair] and shared[pair]]

    def _apart(self, codes: np.ndarray, n_levels: int) -> Scored:
        """The same where rows of one cluster have different levels."""
        assert self.clusters is not None
        number = np.unique(self.clusters, return_inverse=True)[1]
        shape = len(codes), n_levels, int(number[-1]) + 1
        place = np.arange(shape[0])[:, None] * n_levels + codes
        own = codes[:, None, :] == np.arange(n_levels)[:, None]
        own = own.astype(float).reshape(-1, codes.shape[1])
        mass, total = np.split(own @ np.hstack([self.weights, self.values]), 2, axis=1)
        safe = np.where(mass > 0, mass, 1.0)
        means = total / safe
        errors, n_units = [], []
        for k, part in enumerate(self.weights.T):
            # Parts are of some rows only, such as those of a class.
            rows = np.flatnonzero(part)
            cell = place[:, rows]
            error = self.values[rows, k] - means[:, k][cell] * part[rows]
            error /= safe[:, k][cell]
            cell = (cell * shape[2] + number[rows]).ravel()
            size = int(np.prod(shape))
            errors.append(np.bincount(cell, error.ravel(), size).reshape(shape))
            seen = np.bincount(cell, minlength=size).reshape(shape)
            n_units.append(np.count_nonzero(seen, axis=2))
        means, safe = (part.reshape(*shape[:2], -1) for part in (means, safe))
        plain = np.stack([np.einsum("bju,bju->bj", e, e) for e in errors], axis=2)
        steady = self._steady(plain, safe, np.stack(n_units, axis=2))
        added = (steady - plain) @ (self.shares**2).T
        covariances = []
        for shares in self.shares:
            error = sum(s * e for s, e in zip(shares, errors, strict=True) if s)
            covariances.append(error @ error.swapaxes(1, 2))
        covariance = np.stack(covariances, axis=3)
        found = np.diagonal(covariance, axis1=1, axis2=2).swapaxes(1, 2) + added
        return means @ self.shares.T, found, covariance

    def _steady(self, variances, mass, n_units) -> np.ndarray:
        """Variances of parts together with what all levels show."""
        return steady_variance(variances, self.noise / mass, n_units)


def steady_variance(own: Any, expected: Any, n_units: Any) -> Any:
    """Variance of few units, together with what is expected of them."""
    return (n_units * own + PRIOR_UNITS * expected) / (n_units + PRIOR_UNITS)


def largest_difference(
    values: np.ndarray,
    variances: np.ndarray,
    covariances: np.ndarray | None,
    compared: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Largest studentised difference, and of which pair and measure it is.

    Parameters
    ----------
    values, variances : ndarray of shape (b, J, M)
        Of measures under levels.
    covariances : ndarray of shape (b, J, J, M) or None
        Where levels share clusters.
    compared : ndarray of shape (J, M), dtype bool
        Levels that are compared by each measure.

    Returns
    -------
    largest : ndarray of shape (b,)
        0 where nothing is compared.
    place : ndarray of shape (b, 3)
        Measure, and the two levels.
    """
    first, second = np.triu_indices(len(compared), 1)
    variance = variance_of_difference(variances, covariances, first, second)
    size = np.abs(values[:, first] - values[:, second])
    usable = (compared[first] & compared[second]) & (variance > 1e-15)
    statistic = np.where(usable, size / np.sqrt(np.where(usable, variance, 1.0)), 0.0)
    flat = np.round(statistic, TIE_DIGITS).reshape(len(values), -1)
    at = flat.argmax(axis=1)
    pair, measure = np.divmod(at, values.shape[2])
    return flat.max(axis=1), np.stack([measure, first[pair], second[pair]], axis=1)


def variance_of_difference(
    variances: np.ndarray, covariances: np.ndarray | None, first: Any, second: Any
) -> np.ndarray:
    """Variance of the differences between some levels and others: (b, pairs, M)."""
    total = variances[:, first] + variances[:, second]
    return total if covariances is None else total - 2.0 * covariances[:, first, second]


def by_cluster(clusters: np.ndarray) -> np.ndarray:
    """Order of the rows by their cluster."""
    return np.argsort(clusters, kind="stable")


def sum_by_unit(
    pooled: list[Measure],
    judged: Judged,
    labels: np.ndarray,
    exchange: Exchangeability,
) -> tuple[Cells, np.ndarray]:
    """Sums of the parts by what is permuted, and its levels."""
    parts, numbers = _number_parts(pooled)
    n, n_parts = len(labels), len(parts)
    weights, values = np.zeros((n, n_parts)), np.zeros((n, n_parts))
    shares = np.zeros((len(pooled), n_parts))
    for m, measure in enumerate(pooled):
        shares[m, numbers[m]] = [part.share for part in measure.parts]
    noise = np.zeros(n_parts)
    for k, part in enumerate(parts):
        w = judged.weights[part.rows]
        left = part.values - np.average(part.values, weights=w)
        weights[part.rows, k], values[part.rows, k] = w, w * left
        # Of the deviations from the means of levels: those may differ.
        totals = np.bincount(labels[part.rows], w * left)
        mass = np.bincount(labels[part.rows], w)
        means = totals / np.where(mass > 0, mass, 1.0)
        added = np.bincount(
            judged.clusters[part.rows], w * (left - means[labels[part.rows]])
        )
        noise[k] = np.sum(added**2) / w.sum()
    if exchange.varies_within_groups:
        order = by_cluster(exchange.clusters)
        clusters = exchange.clusters[order]
        cells = Cells(weights[order], values[order], shares, noise, numbers, clusters)
        return cells, labels
    unit = exchange.unit
    sums = [
        np.stack([np.bincount(unit, column) for column in table.T], axis=1)
        for table in (weights, values)
    ]
    cells = Cells(sums[0], sums[1], shares, noise, numbers, None)
    return cells, labels[exchange.first]


def _number_parts(measures: list[Measure]) -> tuple[list[Part], list[list[int]]]:
    """Parts that differ, and their numbers by measure.

    Measures share parts, such as the share of right decisions in a class.
    """
    parts: dict[tuple[int, int], Part] = {}
    keys = [
        [(id(part.rows), id(part.values)) for part in measure.parts]
        for measure in measures
    ]
    for measure, own in zip(measures, keys, strict=True):
        parts |= zip(own, measure.parts, strict=True)
    number = {key: k for k, key in enumerate(parts)}
    return list(parts.values()), [[number[key] for key in own] for own in keys]


def score_estimates(
    estimates: list[list[Estimate]], cells: Cells, compared: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, variances and covariances of the data: (1, J, M), (1, J, J, M)."""
    n_levels, n_measures = compared.shape
    values = np.zeros((1, n_levels, n_measures))
    variances = np.zeros_like(values)
    covariances = np.zeros((1, n_levels, n_levels, n_measures))
    for m in range(n_measures):
        levels = np.flatnonzero(compared[:, m]).tolist()
        noise = cells.noise[cells.numbers[m]]
        added: dict[int, tuple] = {}
        for j in levels:
            own = estimates[j][m]
            values[0, j, m] = own.value
            added[j] = own.influence
            variances[0, j, m] = np.sum(added[j][1] ** 2) + _steadied(own, noise)
        for j, k in combinations(levels, 2):
            _, at, to = np.intersect1d(
                added[j][0], added[k][0], assume_unique=True, return_indices=True
            )
            shared = float(added[j][1][at] @ added[k][1][to])
            covariances[0, j, k, m] = covariances[0, k, j, m] = shared
    return values, variances, covariances


def _steadied(own: Estimate, noise: np.ndarray) -> float:
    """What the pseudo-units add to the variance of an estimate."""
    total = 0.0
    for part, sums, expected in zip(own.measure.parts, own.sums, noise, strict=True):
        mass = sums.weights.sum()
        plain = float(np.sum(sums.errors**2) / mass**2)
        steady = steady_variance(plain, expected / mass, sums.n_units)
        total += part.share**2 * (steady - plain)
    return total
