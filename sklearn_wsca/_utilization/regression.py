"""Weighted regression of outputs on a column, and the terms of a column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import array_namespace
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.class_basis import (
    DEPENDENT,
    ClassBasis,
    sum_matrix,
    weighted_sums,
)
from sklearn_wsca._utilization.leverage import JACKKNIFE, enlarge

Adjustment = Literal["spline", "linear"]

# Outputs of which this share of their size is left are a function of what is held.
EXPLAINED = 1e-10
# Classes of a continuous target.
N_THIRDS = 3
# Knots of the curve of a continuous column, and of a confounder together with another:
# one inside, so four terms.
KNOTS_OF_COLUMN = 3


@dataclass(frozen=True)
class Coding:
    """A column as numbers of a linear model.

    Parameters
    ----------
    values : ndarray of shape (n, q)
        Indicators of levels; or the standardised values and, orthonormal to them under
        the weights, the other terms of a curve.
    mean_square : float
        What turns the sum of squared effects into the mean square of the effect: 1 / J
        for J levels, 1 for a curve.
    n_specific : int
        So many leading terms have effects that differ between classes.
    free : float
        Mean square of independent effects of variance 1 of these, less what is no
        effect of the column, such as their mean over levels: 1 - 1 / J for J levels, 1
        for a slope.
    categorical : bool
        Whether the terms are indicators of levels.
    """

    values: np.ndarray
    mean_square: float
    n_specific: int
    free: float
    categorical: bool

    @property
    def n_degrees(self) -> int:
        """Independent effects among the leading terms: J - 1 of J levels."""
        return round(self.free * self.n_specific)

    @classmethod
    def of(cls, column: Column, weights: np.ndarray, adjustment: Adjustment) -> Coding:
        """Code a column under row weights."""
        if column.n_levels:
            values, n_levels = column_terms(column, weights), column.n_levels
            return cls(values, 1.0 / n_levels, n_levels, 1.0 - 1.0 / n_levels, True)
        values = column_terms(column, weights)
        if adjustment == "spline":
            curve = spline_terms(column, weights, KNOTS_OF_COLUMN)
            values = orthonormalise(np.hstack([values, curve]), weights)
        return cls(values, 1.0, 1, 1.0, False)


@dataclass(frozen=True)
class Regression:
    """Rows or units of a weighted regression.

    Parameters
    ----------
    residuals : ndarray of shape (n, C)
        Outputs adjusted for what is held fixed, times the root of the weights.
    errors : ndarray of shape (n, C)
        The same as variances are estimated from them.
    fixed : ClassBasis
        Orthonormal basis of what is held fixed, times the root of the weights.
    roots : ndarray of shape (n,)
        Roots of the weights.
    classes : ndarray of shape (n,), dtype int
        Class of the target, or third of it, of each row; 0 without a target.
    clusters : ndarray of shape (n,), dtype int
        What is independent of others of its kind.
    groups : ndarray of shape (n,) or None
        Groups that are held fixed too: everything is centred within them.
    """

    residuals: np.ndarray
    errors: np.ndarray
    fixed: ClassBasis
    roots: np.ndarray
    classes: np.ndarray
    clusters: np.ndarray
    groups: np.ndarray | None

    @property
    def n_classes(self) -> int:
        """Number of classes of the target."""
        return int(self.classes.max()) + 1

    def weigh(self, values: np.ndarray) -> np.ndarray:
        """Values (n, c), centred within groups that are held fixed, and weighted."""
        centred = centre_within(values, self.roots**2, self.groups)
        return centred * self.roots[:, None]

    def adjust(self, values: np.ndarray) -> np.ndarray:
        """Codings (n, m), weighted and adjusted for what is held fixed."""
        weighted = self.weigh(values)
        weighted -= self.fixed.explain(weighted)
        return weighted

    @cached_property
    def members(self) -> list[np.ndarray]:
        """Rows of each class, rising."""
        order = np.argsort(self.classes, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.classes))[:-1])

    def centre_in_classes(self, adjusted: Any) -> Any:
        """Weighted rows (n, m) less what a constant in each class explains."""
        xp, roots = array_namespace(adjusted), self.roots
        mass = xp.bincount(self.classes, roots**2)[:, None]
        sums = weighted_sums(self.classes, roots, adjusted, len(mass))
        means = sums / xp.where(mass > 0, mass, 1.0)
        return adjusted - roots[:, None] * means[self.classes]

    def unit_sums(self, weighted: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Means of rows (n, c) by unit, times the root of the weight of the unit."""
        roots = np.sqrt(np.bincount(unit, self.roots**2))
        return (sum_matrix(unit, self.roots) @ weighted) / roots[:, None]

    def take(self, order: np.ndarray) -> Regression:
        """Return the same with the rows in another order."""
        return Regression(
            self.residuals[order],
            self.errors[order],
            self.fixed.take(order),
            self.roots[order],
            self.classes[order],
            self.clusters[order],
            None if self.groups is None else self.groups[order],
        )

    def collapse(self, alike: np.ndarray) -> Regression:
        """Return the same for codings and terms that are constant in all alike rows.

        These are of one class and one cluster; `alike` (n,) numbers them.
        """
        first, fixed = np.unique(alike, return_index=True)[1], self.fixed
        return Regression(
            self.unit_sums(self.residuals, alike),
            self.unit_sums(self.errors, alike),
            ClassBasis(
                fixed.codes[first],
                self.unit_sums(fixed.entries[:, None], alike)[:, 0],
                self.unit_sums(fixed.others, alike),
                fixed.n_classes,
            ),
            np.sqrt(np.bincount(alike, self.roots**2)),
            self.classes[first],
            self.clusters[first],
            None,
        )


class HeldTerms(NamedTuple):
    """What is held fixed: classes, one for all rows if there are none, and terms.

    Class of each row (n,), and terms (n, p) besides.
    """

    codes: np.ndarray
    terms: np.ndarray

    def add(self, terms: np.ndarray) -> HeldTerms:
        """Return it with more terms (n, q)."""
        return HeldTerms(self.codes, np.hstack([self.terms, terms]))

    def written_out(self) -> np.ndarray:
        """Indicators of all classes, and the terms: (n, n_classes + p)."""
        return np.hstack([np.eye(int(self.codes.max()) + 1)[self.codes], self.terms])

    def basis(
        self, weights: np.ndarray, groups: np.ndarray | None = None
    ) -> ClassBasis:
        """Orthonormal basis, centred within groups that are held fixed, weighted."""
        roots = np.sqrt(weights)
        if groups is None:
            return ClassBasis.of(roots, self.codes, self.terms)
        # Classes that groups determine are held fixed with them.
        first = np.unique(groups, return_index=True)[1]
        within = (self.codes != self.codes[first][groups]).any()
        terms = self.written_out() if within else self.terms
        centred = centre_within(terms, weights, groups)
        return ClassBasis.without_classes(centred * roots[:, None])


def regress(
    outputs, held, weights, classes, clusters, groups, many_terms: bool = False
) -> Regression:
    """Adjust outputs (n, C) for `HeldTerms`.

    Where these are many, errors are corrected for what they take of the noise (CR3).
    """
    roots, fixed = np.sqrt(weights)[:, None], held.basis(weights, groups)
    centred = centre_within(outputs, weights, groups) * roots
    residuals = centred - fixed.explain(centred)
    # Rounding of outputs that are explained would pass for effects.
    size = np.linalg.norm(outputs * roots, axis=0)
    residuals[:, np.linalg.norm(residuals, axis=0) <= EXPLAINED * size] = 0.0
    errors = residuals
    if many_terms:
        errors = enlarge(residuals, fixed, clusters, JACKKNIFE)
    return Regression(residuals, errors, fixed, roots[:, 0], classes, clusters, groups)


def products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Products of all terms of one kind (n, p) with all of another (n, q): (n, p q)."""
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)


def classes_of(target: Column | None, weights: np.ndarray) -> np.ndarray:
    """Class of the target of every row, or third of it; 0 without a target."""
    if target is None:
        return np.zeros(len(weights), dtype=int)
    if target.n_levels:
        return target.labels.astype(int)
    ends = quantiles(target.labels, weights, np.arange(1, N_THIRDS) / N_THIRDS)
    # Values may repeat so often that a third is empty.
    thirds = np.searchsorted(ends, target.labels)
    return np.unique(thirds, return_inverse=True)[1]


def column_terms(column: Column, weights: np.ndarray) -> np.ndarray:
    """Indicators of levels, or the standardised values: (n, p)."""
    if column.n_levels:
        return np.eye(column.n_levels)[column.labels]
    centred = column.labels - np.average(column.labels, weights=weights)
    spread = np.sqrt(np.average(centred**2, weights=weights))
    return centred[:, None] / (spread if spread > 0 else 1.0)


def count_knots(n_units: int) -> int:
    """Knots of a spline that so many units carry: more of them, as their cube root."""
    return int(np.clip(round(1.5 * n_units ** (1 / 3)), 3, max(n_units // 20, 3)))


def spline_terms(column: Column, weights: np.ndarray, n_knots: int) -> np.ndarray:
    """Terms of a cubic spline with knots at quantiles of the values: (n, p).

    Values that are mostly one have an indicator of that beside their slope.
    """
    # Late: it loads a part of scikit-learn that nothing else needs.
    from sklearn.preprocessing import SplineTransformer

    values = column_terms(column, weights)
    shares = np.linspace(0.0, 1.0, n_knots)
    knots = quantiles(values[:, 0], weights, shares)
    # As for the values times -1.
    knots = np.unique((knots - quantiles(-values[:, 0], weights, shares)[::-1]) / 2.0)
    if len(knots) < 3:
        common, counts = np.unique(values, return_counts=True)
        return np.hstack([values, values == common[counts.argmax()]])
    spline = SplineTransformer(knots=knots[:, None], include_bias=False)
    return spline.fit_transform(values)


def bent_terms(
    column: Column, weights: np.ndarray, adjustment: Adjustment
) -> np.ndarray:
    """Indicators of levels, or the terms of two straight lines that meet: (n, p).

    They meet at the median, and one line is left where nothing may be curved.
    """
    values = column_terms(column, weights)
    if column.n_levels or adjustment == "linear":
        return values
    # As for the values times -1.
    low, high = (
        quantiles(v[:, 0], weights, np.array([0.5])) for v in (values, -values)
    )
    return np.hstack([values, np.abs(values - (low - high) / 2.0)])


def quantiles(values: np.ndarray, weights: np.ndarray, shares: np.ndarray):
    """Values that these shares of the weights do not exceed; the first is the least."""
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order])
    at = np.searchsorted(mass, shares * mass[-1] * (1.0 - DEPENDENT))
    return values[order][at]


def orthonormalise(terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The first term and others less what it explains, centred, of mean square 1.

    The others are turned so that each lies where the first has about one value, which
    depends neither on the unit or direction of a column nor on how a curve is spanned.
    """
    terms = terms - np.average(terms, axis=0, weights=weights)
    roots = np.sqrt(weights / weights.sum())[:, None]
    basis, triangle = np.linalg.qr(terms * roots)
    lengths = np.abs(np.diag(triangle))
    kept = lengths > DEPENDENT * np.linalg.norm(terms * roots, axis=0)
    signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)
    basis = (basis * signs)[:, kept]
    first, others = basis[:, :1], basis[:, 1:]
    turn = np.linalg.eigh(others.T @ (first / roots * others))[1]
    return np.hstack([first, others @ turn]) / roots


def symmetric_root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric root of a positive matrix, without directions of size 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > DEPENDENT * max(values.max(initial=0.0), 1e-300)
    return vectors[:, kept] * np.sqrt(values[kept])


def centre_within(values: Any, weights: Any, groups: Any) -> Any:
    """Values less their weighted means within groups, if there are any."""
    if groups is None:
        return values
    mass = array_namespace(values).bincount(groups, weights)[:, None]
    return values - (weighted_sums(groups, weights, values, len(mass)) / mass)[groups]


def unit_means(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    sums = sum_matrix(unit, np.ones(len(unit)))
    return (sums @ values) / np.bincount(unit)[:, None]
