"""How far the outputs of a head move with a column, with other columns held fixed.

The outputs are regressed on what is held fixed, on the column (its common effects) and
on the column within each class of the target (as far as effects there differ from the
common ones). A permutation needs sums over the units that are exchanged only, so these
stand for the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from scipy import linalg

from sklearn_wsca._backend.namespace import (
    array_namespace,
    is_tensor,
    send_parts,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._linear.class_basis import (
    DEPENDENT,
    ClassBasis,
    orthonormal_basis,
    sum_matrix,
)
from sklearn_wsca._permutation.exchangeability import (
    Exchangeability,
    constant_in_units,
    target_strata,
)
from sklearn_wsca._utilization.contrast_rows import ClassContrasts, Contrasts
from sklearn_wsca._utilization.held_fixed import held_terms
from sklearn_wsca._utilization.interaction_terms import code_interaction
from sklearn_wsca._utilization.regression import (
    Adjustment,
    Coding,
    HeldTerms,
    Regression,
    centre_within,
    classes_of,
    regress,
    symmetric_root,
    unit_means,
)
from sklearn_wsca._utilization.statistic import (
    N_STATISTICS,
    CellScorer,
    Scorer,
    Scores,
)

NUMBERS_PER_BATCH = 2**20
# An accelerator takes as many as memory holds.
NUMBERS_PER_BATCH_OF_TENSORS = 2**26
FEW_CLASSES = 50


@dataclass(frozen=True)
class Effects:
    """From scores to effects: common ones, and what differs from them in each class.

    Parameters
    ----------
    common : array of shape (q, q)
        Scores -> common effects; those of levels add up to zero.
    crossed : array of shape (T, s, q)
        Common effects -> the scores that they alone would give in each class.
    specific : array of shape (T, s, s)
        Scores of a class beyond these -> deviations of its effects.
    weight : float
        Mean square over levels and classes of deviations whose scores explain 1.
    """

    common: Any
    crossed: Any
    specific: Any
    weight: float

    @classmethod
    def of(cls, model: OutputModel) -> Effects:
        """Take them from the adjusted column of the data."""
        regression, coding = model.rows, model.coding
        adjusted, own, s = model.adjusted, model.within_classes, coding.n_specific
        masses = np.bincount(regression.classes, regression.roots**2)
        common = _inverse(adjusted.T @ adjusted, masses.sum())
        members = regression.members
        crossed = np.stack([own[rows, :s].T @ own[rows] for rows in members])
        grams = zip(crossed[:, :, :s], masses, strict=True)
        specific = np.stack([_inverse(gram, mass) for gram, mass in grams])
        leak = crossed @ common
        information = float(np.trace(crossed[:, :, :s], axis1=1, axis2=2).sum())
        beyond = information - float(np.sum(leak * crossed))
        # Independent deviations of the classes move the common effects too.
        left = max(coding.free - float(np.sum(leak**2)) / s, 0.0)
        weight = left / beyond if beyond > DEPENDENT * information else 0.0
        return cls(common, crossed, specific, weight)

    def squares(self, scores: Scores, mean_square: float) -> Any:
        """Squared raw utilization by scores, times the variance of the outputs: (b,).

        As if all columns had the spread of the data's.
        """
        xp, common = array_namespace(scores.common), self.common @ scores.common
        squares = mean_square * xp.sum(common**2, axis=(1, 2))
        if self.weight:
            # Scores of each class beyond those of the common effects: (b, T, s, C).
            beyond = scores.by_class - self.crossed @ common[:, None]
            products = (self.specific @ beyond) * beyond
            squares += self.weight * xp.sum(products, axis=(1, 2, 3))
        return xp.clip(squares, 0.0, None)


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
    expand, alike : ndarray of shape (n,) or None
        Unit of each row of `units`, where what is held fixed differs within units, and
        numbers of what is the same there; else None.
    fitted, permuted : ndarray of shape (n_units, q)
        Coding of the units in two parts: what stays where it is, and what is permuted.
    total_variance : float
        Variance of the outputs, summed over outputs.
    freedman_lane : bool
        Whether the residuals of the column are permuted instead of the column.
    recentre : bool
        Whether the classes are thirds of a continuous target.
    keeps_sums : bool
        Whether permutations keep every sum over the column in every class: rows of
        equal weight are exchanged within classes, and nothing else is held fixed.
    """

    exchange: Exchangeability
    coding: Coding
    rows: Regression
    units: Regression
    expand: np.ndarray | None
    alike: np.ndarray | None
    fitted: np.ndarray
    permuted: np.ndarray
    total_variance: float
    freedman_lane: bool
    recentre: bool
    keeps_sums: bool

    @cached_property
    def adjusted(self) -> np.ndarray:
        """The column adjusted for what is held fixed, weighted: (n, q)."""
        return self.rows.adjust(self.coding.values)

    @cached_property
    def within_classes(self) -> np.ndarray:
        """The same, centred in each class where classes are not held fixed: (n, q)."""
        if not self.recentre:
            return self.adjusted
        return self.rows.centre_in_classes(self.adjusted)

    @cached_property
    def _effects(self) -> Effects:
        return Effects.of(self)

    def common_rows(self) -> np.ndarray:
        """Rows (n, q) whose products with weighted outputs are the common effects."""
        return self.adjusted @ self._effects.common

    def slope_rows(self, number: int | None = None) -> Contrasts:
        """Contrasts (n, s) of the slopes of a continuous column without their curves.

        Over all rows, or within one class of the target.
        """
        if number is None:
            leading = self.adjusted[:, : self.coding.n_specific]
            own = Contrasts(np.arange(len(leading)), leading)
        else:
            own = self._own_rows(number)
        gram = own.values.T @ own.values
        return own.map(_inverse(gram, float(np.sum(self.rows.roots**2))))

    def leading_rows(self) -> Contrasts:
        """Part of `effect_rows` that is found most easily: slope or common effects."""
        if self.coding.n_specific < self.adjusted.shape[1]:
            return self.slope_rows().map(np.sqrt(self.coding.mean_square))
        return Contrasts.of(self.common_rows() * np.sqrt(self.coding.mean_square))

    def class_rows(self, number: int) -> Contrasts:
        """The same for the effects within one class of the target."""
        own = self._own_rows(number)
        inverse = self._effects.specific[number]
        if self.coding.n_specific == self.adjusted.shape[1]:
            return own.map(inverse)
        common = self.common_rows()
        slope = -common @ (self._effects.crossed[number].T @ inverse)
        slope[own.at] += own.values @ inverse
        common[:, : self.coding.n_specific] += slope
        return Contrasts.of(common)

    def _own_rows(self, number: int) -> Contrasts:
        """Leading terms of the adjusted column in a class, 0 elsewhere: (n, s)."""
        at = self.rows.members[number]
        return Contrasts(at, self.within_classes[at, : self.coding.n_specific])

    def effect_rows(self) -> np.ndarray:
        """Rows (n, m) whose products with weighted outputs are all effects.

        The squared length of the products, divided by the variance, is the squared raw
        utilization.
        """
        return self.effect_contrasts().written_out()

    def effect_contrasts(self) -> ClassContrasts:
        """`effect_rows`, without writing out those of every class."""
        found, common = self._effects, self.common_rows()
        turns, own = [np.eye(common.shape[1]) * np.sqrt(self.coding.mean_square)], []
        for number, root in enumerate(self._class_roots):
            turns.append(-found.crossed[number].T @ root)
            own.append(self._own_rows(number).map(root))
        return ClassContrasts(common, np.hstack(turns), own)

    def all_effects(self, weighted: np.ndarray) -> np.ndarray:
        """Products (m, C) of `effect_rows` with weighted outputs (n, C)."""
        return self.effect_contrasts().times(weighted)

    @property
    def _class_roots(self) -> list[np.ndarray]:
        """Deviations of each class -> effects in a common unit; none if all are 0."""
        found = self._effects
        if not found.weight:
            return []
        scale = np.sqrt(found.weight)
        return [symmetric_root(matrix) * scale for matrix in found.specific]

    def explain(self, weighted: np.ndarray) -> np.ndarray:
        """What the column explains of weighted outputs (n, c), in classes too."""
        found = self._effects
        common = found.common @ self.adjusted.T @ weighted
        explained = self.adjusted @ common
        for number in range(self.rows.n_classes if found.weight else 0):
            own = self._own_rows(number)
            beyond = own.times(weighted) - found.crossed[number] @ common
            explained[own.at] += own.values @ (found.specific[number] @ beyond)
        return explained

    def effect_blocks(self) -> list[Contrasts | ClassContrasts]:
        """`effect_rows` in blocks whose noise is estimated apart.

        With few classes there is one block. With many, the little that the effects of a
        class share with the common ones is neglected.
        """
        if self.rows.n_classes <= FEW_CLASSES or not self._effects.weight:
            return [self.effect_contrasts()]
        blocks = [Contrasts.of(self.common_rows() * np.sqrt(self.coding.mean_square))]
        for number, root in enumerate(self._class_roots):
            blocks.append(self._own_rows(number).map(root))
        return [block for block in blocks if block.values.shape[1]]

    def design(self) -> ClassBasis:
        """Orthonormal basis (n, r) of what is held fixed and of the common effects."""
        return self.rows.fixed.add(orthonormal_basis(self.adjusted))

    def compared_classes(self) -> np.ndarray:
        """Whether each class of the target holds more than one value of the column."""
        grams = np.trace(self._effects.specific, axis1=1, axis2=2)
        return grams > 0

    def n_varying_groups(self) -> int:
        """Groups in which the column varies."""
        values, groups = self.coding.values, self.exchange.clusters
        centred = np.abs(centre_within(values, self.rows.roots**2, groups)).max(axis=1)
        return len(np.unique(groups[centred > 1e-9 * np.abs(values).max()]))

    def observed(self) -> np.ndarray:
        """Raw utilization and statistics of the data: see `statistics`."""
        return self.statistics(np.arange(self.exchange.n_units)[None])[0]

    def permutations(self, orders: Any) -> np.ndarray:
        """Statistics under orders of all rows of the table: see `statistics`."""
        return self.statistics(self.exchange.unit_sources(orders))

    def statistics(self, sources: Any) -> np.ndarray:
        """Statistics where units take their value from others: (b, 1 + N_STATISTICS).

        The raw utilization, and the studentised statistics of `Scores`. `sources`
        (b, n_units) are those of `Exchangeability.unit_sources`; the statistics are
        computed where these are.
        """
        n_scores = self.units.n_classes * self.units.residuals.shape[1]
        numbers = (len(self.units.roots) + n_scores) * self.permuted.shape[1]
        most = NUMBERS_PER_BATCH
        if is_tensor(sources):
            most = NUMBERS_PER_BATCH_OF_TENSORS
        size = max(1, most // numbers)
        batches = [sources[i : i + size] for i in range(0, len(sources), size)]
        none = np.empty((0, 1 + N_STATISTICS))
        return np.concatenate([none, *map(self._score(sources), batches)])

    def scoring(self, like: Any = None) -> Callable[[Any], Scores]:
        """Scores of batches of sources, which are where an array is.

        What is sorted for them is not kept.
        """
        if self.keeps_sums and self.coding.categorical:
            cells = CellScorer.of(self.units, self.coding.values)
            return send_parts(cells, like).scores
        scorer = Scorer.of(
            self.units, self.coding.n_specific, self.recentre, self.expand, self.alike
        )
        scorer = send_parts(scorer, like)
        if self.keeps_sums:
            # What is adjusted stays so.
            adjust = partial(scorer.draw, to_same_device(self.adjusted, like))
        else:
            # Columns are adjusted after they are permuted.
            parts = [to_same_device(p, like) for p in (self.fitted, self.permuted)]
            adjust = partial(scorer.adjust, *parts)
        n_terms = self.permuted.shape[1]
        return lambda sources: scorer.scores(adjust(sources), n_terms)

    def _score(self, like: Any) -> Callable[[Any], np.ndarray]:
        """Statistics of batches of sources, which are where an array is."""
        scores, effects = self.scoring(like), send_parts(self._effects, like)

        def score(sources: Any) -> np.ndarray:
            found, xp = scores(sources), array_namespace(sources)
            squares = effects.squares(found, self.coding.mean_square)
            raw = xp.sqrt(squares / self.total_variance)[:, None]
            return to_numpy(xp.concatenate([raw, found.studentised()], axis=1))

        return score


def prepare_outputs(
    outputs: np.ndarray,
    column: Column,
    target: Column | None,
    confounders: list[Column],
    weights: np.ndarray,
    exchange: Exchangeability,
    adjustment: Adjustment = "spline",
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
    total_variance = _total_variance(outputs, weights)
    held = [c for c in (target, *confounders, *column.parts) if c is not None]
    classes, clusters = classes_of(target, weights), exchange.clusters
    code = code_interaction if column.parts else Coding.of
    coding = code(column, weights, adjustment)
    n_units = int(clusters.max()) + 1
    fixed = held_terms(
        target, confounders, weights, classes, n_units, adjustment, column.parts
    )
    groups = clusters if exchange.scheme == "within groups" else None
    if groups is None:
        beside = fixed.add(coding.values)
        weights = weights * _independent_share(outputs, beside, weights, clusters)
    many_terms = bool(column.parts)
    rows = regress(outputs, fixed, weights, classes, clusters, groups, many_terms)
    exact = _keeps_what_is_held(exchange, target, held)
    strata = target_strata(exchange, target)
    exchange = exchange.within(strata, of_target=strata is not None)
    between = exchange.scheme == "between groups"
    values = coding.values[exchange.first] if between else coding.values
    fitted = np.zeros_like(values)
    if not exact:
        fitted = _explained_by(
            fixed, values, weights, groups, exchange if between else None
        )
    units, expand, alike = rows, None, None
    if between and all(constant_in_units(exchange, c.labels) for c in held):
        units = rows.collapse(exchange.unit)
    elif between:
        expand, alike = exchange.unit, _number_alike(exchange.unit, held)
    model = OutputModel(
        exchange,
        coding,
        rows,
        units,
        expand,
        alike,
        fitted,
        values - fitted,
        total_variance,
        not exact,
        target is not None and not target.n_levels,
        exact and exchange.scheme == "rows" and bool(np.ptp(weights) == 0.0),
    )
    _check_separable(model, held)
    return model


def _independent_share(outputs, held, weights, clusters) -> np.ndarray:
    """What each row adds to what is known, given the other rows of its cluster.

    With n rows that are correlated at ICC, that is 1 / (1 + (n - 1) ICC). The ICC is
    that of the residuals, over all outputs together.
    """
    sizes = np.bincount(clusters)
    if len(sizes) == len(clusters):
        return np.ones(len(clusters))
    constant = np.zeros(len(clusters), dtype=int)
    left = regress(outputs, held, weights, constant, clusters, None).residuals
    own = float(np.sum(left**2))
    sums = sum_matrix(clusters, np.ones(len(clusters))) @ left
    shared = float(np.sum(sums**2)) - own
    n_pairs = float(np.sum(sizes * (sizes - 1.0)))
    icc = np.clip(shared / n_pairs / max(own / len(clusters), 1e-300), 0.0, 1.0)
    return 1.0 / (1.0 + (sizes[clusters] - 1.0) * icc)


def _number_alike(unit: np.ndarray, held: list[Column]) -> np.ndarray:
    """Numbers of the rows of one unit with the same labels of all that is held."""
    alike = unit
    for column in held:
        labels = np.unique(column.labels, return_inverse=True)[1]
        pairs = alike * (labels.max() + 1) + labels
        alike = np.unique(pairs, return_inverse=True)[1]
    return alike


def _explained_by(
    held: HeldTerms, values, weights, groups, exchange: Exchangeability | None
) -> np.ndarray:
    """What is held explains of values, both centred within groups that are held fixed.

    Where units are exchanged that `exchange` tells, values are of these, and of what is
    held their means count.
    """
    if exchange is not None and not constant_in_units(exchange, held.codes):
        terms = unit_means(held.written_out(), exchange.unit)
        held = HeldTerms(np.zeros(len(values), dtype=int), terms)
    elif exchange is not None:
        terms = unit_means(held.terms, exchange.unit)
        held = HeldTerms(held.codes[exchange.first], terms)
    if groups is None:
        return held.basis(np.ones(len(values))).explain(values)
    terms = centre_within(held.written_out(), weights, groups)
    own = centre_within(values, weights, groups)
    # Indicators of several columns depend on each other.
    return terms @ linalg.lstsq(terms, own, cond=DEPENDENT)[0]


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


def _inverse(gram: np.ndarray, mass: float) -> np.ndarray:
    """Inverse on the directions that hold a share of the weights behind the matrix."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > DEPENDENT * mass
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T


def _check_separable(model: OutputModel, held: list[Column]) -> None:
    """Raise unless all levels can be compared at fixed other columns."""
    # The other terms of a curve may be gone, and its slope left.
    leading, n_degrees = model.coding.n_specific, model.coding.n_degrees
    adjusted = model.adjusted[:, :leading]
    # Indicators of all levels add up to the constant, so one direction is always gone.
    left = np.linalg.eigvalsh(adjusted.T @ adjusted)[leading - n_degrees]
    if left > DEPENDENT * np.sum(model.rows.roots**2):
        return
    names = " and ".join(repr(column.name) for column in held) or "its groups"
    reason = "it is determined by them"
    if model.coding.categorical:
        reason = "some of its levels never occur together with the others"
    raise LeftOutError(f"at fixed {names} nothing is left to compare: {reason}")
