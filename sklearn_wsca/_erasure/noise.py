"""Columns of noise that are erased as a column is, with its rank in each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    is_tensor,
    multiply_each,
    precision_of,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._erasure.erasure import Held
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import as_embeddings
from sklearn_wsca._linear.class_basis import ClassBasis, send_bases
from sklearn_wsca._linear.folds_at_once import pad_folds


class Fold(NamedTuple):
    """Rows of a test fold; what is held fixed on the rows outside of it.

    Of those the mean (k,), the covariances with what is held fixed (h, k), through
    these factors, and those with the column (k, c). All but the rows and the last are
    where the coordinates are.
    """

    rows: np.ndarray
    factors: ClassBasis
    mean: Any
    fixed: Any
    cross: np.ndarray


def fit_folds(
    T: Any,
    column: Column,
    held: Sequence[Column],
    tests: list[np.ndarray],
    weights: np.ndarray,
) -> list[Fold]:
    """Moments of the training rows of each fold, in one pass over the rows."""
    factors, sizes = [], []
    for rows in tests:
        training = weights.copy()
        training[rows] = 0.0
        own = Held.of(column, training, held)
        mean = (training / training.sum())[:, None]
        beside = np.hstack([mean, own.concept(column)])
        factors.append(own.factors.add(beside))
        sizes.append((own.basis.n_vectors, beside.shape[1]))
    bases = send_bases(factors, T)
    sums: Any = 0.0
    for rows, block in as_embeddings(T).blocks():
        parts = [basis.take(rows).products(block) for basis in bases]
        sums = sums + array_namespace(block).concatenate(parts)
    there, found, start = to_numpy(sums), [], 0
    for rows, basis, (n_fixed, n_beside) in zip(tests, bases, sizes, strict=True):
        mean, stop = start + n_fixed, start + n_fixed + n_beside
        held_fixed = basis.without_last(n_beside)
        cross = there[mean + 1 : stop].T
        found.append(Fold(rows, held_fixed, sums[mean], sums[start:mean], cross))
        start = stop
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

    def frames(self, generator: np.random.Generator, n_draws: int) -> Any:
        """Frames of columns of noise: (n_folds, n_draws, k, rank).

        Where a fold has a smaller rank than others, its last directions are 0.
        """
        xp, most = array_namespace(self.T), max(self.ranks)
        n = len(self.T) if self.units is None else int(self.units.max()) + 1
        noise = generator.standard_normal((n_draws * most, n), dtype=np.float32)
        if self.units is not None:
            noise = noise[:, self.units]
        noise = to_same_device(noise, self.T)
        parts = [
            multiply_each(xp.moveaxis(noise[:, rows] * shares, 1, 0), self.T[rows])
            for rows, shares in self._folds_at_once
        ]
        tests = cast(xp.concatenate(parts), "float64")
        # The products in double of all folds read it row by row.
        noise = cast(noise, "float64").T
        noise = noise if is_tensor(noise) else np.ascontiguousarray(noise)
        held = [fold.factors.products(noise).T @ fold.fixed for fold in self.folds]
        whitened = xp.sum(tests, axis=0) - tests - self._training * xp.stack(held)
        whitened /= to_same_device(self.spread, self.T)
        drawn = whitened.reshape(len(tests), n_draws, most, len(self.spread))
        drawn = xp.moveaxis(drawn, 2, 3)
        if min(self.ranks) == most:
            return xp.linalg.qr(drawn)[0]
        frames = xp.zeros_like(drawn)
        for own, fold, rank in zip(frames, drawn, self.ranks, strict=True):
            own[..., :rank] = xp.linalg.qr(fold[..., :rank])[0]
        return frames

    @cached_property
    def _folds_at_once(self) -> list[tuple[Any, Any]]:
        """Rows (f, m) of some folds, and their shares."""
        precision, found = precision_of(self.T), []
        members, k = [fold.rows for fold in self.folds], self.T.shape[1]
        for rows, shares in pad_folds(members, self.shares, self.T, k):
            shares = to_same_device(shares, self.T, precision)
            found.append((to_same_device(rows, self.T), shares))
        return found

    @cached_property
    def _training(self) -> Any:
        """Share of the rows outside of each fold: (n_folds, 1, 1)."""
        shares = [1.0 - self.shares[fold.rows].sum() for fold in self.folds]
        return to_same_device(np.array(shares)[:, None, None], self.T)
