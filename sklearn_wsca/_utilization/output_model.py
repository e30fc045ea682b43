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

from sklearn_wsca._backend.namespace import (
    array_namespace,
    is_tensor,
    send_parts,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._linear.class_basis import (
    DEPENDENT,
    ClassBasis,
    orthonormal_basis,
)
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._utilization.contrast_rows import ClassContrasts, Contrasts
from sklearn_wsca._utilization.regression import (
    Coding,
    Regression,
    centre_within,
    symmetric_root,
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


def _inverse(gram: np.ndarray, mass: float) -> np.ndarray:
    """Inverse on the directions that hold a share of the weights behind the matrix."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > DEPENDENT * mass
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
