"""Alignment scores against the dimension of the principal subspace."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._displays.style import (
    INK,
    LABEL_SIZE,
    add_legend,
    axes_points,
    make_axes,
    make_label,
    spread_out,
    tidy,
)

EXPLAINED = 0.99
# Okabe and Ito, without yellow, which is faint as a line.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = "osD^vPX"
MOST_NAMED = 2 * len(COLOURS)
OTHERS = "#cccccc"
# "No projection" stands to the right of the largest k by this factor.
GAP = 1.5
POINTS_PER_TICK = 16.0


class ComponentSensitivityDisplay:
    """Alignment scores against the dimension k of the principal subspace.

    Scores are unstable for small k and diluted for large k. The k that explains 99 % of
    the variance, the rule of the paper, and the one that was chosen are marked.

    Parameters
    ----------
    sensitivity : DataFrame of shape (n_dimensions, n_columns)
        What ``WeightSpaceCorrelation.component_sensitivity`` returns: scores, indexed
        by k, explained_variance, projected and chosen.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    WeightSpaceCorrelation.component_sensitivity : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_wsca import WeightSpaceCorrelation
    >>> from sklearn_wsca import ComponentSensitivityDisplay
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation("disease", target_head=heart.head)
    >>> display = ComponentSensitivityDisplay.from_estimator(
    ...     analysis, heart.data, heart.metadata
    ... )
    >>> display.ax_.get_ylabel()
    'alignment score'
    >>> display.figure_.clear()
    """

    def __init__(self, sensitivity: pd.DataFrame):
        self.sensitivity = sensitivity

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_components: Sequence[int] | None = None,
        sample_weight: Any = None,
        ax: Any = None,
    ) -> ComponentSensitivityDisplay:
        """Measure and plot the sensitivity of an estimator, fitted or not.

        Parameters
        ----------
        estimator : WeightSpaceCorrelation
            The estimator, which is not changed.
        X : array-like of shape (n_samples, n_features)
            Embeddings.
        y : DataFrame, Series or array-like
            Metadata, as in `fit`.
        n_components : list of int, default=None
            Dimensions k; None takes those of the paper.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        ComponentSensitivityDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no primary head, or the input cannot be analysed.
        """
        found = estimator.component_sensitivity(X, y, n_components, sample_weight)
        return cls(found).plot(ax=ax)

    def plot(self, ax: Any = None) -> ComponentSensitivityDisplay:
        """Draw one line per column.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        ComponentSensitivityDisplay
            This display, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        own = ax is None
        if own:
            ax = make_axes(8.5, 4.2)
        tidy(ax)
        ax.set_xscale("log")
        places = self._places()
        handles, labels = self._draw_columns(ax, places)
        self._mark(ax, places)
        self._label_dimensions(ax, places)
        ax.set_ylim(0.0, max(ax.get_ylim()[1], 0.05))
        ax.set_xlabel("principal directions k", fontsize=LABEL_SIZE + 1)
        ax.set_ylabel("alignment score", fontsize=LABEL_SIZE + 1)
        if handles:
            add_legend(ax, handles, labels, "right" if own else "inside")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _level(self, name: str) -> np.ndarray:
        return self.sensitivity.index.get_level_values(name).to_numpy()

    def _places(self) -> np.ndarray:
        """Where the rows stand on the axis."""
        k = self._level("k").astype(float)
        return np.where(self._level("projected"), k, k.max() * GAP)

    def _ranked(self) -> list[int]:
        """Positions of the columns that have scores, largest score first."""
        scores = self.sensitivity.to_numpy(dtype=float)
        has_score = np.flatnonzero(~np.isnan(scores).all(axis=0))
        chosen = np.flatnonzero(self._level("chosen"))[0]
        order = np.argsort(-scores[chosen, has_score], kind="stable")
        return has_score[order].tolist()

    def _draw_columns(self, ax: Any, places: np.ndarray) -> tuple[list, list[str]]:
        scores = self.sensitivity.to_numpy(dtype=float)
        named, others = self._ranked()[:MOST_NAMED], self._ranked()[MOST_NAMED:]
        handles, labels = [], []
        for i in others:
            handles = ax.plot(places, scores[:, i], color=OTHERS, linewidth=0.7)
        if others:
            labels = [f"{len(others)} other columns"]
        looks = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
        for rank, (i, (colour, marker)) in enumerate(zip(named, looks, strict=False)):
            hollow = rank >= len(COLOURS)
            (line,) = ax.plot(
                places,
                scores[:, i],
                color=colour,
                marker=marker,
                markersize=4.5,
                markerfacecolor="white" if hollow else colour,
                linestyle="--" if hollow else "-",
                linewidth=1.3,
                zorder=3,
            )
            handles.insert(rank, line)
            labels.insert(rank, make_label(self.sensitivity.columns[i], 28))
        return handles, labels

    def _mark(self, ax: Any, places: np.ndarray) -> None:
        """Mark the k that explains 99 % and the chosen one by vertical lines."""
        explaining = np.flatnonzero(self._level("explained_variance") >= EXPLAINED)[0]
        chosen = np.flatnonzero(self._level("chosen"))[0]
        rows, k = {"99 %": explaining, "chosen": chosen}, self._level("k")
        for (mark, row), style in zip(rows.items(), ("--", ":"), strict=True):
            ax.axvline(places[row], color=INK, linestyle=style, linewidth=1, label=mark)
        look = {"fontsize": LABEL_SIZE, "color": INK, "va": "bottom"}
        look["transform"] = ax.get_xaxis_transform()
        left, right = sorted(rows, key=lambda mark: rows[mark])
        if rows[left] == rows[right]:
            text = f"99 %, chosen (k = {k[chosen]})"
            ax.text(places[chosen], 1.01, text, ha="center", **look)
        else:
            for mark, side in ((left, "right"), (right, "left")):
                text = f" {mark} (k = {k[rows[mark]]}) "
                ax.text(places[rows[mark]], 1.01, text, ha=side, **look)

    def _label_dimensions(self, ax: Any, places: np.ndarray) -> None:
        """Name as many k as have room, and always "none"."""
        from matplotlib.ticker import NullLocator

        low, high = np.log(places.min() / 1.15), np.log(places.max() * 1.15)
        ax.set_xlim(np.exp(low), np.exp(high))
        width = axes_points(ax)[0]
        at = -(np.log(places[::-1]) - high) / (high - low) * width
        # From the right, because the largest k and "no projection" come first.
        kept = [len(places) - 1 - i for i in spread_out(at, POINTS_PER_TICK)][::-1]
        names = [
            str(k) if projected else "no\nprojection"
            for k, projected in zip(
                self._level("k"), self._level("projected"), strict=True
            )
        ]
        ax.set_xticks(places[kept], [names[i] for i in kept], fontsize=LABEL_SIZE)
        ax.xaxis.set_minor_locator(NullLocator())
