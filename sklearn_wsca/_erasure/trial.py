"""Errors of a head when subspaces are erased from its rows.

Its outputs move by ``-(T - mean) @ right @ (left.T @ coef.T)``, so no erased embedding
is ever made. They are held as (draws, C, n), a block of draws and rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    is_tensor,
    multiply_each,
    precision_of,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._erasure.noise import Fold
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.folds_at_once import pad_folds

# Outputs of a block stay in the cache of a core; an accelerator takes as many as memory
# holds.
NUMBERS_PER_BLOCK, NUMBERS_PER_BLOCK_OF_TENSORS = 2**17, 2**26
FEWEST_ROWS_PER_BLOCK = 256


@dataclass(frozen=True)
class Trial:
    """A head and its rows, ready to have subspaces erased.

    Coordinates are divided by `spread` to whiten them.
    """

    T: Any
    head: Head
    weights: np.ndarray
    spread: np.ndarray
    folds: list[Fold]
    target: Column | None

    def errors(self, frames: Any) -> dict[str, np.ndarray]:
        """Errors of the head after erasures, by name of the loss: (draws,).

        Frames are (n_folds, draws, k, rank).
        """
        xp, n_draws = array_namespace(self.T), frames.shape[1]
        names: list[str] = []
        sums: Any = None
        for draws, rows, weights, moved in self._pieces(frames):
            found = self._add_up(moved, rows, weights)
            if sums is None:
                names = list(found)
                shape = len(names), n_draws
                sums = xp.zeros(shape, dtype=xp.float64, **device_of(moved))
            sums[:, draws] += xp.stack(list(found.values()))
        return self._errors(dict(zip(names, to_numpy(sums), strict=True)))

    def _pieces(self, frames: Any) -> Iterator[tuple[slice, Any, Any, Any]]:
        """Draws, rows with their weights, and how outputs move there (draws, C, b)."""
        first = 0
        means = array_namespace(self.T).stack([fold.mean for fold in self.folds])
        for rows, weights in self._folds_at_once:
            f, m = rows.shape
            own, first = slice(first, first + f), first + f
            read, pushes = self._moves(self.T[rows], means[own], frames[own])
            for draws, part in self._blocks(frames.shape[1], f, m):
                moved = _multiply(pushes[:, draws], read[:, draws, :, part])
                here = weights[..., part].reshape(len(weights), -1)
                yield draws, rows[:, part].reshape(-1), here, moved

    @cached_property
    def _folds_at_once(self) -> list[tuple[Any, Any]]:
        """Rows (f, m) of some folds, and their weights (3, f, m)."""
        members, k = [fold.rows for fold in self.folds], self.T.shape[1]
        padded = pad_folds(members, self._row_weights(), self.T, k)
        return [(self._there(rows), self._there(weights)) for rows, weights in padded]

    def _there(self, values: np.ndarray) -> Any:
        """Values where the rows are."""
        return to_same_device(values, self.T)

    def _blocks(self, n_draws: int, f: int, m: int) -> Iterator[tuple[slice, slice]]:
        """Draws and rows of folds whose outputs stay in the cache of a core."""
        numbers = NUMBERS_PER_BLOCK
        if is_tensor(self.T):
            numbers = NUMBERS_PER_BLOCK_OF_TENSORS
        size = max(numbers // (f * self.head.n_rows), 1)
        n_rows = min(m, max(FEWEST_ROWS_PER_BLOCK, size // n_draws))
        step = max(size // n_rows, 1)
        for draw in range(0, n_draws, step):
            for row in range(0, m, n_rows):
                yield slice(draw, draw + step), slice(row, row + n_rows)

    def _moves(self, T: Any, means: Any, frames: Any) -> tuple[Any, Any]:
        """How erasures move the outputs of some rows (f, m, k), by two factors.

        What they read off the rows (f, draws, r, m), and how outputs move with it
        (f, draws, C, r).
        """
        xp, spread = array_namespace(T), self._spread
        f, n_draws, k, rank = frames.shape
        readers = xp.moveaxis(frames / spread, 2, 3)
        readers = readers.reshape(f * n_draws, rank, k)
        pushed = (frames * spread).reshape(f * n_draws, k, rank)
        pushes = multiply_each(self._coef, -pushed)
        if rank > self.head.n_rows:
            # Fewer products with the rows: one per output instead of one per direction.
            readers = multiply_each(pushes, readers)
            eye = xp.eye(self.head.n_rows, dtype=xp.float64, **device_of(T))
            pushes = xp.broadcast_to(eye, (len(readers), *eye.shape))
        precision = precision_of(T)
        centred = T - cast(means, precision)[:, None]
        readers = cast(readers, precision).reshape(f, n_draws * readers.shape[1], k)
        read = multiply_each(readers, xp.moveaxis(centred, 1, 2))
        read = cast(read, "float64") if is_tensor(read) else read
        r = pushes.shape[2]
        read = read.reshape(f, n_draws, r, T.shape[1])
        return read, pushes.reshape(f, n_draws, self.head.n_rows, r)

    def _add_up(self, moved: Any, rows: Any, weights: Any) -> dict[str, Any]:
        """Sums over some rows, of what the errors need: (draws,).

        The moves of their outputs (draws, C, b) are overwritten.
        """
        xp, (mass, shares, balanced) = array_namespace(moved), weights
        squares = xp.sum(moved * moved, axis=1) @ mass
        sums = {"output_change": squares}
        if self.target is None:
            return sums
        moved += self.outputs[:, rows]
        labels = self._labels[rows]
        if not self.target.n_levels:
            return sums | {"r2_drop": (labels - moved[:, 0]) ** 2 @ shares}
        scores = moved
        if scores.shape[1] == 1:
            # A single score is that of the second of two classes.
            scores = xp.concatenate([xp.zeros_like(scores), scores], axis=1)
        at = xp.arange(len(rows), **device_of(moved))
        own, largest = scores[:, labels, at], xp.max(scores, axis=1)
        hits = scores == largest[:, None]
        right = hits[:, labels, at]
        if is_tensor(hits) or np.count_nonzero(hits) > largest.size:
            # Among equals the first class is predicted.
            right &= xp.argmax(1 * hits, axis=1) == labels
        sums["balanced_accuracy_drop"] = cast(~right, "float64") @ balanced
        if self.head.kind == "logistic":
            scores -= largest[:, None]
            xp.exp(scores, out=scores)
            losses = xp.log(xp.sum(scores, axis=1)) + largest - own
            sums["log_loss_rise"] = losses @ shares
        return sums

    def _errors(self, sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Errors from the sums over all rows."""
        squares, variance = sums["output_change"], self._variance
        change = np.sqrt(squares / variance) if variance else np.zeros_like(squares)
        return sums | {"output_change": change}

    @cached_property
    def outputs(self) -> Any:
        """Outputs (C, n), of class scores up to a number that all share."""
        T = cast(self.T, "float64") if is_tensor(self.T) else self.T
        return self._coef @ T.T + self._there(self.head.intercept[:, None])

    @cached_property
    def _variance(self) -> float:
        """Variance of the outputs, summed over them, times the weights."""
        mass = self.weights.sum()
        shares = self._there(self.weights / mass)
        centred = self.outputs - (self.outputs @ shares)[:, None]
        return float((centred**2 @ shares).sum()) * mass

    @cached_property
    def _coef(self) -> Any:
        return self._there(self.head.centred_coef)

    @cached_property
    def _spread(self) -> Any:
        return self._there(self.spread[:, None])

    @cached_property
    def _labels(self) -> Any:
        """Labels of the target by row; any where it is missing."""
        assert self.target is not None
        labels = np.zeros(len(self.T), self.target.labels.dtype)
        labels[self.target.rows] = self.target.labels
        return self._there(labels)

    def _row_weights(self) -> np.ndarray:
        """Weights of all rows in the change of outputs, and in two errors: (3, n).

        Those by which squares or log-losses of the rows add up to the error, and those
        by which wrong rows do, all classes alike; 0 where there is no such error.
        """
        found = np.zeros((3, len(self.T)))
        mass, shares, balanced = found
        mass[:] = self.weights
        if self.target is None:
            return found
        rows, labels = self.target.rows, self.target.labels
        shares[rows] = self.weights[rows] / self.weights[rows].sum()
        if not self.target.n_levels:
            centred = labels - shares[rows] @ labels
            shares /= shares[rows] @ centred**2
            return found
        sums = np.bincount(labels, self.weights[rows])
        balanced[rows] = self.weights[rows] / (sums[labels] * np.count_nonzero(sums))
        return found


def _multiply(pushes: Any, read: Any) -> Any:
    """Products of (f, draws, C, r) and (f, draws, r, b), all folds: (draws, C, f b)."""
    (f, n_draws, n_outputs, r), b = pushes.shape, read.shape[3]
    pushes = pushes.reshape(f * n_draws, n_outputs, r)
    moved = multiply_each(pushes, read.reshape(f * n_draws, r, b))
    moved = moved.reshape(f, n_draws, n_outputs, b)
    moved = array_namespace(moved).moveaxis(moved, 0, 2)
    return moved.reshape(n_draws, n_outputs, f * b)
