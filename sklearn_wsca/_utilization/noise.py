"""Sampling noise of effects on outputs, robust to unequal variances and to groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sklearn_wsca._linear.class_basis import sum_matrix
from sklearn_wsca._utilization.class_influence import ClassInfluence
from sklearn_wsca._utilization.contrast_rows import ClassContrasts, Contrasts
from sklearn_wsca._utilization.influence import Influence
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
        contrasts = [_as_contrasts(rows).condensed() for rows in blocks]
        effects = [own.times(self.outputs) for own in contrasts]
        length = float(np.sqrt(sum(np.sum(part**2) for part in effects)))
        scale = 1.0 / length if length > 0 else 1.0
        parts = [
            self._influence(own, part)
            for own, part in zip(contrasts, effects, strict=True)
        ]
        along_own = [part.times(part.effects * scale) for part in parts]
        projected = np.sum(along_own, axis=0)
        moments = [part.moments(projected) for part in parts]
        total, squares, shared = np.sum(moments, axis=0)
        along = float(projected @ projected)
        degrees = self._degrees(contrasts)
        return _split(along, total - along, squares - 2 * shared + along**2, degrees)

    def _influence(self, own: Any, effects: np.ndarray) -> Influence | ClassInfluence:
        """What each cluster adds to the error of effects by contrasts."""
        make: Any = Influence.of
        if isinstance(own, ClassContrasts):
            make = ClassInfluence
        return make(own, self.residuals, self.clusters, self.spread, effects)

    def measure(self, rows: Any) -> tuple[float, EffectNoise]:
        """Length of the effects by `Contrasts` (n, m), or rows, and its noise."""
        contrasts = _as_contrasts(rows)
        effects = contrasts.times(self.outputs)
        return float(np.linalg.norm(effects)), self.noise(contrasts)

    def degrees(self, rows: Any) -> float:
        """Degrees of freedom of the noise of effects by `Contrasts` (n, m), or rows."""
        return self._degrees([_as_contrasts(rows)])

    def _degrees(self, contrasts: list[Any]) -> float:
        """Effective number of clusters that tell levels apart, less what is fitted."""
        squares, used = np.zeros(len(self.clusters)), np.zeros(len(self.clusters), bool)
        for own in contrasts:
            squares[own.at] += own.squares
            used[own.at] = True
        shares = np.bincount(self.clusters, squares)
        effective = shares.sum() ** 2 / max(float(np.sum(shares**2)), 1e-300)
        fitted = self.n_fitted * np.mean(used)
        return float(max(1.0, effective - fitted))


def _as_contrasts(rows: Any) -> Contrasts | ClassContrasts:
    return rows if isinstance(rows, ClassContrasts) else Contrasts.of(rows)


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
