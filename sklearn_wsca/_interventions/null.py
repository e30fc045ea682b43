"""Does anything move? Statistics when the rows of a unit change their levels.

If the level plays no part, rows of a unit could have come under any of its levels, and
permutations within units change nothing. The statistics are studentised, so that a
level under which outputs are only noisier is not taken for a move: moves of the mean of
all units and of every class, by their squares over those of single units; with repeats,
also what single units move beyond the noise of their repeats. The largest of them after
standardising is the test.
"""

from __future__ import annotations

import numpy as np

from sklearn_wsca._backend.progress import tell
from sklearn_wsca._interventions.class_means import ClassMoves
from sklearn_wsca._interventions.design import Design
from sklearn_wsca._interventions.single_units import pair_noise, pair_squares
from sklearn_wsca._permutation.plan import PermutationPlan, max_t_pvalues, split

NUMBERS_PER_BATCH = 4_000_000
STEP = "intervention null"
CLUSTERS_PER_LEVEL = 4
SMALLEST_EIGENVALUE = 1e-9


class Statistics:
    """What is compared between the data and its permutations.

    Parameters
    ----------
    design : Design
        Who was seen under what.
    groupings : list of (ndarray of shape (n_units,), ClassMoves)
        Classes of the units, for each statistic of class means.
    """

    def __init__(self, design: Design, groupings: list[tuple[np.ndarray, ClassMoves]]):
        self.design, self.groupings = design, groupings

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Statistics of outputs (b, n, C): (b, number of statistics)."""
        means = self.design.cell_means(rows)
        moves = self.design.unit_moves(means)
        found = [self._of_means(moves, *grouping) for grouping in self.groupings]
        if self.design.has_repeats:
            found.append(self._of_units(rows, means))
        return np.stack(found, axis=1)

    def _of_means(
        self, moves: np.ndarray, classes: np.ndarray, found: ClassMoves
    ) -> np.ndarray:
        """Sum over outputs of the squared moves of class means over their covariance.

        The whole covariance of the levels: a noisy one moves the others' distance from
        the mean alike, and squares of each would count its noise several times. Classes
        of few clusters have no covariance that could be inverted, and variances do.
        Its cube root, which is nearly normal: the longer tail would decide the largest.
        """
        total = np.zeros(len(moves))
        for place, number in enumerate(found.numbers):
            members = np.flatnonzero(classes == number)
            parts = found.contributions(place, moves[:, members])
            sums = _sum_by(parts, self.design.clusters[members])
            enough = sums.shape[1] >= CLUSTERS_PER_LEVEL * (self.design.n_levels - 1)
            total += _over_covariance(sums) if enough else _over_variances(sums)
        return np.cbrt(total)

    def _of_units(self, rows: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Squared moves beyond the noise of repeats, over their standard error."""
        noise = pair_noise(self.design, self.design.cell_noise(rows, means))
        left = pair_squares(self.design, means) - noise
        n_shared = np.array([self.design.shared[pair] for pair in self.design.pairs])
        sums = _sum_by(np.sum(left / n_shared, axis=-1), self.design.clusters)
        error = np.sqrt(np.sum(sums**2, axis=1))
        return np.sum(sums, axis=1) / np.where(error > 0.0, error, 1.0)


def _over_covariance(sums: np.ndarray) -> np.ndarray:
    """Squared lengths of the summed moves (b, G, J, C) in their own covariance."""
    covariance = np.einsum("bgjc,bgkc->bcjk", sums, sums)
    effect = sums.sum(axis=1)
    inverse = np.linalg.pinv(covariance, rcond=SMALLEST_EIGENVALUE, hermitian=True)
    return np.einsum("bjc,bcjk,bkc->b", effect, inverse, effect)


def _over_variances(sums: np.ndarray) -> np.ndarray:
    """The same with variances alone."""
    variance = np.sum(sums**2, axis=1)
    moved = variance > 0.0
    ratio = sums.sum(axis=1) ** 2 / np.where(moved, variance, 1.0)
    return np.sum(ratio * moved, axis=(1, 2))


def _sum_by(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Sums over the entries of the second axis that have the same code."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    if len(starts) == len(codes):
        return values
    return np.add.reduceat(values[:, order], starts, axis=1)


def permute(design: Design, plan: PermutationPlan, batch: range) -> np.ndarray:
    """Which row each row takes its outputs from: (len(batch), n).

    The units of a group change their levels alike, so that what they share stays
    together.
    """
    entry = entries(design)
    ranks = np.empty((len(batch), plan.n_rows), dtype=np.int64)
    for rank, order in zip(ranks, plan.orders(batch), strict=True):
        rank[order] = np.arange(plan.n_rows)
    keys = design.unit.astype(np.int64) * plan.n_rows + ranks[:, entry]
    return np.argsort(keys, axis=1)


def entries(design: Design) -> np.ndarray:
    """Number of what is permuted for each row: a level (and repeat) of its cluster."""
    code = design.clusters[design.unit] * (design.slot.max() + 1) + design.slot
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    # By their first rows, so that numbers of names play no part.
    return np.argsort(np.argsort(first))[number]


def infer(
    statistics: Statistics, rows: np.ndarray, seed: int, n_permutations: int
) -> tuple[float, np.ndarray]:
    """p-value that nothing moves, and the statistics of the permutations (m, S)."""
    design = statistics.design
    plan = PermutationPlan(seed, n_permutations, int(entries(design).max()) + 1)
    size = max(NUMBERS_PER_BATCH // (rows.size * design.n_levels), 1)
    null = []
    for batch in split(range(n_permutations), size):
        tell(STEP, batch.start, n_permutations)
        null.append(statistics.of(rows[permute(design, plan, batch)]))
        tell(STEP, batch.stop, n_permutations)
    if not null:
        return np.nan, np.empty((0, 0))
    distribution = np.concatenate(null)
    observed = statistics.of(rows[None])[0]
    return float(max_t_pvalues(observed, distribution).min()), distribution
