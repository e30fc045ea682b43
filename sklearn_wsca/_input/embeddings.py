"""Embeddings read in row blocks: from memory, from disk, or on an accelerator."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from operator import iadd
from typing import Any, NoReturn

import numpy as np

from sklearn_wsca._backend.dask_rows import (
    chunk_ends,
    is_dask,
    map_chunks,
    sum_chunks,
)
from sklearn_wsca._backend.file_rows import memory_map, read_rows
from sklearn_wsca._backend.jobs import work_on_several
from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    is_tensor,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._backend.progress import count_rows

ELEMENTS_PER_BLOCK = 2**23
# Of all blocks that are worked on at the same time, their copies and sums: 2 GB.
ELEMENTS_AT_ONCE = 2**28
# An accelerator is not kept busy by less.
ELEMENTS_PER_BLOCK_OF_TENSORS = 2**26
MOST_ROWS_PER_BLOCK = 4096
# Fewer rows in a block keep more workers busy, but their products take longer.
FEWEST_ROWS_PER_BLOCK, BLOCKS_WANTED = 1024, 4
ROWS_SHOWN = 5
SAMPLE_ROWS, SAMPLE_PARTS = 512, 4
SMALLEST, LARGEST = 1e-120, 1e120
REAL_TYPES = ("float", "bfloat", "int", "uint", "bool", ">f", "<f", ">i", "<i")


@dataclass(frozen=True)
class Embeddings:
    """Rows of an array of shape (n_given, n_features), in blocks.

    Parameters
    ----------
    array : array
        numpy array or memory map, torch tensor, or anything two-dimensional that can be
        sliced by rows, such as zarr, h5py and dask arrays.
    kept : ndarray of shape (n_given,), dtype bool, default=None
        Rows that count; None takes all.
    places : ndarray of shape (n_kept,), dtype int, default=None
        Which row each of those is; None keeps the order of the array. They are read
        in that order in any case.
    n_workers : int, default=1
        Blocks that are worked on at the same time, by threads with one thread of linear
        algebra each. What is found does not depend on their number: every block is
        worked on alone, and sums keep their order.
    """

    array: Any
    kept: np.ndarray | None = None
    places: np.ndarray | None = None
    n_workers: int = 1

    def __len__(self) -> int:
        return self._n_given if self.kept is None else int(self.kept.sum())

    @property
    def _n_given(self) -> int:
        return int(self.array.shape[0])

    @property
    def n_features(self) -> int:
        """Width of the embeddings."""
        return int(self.array.shape[1])

    def keep(self, kept: np.ndarray) -> Embeddings:
        """Return the same embeddings with some of the rows only."""
        return replace(self, kept=kept)

    def take(self, order: np.ndarray) -> Embeddings:
        """Return the same embeddings with row ``order[i]`` as row i."""
        places = np.empty(len(self), dtype=np.intp)
        places[order] = np.arange(len(self))
        return replace(
            self, places=places if self.places is None else places[self.places]
        )

    def blocks(self, wanted: int = 1) -> Iterator[tuple[Any, Any]]:
        """Blocks of rows in double precision, and which of the rows they are.

        There are as many as are `wanted`, if that does not make them too small.
        """
        n, start, size = self._n_given, 0, rows_per_read(self.n_features)
        if is_tensor(self.array):
            size = max(1, ELEMENTS_PER_BLOCK_OF_TENSORS // self.n_features)
        else:
            size = min(size, max(FEWEST_ROWS_PER_BLOCK, -(-n // wanted)))
        for block in in_parts(self._read, range(n), size):
            rows = slice(start, start + len(block))
            yield rows if self.places is None else self.places[rows], block
            start += len(block)
            release_pages(self.array)
            count_rows(len(block) / max(len(self), 1))

    def each(self, function: Callable, *by_row: np.ndarray) -> Iterator[tuple]:
        """Which rows are in every block, and what a function makes of the block.

        It is called with the block and the entries of `by_row` for its rows, and
        returns a tuple of arrays with as many rows. Rows of a dask array stay where
        they are: only these arrays are fetched.
        """
        if not is_dask(self.array):
            yield from self._each_block(function, by_row)
            return
        rows, arguments = self._share_out(by_row)
        found = map_chunks(self.array, partial(_each_of_chunk, function), arguments)
        yield from zip(rows, found, strict=True)

    def total(self, function: Callable, *by_row: np.ndarray) -> tuple:
        """Sums over all blocks of the arrays that a function of a block returns.

        It is called as by `each`. Rows of a dask array stay where they are: sums over
        the chunks are added up between the workers, and only the last one is fetched.
        """
        if is_dask(self.array):
            _, arguments = self._share_out(by_row)
            work = partial(_total_of_chunk, function)
            return sum_chunks(self.array, work, arguments)
        sums: tuple = ()
        for _, found in self._each_block(function, by_row):
            sums = tuple(map(iadd, sums, found)) if sums else found
        return sums

    def _each_block(self, function: Callable, by_row: tuple) -> Iterator[tuple]:
        """Which rows are in every block, and what a function makes of it."""

        def work(read: tuple[Any, Any]) -> tuple:
            rows, block = read
            return rows, function(block, *[values[rows] for values in by_row])

        # An accelerator is busy with one.
        if self.n_workers == 1 or is_tensor(self.array):
            yield from map(work, self.blocks(BLOCKS_WANTED))
            return
        width = self.n_features
        own = 3 * width * rows_per_read(width) + 2 * width**2
        n_workers = min(self.n_workers, max(2, ELEMENTS_AT_ONCE // own))
        blocks = self.blocks(BLOCKS_WANTED)
        with closing(work_on_several(work, blocks, n_workers)) as found:
            yield from found

    def _share_out(self, by_row: tuple[np.ndarray, ...]) -> tuple[list, list[tuple]]:
        """Rows of every chunk of a dask array, and what goes with it to its worker."""
        rows, arguments, start = [], [], 0
        for first, end in chunk_ends(self.array):
            kept = None if self.kept is None else self.kept[first:end]
            stop = start + (end - first if kept is None else int(kept.sum()))
            own: Any = slice(start, stop)
            own = own if self.places is None else self.places[own]
            rows.append(own)
            arguments.append((first, kept, *[values[own] for values in by_row]))
            start = stop
        return rows, arguments

    def first(self, n: int) -> Any:
        """Some of the first n rows from the first one on that counts."""
        start = 0 if self.kept is None else int(self.kept.argmax())
        n = min(n, rows_per_read(self.n_features))
        return next(in_parts(self._read, range(start, self._n_given), n))

    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """Which rows are in a sample, rising, and their embeddings as numpy.

        They are evenly spread; where reading takes time, in a few parts that are.
        """
        n = self._n_given
        parts = [slice(0, n, -(-n // SAMPLE_ROWS))]
        if is_lazy(self.array):
            size = min(SAMPLE_ROWS // SAMPLE_PARTS, rows_per_read(self.n_features), n)
            starts = np.arange(0, n, size)
            if len(starts) > SAMPLE_PARTS:
                starts = np.linspace(0, n - size, SAMPLE_PARTS).astype(int)
            parts = [slice(start, start + size) for start in starts.tolist()]
        blocks = [block for part in parts for block in self._read_part(part)]
        number = np.arange(n) if self.kept is None else np.cumsum(self.kept) - 1
        if self.kept is None:
            rows = [number[part] for part in parts]
        else:
            rows = [number[part][self.kept[part]] for part in parts]
        return np.concatenate(rows), np.vstack([to_numpy(block) for block in blocks])

    def _read_part(self, part: slice) -> Iterator[Any]:
        """Part of a sample, in more blocks where memory does not suffice for one."""
        if not is_lazy(self.array):
            return iter([self._kept_rows(part)])
        rows = range(self._n_given)[part]
        return in_parts(self._read, rows, len(rows))

    def features(self, which: list[int]) -> np.ndarray:
        """Some of the features at all rows, as numpy: (n_rows, n_which)."""
        values = np.empty((len(self), len(which)))
        for rows, (block,) in self.each(partial(_choose, which)):
            values[rows] = block
        return values

    def squared_distances(self, point: np.ndarray) -> np.ndarray:
        """Squared distance of every row from a point, as numpy: (n_rows,)."""
        distances = np.empty(len(self))
        for rows, (squares,) in self.each(partial(_square_distances, point)):
            distances[rows] = squares
        return distances

    def products_with_sum(self, numbers: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Products of rows less a point with the sum of all, times numbers: (n_rows,).

        The numbers are one for each row.
        """
        (total,) = self.total(partial(_weighted_sum, point), numbers)
        found = np.empty(len(self))
        for rows, (products,) in self.each(partial(_multiply, point, total)):
            found[rows] = products
        return found

    def _read(self, part: range) -> Any:
        """Kept rows of the array; those that were not in memory are checked here."""
        return self._kept_rows(slice(part.start, part.stop))

    def _kept_rows(self, given: slice) -> Any:
        block = read_rows(self.array, given)
        if is_lazy(self.array):
            block = np.asarray(block)
            check_finite(block, given.start)
            if not isinstance(self.array, np.ndarray):
                # Some hand out the same memory again for the next block.
                block = np.array(block, np.float64)
        if self.kept is not None:
            block = block[self.kept[given]]
        return cast(block, "float64")


def _each_of_chunk(function, chunk, first, kept, *by_row) -> tuple:
    """Results of a function for the blocks of a chunk, one behind the other."""
    check_finite(chunk, first)
    found = [result for _, result in Embeddings(chunk, kept).each(function, *by_row)]
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _total_of_chunk(function, chunk, first, kept, *by_row) -> tuple:
    """Sums of the results of a function for the blocks of a chunk."""
    check_finite(chunk, first)
    return Embeddings(chunk, kept).total(function, *by_row)


def _choose(which: list[int], block: Any) -> tuple[np.ndarray]:
    return (to_numpy(block[:, which]),)


def _square_distances(point: np.ndarray, block: Any) -> tuple[np.ndarray]:
    centred = block - to_same_device(point, block)
    return (to_numpy((centred * centred).sum(axis=1)),)


def _weighted_sum(point: np.ndarray, block: Any, numbers: np.ndarray) -> tuple[Any]:
    centred = block - to_same_device(point, block)
    return (to_same_device(numbers, block) @ centred,)


def _multiply(point: np.ndarray, vector: Any, block: Any) -> tuple[np.ndarray]:
    centred = block - to_same_device(point, block)
    return (to_numpy(centred @ to_same_device(vector, block)),)


def as_embeddings(X: Any) -> Embeddings:
    """Wrap an array for reading in blocks."""
    return X if isinstance(X, Embeddings) else Embeddings(X)


def rows_per_read(width: int) -> int:
    """Most rows that are read in one go."""
    return min(max(1, ELEMENTS_PER_BLOCK // width), MOST_ROWS_PER_BLOCK)


def row_blocks(n: int, width: int) -> Iterator[slice]:
    """Slices that cover ``range(n)`` in blocks of bounded size."""
    size = rows_per_read(width)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def is_lazy(X: Any) -> bool:
    """Whether an array is read from where it is, block by block.

    These are memory maps and foreign arrays that can be sliced by rows; tables, lists,
    sparse matrices and tensors are not among them.
    """
    if isinstance(X, np.ndarray):
        return memory_map(X) is not None
    known = hasattr(X, "shape") and hasattr(X, "dtype") and hasattr(X, "__getitem__")
    tabular = hasattr(X, "iloc") or hasattr(X, "columns") or hasattr(X, "tocsr")
    return known and not tabular and not is_tensor(X) and len(X.shape) == 2


def release_pages(array: Any) -> None:
    """Let go of the pages of a memory map that have been read.

    They are a copy of what is on disk; without this the memory of the process seems to
    grow to the size of the file. Pages that may hold what no file does are left alone:
    those of copy-on-write maps, and of maps that numpy has not made.
    """
    pages = memory_map(array)
    while not isinstance(array, np.memmap) and array is not None:
        array = getattr(array, "base", None)
    if pages is not None and getattr(array, "mode", "") in ("r", "r+"):
        pages.madvise(mmap.MADV_DONTNEED)


def check_lazy(X: Any) -> None:
    """Raise if elements that scikit-learn does not check are no real numbers."""
    name = str(X.dtype).removeprefix("torch.")
    if not name.startswith(REAL_TYPES):
        raise ValueError(
            f"X: the embeddings have the element type {X.dtype}; pass an array of real "
            "numbers, such as float32, and metadata as y."
        )


def check_finite(
    X: Any, first_row: int | None = None, names: tuple[str, str] = ("X", "embedding")
) -> None:
    """Raise if an embedding is NaN, infinite, or of a size whose square overflows.

    `first_row` is the number of the first row of a block; None stands for all rows.
    `names` are those of the argument and of what it holds.
    """
    # Both ends are finite exactly if all is well: no copy of X.
    xp = array_namespace(X)
    ends = np.abs([float(xp.min(X)), float(xp.max(X))])
    if not np.isfinite(ends).all():
        _refuse_non_finite(X, first_row, names)
    check_magnitude(float(ends.max()), *names)


def check_magnitude(
    largest: float,
    argument: str,
    what: str,
    limits: tuple[float, float] = (SMALLEST, LARGEST),
) -> None:
    """Raise if products of numbers of this size leave the range of their type."""
    if largest and not limits[0] < largest < limits[1]:
        hint = " (and the weights of trained heads by the inverse)"
        raise ValueError(
            f"{argument}: the largest {what} has the size {largest:.3g}, outside of "
            f"{limits[0]:g} to {limits[1]:g}, where products can be computed; rescale "
            f"the {what}s{hint if what == 'embedding' else ''}."
        )


def _refuse_non_finite(
    X: Any, first_row: int | None, names: tuple[str, str]
) -> NoReturn:
    xp, start = array_namespace(X), first_row or 0
    argument, content = names
    bad = ~xp.isfinite(X)
    rows = [start + int(row) for row in xp.nonzero(xp.any(bad, axis=1))[0]]
    what = "NaN" if bool(xp.any(xp.isnan(X))) else "infinity"
    shown = ", ".join(map(str, rows[:ROWS_SHOWN]))
    more = ", ..." if len(rows) > ROWS_SHOWN else ""
    read, unread = f"{len(X)} rows", ""
    if first_row is not None:
        read = f"the rows {start} to {start + len(X) - 1}"
        unread = " Later rows were not read yet."
    raise ValueError(
        f"{argument}: the {content}s contain {what}: {int(xp.sum(bad))} non-finite "
        f"values in {len(rows)} of {read} (rows {shown}{more}, counted from 0). Drop "
        f"those rows from all arguments, or export the {content}s again.{unread}"
    )
