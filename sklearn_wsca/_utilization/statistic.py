"""The studentised statistics that are permuted.

With A the column adjusted for what is held fixed and r the outputs adjusted for it, the
score of a term l of the column and an output c is S_lc, the sum of A_l r_c over rows.
Its variance V_lc is the sum of its squares over independent units; H_lc is what it
would be if the outputs were as noisy everywhere as they are in the class of the target.
The statistic is the sum over terms of

    C sum_c (S_lc^2 / H_lc) / sum_c (V_lc / H_lc),

the ANOVA-type form with outputs in units of their noise, so a level whose outputs are
only noisier does not stand out. There is one for the common effects, for the slope of a
continuous column alone, and for the effects in every class of the target (whose sums go
over classes, too).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import array_namespace, device_of
from sklearn_wsca._linear.class_basis import DEPENDENT, sum_matrix, sums_by_codes
from sklearn_wsca._utilization.cluster_sums import Clusters, squares_of_sums
from sklearn_wsca._utilization.regression import Regression, centre_within

N_STATISTICS = 3
# Mean squares of residuals below this share of those of all rows are rounding.
NO_NOISE = 1e-14
TINY = 1e-300
# So few rows do not tell a variance: that of one is the square of its score.
ROWS_WITHOUT_VARIANCE = 1.5


@dataclass(frozen=True)
class Scores:
    """Scores of a batch of codings, and their variances.

    Parameters
    ----------
    common, variance, usual : array of shape (b, q, C)
        Scores over all rows, their variances, and these if noise were even.
    by_class, class_variance, class_usual : array of shape (b, T, s, C)
        The same over the rows of each class of the target.
    n_rows : array of shape (b, T, s)
        Effective number of rows that the scores of a class are sums over.
    """

    common: Any
    variance: Any
    usual: Any
    by_class: Any
    class_variance: Any
    class_usual: Any
    n_rows: Any

    def of_outputs(self, own: slice) -> Scores:
        """Scores of some of the outputs, as if there were no others."""
        return Scores(
            self.common[..., own],
            self.variance[..., own],
            self.usual[..., own],
            self.by_class[..., own],
            self.class_variance[..., own],
            self.class_usual[..., own],
            self.n_rows,
        )

    def studentised(self) -> Any:
        """Statistics of the slope, of common effects, by class: (b, N_STATISTICS)."""
        xp = array_namespace(self.common)
        weights = xp.where(self.usual > 0, 1.0, 0.0)
        common = _ratios(self.common**2, self.variance, self.usual, weights, axes=2)
        few = ROWS_WITHOUT_VARIANCE / xp.clip(self.n_rows, ROWS_WITHOUT_VARIANCE, None)
        weights = xp.where(self.class_usual > 0, 1.0 - few[..., None], 0.0)
        by_class = _ratios(
            self.by_class**2,
            self.class_variance,
            self.class_usual,
            weights,
            axes=(1, 3),
        )
        slope = common[:, : by_class.shape[1]]
        parts = [xp.sum(part, axis=1) for part in (slope, common, by_class)]
        return xp.stack(parts, axis=1)


def _ratios(squares, variances, usual, weights, axes) -> Any:
    """Weighted sums of squares by those of variances, times the sum of the weights."""
    xp = array_namespace(squares)
    scale = weights / xp.where(usual > 0, usual, 1.0)
    expected = xp.sum(scale * variances, axis=axes)
    found = xp.sum(scale * squares, axis=axes) * xp.sum(weights, axis=axes)
    return xp.where(expected > 0, found / xp.where(expected > 0, expected, 1.0), 0.0)


def usual_noise(regression: Regression) -> np.ndarray:
    """Mean squares of the residuals in each class, by output: (T, C)."""
    classes, n_classes = regression.classes, regression.n_classes
    squares = regression.residuals**2
    sums = sum_matrix(classes, np.ones(len(classes)), n_classes) @ squares
    found = sums / np.maximum(np.bincount(classes, minlength=n_classes), 1)[:, None]
    return np.where(found > NO_NOISE * squares.mean(axis=0), found, 0.0)


@dataclass(frozen=True)
class Scorer:
    """Scores of codings of units.

    Arrays are on the host, or by `send_parts` where the exchanges are drawn.

    Parameters
    ----------
    regression : Regression
        Rows by class and cluster; those that are alike are one.
    cells : Clusters
        Their clusters in each class; in their own order.
    across : Clusters or None
        Their clusters over all classes; None where each has one class.
    unit : array of shape (n,) or None
        Unit of each row, where that is not a row.
    evenness : array of shape (n,)
        One over the effective number of rows that each stands for.
    n_specific : int
        Leading terms that are scored by class.
    recentre : bool
        Whether classes are not held fixed themselves, but are thirds of a target.
    noise : array of shape (T, C)
        Mean squares of the residuals in each class.
    least : array of shape (T, 1)
        What is less of the squares of a coding in each class is rounding.
    """

    regression: Regression
    cells: Clusters
    across: Clusters | None
    unit: Any
    evenness: Any
    n_specific: int
    recentre: bool
    noise: Any
    least: Any

    @classmethod
    def of(
        cls,
        regression: Regression,
        n_specific: int,
        recentre: bool,
        unit: np.ndarray | None = None,
        alike: np.ndarray | None = None,
    ) -> Scorer:
        """Sum over rows that are `alike` (n,), and sort the others."""
        noise, evenness = usual_noise(regression), np.ones(len(regression.roots))
        if unit is not None and alike is not None:
            weights, first = regression.roots**2, np.unique(alike, return_index=True)[1]
            evenness = np.bincount(alike, weights**2) / np.bincount(alike, weights) ** 2
            regression, unit = regression.collapse(alike), unit[first]
        cells = Clusters.of(regression.clusters, regression.classes)
        regression = regression.take(cells.order)
        across = Clusters.of(regression.clusters, np.zeros_like(regression.classes))
        masses = np.bincount(regression.classes, regression.roots**2)
        return cls(
            regression,
            cells,
            across if len(across) < len(cells) else None,
            None if unit is None else unit[cells.order],
            evenness[cells.order],
            n_specific,
            recentre,
            noise,
            DEPENDENT * masses[:, None],
        )

    def draw(self, values: Any, sources: Any) -> Any:
        """Values (n_units, q) that units take from others, by row or unit: (n, b q)."""
        if self.unit is None:
            sources = sources[:, self.cells.order]
        drawn = array_namespace(values).take(values, sources.T.reshape(-1), axis=0)
        return drawn.reshape(sources.shape[1], -1)

    def adjust(self, fitted: Any, permuted: Any, sources: Any) -> Any:
        """Codings that are fitted but for a permuted part, by row: (n, b q).

        They are weighted, and adjusted for what is held fixed.
        """
        regression, values = self.regression, self.draw(permuted, sources)
        fixed, roots = regression.fixed, regression.roots[:, None]
        if self.unit is None:
            # What is held fixed explains what is fitted.
            adjusted = centre_within(values, regression.roots**2, regression.groups)
            adjusted *= roots
            explained = fixed.products(adjusted)
        else:
            xp = array_namespace(values)
            values += xp.tile(fitted, (1, len(sources)))
            adjusted = xp.take(values, self.unit, axis=0)
            adjusted *= roots
            explained = fixed.products_by_unit(self.unit, regression.roots, values)
        for rows, _, _ in self.cells.parts(adjusted.shape[1]):
            adjusted[rows] -= fixed.take(rows).combine(explained)
        return adjusted

    def scores(self, adjusted: Any, n_terms: int) -> Scores:
        """Scores of adjusted codings (n, b q) of so many terms q."""
        xp, n, s = array_namespace(adjusted), len(adjusted), self.n_specific
        b, sums = adjusted.shape[1] // n_terms, self._by_class(adjusted)
        common, variance = (xp.sum(part, axis=0) for part in sums[:2])
        if self.across is not None:
            variance = self._variance(adjusted, self.across)
        common, variance, usual = (
            part.reshape(b, n_terms, -1)
            for part in (common, variance, sums[2].T @ self.noise)
        )
        if self.recentre:
            leading = adjusted.reshape(n, b, n_terms)[:, :, :s].reshape(n, b * s)
            sums = self._by_class(self.regression.centre_in_classes(leading))
        by_class, class_variance, squares, fourths = (
            xp.moveaxis(part.reshape(len(part), b, -1, *part.shape[2:]), 1, 0)
            for part in sums
        )
        class_usual = squares[..., None] * self.noise[:, None]
        return Scores(
            common,
            variance,
            usual,
            by_class[:, :, :s],
            class_variance[:, :, :s],
            class_usual[:, :, :s],
            (squares**2 / xp.clip(fourths, TINY, None))[:, :, :s],
        )

    def _by_class(self, adjusted: Any) -> tuple[Any, ...]:
        """Scores, variances (T, m, C), and sums of powers (T, m) of codings (n, m)."""
        regression, m, where = self.regression, adjusted.shape[1], device_of(adjusted)
        xp, (n_classes, n_outputs) = array_namespace(adjusted), self.noise.shape
        scores = xp.zeros((n_classes, m, n_outputs), dtype=xp.float64, **where)
        variances, seconds = xp.zeros_like(scores), xp.zeros_like(scores[..., 0])
        fourths = xp.zeros_like(seconds)
        for rows, size, number in self.cells.parts(max(m, n_outputs)):
            own, errors = adjusted[rows], regression.errors[rows]
            scores[number] += own.T @ regression.residuals[rows]
            variances[number] += squares_of_sums(own, errors, size)
            squares = own * own
            seconds[number] += squares.sum(axis=0)
            squares *= squares
            fourths[number] += self.evenness[rows] @ squares
        # What is left of a level that a class lacks is rounding.
        held = seconds > self.least
        return scores, variances, seconds * held, fourths * held

    def _variance(self, adjusted: Any, clusters: Clusters) -> Any:
        """Variances (m, C) of scores over clusters of several classes."""
        errors, xp = self.regression.errors, array_namespace(adjusted)
        shape = adjusted.shape[1], errors.shape[1]
        found = xp.zeros(shape, dtype=xp.float64, **device_of(adjusted))
        for rows, size, _ in clusters.parts(max(found.shape)):
            order = clusters.order[rows]
            found += squares_of_sums(adjusted[order], errors[order], size)
        return found


@dataclass(frozen=True)
class CellScorer:
    """Scores of permuted levels where they are sums over rows of a level and class.

    That is so where rows of equal weight are exchanged within classes, which keeps the
    number of rows of every level in every class. Arrays are where `Scorer` has them.

    Parameters
    ----------
    sums : array of shape (n, 2 C)
        Residuals, and their squares.
    levels, classes : array of shape (n,), dtype int
        Level and class of each row.
    shares : array of shape (T, J)
        Share of the rows of each class that have a level.
    weight : float
        Weight of every row.
    usual : array of shape (T, J, C)
        Variances of the scores in each class if noise were even.
    n_rows : array of shape (T, J)
        Effective number of rows that these scores are sums over.
    """

    sums: Any
    levels: Any
    classes: Any
    shares: Any
    weight: float
    usual: Any
    n_rows: Any

    @classmethod
    def of(cls, regression: Regression, values: np.ndarray) -> CellScorer:
        """Count the rows of all levels and classes."""
        levels, classes = values.argmax(axis=1), regression.classes
        counts = np.zeros((regression.n_classes, values.shape[1]))
        np.add.at(counts, (classes, levels), 1.0)
        n_rows = counts.sum(axis=1, keepdims=True)
        residuals, shares = regression.residuals, counts / n_rows
        # Sums over rows of powers of indicators less their shares.
        seconds, fourths = (
            n_rows * (shares * (1.0 - shares) ** p + (1.0 - shares) * shares**p)
            for p in (2, 4)
        )
        weight = float(regression.roots[0] ** 2)
        return cls(
            np.hstack([residuals, residuals**2]),
            levels,
            classes,
            shares,
            weight,
            seconds[..., None] * usual_noise(regression)[:, None] * weight,
            seconds**2 / np.maximum(fourths, TINY),
        )

    def scores(self, sources: Any) -> Scores:
        """Scores of the levels that rows take from others (b, n)."""
        xp, (n_classes, n_levels) = array_namespace(sources), self.shares.shape
        cells = self.classes * n_levels + self.levels[sources]
        sums = sums_by_codes(cells, self.sums, n_classes * n_levels)
        sums = sums.reshape(len(sources), n_classes, n_levels, -1)
        n_outputs = self.sums.shape[1] // 2
        scores, squares = sums[..., :n_outputs], sums[..., n_outputs:]
        scores = math.sqrt(self.weight) * scores
        share = self.shares[:, :, None]
        everywhere = xp.sum(squares, axis=2, keepdims=True)
        variance = (1.0 - 2.0 * share) * squares + share**2 * everywhere
        variance *= self.weight
        return Scores(
            xp.sum(scores, axis=1),
            xp.sum(variance, axis=1),
            xp.sum(self.usual, axis=0)[None],
            scores,
            variance,
            self.usual[None],
            self.n_rows[None],
        )
