"""Sampling noise of effects on outputs, robust to unequal variances and to groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from sklearn_wsca._linear.class_basis import sum_matrix
from sklearn_wsca._utilization.contrast_rows import Contrasts
from sklearn_wsca._utilization.interval import EffectNoise
from sklearn_wsca._utilization.leverage import EVEN_NOISE, JACKKNIFE, enlarge
from sklearn_wsca._utilization.output_model import OutputModel

ELEMENTS_PER_BLOCK = 2**22
NORMAL_KURTOSIS = 3.0


@dataclass(frozen=True)
class NoiseSource:
    """Errors of the outputs, from which the noise of any effects on them follows.

    Parameters
    ----------
    outputs : ndarray of shape (n, C)
        Outputs in units of utilization (or probabilities in points), weighted.
    residuals : ndarray of shape (n, C)
        Residuals of their common effects, enlarged for the leverage of their cluster
        (the CR2 correction of Bell and McCaffrey; CR3 for a continuous column).
    clusters : ndarray of shape (n,), dtype int
        What is independent of others of its kind.
    spread : ndarray of shape (n_clusters,)
        What each cluster adds to the relative error of the unit.
    n_fitted : int
        Terms that are fitted.
    """

    outputs: np.ndarray
    residuals: np.ndarray
    clusters: np.ndarray
    spread: np.ndarray
    n_fitted: int

    @classmethod
    def of(cls, model: OutputModel, outputs: np.ndarray, weights: np.ndarray):
        """Take it from the regression of outputs (n, C) under the weights of the rows.

        Effects on them are in units of utilization.
        """
        spread = _spread_influence(model, outputs, weights)
        return cls._fit(model, outputs / np.sqrt(model.total_variance), spread)

    @classmethod
    def of_points(cls, model: OutputModel, probabilities: np.ndarray):
        """Take it from probabilities (n, c); effects are percentage points."""
        spread = np.zeros(int(model.exchange.clusters.max()) + 1)
        return cls._fit(model, 100.0 * probabilities, spread)

    @classmethod
    def _fit(cls, model: OutputModel, outputs: np.ndarray, spread: np.ndarray):
        design, clusters = model.design(), model.exchange.clusters
        weighted = model.rows.weigh(outputs)
        residuals = weighted - design.explain(weighted)
        power = EVEN_NOISE if model.coding.categorical else JACKKNIFE
        residuals = enlarge(residuals, design, clusters, power)
        return cls(weighted, residuals, clusters, spread, design.width)

    def errors(self, rows: Any, outputs: Any = slice(None)) -> np.ndarray:
        """Standard errors of the effects on outputs by `Contrasts` (n, m): (m, C).

        Those of rows (n, m) if these are given. `outputs` tells which of them count.
        """
        found = self._errors_of_clusters(Contrasts.of(rows), outputs)
        return np.sqrt(np.sum(np.square(found), axis=1))

    def _errors_of_clusters(self, contrasts: Contrasts, outputs: Any) -> np.ndarray:
        """What each cluster adds to the errors of effects: (m, n_clusters, C)."""
        sums = self._sum_clusters(contrasts.at)
        residuals = contrasts.take(self.residuals)[:, outputs]
        found = [sums @ (row[:, None] * residuals) for row in contrasts.values.T]
        return np.array(found)

    def errors_by_output(
        self, contrasts: Contrasts, turn: np.ndarray, outputs: list[int]
    ) -> np.ndarray:
        """Standard errors of combinations (m, c) of effects, each on its own output."""
        found, n_used = np.empty(len(outputs)), max(len(contrasts.at), 1)
        sums, residuals = self._sum_clusters(contrasts.at), self.residuals
        size = max(ELEMENTS_PER_BLOCK // n_used, 1)
        for start in range(0, len(outputs), size):
            own = slice(start, start + size)
            errors = contrasts.take(residuals)[:, outputs[own]]
            errors *= contrasts.values @ turn[:, own]
            found[own] = np.sqrt(np.sum(np.square(sums @ errors), axis=0))
        return found

    def _sum_clusters(self, used: np.ndarray):
        clusters = np.unique(self.clusters[used], return_inverse=True)[1]
        return sum_matrix(clusters, np.ones(len(used)))

    def limits(
        self,
        rows: Any,
        significance: float,
        outputs: Any = slice(None),
        by_weight: bool = False,
    ) -> tuple[np.ndarray, ...]:
        """Effects by `Contrasts` (n, m), and limits of their two-sided intervals.

        All are (m, C), of the outputs that count. `by_weight` counts the clusters by
        what they add to the error, not by their rows alone: of probabilities near 0, a
        few that are not decide.
        """
        contrasts = Contrasts.of(rows)
        effects = contrasts.times(self.outputs, outputs)
        degrees = np.array(self.degrees(contrasts))
        if by_weight:
            degrees = np.minimum(degrees, self._degrees_by_weight(contrasts, outputs))
        tail = stats.t.isf(significance / 2.0, degrees)
        reach = tail * self.errors(contrasts, outputs)
        return effects, effects - reach, effects + reach

    def _degrees_by_weight(self, contrasts: Contrasts, outputs: Any) -> np.ndarray:
        """Effective number of clusters by what they add to the error: (m, C).

        All of them where what they add is normal, and as many clusters of equal weight
        as have its fourth moment where it is not.
        """
        squares = np.square(self._errors_of_clusters(contrasts, outputs))
        fourth = np.sum(np.square(squares), axis=1)
        effective = NORMAL_KURTOSIS * np.square(np.sum(squares, axis=1))
        return np.maximum(effective / np.where(fourth > 0, fourth, 1.0) - 1.0, 1.0)

    def noise(self, *blocks: Any) -> EffectNoise:
        """Noise of the effects by `Contrasts` (n, m), or rows, in one or more blocks.

        Rows of different blocks are taken to be of different clusters where the spread
        of the noise over directions is concerned.
        """
        contrasts = [Contrasts.of(rows) for rows in blocks]
        effects = [own.times(self.outputs) for own in contrasts]
        length = float(np.sqrt(sum(np.sum(part**2) for part in effects)))
        scale = 1.0 / length if length > 0 else 1.0
        parts = [
            _Influence.of(self, own, part)
            for own, part in zip(contrasts, effects, strict=True)
        ]
        projected = sum(part.times(part.effects * scale) for part in parts)
        moments = [part.moments(projected) for part in parts]
        total, squares, shared = np.sum(moments, axis=0)
        along = float(projected @ projected)
        degrees = self._degrees(contrasts)
        return _split(along, total - along, squares - 2 * shared + along**2, degrees)

    def measure(self, rows: Any) -> tuple[float, EffectNoise]:
        """Length of the effects by `Contrasts` (n, m), or rows, and its noise."""
        contrasts = Contrasts.of(rows)
        effects = contrasts.times(self.outputs)
        return float(np.linalg.norm(effects)), self.noise(contrasts)

    def degrees(self, rows: Any) -> float:
        """Degrees of freedom of the noise of effects by `Contrasts` (n, m), or rows."""
        return self._degrees([Contrasts.of(rows)])

    def _degrees(self, contrasts: list[Contrasts]) -> float:
        """Effective number of clusters that tell levels apart, less what is fitted."""
        squares, used = np.zeros(len(self.clusters)), np.zeros(len(self.clusters), bool)
        for own in contrasts:
            squares[own.at] += own.squares
            used[own.at] = True
        shares = np.bincount(self.clusters, squares)
        effective = shares.sum() ** 2 / max(float(np.sum(shares**2)), 1e-300)
        fitted = self.n_fitted * np.mean(used)
        return float(max(1.0, effective - fitted))


@dataclass(frozen=True)
class _Influence:
    """What each cluster adds to the error of effects: a matrix (n_clusters, m C).

    Row g is the sum over the rows i of the cluster of ``rows_i x residuals_i``, less
    ``spread_g effects``. The last cluster has no rows, and stands for all that have
    none here.

    Parameters
    ----------
    rows, residuals : ndarray of shape (n_used, m), (n_used, C)
        Of the rows that are held.
    clusters : ndarray of shape (n_used,), dtype int
        Their clusters, numbered among those `present`.
    present : ndarray of shape (n_clusters - 1,), dtype int
        The clusters of these rows among all.
    all_spread : ndarray
        Spread of all clusters.
    effects : ndarray of shape (m, C)
        The effects.
    """

    rows: np.ndarray
    residuals: np.ndarray
    clusters: np.ndarray
    present: np.ndarray
    all_spread: np.ndarray
    effects: np.ndarray

    @classmethod
    def of(cls, source: NoiseSource, contrasts: Contrasts, effects: np.ndarray):
        """Take the rows that are held."""
        used, spread = contrasts.at, source.spread
        present, clusters = np.unique(source.clusters[used], return_inverse=True)
        residuals = source.residuals[used]
        return cls(contrasts.values, residuals, clusters, present, spread, effects)

    @cached_property
    def spread(self) -> np.ndarray:
        """Spread of the clusters that are present, and of all others together."""
        others = np.delete(self.all_spread, self.present)
        return np.append(self.all_spread[self.present], np.linalg.norm(others))

    def moments(self, projected: np.ndarray) -> tuple[float, float, float]:
        """Trace of the covariance and its square, and length of an image under it.

        `projected` are the products of all clusters with a direction.
        """
        n, m = self.rows.shape
        width, n_clusters = self.effects.size, len(self.spread)
        direct = width * (n + n_clusters * min(width, n_clusters))
        others = np.delete(self.all_spread * projected, self.present).sum()
        last = others / self.spread[-1] if self.spread[-1] > 0 else 0.0
        own = np.append(projected[self.present], last)
        if direct <= n * n * (m + self.effects.shape[1]):
            return self._moments_of_sums(own)
        return self._moments_of_products(own)

    def times(self, vector: np.ndarray) -> np.ndarray:
        """Products of all clusters with a vector (m, C)."""
        found = -self.all_spread * float(np.sum(self.effects * vector))
        found[self.present] += self._sums(vector)
        return found

    def _sums(self, vector: np.ndarray) -> np.ndarray:
        """The same for the clusters that are present, without the spread."""
        by_row = np.sum((self.rows @ vector) * self.residuals, axis=1)
        return np.bincount(self.clusters, by_row, len(self.present))

    def _moments_of_sums(self, projected: np.ndarray):
        """By the matrix itself, in blocks of clusters."""
        width, start = self.effects.size, 0
        if len(self.spread) < width:
            matrix = np.concatenate(list(self._blocks()))
            gram, image = matrix @ matrix.T, projected @ matrix
        else:
            gram, image = np.zeros((width, width)), np.zeros(width)
            for block in self._blocks():
                gram += block.T @ block
                image += projected[start : start + len(block)] @ block
                start += len(block)
        total, squares = float(np.trace(gram)), float(np.sum(gram**2))
        return total, squares, float(image @ image)

    def _blocks(self) -> Iterator[np.ndarray]:
        """The matrix in blocks of clusters."""
        order = np.argsort(self.clusters, kind="stable")
        ends = np.cumsum(np.bincount(self.clusters, minlength=len(self.spread) - 1))
        most = int(np.diff(ends, prepend=0).max())
        size = max(1, ELEMENTS_PER_BLOCK // (self.effects.size * most))
        effects = self.effects.ravel()
        for start in range(0, len(ends), size):
            own = slice(start, min(start + size, len(ends)))
            first = ends[start - 1] if start else 0
            chosen = order[first : ends[own][-1]]
            products = self.rows[chosen, :, None] * self.residuals[chosen, None, :]
            starts = np.concatenate([[0], ends[own][:-1] - first])
            sums = np.add.reduceat(products.reshape(len(chosen), -1), starts, axis=0)
            yield sums - self.spread[own, None] * effects
        yield -self.spread[-1:, None] * effects

    def _moments_of_products(self, projected: np.ndarray):
        """By products of the matrix with its transpose, in blocks of rows."""
        n, size = len(self.rows), float(np.sum(self.effects**2))
        sums = sum_matrix(self.clusters, np.ones(n), len(self.spread))
        along_effects = np.append(self._sums(self.effects), 0.0)
        total = squares = image = 0.0
        order = np.argsort(self.clusters, kind="stable")
        step = max(1, ELEMENTS_PER_BLOCK // n)
        ends = np.cumsum(np.bincount(self.clusters, minlength=len(self.spread)))
        start = 0
        while start < len(self.spread):
            first = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, first + step, "right")))
            own, chosen = slice(start, stop), order[first : ends[stop - 1]]
            block = self.rows[chosen] @ self.rows.T
            block *= self.residuals[chosen] @ self.residuals.T
            local = sum_matrix(
                self.clusters[chosen] - start, np.ones(len(chosen)), stop - start
            )
            block = local @ (sums @ block.T).T
            spread = self.spread
            block -= np.outer(spread[own], along_effects)
            block -= np.outer(along_effects[own], spread)
            block += size * np.outer(spread[own], spread)
            total += float(np.trace(block[:, own]))
            squares += float(np.sum(block**2))
            image += float(projected[own] @ (block @ projected))
            start = stop
        return total, squares, image


def _split(along: float, across: float, squares: float, degrees: float) -> EffectNoise:
    """Noise from variances; `squares` are the squared eigenvalues across."""
    negligible = across <= 1e-9 * along or squares <= 0
    return EffectNoise(
        max(np.sqrt(along), 1e-12),
        0.0 if negligible else across,
        0.0 if negligible else across**2 / squares,
        degrees,
    )


def _spread_influence(
    model: OutputModel, outputs: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """What each cluster adds to the relative error of the outputs' deviation."""
    centred = outputs - np.average(outputs, axis=0, weights=weights)
    excess = np.sum(centred**2, axis=1) - model.total_variance
    by_row = weights * excess / weights.sum() / (2.0 * model.total_variance)
    return np.bincount(model.exchange.clusters, by_row)
