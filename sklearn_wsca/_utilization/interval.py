r"""Interval and detectable size of a utilization, given its sampling noise.

A utilization is the length of an estimated vector of effects, so noise makes it larger
and its distribution changes shape near zero, where percentiles of a bootstrap fail.
Intervals here invert the distribution of the squared length,

.. math:: Q = (u + \sigma z)^2 + R

with u the true length, z the standardised noise along the effect (Student's t), sigma
its standard deviation and R the squared noise in all other directions (a scaled chi
squared with the mean and variance that the noise has there).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import optimize, special

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
        nodes, masses = self._across_nodes
        left = raw**2 - nodes
        # The nodes rise: beyond these the noise across is longer than `raw`.
        reach = np.sqrt(left[left > 0])
        upper, lower = (
            special.stdtr(self.degrees, (side * reach - effect) / self.along)
            for side in (1.0, -1.0)
        )
        return float(masses[: len(reach)] @ (upper - lower))

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
    def _across_nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Quantiles of the squared noise across the effect, and their masses."""
        if not self.across_degrees:
            return np.zeros(1), np.ones(1)
        scale = 2.0 * self.across / self.across_degrees
        return scale * special.gammaincinv(self.across_degrees / 2.0, NODES), MASSES


def limits(
    raw: float, noise: EffectNoise, mean_square: float, significance: float
) -> dict[str, Any]:
    """Utilization without its noise, with interval and one-sided limit."""
    estimate = float(np.sqrt(max(raw**2 - mean_square, 0.0)))
    low, high = noise.interval(raw, 1.0 - significance)
    # What is removed and the interval are not made from the same noise: a reader must
    # not find the estimate outside of it, nor a sample that falls short of its own
    # noise more certain than others of its size.
    upper = max(noise.upper_limit(raw, 1.0 - significance), estimate)
    return {
        "utilization": estimate,
        "low": min(low, estimate),
        "high": max(high, upper),
        "upper": upper,
    }
