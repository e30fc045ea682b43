"""Feature maps read in row blocks, and what one pass over them tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from sklearn_wsca._embeddings import release_pages

# A block and its maps stay in the cache of a core.
BYTES_PER_BLOCK = 2**22
ROWS_SHOWN = 5
MOST_DIMENSIONS = 5


@dataclass(frozen=True)
class FeatureMaps:
    """Activations of shape (n, C) or (n, C, *spatial), in blocks of rows.

    Parameters
    ----------
    array : array
        numpy array or memory map, or anything that can be sliced by rows, such as zarr,
        h5py and dask arrays.
    """

    array: Any

    @classmethod
    def of(cls, A: Any) -> FeatureMaps:
        """Check the shape and element type of activations; values are checked later.

        Raises
        ------
        ValueError
            If they are no real numbers of shape (n, C) or (n, C, *spatial).
        """
        if not hasattr(A, "shape") or not hasattr(A, "dtype"):
            A = np.asarray(A)
        if not 2 <= len(A.shape) <= MOST_DIMENSIONS or 0 in A.shape:
            raise ValueError(
                f"A: the feature maps have the shape {tuple(A.shape)}; pass "
                "(n_samples, n_features) or (n_samples, n_features, *spatial) with one "
                "to three spatial dimensions, none of them empty."
            )
        if np.dtype(str(A.dtype)).kind not in "fiub":
            raise ValueError(
                f"A: the feature maps have the element type {A.dtype}; pass "
                "real numbers, such as float32."
            )
        return cls(A)

    def __len__(self) -> int:
        return int(self.array.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features (channels) C."""
        return int(self.array.shape[1])

    @property
    def spatial(self) -> tuple[int, ...]:
        """Shape of one map; empty for pooled activations."""
        return tuple(int(length) for length in self.array.shape[2:])

    @property
    def n_positions(self) -> int:
        """Number of positions P of a map; 1 for pooled activations."""
        return int(np.prod(self.spatial, dtype=int))

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks (b, C, P) in single or double precision, and which rows they are.

        Raises
        ------
        ValueError
            If a value is not finite; the message names the rows.
        """
        width = self.n_features * self.n_positions * self.array.dtype.itemsize
        size = max(1, BYTES_PER_BLOCK // width)
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            block = np.asarray(self.array[rows])
            if block.dtype not in (np.float32, np.float64):
                block = block.astype(np.float64)
            block = block.reshape(len(block), self.n_features, self.n_positions)
            yield rows, block
            release_pages(self.array)

    def take(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Maps (C, P) of single rows, in double precision."""
        for row in rows:
            one = np.asarray(self.array[int(row)], dtype=np.float64)
            yield one.reshape(self.n_features, self.n_positions)
        release_pages(self.array)


@dataclass(frozen=True)
class Survey:
    """What a pass over feature maps tells about every sample.

    Parameters
    ----------
    pooled : ndarray of shape (n, C)
        Mean of each feature over the positions.
    lowest, highest : ndarray of shape (n, K)
        Smallest and largest value of the activation map of each class.
    map_means : ndarray of shape (n, K)
        Mean of the activation map of each class over the positions.
    """

    pooled: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    map_means: np.ndarray


def survey_maps(maps: FeatureMaps, weights: np.ndarray) -> Survey:
    """Pool every feature and find the extremes of the maps, in one pass.

    Parameters
    ----------
    maps : FeatureMaps
        Activations.
    weights : ndarray of shape (K, C)
        Weights of the classes.
    """
    n, n_classes = len(maps), len(weights)
    pooled = np.empty((n, maps.n_features))
    lowest, highest, means = (np.empty((n, n_classes)) for _ in range(3))
    weights_by_type = {np.dtype(t): weights.astype(t) for t in (np.float32, np.float64)}
    for rows, block in maps.blocks():
        pooled[rows] = pool_positions(block)
        if not np.isfinite(pooled[rows]).all():
            refuse_non_finite(block, rows.start)
        if not n_classes:
            continue
        activation = weights_by_type[block.dtype] @ block
        lowest[rows], highest[rows] = activation.min(axis=2), activation.max(axis=2)
        means[rows] = activation.mean(axis=2, dtype=np.float64)
    return Survey(pooled, lowest, highest, means)


def pool_maps(maps: FeatureMaps) -> np.ndarray:
    """Mean of every feature over the positions: (n, C)."""
    return survey_maps(maps, np.empty((0, maps.n_features))).pooled


def pool_positions(block: np.ndarray) -> np.ndarray:
    """Mean over the positions of a block (b, C, P): (b, C)."""
    b, n_features, n_positions = block.shape
    # One matrix-vector product reads the block at the speed of memory.
    ones = np.ones(n_positions, dtype=block.dtype)
    sums = block.reshape(-1, n_positions) @ ones
    return sums.reshape(b, n_features).astype(np.float64) / n_positions


def refuse_non_finite(
    block: np.ndarray, first_row: int, argument: str = "A"
) -> NoReturn:
    """Say which rows of a block hold values that are no finite numbers."""
    bad = ~np.isfinite(block)
    rows = first_row + np.flatnonzero(bad.any(axis=(1, 2)))
    if not len(rows):
        raise ValueError(
            f"A: the feature maps of the rows from {first_row} on are so large that "
            "their sum is not finite; rescale them."
        )
    shown = ", ".join(map(str, rows[:ROWS_SHOWN]))
    more = ", ..." if len(rows) > ROWS_SHOWN else ""
    raise ValueError(
        f"A: the feature maps contain NaN or infinity in the rows {shown}{more} "
        "(counted from 0; later rows were not read yet). Drop these rows, or export "
        "them again."
    )
