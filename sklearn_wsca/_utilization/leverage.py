"""Residuals corrected for what a regression takes of the noise of each cluster."""

from __future__ import annotations

import numpy as np

from sklearn_wsca._linear.class_basis import ClassBasis

# Clusters with less leverage than this are used without correcting for it, which
# changes the variance by 2 % at most.
NEGLIGIBLE_LEVERAGE = 0.02
# Leverage so close to 0 or 1: nothing to correct, or nothing left to correct.
SATURATED = 1e-9
# Powers of 1 / (1 - leverage) by which residuals grow: right for even noise (CR2); and
# right where noise grows with leverage (CR3, the jackknife), as it may along a curve,
# of which few extreme values decide.
EVEN_NOISE, JACKKNIFE = 0.5, 1.0


def enlarge(
    residuals: np.ndarray, design: ClassBasis, clusters: np.ndarray, power: float
) -> np.ndarray:
    """Residuals multiplied by ``(1 - H)^(-power)`` of their cluster, H its leverage."""
    leverage = np.bincount(clusters, design.leverages())
    sizes = np.bincount(clusters)
    if len(leverage) == len(clusters):
        return residuals * _growth(leverage[clusters], power)[:, None]
    residuals = residuals.copy()
    order, starts = np.argsort(clusters, kind="stable"), np.cumsum(sizes) - sizes
    for size in np.unique(sizes[leverage > NEGLIGIBLE_LEVERAGE]):
        alike = np.flatnonzero((leverage > NEGLIGIBLE_LEVERAGE) & (sizes == size))
        rows = order[starts[alike, None] + np.arange(size)]
        scores = residuals[rows]
        if size <= design.width:
            values, turn = np.linalg.eigh(design.grams(rows))
        else:
            own = design.written_out()[rows]
            turn, lengths, _ = np.linalg.svd(own, full_matrices=False)
            values = lengths**2
        # Across these directions there is nothing to change.
        change = _growth(values, power) - 1.0
        scores = change[:, :, None] * (turn.swapaxes(1, 2) @ scores)
        residuals[rows] += turn @ scores
    return residuals


def _growth(leverage: np.ndarray, power: float) -> np.ndarray:
    """``(1 - h)^(-power)``; 1 for a leverage h of 1, whose residual is 0 anyway."""
    left = 1.0 - leverage
    return np.where(left > SATURATED, left, 1.0) ** -power
