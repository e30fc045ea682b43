"""Matrix of alignments between the rows of heads."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._displays.display import Display, check_choice
from sklearn_wsca._displays.style import (
    DIVERGING,
    INCHES_OF_COLOUR_BAR,
    INK,
    LABEL_SIZE,
    LINE_HEIGHT,
    LITERAL,
    POINTS_PER_INCH,
    SMALLEST_LABEL_SIZE,
    add_colour_bar,
    axes_points,
    label_size,
    make_axes,
    make_label,
    settle,
    spread_out,
    text_points,
    write_in_cell,
)
from sklearn_wsca._input.settings import check_number
from sklearn_wsca._input.several_targets import check_one_target

LARGEST_CELL, SMALLEST_CELL = 0.32, 0.125
USUAL_INCHES, MOST_INCHES = 10.0, 18.0
INCHES_PER_TASK = 0.15
MOST_ANNOTATED_ROWS = 12
SMALLEST_ANNOTATED_CELL = 17.0
LONGEST_CLASS = 24
# A lower matrix has its colour bar above.
LOWEST_BESIDE = 1.5


class AlignmentDisplay(Display):
    """Matrix of alignments between the rows of heads.

    Tasks are bounded by lines and named once, beside the names of their classes. Where
    there are more classes than fit, only the tasks are named.

    Parameters
    ----------
    correlation : DataFrame of shape (n_rows, n_columns)
        Values between -1 and 1, indexed by (task, class) on both axes, such as
        ``correlation_`` or ``alignment_`` of a fitted estimator.
    limit : float or None, default=1.0
        Colours reach from -`limit` to `limit`; None takes the largest absolute value.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the matrix.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    WeightSpaceCorrelation : The estimator.
    NullDistributionDisplay : What alignments are by chance.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_wsca import AlignmentDisplay, WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=0
    ... ).fit(heart.data, heart.metadata)
    >>> display = AlignmentDisplay.from_estimator(analysis, kind="primary")
    >>> display.ax_.get_ylabel()
    'primary head'
    >>> display.figure_.clear()
    """

    def __init__(self, correlation: pd.DataFrame, *, limit: float | None = 1.0):
        self.correlation = correlation
        self.limit = limit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: str = "all",
        limit: float | None = 1.0,
        ax: Any = None,
    ) -> AlignmentDisplay:
        """Plot the alignments of a fitted estimator.

        Parameters
        ----------
        estimator : WeightSpaceCorrelation
            Fitted estimator.
        kind : {"all", "primary"}, default="all"
            All heads against all heads, or the primary head against the metadata.
        limit : float or None, default=1.0
            Colours reach from -`limit` to `limit`; None takes the largest absolute
            value.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure that fits the number of rows.

        Returns
        -------
        AlignmentDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `kind` is unknown, or "primary" without a primary head.
        """
        check_is_fitted(estimator)
        check_one_target(estimator)
        check_choice("kind", kind, ("all", "primary"))
        if kind == "primary" and estimator.target_head_ is None:
            raise ValueError(
                "kind='primary' needs a primary head: fit with target or target_head, "
                "or use kind='all'."
            )
        chosen = estimator.correlation_ if kind == "all" else estimator.alignment_
        return cls(chosen, limit=limit).plot(ax=ax)

    def _draw(self, ax: Any) -> Any:
        rows, columns = self.correlation.index, self.correlation.columns
        own = ax is None
        height, width = _side_inches(rows), _side_inches(columns)
        if own:
            ax = make_axes(width, height)
        limit, values = self._limit(), self.correlation.to_numpy()
        image = ax.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit)
        if own:
            ax.set_aspect((height / len(rows)) / (width / len(columns)))
        else:
            ax.set_aspect("equal" if values.shape[0] == values.shape[1] else "auto")
            height, width = (side / POINTS_PER_INCH for side in axes_points(ax)[::-1])
        _explain_colours(ax, image, height, width)
        cells = POINTS_PER_INCH * np.array([height / len(rows), width / len(columns)])
        if not own:
            cells = _measure_cells(ax, values.shape)
        beside = _label_tasks(ax, "y", rows, cells[0])
        below = _label_tasks(ax, "x", columns, cells[1])
        if not rows.equals(columns):
            ax.set_ylabel("primary head", fontsize=LABEL_SIZE + 1)
        if not own:
            cells = _measure_cells(ax, values.shape)
        if max(values.shape) <= MOST_ANNOTATED_ROWS:
            self._annotate(ax, limit, min(cells))
        if own:
            _fit_figure(ax.figure, width, height, beside, below)
        return ax

    def _limit(self) -> float:
        if self.limit is not None:
            check_number(self.limit, "limit", min_val=0, include_boundaries="neither")
            return self.limit
        largest = np.nanmax(np.abs(self.correlation.to_numpy()), initial=0.0)
        return float(largest) or 1.0

    def _annotate(self, ax: Any, limit: float, cell: float) -> None:
        if cell < SMALLEST_ANNOTATED_CELL:
            return
        for (i, j), value in np.ndenumerate(self.correlation.to_numpy()):
            if np.isnan(value):
                continue
            # 0.004 is printed as 0, never as -0.
            text = f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1)
            write_in_cell(ax, i, j, text, value / limit)


def _spans(index: pd.MultiIndex) -> list[tuple[Any, int, int]]:
    """Tasks with their first row and the one after their last."""
    spans, start = [], 0
    for task, members in groupby(index.get_level_values("task")):
        stop = start + len(list(members))
        spans.append((task, start, stop))
        start = stop
    return spans


def _side_inches(index: pd.MultiIndex) -> float:
    """Length of a side of the matrix on a figure of our own."""
    n = len(index)
    side = n * float(np.clip(USUAL_INCHES / n, SMALLEST_CELL, LARGEST_CELL))
    if side <= MOST_INCHES:
        return side
    wanted = INCHES_PER_TASK * len(_spans(index))
    return float(np.clip(wanted, USUAL_INCHES, MOST_INCHES))


def _measure_cells(ax: Any, shape: tuple) -> np.ndarray:
    """Height and width of a cell in points, on axes of somebody else."""
    settle(ax)
    ax.apply_aspect()
    return np.array(axes_points(ax)[::-1]) / shape


def _fit_figure(
    figure: Any, width: float, height: float, beside: float, below: float
) -> None:
    """Set the size of the figure to that of the matrix and what stands around it."""
    across = height < LOWEST_BESIDE
    width += beside / POINTS_PER_INCH + (0.4 if across else 1.0)
    height += below / POINTS_PER_INCH + (0.75 if across else 0.3)
    figure.set_size_inches(max(width, 3.5), max(height, 1.8))


def _explain_colours(ax: Any, image: Any, height: float, width: float) -> None:
    """Beside the matrix, or above one that is too low for that."""
    across = height < LOWEST_BESIDE
    share = min(0.9, INCHES_OF_COLOUR_BAR / (width if across else height))
    place: dict[str, Any] = {"location": "top", "shrink": share, "aspect": 30}
    if not across:
        place |= {"location": "right", "aspect": 20, "pad": 0.02}
    add_colour_bar(ax, image, "alignment", **place)


def _label_tasks(ax: Any, side: str, index: pd.MultiIndex, cell: float) -> float:
    """Name classes and tasks along a side; returns how many points that takes.

    Classes are the major ticks of the axis, tasks the minor ones, further out.
    """
    axis = ax.yaxis if side == "y" else ax.xaxis
    # Otherwise a task of three classes would lose its name to the second of them.
    axis.remove_overlapping_locs = False
    along = 0 if side == "y" else 1
    size = cell / LINE_HEIGHT
    turn = {} if side == "y" else {"rotation": 90}
    if size >= SMALLEST_LABEL_SIZE:
        names = index.get_level_values("class")
        labels = [
            "" if name == "" else make_label(name, LONGEST_CLASS) for name in names
        ]
        look = LITERAL | {"fontsize": min(LABEL_SIZE, size)} | turn
        axis.set_ticks(np.arange(len(index)), labels, **look)
    else:
        axis.set_ticks([])
    room = text_points(axis.get_ticklabels())[along] + 6.0
    ax.tick_params(axis=side, which="major", length=0)
    spans = _spans(index)
    _separate(ax, side, spans, cell)
    _bracket(ax, side, spans, room)
    shown = _name_tasks(ax, axis, side, spans, cell)
    ax.tick_params(axis=side, which="minor", length=0, pad=room + 3.0)
    return room + 8.0 + text_points(shown)[along]


def _name_tasks(ax: Any, axis: Any, side: str, spans: list, cell: float) -> list:
    """Put the names of tasks at their middle; some, where they are too close."""
    names = [make_label(task) for task, _, _ in spans]
    middles = [(start + stop - 1) / 2 for _, start, stop in spans]
    closest = min(np.diff(middles), default=np.inf) * cell
    size = label_size(closest)
    look = LITERAL | {"fontsize": size, "fontweight": "bold", "color": INK}
    kept = spread_out(middles, size * LINE_HEIGHT / cell)
    axis.set_ticks(
        [middles[i] for i in kept], [names[i] for i in kept], minor=True, **look
    )
    shown = axis.get_ticklabels(minor=True)
    if side == "x":
        lengths = [(stop - start) * cell for _, start, stop in spans]
        fits = all(
            text_points([text])[0] < lengths[i] - 2.0
            for text, i in zip(shown, kept, strict=True)
        )
        for text in shown:
            text.set_rotation(0 if fits else 90)
    return shown


def _separate(ax: Any, side: str, spans: list, cell: float) -> None:
    draw_line = ax.axhline if side == "y" else ax.axvline
    for _, start, _ in spans[1:]:
        draw_line(start - 0.5, color="black", linewidth=1.0 if cell > 8 else 0.4)


def _bracket(ax: Any, side: str, spans: list, distance: float) -> None:
    """Draw a line along every task, so many points away from the matrix."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    away = -distance / POINTS_PER_INCH
    shift = (away, 0.0) if side == "y" else (0.0, away)
    moved = ScaledTranslation(*shift, ax.figure.dpi_scale_trans)
    base = ax.get_yaxis_transform() if side == "y" else ax.get_xaxis_transform()
    for _, start, stop in spans:
        ends, zero = [start - 0.35, stop - 0.65], [0.0, 0.0]
        at = (zero, ends) if side == "y" else (ends, zero)
        line = Line2D(*at, color=INK, linewidth=1.0, transform=base + moved)
        line.set_clip_on(False)
        ax.add_artist(line)
