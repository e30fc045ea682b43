"""Curves of performance against the share of the features that is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._displays.style import (
    COLOURS,
    INK,
    LABEL_SIZE,
    MARKERS,
    name_axes,
    name_places,
)

MEASURES = {
    "balanced_accuracy": "balanced accuracy",
    "r2": "R²",
    "auroc": "AUROC",
    "map_agreement": "agreement of maps",
}
RANDOM = "_random"
POINTS_PER_TICK = 34.0
# R2 of a few features has no lower end.
LOWEST_SHOWN = -0.25
LINE_OF_TEXT = 10.0


def check_curve(curve: Any) -> None:
    """Raise if this is no performance curve."""
    columns = getattr(curve, "columns", ())
    if "share" not in columns or not set(MEASURES) & set(columns):
        raise ValueError(
            "importance: kind='curve' needs the performance_curve_ of a fitted "
            f"estimator, with the columns share and one of {list(MEASURES)}."
        )


def draw_curve(ax: Any, curve: pd.DataFrame) -> tuple[list, list[str]]:
    """Draw every measure, dashed for random features; entries of the legend."""
    share = curve["share"].to_numpy()
    measures = [name for name in MEASURES if name in curve]
    handles, labels = [], []
    for name, colour, marker in zip(measures, COLOURS, MARKERS, strict=False):
        look: dict[str, Any] = {"color": colour, "linewidth": 1.3, "zorder": 3}
        handles += ax.plot(share, curve[name], marker=marker, markersize=4.5, **look)
        labels.append(MEASURES[name])
        if name + RANDOM in curve:
            ax.plot(share, curve[name + RANDOM], "--", **look)
    if any(name + RANDOM in curve for name in measures):
        handles += ax.plot([], [], "--", color=INK, linewidth=1.3)
        labels.append("random features")
    ax.set_xscale("log")
    low = np.nanmin(curve.drop(columns="share").to_numpy(), initial=0.0)
    ax.set_ylim(max(low, LOWEST_SHOWN) - 0.02, 1.02)
    what = f"share of the {curve.index[-1]} features that is kept"
    name_axes(ax, what, "performance")
    return handles, labels


def mark_share(ax: Any, share: float, label: str, style: str, line: int) -> None:
    """Mark a share by a vertical line, named on a line of text above the axes."""
    low, high = np.log(ax.get_xlim())
    ax.axvline(share, color=INK, linestyle=style, linewidth=1, label=label)
    # Text runs towards the middle, and so stays above the axes.
    right_half = 2 * np.log(share) > low + high
    ax.annotate(
        label,
        (share, 1.0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(2.0 if right_half else -2.0, 2.0 + line * LINE_OF_TEXT),
        textcoords="offset points",
        ha="right" if right_half else "left",
        fontsize=LABEL_SIZE,
        color=INK,
    )


def describe_share(share: float) -> str:
    """Share in per cent, to two digits; never as all where it is less."""
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.4g} %"


def label_shares(ax: Any) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, as many as have room."""
    low, high = ax.get_xlim()
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), 1)
    ticks = (powers[:, None] * [1.0, 2.0, 5.0]).ravel()
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    name_places(ax, ticks, [f"{100 * share:g} %" for share in ticks], POINTS_PER_TICK)


def limit_shares(ax: Any, smallest: float) -> None:
    """Have the axis reach from the smallest share to all features."""
    ax.set_xlim(min(smallest, 0.5) / 1.15, 1.15)
