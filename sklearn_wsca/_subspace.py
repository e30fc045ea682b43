"""Mean, principal directions and principal coordinates of the embeddings.

Everything downstream works in the principal coordinates
``T = (Z - mean) P^T / scale``: there the covariance is diagonal, and one number,
``scale``, makes penalties mean the same for every unit of the embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import linalg

ROWS_PER_BLOCK = 4096


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

    def coordinates(self, X: np.ndarray) -> np.ndarray:
        """Principal coordinates of the rows, divided by `scale`: (n, k)."""
        coordinates = np.empty((len(X), self.n_components))
        for rows in row_blocks(len(X)):
            centred = X[rows].astype(np.float64) - self.mean
            coordinates[rows] = centred @ self.components.T
        return coordinates / self.scale

    def project(self, coef: np.ndarray) -> np.ndarray:
        """Head in the unit of X -> projected head W P^T: (rows, k)."""
        return coef @ self.components.T

    def restore(
        self, coef: np.ndarray, intercept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Head fitted on `coordinates` -> the same head on the embeddings."""
        coef = coef @ self.components / self.scale
        return coef, intercept - coef @ self.mean


def row_blocks(n: int, size: int = ROWS_PER_BLOCK) -> Iterator[slice]:
    """Slices that cover ``range(n)`` in blocks of `size` rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def fit_subspace(
    X: np.ndarray,
    weights: np.ndarray,
    n_components: float | int | None,
    min_components: int,
) -> Subspace:
    """Fit the principal subspace of weighted rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite embeddings.
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
    mean = weighted_mean(X, weights)
    wide = X.shape[1] > X.shape[0]
    decompose = _decompose_gram if wide else _decompose_covariance
    variance, components = decompose(X, weights / weights.sum(), mean)
    rank = _numerical_rank(variance, mean, max(X.shape))
    if rank == 0:
        raise ValueError(
            f"X: all {len(X)} rows of the embeddings are equal, so there is nothing "
            "to analyse. Check that the embeddings were exported correctly."
        )
    total = float(variance[:rank].sum())
    k = choose_n_components(variance[:rank] / total, n_components, min_components)
    return Subspace(mean, fix_signs(components[:k]), variance[:k], total, rank)


def weighted_mean(X: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of the rows under `weights`, accumulated in float64."""
    total = np.zeros(X.shape[1])
    for rows in row_blocks(len(X)):
        total += weights[rows] @ X[rows].astype(np.float64)
    return total / weights.sum()


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


def _decompose_covariance(
    X: np.ndarray, shares: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (falling) and row eigenvectors of the d x d covariance."""
    covariance = np.zeros((X.shape[1], X.shape[1]))
    for rows in row_blocks(len(X)):
        centred = X[rows].astype(np.float64) - mean
        covariance += (centred * shares[rows, None]).T @ centred
    variance, vectors = linalg.eigh(covariance, check_finite=False)
    return variance[::-1], vectors.T[::-1]


def _decompose_gram(
    X: np.ndarray, shares: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the same as `_decompose_covariance` for fewer rows than features."""
    rows = (X.astype(np.float64) - mean) * np.sqrt(shares)[:, None]
    variance, vectors = linalg.eigh(rows @ rows.T, check_finite=False)
    variance, vectors = variance[::-1], vectors[:, ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        components = (vectors.T @ rows) / np.sqrt(variance)[:, None]
    return variance, components


def _numerical_rank(variance: np.ndarray, mean: np.ndarray, size: int) -> int:
    """Count directions whose variance is above rounding noise.

    Rounding of the centred rows is relative to the mean as well as to the spread,
    so a constant feature of value 1e8 must not look like a direction.
    """
    eps = np.finfo(np.float64).eps
    from_spread = max(float(variance[0]), 0.0) * size * eps
    from_mean = float(np.abs(mean).max()) ** 2 * (16 * eps) ** 2
    return int(np.sum(variance > max(from_spread, from_mean)))
