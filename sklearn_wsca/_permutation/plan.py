"""Permutations of a metadata column, sign flips, and the p-values they give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sklearn_wsca._backend.namespace import (
    array_namespace,
    is_tensor,
    take_along,
    to_numpy,
    to_same_device,
)

SAME_DISTANCE = 1e-10
# 2^64 over the golden ratio: its multiples are spread evenly over all integers there.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ROUNDING = 100 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class PermutationPlan:
    """One shared sequence of permutations for all columns.

    Permutation b draws one random order of all rows; a column is permuted by the order
    that its own rows have in it. Columns without gaps are therefore permuted alike,
    which keeps the dependence between columns that max-T needs.

    Parameters
    ----------
    seed : int
        Every permutation has its own generator, made from `seed` and its number, so the
        result depends neither on batches nor on the number of workers.
    n_permutations : int
        Number of permutations, m.
    n_rows : int
        Number of rows, in the canonical order of `canonical_order`.
    """

    seed: int
    n_permutations: int
    n_rows: int

    def orders(self, batch: range, like: Any = None) -> Any:
        """Random orders of all rows, where an array is: (len(batch), n_rows)."""
        orders = np.empty((len(batch), self.n_rows), dtype=np.int32)
        for i, number in enumerate(batch):
            orders[i] = self._generator(number).permutation(self.n_rows)
        return to_same_device(orders, like)

    def sources(
        self, batch: range, rows: np.ndarray, strata: np.ndarray | None = None
    ) -> np.ndarray:
        """Where each entry of a column comes from in the permutations of a batch.

        See `permutation_sources`; the orders are drawn for this column alone.
        """
        return permutation_sources(self.orders(batch), rows, strata)

    def signs(self, batch: range, k: int) -> np.ndarray:
        """Random signs of k principal coordinates: (len(batch), k)."""
        signs = [
            self._generator(number).choice([-1.0, 1.0], size=k) for number in batch
        ]
        return np.array(signs).reshape(len(batch), k)

    def _generator(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, number])


def split(permutations: range, size: int, fewest: int = 1) -> Iterator[range]:
    """Cover permutations in batches of `size`, or smaller ones if there are too few."""
    size = max(1, min(size, -(-len(permutations) // fewest)))
    for start in range(permutations.start, permutations.stop, size):
        yield range(start, min(start + size, permutations.stop))


def permutation_sources(
    orders: Any, rows: np.ndarray, strata: np.ndarray | None = None
) -> Any:
    """Where each entry of a column comes from under random orders of all rows.

    Parameters
    ----------
    orders : array of shape (p, n_rows), dtype int
        One order of all rows per permutation.
    rows : ndarray of shape (n_observed,), dtype int
        Rows on which the column is observed.
    strata : ndarray of shape (n_observed,), dtype int, default=None
        Entries move only between rows of the same stratum.

    Returns
    -------
    sources : array of shape (p, n_observed), dtype int
        The permuted column is ``column[rows][sources[b]]``.
    """
    if strata is None:
        return _order_of_entries(orders, rows)
    slots, entries = permute_within(orders, rows, strata)
    sources = array_namespace(entries).empty_like(entries)
    sources[:, to_same_device(slots, entries)] = entries
    return sources


def permute_within(
    orders: Any, rows: np.ndarray, strata: np.ndarray
) -> tuple[np.ndarray, Any]:
    """Permute within strata, with the entries sorted by stratum.

    Returns
    -------
    slots : ndarray of shape (n_observed,), dtype int
        Entries of the column, by stratum.
    sources : array of shape (p, n_observed), dtype int
        Entry ``slots[i]`` of permutation b comes from entry ``sources[b, i]``.
    """
    strata = _as_small(np.unique(strata, return_inverse=True)[1])
    sources, slots = _order_of_entries(orders, rows), stable_order(strata)
    if is_tensor(sources):
        own = to_same_device(strata.astype(np.int32), sources)
        return slots, take_along(sources, _stable_orders(own[sources]))
    sources = sources.copy()
    for i, order in enumerate(sources):
        sources[i] = order[stable_order(strata[order])]
    return slots, sources


def exchange_groups(orders: Any, groups: np.ndarray, strata: np.ndarray | None) -> Any:
    """Where each entry comes from if whole groups are exchanged: (p, n).

    A group takes all that another one has, in random order: repeated or cut where
    their sizes differ.

    Parameters
    ----------
    orders : array of shape (p, n), dtype int
        Random orders of the entries. Groups come in the order of their first entry,
        the entries of a group in their own.
    groups : ndarray of shape (n,), dtype int
        Group of each entry, numbered from 0.
    strata : ndarray of shape (n_groups,), dtype int, or None
        Groups are exchanged within these only.
    """
    if is_tensor(orders):
        # Sorted where the fast sort of small integers is.
        found = exchange_groups(to_numpy(orders), groups, strata)
        return to_same_device(found, orders)
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    groups = _as_small(groups)
    place = np.empty(len(groups), dtype=np.intp)
    place[stable_order(groups)] = np.arange(len(groups)) - np.repeat(starts, sizes)
    receivers: Any = slice(None)
    if strata is not None:
        strata = _as_small(np.unique(strata, return_inverse=True)[1])
        receivers = stable_order(strata)
    sources, giver = np.empty_like(orders), np.empty(len(sizes), dtype=np.intp)
    for own, order in zip(sources, orders, strict=True):
        by_group = stable_order(groups.take(order))
        sequence = np.argsort(by_group.take(starts))
        if strata is not None:
            sequence = sequence[stable_order(strata[sequence])]
        giver[receivers] = sequence
        at = sizes.take(giver).take(groups)
        np.remainder(place, at, out=at)
        at += starts.take(giver).take(groups)
        own[:] = order.take(by_group.take(at))
    return sources


def stable_order(codes: np.ndarray) -> np.ndarray:
    """Stable argsort of integers from 0 to 2^32, which takes linear time."""
    # Linear for integers of 16 bits only.
    order = np.argsort(codes.astype(np.uint16, copy=False), kind="stable")
    if codes.dtype != np.uint16 and codes.max(initial=0) >= 2**16:
        high = (codes[order] >> 16).astype(np.uint16)
        order = order[np.argsort(high, kind="stable")]
    return order


def _stable_orders(codes: Any) -> Any:
    """Stable argsort of every row of a tensor."""
    return array_namespace(codes).argsort(codes, axis=1, stable=True)


def _as_small(codes: np.ndarray) -> np.ndarray:
    """Integers from 0 in 16 bits, if these suffice."""
    return codes.astype(np.uint16) if codes.max(initial=0) < 2**16 else codes


def _order_of_entries(orders: Any, rows: np.ndarray) -> Any:
    """Order of the entries of a column within orders of all rows."""
    if len(rows) == orders.shape[1]:
        return orders
    entry = np.full(orders.shape[1], -1, dtype=np.int32)
    entry[rows] = np.arange(len(rows), dtype=np.int32)
    entry = to_same_device(entry, orders)
    entries = entry[orders]
    return entries[entries >= 0].reshape(len(orders), len(rows))


def canonical_order(
    distance: np.ndarray,
    tie_breaker: Callable[[], np.ndarray],
    products: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Order of the rows that depends on their content only.

    Permutations act on rows in this order, so results do not change when a table is
    sorted, rotated or rescaled: rows are sorted by their squared distance from the
    mean, those at the same distance by what `tie_breaker` returns. A uniform
    permutation stays uniform under any fixed relabelling, so this costs nothing.

    Parameters
    ----------
    distance : ndarray of shape (n,)
        Squared distances from the mean.
    tie_breaker : callable
        Returns one unsigned integer per row, made of what else is known of it.
    products : callable, default=None
        From one number per row to the product of each centred row with the sum of all,
        times these numbers: it tells different rows apart that are equal in all else,
        such as counts or codes at the same distance. None where the tie breaker does.
    """
    order = np.argsort(distance)
    # Rounding may set equal embeddings apart, differently after a rotation.
    apart = np.diff(distance[order]) > SAME_DISTANCE * distance[order][1:]
    if apart.all():
        return order
    rank = np.empty(len(distance), dtype=np.intp)
    rank[order] = np.append(0, np.cumsum(apart))
    marks = tie_breaker()
    order = np.lexsort((marks, rank))
    equal = (np.diff(rank[order]) == 0) & (marks[order][1:] == marks[order][:-1])
    if products is None or not equal.any():
        return order
    # As many different numbers as rows can be told apart by.
    numbers = (marks + rank.astype(np.uint64) * GOLDEN) / 2.0**63 - 1.0
    return np.lexsort((products(numbers), marks, rank))


def permutation_pvalues(
    observed: np.ndarray, null: np.ndarray, tolerance: float = 0.0
) -> np.ndarray:
    """One-sided p-values, ``(b + 1) / (m + 1)``: never 0.

    Parameters
    ----------
    observed : ndarray of shape (n_columns,)
        Statistics of the data, large values speaking against the null.
    null : ndarray of shape (m, n_columns)
        Statistics of the permutations.
    tolerance : float
        Relative distance below which a permutation counts as a tie, on top of 100 eps.

    Raises
    ------
    ValueError
        If a statistic is not finite: a NaN would silently lower p.
    """
    _check_finite(observed, null)
    return (count_reached(observed, null, tolerance) + 1.0) / (len(null) + 1.0)


def count_reached(
    observed: np.ndarray | float, null: np.ndarray, tolerance: float = 0.0
) -> np.ndarray:
    """Number of permutations that reach the statistic of the data, ties counted."""
    return reaches(observed, null, tolerance).sum(axis=0)


def reaches(
    observed: np.ndarray | float, null: np.ndarray, tolerance: float
) -> np.ndarray:
    """Which permutations reach the statistic of the data."""
    tolerance = max(tolerance, ROUNDING)
    return null >= observed - tolerance * np.abs(observed)


def sequential_pvalue(
    observed: float, null: np.ndarray, stop_after: int, tolerance: float = 0.0
) -> tuple[float, int]:
    """p-value under the stopping rule of Besag and Clifford, and permutations used.

    Permutations are drawn until `stop_after` = h of them have reached the statistic of
    the data, at permutation l, which gives h / l; if that does not happen within the m
    permutations it is the usual (b + 1) / (m + 1). Permutations beyond l are not used,
    so the result does not depend on how many were drawn at a time.

    References
    ----------
    .. [1] J. Besag and P. Clifford, "Sequential Monte Carlo p-values", Biometrika
       78(2), 1991.
    """
    _check_finite(np.asarray(observed), null)
    counts = np.cumsum(reaches(observed, null, tolerance))
    stopped = np.flatnonzero(counts >= stop_after)
    if len(stopped):
        used = int(stopped[0]) + 1
        return stop_after / used, used
    reached = counts[-1] if len(counts) else 0
    return (reached + 1.0) / (len(null) + 1.0), len(null)


def max_t_pvalues(
    observed: np.ndarray, null: np.ndarray, tolerance: float = 0.0
) -> np.ndarray:
    """Family-wise p-values from the largest studentised statistic of all columns.

    Each column is studentised by mean and standard deviation over its permutations
    *and* the data, which keeps them exchangeable. Columns must share their
    permutations. A column whose statistic never varies has studentised value 0.
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


def split_like(values: np.ndarray, parts: Sequence[Sized]) -> list[np.ndarray]:
    """Cut what was computed of several parts together into pieces of their lengths."""
    ends = np.cumsum([len(part) for part in parts])
    return np.split(values, ends[:-1])


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


def fewest_permutations(n_tests: float, significance: float) -> int:
    """How many can show one finding among so many tests, after correction."""
    return math.ceil(n_tests / significance) - 1


def explain_floor(
    n_permutations: int, n_columns: int, significance: float
) -> list[str]:
    """Say how many permutations are needed, if these are too few for any finding."""
    floor = 1.0 / (n_permutations + 1)
    if not n_permutations or floor * n_columns <= significance:
        return []
    needed = fewest_permutations(n_columns, significance)
    return [
        f"n_permutations={n_permutations}: no p-value can be below {floor:.3g}, so a "
        f"single column among {n_columns} cannot reach significance={significance:g} "
        f"after correction; use n_permutations={needed} or more."
    ]
