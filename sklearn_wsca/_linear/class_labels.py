"""Classes of the rows in a batch of problems, and directions of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import linalg

from sklearn_wsca._backend.namespace import array_namespace, to_numpy, to_same_device


@dataclass(frozen=True)
class Labels:
    """Classes of the rows in several problems, which are permutations of columns.

    Parameters
    ----------
    codes : array of shape (p, n), dtype int
        Class of each row in each problem.
    n_classes : tuple of int
        Number of classes of each column.
    column : ndarray of shape (p,), dtype int
        Which column the problems permute.
    bases : sequence of tuple of two ndarrays
        `class_directions` of each column, see `column_bases`.
    """

    codes: Any
    n_classes: tuple[int, ...]
    column: np.ndarray
    bases: Sequence[tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, codes: Any, n_classes: int) -> Labels:
        """Labels of permutations of one column."""
        bases = column_bases([codes], [n_classes])
        return cls(codes, (n_classes,), np.zeros(len(codes), dtype=np.intp), bases)

    def __len__(self) -> int:
        return len(self.column)

    @property
    def n_free(self) -> int:
        """Free directions of the class scores of the column that has most."""
        return max(self.n_classes) - 1

    def take(self, which: np.ndarray) -> Labels:
        """Return the same for some of the problems."""
        codes = self.codes[to_same_device(which, self.codes)]
        return replace(self, codes=codes, column=self.column[which])

    def directions(self) -> tuple[np.ndarray, np.ndarray]:
        """Directions (columns, r, r) of the class scores, and their curvatures.

        Classes that a column does not have are directions of their own, of curvature 1,
        along which nothing ever moves.
        """
        n_columns, r = len(self.n_classes), self.n_free
        directions = np.tile(np.eye(r), (n_columns, 1, 1))
        curvatures = np.ones((n_columns, r))
        for column, (own, curvature) in enumerate(self.bases):
            directions[column, : len(own), : len(own)] = own
            curvatures[column, : len(own)] = curvature
        return directions, curvatures

    def penalties(self) -> np.ndarray:
        """What the penalty of each problem shares between classes: (p,).

        It is 1/C of C classes, and 0 of two, whose one weight vector it is of.
        """
        n_classes = np.array(self.n_classes)[self.column]
        return np.where(n_classes > 2, 1.0 / n_classes, 0.0)

    def present(self) -> np.ndarray | None:
        """Whether a column has the classes 1, 2, ...: (p, r); None where all have."""
        n_free = np.array(self.n_classes)[self.column] - 1
        if (n_free == self.n_free).all():
            return None
        return np.arange(self.n_free) < n_free[:, None]


def column_bases(
    codes: Sequence[Any], n_classes: Sequence[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """`class_directions` of columns at the frequencies that all permutations have.

    There are codes (p, n) of each column, all on one device.
    """
    first = array_namespace(codes[0]).concatenate([own[:1] for own in codes])
    return [
        class_directions(np.bincount(own, minlength=number) / len(own))
        for own, number in zip(to_numpy(first), n_classes, strict=True)
    ]


def mean_curvature(frequencies: np.ndarray) -> float:
    """Mean of the curvature of `class_directions`, without these."""
    left = 1.0 - float(np.sum(frequencies**2))
    return left / 2.0 if len(frequencies) == 2 else left / (len(frequencies) - 1)


def class_directions(frequencies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis of class scores relative to class 0, and the curvature along it.

    The columns U of the basis satisfy ``U' A U = I`` and ``U' M U = diag(curvature)``
    with A the penalty of score differences and ``M = diag(pi) - pi pi'`` without
    class 0. Two classes have one weight vector with ``A = 1``; more share
    scikit-learn's penalty of class rows that add up to zero, ``A = I - 1/C``.
    """
    n_classes = len(frequencies)
    free = frequencies[1:]
    curvature = np.diag(free) - np.outer(free, free)
    if n_classes == 2:
        return np.ones((1, 1)), curvature[0]
    penalty = np.eye(n_classes - 1) - 1.0 / n_classes
    values, directions = linalg.eigh(curvature, penalty)
    return directions, np.maximum(values, 0.0)
