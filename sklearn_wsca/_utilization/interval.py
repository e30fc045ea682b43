r"""Interval and detectable size of a utilization, from its sampling noise.

A utilization is the length of an estimated vector of effects, so noise makes it larger
and its distribution changes shape near zero, where percentiles of a bootstrap fail.
Intervals here invert the distribution of the squared length,

.. math:: Q = (u + \sigma z)^2 + R

with u the true length, z the standardised noise along the effect (Student's t), sigma
its standard deviation and R the squared noise in all other directions (a scaled chi
squared with the mean and variance that the noise has there).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize, special

from sklearn_wsca._utilization.output_model import OutputModel

# Clusters with less leverage than this are used without correcting for it, which
# changes the variance by 2 % at most.
NEGLIGIBLE_LEVERAGE = 0.02
ELEMENTS_PER_BLOCK = 2**22
# Leverage so close to 0 or 1: nothing to correct, or nothing left to correct.
SATURATED = 1e-9
# Quantiles, closer to each other in the upper tail, and the probability around each.
STEPS = (np.arange(200) + 0.5) / 200
NODES, MASSES = 1.0 - (1.0 - STEPS) ** 3, 3.0 * (1.0 - STEPS) ** 2
MASSES = MASSES / MASSES.sum()


@dataclass(frozen=True)
class EffectNoise:
    """Sampling noise of a vector of effects, in units of utilization.

    Parameters
    ----------
    along : float
        Standard deviation along the effect.
    across : float
        Mean squared noise in all other directions together.
    across_degrees : float
        Degrees of freedom of the chi squared that stands for it; 0 if there is none.
    degrees : float
        Degrees of freedom of the estimated standard deviation.
    """

    along: float
    across: float
    across_degrees: float
    degrees: float

    @property
    def mean_square(self) -> float:
        """Expected squared length of the estimate where there is no effect."""
        return self.along**2 + self.across

    def interval(self, raw: float, level: float) -> tuple[float, float]:
        """Two-sided interval of a raw utilization; low is 0 where 0 is not excluded."""
        tail = (1.0 - level) / 2.0
        return self._effect_at(raw, 1.0 - tail), self._effect_at(raw, tail)

    def upper_limit(self, raw: float, level: float) -> float:
        """One-sided limit, never below that of a typical sample without effect.

        A sample that happens to fall short of its own noise is no reason to trust it
        more than others of its size.
        """
        typical = self._quantile(0.5, 0.0)
        return self._effect_at(max(raw, typical), 1.0 - level)

    def detectable(self, significance: float, power: float = 0.8) -> float:
        """Smallest utilization that exceeds the null's quantile with this power."""
        critical = self._quantile(1.0 - significance, 0.0)
        return self._effect_at(critical, 1.0 - power)

    def cdf(self, raw: float, effect: float) -> float:
        """Probability of a raw utilization up to `raw` at a true effect."""
        left = raw**2 - self._across_nodes
        reach = np.sqrt(np.maximum(left, 0.0))
        upper, lower = (
            special.stdtr(self.degrees, (side * reach - effect) / self.along)
            for side in (1.0, -1.0)
        )
        inside = np.where(left > 0, upper - lower, 0.0)
        return float(MASSES @ inside if len(inside) > 1 else inside[0])

    def _effect_at(self, raw: float, probability: float) -> float:
        """Effect at which a raw utilization up to `raw` has this probability."""
        if self.cdf(raw, 0.0) <= probability:
            return 0.0
        highest = raw + self.along
        while self.cdf(raw, highest) > probability:
            highest = 2.0 * highest
        return float(
            optimize.brentq(
                lambda effect: self.cdf(raw, effect) - probability, 0.0, highest
            )
        )

    def _quantile(self, probability: float, effect: float) -> float:
        highest = effect + np.sqrt(self.mean_square)
        while self.cdf(highest, effect) < probability:
            highest = 2.0 * highest
        return float(
            optimize.brentq(
                lambda raw: self.cdf(raw, effect) - probability, 0.0, highest
            )
        )

    @cached_property
    def _across_nodes(self) -> np.ndarray:
        """Quantiles of the squared noise across the effect."""
        if not self.across_degrees:
            return np.zeros(1)
        scale = 2.0 * self.across / self.across_degrees
        return scale * special.gammaincinv(self.across_degrees / 2.0, NODES)


def estimate_noise(
    model: OutputModel, outputs: np.ndarray
) -> tuple[EffectNoise, EffectNoise]:
    """Noise of the effects of a column on outputs (n, C), robust to groups.

    Returns
    -------
    along_effect, typical : EffectNoise
        Seen from the direction of the estimated effect, and from one in which there is
        as much noise as there usually is.
    """
    rows, design = model.effect_rows()
    effects = (rows.T @ model.rows.residuals).ravel() / np.sqrt(model.total_variance)
    degrees = _degrees(rows, design, model.exchange.clusters)
    length = np.linalg.norm(effects)
    direction = effects / length if length > 0 else effects
    blocks = _influence(model, rows, design, outputs, effects)
    n_clusters = int(model.exchange.clusters.max()) + 1
    total, squares, along, shared = _moments(blocks, direction, n_clusters)
    own = _split(along, total - along, squares - 2 * shared + along**2, degrees)
    scale = squares / total if total > 0 else 0.0
    rest = max(total - scale, 0.0)
    return own, _split(scale, rest, rest * scale, degrees)


def _moments(blocks: Iterator[np.ndarray], direction: np.ndarray, n_clusters: int):
    """Traces of the covariance and its square; along a direction, and its image."""
    if n_clusters < len(direction):
        influence = np.concatenate(list(blocks))
        projected = influence @ direction
        products = influence @ influence.T
        image = projected @ influence
        along = projected @ projected
    else:
        products = sum(block.T @ block for block in blocks)
        image = products @ direction
        along = direction @ image
    return np.trace(products), np.sum(products**2), along, image @ image


def _split(along: float, across: float, squares: float, degrees: float) -> EffectNoise:
    """Noise from variances; `squares` are the squared eigenvalues across."""
    negligible = across <= 1e-9 * along or squares <= 0
    return EffectNoise(
        max(np.sqrt(along), 1e-12),
        0.0 if negligible else across,
        0.0 if negligible else across**2 / squares,
        degrees,
    )


def _influence(
    model: OutputModel,
    rows: np.ndarray,
    design: np.ndarray,
    outputs: np.ndarray,
    effects: np.ndarray,
) -> Iterator[np.ndarray]:
    """What each cluster adds to the error of the effects: blocks (n_clusters, m C).

    Residuals are those of common effects. They are enlarged for the leverage of their
    cluster (the CR2 correction of Bell and McCaffrey).
    """
    clusters = model.exchange.clusters
    basis = design[:, model.rows.fixed.shape[1] :]
    residuals = model.rows.residuals - basis @ (basis.T @ model.rows.residuals)
    residuals = _enlarge(residuals, design, clusters) / np.sqrt(model.total_variance)
    unit = _spread_influence(model, outputs)
    order = np.argsort(clusters, kind="stable")
    ends = np.cumsum(np.bincount(clusters))
    size = max(
        1, ELEMENTS_PER_BLOCK // (len(effects) * int(np.diff(ends, prepend=0).max()))
    )
    for start in range(0, len(ends), size):
        own = slice(start, start + size)
        first = ends[start - 1] if start else 0
        chosen = order[first : ends[own][-1]]
        products = rows[chosen, :, None] * residuals[chosen, None, :]
        starts = np.concatenate([[0], ends[own][:-1] - first])
        sums = np.add.reduceat(products.reshape(len(chosen), -1), starts, axis=0)
        yield sums - unit[own, None] * effects


def _degrees(rows: np.ndarray, design: np.ndarray, clusters: np.ndarray) -> float:
    """Effective number of clusters that tell levels apart, less what is fitted."""
    shares = np.bincount(clusters, np.sum(rows**2, axis=1))
    effective = shares.sum() ** 2 / np.sum(shares**2)
    return float(max(1.0, effective - design.shape[1]))


def _enlarge(residuals, design, clusters) -> np.ndarray:
    """Residuals multiplied by ``(1 - H)^(-1/2)`` of their cluster, H its leverage."""
    leverage = np.bincount(clusters, np.sum(design**2, axis=1))
    if len(leverage) == len(clusters):
        return residuals * _growth(leverage[clusters])[:, None]
    residuals = residuals.copy()
    order = np.argsort(clusters, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(clusters))[:-1])
    for cluster in np.flatnonzero(leverage > NEGLIGIBLE_LEVERAGE):
        rows = members[cluster]
        own, scores = design[rows], design[rows].T @ residuals[rows]
        values, vectors = np.linalg.eigh(own.T @ own)
        used = values > SATURATED
        turn = vectors[:, used]
        change = (_growth(values[used]) - 1.0) / values[used]
        residuals[rows] += own @ turn @ (change[:, None] * (turn.T @ scores))
    return residuals


def _growth(leverage: np.ndarray) -> np.ndarray:
    """``(1 - h)^(-1/2)``; 1 for a leverage h of 1, whose residual is 0 anyway."""
    left = 1.0 - leverage
    return 1.0 / np.sqrt(np.where(left > SATURATED, left, 1.0))


def _spread_influence(model: OutputModel, outputs: np.ndarray) -> np.ndarray:
    """What each cluster adds to the relative error of the outputs' deviation."""
    weights = model.rows.roots**2
    centred = outputs - np.average(outputs, axis=0, weights=weights)
    excess = np.sum(centred**2, axis=1) - model.total_variance
    by_row = weights * excess / weights.sum() / (2.0 * model.total_variance)
    return np.bincount(model.exchange.clusters, by_row)
