"""Which features matter for which class, and how many of them are needed."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._displays._curve_drawing import (
    check_curve,
    describe_share,
    draw_curve,
    label_shares,
    limit_shares,
    mark_share,
)
from sklearn_wsca._displays.display import Display, check_choice, check_count
from sklearn_wsca._displays.style import (
    DIVERGING,
    FAINT,
    INCHES_OF_COLOUR_BAR,
    LABEL_SIZE,
    LINE_HEIGHT,
    LITERAL,
    POINTS_PER_INCH,
    UNKNOWN,
    RowLabels,
    add_colour_bar,
    add_legend,
    axes_points,
    label_rows,
    label_size,
    make_axes,
    make_label,
    rows_height,
    set_title,
    settle,
    spread_out,
    text_points,
    tidy,
    write_in_cell,
)
from sklearn_wsca._text import list_first

KINDS = ("difference", "importance", "curve")
QUANTITIES = {
    "difference": "mean contribution to the class, less that of all samples",
    "importance": "mean contribution to the class",
}
CONTINUOUS_QUANTITIES = {
    "difference": "change of the contribution with one standard deviation of target",
    "importance": "mean contribution to the number",
}
MOST_CLASSES = 60
NARROWEST, WIDEST, INCHES_PER_CLASS = 3.0, 12.0, 0.45
INCHES_PER_CHARACTER = 0.065
MOST_ANNOTATED = 400
# Points that a line of the label of the colour bar takes.
ROOM_FOR_LABEL = 160.0


class FeatureImportanceDisplay(Display):
    """Importance of the first features per class, or performance with a part of them.

    Parameters
    ----------
    importance : DataFrame
        For the kinds "difference" and "importance" of shape (n_classes, n_features),
        such as ``importance_difference_`` with names. For kind "curve" a
        ``performance_curve_``: share, and measures with and without the suffix _random.
    kind : {"difference", "importance", "curve"}, default="difference"
        What `importance` holds.
    ranking : array-like of shape (n_features,), default=None
        1 for the feature that is shown first; None puts the largest absolute value
        first.
    most : int, default=20
        Largest number of features.
    label : str, default=None
        What the colours are; None says what it is for classes.
    smallest_share, ratio : float, default=None
        For kind "curve": shares of the features that are marked.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    IntegratedFeatureAnalysis : The estimator.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sklearn_wsca import FeatureImportanceDisplay, IntegratedFeatureAnalysis
    >>> A = np.random.default_rng(0).random((60, 6, 5, 5))
    >>> A[::2, 4] += 1.0  # feature 4 is active in class "a"
    >>> analysis = IntegratedFeatureAnalysis().fit(A, ["a", "b"] * 30)
    >>> display = FeatureImportanceDisplay.from_estimator(analysis, most=3)
    >>> display.ax_.get_yticklabels()[0].get_text()
    '4'
    >>> display.figure_.clear()
    """

    def __init__(
        self,
        importance: pd.DataFrame,
        *,
        kind: str = "difference",
        ranking: Any = None,
        most: int = 20,
        label: str | None = None,
        smallest_share: float | None = None,
        ratio: float | None = None,
    ):
        self.importance = importance
        self.kind = kind
        self.ranking = ranking
        self.most = most
        self.label = label
        self.smallest_share = smallest_share
        self.ratio = ratio

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: str = "difference",
        most: int = 20,
        classes: Sequence | None = None,
        ax: Any = None,
    ) -> FeatureImportanceDisplay:
        """Plot what a fitted estimator knows of its features.

        Parameters
        ----------
        estimator : IntegratedFeatureAnalysis
            Fitted estimator.
        kind : {"difference", "importance", "curve"}, default="difference"
            "difference": importance per class less that of all samples. "importance":
            importance per class. "curve": performance against the share of features
            that is kept, beside that of random features.
        most : int, default=20
            Largest number of features, those that rank first.
        classes : list, default=None
            Classes to draw; None takes all, or of more than 60 those with the most
            correctly classified samples.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure that fits.

        Returns
        -------
        FeatureImportanceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `kind` is unknown, `most` no number of features, or there is no such
            class.
        """
        check_is_fitted(estimator)
        check_choice("kind", kind, KINDS)
        if kind == "curve":
            display = cls(
                estimator.performance_curve_,
                kind=kind,
                smallest_share=estimator.smallest_share_,
                ratio=estimator.ratio,
            )
            return display.plot(ax=ax)
        found = {
            "difference": estimator.importance_difference_,
            "importance": estimator.importance_,
        }
        numbers = range(estimator.n_features_in_)
        features = pd.Index(getattr(estimator, "feature_names_in_", numbers))
        head = estimator.head_
        names = pd.Index(head.row_names, dtype=object, tupleize_cols=False)
        label = None
        if head.classes is None:
            names, label = names.rename("output"), CONTINUOUS_QUANTITIES[kind]
        table = pd.DataFrame(found[kind], names, features)
        drawn = _rows_of_classes(estimator, classes)
        if len(drawn) < len(table):
            table.index = names.rename(f"class ({len(drawn)} of {len(table)})")
        table = table.iloc[drawn]
        ranking = estimator.ranking_
        display = cls(table, kind=kind, ranking=ranking, most=most, label=label)
        return display.plot(ax=ax)

    def _draw(self, ax: Any) -> Any:
        check_choice("kind", self.kind, KINDS)
        return self._draw_curve(ax) if self.kind == "curve" else self._draw_matrix(ax)

    def _draw_matrix(self, ax: Any) -> Any:
        own, shown = ax is None, self._choose()
        names = [make_label(name) for name in shown.index]
        if own:
            ax = _make_matrix_axes(shown, max(map(len, names)))
        limit = float(np.nanmax(shown.abs().to_numpy(), initial=0.0)) or 1.0
        colours = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit}
        image = ax.imshow(shown.to_numpy(), aspect="auto", **colours)
        _explain_colours(ax, image, self.label or QUANTITIES[self.kind])
        unknown = np.flatnonzero(shown.isna().all(axis=0))
        if len(unknown):
            patch = _hatch(ax, unknown)
            place = "below" if own else "if room"
            add_legend(ax, [patch], ["no correctly classified sample"], place)
        ax.set_ylabel("feature", fontsize=LABEL_SIZE)
        n, n_all = len(shown), self.importance.shape[1]
        count = f"all {n}" if n == n_all else f"first {n} of {n_all}"
        set_title(ax, f"What features contribute: {count}")
        _name_classes(ax, list(shown.columns), shown.columns.name or "class")
        positions = [float(i) for i in range(n)]
        label_rows(ax, RowLabels(positions, names, [""] * n))
        _annotate(ax, shown.to_numpy(), limit)
        return ax

    def _choose(self) -> pd.DataFrame:
        """First features with their importance: (n_shown, n_classes)."""
        table = self.importance
        check_count("most", self.most, "features")
        if getattr(table, "ndim", 0) != 2 or 0 in table.shape:
            raise ValueError(
                "importance: pass a DataFrame of shape (n_classes, n_features), found "
                f"{type(table).__name__} of shape {np.shape(table)}."
            )
        table = pd.DataFrame(table)
        ranking = self.ranking
        if ranking is None:
            ranking = -table.abs().max().fillna(0.0).to_numpy()
        if np.shape(ranking) != (table.shape[1],):
            raise ValueError(
                f"ranking: it has the shape {np.shape(ranking)}, and there are "
                f"{table.shape[1]} features."
            )
        return table.iloc[:, np.argsort(ranking, kind="stable")[: self.most]].T

    def _draw_curve(self, ax: Any) -> Any:
        curve, own = self.importance, ax is None
        check_curve(curve)
        if own:
            ax = make_axes(8.0, 4.2)
        tidy(ax)
        handles, labels = draw_curve(ax, curve)
        limit_shares(ax, curve["share"].min())
        if self.ratio is not None:
            label = f"ratio {describe_share(self.ratio)}"
            mark_share(ax, self.ratio, label, ":", 0)
        if self.smallest_share is not None and not np.isnan(self.smallest_share):
            label = f"{describe_share(self.smallest_share)} of features keep 99 %"
            mark_share(ax, self.smallest_share, label, "-", 1)
        add_legend(ax, handles, labels, "right" if own else "inside")
        settle(ax)
        label_shares(ax)
        return ax


def _rows_of_classes(estimator: Any, classes: Sequence | None) -> list[int]:
    """Rows of the head that are drawn, in its order."""
    names = list(estimator.head_.row_names)
    if classes is None and len(names) <= MOST_CLASSES:
        return list(range(len(names)))
    if classes is None:
        counts = estimator.n_correct_
        frequent = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
        return sorted(k for k in frequent.tolist() if counts[k] or k == frequent[0])
    unknown = [name for name in classes if name not in names]
    if unknown or not len(classes):
        raise ValueError(
            f"classes: {list_first(unknown or classes) or 'none'} of "
            f"{list_first(names)}; pass names of classes of the head."
        )
    return [names.index(name) for name in classes]


def _make_matrix_axes(shown: pd.DataFrame, longest: int) -> Any:
    """Axes of a figure that is as large as the matrix and its labels need."""
    n, n_classes = shown.shape
    width = np.clip(n_classes * INCHES_PER_CLASS, NARROWEST, WIDEST)
    classes = max(len(make_label(name)) for name in shown.columns)
    height = rows_height(n) + classes * INCHES_PER_CHARACTER + 0.9
    return make_axes(width + longest * INCHES_PER_CHARACTER + 1.4, max(height, 2.4))


def _explain_colours(ax: Any, image: Any, label: str) -> None:
    height = axes_points(ax)[1]
    shrink = min(1.0, INCHES_OF_COLOUR_BAR * POINTS_PER_INCH / height)
    if height * shrink < ROOM_FOR_LABEL:
        label = "contribution"
    place = {"shrink": shrink, "aspect": 20, "pad": 0.02}
    add_colour_bar(ax, image, fill(label, 40), **place)


def _hatch(ax: Any, columns: np.ndarray) -> Any:
    """Fill columns without values, in a way that no colour of a value looks like."""
    look = {"facecolor": UNKNOWN, "edgecolor": FAINT, "hatch": "////", "linewidth": 0}
    for column in columns:
        patch = ax.axvspan(column - 0.5, column + 0.5, **look)
    return patch


def _name_classes(ax: Any, classes: list, label: str) -> None:
    """Name classes below their columns; some, where they are too close."""
    ax.set_xticks([])
    settle(ax)
    pitch = axes_points(ax)[0] / len(classes)
    size = label_size(pitch)
    names = ["" if name == "" else make_label(name) for name in classes]
    kept = spread_out(range(len(classes)), size * LINE_HEIGHT / pitch)
    shown = [names[i] for i in kept]
    ax.set_xticks(kept, shown, fontsize=size, **LITERAL)
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel("" if shown == [""] else label, fontsize=LABEL_SIZE)
    texts = ax.get_xticklabels()
    if text_points(texts)[0] > 0.9 * pitch:
        for text in texts:
            text.set_rotation(90)


def _annotate(ax: Any, values: np.ndarray, limit: float) -> None:
    """Write values into their cells, all to the same digit, if all of them fit."""
    if values.size > MOST_ANNOTATED:
        return
    digits = max(0, 1 - int(np.floor(np.log10(limit))))
    texts = [
        write_in_cell(
            ax, i, j, f"{round(value, digits) + 0.0:.{digits}f}", value / limit
        )
        for (i, j), value in np.ndenumerate(values)
        if not np.isnan(value)
    ]
    width, height = text_points(texts)
    cell = np.array(axes_points(ax)) / values.shape[::-1]
    if width > cell[0] - 3.0 or height > cell[1]:
        for text in texts:
            text.remove()
