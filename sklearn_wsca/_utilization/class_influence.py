r"""Moments of the errors of effects in many classes, from what classes do not share.

The error of cluster g in all effects is a row of ``M = P + U L``: P is what the
contrasts of each class have beyond the shared ones, mostly zero, and ``U L`` is the
rest, with U of few columns (sums over the cluster of shared rows times residuals, and
its spread). So

.. math:: M^T M = D + L^T B + B^T L, \quad D = P^T P, \quad
    B = U^T P + \tfrac{1}{2} U^T U L

and the squares of D are those within each class, and between classes that share
clusters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from sklearn_wsca._utilization.contrast_rows import ClassContrasts, Contrasts
from sklearn_wsca._utilization.influence import (
    ELEMENTS_PER_BLOCK,
    Influence,
    costs,
)


@dataclass(frozen=True)
class ClassInfluence:
    """What each cluster adds to the error of effects by `ClassContrasts`.

    Parameters
    ----------
    contrasts : ClassContrasts
        Of all n rows.
    residuals : ndarray of shape (n, C)
        Of the outputs.
    clusters : ndarray of shape (n,), dtype int
        Clusters of the rows.
    spread : ndarray of shape (n_clusters,)
        Spread of the clusters, of those without rows too.
    effects : ndarray of shape (m, C)
        The effects.
    """

    contrasts: ClassContrasts
    residuals: np.ndarray
    clusters: np.ndarray
    spread: np.ndarray
    effects: np.ndarray

    def times(self, vector: np.ndarray) -> np.ndarray:
        """Products of all clusters with a vector (m, C)."""
        shared = self.contrasts.shared @ (self.contrasts.turn @ vector)
        by_row = np.sum(shared * self.residuals, axis=1)
        for columns, own in self.contrasts.parts:
            beyond = (own.values @ vector[columns]) * own.take(self.residuals)
            by_row[own.at] += np.sum(beyond, axis=1)
        found = np.bincount(self.clusters, by_row, len(self.spread))
        return found - self.spread * float(np.sum(self.effects * vector))

    def moments(self, projected: np.ndarray) -> tuple[float, float, float]:
        """Trace of the covariance and its square, and length of an image under it.

        `projected` are the products of all clusters with a direction.
        """
        n, (m, n_outputs) = len(self.clusters), self.effects.shape
        if self._cost() <= min(costs(n, m, len(self.spread), n_outputs)):
            return self._moments_by_class(projected)
        rows = Contrasts.of(self.contrasts)
        written_out = Influence.of(
            rows, self.residuals, self.clusters, self.spread, self.effects
        )
        return written_out.moments(projected)

    def _cost(self) -> int:
        """Multiplications that moments by class take, about."""
        (m, n_outputs), n_clusters = self.effects.shape, len(self.spread)
        # The columns of U.
        n_common, width = len(self.contrasts.turn) * n_outputs + 1, 0
        n_classes = np.zeros(n_clusters, dtype=int)
        for _, cells in self._cells:
            n_classes[cells.present] += 1
            width = max(width, int(np.prod(cells.shape)))
        shared = n_clusters * n_common + 3 * width * int(n_classes.sum())
        pairs = width**2 * int(np.sum(n_classes**2))
        return n_common * (shared + 3 * n_common * m * n_outputs) + pairs

    @cached_property
    def _left(self) -> np.ndarray:
        """Columns of U -> all effects, L: (p C + 1, m C)."""
        turn = np.kron(self.contrasts.turn, np.eye(self.effects.shape[1]))
        return np.vstack([turn, -self.effects.ravel()])

    @cached_property
    def _shared(self) -> _Cells:
        """Shared rows by cluster."""
        return _Cells.of(self.contrasts.shared, self.residuals, self.clusters)

    @cached_property
    def _cells(self) -> list[tuple[slice, _Cells]]:
        """Columns of P that are of one class, and its rows by cluster."""
        outputs = self.effects.shape[1]
        return [
            (
                slice(columns.start * outputs, columns.stop * outputs),
                _Cells.of(
                    own.values, own.take(self.residuals), own.take(self.clusters)
                ),
            )
            for columns, own in self.contrasts.parts
        ]

    def _moments_by_class(self, projected: np.ndarray) -> tuple[float, float, float]:
        """By the parts of the matrix."""
        left = self._left
        gram, crossed = np.zeros((len(left),) * 2), np.zeros_like(left)
        along, image, total = np.zeros_like(left.T), np.zeros(left.shape[1]), 0.0
        for clusters, shared in self._pieces():
            gram += shared.T @ shared
            image += (projected[clusters] @ shared) @ left
            turned, found = np.zeros_like(shared), list(self._beyond(clusters))
            for columns, at, own in found:
                total += float(np.sum(own**2))
                image[columns] += projected[clusters[at]] @ own
                crossed[:, columns] += shared[at].T @ own
                turned[at] += own @ left[:, columns].T
            for columns, at, own in found:
                along[columns] += own.T @ turned[at]
        half = crossed + 0.5 * gram @ left
        inner = half @ left.T
        total += 2.0 * float(np.sum(half * left))
        squares = self._squares_of_classes() + 4.0 * float(np.sum(along.T * half))
        squares += 2.0 * float(np.sum(inner * inner.T))
        squares += 2.0 * float(np.sum((left @ left.T) * (half @ half.T)))
        return total, squares, float(image @ image)

    def _pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Some clusters, rising, and their rows of U; those without rows are last."""
        cells = self._shared
        for which in cells.pieces(max(1, ELEMENTS_PER_BLOCK // len(self._left))):
            own = cells.present[which]
            yield own, np.column_stack([cells.sums(which), self.spread[own]])
        rest = np.setdiff1d(np.arange(len(self.spread)), cells.present)
        if len(rest):
            rows = np.zeros((len(rest), len(self._left)))
            rows[:, -1] = self.spread[rest]
            yield rest, rows

    def _beyond(self, clusters: np.ndarray) -> Iterator[tuple]:
        """What there is of P in these clusters: columns, which clusters, numbers."""
        for columns, cells in self._cells:
            which = cells.among(clusters)
            if len(which):
                at = np.searchsorted(clusters, cells.present[which])
                yield columns, at, cells.sums(which)

    def _squares_of_classes(self) -> float:
        """Squares of D: within classes, and twice those between two of them."""
        all_cells = [cells for _, cells in self._cells]
        found = sum(cells.squares() for cells in all_cells)
        n_classes = np.zeros(len(self.spread), dtype=int)
        for cells in all_cells:
            n_classes[cells.present] += 1
        if n_classes.max(initial=0) > 1:
            pairs = combinations(all_cells, 2)
            found += 2.0 * sum(one.squares_with(other) for one, other in pairs)
        return float(found)


@dataclass(frozen=True)
class _Cells:
    """Rows in the order of their clusters, of which sums are taken.

    Parameters
    ----------
    values, residuals : ndarray of shape (n, s), (n, C)
        Factors of what is summed.
    present : ndarray of shape (n_present,), dtype int
        Clusters of these rows, rising.
    starts : ndarray of shape (n_present + 1,), dtype int
        Where their rows start, and where the last ones end.
    """

    values: np.ndarray
    residuals: np.ndarray
    present: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, values, residuals, clusters) -> _Cells:
        """Sort rows by cluster (n,)."""
        order = np.argsort(clusters, kind="stable")
        present, sizes = np.unique(clusters, return_counts=True)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return cls(values[order], residuals[order], present, starts)

    @property
    def shape(self) -> tuple[int, int]:
        """Effects and outputs, whose product is the number of sums of a cell."""
        return self.values.shape[1], self.residuals.shape[1]

    def among(self, clusters: np.ndarray) -> np.ndarray:
        """Numbers of the cells whose cluster is among some, which rise."""
        first, last = np.searchsorted(self.present, [clusters[0], clusters[-1] + 1])
        which = np.arange(first, last)
        return which[np.isin(self.present[which], clusters)]

    def pieces(self, n_rows: int) -> Iterator[np.ndarray]:
        """Numbers of following cells that have so many rows together, or of one."""
        start = 0
        while start < len(self.present):
            end = np.searchsorted(self.starts, self.starts[start] + n_rows, "right")
            stop = max(start + 1, int(end) - 1)
            yield np.arange(start, stop)
            start = stop

    def sums(self, which: np.ndarray) -> np.ndarray:
        """Sums over cells of products of values and residuals: (n_which, s C)."""
        sizes = self.starts[which + 1] - self.starts[which]
        firsts = np.cumsum(sizes) - sizes
        rows = np.repeat(self.starts[which] - firsts, sizes) + np.arange(sizes.sum())
        products = self.values[rows, :, None] * self.residuals[rows, None, :]
        products = products.reshape(len(rows), np.prod(self.shape))
        if len(rows) == len(which):
            return products
        return np.add.reduceat(products, firsts, axis=0)

    def squares(self) -> float:
        """Squares of the products of all sums with each other."""
        n, effects = len(self.present), np.zeros(self.shape)
        own = np.repeat(np.arange(n), np.diff(self.starts))
        alone = Influence(
            self.values, self.residuals, own, np.arange(n), np.zeros(n), effects
        )
        return alone.moments(np.zeros(n))[1]

    def squares_with(self, other: _Cells) -> float:
        """The same with those of another class, over clusters that both have."""
        _, own, its = np.intersect1d(
            self.present, other.present, assume_unique=True, return_indices=True
        )
        first, second = self.sums(own), other.sums(its)
        if len(own) < np.prod(self.shape):
            return float(np.sum((first @ first.T) * (second @ second.T)))
        return float(np.sum((first.T @ second) ** 2))
