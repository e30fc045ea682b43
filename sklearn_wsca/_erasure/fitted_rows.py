"""Which rows an erasure was fitted on, so that a proof on them is recognised."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import to_numpy
from sklearn_wsca._input.embeddings import as_embeddings


def row_hashes(X: Any) -> np.ndarray:
    """A number for every row, the same where all features are: (n,), uint64.

    It does not depend on whether numbers are held in single or double precision.
    """
    X = as_embeddings(X)
    drawn = np.random.RandomState(0).randint(0, 2**62, X.n_features, dtype=np.uint64)
    factors = 2 * drawn + 1  # Odd, so that no bit is lost.
    hashes = np.empty(len(X), dtype=np.uint64)
    for rows, (found,) in X.each(partial(_hash, factors)):
        hashes[rows] = found
    return hashes


def _hash(factors: np.ndarray, block: Any) -> tuple[np.ndarray]:
    # Zeros of both signs are equal.
    numbers = np.ascontiguousarray(to_numpy(block), dtype=np.float64) + 0.0
    bits = numbers.view(np.uint64)
    # Single precision leaves the last bits empty, and a product keeps them so.
    return (((bits ^ (bits >> np.uint64(29))) * factors).sum(axis=1),)
