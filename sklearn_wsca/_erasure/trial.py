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
    send_together,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._erasure.noise import Fold
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import Column

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

    def errors(self, frames: list) -> dict[str, np.ndarray]:
        """Errors of the head after erasures, by name of the loss: (draws,).

        There is one array of frames (draws, k, rank) per fold.
        """
        xp, n_draws = array_namespace(self.T), len(frames[0])
        sums: dict[str, Any] = {}
        pieces: Any = self._pieces(frames)
        numbers = n_draws * self.head.n_rows * len(self.T)
        if is_tensor(self.T) and numbers <= NUMBERS_PER_BLOCK_OF_TENSORS:
            draws, rows, moved = zip(*pieces, strict=True)
            pieces = [(draws[0], xp.concatenate(rows), xp.concatenate(moved, axis=2))]
        for draws, rows, moved in pieces:
            for name, own_sums in self._add_up(moved, rows).items():
                if name not in sums:
                    sums[name] = xp.zeros(n_draws, dtype=xp.float64, **device_of(moved))
                sums[name][draws] += own_sums
        found = to_numpy(xp.stack(list(sums.values())))
        return self._errors(dict(zip(sums, found, strict=True)))

    def _pieces(self, frames: list) -> Iterator[tuple[slice, Any, Any]]:
        """Draws, rows, and how outputs move there (draws, C, n)."""
        members = send_together([fold.rows for fold in self.folds], self.T)
        means = send_together([fold.mean for fold in self.folds], self.T)
        for rows, mean, own in zip(members, means, frames, strict=True):
            read, pushes = self._moves(self.T[rows], mean, own)
            for draws, part in self._blocks(len(own), len(rows)):
                moved = multiply_each(pushes[draws], read[draws, :, part])
                yield draws, rows[part], moved

    def _there(self, values: np.ndarray) -> Any:
        """Values where the rows are."""
        return to_same_device(values, self.T)

    def _blocks(self, n_draws: int, n: int) -> Iterator[tuple[slice, slice]]:
        """Draws and rows whose outputs stay in the cache of a core."""
        numbers, n_rows = NUMBERS_PER_BLOCK, n
        if is_tensor(self.T):
            numbers = NUMBERS_PER_BLOCK_OF_TENSORS
        size = max(numbers // self.head.n_rows, 1)
        n_rows = min(n, max(FEWEST_ROWS_PER_BLOCK, size // n_draws))
        step = max(size // n_rows, 1)
        for draw in range(0, n_draws, step):
            for row in range(0, n, n_rows):
                yield slice(draw, draw + step), slice(row, row + n_rows)

    def _moves(self, T: Any, mean: Any, frames: Any) -> tuple[Any, Any]:
        """How erasures move the outputs of some rows, by two factors.

        What they read off the rows (draws, r, n), and how outputs move with it
        (draws, C, r).
        """
        xp, spread = array_namespace(T), self._spread
        readers = xp.moveaxis(frames / spread, 1, 2)
        pushes = multiply_each(-self._coef, frames * spread)
        if frames.shape[2] > self.head.n_rows:
            # Fewer products with the rows: one per output instead of one per direction.
            readers = multiply_each(pushes, readers)
            eye = self._there(np.eye(self.head.n_rows))
            pushes = xp.broadcast_to(eye, (len(frames), *eye.shape))
        precision = precision_of(T)
        centred = T - cast(mean, precision)
        readers = cast(readers, precision)
        read = readers.reshape(-1, len(spread)) @ centred.T
        read = read.reshape(*readers.shape[:2], len(T))
        return cast(read, "float64") if is_tensor(read) else read, pushes

    def _add_up(self, moved: Any, rows: Any) -> dict[str, Any]:
        """Sums over some rows, of what the errors need: (draws,).

        The moves of their outputs (draws, C, n) are overwritten.
        """
        xp = array_namespace(moved)
        squares = xp.sum(moved * moved, axis=1) @ self._weights[rows]
        sums = {"output_change": squares}
        if self.target is None:
            return sums
        moved += self.outputs[:, rows]
        labels, shares = self._labels[rows], self._shares[rows]
        if not self.target.n_levels:
            return sums | {"r2_drop": (labels - moved[:, 0]) ** 2 @ shares}
        scores = moved
        if scores.shape[1] == 1:
            # A single score is that of the second of two classes.
            scores = xp.concatenate([xp.zeros_like(scores), scores], axis=1)
        at = self._there(np.arange(len(rows)))
        own, largest = scores[:, labels, at], xp.max(scores, axis=1)
        hits = scores == largest[:, None]
        right = hits[:, labels, at]
        if is_tensor(hits) or np.count_nonzero(hits) > largest.size:
            # Among equals the first class is predicted.
            right &= xp.argmax(1 * hits, axis=1) == labels
        sums["balanced_accuracy_drop"] = cast(~right, "float64") @ self._balanced[rows]
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
        shares = self._there(self.weights / self.weights.sum())
        centred = self.outputs - (self.outputs @ shares)[:, None]
        return float((centred**2 @ self._weights).sum())

    @cached_property
    def _coef(self) -> Any:
        return self._there(self.head.centred_coef)

    @cached_property
    def _spread(self) -> Any:
        return self._there(self.spread[:, None])

    @cached_property
    def _weights(self) -> Any:
        return self._there(self.weights)

    @cached_property
    def _labels(self) -> Any:
        """Labels of the target by row; any where it is missing."""
        assert self.target is not None
        labels = np.zeros(len(self.T), self.target.labels.dtype)
        labels[self.target.rows] = self.target.labels
        return self._there(labels)

    @cached_property
    def _shares(self) -> Any:
        """Weights by which squares or log-losses of the rows add up to the error."""
        assert self.target is not None
        rows, labels = self.target.rows, self.target.labels
        shares = np.zeros(len(self.T))
        shares[rows] = self.weights[rows] / self.weights[rows].sum()
        if not self.target.n_levels:
            centred = labels - shares[rows] @ labels
            shares /= shares[rows] @ centred**2
        return self._there(shares)

    @cached_property
    def _balanced(self) -> Any:
        """Weights by which wrong rows add up to the error, all classes alike."""
        assert self.target is not None
        rows, labels = self.target.rows, self.target.labels
        mass = np.bincount(labels, self.weights[rows])
        balanced = np.zeros(len(self.T))
        balanced[rows] = self.weights[rows] / (mass[labels] * np.count_nonzero(mass))
        return self._there(balanced)
