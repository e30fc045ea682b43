"""Distributions as half violins, one below the other, with observed values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.row_pairs import BETWEEN, PAIRS, SAME_TASK, WITHIN
from sklearn_wsca._displays.style import (
    FAINT,
    INK,
    LABEL_SIZE,
    NULL_COLOUR,
    WITHIN_COLOUR,
    RowLabels,
    make_label,
    row_scale,
)
from sklearn_wsca._text import format_pvalue

MOST_BINS, FEWEST_FOR_BINS = 30, 10
# Height of a distribution of pairs, in rows.
PAIRS_ROW = 3.0
NO_PAIRS = {WITHIN: "no head has two rows", BETWEEN: "there is one head only"}
COLOUR_OF = {WITHIN: WITHIN_COLOUR, SAME_TASK: WITHIN_COLOUR}


def _half_violin(ax: Any, values: Any, base: float, height: float, colour: str) -> None:
    """Histogram on `base`, or ticks for few values; the axis points down."""
    if len(values) < FEWEST_FOR_BINS or np.ptp(values) == 0:
        tops = np.full(len(values), base - height / 2)
        ax.vlines(values, base, tops, color=colour, linewidth=2)
        return
    n_bins = int(np.clip(np.sqrt(len(values)) * 1.5, 5, MOST_BINS))
    counts, edges = np.histogram(values, n_bins)
    tops = base - height * np.append(counts, counts[-1]) / counts.max()
    ax.fill_between(edges, base, tops, step="post", color=colour, linewidth=0, zorder=1)


def draw_permutations(ax: Any, display: Any, names: list, positions: list) -> tuple:
    """Null of every column with its median and central 95 %, and what was observed."""
    null, sides, scale = display.null.to_numpy(dtype=float), [], row_scale(ax)
    for i, position in enumerate(positions):
        values = null[:, i][~np.isnan(null[:, i])]
        sides.append(_describe_pvalues(display.pvalues, i) if len(values) else "")
        if not len(values):
            _say(ax, position, "not tested")
            continue
        _half_violin(ax, values, position + 0.2, 0.55, NULL_COLOUR)
        low, median, high = np.quantile(values, [0.025, 0.5, 0.975])
        ax.plot([low, high], [position + 0.2] * 2, color=INK, linewidth=1.6 * scale)
        ax.plot([median], [position + 0.2], "|", color=INK, markersize=6 * scale)
    (marker,) = ax.plot(
        display.observed.to_numpy(dtype=float),
        np.array(positions) + 0.2,
        "D",
        color="black",
        markeredgecolor="white",
        markersize=6 * scale,
        label="observed",
        clip_on=False,
        zorder=3,
    )
    ax.set_xlim(left=min(0.0, ax.get_xlim()[0]))
    rows = RowLabels(positions, [make_label(name) for name in names], sides)
    labels = ["observed", "permutations", "their central 95 % and median"]
    return rows, [marker, *_legend_of_null(scale)], labels


def _legend_of_null(scale: float) -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    bar = Line2D([], [], color=INK, linewidth=1.6, marker="|", markersize=6 * scale)
    return [Patch(color=NULL_COLOUR), bar]


def _describe_pvalues(pvalues: pd.DataFrame | None, i: int) -> str:
    if pvalues is None:
        return ""
    pvalue, fwer = pvalues["pvalue"].iloc[i], pvalues["pvalue_fwer"].iloc[i]
    own = format_pvalue(pvalue)
    return own if np.isnan(fwer) else f"{own} (FWER {fwer:.2g})"


def _say(ax: Any, position: float, text: str) -> None:
    """Write something instead of data, at the left of a row."""
    ax.text(
        0.01,
        position,
        text,
        transform=ax.get_yaxis_transform(),
        va="center",
        fontsize=LABEL_SIZE - 1,
        style="italic",
        color=FAINT,
    )


def kinds_of_pairs(null: pd.DataFrame) -> list[str]:
    """Kinds that are drawn: those of one network, and others that there are."""
    found = set(null["pair"])
    return [pair for pair in PAIRS if pair in NO_PAIRS or pair in found]


def draw_pairs(ax: Any, display: Any, names: list, positions: list) -> tuple:
    """Distributions of the kinds of pairs above the values of every column."""
    found = {
        pair: display.null["cosine"].to_numpy()[(display.null["pair"] == pair)]
        for pair in kinds_of_pairs(display.null)
    }
    middles, sides = _draw_kinds(ax, found)
    handles, labels = _shade(ax, found[BETWEEN])
    values = display.observed.to_numpy(dtype=float)
    ticks = _draw_cosines(ax, display.observed, names, positions)
    if len(values):
        handles.insert(0, ticks)
        labels.insert(0, "rows of the primary head with rows of the column")
    everything = np.concatenate([*found.values(), values.ravel()])
    reach = 1.05 * np.max(np.abs(everything), initial=0.1)
    ax.set_xlim(-reach, reach)
    ax.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    shown = [pair if pair == SAME_TASK else f"pairs {pair}" for pair in found]
    shown += [make_label(name) for name in names]
    rows = RowLabels(middles + positions, shown, sides + [""] * len(names))
    return rows, handles, labels


def _draw_kinds(ax: Any, found: dict[str, Any]) -> tuple[list[float], list[str]]:
    """Draw a distribution per kind of pair; returns its middle, and how many."""
    middles, sides = [], []
    for i, (pair, values) in enumerate(found.items()):
        base = PAIRS_ROW * (i + 1) - 0.8
        colour = COLOUR_OF.get(pair, NULL_COLOUR)
        middles.append(base - 0.7)
        sides.append("1 pair" if len(values) == 1 else f"{len(values)} pairs")
        if len(values):
            _half_violin(ax, values, base, PAIRS_ROW - 0.6, colour)
        else:
            _say(ax, base - 0.7, NO_PAIRS[pair])
    return middles, sides


def _shade(ax: Any, values: Any) -> tuple[list, list[str]]:
    """Shade the central 95 % of pairs between heads; entries of the legend."""
    from matplotlib.patches import Patch

    if not len(values):
        return [], []
    low, high = np.quantile(values, [0.025, 0.975])
    ax.axvspan(low, high, color=NULL_COLOUR, alpha=0.25, linewidth=0, zorder=0)
    label = "central 95 % of pairs between heads"
    return [Patch(color=NULL_COLOUR, alpha=0.25)], [label]


def _draw_cosines(ax: Any, observed: Any, names: list, positions: list) -> Any:
    """Draw a tick per pair of rows with the primary head; returns them."""
    values = observed.to_numpy(dtype=float)
    tasks = observed.columns.get_level_values("task")
    at = np.array([positions[names.index(task)] for task in tasks], dtype=float)
    (ticks,) = ax.plot(
        values.ravel(),
        np.broadcast_to(at, values.shape).ravel(),
        "|",
        color="black",
        markersize=9 * row_scale(ax),
        label="observed",
    )
    return ticks
