"""Rows of dask arrays, worked on where they are: only what comes of it is fetched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from sklearn_wsca._backend.memory import explain_lost_workers

SUMMANDS = 4
LOST = (
    "X: a worker of the cluster ended before its work was done, most often because "
    "memory ran out. Use smaller chunks of rows (X.rechunk), or give the workers more "
    "memory; then call this again."
)


def is_dask(array: Any) -> bool:
    """Whether an array is one of dask; does not import dask."""
    return type(array).__module__.startswith("dask.array")


def chunk_ends(array: Any) -> list[tuple[int, int]]:
    """First row of every chunk, and the one behind its last."""
    return list(pairwise(accumulate(array.chunks[0], initial=0)))


def map_chunks(array: Any, function: Callable, arguments: list[tuple]) -> list[Any]:
    """Results of a function of every chunk and its arguments, in order."""
    import dask

    with explain_lost_workers(LOST), large_graphs():
        return list(dask.compute(*_apply(array, function, arguments)))


def sum_chunks(array: Any, function: Callable, arguments: list[tuple]) -> tuple:
    """Sums over the chunks of every array that a function of a chunk returns.

    They are added up between the workers, a few at a time.
    """
    import dask

    add = dask.delayed(_add, pure=False)
    parts = _apply(array, function, arguments)
    while len(parts) > 1:
        starts = range(0, len(parts), SUMMANDS)
        parts = [add(parts[start : start + SUMMANDS]) for start in starts]
    with explain_lost_workers(LOST), large_graphs():
        return dask.compute(*parts)[0]


def _apply(array: Any, function: Callable, arguments: list[tuple]) -> list:
    from dask import delayed

    chunks = array.rechunk({1: -1}).to_delayed().ravel()
    # An argument by its key, so that what it holds is sent once to every worker.
    shared = delayed(function, pure=False)
    work = delayed(_work, pure=False)
    return [
        work(shared, chunk, *own) for chunk, own in zip(chunks, arguments, strict=True)
    ]


def _work(function: Callable, chunk: Any, *arguments: Any) -> Any:
    return function(np.asarray(chunk), *arguments)


def _add(parts: list[tuple]) -> tuple:
    return tuple(sum(several) for several in zip(*parts, strict=True))


def large_graphs() -> AbstractContextManager[Any]:
    """Without the advice of dask against tasks of more than 10 MB.

    Directions of the subspace and labels of all rows are, and go to a worker once.
    """
    if "distributed" not in sys.modules:
        # Its configuration does not exist yet, and nor does a cluster.
        return nullcontext()
    import dask

    return dask.config.set({"distributed.admin.large-graph-warning-threshold": "10GB"})
