"""Which unit was seen under which level, how often: cells, and moves between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.special import gammaln

# Moves below this share of the largest output are rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Design:
    """Rows as repeats of cells, a cell being a unit under a level.

    Parameters
    ----------
    unit, level : ndarray of shape (n,), dtype int
        Codes of the rows, which are sorted by unit and then by level.
    slot : ndarray of shape (n,), dtype int
        Code of the level together with the repeat.
    classes, clusters : ndarray of shape (n_units,), dtype int
        Class of the target, and group, of every unit; the latter is the unit itself
        where there are no groups.
    units, levels : list
        Their names, by code.
    """

    unit: np.ndarray
    level: np.ndarray
    slot: np.ndarray
    classes: np.ndarray
    clusters: np.ndarray
    units: list
    levels: list

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.levels)

    @cached_property
    def n_clusters(self) -> int:
        """Number of groups; of units where there are none."""
        return len(np.unique(self.clusters))

    @cached_property
    def starts(self) -> np.ndarray:
        """First row of each cell that was seen, in the order of the rows."""
        cell = self.unit * self.n_levels + self.level
        return np.flatnonzero(np.diff(cell, prepend=-1))

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows of each cell: (n_units, n_levels)."""
        cell = self.unit * self.n_levels + self.level
        counts = np.bincount(cell, minlength=self.n_units * self.n_levels)
        return counts.reshape(self.n_units, self.n_levels)

    @cached_property
    def seen(self) -> np.ndarray:
        """Cells with a row: (n_units, n_levels), dtype bool."""
        return self.counts > 0

    @property
    def has_repeats(self) -> bool:
        """Whether a unit was seen twice under a level."""
        return bool((self.counts > 1).any())

    @cached_property
    def shared(self) -> np.ndarray:
        """Units that were seen under both of two levels: (n_levels, n_levels)."""
        seen = self.seen.astype(float)
        return seen.T @ seen

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of levels that some unit was seen under."""
        every = combinations(range(self.n_levels), 2)
        return [pair for pair in every if self.shared[pair] > 0]

    @cached_property
    def both(self) -> np.ndarray:
        """Units that were seen under both levels of a pair: (n_units, n_pairs)."""
        return np.stack([self.seen[:, i] & self.seen[:, j] for i, j in self.pairs], 1)

    def cell_means(self, rows: np.ndarray) -> np.ndarray:
        """Means of the cells; values (..., n, q) -> (..., n_units, n_levels, q).

        Cells that were not seen have 0.
        """
        sums = np.add.reduceat(rows, self.starts, axis=-2)
        means = np.zeros((*rows.shape[:-2], *self.seen.shape, rows.shape[-1]))
        means[..., self.seen, :] = sums / self.counts[self.seen][:, None]
        return means

    def cell_noise(self, rows: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Squared error that repeats leave in the mean of a cell: (..., N, J).

        A cell with a single row takes the spread of the repeats of its level, or of all
        levels if its level has none.
        """
        apart = rows - means[..., self.unit, self.level, :]
        squares = np.sum(apart**2, axis=-1, keepdims=True)
        sums = self.cell_means(squares)[..., 0] * self.counts
        degrees = np.maximum(self.counts - 1, 0)
        of_level = degrees.sum(axis=0)
        everywhere = sums.sum(axis=(-2, -1)) / of_level.sum()
        pooled = np.where(
            of_level > 0,
            sums.sum(axis=-2) / np.maximum(of_level, 1),
            everywhere[..., None],
        )
        spread = np.where(
            degrees > 0, sums / np.maximum(degrees, 1), pooled[..., None, :]
        )
        return np.where(self.seen, spread / np.maximum(self.counts, 1), 0.0)

    def unit_moves(self, means: np.ndarray) -> np.ndarray:
        """Cell means without the mean of their unit; 0 where nothing was seen."""
        n_seen = self.seen.sum(axis=1)[:, None, None]
        centred = means - means.sum(axis=-2, keepdims=True) / n_seen
        rounding = np.abs(centred) <= ROUNDING * np.abs(means).max(initial=0.0)
        return np.where(self.seen[..., None] & ~rounding, centred, 0.0)

    def cluster_sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the units of a cluster: (n_units, ...) -> (n_clusters, ...)."""
        number = np.unique(self.clusters, return_inverse=True)[1]
        sums = np.zeros((self.n_clusters, *values.shape[1:]))
        np.add.at(sums, number, values)
        return sums

    @cached_property
    def log_arrangements(self) -> float:
        """Logarithm of how many different results permutations can give.

        To rename the levels of all units alike changes no statistic.
        """
        in_cluster = self.clusters[self.unit] * (self.slot.max() + 1) + self.slot
        entries = np.unique(in_cluster) // (self.slot.max() + 1)
        sizes = np.unique(entries, return_counts=True)[1]
        same = 0.0
        if len(sizes) == self.n_units:
            same = float(gammaln(self.counts + 1.0).sum())
        every = float(gammaln(sizes + 1.0).sum()) - same
        return max(every - float(gammaln(self.n_levels + 1.0)), 0.0)
