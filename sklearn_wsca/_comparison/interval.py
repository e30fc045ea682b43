"""Interval of the difference of two utilizations, from the intervals of both.

The method of variance estimates recovery (Zou and Donner): what separates an estimate
from its own limit stands for its error on that side. It is right for estimates whose
distribution is skewed, as that of a length near zero. Besides, two lengths cannot
differ by more than the two vectors of effects are apart, which is little where both
networks do nearly the same.
"""

from __future__ import annotations

import numpy as np

from sklearn_wsca._comparison.contributions import Pair
from sklearn_wsca._utilization.interval import limits

# Share of the level at which a second limit of the same difference is taken.
BESIDE = 0.1
# Differences, in standard deviations, that are rounding: limits are searched for, and
# outputs were saved in single precision.
ROUNDING = 1e-6


def difference_limits(pair: Pair, significance: float) -> dict[str, float]:
    """Utilization of both networks and their difference, each with its interval."""
    found = {
        name: limits(own.raw, own.noise, own.noise.mean_square, significance)
        for name, own in (("a", pair.a), ("b", pair.b))
    }
    a, b = found["a"], found["b"]
    difference = b["utilization"] - a["utilization"]
    correlation = pair.correlation
    most = max(_largest_distance(pair, significance), abs(difference))
    low = max(difference - _reach(b, a, correlation), -most)
    high = min(difference + _reach(a, b, correlation), most)
    return {
        "utilization_a": a["utilization"],
        "low_a": a["low"],
        "high_a": a["high"],
        "utilization_b": b["utilization"],
        "low_b": b["low"],
        "high_b": b["high"],
        "difference": _without_rounding(difference),
        "low": _without_rounding(low),
        "high": _without_rounding(high),
    }


def _without_rounding(value: float) -> float:
    return 0.0 if abs(value) < ROUNDING else float(value)


def _reach(smaller: dict, larger: dict, correlation: float) -> float:
    """How far the difference may be off if one is smaller, and the other one larger.

    Where the smaller one may be 0 its limit is cut off there, and says nothing of the
    error that both share.
    """
    below = smaller["utilization"] - smaller["low"]
    above = larger["high"] - larger["utilization"]
    if smaller["low"] <= 0.0:
        correlation = min(correlation, 0.0)
    square = below**2 + above**2 - 2.0 * correlation * below * above
    return float(np.sqrt(max(square, 0.0)))


def _largest_distance(pair: Pair, significance: float) -> float:
    """Upper limit of how far the effects of both networks are apart."""
    raw, noise = pair.distance()
    return limits(raw, noise, noise.mean_square, BESIDE * significance)["high"]
