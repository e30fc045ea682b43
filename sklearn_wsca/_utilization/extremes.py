"""A single row that decides in which unit utilization is told."""

from __future__ import annotations

import numpy as np

from sklearn_wsca._utilization.decision import Decision

# A row with more of the variance of the outputs than this makes everything else look
# small: 24 standard deviations of the others among 600 rows.
MOST_OF_VARIANCE, FEWEST_ROWS = 0.5, 100


def describe_extreme(decision: Decision | None, positions: np.ndarray) -> str:
    """That one row holds most of the variance of the outputs, or "".

    `positions` (n,) are what rows are called.
    """
    if decision is None or len(decision.outputs) < FEWEST_ROWS:
        return ""
    centred = decision.outputs - np.average(
        decision.outputs, axis=0, weights=decision.weights
    )
    squares = decision.weights * np.sum(centred**2, axis=1)
    row = int(squares.argmax())
    if squares[row] <= MOST_OF_VARIANCE * squares.sum():
        return ""
    return (
        f"row {positions[row]} (from 0) alone holds {squares[row] / squares.sum():.0%} "
        "of the variance of the outputs, in whose standard deviation a use is told, so "
        "it can hide one; correct it, or leave it out"
    )
