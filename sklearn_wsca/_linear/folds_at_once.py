"""Rows of test folds: one fold after the other, or all side by side on accelerators.

There one product then serves all folds, each of them padded to the longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import array_namespace, is_tensor
from sklearn_wsca._linear.design import Design, rows_per_block, weighted_moments

# Of all folds, with their padding (1 GB in single precision).
NUMBERS_AT_ONCE = 2**28


def pad_folds(
    members: Sequence[np.ndarray], weights: np.ndarray, like: Any, width: int = 1
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Put folds that are worked on at once side by side.

    Parameters
    ----------
    members : sequence of ndarray of shape (n_members,), dtype int
        The members of each fold, at least one.
    weights : ndarray of shape (..., n)
        Weights of all members.
    like : array
        Where the work is done: on an accelerator all folds are taken at once if they
        fit, else one after the other, whose rows stay in the cache of a core.
    width : int, default=1
        Numbers that are held for each member at a time.

    Returns
    -------
    list of (members, weights), arrays of shape (f, m) and (..., f, m)
        Members of f folds, the last one repeated up to the length of the longest fold,
        and their weights, 0 for such repeats.
    """
    counts = np.array([len(own) for own in members])[:, None]
    numbers = len(members) * int(counts.max()) * width
    if not is_tensor(like) or numbers > NUMBERS_AT_ONCE:
        return [(own[None], weights[..., own[None]]) for own in members]
    place = np.arange(counts.max())
    last = np.minimum(place, counts - 1)
    padded = np.stack([own[at] for own, at in zip(members, last, strict=True)])
    return [(padded, np.where(place < counts, weights[..., padded], 0.0))]


class FoldRows(NamedTuple):
    """Rows of f folds, padded to the m rows of the longest one.

    Parameters
    ----------
    slots : slice or array of shape (f, m), dtype int
        Where they are among the slots; a slice for a single fold.
    rows : array of shape (f, m), dtype int
        Rows of the design.
    weights : array of shape (f, m)
        Their weights, 0 where there are no more rows.
    """

    slots: Any
    rows: Any
    weights: Any

    def blocks(self, design: Design, n_outputs: int) -> Iterator[tuple[Any, Any, Any]]:
        """Slots, weights (f, b) and rows (f, b, k), of so many outputs, by block."""
        f, m = self.weights.shape
        size = rows_per_block(design.coordinates, f * n_outputs)
        for start in range(0, m, size):
            stop = min(start + size, m)
            if isinstance(self.slots, slice):
                slots: Any = slice(self.slots.start + start, self.slots.start + stop)
            else:
                slots = self.slots[:, start:stop]
            rows = design.take(self.rows[:, start:stop])
            yield slots, self.weights[:, start:stop], rows


def rows_of_folds(
    design: Design, slots: np.ndarray, counts: np.ndarray
) -> list[FoldRows]:
    """Rows of the folds, which have so many slots each."""
    members = np.split(np.arange(len(slots)), np.cumsum(counts)[:-1])
    by_slot, found = design.weights[slots], []
    for own, weights in pad_folds(members, by_slot, design.coordinates):
        alone = len(own) == 1
        where = slice(own[0, 0], own[0, -1] + 1) if alone else design.index(own)
        rows = design.index(slots[own])
        found.append(FoldRows(where, rows, design.array(weights)))
    return found


def sums_of_rows(design: Design, rows: list[FoldRows]) -> tuple[Any, Any]:
    """Sums (n_folds, k) and products (n_folds, k, k) of weighted rows, in double.

    The rows are taken less the mean of the design.
    """
    k, found = design.shape[1], []
    for own in rows:
        blocks = own.blocks(design, k)
        parts = ((weights, block) for _, weights, block in blocks)
        found.append(weighted_moments(design, len(own.weights), parts))
    sums, products = zip(*found, strict=True)
    xp = array_namespace(sums[0])
    return xp.concatenate(sums), xp.concatenate(products)
