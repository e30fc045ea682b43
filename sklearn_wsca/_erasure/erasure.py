r"""Erasure of metadata from embeddings: closed form, least squares.

The affine map that leaves no covariance with a concept z and changes the embeddings
least is (Belrose et al. 2023, "LEACE")

.. math:: r(x) = x - W^+ P W (x - \mu)

with a whitening W of the embeddings and P the orthogonal projection on the columns of
:math:`W \Sigma_{xz}`. The covariance left with z is
:math:`\Sigma_{xz} - W^+ P W \Sigma_{xz} = 0` for *every* invertible W. Shrinkage of the
covariance behind W therefore costs no exactness on the rows of the fit; it steadies the
map on others.

All is done in principal coordinates, where the covariance is diagonal and to whiten is
to divide by the `spread`. A *frame* is an orthonormal basis of the columns of P.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from sklearn_wsca._backend.namespace import Precision, to_numpy, to_same_device
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import as_embeddings
from sklearn_wsca._linear.class_basis import ClassBasis

Shrinkage = float | Literal["auto"]

# Correlations of embeddings and concept that count as rounding noise.
TOLERANCE: dict[Precision, float] = {"float64": 1e-10, "float32": 1e-5}
# Share of its variance below which nothing is left of a number at fixed others.
DETERMINED = 1e-10
# Spread of a continuous column, relative to its size, below which it does not vary.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Erasure:
    """The map ``X - (X - mean) @ right @ left.T``.

    The directions along which rows are moved are to the left, those that are read to
    the right, (n_features, rank); ``right.T @ left`` is the identity.
    """

    mean: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @classmethod
    def of(
        cls,
        frame: np.ndarray,
        spread: np.ndarray,
        components: np.ndarray,
        mean: np.ndarray,
    ) -> Erasure:
        """Erasure of a frame in coordinates ``(X - mean) @ components.T / spread``.

        The rows of components are orthonormal.
        """
        left = components.T @ (spread[:, None] * frame)
        right = components.T @ (frame / spread[:, None])
        return cls(mean, left, right)

    @property
    def rank(self) -> int:
        """Number of directions that are erased."""
        return self.left.shape[1]

    def erase(self, X: np.ndarray) -> np.ndarray:
        """Erased rows."""
        return X - (X - self.mean) @ self.right @ self.left.T

    def move_before(
        self, coef: np.ndarray, intercept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights and intercepts on rows as they are, of a head on erased rows."""
        erased = coef @ self.left
        return (
            coef - erased @ self.right.T,
            intercept + erased @ (self.right.T @ self.mean),
        )


@dataclass(frozen=True)
class Held:
    """The rows that say something about a column, and what is held fixed on them.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Share of each row in the total weight; 0 where the column or one that is held
        fixed is missing.
    basis : ClassBasis
        Orthonormal basis of a constant and the columns held fixed, each multiplied by
        the roots of the weights.
    """

    weights: np.ndarray
    basis: ClassBasis

    @classmethod
    def of(
        cls, column: Column, weights: np.ndarray, held: Sequence[Column] = ()
    ) -> Held:
        """Find the rows of positive weight on which `column` and `held` are known."""
        shares = known_shares(column, weights, held)
        # Its levels are classes, which cost nothing, however many there are.
        most = max(held, key=lambda other: other.n_levels, default=None)
        codes = np.zeros(len(weights), dtype=int)
        if most is not None and most.n_levels:
            codes[most.rows] = most.labels
            held = [other for other in held if other is not most]
        parts = [concept_columns(other, shares) for other in held]
        terms = np.hstack([np.empty((len(shares), 0)), *parts])
        return cls(shares, ClassBasis.of(np.sqrt(shares), codes, terms, CONSTANT))

    @property
    def factors(self) -> ClassBasis:
        """Factors by which rows add up to covariances with what is held."""
        return self.basis.scale(np.sqrt(self.weights))

    def concept(self, column: Column) -> np.ndarray:
        """Factors by which rows add up to their covariance with the column: (n, c).

        The concept is one indicator per level, or the values, minus its weighted
        regression on what is held fixed, scaled to variance 1; ``X.T @ factors`` is the
        covariance of X with it. Levels that do not occur, and what the held columns
        determine, have no factors: c may be 0.
        """
        roots = np.sqrt(self.weights)[:, None]
        concept = roots * concept_columns(column, self.weights)
        concept -= self.basis.explain(concept)
        variance = np.sum(concept**2, axis=0)
        kept = variance > DETERMINED
        return roots * concept[:, kept] / np.sqrt(variance[kept])


def known_shares(
    column: Column, weights: np.ndarray, held: Sequence[Column]
) -> np.ndarray:
    """Shares in the total weight of the rows on which all columns are known: (n,)."""
    rows = np.flatnonzero(weights > 0)
    for other in (column, *held):
        rows = np.intersect1d(rows, other.rows, assume_unique=True)
    shares = np.zeros(len(weights))
    shares[rows] = weights[rows] / weights[rows].sum()
    return shares


def concept_columns(column: Column, shares: np.ndarray) -> np.ndarray:
    """Indicators or values with mean 0 and variance 1; 0 where the share is 0: (n, c).

    Levels and continuous columns that do not vary have no entry.
    """
    labels = np.zeros(len(shares), column.labels.dtype)
    labels[column.rows] = column.labels
    numbers = labels[:, None]
    if column.n_levels:
        numbers = numbers == np.arange(column.n_levels)
    used = shares > 0
    numbers = np.where(used[:, None], numbers, 0.0)
    centred = used[:, None] * (numbers - shares @ numbers)
    spread = np.sqrt(shares @ centred**2)
    varies = spread > CONSTANT * np.abs(numbers).max(axis=0)
    return centred[:, varies] / spread[varies]


def cross_moments(X: Any, mean: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """``(X - mean).T @ factors`` by row blocks: (n_features, n_factors)."""
    X = as_embeddings(X)
    (total,) = X.total(partial(_add_up, mean), factors)
    return total


def _add_up(mean: np.ndarray, block: Any, factors: np.ndarray) -> tuple[np.ndarray]:
    centred = block - to_same_device(mean, block)
    return (to_numpy(centred.T @ to_same_device(factors, block)),)


def choose_shrinkage(
    shrinkage: Shrinkage,
    X: Any,
    weights: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
) -> float:
    r"""Shrinkage as given, or that of Ledoit and Wolf (2004) for weighted rows.

    The latter is the estimated error of the covariance S, :math:`(m - |S|^2) / n` with
    m the mean of :math:`|x - \mu|^4`, relative to the distance
    :math:`|S|^2 - \mathrm{tr}(S)^2 / d` of S from the multiple of the identity that it
    is shrunk to; at most 1. n is the sum of the weights, as if a row of weight 2
    occurred twice; `variance` (k,) is along the principal directions.
    """
    if shrinkage != "auto":
        return float(shrinkage)
    X = as_embeddings(X)
    total, n = variance.sum(), weights.sum()
    # In units of the total variance nothing overflows.
    squares = float(np.sum((variance / total) ** 2))
    lengths = weights @ (X.squared_distances(mean) / total) ** 2
    error = (lengths / n - squares) / n
    distance = squares - 1.0 / X.n_features
    if error <= 0.0 or distance <= 0.0:
        return 0.0
    return float(min(error / distance, 1.0))


def whitening_spread(
    variance: np.ndarray, shrinkage: float, n_features: int
) -> np.ndarray:
    """Roots of the variances, shrunk towards the mean variance of all features."""
    target = variance.sum() / n_features
    return np.sqrt((1.0 - shrinkage) * variance + shrinkage * target)


def concept_frame(
    cross: np.ndarray, spread: np.ndarray, tolerance: float = TOLERANCE["float64"]
) -> np.ndarray:
    """Frame of the directions that covary with a concept: (k, rank).

    `cross` (k, c) is the covariance of coordinates and standardised concept columns.
    Singular values up to the tolerance, relative to the largest or to 1, where a
    concept column is a linear function of the embeddings, count as 0.
    """
    left, values, _ = np.linalg.svd(cross / spread[:, None], full_matrices=False)
    return left[:, values > tolerance * max(1.0, values.max(initial=0.0))]
