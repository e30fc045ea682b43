"""Feature maps read in row blocks, and what one pass over them tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, NamedTuple, NoReturn

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_wsca._backend.file_rows import read_rows
from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.namespace import is_tensor, to_numpy
from sklearn_wsca._input.embeddings import (
    LARGEST,
    SMALLEST,
    check_magnitude,
    release_pages,
)

# What is read in one go; a memory map lets go of it afterwards.
BYTES_PER_READ = 2**25
# A block and its maps stay in the cache of a core.
BYTES_PER_BLOCK = 2**21
# A sum of products is off by a few units in the last place of its terms.
ROUNDINGS = 16
MOST_THREADS = 8
# Between them products of maps and weights stay in the range of the type.
LIMITS = {
    np.dtype(np.float32): (1e-30, 1e30),
    np.dtype(np.float64): (SMALLEST, LARGEST),
}
ROWS_SHOWN = 5
MOST_DIMENSIONS = 5


@dataclass(frozen=True)
class FeatureMaps:
    """Activations of shape (n, C) or (n, C, *spatial), in blocks of rows.

    Parameters
    ----------
    array : array
        numpy array or memory map, or anything that can be sliced by rows, such as zarr,
        h5py and dask arrays. Tensors are brought to main memory.
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
        if is_tensor(A):
            A = to_numpy(A)
        elif not hasattr(A, "shape") or not hasattr(A, "dtype"):
            A = as_array(A)
        if not 2 <= len(A.shape) <= MOST_DIMENSIONS or 0 in A.shape:
            raise ValueError(
                f"A: the feature maps have the shape {tuple(A.shape)}; pass "
                "(n_samples, n_features) or (n_samples, n_features, *spatial) with one "
                "to three spatial dimensions, none of them empty."
            )
        if getattr(A.dtype, "kind", "O") not in "fiub":
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

    @property
    def precision(self) -> np.dtype:
        """Precision of the blocks: single where it holds every value exactly."""
        exact = np.can_cast(self.array.dtype, np.float32)
        return np.dtype(np.float32 if exact else np.float64)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks (b, C, P), and which rows they are; each overwritten by the next."""
        for start, piece in self.pieces():
            yield from self.cut(start, piece)

    def pieces(self, fewest: int = 1) -> Iterator[tuple[int, np.ndarray]]:
        """First row of every piece that is read in one go, and the piece."""
        width = self.n_features * self.n_positions * self.array.dtype.itemsize
        size, start = max(fewest, BYTES_PER_READ // width), 0
        for piece in in_parts(self._read, range(len(self)), size):
            yield start, piece
            start += len(piece)
            release_pages(self.array)

    def _read(self, part: range) -> np.ndarray:
        return np.asarray(read_rows(self.array, slice(part.start, part.stop)))

    def cut(self, start: int, piece: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of a piece, and which rows they are; each is overwritten by the next.

        Products of a copy in the cache are faster, and do not hang on how the array
        lies in memory.
        """
        width = self.n_features * self.n_positions * self.precision.itemsize
        size = max(1, min(len(piece), BYTES_PER_BLOCK // width))
        copy = np.empty((size, *piece.shape[1:]), dtype=self.precision)
        maps = copy.reshape(size, self.n_features, self.n_positions)
        for at in range(0, len(piece), size):
            b = min(size, len(piece) - at)
            copy[:b] = piece[at : at + b]
            yield slice(start + at, start + at + b), maps[:b]

    def visit(
        self, work: Callable[[slice, np.ndarray], None]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Do something with every block of a piece, then yield its first row and it.

        There are as many threads as matrix products have. In them nothing warns of what
        is not finite; `refuse_non_finite` is for that.
        """
        n = min(_threads_of_products(), MOST_THREADS)
        # The products of one sample are too small for several threads.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(n) as pool:
            for start, piece in self.pieces(fewest=n):
                ends = np.linspace(0, len(piece), n + 1).astype(int)
                shares = [piece[a:b] for a, b in pairwise(ends)]
                # A list, so that an error in a thread is raised here.
                list(pool.map(self._visit, repeat(work), start + ends, shares))
                yield start, piece

    def _visit(self, work: Callable, start: int, piece: np.ndarray) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            for rows, block in self.cut(start, piece):
                work(rows, block)

    def select(self, kept: np.ndarray) -> np.ndarray:
        """Maps of some of the features, read in pieces: (n, n_kept, *spatial)."""
        shape = (len(self), int(np.count_nonzero(kept)), *self.spatial)
        selected = np.empty(shape, dtype=self.array.dtype)
        for start, piece in self.pieces():
            part = piece[:, kept]
            if not np.isfinite(part).all():
                refuse_non_finite(part, start)
            selected[start : start + len(piece)] = part
        return selected

    def take(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Maps (C, P) of single rows, in double precision."""
        for row in rows:
            one = read_rows(self.array, slice(int(row), int(row) + 1))
            one = np.asarray(one, dtype=np.float64)
            yield one.reshape(self.n_features, self.n_positions)
        release_pages(self.array)


class Survey(NamedTuple):
    """What a pass over feature maps tells about every sample.

    Parameters
    ----------
    pooled : ndarray of shape (n, C)
        Mean of each feature over the positions.
    lowest, highest : ndarray of shape (n, K)
        Smallest and largest value of the activation map of each class.
    map_means : ndarray of shape (n, K)
        Mean of the activation map of each class over the positions.
    rounding : ndarray of shape (K,)
        What differs by less is equal up to rounding, in activation maps of each class.
    """

    pooled: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    map_means: np.ndarray
    rounding: np.ndarray


def as_array(A: Any) -> np.ndarray:
    """Array from a list of samples.

    Raises
    ------
    ValueError
        If the samples differ in shape.
    """
    try:
        return np.asarray(A)
    except ValueError as error:
        shapes = sorted({sample.shape for sample in A if hasattr(sample, "shape")})
        raise ValueError(
            f"A: the feature maps of the samples differ in shape ({shapes}); bring the "
            "images to one size, or pool every map over its positions."
        ) from error


def survey_maps(maps: FeatureMaps, weights: np.ndarray) -> Survey:
    """Pool every feature, and find the extremes of the maps of classes, in one pass."""
    pooled = np.empty((len(maps), maps.n_features))
    lowest, highest, means = np.empty((3, len(maps), len(weights)))
    limits = LIMITS[maps.precision]
    check_magnitude(_largest(weights), "head", "weight", limits)
    in_precision = weights.astype(maps.precision)

    def look(rows: slice, block: np.ndarray) -> None:
        pooled[rows] = pool_positions(block)
        if len(weights):
            activation = in_precision @ block
            activation.min(axis=2, out=lowest[rows])
            activation.max(axis=2, out=highest[rows])
            activation.mean(axis=2, dtype=np.float64, out=means[rows])

    for start, piece in maps.visit(look):
        if not np.isfinite(pooled[start : start + len(piece)]).all():
            refuse_non_finite(piece, start)
    check_magnitude(_largest(pooled), "A", "feature map", limits)
    size = np.abs(pooled).max(axis=0) @ np.abs(weights).T
    rounding = ROUNDINGS * np.finfo(maps.precision).eps * size
    return Survey(pooled, lowest, highest, means, rounding)


def _threads_of_products() -> int:
    """Fewest threads of the libraries for linear algebra that are loaded."""
    found = [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]
    return min(found, default=1)


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))


def pool_maps(maps: FeatureMaps) -> np.ndarray:
    """Mean of every feature over the positions: (n, C)."""
    return survey_maps(maps, np.empty((0, maps.n_features))).pooled


def pool_positions(block: np.ndarray) -> np.ndarray:
    """Mean over the positions of a block (b, C, P): (b, C).

    One product per sample: the fastest way to sum, and its value does not hang on the
    other samples.
    """
    n_positions = block.shape[2]
    sums = block @ np.ones(n_positions, dtype=block.dtype)
    return sums.astype(np.float64) / n_positions


def refuse_non_finite(
    block: np.ndarray, first_row: int, argument: str = "A"
) -> NoReturn:
    """Say which rows of a block hold values that are no finite numbers."""
    bad = ~np.isfinite(block).all(axis=tuple(range(1, block.ndim)))
    rows = first_row + np.flatnonzero(bad)
    if not len(rows):
        raise ValueError(
            f"{argument}: the feature maps of the rows from {first_row} on are so "
            "large that their sum is not finite; rescale them."
        )
    shown = ", ".join(map(str, rows[:ROWS_SHOWN]))
    more = ", ..." if len(rows) > ROWS_SHOWN else ""
    raise ValueError(
        f"{argument}: the feature maps contain NaN or infinity in the rows "
        f"{shown}{more} (counted from 0; later rows were not read yet). Drop these "
        "rows, or export them again."
    )
