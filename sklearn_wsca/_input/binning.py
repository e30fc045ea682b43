"""Numbers that are cut into classes, by quantiles or of equal width."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import FEWEST_LEVEL_ROWS, Column
from sklearn_wsca._input.numeric_values import LeftOutError
from sklearn_wsca._text import list_first

Binning = Literal["quantile", "uniform"]

BINNINGS = {"quantile": "quantile classes", "uniform": "classes of equal width"}
WHY_FEW = {
    "quantile": "too many rows share a value, or the classes are too many",
    "uniform": "most rows lie close together; take binning='quantile'",
}
# Edges of classes have so many digits more than the size of their range, and as many as
# it takes to keep every row in its class.
EDGE_DIGITS, MOST_MORE_DIGITS = 3, 17


def bin_numbers(
    name: Any,
    rows: np.ndarray,
    numbers: np.ndarray,
    n_bins: int,
    binning: Binning,
    notes: tuple[str, ...],
) -> Column:
    """Column of the classes of numbers that are observed on some rows.

    Raises
    ------
    LeftOutError
        If fewer than 2 classes have rows enough.
    """
    edges = _edges(numbers, n_bins, binning)
    # The outer classes are open, so that new rows beyond the range belong somewhere.
    levels = pd.IntervalIndex.from_breaks([-np.inf, *edges, np.inf])
    codes = np.searchsorted(edges, numbers, side="left")
    counts = np.bincount(codes, minlength=len(levels))
    kept = np.flatnonzero(counts >= FEWEST_LEVEL_ROWS)
    how = BINNINGS[binning]
    if len(kept) < 2:
        raise LeftOutError(
            f"{n_bins} {how} were asked for, and {len(kept) or 'none'} of them has "
            f"{FEWEST_LEVEL_ROWS} or more rows: {WHY_FEW[binning]}"
        )
    notes = notes + (f"binned into {len(kept)} {how}", *_thin_notes(levels, counts))
    used = np.isin(codes, kept)
    codes = np.searchsorted(kept, codes[used])
    return Column(name, "categorical", rows[used], codes, tuple(levels[kept]), notes)


def _edges(numbers: np.ndarray, n_bins: int, binning: Binning) -> np.ndarray:
    """Inner edges, each the upper end of its class, in no more digits than it takes.

    Quantile classes without rows, which ties make, are left out.
    """
    values = np.unique(numbers)
    if binning == "quantile":
        edges = np.quantile(numbers, np.linspace(0.0, 1.0, n_bins + 1)[1:-1])
    else:
        edges = np.linspace(values[0], values[-1], n_bins + 1)[1:-1]
    edges = np.unique(edges[edges < values[-1]])
    below = np.searchsorted(values, edges, side="right")
    if binning == "quantile":
        below, first = np.unique(below, return_index=True)
        edges = edges[first]
    digits = EDGE_DIGITS - math.floor(math.log10(values[-1] - values[0]))
    pairs = zip(edges.tolist(), below.tolist(), strict=True)
    return np.array([_round(edge, digits, values[i - 1 : i + 1]) for edge, i in pairs])


def _round(edge: float, digits: int, neighbours: np.ndarray) -> float:
    """Edge in few digits that still parts the two values beside it.

    Classes are found again by their names, so that an edge that is rounded for display
    alone would put new rows in another class.
    """
    low, high = neighbours
    for n in range(digits, digits + MOST_MORE_DIGITS):
        if low <= round(edge, n) < high:
            return round(edge, n)
    return edge


def _thin_notes(levels: pd.IntervalIndex, counts: np.ndarray) -> tuple[str, ...]:
    """Name the classes that nobody, or hardly anybody, is in."""
    empty = [str(level) for level in levels[counts == 0]]
    thin = (counts > 0) & (counts < FEWEST_LEVEL_ROWS)
    notes = []
    if empty:
        verb = "has" if len(empty) == 1 else "have"
        notes.append(f"{list_first(empty, 3)} {verb} no rows")
    if thin.any():
        n, named = int(counts[thin].sum()), [str(level) for level in levels[thin]]
        what = f"{n} row{'s' if n > 1 else ''} in {list_first(named, 3)}"
        notes.append(
            f"{what} {'are' if n > 1 else 'is'} not used (fewer than "
            f"{FEWEST_LEVEL_ROWS} in a class)"
        )
    return tuple(notes)
