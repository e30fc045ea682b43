"""From checked input to rows in canonical order on the principal subspace."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_memory

from sklearn_wsca._backend.jobs import LESS_MEMORY, blocks_at_once
from sklearn_wsca._backend.memory import explain_shortage
from sklearn_wsca._backend.namespace import (
    Precision,
    is_tensor,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._backend.progress import step
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import batch_precision
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.embeddings import Embeddings, as_embeddings
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._linear.subspace import Subspace, fit_subspace, reorder_rows
from sklearn_wsca._permutation.plan import canonical_order
from sklearn_wsca._version import __version__


def find_subspace(
    given: Input,
    tasks: Tasks,
    n_components: float | int | None,
    min_components: int,
    memory: Any = None,
    n_jobs: int | None = None,
) -> tuple[Input, Rows]:
    """Find the subspace, and bring input and tasks to the canonical order of rows.

    With a `memory`, a folder or one of joblib, what was found before for the same rows
    is taken from there. Without one the outputs of a trained primary head are found in
    the same passes over the rows.
    """
    rule = given.weights, n_components, min_components
    precision = batch_precision(len(given.weights))
    head = tasks.judged_head
    coef = np.empty((0, given.X.n_features)) if head is None else head.coef
    outputs, X = None, replace(given.X, n_workers=blocks_at_once(n_jobs))
    # Read for mean and covariance, and for the coordinates.
    with explain_shortage("X", LESS_MEMORY), step("subspace", n_passes=2):
        if memory is None:
            subspace = fit_subspace(X, *rule)
            T, distance, outputs = subspace.coordinates_and_products(X, precision, coef)
        else:
            subspace, T, distance = _recall(memory, X, *rule, precision)
    order = canonical_order(
        distance,
        lambda: row_fingerprints(given.table) + pd.util.hash_array(given.weights),
        lambda numbers: as_embeddings(T).products_with_sum(
            numbers, np.zeros(subspace.n_components)
        ),
    )
    given = given.take(order)
    tasks.reorder(order)
    if head is not None and outputs is not None:
        assert tasks.primary is not None
        tasks.primary.outputs = (outputs + head.intercept)[order]
    return given, Rows(reorder_rows(T, order), given.weights, subspace)


def _project(
    X: Embeddings,
    weights: np.ndarray,
    n_components: float | int | None,
    min_components: int,
    precision: Precision,
) -> tuple[Subspace, Any, np.ndarray]:
    """Subspace, and coordinates and squared distance of the rows."""
    subspace = fit_subspace(X, weights, n_components, min_components)
    return subspace, *subspace.coordinates(X, precision)


def _recall(memory: Any, X: Embeddings, *settings: Any) -> tuple:
    """The same, from the memory if it holds it."""
    memory = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
    store = check_memory(memory).cache(_project_for_store, ignore=["X"])
    subspace, *rows = store(X, _fingerprint(X), *settings)
    # A joblib.Memory may give memory maps, which cannot be brought to another order.
    arrays = {name: _loaded(value) for name, value in vars(subspace).items()}
    T, distance = map(_loaded, rows)
    if is_tensor(X.array):
        T = to_same_device(T, X.array)
    return Subspace(**arrays), T, distance


def _loaded(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.memmap) else value


def _project_for_store(
    X: Embeddings, fingerprint: str, *settings: Any
) -> tuple[Subspace, np.ndarray, np.ndarray]:
    """What is kept on disk, where devices are unknown."""
    subspace, T, distance = _project(X, *settings)
    return subspace, to_numpy(T), distance


def _fingerprint(X: Embeddings) -> str:
    """What the subspace depends on besides settings: values, device and version.

    An array that is not in memory may be pickled as the name of a file only.
    """
    found = blake2b(f"{X.n_features} {__version__}".encode(), digest_size=16)
    if is_tensor(X.array):
        found.update(str(X.array.device).encode())
    for _, (digests,) in X.each(_digests):
        found.update(digests.tobytes())
    return found.hexdigest()


def _digests(block: Any) -> tuple[np.ndarray]:
    """Digest of each row of a block: (n, 2) of integers."""
    rows = np.ascontiguousarray(to_numpy(block))
    digests = b"".join(blake2b(row.data, digest_size=16).digest() for row in rows)
    return (np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2),)


class NothingLeftError(ValueError):
    """No column can be analysed."""


def check_something_left(tasks: Tasks, argument: str = "y") -> None:
    """Raise if no column can be analysed, with the reason for each.

    Parameters
    ----------
    tasks : Tasks
        The tasks.
    argument : str
        The one that holds the columns.

    Raises
    ------
    NothingLeftError
        If there is none.
    """
    if tasks.metadata:
        return
    if not tasks.dropped:
        target = None if tasks.target is None else tasks.target.name
        raise NothingLeftError(
            f"{argument}: there is no column besides the target {target!r}; pass "
            "metadata columns to analyse."
        )
    reasons = "; ".join(f"{name!r}: {why}" for name, why in tasks.dropped.items())
    raise NothingLeftError(
        f"{argument}: all columns are left out, nothing to analyse. {reasons}."
    )
