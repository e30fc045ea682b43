"""Permutations of a metadata column, sign flips, and the p-values they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

SAME_DISTANCE = 1e-10
ROUNDING = 100 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class PermutationPlan:
    """One shared sequence of shuffles for all columns.

    Shuffle b draws one random key per row; a column is shuffled by sorting the keys
    of the rows on which it is observed. Columns without gaps are therefore shuffled
    alike, which keeps the dependence between columns that max-T needs.

    Parameters
    ----------
    seed : int
        Every shuffle has its own generator, made from `seed` and its number, so the
        result depends neither on batches nor on the number of workers.
    n_permutations : int
        Number of shuffles, m.
    n_rows : int
        Number of rows, in the canonical order of `canonical_order`.
    """

    seed: int
    n_permutations: int
    n_rows: int

    def sources(
        self, batch: range, rows: np.ndarray, strata: np.ndarray | None = None
    ) -> np.ndarray:
        """Where each entry of a column comes from in the shuffles of a batch.

        Parameters
        ----------
        batch : range
            Numbers of the shuffles.
        rows : ndarray of shape (n_observed,), dtype int
            Rows on which the column is observed.
        strata : ndarray of shape (n_observed,), default=None
            Entries move only between rows of the same stratum.

        Returns
        -------
        sources : ndarray of shape (len(batch), n_observed), dtype int
            The shuffled column is ``column[rows][sources[b]]``.
        """
        sources = np.empty((len(batch), len(rows)), dtype=np.intp)
        if strata is None:
            strata = np.zeros(len(rows), dtype=np.intp)
        slots = np.argsort(strata, kind="stable")
        for i, number in enumerate(batch):
            keys = self._generator(number).random(self.n_rows)[rows]
            # Keys are below 1, so their sum with the stratum sorts by stratum first.
            sources[i, slots] = np.argsort(strata + keys)
        return sources

    def signs(self, batch: range, k: int) -> np.ndarray:
        """Random signs of k principal coordinates: (len(batch), k)."""
        signs = [
            self._generator(number).choice([-1.0, 1.0], size=k) for number in batch
        ]
        return np.array(signs).reshape(len(batch), k)

    def batches(self, size: int) -> Iterator[range]:
        """Cover all shuffles in batches of `size`."""
        for start in range(0, self.n_permutations, size):
            yield range(start, min(start + size, self.n_permutations))

    def _generator(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, number])


def canonical_order(T: np.ndarray, tie_breaker: Callable[[], np.ndarray]) -> np.ndarray:
    """Order of the rows that depends on their content only.

    Shuffles act on rows in this order, so results do not change when a table is
    sorted, rotated or rescaled: rows are sorted by their distance from the mean, equal
    embeddings by what `tie_breaker` returns. A uniform shuffle stays uniform under any
    fixed relabelling, so this costs nothing.
    """
    distance = np.einsum("nk,nk->n", T, T)
    order = np.argsort(distance)
    # Rounding may set equal embeddings apart, differently after a rotation.
    apart = np.diff(distance[order]) > SAME_DISTANCE * distance[order][1:]
    if apart.all():
        return order
    rank = np.empty(len(T), dtype=np.intp)
    rank[order] = np.append(0, np.cumsum(apart))
    return np.lexsort((tie_breaker(), rank))


def permutation_pvalues(
    observed: np.ndarray, null: np.ndarray, tolerance: float = 0.0
) -> np.ndarray:
    """One-sided p-values, ``(b + 1) / (m + 1)``: never 0.

    Parameters
    ----------
    observed : ndarray of shape (n_columns,)
        Statistics of the data, large values speaking against the null.
    null : ndarray of shape (m, n_columns)
        Statistics of the shuffles.
    tolerance : float
        Relative distance below which a shuffle counts as a tie, on top of 100 eps.

    Raises
    ------
    ValueError
        If a statistic is not finite: a NaN would silently lower p.
    """
    _check_finite(observed, null)
    tolerance = max(tolerance, ROUNDING)
    reached = null >= observed - tolerance * np.abs(observed)
    return (reached.sum(axis=0) + 1.0) / (len(null) + 1.0)


def max_t_pvalues(
    observed: np.ndarray, null: np.ndarray, tolerance: float = 0.0
) -> np.ndarray:
    """Family-wise p-values from the largest studentised statistic of all columns.

    Each column is studentised by mean and standard deviation over its shuffles *and*
    the data, which keeps them exchangeable. Columns must share their shuffles.
    A column whose statistic never varies has studentised value 0.
    """
    if null.shape[1] == 0:
        return np.empty(0)
    _check_finite(observed, null)
    tolerance = max(tolerance, ROUNDING)
    pooled = np.vstack([observed, null])
    centre, spread = pooled.mean(axis=0), pooled.std(axis=0)
    varies = spread > 1e-12 * np.abs(centre)
    studentised = np.where(
        varies, (pooled - centre) / np.where(varies, spread, 1.0), 0.0
    )
    largest = studentised[1:].max(axis=1, keepdims=True)
    # The tolerance is relative to the raw statistic: carry it to the studentised unit.
    slack = np.where(varies, tolerance * np.abs(observed), 0.0)
    slack = slack / np.where(varies, spread, 1.0)
    repeated = np.broadcast_to(largest, null.shape)
    return permutation_pvalues(studentised[0] - slack, repeated)


def benjamini_hochberg(pvalues: np.ndarray) -> np.ndarray:
    """q-values over the columns that have a p-value; NaN stays NaN."""
    qvalues = np.full(len(pvalues), np.nan)
    given = ~np.isnan(pvalues)
    if given.any():
        qvalues[given] = stats.false_discovery_control(pvalues[given], method="bh")
    return qvalues


def _check_finite(observed: np.ndarray, null: np.ndarray) -> None:
    if not (np.isfinite(observed).all() and np.isfinite(null).all()):
        raise ValueError(
            "a statistic of the permutation null is not finite, so no p-value can be "
            "given: please report this with the data that led to it."
        )
