"""Folds of whole groups in which a column varies, with its levels spread evenly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Unevenness this close, relative to the best and by itself, counts as equal.
CLOSE = 1e-5, 1e-8
MOST_ATTEMPTS = 20
# So few numbers are added one after the other: zeros behind them change nothing.
LEVELS_ADDED_IN_TURN = 7


class GroupSplit(NamedTuple):
    """A partition that is wanted: of labels (n,) in groups (n,), both numbered from 0.

    A partition that leaves a level in one fold as a whole is drawn again, from the next
    seed, a number of times.
    """

    labels: np.ndarray
    groups: np.ndarray
    n_folds: int
    seed: int

    def counts(self) -> np.ndarray:
        """Entries by group and level that occurs: (n_groups, n_levels)."""
        shape = int(self.groups.max()) + 1, int(self.labels.max()) + 1
        cells = np.ravel_multi_index((self.groups, self.labels), shape)
        counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        return counts[:, counts.any(axis=0)]


def fold_groups(splits: Sequence[GroupSplit]) -> list[np.ndarray]:
    """Fold of every entry, of many partitions at a time."""
    counts = [split.counts() for split in splits]
    folds = [np.empty(0, dtype=int)] * len(splits)
    left = list(range(len(splits)))
    for attempt in range(MOST_ATTEMPTS):
        orders = [
            np.random.RandomState(splits[i].seed + attempt).permutation(len(counts[i]))
            for i in left
        ]
        tables = [counts[i][order] for i, order in zip(left, orders, strict=True)]
        dealt = deal_out(tables, [splits[i].n_folds for i in left])
        for i, order, own in zip(left, orders, dealt, strict=True):
            folds[i] = np.empty_like(own)
            folds[i][order] = own
        left = [i for i in left if _holds_whole_level(counts[i], folds[i])]
        if not left:
            break
    return [fold[split.groups] for fold, split in zip(folds, splits, strict=True)]


def _holds_whole_level(counts: np.ndarray, fold: np.ndarray) -> bool:
    """Whether all entries of a level are in one fold."""
    held = (fold == np.arange(fold.max() + 1)[:, None]) @ counts
    return bool((held == counts.sum(axis=0)).any())


def deal_out(tables: list[np.ndarray], n_folds: list[int]) -> list[np.ndarray]:
    """Deal groups out to folds one by one, each to where levels are spread most evenly.

    The most uneven groups come first. The unevenness of folds is the mean over levels
    of the standard deviation of the shares that the folds have of a level; among equals
    a group goes to the smallest fold. These are the rules of scikit-learn's
    StratifiedGroupKFold, which looks at one partition and one fold at a time.

    Parameters
    ----------
    tables : list of ndarray of shape (n_groups, n_levels)
        Entries by group and level of each partition.
    n_folds : list of int
        Their numbers of folds.

    Returns
    -------
    list of ndarray of shape (n_groups,), dtype int
        Fold of each group.
    """
    folds: list = [None] * len(tables)
    alike: dict[tuple[int, int], list[int]] = {}
    for i, table in enumerate(tables):
        width = max(table.shape[1], LEVELS_ADDED_IN_TURN)
        alike.setdefault((n_folds[i], width), []).append(i)
    for (number, width), members in alike.items():
        longest = max(len(tables[i]) for i in members)
        # Groups and levels without entries fill up to a common shape.
        padded = np.zeros((len(members), longest, width))
        n_levels = np.array([tables[i].shape[1] for i in members])
        orders = [np.argsort(-tables[i].std(axis=1), kind="stable") for i in members]
        for own, i, order in zip(padded, members, orders, strict=True):
            own[: len(order), : tables[i].shape[1]] = tables[i][order]
        dealt = _deal_in_order(padded, n_levels, number)
        for own, i, order in zip(dealt, members, orders, strict=True):
            folds[i] = np.empty(len(order), dtype=int)
            folds[i][order] = own[: len(order)]
    return folds


def _deal_in_order(counts: np.ndarray, n_levels: np.ndarray, n_folds: int):
    """Fold of each group in turn (s, n_groups), from counts (s, n_groups, width)."""
    s, n_groups, width = counts.shape
    totals = np.maximum(counts.sum(axis=1), 1.0)[:, None]
    folds = np.empty((n_groups, s), dtype=int)
    held, numbers = np.zeros((s, n_folds, width)), np.arange(n_folds)
    # Shares of the levels if the group came to the first fold, to the second, ...
    shares = np.empty((s, n_folds, n_folds, width))
    chosen = np.einsum("sffc->sfc", shares)
    for position, group in enumerate(counts.swapaxes(0, 1).copy()[:, :, None]):
        np.divide(held[:, None], totals[:, None], out=shares)
        np.divide(held + group, totals, out=chosen)
        shares -= np.add.reduce(shares, axis=2, keepdims=True) / n_folds
        np.multiply(shares, shares, out=shares)
        spread = np.sqrt(np.add.reduce(shares, axis=2) / n_folds)
        uneven = np.add.reduce(spread, axis=2) / n_levels[:, None]
        best = _least_uneven(uneven, np.add.reduce(held, axis=2))
        folds[position] = best
        held += (best[:, None] == numbers)[..., None] * group
    return folds.T


def _least_uneven(uneven: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Best fold of each partition (s,), from unevenness and sizes (s, n_folds)."""
    best = np.zeros(len(uneven), dtype=int)
    least, smallest = uneven[:, 0], sizes[:, 0]
    relative, absolute = CLOSE
    for fold in range(1, uneven.shape[1]):
        own, size = uneven[:, fold], sizes[:, fold]
        close = np.abs(own - least) <= absolute + relative * least
        better = (own < least) | (close & (size < smallest))
        best = np.where(better, fold, best)
        least = np.where(better, own, least)
        smallest = np.where(better, size, smallest)
    return best
