"""How far the outputs of a head move with a column, with other columns held fixed.

The outputs are regressed on what is held fixed, on the column (its common effects) and
on the column times the target (its effects in each class, as far as they differ from
the common ones). A shuffle needs sums over the units that are exchanged only, so these
stand for the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, sparse

from sklearn_wsca._exchangeability import (
    Exchangeability,
    constant_in_units,
    target_strata,
)
from sklearn_wsca._metadata import Column, LeftOutError

NUMBERS_PER_BATCH = 2**22
# Share of a direction of the design that is left beside the others, below which it is
# taken for one of them.
DEPENDENT = 1e-8
# With more classes than this their effects are not told apart, only common ones.
MOST_CLASSES = 20


@dataclass(frozen=True)
class Coding:
    """A column as numbers of a linear model.

    Parameters
    ----------
    values : ndarray of shape (n, q)
        Indicators of all levels, or the standardised number.
    free : float
        Mean square over levels of independent effects of variance 1, less their mean
        over levels: 1 - 1 / J for J levels. 1 for a number, whose effect is that of
        one standard deviation.
    """

    values: np.ndarray
    free: float

    @classmethod
    def of(cls, column: Column, weights: np.ndarray) -> Coding:
        """Code a column under row weights."""
        if not column.n_levels:
            return cls(_standardise(column.labels, weights)[:, None], 1.0)
        n_levels = column.n_levels
        return cls(np.eye(n_levels)[column.labels], 1.0 - 1.0 / n_levels)


@dataclass(frozen=True)
class Regression:
    """Rows or units of a weighted regression.

    Parameters
    ----------
    residuals : ndarray of shape (n, C)
        Outputs beside what is held fixed, times the root of the weights.
    fixed : ndarray of shape (n, p)
        Orthonormal basis of what is held fixed, times the root of the weights.
    terms : ndarray of shape (n, T)
        Target that the column is multiplied by: indicators or the standardised number.
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
            flat = _centre(flat, self.roots**2, self.groups)
            design = np.moveaxis(flat.reshape(n, b, -1), 0, 1)
        return design * self.roots[:, None]

    def gram(self, design: np.ndarray) -> np.ndarray:
        """Products of the columns of designs beside what is held fixed: (b, Q, Q)."""
        turned = design.swapaxes(1, 2)
        shared = turned @ self.fixed
        return turned @ design - shared @ shared.swapaxes(1, 2)

    def collapse(self, unit: np.ndarray, terms: np.ndarray) -> Regression:
        """Return the same for codings and terms that are constant in each unit."""
        roots = np.sqrt(np.bincount(unit, self.roots**2))
        mean = _sum_matrix(unit, self.roots) / roots[:, None]
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
        Inverse Gram matrix of the class part beside the common one.
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
        beside = gram[:, q:, q:] - leak @ crossed.swapaxes(1, 2)
        information = np.trace(beside, axis1=1, axis2=2)
        enough = information > DEPENDENT * np.trace(gram, axis1=1, axis2=2)
        beside = np.where(enough[:, None, None], beside, 0.0)
        specific = np.linalg.pinv(beside, rcond=DEPENDENT, hermitian=True)
        # Independent deviations of the classes move the common effects too.
        left = np.maximum(coding.free - np.sum(leak**2, axis=(1, 2)) / q, 0.0)
        none = np.zeros(len(gram))
        weight = np.divide(left, information, where=enough, out=none)
        return cls(common, leak, specific, weight)


@dataclass(frozen=True)
class OutputModel:
    """A column beside what is held fixed, ready to be shuffled.

    Parameters
    ----------
    exchange : Exchangeability
        What is exchanged.
    coding : Coding
        The column, by row.
    rows, units : Regression
        Of all rows; of what a shuffle is evaluated on.
    expand : ndarray of shape (n_units,) or None
        Unit of each row of `units`, where the target differs within units; else None.
    fitted, shuffled : ndarray of shape (n_units, q)
        Coding of the units in two parts: what stays where it is, and what is shuffled.
    total_variance : float
        Variance of the outputs, summed over outputs.
    freedman_lane : bool
        Whether the residuals of the column are shuffled instead of the column.
    split : Split or None
        That of the data, where no shuffle changes it: rows of equal weight within
        levels of the target, so that every combination keeps its number of rows.
    """

    exchange: Exchangeability
    coding: Coding
    rows: Regression
    units: Regression
    expand: np.ndarray | None
    fitted: np.ndarray
    shuffled: np.ndarray
    total_variance: float
    freedman_lane: bool
    split: Split | None = None

    def effects(self, outputs: np.ndarray) -> np.ndarray:
        """Common effects on further outputs (n, c) by level: (J, c)."""
        design = self.rows.design(self.coding.values[None])
        split = Split.of(self.rows.gram(design), self.coding)
        values = design[0, :, : self._width]
        fixed = self.rows.fixed
        beside = values - fixed @ (fixed.T @ values)
        return split.common[0] @ beside.T @ (outputs * self.rows.roots[:, None])

    def effect_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, m) whose products with the outputs are the effects; the design.

        The squared length of the products, divided by the variance, is the squared raw
        utilization. The design is an orthonormal basis (n, r) of what is held fixed and
        the common part of the column.
        """
        design, q = self.rows.design(self.coding.values[None]), self._width
        split = Split.of(self.rows.gram(design), self.coding)
        fixed = self.rows.fixed
        beside = design[0] - fixed @ (fixed.T @ design[0])
        common, specific = beside[:, :q], beside[:, q:]
        specific = specific - common @ split.leak[0].T
        root = _root(split.specific[0]) * np.sqrt(split.weight[0])
        rows = np.hstack([common @ split.common[0] / np.sqrt(q), specific @ root])
        return rows, np.hstack([fixed, _orthonormal(common)])

    def n_varying_groups(self) -> int:
        """Groups in which the column varies."""
        values, groups = self.coding.values, self.exchange.clusters
        centred = np.abs(_centre(values, self.rows.roots**2, groups)).max(axis=1)
        return len(np.unique(groups[centred > 1e-9 * np.abs(values).max()]))

    @property
    def _width(self) -> int:
        return self.coding.values.shape[1]

    def observed(self) -> np.ndarray:
        """Raw utilization and explained shares of the data: see `shuffles`."""
        return self._evaluate(self.rows, self.coding.values[None])[0]

    def shuffles(self, orders: np.ndarray) -> np.ndarray:
        """Statistics under orders of all rows of the table: (b, 3).

        The raw utilization, and the shares of what varies beside what is held fixed
        that are explained by the common effects and by all effects.
        """
        sources = self.exchange.unit_sources(orders)
        n_columns = self.shuffled.shape[1] * (1 + self.units.terms.shape[1])
        size = max(1, NUMBERS_PER_BATCH // (len(self.units.roots) * n_columns))
        batches = [sources[i : i + size] for i in range(0, len(sources), size)]
        if self.split is not None and self._width > 1:
            found = [self._statistics(self.split, self._sums(b)) for b in batches]
        else:
            found = [self._evaluate(self.units, self._shuffled(b)) for b in batches]
        return np.concatenate(found)

    def _shuffled(self, sources: np.ndarray) -> np.ndarray:
        values = self.fitted + self.shuffled[sources]
        return values if self.expand is None else values[:, self.expand]

    def _evaluate(self, regression: Regression, values: np.ndarray) -> np.ndarray:
        design = regression.design(values)
        split = self.split or Split.of(regression.gram(design), self.coding)
        moments = design.swapaxes(1, 2) @ regression.residuals
        return self._statistics(split, moments)

    def _sums(self, sources: np.ndarray) -> np.ndarray:
        """Products of shuffled designs and outputs, where they are sums over rows.

        By level, then by level and class.
        """
        terms, residuals = self.rows.terms, self.rows.residuals
        levels = self.coding.values.argmax(axis=1)[sources]
        n_classes = max(terms.shape[1], 1)
        classes = terms.argmax(axis=1) if terms.shape[1] else np.zeros(len(terms), int)
        n_cells = self._width * n_classes
        cells = levels * n_classes + classes
        cells += n_cells * np.arange(len(sources))[:, None]
        sums = [
            np.bincount(
                cells.ravel(), np.tile(output, len(sources)), n_cells * len(sources)
            )
            for output in residuals.T
        ]
        by_cell = np.stack(sums, axis=1).reshape(len(sources), n_cells, -1)
        by_cell *= self.rows.roots[0]
        shape = len(sources), self._width, n_classes, residuals.shape[1]
        by_level = by_cell.reshape(shape).sum(axis=2)
        kept = by_cell[:, : self._width * terms.shape[1]]
        return np.concatenate([by_level, kept], axis=1)

    def _statistics(self, split: Split, moments: np.ndarray) -> np.ndarray:
        q = self._width
        common, specific = moments[:, :q], moments[:, q:]
        effects = split.common @ common
        by_common = np.sum(effects * common, axis=(1, 2))
        specific = specific - split.leak @ common
        by_specific = np.sum((split.specific @ specific) * specific, axis=(1, 2))
        squares = np.sum(effects**2, axis=(1, 2)) / q + split.weight * by_specific
        left = max(float(np.sum(self.rows.residuals**2)), 1e-300)
        raw = np.sqrt(np.maximum(squares, 0.0) / self.total_variance)
        return np.stack(
            [raw, by_common / left, (by_common + by_specific) / left], axis=1
        )


def prepare_outputs(
    outputs: np.ndarray,
    column: Column,
    target: Column | None,
    confounders: list[Column],
    weights: np.ndarray,
    exchange: Exchangeability,
) -> OutputModel:
    """Regress outputs on what is held fixed, and prepare the column.

    Parameters
    ----------
    outputs : ndarray of shape (n, C)
        Outputs of the primary head, class scores centred over classes.
    column : Column
        The column that is tested.
    target : Column or None
        The target; None holds nothing of that kind fixed.
    confounders : list of Column
        What else is held fixed. All columns are observed on the same n rows.
    weights : ndarray of shape (n,)
        Row weights.
    exchange : Exchangeability
        Units of the column, without strata of the target.

    Raises
    ------
    LeftOutError
        If the outputs do not vary, or levels of the column cannot be told apart from
        what is held fixed.
    """
    held = [c for c in (target, *confounders) if c is not None]
    groups = exchange.clusters if exchange.scheme == "within groups" else None
    roots = np.sqrt(weights)
    rows, terms = _regress(outputs, target, held, weights, groups)
    coding = Coding.of(column, weights)
    exact = _keeps_what_is_held(exchange, target, confounders)
    strata = target_strata(exchange, target)
    exchange = exchange.within(strata, of_target=strata is not None)
    between = exchange.scheme == "between groups"
    if not exact and groups is not None:
        # What is shuffled is what varies within groups, so that is what is multiplied
        # by the target too, in the data as in the shuffles.
        coding = replace(coding, values=_centre(coding.values, weights, groups))
    values = coding.values[exchange.first] if between else coding.values
    fitted = np.zeros_like(values)
    if not exact:
        terms = _unit_means(terms, exchange.unit) if between else terms
        # Indicators of several columns depend on each other.
        fitted = terms @ linalg.lstsq(terms, values, cond=DEPENDENT)[0]
    units, expand = rows, None
    if between and (target is None or strata is not None):
        units = rows.collapse(exchange.unit, rows.terms[exchange.first])
    elif between:
        expand = exchange.unit
    model = OutputModel(
        exchange,
        coding,
        rows,
        units,
        expand,
        fitted,
        values - fitted,
        _total_variance(outputs, weights),
        not exact,
    )
    _check_separable(model, held)
    even = float(np.ptp(roots)) == 0.0 and exchange.scheme == "rows"
    if not (exact and even):
        return model
    gram = rows.gram(rows.design(coding.values[None]))
    return replace(model, split=Split.of(gram, coding))


def _regress(outputs, target, held, weights, groups) -> tuple[Regression, np.ndarray]:
    """Outputs beside what is held fixed, and what is: (n, p)."""
    n, roots = len(weights), np.sqrt(weights)
    own_terms = np.empty((n, 0)) if target is None else _terms(target, weights)
    if own_terms.shape[1] > MOST_CLASSES:
        own_terms = own_terms[:, :0]
    own = [_terms(column, weights) for column in held]
    terms = np.hstack([np.ones((n, 1)), *own])
    terms = _centre(terms, weights, groups)
    centred = _centre(outputs, weights, groups) * roots[:, None]
    fixed = _orthonormal(terms * roots[:, None])
    residuals = centred - fixed @ (fixed.T @ centred)
    return Regression(residuals, fixed, own_terms, roots, groups), terms


def _keeps_what_is_held(exchange, target, confounders) -> bool:
    """Whether plain shuffles leave all associations with what is held fixed alone."""
    if exchange.scheme == "within groups":
        held = [c for c in (target, *confounders) if c is not None]
        return all(constant_in_units(exchange, c.labels) for c in held)
    if confounders:
        return False
    return target is None or target_strata(exchange, target) is not None


def _terms(column: Column, weights: np.ndarray) -> np.ndarray:
    """Indicators of levels, or the standardised number: (n, p)."""
    if column.n_levels:
        return np.eye(column.n_levels)[column.labels]
    return _standardise(column.labels, weights)[:, None]


def _standardise(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    centred = values - np.average(values, weights=weights)
    spread = np.sqrt(np.average(centred**2, weights=weights))
    return centred / (spread if spread > 0 else 1.0)


def _root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric root of a positive matrix, without directions of size 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > DEPENDENT * max(values.max(initial=0.0), 1e-300)
    return vectors[:, kept] * np.sqrt(values[kept])


def _orthonormal(terms: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the columns, without those that depend on others."""
    basis, triangle, _ = linalg.qr(terms, mode="economic", pivoting=True)
    lengths = np.abs(np.diag(triangle))
    return basis[:, lengths > DEPENDENT * max(lengths.max(initial=0.0), 1e-300)]


def _centre(values: np.ndarray, weights: np.ndarray, groups: np.ndarray | None):
    """Values less their weighted means within groups."""
    if groups is None:
        return values
    sums = _sum_matrix(groups, weights)
    return values - ((sums @ values) / np.bincount(groups, weights)[:, None])[groups]


def _unit_means(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    sums = _sum_matrix(unit, np.ones(len(unit)))
    return (sums @ values) / np.bincount(unit)[:, None]


def _sum_matrix(codes: np.ndarray, weights: np.ndarray) -> sparse.csr_array:
    """Matrix that sums rows with weights by code."""
    return sparse.csr_array((weights, (codes, np.arange(len(codes)))))


def _total_variance(outputs: np.ndarray, weights: np.ndarray) -> float:
    """Variance summed over outputs.

    Raises
    ------
    LeftOutError
        If the outputs do not vary.
    """
    centred = outputs - np.average(outputs, axis=0, weights=weights)
    variance = float(np.average(np.sum(centred**2, axis=1), weights=weights))
    if variance <= (1e-12 * np.abs(outputs).max()) ** 2:
        raise LeftOutError("the outputs of the primary head do not vary on its rows")
    return variance


def _check_separable(model: OutputModel, held: list[Column]) -> None:
    """Raise unless all levels can be compared beside what is held fixed."""
    values = model.coding.values
    gram = model.rows.gram(model.rows.design(values[None])[:, :, : values.shape[1]])[0]
    several = len(gram) > 1
    # Indicators of all levels add up to the constant, so one direction is always gone.
    left = np.linalg.eigvalsh(gram)[1 if several else 0]
    if left > DEPENDENT * np.sum(model.rows.roots**2):
        return
    names = " and ".join(repr(column.name) for column in held) or "its groups"
    reason = "it is determined by them"
    if several:
        reason = "some of its levels never occur together with the others"
    raise LeftOutError(f"at fixed {names} nothing is left to compare: {reason}")
