"""Alignment scores against the dimension of the principal subspace."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.component_sensitivity import EXPLAINED, PAIR
from sklearn_wsca._displays.display import Display
from sklearn_wsca._displays.style import (
    COLOURS,
    INK,
    LABEL_SIZE,
    MARKERS,
    OTHER_LINES,
    add_legend,
    make_axes,
    make_label,
    name_axes,
    name_places,
    tidy,
)
from sklearn_wsca._input.several_targets import check_one_target
from sklearn_wsca._text import list_first

MOST_NAMED = 2 * len(COLOURS)
# "No projection" stands to the right of the largest k by this factor.
GAP = 1.5
POINTS_PER_TICK = 16.0


class ComponentSensitivityDisplay(Display):
    """Alignment scores against the dimension k of the principal subspace.

    Scores are unstable for small k and diluted for large k. The k that explains 99 % of
    the variance, the rule of the paper, and the one that was chosen are marked.

    Parameters
    ----------
    sensitivity : DataFrame of shape (n_dimensions, n_columns), or list of DataFrame
        What ``WeightSpaceCorrelation.component_sensitivity`` returns: scores of columns
        or signed alignment of pairs of rows, indexed by k, explained_variance,
        projected and chosen. Of a list, such as one for each seed of the training, the
        mean is drawn, and a band of one standard deviation to each side, at dimensions
        that all of them have; marks are those of the first.

    Attributes
    ----------
    mean_ : DataFrame
        What is drawn: the scores, or their mean.
    spread_ : DataFrame
        Their standard deviation over a list; 0 for a single table.
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
    >>> from sklearn_wsca import ComponentSensitivityDisplay, WeightSpaceCorrelation
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

    def __init__(self, sensitivity: pd.DataFrame | Sequence[pd.DataFrame]):
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
        metadata: Any = None,
        pairs: bool = False,
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
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone, as in `fit`.
        pairs : bool, default=False
            Signed alignment of single pairs of rows in place of scores of columns.
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
        check_one_target(estimator)
        found = estimator.component_sensitivity(
            X, y, n_components, sample_weight, metadata, pairs
        )
        return cls(found).plot(ax=ax)

    def _draw(self, ax: Any) -> Any:
        self.mean_, self.spread_ = _summarise(self.sensitivity)
        own = ax is None
        if own:
            ax = make_axes(8.5, 4.2)
        tidy(ax)
        ax.set_xscale("log")
        places = self._places()
        handles, labels = self._draw_columns(ax, places)
        self._mark(ax)
        ax.set_xlim(places.min() / 1.15, places.max() * 1.15)
        name_places(ax, places, self._dimensions(), POINTS_PER_TICK)
        if self._is_signed():
            ax.axhline(0.0, color=INK, linewidth=0.6, zorder=1)
        else:
            ax.set_ylim(0.0, max(ax.get_ylim()[1], 0.05))
        what = "alignment of a pair" if self._is_signed() else "alignment score"
        name_axes(ax, "principal directions k", what)
        if handles:
            add_legend(ax, handles, labels, "right" if own else "inside")
        return ax

    def _is_signed(self) -> bool:
        """Whether these are pairs of rows."""
        return tuple(self.mean_.columns.names) == PAIR

    def _level(self, name: str) -> np.ndarray:
        return self.mean_.index.get_level_values(name).to_numpy()

    def _places(self) -> np.ndarray:
        """Where the rows stand on the axis."""
        k = self._level("k").astype(float)
        return np.where(self._level("projected"), k, k.max() * GAP)

    def _ranked(self) -> list[int]:
        """Positions of the columns that have scores, largest score first."""
        scores = np.abs(self.mean_.to_numpy(dtype=float))
        has_score = np.flatnonzero(~np.isnan(scores).all(axis=0))
        # Another network may have chosen another k, and then this one has no row.
        nearest = np.abs(self._places() - self._marked()["chosen"][1]).argmin()
        order = np.argsort(-scores[nearest, has_score], kind="stable")
        return has_score[order].tolist()

    def _draw_columns(self, ax: Any, places: np.ndarray) -> tuple[list, list[str]]:
        scores = self.mean_.to_numpy(dtype=float)
        spread = self.spread_.to_numpy(dtype=float)
        named, others = self._ranked()[:MOST_NAMED], self._ranked()[MOST_NAMED:]
        handles, labels = [], []
        for i in others:
            handles = ax.plot(places, scores[:, i], color=OTHER_LINES, linewidth=0.7)
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
            if spread[:, i].any():
                band = scores[:, i] - spread[:, i], scores[:, i] + spread[:, i]
                ax.fill_between(places, *band, color=colour, alpha=0.15, linewidth=0)
            handles.insert(rank, line)
            labels.insert(rank, make_label(self.mean_.columns[i], 28))
        return handles, labels

    def _mark(self, ax: Any) -> None:
        """Mark the k that explains 99 % and the chosen one by vertical lines."""
        marked = self._marked()
        for (mark, (_, place)), style in zip(marked.items(), ("--", ":"), strict=True):
            ax.axvline(place, color=INK, linestyle=style, linewidth=1, label=mark)
        look = {"fontsize": LABEL_SIZE, "color": INK, "va": "bottom"}
        look["transform"] = ax.get_xaxis_transform()
        left, right = sorted(marked, key=lambda mark: marked[mark][1])
        if marked[left] == marked[right]:
            k, place = marked["chosen"]
            ax.text(place, 1.01, f"99 %, chosen (k = {k})", ha="center", **look)
        else:
            for mark, side in ((left, "right"), (right, "left")):
                k, place = marked[mark]
                ax.text(place, 1.01, f" {mark} (k = {k}) ", ha=side, **look)

    def _marked(self) -> dict[str, tuple[int, float]]:
        """The k of the first table that are marked, and where they stand."""
        tables = self.sensitivity
        index = (tables if isinstance(tables, pd.DataFrame) else tables[0]).index
        k, projected, chosen, variance = (
            index.get_level_values(name).to_numpy()
            for name in ("k", "projected", "chosen", "explained_variance")
        )
        places = np.where(projected, k, self._places().max())
        rows = {
            "99 %": np.flatnonzero(variance >= EXPLAINED)[0],
            "chosen": np.flatnonzero(chosen)[0],
        }
        return {mark: (int(k[row]), float(places[row])) for mark, row in rows.items()}

    def _dimensions(self) -> list[str]:
        """Names of the rows."""
        pairs = zip(self._level("k"), self._level("projected"), strict=True)
        return [str(k) if projected else "no\nprojection" for k, projected in pairs]


def _summarise(
    tables: pd.DataFrame | Sequence[pd.DataFrame],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean and standard deviation over tables, at the dimensions that all have.

    Raises
    ------
    ValueError
        If there is no table, or columns differ.
    """
    if isinstance(tables, pd.DataFrame):
        return tables, tables * 0.0
    tables = list(tables)
    if not tables:
        raise ValueError("sensitivity: the list is empty; pass one table or more.")
    first = tables[0]
    for other in tables[1:]:
        if not other.columns.equals(first.columns):
            raise ValueError(
                "sensitivity: the tables have different columns, "
                f"{list_first(first.columns)} and {list_first(other.columns)}; pass "
                "those of the same analysis for each seed."
            )
    rows = [_by_dimension(table) for table in tables]
    in_all = [all(row in own.index for own in rows) for row in rows[0].index]
    shared = first.index[in_all]
    aligned = np.array([own.loc[rows[0].index[in_all]] for own in rows])
    spread = aligned.std(axis=0, ddof=1 if len(tables) > 1 else 0)
    return (
        pd.DataFrame(aligned.mean(axis=0), shared, first.columns),
        pd.DataFrame(spread, shared, first.columns),
    )


def _by_dimension(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by their k; 0 without projection, where k is the rank and may differ."""
    k, projected = (table.index.get_level_values(name) for name in ("k", "projected"))
    return table.set_axis(np.where(projected, k, 0), axis=0)
