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
from itertools import combinations, product
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    is_tensor,
    send_parts,
    take_along,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._performance.entries import Entries
from sklearn_wsca._performance.levels import Estimate
from sklearn_wsca._performance.limits import PRIOR_UNITS
from sklearn_wsca._performance.measures import Judged, Measure, Part
from sklearn_wsca._permutation.exchangeability import Exchangeability

TIE_DIGITS = 7
# A few megabytes: larger arrays are handed back to the system after each use. An
# accelerator takes as many as memory holds.
NUMBERS_AT_ONCE, NUMBERS_AT_ONCE_OF_TENSORS = 2**19, 2**26
# Values and variances of measures under levels; covariances, or None.
Scored = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Cells:
    """Sums of all parts by unit, from which permuted levels are summed up.

    Parameters
    ----------
    weights, values : array of shape (n, K)
        Of the rows of each part, and times the deviations of their values from the
        mean of the part; by unit where whole units have one level, else by row.
    shares : array of shape (M, K)
        What each part counts in each measure.
    noise : array of shape (K,)
        Variance of the mean of each part, times the weight of its rows.
    numbers : list of list of int
        Numbers of the parts of each measure, in its own order.
    clusters : array of shape (n,), dtype int, or None
        Cluster of each row, from 0 and rising, where rows of one cluster have different
        levels.
    """

    weights: Any
    values: Any
    shares: Any
    noise: Any
    numbers: list[list[int]]
    clusters: Any

    def largest(self, codes: Any, compared: np.ndarray) -> np.ndarray:
        """Largest studentised difference under permuted levels (b, n): (b,).

        It is computed where the levels are.
        """
        xp, n_levels = array_namespace(codes), len(compared)
        there = send_parts(self, codes)
        if self.clusters is None:
            pairs = to_same_device(self._overlapping(), codes)
            score = partial(there._together, *there._moments(pairs), pairs)
        else:
            entries = send_parts(self._by_entry(), codes)
            score = partial(there._apart, entries, self.shares.tolist())
        most = NUMBERS_AT_ONCE_OF_TENSORS if is_tensor(codes) else NUMBERS_AT_ONCE
        size, found = max(1, most // (codes.shape[1] * n_levels)), []
        for start in range(0, len(codes), size):
            scored: Scored = score(codes[start : start + size], n_levels)
            differences = studentised_differences(*scored, compared)
            found.append(to_numpy(xp.max(differences, axis=(1, 2))))
        return np.concatenate(found)

    def _overlapping(self) -> np.ndarray:
        """Pairs of parts of one measure that units share: (2, n_pairs)."""
        both = np.ones((self.shares.shape[1],) * 2, dtype=bool)
        for present in (self.shares != 0, self.weights > 0):
            # Of a thousand classes a unit has few.
            present = sparse.csr_array(present.astype(float))
            both &= (present.T @ present).toarray() > 0
        return np.stack(np.nonzero(np.triu(both, 1)))

    def _moments(self, pairs: Any) -> tuple[Any, Any]:
        """Of every unit what levels sum up: (n, 6 K), and of pairs (n, 4 n_pairs)."""
        xp, w, x = array_namespace(self.weights), self.weights, self.values
        own = [w, x, x * x, x * w, w * w, cast(w > 0, "float64")]
        first, second = [[part[:, at] for part in (x, w)] for at in pairs]
        products = [a * b for a, b in product(first, second)]
        return xp.concatenate(own, axis=1), xp.concatenate(products, axis=1)

    def _together(
        self, moments: Any, products: Any, pairs: Any, codes: Any, n_levels: int
    ) -> Scored:
        """Estimates and covariances where every unit has one level."""
        xp, (k, j) = array_namespace(codes), pairs
        own = _indicators(codes, n_levels)
        sums = (own @ moments).reshape(len(codes), n_levels, 6, -1)
        mass, total, xx, xw, ww, n_units = (sums[:, :, i] for i in range(6))
        safe = xp.where(mass > 0, mass, 1.0)
        means = total / safe
        variances = (xx - 2.0 * means * xw + means**2 * ww) / safe**2
        variances = self._steady(variances, safe, n_units)
        found = variances @ (self.shares**2).T
        if len(k):
            cross = (own @ products).reshape(len(codes), n_levels, 4, -1)
            both, first, second, weights = (cross[:, :, i] for i in range(4))
            a, b = means[..., k], means[..., j]
            shared = both - b * first - a * second + a * b * weights
            shared = shared / (safe[..., k] * safe[..., j])
            found = found + 2.0 * shared @ (self.shares[:, k] * self.shares[:, j]).T
        return means @ self.shares.T, found, None

    def _by_entry(self) -> Entries:
        """The rows of every part, and of measures of several parts."""
        measures = zip(self.shares, self.numbers, strict=True)
        mixed = [shares for shares, numbers in measures if len(numbers) > 1]
        return Entries.of(self.weights > 0, self.clusters, mixed)

    def _apart(
        self, entries: Entries, shares: list, codes: Any, n_levels: int
    ) -> Scored:
        """The same where rows of one cluster have different levels."""
        xp, b, n_parts = array_namespace(codes), len(codes), len(self.noise)
        both = xp.concatenate([self.weights, self.values], axis=1)
        sums = (_indicators(codes, n_levels) @ both).reshape(b, n_levels, 2, -1)
        mass, total = sums[:, :, 0], sums[:, :, 1]
        safe = xp.where(mass > 0, mass, 1.0)
        means = total / safe
        rows, part = entries.rows, entries.part
        levels = xp.take(codes, rows, axis=1)
        place = levels * n_parts + part
        errors = take_along(means.reshape(b, -1), place)
        errors *= -self.weights[rows, part]
        errors += self.values[rows, part]
        errors /= take_along(safe.reshape(b, -1), place)
        covariances, n_units = entries.covariances(errors, levels, n_levels)
        plain = xp.stack([own[0] for own in covariances[:n_parts]], axis=2)
        steady = self._steady(plain, safe, n_units)
        added = (steady - plain) @ (self.shares**2).T
        found, mixed = [], iter(covariances[n_parts:])
        for own, numbers in zip(shares, self.numbers, strict=True):
            if len(numbers) > 1:
                found.append(next(mixed))
            else:
                scale = own[numbers[0]] ** 2
                variance, covariance = covariances[numbers[0]]
                found.append((scale * variance, scale * covariance))
        variance, covariance = (xp.stack(x, axis=-1) for x in zip(*found, strict=True))
        return means @ self.shares.T, variance + added, covariance

    def _steady(self, variances: Any, mass: Any, n_units: Any) -> Any:
        """Variances of parts together with what all levels show."""
        return steady_variance(variances, self.noise / mass, n_units)


def _indicators(codes: Any, n_levels: int) -> Any:
    """Whether rows have each level, by permutation (b, n): (b n_levels, n)."""
    every = array_namespace(codes).arange(n_levels, **device_of(codes))
    own = cast(codes[:, None, :] == every[:, None], "float64")
    return own.reshape(-1, codes.shape[1])


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
    found = studentised_differences(values, variances, covariances, compared)
    flat = found.reshape(len(values), -1)
    pair, measure = np.divmod(flat.argmax(axis=1), values.shape[2])
    return flat.max(axis=1), np.stack([measure, first[pair], second[pair]], axis=1)


def studentised_differences(
    values: Any, variances: Any, covariances: Any, compared: np.ndarray
) -> Any:
    """Differences over their standard errors, by pair and measure: (b, pairs, M).

    Rounded, so that what is the same but for rounding is a tie.
    """
    xp = array_namespace(values)
    first, second = np.triu_indices(len(compared), 1)
    usable = to_same_device(compared[first] & compared[second], values)
    first, second = to_same_device(np.stack([first, second]), values)
    variance = variance_of_difference(variances, covariances, first, second)
    size = xp.abs(values[:, first] - values[:, second])
    usable = usable & (variance > 1e-15)
    statistic = xp.where(usable, size / xp.sqrt(xp.where(usable, variance, 1.0)), 0.0)
    return xp.round(statistic, decimals=TIE_DIGITS)


def variance_of_difference(
    variances: Any, covariances: Any, first: Any, second: Any
) -> Any:
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
        clusters = np.unique(exchange.clusters[order], return_inverse=True)[1]
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
