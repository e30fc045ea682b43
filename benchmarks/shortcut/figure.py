"""Figures of the experiment."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.shortcut.measures import (
    ADJUSTED,
    MARGIN,
    PUBLISHED,
    UTILIZATION,
    Results,
)
from benchmarks.shortcut.table import spearman

# Colours that the colour-blind can tell apart (Okabe and Ito), with a marker each.
TASK_STYLES = {"fine-tuned": ("#0072B2", "o"), "multi-task": ("#D55E00", "^")}
VERDICT_STYLES = {
    "used": ("#D55E00", "^"),
    "inconclusive": ("#E69F00", "D"),
    "not used": ("#0072B2", "o"),
    "not encoded": ("#999999", "s"),
    "untestable": ("#000000", "x"),
}
PANELS = (
    PUBLISHED,
    ADJUSTED,
    "WSC, score metric",
    "WSC, pattern metric",
    "probe accuracy",
    "Kolmogorov-Smirnov",
    "sign count (TCAV)",
    "erasure, outputs",
    UTILIZATION,
)
TRUE_SHIFT = "true shift of the outputs (standard deviations)"


def draw_measures(results: Results, path: Path) -> None:
    """One panel per measure: its value beside the true use."""
    figure, axes = plt.subplots(
        3, 3, figsize=(9.0, 8.4), sharex=True, layout="constrained"
    )
    for ax, name in zip(axes.flat, PANELS, strict=True):
        _draw_panel(ax, results, name)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(TASK_STYLES))
    figure.supxlabel(f"{TRUE_SHIFT}; titles: Spearman correlation with it", fontsize=10)
    _save(figure, path)


def _draw_panel(ax, results: Results, name: str) -> None:
    for tasks, (colour, marker) in TASK_STYLES.items():
        rows = results.networks["tasks"] == tasks
        ax.scatter(
            results.networks.loc[rows, "shift"],
            results.values.loc[rows, name],
            s=16,
            color=colour,
            marker=marker,
            alpha=0.7,
            linewidths=0,
            label=tasks,
        )
    rank = spearman(results, name)
    ax.set_title(f"{name}: {rank:.2f}", fontsize=10)
    ax.tick_params(labelbottom=True, labelsize=8)


def draw_utilization(results: Results, path: Path) -> None:
    """Utilization with its interval beside the true use, and the verdict."""
    figure, ax = plt.subplots(figsize=(7.0, 5.2), layout="constrained")
    largest = max(results.networks["shift"].max(), results.networks["high"].max())
    ax.plot([0, largest], [0, largest], color="black", linewidth=0.8)
    ax.axhline(MARGIN, color="black", linewidth=0.8, linestyle=":")
    ax.axvline(MARGIN, color="black", linewidth=0.8, linestyle=":")
    for verdict, (colour, marker) in VERDICT_STYLES.items():
        rows = results.networks["verdict"] == verdict
        if rows.any():
            _draw_intervals(ax, results.take(rows), colour, marker, verdict)
    ax.set_xlabel(TRUE_SHIFT)
    ax.set_ylabel("utilization, with its 95 % interval")
    ax.set_title("diagonal: equal; dotted: margin of the verdicts", fontsize=10)
    ax.legend(title="verdict", loc="lower right")
    _save(figure, path)


def _draw_intervals(ax, results: Results, colour, marker, label) -> None:
    value = results.values[UTILIZATION]
    limits = results.networks[["low", "high"]]
    ax.errorbar(
        results.networks["shift"],
        value,
        np.abs(limits.sub(value, axis="index").to_numpy().T),
        fmt=marker,
        color=colour,
        markersize=5,
        elinewidth=0.8,
        label=label,
    )


def _save(figure, path: Path) -> None:
    figure.savefig(path, dpi=130)
    plt.close(figure)
