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

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sklearn_wsca._utilization.regression import DEPENDENT, Regression, sum_matrix

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
    common, variance, usual : ndarray of shape (b, q, C)
        Scores over all rows, their variances, and these if noise were even.
    by_class, class_variance, class_usual : ndarray of shape (b, T, s, C)
        The same over the rows of each class of the target.
    n_rows : ndarray of shape (b, T, s)
        Effective number of rows that the scores of a class are sums over.
    """

    common: np.ndarray
    variance: np.ndarray
    usual: np.ndarray
    by_class: np.ndarray
    class_variance: np.ndarray
    class_usual: np.ndarray
    n_rows: np.ndarray

    def studentised(self) -> np.ndarray:
        """Statistics of the slope, of common effects, by class: (b, N_STATISTICS)."""
        weights = np.where(self.usual > 0, 1.0, 0.0)
        common = _ratios(self.common**2, self.variance, self.usual, weights, axes=2)
        few = ROWS_WITHOUT_VARIANCE / np.maximum(self.n_rows, ROWS_WITHOUT_VARIANCE)
        weights = np.where(self.class_usual > 0, 1.0 - few[..., None], 0.0)
        by_class = _ratios(
            self.by_class**2,
            self.class_variance,
            self.class_usual,
            weights,
            axes=(1, 3),
        )
        slope = common[:, :1] if by_class.shape[1] == 1 else common
        return np.stack(
            [part.sum(axis=1) for part in (slope, common, by_class)], axis=1
        )


def _ratios(squares, variances, usual, weights, axes) -> np.ndarray:
    """Weighted sums of squares by those of variances, times the sum of the weights."""
    scale = weights / np.where(usual > 0, usual, 1.0)
    expected = np.sum(scale * variances, axis=axes)
    found = np.sum(scale * squares, axis=axes) * np.sum(weights, axis=axes)
    return np.where(expected > 0, found / np.where(expected > 0, expected, 1.0), 0.0)


def usual_noise(regression: Regression) -> np.ndarray:
    """Mean squares of the residuals in each class, by output: (T, C)."""
    classes, n_classes = regression.classes, regression.n_classes
    squares = regression.residuals**2
    sums = sum_matrix(classes, np.ones(len(classes)), n_classes) @ squares
    found = sums / np.maximum(np.bincount(classes, minlength=n_classes), 1)[:, None]
    return np.where(found > NO_NOISE * squares.mean(axis=0), found, 0.0)


@dataclass(frozen=True)
class Scorer:
    """Scores of codings on the rows or units of a regression.

    Parameters
    ----------
    regression : Regression
        The rows or units.
    order : ndarray of shape (n,), dtype int
        They, sorted by class and cluster.
    starts : ndarray of shape (n_cells,), dtype int
        Where each cell of one class and cluster begins in that order.
    ends : ndarray of shape (T,), dtype int
        Where each class ends among the cells.
    n_specific : int
        Leading terms that are scored by class.
    recentre : bool
        Whether classes are not held fixed themselves, but are thirds of a target.
    noise : ndarray of shape (T, C)
        Mean squares of the residuals in each class.
    """

    regression: Regression
    order: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    n_specific: int
    recentre: bool
    noise: np.ndarray

    @classmethod
    def of(cls, regression: Regression, n_specific: int, recentre: bool) -> Scorer:
        """Sort the rows."""
        classes, clusters = regression.classes, regression.clusters
        order = np.lexsort((clusters, classes))
        classes, clusters = classes[order], clusters[order]
        new = (np.diff(classes) != 0) | (np.diff(clusters) != 0)
        starts = np.concatenate([[0], 1 + np.flatnonzero(new)])
        ends = np.cumsum(np.bincount(classes[starts], minlength=regression.n_classes))
        noise = usual_noise(regression)
        return cls(regression, order, starts, ends, n_specific, recentre, noise)

    def scores(self, adjusted: np.ndarray) -> Scores:
        """Scores of adjusted codings (b, n, q)."""
        found = list(self._by_class(adjusted))
        common = np.sum([score for score, _ in found], axis=0)
        variance = self._common_variance(adjusted, found)
        squares, fourths = self._powers(adjusted)
        usual = squares.swapaxes(1, 2) @ self.noise
        s = self.n_specific
        if self.recentre:
            leading = self.regression.centre_in_classes(adjusted[:, :, :s])
            found = list(self._by_class(leading))
            squares, fourths = self._powers(leading)
        squares, fourths = squares[..., :s], fourths[..., :s]
        return Scores(
            common,
            variance,
            usual,
            np.stack([score[:, :s] for score, _ in found], axis=1),
            np.stack([own[:, :s] for _, own in found], axis=1),
            squares[..., None] * self.noise[:, None],
            squares**2 / np.maximum(fourths, TINY),
        )

    def _powers(self, adjusted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums of second and fourth powers of the column by class: (b, T, q) both."""
        ends = np.append(self.starts, len(self.order))[self.ends]
        starts = np.concatenate([[0], ends[:-1]])
        squares = adjusted * adjusted
        if len(ends) > 1:
            squares = squares[:, self.order]
        seconds = np.add.reduceat(squares, starts, axis=1)
        squares *= squares
        fourths = np.add.reduceat(squares, starts, axis=1)
        # What is left of a level that a class lacks is rounding.
        masses = np.bincount(self.regression.classes, self.regression.roots**2)
        held = seconds > DEPENDENT * masses[:, None]
        return np.where(held, seconds, 0.0), np.where(held, fourths, 0.0)

    def _by_class(self, adjusted) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Scores and variances within each class: (b, q, C) both."""
        first = 0
        for end in self.ends:
            stop = self.starts[end] if end < len(self.starts) else len(self.order)
            start = self.starts[first] if first < len(self.starts) else stop
            rows = self.order[start:stop]
            own, residuals = adjusted[:, rows], self.regression.residuals[rows]
            if end - first == len(rows):
                turned = own.swapaxes(1, 2)
                yield turned @ residuals, turned**2 @ residuals**2
            else:
                cells = self._sum_cells(own, residuals, self.starts[first:end] - start)
                yield cells.sum(axis=1), np.sum(cells**2, axis=1)
            first = end

    def _sum_cells(self, adjusted, residuals, starts) -> np.ndarray:
        """Sums of products within cells: (b, n_cells, q, C)."""
        products = adjusted[:, :, :, None] * residuals[:, None, :]
        return np.add.reduceat(products, starts, axis=1)

    def _common_variance(self, adjusted, by_class) -> np.ndarray:
        """Variance of the common scores, whose clusters may have several classes."""
        clusters = self.regression.clusters
        if len(self.starts) == clusters.max() + 1:
            return np.sum([variance for _, variance in by_class], axis=0)
        order = np.argsort(clusters, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(clusters))[:-1]])
        residuals = self.regression.residuals[order]
        cells = self._sum_cells(adjusted[:, order], residuals, starts)
        return np.sum(cells**2, axis=1)


@dataclass(frozen=True)
class CellScorer:
    """Scores of permuted levels where they are sums over rows of a level and class.

    That is so where rows of equal weight are exchanged within classes, which keeps the
    number of rows of every level in every class.

    Parameters
    ----------
    sums : ndarray of shape (n, 2 C)
        Residuals, and their squares.
    levels, classes : ndarray of shape (n,), dtype int
        Level and class of each row.
    shares : ndarray of shape (T, J)
        Share of the rows of each class that have a level.
    n_rows : ndarray of shape (T,)
        Rows of each class.
    weight : float
        Weight of every row.
    noise : ndarray of shape (T, C)
        Mean squares of the residuals in each class.
    """

    sums: np.ndarray
    levels: np.ndarray
    classes: np.ndarray
    shares: np.ndarray
    n_rows: np.ndarray
    weight: float
    noise: np.ndarray

    @classmethod
    def of(cls, regression: Regression, values: np.ndarray) -> CellScorer:
        """Count the rows of all levels and classes."""
        levels, classes = values.argmax(axis=1), regression.classes
        counts = np.zeros((regression.n_classes, values.shape[1]))
        np.add.at(counts, (classes, levels), 1.0)
        residuals = regression.residuals
        return cls(
            np.hstack([residuals, residuals**2]),
            levels,
            classes,
            counts / counts.sum(axis=1, keepdims=True),
            counts.sum(axis=1),
            float(regression.roots[0] ** 2),
            usual_noise(regression),
        )

    def scores(self, sources: np.ndarray) -> Scores:
        """Scores of the levels that rows take from others (b, n)."""
        n, (n_classes, n_levels) = len(self.levels), self.shares.shape
        columns = np.arange(n + 1)
        sums = np.empty((len(sources), n_classes, n_levels, self.sums.shape[1]))
        for i, source in enumerate(sources):
            cells = self.classes * n_levels + self.levels[source]
            shape = n_classes * n_levels, n
            found = sparse.csc_array((np.ones(n), cells, columns), shape) @ self.sums
            sums[i] = found.reshape(n_classes, n_levels, -1)
        n_outputs = self.sums.shape[1] // 2
        scores, squares = sums[..., :n_outputs], sums[..., n_outputs:]
        scores = np.sqrt(self.weight) * scores
        share = self.shares[:, :, None]
        everywhere = squares.sum(axis=2, keepdims=True)
        variance = (1.0 - 2.0 * share) * squares + share**2 * everywhere
        variance *= self.weight
        usual = self._power(2)[..., None] * self.noise[:, None] * self.weight
        n_rows = self._power(2) ** 2 / np.maximum(self._power(4), TINY)
        return Scores(
            scores.sum(axis=1),
            variance.sum(axis=1),
            usual.sum(axis=0)[None],
            scores,
            variance,
            usual[None],
            n_rows[None],
        )

    def _power(self, power: int) -> np.ndarray:
        """Sums over rows of powers of indicators less their shares: (T, J)."""
        share = self.shares
        each = share * (1.0 - share) ** power + (1.0 - share) * share**power
        return self.n_rows[:, None] * each
