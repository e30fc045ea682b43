"""Orthonormal bases of classes and further terms, without writing out the classes.

Indicators of classes are orthogonal to each other. Whatever is done with them is done
by sums over the rows of each class, so a thousand classes cost no more than two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg, sparse

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    is_tensor,
    send_together,
    sum_rows,
)

# Share of a direction of the design that the others leave of it, below which it is
# taken for one of them.
DEPENDENT = 1e-8
# Where so many times as much is left of every column, none depends on others.
CLEARLY = 1e3
# An accelerator writes out what is summed, and takes so many entries at a time (1 GB).
ONES_AT_ONCE = 2**27


@dataclass(frozen=True)
class ClassBasis:
    """Orthonormal basis of indicators of classes, and of what terms add to them.

    Parameters
    ----------
    codes : array of shape (n,), dtype int
        Class of each row.
    entries : array of shape (n,)
        Entry of each row in the vector of its class; its entries in those of all other
        classes are 0. 0 everywhere where there are no classes.
    others : array of shape (n, p)
        Vectors that are orthogonal to all of these.
    n_classes : int
        Number of classes.
    """

    codes: np.ndarray
    entries: np.ndarray
    others: np.ndarray
    n_classes: int

    @classmethod
    def of(
        cls,
        roots: np.ndarray,
        codes: np.ndarray,
        terms: np.ndarray,
        dependent: float = DEPENDENT,
    ) -> ClassBasis:
        """Basis of classes (n,) and terms (n, p), times the roots of the weights (n,).

        Terms of which classes and other terms leave no more than a share add nothing.
        """
        mass = np.bincount(codes, roots**2)
        entries = roots / np.sqrt(np.where(mass > 0, mass, 1.0))[codes]
        weighted = terms * roots[:, None]
        lengths = np.linalg.norm(weighted, axis=0)
        size = max(float(np.linalg.norm(roots)), float(lengths.max(initial=0.0)))
        classes = cls(codes, entries, weighted[:, :0], len(mass))
        left = weighted - classes.explain(weighted)
        others = orthonormal_basis(left, dependent * size)
        return replace(classes, others=others - classes.explain(others))

    @classmethod
    def without_classes(cls, terms: np.ndarray) -> ClassBasis:
        """Basis of terms (n, p) alone."""
        n = len(terms)
        return cls(np.zeros(n, int), np.zeros(n), orthonormal_basis(terms), 1)

    @property
    def n_vectors(self) -> int:
        """Number of its vectors, with those of classes without rows."""
        return self.n_classes + self.others.shape[1]

    @property
    def width(self) -> int:
        """Number of its vectors that are not zero."""
        mass = np.bincount(self.codes, self.entries**2)
        return int(np.count_nonzero(mass)) + self.others.shape[1]

    def products(self, values: np.ndarray) -> np.ndarray:
        """Products (n_classes + p, m) of its vectors with values (n, m)."""
        if is_tensor(values):
            values = cast(values, "float64")
        parts = [self._class_sums(values), self.others.T @ values]
        return array_namespace(values).concatenate(parts)

    def products_by_unit(
        self, unit: np.ndarray, factors: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """The same with ``factors[:, None] * values[unit]``, for values of units."""
        if is_tensor(values):
            return self.products(factors[:, None] * values[unit])
        shape = self.n_classes, len(values)
        entries = self.entries * factors
        classes = sparse.csr_array((entries, (self.codes, unit)), shape) @ values
        others = sum_matrix(unit, factors, len(values)) @ self.others
        return np.concatenate([classes, others.T @ values])

    def combine(self, coefficients: np.ndarray) -> np.ndarray:
        """Sum (n, m) of its vectors times coefficients (n_classes + p, m)."""
        found = coefficients[self.codes]
        found *= self.entries[:, None]
        if self.others.shape[1]:
            found += self.others @ coefficients[self.n_classes :]
        return found

    def explain(self, values: np.ndarray) -> np.ndarray:
        """Projection of values (n, m) on what its vectors span."""
        return self.combine(self.products(values))

    def without_last(self, n_others: int) -> ClassBasis:
        """Return it without the last ones of the other vectors."""
        kept = self.others.shape[1] - n_others
        return replace(self, others=self.others[:, :kept])

    def take(self, rows: Any) -> ClassBasis:
        """Rows of its vectors."""
        return replace(
            self,
            codes=self.codes[rows],
            entries=self.entries[rows],
            others=self.others[rows],
        )

    def add(self, others: np.ndarray) -> ClassBasis:
        """Return it with more vectors (n, q), orthogonal to all it has."""
        return replace(self, others=np.hstack([self.others, others]))

    def scale(self, factors: np.ndarray) -> ClassBasis:
        """Return it with every row (n,) times a number."""
        others = self.others * factors[:, None]
        return replace(self, entries=self.entries * factors, others=others)

    def leverages(self) -> np.ndarray:
        """Squared length of each row: (n,)."""
        return self.entries**2 + np.sum(self.others**2, axis=1)

    def grams(self, rows: np.ndarray) -> np.ndarray:
        """Products of rows of the basis with each other, by set of rows (s, b)."""
        others, entries, codes = self.others[rows], self.entries[rows], self.codes[rows]
        alike = codes[:, :, None] == codes[:, None, :]
        shared = np.where(alike, entries[:, :, None] * entries[:, None, :], 0.0)
        return others @ others.swapaxes(1, 2) + shared

    def written_out(self) -> np.ndarray:
        """All vectors, side by side: (n, n_classes + p)."""
        indicators = np.zeros((len(self.codes), self.n_classes))
        indicators[np.arange(len(self.codes)), self.codes] = self.entries
        return np.hstack([indicators, self.others])

    def _class_sums(self, values: Any) -> Any:
        if not is_tensor(values):
            return self._indicators @ values
        return sum_rows(self.codes, self.entries[:, None] * values, self.n_classes)

    @cached_property
    def _indicators(self) -> sparse.csc_array:
        return sum_matrix(self.codes, self.entries, self.n_classes)


def send_bases(bases: Sequence[ClassBasis], array: Any) -> list[ClassBasis]:
    """Bring bases to the device of a tensor, for products with what is there."""
    if not is_tensor(array):
        return list(bases)
    numbers = [np.column_stack([basis.entries, basis.others]) for basis in bases]
    return [
        replace(basis, codes=codes, entries=own[:, 0], others=own[:, 1:])
        for basis, codes, own in zip(
            bases,
            send_together([basis.codes for basis in bases], array),
            send_together(numbers, array),
            strict=True,
        )
    ]


def weighted_sums(codes: Any, weights: Any, values: Any, n_codes: int) -> Any:
    """Sums of weighted rows (n, m) by their codes (n,): (n_codes, m)."""
    if is_tensor(values):
        return sum_rows(codes, weights[:, None] * values, n_codes)
    return sum_matrix(codes, weights, n_codes) @ values


def sums_by_codes(codes: Any, values: Any, n_codes: int) -> Any:
    """Sums of the rows (n, m) by each row of codes (b, n): (b, n_codes, m)."""
    n = len(values)
    if is_tensor(values):
        xp, size = array_namespace(values), max(1, ONES_AT_ONCE // (n * n_codes))
        every = xp.arange(n_codes, **device_of(values))[:, None]
        parts = [codes[i : i + size, None] == every for i in range(0, len(codes), size)]
        return xp.concatenate([cast(part, "float64") @ values for part in parts])
    sums = np.empty((len(codes), n_codes, values.shape[1]))
    # To make a matrix takes as long as its product.
    own = sum_matrix(np.zeros(n, int), np.ones(n), n_codes)
    for i, code in enumerate(codes):
        own.indices[:] = code
        sums[i] = own @ values
    return sums


def orthonormal_basis(terms: np.ndarray, rounding: float | None = None) -> np.ndarray:
    """Orthonormal basis of the columns, without those that depend on others.

    More must be left of a column than rounding, by default of the longest one.
    """
    if not terms.shape[1]:
        return terms
    if rounding is None:
        rounding = DEPENDENT * float(np.linalg.norm(terms, axis=0).max())
    # Nearly always all are kept; numpy then leaves the interpreter to other workers.
    basis, triangle = np.linalg.qr(terms)
    if np.all(np.abs(np.diag(triangle)) > CLEARLY * max(rounding, 1e-300)):
        return basis
    basis, triangle, _ = linalg.qr(terms, mode="economic", pivoting=True)
    return basis[:, np.abs(np.diag(triangle)) > max(rounding, 1e-300)]


def sum_matrix(
    codes: np.ndarray, weights: np.ndarray, n_codes: int | None = None
) -> sparse.csc_array:
    """Matrix that sums rows with weights by code; the largest code is the last.

    Raises
    ------
    ValueError
        If a code is negative or too large: scipy would write outside of the sums.
    """
    n, largest = len(codes), int(codes.max(initial=-1))
    n_codes = largest + 1 if n_codes is None else n_codes
    if codes.min(initial=0) < 0 or largest >= n_codes:
        raise ValueError(f"codes: they must be from 0 to {n_codes - 1}.")
    return sparse.csc_array((weights, codes, np.arange(n + 1)), (n_codes, n))
