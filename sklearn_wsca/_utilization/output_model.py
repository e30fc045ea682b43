"""How far the outputs of a head move with a column, with other columns held fixed.

The outputs are regressed on what is held fixed, on the column (its common effects) and
on the column times the target (its effects in each class, as far as they differ from
the common ones). A permutation needs sums over the units that are exchanged only, so
these stand for the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import linalg

from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._permutation.exchangeability import (
    Exchangeability,
    constant_in_units,
    target_strata,
)
from sklearn_wsca._utilization.regression import (
    DEPENDENT,
    Coding,
    Regression,
    Split,
    centre_within,
    column_terms,
    orthonormal_basis,
    symmetric_root,
    unit_means,
)

NUMBERS_PER_BATCH = 2**22
# With more classes than this their effects are not told apart, only common ones.
MOST_CLASSES = 20


@dataclass(frozen=True)
class OutputModel:
    """A column adjusted for what is held fixed, ready to be permuted.

    Parameters
    ----------
    exchange : Exchangeability
        What is exchanged.
    coding : Coding
        The column, by row.
    rows, units : Regression
        Of all rows; of what a permutation is evaluated on.
    expand : ndarray of shape (n_units,) or None
        Unit of each row of `units`, where the target differs within units; else None.
    fitted, permuted : ndarray of shape (n_units, q)
        Coding of the units in two parts: what stays where it is, and what is permuted.
    total_variance : float
        Variance of the outputs, summed over outputs.
    freedman_lane : bool
        Whether the residuals of the column are permuted instead of the column.
    keeps_split : bool
        Whether permutations leave the split as it is: those of rows of equal weight
        within levels of the target, which keep the number of rows of every combination.
    """

    exchange: Exchangeability
    coding: Coding
    rows: Regression
    units: Regression
    expand: np.ndarray | None
    fitted: np.ndarray
    permuted: np.ndarray
    total_variance: float
    freedman_lane: bool
    keeps_split: bool

    @property
    def _design(self) -> np.ndarray:
        """Design of the data: (n, Q); not kept, since it is as large as the rows."""
        return self.rows.design(self.coding.values[None])[0]

    @cached_property
    def _split(self) -> Split:
        """Split of the data."""
        return Split.of(self.rows.gram(self._design[None]), self.coding)

    def effects(self, outputs: np.ndarray) -> np.ndarray:
        """Common effects on further outputs (n, c) by level: (J, c)."""
        common = self.rows.adjust(self._design[:, : self._width])
        weighted = outputs * self.rows.roots[:, None]
        return self._split.common[0] @ common.T @ weighted

    def effect_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, m) whose products with the outputs are the effects; the design.

        The squared length of the products, divided by the variance, is the squared raw
        utilization. The design is an orthonormal basis (n, r) of what is held fixed and
        the common part of the column.
        """
        split, q = self._split, self._width
        adjusted = self.rows.adjust(self._design)
        common, specific = adjusted[:, :q], adjusted[:, q:]
        specific = specific - common @ split.leak[0].T
        root = symmetric_root(split.specific[0]) * np.sqrt(split.weight[0])
        rows = np.hstack([common @ split.common[0] / np.sqrt(q), specific @ root])
        return rows, np.hstack([self.rows.fixed, orthonormal_basis(common)])

    def n_varying_groups(self) -> int:
        """Groups in which the column varies."""
        values, groups = self.coding.values, self.exchange.clusters
        centred = np.abs(centre_within(values, self.rows.roots**2, groups)).max(axis=1)
        return len(np.unique(groups[centred > 1e-9 * np.abs(values).max()]))

    @property
    def _width(self) -> int:
        return self.coding.values.shape[1]

    @cached_property
    def _levels(self) -> np.ndarray:
        """Level of each row, where the coding is one of levels."""
        return self.coding.values.argmax(axis=1)

    def observed(self) -> np.ndarray:
        """Raw utilization and explained shares of the data: see `permutations`."""
        return self._evaluate(self.rows, self._design[None], self._split)[0]

    def permutations(self, orders: np.ndarray) -> np.ndarray:
        """Statistics under orders of all rows of the table: (b, 3).

        The raw utilization, and the shares of what varies at fixed other columns that
        are explained by the common effects and by all effects.
        """
        sources = self.exchange.unit_sources(orders)
        n_columns = self.permuted.shape[1] * (1 + self.units.terms.shape[1])
        size = max(1, NUMBERS_PER_BATCH // (len(self.units.roots) * n_columns))
        batches = [sources[i : i + size] for i in range(0, len(sources), size)]
        if self.keeps_split and self._width > 1:
            found = [self._statistics(self._split, self._sums(b)) for b in batches]
        else:
            found = [self._evaluate_permutations(b) for b in batches]
        return np.concatenate(found)

    def _evaluate_permutations(self, sources: np.ndarray) -> np.ndarray:
        values = self.fitted + self.permuted[sources]
        if self.expand is not None:
            values = values[:, self.expand]
        design = self.units.design(values)
        split = self._split
        if not self.keeps_split:
            split = Split.of(self.units.gram(design), self.coding)
        return self._evaluate(self.units, design, split)

    def _evaluate(
        self, regression: Regression, design: np.ndarray, split: Split
    ) -> np.ndarray:
        moments = design.swapaxes(1, 2) @ regression.residuals
        return self._statistics(split, moments)

    def _sums(self, sources: np.ndarray) -> np.ndarray:
        """Products of permuted designs and outputs, where they are sums over rows.

        By level, then by level and class.
        """
        terms, residuals = self.rows.terms, self.rows.residuals
        levels = self._levels[sources]
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
    """Regress outputs on what is held fixed, and prepare the column that is tested.

    Outputs (n, C) are those of the primary head, class scores centred over classes; all
    columns are observed on the same n rows. Units are exchanged without strata of the
    target.

    Raises
    ------
    LeftOutError
        If the outputs do not vary, or levels of the column cannot be told apart from
        what is held fixed.
    """
    held = [c for c in (target, *confounders) if c is not None]
    groups = exchange.clusters if exchange.scheme == "within groups" else None
    rows, terms = _regress(outputs, target, held, weights, groups)
    coding = Coding.of(column, weights)
    exact = _keeps_what_is_held(exchange, target, held)
    strata = target_strata(exchange, target)
    exchange = exchange.within(strata, of_target=strata is not None)
    between = exchange.scheme == "between groups"
    if not exact and groups is not None:
        # What is permuted is what varies within groups, so that is what is multiplied
        # by the target too, in the data as in the permutations.
        coding = replace(coding, values=centre_within(coding.values, weights, groups))
    values = coding.values[exchange.first] if between else coding.values
    fitted = np.zeros_like(values)
    if not exact:
        terms = unit_means(terms, exchange.unit) if between else terms
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
        exact and exchange.scheme == "rows" and float(np.ptp(weights)) == 0.0,
    )
    _check_separable(model, held)
    return model


def _regress(outputs, target, held, weights, groups) -> tuple[Regression, np.ndarray]:
    """Outputs adjusted for what is held fixed, and what is: (n, p)."""
    n, roots = len(weights), np.sqrt(weights)
    own_terms = np.empty((n, 0)) if target is None else column_terms(target, weights)
    if own_terms.shape[1] > MOST_CLASSES:
        own_terms = own_terms[:, :0]
    own = [column_terms(column, weights) for column in held]
    terms = np.hstack([np.ones((n, 1)), *own])
    terms = centre_within(terms, weights, groups)
    centred = centre_within(outputs, weights, groups) * roots[:, None]
    fixed = orthonormal_basis(terms * roots[:, None])
    residuals = centred - fixed @ (fixed.T @ centred)
    return Regression(residuals, fixed, own_terms, roots, groups), terms


def _keeps_what_is_held(exchange, target, held) -> bool:
    """Whether plain permutations keep all associations with what is held fixed."""
    if exchange.scheme == "within groups":
        return all(constant_in_units(exchange, column.labels) for column in held)
    if any(column is not target for column in held):
        return False
    return target is None or target_strata(exchange, target) is not None


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
    """Raise unless all levels can be compared at fixed other columns."""
    q = model.coding.values.shape[1]
    gram = model.rows.gram(model._design[None, :, :q])[0]
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
