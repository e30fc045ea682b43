"""What each cluster adds to the error of effects, and moments of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_wsca._linear.class_basis import sum_matrix
from sklearn_wsca._utilization.contrast_rows import Contrasts

ELEMENTS_PER_BLOCK = 2**22


@dataclass(frozen=True)
class Influence:
    """What each cluster adds to the error of effects: a matrix (n_clusters, m C).

    Row g is the sum over the rows i of the cluster of ``rows_i x residuals_i``, less
    ``spread_g effects``. The last cluster has no rows, and stands for all that have
    none here.

    Parameters
    ----------
    rows, residuals : ndarray of shape (n_used, m), (n_used, C)
        Of the rows that are held.
    clusters : ndarray of shape (n_used,), dtype int
        Their clusters, numbered among those `present`.
    present : ndarray of shape (n_clusters - 1,), dtype int
        The clusters of these rows among all.
    all_spread : ndarray
        Spread of all clusters.
    effects : ndarray of shape (m, C)
        The effects.
    """

    rows: np.ndarray
    residuals: np.ndarray
    clusters: np.ndarray
    present: np.ndarray
    all_spread: np.ndarray
    effects: np.ndarray

    @classmethod
    def of(
        cls,
        contrasts: Contrasts,
        residuals: np.ndarray,
        clusters: np.ndarray,
        spread: np.ndarray,
        effects: np.ndarray,
    ) -> Influence:
        """Take the rows that are held, of residuals (n, C) and clusters (n,)."""
        used = contrasts.at
        present, own = np.unique(clusters[used], return_inverse=True)
        return cls(contrasts.values, residuals[used], own, present, spread, effects)

    @cached_property
    def spread(self) -> np.ndarray:
        """Spread of the clusters that are present, and of all others together."""
        others = np.delete(self.all_spread, self.present)
        return np.append(self.all_spread[self.present], np.linalg.norm(others))

    def moments(self, projected: np.ndarray) -> tuple[float, float, float]:
        """Trace of the covariance and its square, and length of an image under it.

        `projected` are the products of all clusters with a direction.
        """
        others = np.delete(self.all_spread * projected, self.present).sum()
        last = others / self.spread[-1] if self.spread[-1] > 0 else 0.0
        own = np.append(projected[self.present], last)
        n, (m, n_outputs) = len(self.rows), self.effects.shape
        by_sums, by_products = costs(n, m, len(own), n_outputs)
        if by_sums <= by_products:
            return self._moments_of_sums(own)
        return self._moments_of_products(own)

    def times(self, vector: np.ndarray) -> np.ndarray:
        """Products of all clusters with a vector (m, C)."""
        found = -self.all_spread * float(np.sum(self.effects * vector))
        found[self.present] += self._sums(vector)
        return found

    def _sums(self, vector: np.ndarray) -> np.ndarray:
        """The same for the clusters that are present, without the spread."""
        by_row = np.sum((self.rows @ vector) * self.residuals, axis=1)
        return np.bincount(self.clusters, by_row, len(self.present))

    def _moments_of_sums(self, projected: np.ndarray):
        """By the matrix itself, in blocks of clusters."""
        width, start = self.effects.size, 0
        if len(self.spread) < width:
            matrix = np.concatenate(list(self._blocks()))
            gram, image = matrix @ matrix.T, projected @ matrix
        else:
            gram, image = np.zeros((width, width)), np.zeros(width)
            for block in self._blocks():
                gram += block.T @ block
                image += projected[start : start + len(block)] @ block
                start += len(block)
        total, squares = float(np.trace(gram)), float(np.sum(gram**2))
        return total, squares, float(image @ image)

    def _blocks(self) -> Iterator[np.ndarray]:
        """The matrix in blocks of clusters."""
        order = np.argsort(self.clusters, kind="stable")
        ends = np.cumsum(np.bincount(self.clusters, minlength=len(self.spread) - 1))
        most = int(np.diff(ends, prepend=0).max())
        size = max(1, ELEMENTS_PER_BLOCK // (self.effects.size * most))
        effects = self.effects.ravel()
        for start in range(0, len(ends), size):
            own = slice(start, min(start + size, len(ends)))
            first = ends[start - 1] if start else 0
            chosen = order[first : ends[own][-1]]
            products = self.rows[chosen, :, None] * self.residuals[chosen, None, :]
            starts = np.concatenate([[0], ends[own][:-1] - first])
            sums = np.add.reduceat(products.reshape(len(chosen), -1), starts, axis=0)
            yield sums - self.spread[own, None] * effects
        yield -self.spread[-1:, None] * effects

    def _moments_of_products(self, projected: np.ndarray):
        """By products of the matrix with its transpose, in blocks of rows."""
        n, size = len(self.rows), float(np.sum(self.effects**2))
        sums = sum_matrix(self.clusters, np.ones(n), len(self.spread))
        along_effects = np.append(self._sums(self.effects), 0.0)
        total = squares = image = 0.0
        order = np.argsort(self.clusters, kind="stable")
        step = max(1, ELEMENTS_PER_BLOCK // n)
        ends = np.cumsum(np.bincount(self.clusters, minlength=len(self.spread)))
        start = 0
        while start < len(self.spread):
            first = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, first + step, "right")))
            own, chosen = slice(start, stop), order[first : ends[stop - 1]]
            block = self.rows[chosen] @ self.rows.T
            block *= self.residuals[chosen] @ self.residuals.T
            local = sum_matrix(
                self.clusters[chosen] - start, np.ones(len(chosen)), stop - start
            )
            block = local @ (sums @ block.T).T
            spread = self.spread
            block -= np.outer(spread[own], along_effects)
            block -= np.outer(along_effects[own], spread)
            block += size * np.outer(spread[own], spread)
            total += float(np.trace(block[:, own]))
            squares += float(np.sum(block**2))
            image += float(projected[own] @ (block @ projected))
            start = stop
        return total, squares, image


def costs(n: int, m: int, n_clusters: int, n_outputs: int) -> tuple[int, int]:
    """Multiplications that moments take, by the matrix itself and by its products.

    The matrix is that of n rows, m effects on each output and so many clusters.
    """
    width = m * n_outputs
    by_sums = width * (n + n_clusters * min(width, n_clusters))
    return by_sums, n * n * (m + n_outputs)
