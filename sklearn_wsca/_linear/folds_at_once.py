"""Rows of test folds: one fold after the other, or all side by side on accelerators.

There one product then serves all folds, each of them padded to the longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import array_namespace, is_tensor, multiply_each
from sklearn_wsca._linear.design import Design, rows_per_block

# Of all folds, with their padding (1 GB in single precision).
NUMBERS_AT_ONCE = 2**28


def pad_folds(
    members: Sequence[np.ndarray], like: Any, width: int = 1
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Put folds that are worked on at once side by side.

    Parameters
    ----------
    members : sequence of ndarray of shape (n_members,), dtype int
        The members of each fold, at least one.
    like : array
        Where the work is done: on an accelerator all folds are taken at once if they
        fit, else one after the other, whose rows stay in the cache of a core.
    width : int, default=1
        Numbers that are held for each member at a time.

    Returns
    -------
    list of (members, filled), arrays of shape (f, m)
        Members of f folds, the last one repeated up to the length of the longest fold,
        and which of them are not such repeats.
    """
    counts = np.array([len(own) for own in members])[:, None]
    numbers = len(members) * int(counts.max()) * width
    if not is_tensor(like) or numbers > NUMBERS_AT_ONCE:
        return [(own[None], np.ones((1, len(own)), dtype=bool)) for own in members]
    place = np.arange(counts.max())
    last = np.minimum(place, counts - 1)
    padded = [own[at] for own, at in zip(members, last, strict=True)]
    return [(np.stack(padded), place < counts)]


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
    found = []
    for own, filled in pad_folds(members, design.coordinates):
        where: Any = design.index(own)
        if len(own) == 1:
            where = slice(own[0, 0], own[0, -1] + 1)
        rows = slots[own]
        weights = np.where(filled, design.weights[rows], 0.0)
        found.append(FoldRows(where, design.index(rows), design.array(weights)))
    return found


def sums_of_rows(design: Design, rows: list[FoldRows]) -> tuple[Any, Any]:
    """Sums (n_folds, k) and products (n_folds, k, k) of weighted rows, in double.

    The rows are taken less the mean of the design.
    """
    k, found = design.shape[1], []
    for own in rows:
        f = len(own.weights)
        totals = design.zeros((f, 1, k), "float64")
        grams = design.zeros((f, k, k), "float64")
        xp = array_namespace(grams)
        mean = design.array(design.mean)
        for _, weights, block in own.blocks(design, k):
            roots = xp.sqrt(weights)
            scaled = (block - mean) * roots[..., None]
            totals += multiply_each(roots[:, None], scaled)
            grams += multiply_each(xp.moveaxis(scaled, 1, 2), scaled)
        found.append((totals[:, 0], grams))
    sums, products = zip(*found, strict=True)
    return xp.concatenate(sums), xp.concatenate(products)
