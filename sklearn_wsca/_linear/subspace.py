"""Mean, principal directions and principal coordinates of the embeddings.

Everything downstream works in the principal coordinates
``T = (Z - mean) P^T / scale``: there the covariance is diagonal, and one number,
``scale``, makes penalties mean the same for every unit of the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import linalg

from sklearn_wsca._backend.namespace import (
    Precision,
    cast,
    is_tensor,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._input.embeddings import Embeddings, as_embeddings

COLUMNS_MOVED = 16
ROWS_OF_THE_POINT = 64

# Mean, falling variances, and the first k directions for any k.
Decomposition = tuple[np.ndarray, np.ndarray, Callable[[int], np.ndarray]]


@dataclass(frozen=True)
class Subspace:
    """Principal subspace of the embeddings.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Weighted mean of the embeddings, in their unit.
    components : ndarray of shape (k, n_features)
        Orthonormal principal directions, by falling variance.
    variance : ndarray of shape (k,)
        Variance along each direction (weighted sum of squares over total weight).
    total_variance : float
        Sum of the variances over all directions, retained or not.
    rank : int
        Number of directions along which the embeddings vary at all.
    """

    mean: np.ndarray
    components: np.ndarray
    variance: np.ndarray
    total_variance: float
    rank: int

    @property
    def scale(self) -> float:
        """Square root of the mean variance of the retained coordinates."""
        return float(np.sqrt(self.variance.mean()))

    @property
    def n_components(self) -> int:
        """Number of retained directions, k."""
        return len(self.variance)

    def coordinates(
        self, X: Any, precision: Precision = "float64"
    ) -> tuple[Any, np.ndarray]:
        """Project the rows.

        Returns
        -------
        T : array of shape (n, k)
            Principal coordinates divided by `scale`, on the device of X.
        distance : ndarray of shape (n,)
            Squared length of each row of T, before it is rounded to `precision`.
        """
        nothing = np.empty((0, len(self.mean)))
        return self.coordinates_and_products(X, precision, nothing)[:2]

    def coordinates_and_products(
        self, X: Any, precision: Precision, coef: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        """Project the rows, and multiply them by coefficients (C, d), in one pass.

        Returns what `coordinates` does, and the products (n, C).
        """
        X = as_embeddings(X)
        # Tensors stay on their device; the rows of other arrays become numpy.
        device = X.array if is_tensor(X.array) else None
        T = to_same_device(np.empty((len(X), self.n_components), precision), device)
        distance, products = np.empty(len(X)), np.empty((len(X), len(coef)))
        project = partial(
            _project,
            mean=to_same_device(self.mean, device),
            directions=to_same_device(self.components, device),
            scale=self.scale,
            precision=precision,
            coef=coef,
        )
        for rows, found in X.each(project):
            T[rows], distance[rows], products[rows] = found
        return T, distance, products

    def project(self, coef: np.ndarray) -> np.ndarray:
        """Head in the unit of X -> projected head W P^T: (rows, k)."""
        return coef @ self.components.T

    def restore(
        self, coef: np.ndarray, intercept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Head fitted on `coordinates` -> the same head on the embeddings."""
        coef = coef @ self.components / self.scale
        return coef, intercept - coef @ self.mean


def fit_subspace(
    X: Any,
    weights: np.ndarray,
    n_components: float | int | None,
    min_components: int,
) -> Subspace:
    """Fit the principal subspace of weighted rows.

    Parameters
    ----------
    X : Embeddings or array of shape (n_samples, n_features)
        Finite embeddings. They are read once for mean and covariance; where there are
        more features than rows, once for the mean and then in pairs of blocks.
    weights : ndarray of shape (n_samples,)
        Positive row weights.
    n_components : float, int or None
        Share of variance to explain, number of directions, or None for all.
    min_components : int
        Floor on k when `n_components` is a share.

    Raises
    ------
    ValueError
        If the embeddings do not vary.
    """
    X = as_embeddings(X)
    n, d = len(X), X.n_features
    decompose = _decompose_gram if d > n else _decompose_covariance
    mean, variance, directions = decompose(X, weights / weights.sum())
    rank = _numerical_rank(variance, mean, max(n, d))
    if rank == 0:
        raise ValueError(
            f"X: all {n} rows of the embeddings are equal, so there is nothing "
            "to analyse. Check that the embeddings were exported correctly."
        )
    total = float(variance[:rank].sum())
    k = choose_n_components(variance[:rank] / total, n_components, min_components)
    return Subspace(mean, fix_signs(directions(k)), variance[:k], total, rank)


def reorder_rows(T: Any, order: np.ndarray) -> Any:
    """Rows of T in another order; a numpy array is changed in place.

    A few columns are moved at a time, so a second copy is never held.
    """
    if is_tensor(T):
        return T[to_same_device(order, T)]
    for start in range(0, T.shape[1], COLUMNS_MOVED):
        columns = slice(start, start + COLUMNS_MOVED)
        T[:, columns] = T[order, columns]
    return T


def choose_n_components(
    ratio: np.ndarray, n_components: float | int | None, min_components: int
) -> int:
    """Apply the rule of the paper to explained-variance ratios.

    A share gives the smallest k that explains it, never below `min_components`;
    an integer is taken as it is; None keeps all. k never exceeds ``len(ratio)``.
    """
    rank = len(ratio)
    if n_components is None:
        return rank
    if isinstance(n_components, (int, np.integer)):
        return min(int(n_components), rank)
    # The cumulated ratio of all directions may be 1 - 1e-16: never ask for more.
    reached = np.cumsum(ratio) >= min(n_components, 1.0) - 1e-12
    k = int(np.argmax(reached)) + 1 if reached.any() else rank
    return min(max(k, min_components), rank)


def fix_signs(components: np.ndarray) -> np.ndarray:
    """Give each direction the sign that makes its largest entry positive."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return components * signs[:, None]


def _decompose_covariance(X: Embeddings, shares: np.ndarray) -> Decomposition:
    """Mean, falling eigenvalues and row eigenvectors of the d x d covariance."""
    # Sums about a point among the rows lose no digits to a large mean.
    shift = X.first(ROWS_OF_THE_POINT).mean(axis=0)
    total, covariance = X.total(partial(_add_up, shift=shift), np.sqrt(shares))
    offset = to_numpy(total)
    covariance = to_numpy(covariance) - np.outer(offset, offset)
    # scipy 1.11 refuses this driver for a single feature.
    driver = "evd" if len(covariance) > 1 else None
    variance, vectors = linalg.eigh(
        covariance, check_finite=False, overwrite_a=True, driver=driver
    )
    directions = vectors.T[::-1]
    return to_numpy(shift) + offset, variance[::-1], lambda k: directions[:k]


def _add_up(block: Any, roots: np.ndarray, *, shift: Any) -> tuple[Any, Any]:
    """Weighted sum and moments of rows about a point."""
    weights = to_same_device(roots, block)
    scaled = block - shift
    scaled *= weights[:, None]
    return weights @ scaled, scaled.T @ scaled


def _project(
    block: Any,
    *,
    mean: Any,
    directions: Any,
    scale: float,
    precision: Precision,
    coef: np.ndarray,
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Coordinates of rows, their squared lengths before they are rounded, products."""
    products = to_numpy(block @ to_same_device(coef.T, block))
    coordinates = (block - mean) @ directions.T / scale
    squares = to_numpy((coordinates * coordinates).sum(axis=1))
    return cast(coordinates, precision), squares, products


def _decompose_gram(X: Embeddings, shares: np.ndarray) -> Decomposition:
    """Compute the same as `_decompose_covariance` for fewer rows than features."""
    mean = sum(
        to_same_device(shares[rows], block) @ block for rows, block in X.blocks()
    )
    roots = np.sqrt(shares)

    def centred_blocks() -> Iterator[tuple[slice, Any]]:
        for rows, block in X.blocks():
            yield rows, (block - mean) * to_same_device(roots[rows], block)[:, None]

    gram = np.zeros((len(X), len(X)))
    for rows, block in centred_blocks():
        for others, other in centred_blocks():
            if others.start > rows.start:
                break
            gram[rows, others] = to_numpy(block @ other.T)
            gram[others, rows] = gram[rows, others].T
    variance, vectors = linalg.eigh(gram, check_finite=False)
    variance, vectors = variance[::-1], vectors[:, ::-1]

    def directions(k: int) -> np.ndarray:
        scaled = vectors[:, :k] / np.sqrt(variance[:k])
        return to_numpy(
            sum(
                to_same_device(scaled[rows].T, block) @ block
                for rows, block in centred_blocks()
            )
        )

    return to_numpy(mean), variance, directions


def _numerical_rank(variance: np.ndarray, mean: np.ndarray, size: int) -> int:
    """Count directions whose variance is above rounding noise.

    Rounding of the centred rows is relative to the mean as well as to the spread,
    so a constant feature of value 1e8 must not look like a direction.
    """
    eps = np.finfo(np.float64).eps
    from_spread = max(float(variance[0]), 0.0) * size * eps
    from_mean = float(np.abs(mean).max()) ** 2 * (16 * eps) ** 2
    return int(np.sum(variance > max(from_spread, from_mean)))
