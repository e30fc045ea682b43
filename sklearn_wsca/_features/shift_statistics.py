"""Size of the shift of contributions at fixed class, and permutations of its cause.

Contributions are handled in blocks of features, in double precision; products with
permuted columns are in single precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.class_basis import sum_matrix
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization.regression import centre_within

NUMBERS_PER_BATCH = 2**22
FEATURES_PER_BLOCK = 64
# Contributions are kept in single precision; what varies less than this is constant.
ROUNDING = 1e-6
# Metadata are in double precision, and seconds since 1970 differ by 1e-9 of their size.
ROUNDING_OF_NUMBERS = 1e-12


def centred_blocks(
    values: np.ndarray, rows: np.ndarray, strata: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of features of some rows less their means within strata; constant ones: 0.

    Strata are numbered from 0 without gaps.
    """
    ones = np.ones(len(rows))
    for start in range(0, values.shape[1], FEATURES_PER_BLOCK):
        features = slice(start, start + FEATURES_PER_BLOCK)
        block = values[rows, features].astype(np.float64)
        centred = centre_within(block, ones, strata)
        largest = np.abs(block).max(axis=0)
        centred[:, np.abs(centred).max(axis=0) <= ROUNDING * largest] = 0.0
        yield features, centred


def to_unit(block: np.ndarray) -> np.ndarray:
    """Features with a sum of squares of 1, or 0 where they are constant."""
    length = np.sqrt((block**2).sum(axis=0))
    return block / np.where(length > 0, length, 1.0)


class Sizes(NamedTuple):
    """How far features shift, in units that can be compared.

    Standardised mean difference or partial correlation (C,), Kolmogorov-Smirnov
    distance (C,), and squared standardised distance of rows from their class mean (n,).
    """

    shift: np.ndarray
    ks: np.ndarray
    distance: np.ndarray


def measure_sizes(values: np.ndarray, classes: np.ndarray, column: Column) -> Sizes:
    """Shift of every feature of contributions (n_samples, C) with a column.

    At fixed class of the rows of the column: numbered from 0 without gaps; the column
    varies in one of them at least.
    """
    if column.n_levels:
        levels = column.labels
    else:
        levels = _halves(column.labels, classes)
        number = to_unit(_standardise_within(column.labels, classes)[:, None])[:, 0]
    pairs = _level_pairs(levels, classes)
    distance = np.zeros(len(classes))
    shift, ks = np.empty(values.shape[1]), np.empty(values.shape[1])
    for features, block in centred_blocks(values, column.rows, classes):
        if column.n_levels:
            shift[features] = _mean_differences(block, levels, classes, pairs)
        else:
            shift[features] = number @ to_unit(block)  # the partial correlation
        ks[features] = _ks_distances(block, pairs)
        distance += (to_unit(block) ** 2).sum(axis=1)
    return Sizes(shift, ks, distance)


def products_with_sum(
    values: np.ndarray, classes: np.ndarray, column: Column, numbers: np.ndarray
) -> np.ndarray:
    """Products of every row with the sum of all, times numbers: (n,).

    Of contributions as `measure_sizes` standardises them.
    """
    found = np.zeros(len(classes))
    for _, block in centred_blocks(values, column.rows, classes):
        unit = to_unit(block)
        found += unit @ (numbers @ unit)
    return found


class LevelPair(NamedTuple):
    """Two levels, compared in the classes that have both.

    `share` (K,) is the weight of each class, most for classes with many rows of both,
    adding up to 1; `weights` give the `rows` of both levels in these classes the same
    classes, adding up to 1 in the second level and to -1 in the first.
    """

    first: int
    second: int
    share: np.ndarray
    rows: np.ndarray
    weights: np.ndarray


def _level_pairs(levels: np.ndarray, classes: np.ndarray) -> list[LevelPair]:
    """All pairs of levels that occur together in a class."""
    counts = _cell_counts(levels, classes)
    pairs = []
    for first, second in combinations(range(counts.shape[1]), 2):
        a, b = counts[:, first], counts[:, second]
        overlap = a * b / np.maximum(a + b, 1)
        if not overlap.any():
            continue
        share = overlap / overlap.sum()
        of_pair = (levels == first) | (levels == second)
        rows = np.flatnonzero(of_pair & (overlap[classes] > 0))
        weights = share[classes[rows]] / counts[classes[rows], levels[rows]]
        weights = np.where(levels[rows] == second, weights, -weights)
        pairs.append(LevelPair(first, second, share, rows, weights))
    return pairs


def _cell_counts(levels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Rows per class and level: (K, L)."""
    counts = np.zeros((classes.max() + 1, levels.max() + 1), dtype=np.intp)
    np.add.at(counts, (classes, levels), 1)
    return counts


def _halves(numbers: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Which numbers lie above the median of their class, as 0 and 1."""
    median = pd.Series(numbers).groupby(classes).transform("median").to_numpy()
    above = numbers > median
    return (above if above.any() else numbers >= median).astype(np.intp)


def _mean_differences(
    block: np.ndarray, levels: np.ndarray, classes: np.ndarray, pairs: list[LevelPair]
) -> np.ndarray:
    """Difference of class-adjusted means over the deviation within cells: (c,).

    Signed for two levels, the largest absolute one of several.
    """
    counts = _cell_counts(levels, classes)
    cells = classes * counts.shape[1] + levels
    sums = sum_matrix(cells, np.ones(len(cells)), counts.size) @ block
    means = sums / np.maximum(counts.reshape(-1, 1), 1)
    residual = block - means[cells]
    free = max(len(block) - np.count_nonzero(counts), 1)
    within = np.sqrt((residual**2).sum(axis=0) / free)
    within[within <= ROUNDING * np.abs(block).max(axis=0)] = 0.0
    means = means.reshape(*counts.shape, -1)
    found = [p.share @ (means[:, p.second] - means[:, p.first]) for p in pairs]
    difference = found[0]
    if counts.shape[1] > 2:
        difference = np.abs(found).max(axis=0)
    with np.errstate(divide="ignore"):
        return np.divide(
            difference, within, out=np.zeros(len(within)), where=difference != 0
        )


def _ks_distances(block: np.ndarray, pairs: list[LevelPair]) -> np.ndarray:
    """Largest distance of the distributions of any two levels: (c,)."""
    features = np.ascontiguousarray(block.T)
    largest = [max(_ks_distance(x, pair) for pair in pairs) for x in features]
    return np.where(np.array(largest) > ROUNDING, largest, 0.0)


def _ks_distance(feature: np.ndarray, pair: LevelPair) -> float:
    """Largest distance of two distribution functions, averaged over classes."""
    values = feature[pair.rows]
    order = values.argsort()
    values = values[order]
    apart = np.abs(np.cumsum(pair.weights[order])[:-1])
    # The functions step at the last of equal values.
    return apart[values[1:] != values[:-1]].max(initial=0.0)


@dataclass(frozen=True)
class ShiftTest:
    """Shares of the variance that a column explains within classes, under permutations.

    What is exchanged needs sums over its rows of a class only.

    Parameters
    ----------
    exchange : Exchangeability
        What is exchanged.
    values : ndarray of shape (n_units,)
        Label of each unit.
    n_levels : int
        Number of levels; 0 for a continuous column.
    units : ndarray of shape (n_parts,), dtype int
        Unit of each part; a part is what a unit has in one class.
    sums : ndarray of shape (n_parts, C), dtype float32
        Summed contributions, centred and with a sum of squares of 1 over all rows.
    counts : ndarray of shape (n_parts,), dtype float32
        Rows of each part.
    classes : list of slice
        Parts of each class.
    """

    exchange: Exchangeability
    values: np.ndarray
    n_levels: int
    units: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    classes: list[slice]

    @classmethod
    def of(
        cls,
        contributions: np.ndarray,
        column: Column,
        classes: np.ndarray,
        exchange: Exchangeability,
    ) -> ShiftTest:
        """Prepare permutations of a column whose rows are in canonical order.

        They are rows of the contributions (n_samples, C), in the order in which the
        exchange numbers them, and have these classes (n,).
        """
        keys = classes * exchange.n_units + exchange.unit
        keys, part = np.unique(keys, return_inverse=True)
        starts = np.flatnonzero(np.diff(keys // exchange.n_units, prepend=-1))
        stops = [*starts[1:].tolist(), len(keys)]
        add = sum_matrix(part, np.ones(len(part)))
        sums = np.empty((len(keys), contributions.shape[1]), dtype=np.float32)
        strata = classes
        if exchange.scheme == "within groups":
            strata = _unit_strata(exchange)
        for features, block in centred_blocks(contributions, column.rows, strata):
            sums[:, features] = add @ to_unit(block)
        values = column.labels[exchange.first]
        if not column.n_levels:
            values = _standardise_within(values, _unit_strata(exchange))
        return cls(
            exchange,
            values,
            column.n_levels,
            keys % exchange.n_units,
            sums,
            np.bincount(part).astype(np.float32),
            [slice(*ends) for ends in zip(starts.tolist(), stops, strict=True)],
        )

    def observed(self) -> np.ndarray:
        """Shares of the data: (C,)."""
        return self._explained(self.values[None])[0]

    def null(self, plan: PermutationPlan) -> np.ndarray:
        """Shares of the permutations: (m, C)."""
        n_features = self.sums.shape[1]
        width = max(self.n_levels - 1, 1) * max(self.exchange.n_units, n_features)
        size = max(1, NUMBERS_PER_BATCH // width)

        def permute(batch: range) -> np.ndarray:
            sources = self.exchange.unit_sources(plan.orders(batch))
            return self._explained(self.values[sources])

        none = np.empty((0, n_features))
        return np.concatenate(
            [none, *in_parts(permute, range(plan.n_permutations), size)]
        )

    def _explained(self, values: np.ndarray) -> np.ndarray:
        """Shares for columns (p, n_units), summed over classes: (p, C)."""
        total = np.zeros((len(values), self.sums.shape[1]))
        for parts in self.classes:
            column, sums = values[:, self.units[parts]], self.sums[parts]
            if self.n_levels:
                total += _between(column, sums, self.counts[parts], self.n_levels)
            else:
                total += _along(column, sums, self.counts[parts])
        return total


def _unit_strata(exchange: Exchangeability) -> np.ndarray:
    assert exchange.strata is not None
    return exchange.strata


def varies_within(column: Column, strata: np.ndarray) -> bool:
    """Whether a column varies within a stratum by more than rounding."""
    if not column.n_levels:
        return bool(_standardise_within(column.labels, strata).any())
    return bool(pd.Series(column.labels).groupby(strata).nunique().max() > 1)


def _standardise_within(numbers: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Numbers less their means within strata, which permutations leave as they are."""
    centred = centre_within(numbers[:, None], np.ones(len(numbers)), strata)[:, 0]
    spread = centred.std()
    if spread <= ROUNDING_OF_NUMBERS * np.abs(numbers).max():
        return np.zeros(len(numbers))
    return centred / spread


def _between(
    levels: np.ndarray, sums: np.ndarray, counts: np.ndarray, n_levels: int
) -> np.ndarray:
    """Sum of squares between levels (p, u) in one class: (p, C)."""
    # What the last level has is known, since all levels add up to 0.
    coded = levels[:, None, :] == np.arange(n_levels - 1)[:, None]
    coded = coded.reshape(-1, levels.shape[1]).astype(np.float32)
    shape = (len(levels), n_levels - 1, -1)
    by_level, n_rows = (coded @ sums).reshape(shape), (coded @ counts).reshape(shape)
    last = by_level.sum(axis=1) ** 2 / np.maximum(counts.sum() - n_rows.sum(axis=1), 1)
    by_level **= 2
    by_level /= np.maximum(n_rows, 1)
    return by_level.sum(axis=1) + last


def _along(numbers: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum of squares along numbers (p, u) in one class: (p, C)."""
    total = numbers**2 @ counts
    left = total - (numbers @ counts) ** 2 / counts.sum()
    varies = left > ROUNDING * total
    along = numbers.astype(np.float32) @ sums
    return along**2 * np.where(varies, 1 / np.where(varies, left, 1), 0)[:, None]
