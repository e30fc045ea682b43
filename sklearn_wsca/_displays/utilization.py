"""Utilization of every column with its interval and verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._displays.display import Display
from sklearn_wsca._displays.style import (
    FAINT,
    INK,
    LITERAL,
    RowLabels,
    add_legend,
    axes_points,
    label_rows,
    make_axes,
    make_label,
    name_axes,
    row_scale,
    rows_height,
    set_title,
    text_points,
    tidy,
)
from sklearn_wsca._input.settings import check_number
from sklearn_wsca._input.several_targets import check_one_target, table_of
from sklearn_wsca._text import format_number
from sklearn_wsca._verdicts.registry import UNTESTABLE, VERDICTS

NEEDED = (
    "utilization",
    "utilization_low",
    "utilization_high",
    "minimum_detectable_effect",
    "verdict",
    "note",
)
REASONS = ("untestable: ", "left out: ")
LONGEST_REASON, SHORTEST_REASON = 120, 12


class UtilizationDisplay(Display):
    """Forest plot of utilization: estimate, interval, margin and verdict.

    Colour and marker both tell the verdict. Columns that are inconclusive or not
    encoded show the smallest effect that the sample could have found; for those that
    could not be tested there is the reason.

    Parameters
    ----------
    table : DataFrame
        A summary or audit table: one row per column, with utilization,
        utilization_low, utilization_high, minimum_detectable_effect, verdict and note.
    min_effect : float, default=0.1
        Margin, in standard deviations of the outputs.
    confidence : float, default=0.95
        Level of the intervals, for the legend.
    target : object, default=None
        Name of the target, for the axis; None leaves it open.
    sort : bool, default=True
        Largest utilization first, untestable columns last; False keeps the order of
        the table.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    WeightSpaceCorrelation.audit : A table from held-out rows.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_wsca import UtilizationDisplay, WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... ).fit(heart.data, heart.metadata)
    >>> display = UtilizationDisplay.from_estimator(analysis)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['age', 'hospital', 'sex']
    >>> display.figure_.clear()
    """

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        min_effect: float = 0.1,
        confidence: float = 0.95,
        target: Any = None,
        sort: bool = True,
    ):
        self.table = table
        self.min_effect = min_effect
        self.confidence = confidence
        self.target = target
        self.sort = sort

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        table: pd.DataFrame | None = None,
        sort: bool = True,
        ax: Any = None,
    ) -> UtilizationDisplay:
        """Plot the utilization of a fitted estimator.

        Parameters
        ----------
        estimator : WeightSpaceCorrelation
            Fitted estimator with a target.
        table : DataFrame, default=None
            What ``estimator.audit(X, y)`` returns, which is the recommended use; None
            takes ``summary_``, from the rows of `fit`.
        sort : bool, default=True
            Largest utilization first; False keeps the order of the table.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure that fits the number of columns.

        Returns
        -------
        UtilizationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no target, or the table lacks a column.
        """
        check_is_fitted(estimator)
        check_one_target(estimator)
        target = estimator.description_["target"]
        if target is None:
            raise ValueError(
                "target: utilization is measured at a fixed target, and there is none; "
                "name its column in target and fit again."
            )
        return cls.from_table(
            estimator.summary_ if table is None else table_of(estimator, table),
            estimator.min_effect,
            confidence=1.0 - estimator.significance,
            target=target["name"],
            sort=sort,
            ax=ax,
        )

    @classmethod
    def from_table(
        cls,
        table: pd.DataFrame,
        min_effect: float = 0.1,
        *,
        confidence: float = 0.95,
        target: Any = None,
        sort: bool = True,
        ax: Any = None,
    ) -> UtilizationDisplay:
        """Plot a summary or audit table.

        Parameters
        ----------
        table, min_effect, confidence, target, sort
            As in the constructor.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure that fits the number of columns.

        Returns
        -------
        UtilizationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the table lacks a column.
        """
        settings = {"confidence": confidence, "target": target, "sort": sort}
        return cls(table, min_effect=min_effect, **settings).plot(ax=ax)

    def _draw(self, ax: Any) -> Any:
        _check_table(self.table)
        self._check_settings()
        own, rows = ax is None, self._rows()
        if own:
            ax = make_axes(7.5, rows_height(len(rows)) + 1.5)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        tidy(ax)
        handles, entries = self._draw_rows(ax, rows)
        name_axes(ax, self._x_label(ax))
        add_legend(ax, handles, entries, "below" if own else "if room")
        labels = RowLabels(
            [float(i) for i in range(len(rows))],
            [make_label(name) for name in rows.index],
            [_describe_verdict(row) for _, row in rows.iterrows()],
        )
        kept, size = label_rows(ax, labels)
        set_title(ax, "How far the outputs move with each column")
        _give_reasons(ax, rows, kept, size)
        return ax

    def _check_settings(self) -> None:
        check_number(self.min_effect, "min_effect", min_val=0)
        check_number(
            self.confidence,
            "confidence",
            min_val=0,
            max_val=1,
            include_boundaries="neither",
        )

    def _rows(self) -> pd.DataFrame:
        """Rows of the table in the order of the plot."""
        if not self.sort:
            return self.table
        estimates = self.table["utilization"].to_numpy(dtype=float)
        return self.table.iloc[np.argsort(-estimates, kind="stable")]

    def _x_label(self, ax: Any) -> str:
        held = "target" if self.target is None else f"'{make_label(self.target)}'"
        broken = "\n" if axes_points(ax)[0] < 400 else " "
        return (
            f"utilization{broken}(standard deviations of the outputs at fixed {held})"
        )

    def _draw_rows(self, ax: Any, rows: pd.DataFrame) -> tuple[list, list[str]]:
        """Draw all rows; returns the entries of the legend."""
        handles, labels = [], []
        for verdict, style in VERDICTS.items():
            at = np.flatnonzero((rows["verdict"] == verdict).to_numpy())
            if len(at):
                handles.append(_draw_verdict(ax, rows.iloc[at], at, style))
                labels.append(verdict)
        handles.append(
            ax.axvline(
                self.min_effect, color=INK, linestyle="--", linewidth=1, zorder=0
            )
        )
        labels.append(f"margin {format_number(self.min_effect)}")
        is_open = [VERDICTS[verdict].is_open for verdict in rows["verdict"]]
        at = np.flatnonzero(is_open)
        if len(at):
            detectable = rows["minimum_detectable_effect"].to_numpy(dtype=float)[at]
            (ticks,) = ax.plot(
                detectable, at, "|", color=INK, markersize=7 * row_scale(ax), zorder=2
            )
            handles.append(ticks)
            labels.append("effect found in 80 % of samples")
        handles.append(ax.plot([], [], color=FAINT, linewidth=1.6)[0])
        labels.append(f"{100 * self.confidence:g} % interval")
        ax.set_xlim(left=0.0)
        return handles, labels


def _check_table(table: pd.DataFrame) -> None:
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise ValueError(
            f"table: it lacks {missing}; pass summary_ of a fitted estimator or what "
            "its audit(X, y) returns."
        )
    unknown = set(table["verdict"]) - set(VERDICTS)
    if unknown:
        raise ValueError(
            f"table: {sorted(map(str, unknown))} are no verdicts; known are "
            f"{list(VERDICTS)}."
        )


def _draw_verdict(ax: Any, rows: pd.DataFrame, at: np.ndarray, style: Any) -> Any:
    """Draw the rows of one verdict; returns its entry of the legend."""
    estimates = rows["utilization"].to_numpy(dtype=float)
    scale = row_scale(ax)
    ax.hlines(
        at,
        rows["utilization_low"].to_numpy(dtype=float),
        rows["utilization_high"].to_numpy(dtype=float),
        color=style.colour,
        linewidth=1.6 * scale,
        zorder=2,
    )
    look = {
        "color": style.colour,
        "marker": style.marker,
        "markersize": 6.5 * scale,
        "markeredgecolor": INK,
        "markeredgewidth": 0.5,
        "linestyle": "none",
    }
    (marker,) = ax.plot(estimates, at, zorder=3, clip_on=False, **look)
    missing = at[np.isnan(estimates)]
    place = ax.get_yaxis_transform()
    ax.plot([0.02] * len(missing), missing, transform=place, **look)
    return marker


def _give_reasons(ax: Any, rows: pd.DataFrame, kept: list[int], size: float) -> None:
    """Write why a column has no estimate where its interval would be."""
    look = LITERAL | {"va": "center", "fontsize": size}
    look["color"] = VERDICTS[UNTESTABLE].colour
    look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    look["transform"] = ax.get_yaxis_transform()
    room = 0.94 * axes_points(ax)[0]
    for position in kept:
        row = rows.iloc[position]
        if np.isnan(row["utilization"]):
            reason = _find_reason(row)
            text = ax.text(0.045, position, make_label(reason, LONGEST_REASON), **look)
            share = room / text_points([text])[0]
            if share < 1.0:
                fitting = int(share * len(text.get_text()))
                text.set_text(make_label(reason, max(fitting, SHORTEST_REASON)))


def _find_reason(row: pd.Series) -> str:
    """First part of the note, without what the verdict says already."""
    reason = str(row["note"]).split("; ")[0]
    for prefix in REASONS:
        reason = reason.removeprefix(prefix)
    return reason


def _describe_verdict(row: pd.Series) -> str:
    verdict = str(row["verdict"])
    if verdict == UNTESTABLE and not np.isnan(row["utilization"]):
        return f"{verdict}: {make_label(_find_reason(row).split(',')[0])}"
    return verdict
