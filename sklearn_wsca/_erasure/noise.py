"""Columns of noise that are erased as a column is, with its rank in each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    is_tensor,
    precision_of,
    send_together,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._erasure.erasure import Held
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import as_embeddings
from sklearn_wsca._linear.class_basis import send_bases


class Fold(NamedTuple):
    """Rows of a test fold; what is held fixed on the rows outside of it.

    Of those the mean (k,) and the covariances with what is held fixed (k, h) and with
    the column (k, c).
    """

    rows: np.ndarray
    held: Held
    mean: np.ndarray
    fixed: np.ndarray
    cross: np.ndarray


def fit_folds(
    T: Any,
    column: Column,
    held: Sequence[Column],
    tests: list[np.ndarray],
    weights: np.ndarray,
) -> list[Fold]:
    """Moments of the training rows of each fold, in one pass over the rows."""
    helds, factors = [], []
    for rows in tests:
        training = weights.copy()
        training[rows] = 0.0
        helds.append(Held.of(column, training, held))
        mean = (training / training.sum())[:, None]
        beside = np.hstack([mean, helds[-1].concept(column)])
        factors.append(helds[-1].factors.add(beside))
    bases, sums = send_bases(factors, T), 0.0
    for rows, block in as_embeddings(T).blocks():
        parts = [basis.take(rows).products(block) for basis in bases]
        sums = sums + array_namespace(block).concatenate(parts)
    ends = np.cumsum([basis.n_vectors for basis in factors])
    found = []
    for rows, own, moments in zip(
        tests, helds, np.split(to_numpy(sums), ends[:-1]), strict=True
    ):
        n_fixed = own.basis.n_vectors
        fixed, mean, cross = np.split(moments.T, [n_fixed, n_fixed + 1], axis=1)
        found.append(Fold(rows, own, mean[:, 0], fixed, cross))
    return found


@dataclass(frozen=True)
class Noise:
    """Columns of noise that are erased as the column is, with its rank in each fold.

    `shares` (n,) are those of the rows in the total weight, 0 where the column is not
    known; `units` are groups of rows in which the noise is constant.
    """

    T: Any
    shares: np.ndarray
    folds: list[Fold]
    ranks: list[int]
    spread: np.ndarray
    units: np.ndarray | None

    def frames(self, generator: np.random.Generator, n_draws: int) -> list:
        """Frames of columns of noise, (n_draws, k, rank) for every fold."""
        xp = array_namespace(self.T)
        n = len(self.T) if self.units is None else int(self.units.max()) + 1
        size = (n_draws * max(self.ranks), n)
        noise = generator.standard_normal(size, dtype=np.float32)
        if self.units is not None:
            noise = noise[:, self.units]
        noise = to_same_device(noise, self.T)
        weighted = noise * to_same_device(self.shares, self.T, precision_of(self.T))
        parts = [
            cast(weighted[:, rows] @ self.T[rows], "float64")
            for rows in send_together([fold.rows for fold in self.folds], self.T)
        ]
        # The products in double of all folds read it row by row.
        noise = cast(noise, "float64").T
        noise = noise if is_tensor(noise) else np.ascontiguousarray(noise)
        spread = to_same_device(self.spread, self.T)
        total, frames = sum(parts), []
        factors = send_bases([fold.held.factors for fold in self.folds], self.T)
        fixed = send_together([fold.fixed for fold in self.folds], self.T)
        for number, (part, rank) in enumerate(zip(parts, self.ranks, strict=True)):
            training = 1.0 - self.shares[self.folds[number].rows].sum()
            held = (fixed[number] @ factors[number].products(noise)).T
            whitened = (total - part - float(training) * held) / spread
            drawn = whitened.reshape(n_draws, max(self.ranks), len(self.spread))
            frames.append(xp.linalg.qr(xp.moveaxis(drawn[:, :rank], 1, 2))[0])
        return frames
