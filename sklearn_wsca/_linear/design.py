"""Rows prepared for many fits: which, with what weights, and how to precondition them.

A design neither copies nor rotates the principal coordinates. Heads are sought in
centred coordinates in which the Gram matrix is diagonal, and their parameters, of which
there are far fewer than rows, are carried to the rows as they are and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from sklearn_wsca._backend.namespace import (
    Precision,
    array_namespace,
    cast,
    device_of,
    is_tensor,
    multiply_each,
    precision_of,
    to_numpy,
    to_same_device,
)

# A block of scores stays in the cache of a core; accelerators want larger ones.
ELEMENTS_PER_BLOCK = 2**18
ELEMENTS_PER_BLOCK_OF_TENSORS = 2**27
FEWEST_ROWS_PER_BLOCK = 64
MOST_ROWS_PER_BLOCK = 4096

# Gram entries below this share of their diagonal count as rounding.
DIAGONAL = {"float64": 1e-9, "float32": 1e-5}


@dataclass(frozen=True)
class Design:
    """Rows shared by a batch of fits.

    Parameters
    ----------
    coordinates : array of shape (n_all, k)
        Principal coordinates of all rows; numpy or torch, float32 or float64.
    rows : ndarray of shape (n,), dtype int, or None
        Which of them are fitted, with these `weights`; None takes all.
    gram : ndarray of shape (k,)
        Diagonal of the weighted Gram matrix of the centred, rotated rows.
    mean : ndarray of shape (k,)
        Weighted mean of the rows.
    rotation : ndarray of shape (k, k) or None
        Orthogonal matrix that makes the Gram matrix diagonal; None if it is already.
    precision : {"float64", "float32"}
        Precision of the fits.
    """

    coordinates: Any
    rows: np.ndarray | None
    weights: np.ndarray
    gram: np.ndarray
    mean: np.ndarray
    rotation: np.ndarray | None
    precision: Precision

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows that are fitted, and of coordinates."""
        return len(self.weights), len(self.gram)

    @property
    def epsilon(self) -> float:
        """Rounding unit of the fits."""
        return float(np.finfo(self.precision).eps)

    def on(self, coordinates: Any) -> Design:
        """Return the same design for the coordinates held elsewhere."""
        return replace(self, coordinates=coordinates)

    def without_coordinates(self) -> Design:
        """Return the same design to be sent where the coordinates already are."""
        return replace(self, coordinates=None)

    def in_precision(self, precision: Precision) -> Design:
        """Return the same design for fits in another precision."""
        return replace(self, precision=precision)

    def blocks(self, n_outputs: int) -> Iterator[tuple[slice, Any]]:
        """Row blocks for `n_outputs` scores per row: (which of the n rows, block)."""
        size = rows_per_block(self.coordinates, n_outputs)
        n = len(self.weights)
        if n <= size and is_tensor(self.coordinates):
            yield slice(0, n), self._whole_block
            return
        for start in range(0, n, size):
            block = slice(start, min(start + size, n))
            yield block, self.take(block)

    def take(self, positions: Any) -> Any:
        """Some of the n rows, in the precision of the fits."""
        if self.rows is not None:
            positions = self._rows_there[positions]
        return cast(self.coordinates[positions], self.precision)

    @cached_property
    def _rows_there(self) -> Any:
        return None if self.rows is None else self.index(self.rows)

    @cached_property
    def _whole_block(self) -> Any:
        """All rows as one block."""
        chosen = slice(None) if self.rows is None else self._rows_there
        return cast(self.coordinates[chosen], self.precision)

    def whole_rows(self) -> np.ndarray:
        """Copy of the rows in main memory and double precision."""
        chosen = slice(None) if self.rows is None else self.index(self.rows)
        return to_numpy(cast(self.coordinates[chosen], "float64"))

    def leading_rows(self, size: int) -> Any:
        """Leading coordinates of the rows."""
        chosen = slice(None) if self.rows is None else self._rows_there
        return cast(self.coordinates[chosen, :size], self.precision)

    def index(self, positions: np.ndarray) -> Any:
        """Row positions on the device of the coordinates."""
        return to_same_device(positions, self.coordinates)

    def array(self, values: Any) -> Any:
        """Values on the device of the coordinates, in the precision of the fits."""
        return to_same_device(values, self.coordinates, self.precision)

    def zeros(
        self, shape: int | tuple[int, ...], precision: Precision | None = None
    ) -> Any:
        """Zeros there, in that precision unless another one is asked for."""
        xp = array_namespace(self.coordinates)
        dtype = getattr(xp, precision or self.precision)
        return xp.zeros(shape, dtype=dtype, **device_of(self.coordinates))

    def to_rows(self, parameters: Any) -> tuple[Any, Any]:
        """Parameters (q, k + 1) -> coefficients (q, k) and intercepts on the rows."""
        coef, intercept = parameters[:, :-1], parameters[:, -1]
        if self.rotation is not None:
            coef = coef @ self._rotation.T
        return coef, intercept - coef @ self._mean

    def from_rows(self, gradient: Any, total: Any) -> Any:
        """Adjoint of `to_rows`: derivatives on the rows -> those of the parameters."""
        xp = array_namespace(gradient)
        gradient = gradient - total[:, None] * self._mean
        if self.rotation is not None:
            gradient = gradient @ self._rotation
        return xp.concatenate([gradient, total[:, None]], axis=1)

    @cached_property
    def _mean(self) -> Any:
        return self.array(self.mean)

    @cached_property
    def _rotation(self) -> Any:
        return self.array(self.rotation)


def rows_per_block(coordinates: Any, n_outputs: int) -> int:
    """Rows of a block with `n_outputs` scores each."""
    if is_tensor(coordinates):
        return max(1, ELEMENTS_PER_BLOCK_OF_TENSORS // n_outputs)
    size = ELEMENTS_PER_BLOCK // n_outputs
    return min(max(size, FEWEST_ROWS_PER_BLOCK), MOST_ROWS_PER_BLOCK)


def prepare_design(
    T: Any,
    weights: np.ndarray,
    precision: Precision = "float64",
    rows: np.ndarray | None = None,
) -> Design:
    """Find the mean and the diagonal Gram matrix of weighted rows, in double.

    T has the coordinates of all rows, `weights` are those of the rows that are fitted.
    """
    k = T.shape[1]
    bare = Design(T, rows, weights, np.empty(k), np.zeros(k), None, "float64")
    there, blocks = bare.array(weights), bare.blocks(k)
    parts = ((there[own][None], block[None]) for own, block in blocks)
    total, gram = (to_numpy(found)[0] for found in weighted_moments(bare, 1, parts))
    mean = total / weights.sum()
    gram -= np.outer(total, mean)
    diagonal = np.maximum(np.diag(gram), 0.0)
    spread = np.sqrt(np.outer(diagonal, diagonal))
    rotation = None
    if (np.abs(gram - np.diag(diagonal)) > DIAGONAL[precision_of(T)] * spread).any():
        diagonal, rotation = linalg.eigh(gram)
    return replace(
        bare,
        gram=np.maximum(diagonal, 0.0),
        mean=mean,
        rotation=rotation,
        precision=precision,
    )


def weighted_moments(
    design: Design, n_sums: int, parts: Iterable[tuple[Any, Any]]
) -> tuple[Any, Any]:
    """Sums (n_sums, k) and products (n_sums, k, k) of weighted rows, in double.

    The rows are taken less the mean of the design. They come as weights (n_sums, b) and
    rows (n_sums, b, k).
    """
    k = design.shape[1]
    totals = design.zeros((n_sums, 1, k), "float64")
    grams = design.zeros((n_sums, k, k), "float64")
    xp, mean = array_namespace(grams), None
    if design.mean.any():
        mean = design.array(design.mean)
    for weights, block in parts:
        roots = xp.sqrt(weights)
        scaled = (block if mean is None else block - mean) * roots[..., None]
        totals += multiply_each(roots[:, None], scaled)
        grams += multiply_each(xp.moveaxis(scaled, 1, 2), scaled)
    return totals[:, 0], grams
