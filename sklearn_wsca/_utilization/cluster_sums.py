"""Sums over clusters of rows, as matrix products over all clusters of one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import array_namespace, is_tensor

# What is computed of one part of the rows stays in the cache of a processor; an
# accelerator takes as many as memory holds.
NUMBERS_PER_PART, NUMBERS_PER_PART_OF_TENSORS = 2**16, 2**27


@dataclass(frozen=True)
class Clusters:
    """Rows in an order in which clusters of one class and size follow each other.

    Parameters
    ----------
    order : array of shape (n,), dtype int
        Rows by class, by how many rows of it their cluster has, and by cluster.
    blocks : list of (int, int, int, int)
        Where clusters of one size in one class start and end in that order, the size,
        and the class.
    """

    order: Any
    blocks: list[tuple[int, int, int, int]]

    @classmethod
    def of(cls, clusters: np.ndarray, classes: np.ndarray) -> Clusters:
        """Sort the rows."""
        cells = classes * (int(clusters.max()) + 1) + clusters
        cells, counts = np.unique(cells, return_inverse=True, return_counts=True)[1:]
        sizes = counts[cells]
        order = np.lexsort((cells, sizes, classes))
        classes, sizes = classes[order], sizes[order]
        new = 1 + np.flatnonzero((np.diff(classes) != 0) | (np.diff(sizes) != 0))
        blocks = [
            (start, stop, int(sizes[start]), int(classes[start]))
            for start, stop in pairwise([0, *new.tolist(), len(order)])
        ]
        return cls(order, blocks)

    def __len__(self) -> int:
        return sum((stop - start) // size for start, stop, size, _ in self.blocks)

    def parts(self, width: int) -> Iterator[tuple[slice, int, int]]:
        """Rows of whole clusters of one size in one class, the size and the class.

        `width` is how many numbers there are of each row.
        """
        most = NUMBERS_PER_PART
        if is_tensor(self.order):
            most = NUMBERS_PER_PART_OF_TENSORS
        for start, stop, size, number in self.blocks:
            step = size * max(1, most // (size * width))
            for at in range(start, stop, step):
                yield slice(at, min(at + step, stop)), size, number


def squares_of_sums(values: Any, residuals: Any, size: int) -> Any:
    """Sums over clusters, each of `size` rows, of squared sums of products: (m, C)."""
    xp = array_namespace(values)
    if size == 1:
        return xp.square(values).T @ xp.square(residuals)
    shape = len(values) // size, size, -1
    sums = residuals.reshape(shape).swapaxes(1, 2) @ values.reshape(shape)
    return xp.einsum("gcm,gcm->cm", sums, sums).T
