r"""Quadratic erasure: means and covariances that are equal under all levels.

A row x of level c becomes

.. math:: r(x, c) = \mu + A_c \, (x - \mu - m_c)

with the effect :math:`m_c` of the level (at fixed target, if there is one) and a matrix
that takes the covariance of its rows to that of all rows. The level of each row must
therefore be known. In coordinates in which the covariance of all rows (within levels
and classes) is the identity and that of level c is :math:`S_c`,

.. math:: A_c = Q Q^T - Q \, S_{uv} S_{vv}^{-1} N^T + N \, S_{vv}^{-1/2} N^T

where the columns of Q span the directions in which the classes of the target differ, N
those of all others, and :math:`S_{uv} = Q^T S_c N`, :math:`S_{vv} = N^T S_c N`. Class
means stay, :math:`A_c Q = Q`, so no head moves with the column at fixed target; all
covariances are equal but those along Q: how well a level tells the classes is not
changed by any map that does not know the class. Without a target there is no Q, and
:math:`A_c = S_c^{-1/2}`.

The covariance of all rows is shrunk to a multiple of the identity (Ledoit and Wolf, but
at most as if that had been seen on as many more rows as there are directions: even
variances are no reason to take levels for equal). That of a level is shrunk to that of
all, scaled to the total variance of the level, as if it had been seen on as many more
rows as there are directions. The estimate of Ledoit and Wolf would shrink levels more
than that, and leave differences that a quadratic classifier finds on other rows; but
where it says that a level differs from all by no more than chance, only its scale is
its own, because a map that fits chance would mark its level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats

from sklearn_wsca._backend.namespace import to_numpy
from sklearn_wsca._erasure.erasure import (
    Held,
    Shrinkage,
    choose_shrinkage,
    whitening_spread,
)
from sklearn_wsca._erasure.without_target import DETERMINED, column_values
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._linear.subspace import Subspace

# Level of the test that the covariance of a level has the shape of that of all rows.
ALIKE = 0.05


@dataclass(frozen=True)
class QuadraticErasure:
    """The map of each level, in principal coordinates.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Mean of the embeddings.
    components : ndarray of shape (k, n_features)
        Orthonormal principal directions.
    maps : ndarray of shape (n_levels, k, k)
        What the rows of each level are multiplied with.
    offsets : ndarray of shape (n_levels, k)
        What is then added to them.
    shrinkage : ndarray of shape (n_levels,)
        Weight of the common covariance, scaled, in that of each level.
    """

    mean: np.ndarray
    components: np.ndarray
    maps: np.ndarray
    offsets: np.ndarray
    shrinkage: np.ndarray

    @property
    def rank(self) -> int:
        """Number of directions in which rows of some level are changed."""
        return len(self.components)

    def erase(self, X: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Erased rows; the level of each by its number."""
        before = (X - self.mean) @ self.components.T
        after = map_levels(before, level, self.maps, self.offsets)
        return X + (after - before) @ self.components


def map_levels(
    coordinates: np.ndarray, level: np.ndarray, maps: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Rows (n, k) under the maps (j, k, k) and offsets (j, k) of their levels (n,)."""
    found = np.empty_like(coordinates)
    for number in np.unique(level):
        rows = level == number
        found[rows] = coordinates[rows] @ maps[number].T + offsets[number]
    return found


def fit_quadratic(
    X: Embeddings,
    weights: np.ndarray,
    subspace: Subspace,
    column: Column,
    target: Column | None,
    shrinkage: Shrinkage,
) -> QuadraticErasure:
    """Find the map of every level from the rows on which all is known."""
    held = [] if target is None else [target]
    known = Held.of(column, weights, held)
    rows = np.flatnonzero(known.weights)
    coordinates = to_numpy(subspace.coordinates(X)[0])[rows] * subspace.scale
    labels = np.full(len(weights), -1)
    labels[column.rows] = column.labels
    labels, shares = labels[rows], known.weights[rows]
    basis = known.basis.take(rows).written_out()
    basis = basis[:, basis.any(axis=0)]
    values = column_values(column, known.weights)[rows]
    moves = level_moves(coordinates, values, basis, shares)
    roots = np.sqrt(shares)[:, None]
    moved = roots * (coordinates - moves[labels])
    fitted = basis.T @ moved
    residuals = (moved - basis @ fitted) / roots
    common = Whitening.of(residuals, shares, weights[rows], shrinkage)
    constant = basis.T @ roots
    classes = (fitted - constant @ (constant.T @ fitted)) @ common.unit
    kept, other = split_directions(classes)
    maps, shrunk = [], []
    for level in range(column.n_levels):
        own = labels == level
        covariance, amount = common.shrink_level(
            residuals[own], weights[rows][own], shrinkage, shares[own].sum()
        )
        maps.append(common.back(level_map(covariance, kept, other)))
        shrunk.append(amount)
    changes = np.array(maps)
    offsets = -np.einsum("jab,jb->ja", changes, moves)
    erased = map_levels(coordinates, labels, changes, offsets)
    # What the maps make of chance differences between classes in single levels.
    offsets -= level_moves(erased, values, basis, shares)
    return QuadraticErasure(
        subspace.mean, subspace.components, changes, offsets, np.array(shrunk)
    )


@dataclass(frozen=True)
class Whitening:
    """Coordinates in which the shrunk covariance of all rows is the identity.

    Parameters
    ----------
    unit : ndarray of shape (k, p)
        What rows are multiplied with.
    inverse : ndarray of shape (p, k)
        What takes them back.
    shrinkage : float
        Weight of the multiple of the identity in the covariance.
    common : ndarray of shape (p,)
        Variances in these coordinates, without it.
    """

    unit: np.ndarray
    inverse: np.ndarray
    shrinkage: float
    common: np.ndarray

    @classmethod
    def of(
        cls,
        residuals: np.ndarray,
        shares: np.ndarray,
        weights: np.ndarray,
        shrinkage: Shrinkage,
    ) -> Whitening:
        """Find it from rows (n, k) with mean 0."""
        values, vectors = linalg.eigh((residuals.T * shares) @ residuals)
        values, center = np.clip(values, 0.0, None), np.zeros(residuals.shape[1])
        amount = choose_shrinkage(shrinkage, residuals, weights, center, values)
        if shrinkage == "auto":
            # Also applied to levels, which may differ where variances are even.
            amount = min(amount, prior_share(len(values), weights))
        spread = whitening_spread(values, amount, len(values))
        varies = spread**2 > DETERMINED * values.max(initial=0.0)
        spread, vectors = spread[varies], vectors[:, varies]
        common = values[varies] / spread**2
        return cls(vectors / spread, (vectors * spread).T, amount, common)

    def shrink_level(
        self,
        rows: np.ndarray,
        weights: np.ndarray,
        shrinkage: Shrinkage,
        share: float,
    ) -> tuple[np.ndarray, float]:
        """Covariance (p, p) of a level with `share` of all; weight of the common one.

        Rows (n, k) are those of the level.
        """
        whitened, total = rows @ self.unit, weights.sum()
        p = len(self.common)
        if shrinkage != "auto":
            amount = float(shrinkage)
        elif is_alike(whitened, weights, self.common, share):
            amount = 1.0
        else:
            amount = prior_share(p, weights)
        found = second_moments(whitened, weights)
        # One row is lost to the mean; a level of one row has the scale of all.
        scale = total * np.trace(found) / max(self.common.sum(), DETERMINED) + 1.0
        scaled = scale / max(total, 1.0) * np.diag(self.common)
        found = (1.0 - amount) * found + amount * scaled
        # Shrunk as that of all is, whose whitened covariance is then the identity.
        kept = 1.0 - self.shrinkage
        return kept * found + np.diag(1.0 - kept * self.common), amount

    def back(self, matrix: np.ndarray) -> np.ndarray:
        """Matrix (p, p) in the coordinates that rows have had: (k, k)."""
        change = matrix - np.eye(len(matrix))
        return np.eye(len(self.unit)) + self.inverse.T @ change @ self.unit.T


def prior_share(n_directions: int, weights: np.ndarray) -> float:
    """Weight of a prior that counts as many rows as there are directions."""
    return float(n_directions / (n_directions + weights.sum()))


def is_alike(
    rows: np.ndarray, weights: np.ndarray, common: np.ndarray, share: float
) -> bool:
    """Whether the covariance of rows (n, p) is the common one, scaled, but for chance.

    The squared distance of the two, relative to its expectation (the error of the
    covariance, estimated as by Ledoit and Wolf, less what the rows add to the common
    one as a `share` of all), is about chi-square by its degrees of freedom. The common
    covariance is diagonal, with the variances `common` (p,).
    """
    total, found = weights.sum(), second_moments(rows, weights)
    scale = np.trace(found) / common.sum() if len(common) > 1 else 0.0
    squares = np.sum(rows**2, axis=1) ** 2 @ weights / total
    error = (squares - np.sum(found**2)) / total * (1.0 - share)
    if scale <= DETERMINED or error <= 0.0:
        return True
    distance = np.sum((found - scale * np.diag(common)) ** 2)
    # For normal rows: the mean of the squares, squared, by half their variance.
    powers = {k: np.sum(common**k) for k in (1, 2, 4)}
    freedom = (powers[1] ** 2 + powers[2]) ** 2 / (powers[2] ** 2 + powers[4]) / 2 - 1
    return bool(distance * freedom <= error * stats.chi2.isf(ALIKE, freedom))


def second_moments(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean products (p, p) of the columns of rows (n, p) with mean 0."""
    return (rows.T * (weights / weights.sum())) @ rows


def level_moves(
    coordinates: np.ndarray, values: np.ndarray, basis: np.ndarray, shares: np.ndarray
) -> np.ndarray:
    """Effects of the levels at fixed others, which leave the mean of all rows: (j, k).

    Coordinates (n, k) and indicators of the levels (n, j) are those of rows with
    `shares` (n,); the basis (n, h) is multiplied by their roots.
    """
    roots = np.sqrt(shares)[:, None]
    fixed = roots * values
    fixed = fixed - basis @ (basis.T @ fixed)
    solve = linalg.pinvh(fixed.T @ fixed, rtol=DETERMINED)
    effects = solve @ (fixed.T @ (roots * coordinates))
    return effects - (shares @ values) @ effects


def split_directions(classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames of the rows of a matrix (h, p), and of what is orthogonal to them."""
    _, values, directions = linalg.svd(classes)
    rank = int(np.sum(values > DETERMINED * max(1.0, values.max(initial=0.0))))
    return directions[:rank].T, directions[rank:].T


def level_map(
    covariance: np.ndarray, kept: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Matrix of a level (p, p) by its covariance in whitened coordinates.

    Directions in which classes differ are `kept` (p, q), all others (p, p - q).
    """
    if not other.size:
        return np.eye(len(kept))
    values, vectors = linalg.eigh(other.T @ covariance @ other)
    varies = values > DETERMINED * values.max(initial=0.0)
    values, vectors = values[varies], other @ vectors[:, varies]
    rooted = (vectors / np.sqrt(values)) @ vectors.T
    inverse = (vectors / values) @ vectors.T
    return kept @ kept.T @ (np.eye(len(kept)) - covariance @ inverse) + rooted
