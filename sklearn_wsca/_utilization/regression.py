"""Weighted regression of outputs on a column, split into common and class effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from sklearn_wsca._input.column import Column

# Share of a direction of the design that the others leave of it, below which it is
# taken for one of them.
DEPENDENT = 1e-8


@dataclass(frozen=True)
class Coding:
    """A column as numbers of a linear model: `column_terms` (n, q).

    `free` is the mean square over levels of independent effects of variance 1, less
    their mean over levels: 1 - 1 / J for J levels. 1 for a continuous column, whose
    effect is that of one standard deviation.
    """

    values: np.ndarray
    free: float

    @classmethod
    def of(cls, column: Column, weights: np.ndarray) -> Coding:
        """Code a column under row weights."""
        values = column_terms(column, weights)
        return cls(values, 1.0 - 1.0 / column.n_levels if column.n_levels else 1.0)


@dataclass(frozen=True)
class Regression:
    """Rows or units of a weighted regression.

    Parameters
    ----------
    residuals : ndarray of shape (n, C)
        Outputs adjusted for what is held fixed, times the root of the weights.
    fixed : ndarray of shape (n, p)
        Orthonormal basis of what is held fixed, times the root of the weights.
    terms : ndarray of shape (n, T)
        Target that the column is multiplied by: indicators or the standardised values.
    roots : ndarray of shape (n,)
        Roots of the weights.
    groups : ndarray of shape (n,) or None
        Groups that are held fixed too: everything is centred within them.
    """

    residuals: np.ndarray
    fixed: np.ndarray
    terms: np.ndarray
    roots: np.ndarray
    groups: np.ndarray | None

    def design(self, values: np.ndarray) -> np.ndarray:
        """Codings (b, n, q) -> them and their products with the target, weighted."""
        b, n, _ = values.shape
        products = values[:, :, :, None] * self.terms[:, None, :]
        design = np.concatenate([values, products.reshape(b, n, -1)], axis=2)
        if self.groups is not None:
            flat = np.moveaxis(design, 1, 0).reshape(n, -1)
            flat = centre_within(flat, self.roots**2, self.groups)
            design = np.moveaxis(flat.reshape(n, b, -1), 0, 1)
        return design * self.roots[:, None]

    def adjust(self, design: np.ndarray) -> np.ndarray:
        """Columns of a design (n, Q) adjusted for what is held fixed."""
        return design - self.fixed @ (self.fixed.T @ design)

    def gram(self, design: np.ndarray) -> np.ndarray:
        """Products of the adjusted columns of designs: (b, Q, Q)."""
        turned = design.swapaxes(1, 2)
        shared = turned @ self.fixed
        return turned @ design - shared @ shared.swapaxes(1, 2)

    def collapse(self, unit: np.ndarray, terms: np.ndarray) -> Regression:
        """Return the same for codings and terms that are constant in each unit."""
        roots = np.sqrt(np.bincount(unit, self.roots**2))
        mean = sum_matrix(unit, self.roots) / roots[:, None]
        return Regression(mean @ self.residuals, mean @ self.fixed, terms, roots, None)


@dataclass(frozen=True)
class Split:
    """Design of a column, split into its common effects and what differs by class.

    Parameters
    ----------
    common : ndarray of shape (b, q, q)
        Products -> common effects; those of levels add up to zero.
    leak : ndarray of shape (b, q T, q)
        Products with the common part -> its share in those with the class part.
    specific : ndarray of shape (b, q T, q T)
        Inverse Gram matrix of the class part adjusted for the common one.
    weight : ndarray of shape (b,)
        Mean square over levels and classes of effects whose class part explains 1.
    """

    common: np.ndarray
    leak: np.ndarray
    specific: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, gram: np.ndarray, coding: Coding) -> Split:
        """Split by the Gram matrix (b, Q, Q) of the design."""
        q = coding.values.shape[1]
        common = np.linalg.pinv(gram[:, :q, :q], rcond=DEPENDENT, hermitian=True)
        crossed = gram[:, q:, :q]
        leak = crossed @ common
        adjusted = gram[:, q:, q:] - leak @ crossed.swapaxes(1, 2)
        information = np.trace(adjusted, axis1=1, axis2=2)
        enough = information > DEPENDENT * np.trace(gram, axis1=1, axis2=2)
        adjusted = np.where(enough[:, None, None], adjusted, 0.0)
        specific = np.linalg.pinv(adjusted, rcond=DEPENDENT, hermitian=True)
        # Independent deviations of the classes move the common effects too.
        left = np.maximum(coding.free - np.sum(leak**2, axis=(1, 2)) / q, 0.0)
        none = np.zeros(len(gram))
        weight = np.divide(left, information, where=enough, out=none)
        return cls(common, leak, specific, weight)


def column_terms(column: Column, weights: np.ndarray) -> np.ndarray:
    """Indicators of levels, or the standardised values: (n, p)."""
    if column.n_levels:
        return np.eye(column.n_levels)[column.labels]
    centred = column.labels - np.average(column.labels, weights=weights)
    spread = np.sqrt(np.average(centred**2, weights=weights))
    return centred[:, None] / (spread if spread > 0 else 1.0)


def symmetric_root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric root of a positive matrix, without directions of size 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > DEPENDENT * max(values.max(initial=0.0), 1e-300)
    return vectors[:, kept] * np.sqrt(values[kept])


def orthonormal_basis(terms: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the columns, without those that depend on others."""
    basis, triangle, _ = linalg.qr(terms, mode="economic", pivoting=True)
    lengths = np.abs(np.diag(triangle))
    return basis[:, lengths > DEPENDENT * max(lengths.max(initial=0.0), 1e-300)]


def centre_within(values: np.ndarray, weights: np.ndarray, groups: np.ndarray | None):
    """Values less their weighted means within groups."""
    if groups is None:
        return values
    sums = sum_matrix(groups, weights)
    return values - ((sums @ values) / np.bincount(groups, weights)[:, None])[groups]


def unit_means(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    sums = sum_matrix(unit, np.ones(len(unit)))
    return (sums @ values) / np.bincount(unit)[:, None]


def sum_matrix(
    codes: np.ndarray, weights: np.ndarray, n_codes: int | None = None
) -> sparse.csr_array:
    """Matrix that sums rows with weights by code; the largest code is the last."""
    shape = None if n_codes is None else (n_codes, len(codes))
    return sparse.csr_array((weights, (codes, np.arange(len(codes)))), shape)
