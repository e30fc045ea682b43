"""Plots of fitted estimators; matplotlib is imported where a plot is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

INCHES_PER_CELL = 0.32
MOST_ANNOTATED_ROWS = 12


class AlignmentDisplay:
    """Matrix of alignments between the rows of heads.

    Parameters
    ----------
    correlation : DataFrame of shape (n_rows, n_columns)
        Values between -1 and 1, indexed by (task, class) on both axes, such as
        ``correlation_`` or ``alignment_`` of a fitted estimator.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the matrix.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    WeightSpaceCorrelation : The estimator.

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

    def __init__(self, correlation: pd.DataFrame):
        self.correlation = correlation

    @classmethod
    def from_estimator(cls, estimator: Any, *, kind: str = "all", ax: Any = None):
        """Plot the alignments of a fitted estimator.

        Parameters
        ----------
        estimator : WeightSpaceCorrelation
            Fitted estimator.
        kind : {"all", "primary"}, default="all"
            All heads against all heads, or the primary head against the metadata.
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
        if kind not in {"all", "primary"}:
            raise ValueError(f"kind must be 'all' or 'primary', got {kind!r}.")
        if kind == "primary" and estimator.target_head_ is None:
            raise ValueError(
                "kind='primary' needs a primary head: fit with target or target_head, "
                "or use kind='all'."
            )
        chosen = estimator.correlation_ if kind == "all" else estimator.alignment_
        return cls(chosen).plot(ax=ax)

    def plot(self, ax: Any = None) -> AlignmentDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        AlignmentDisplay
            This display, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = import_pyplot()
        if ax is None:
            _, ax = plt.subplots(figsize=self._figure_size(), layout="constrained")
        image = ax.imshow(
            self.correlation.to_numpy(), cmap="RdBu_r", vmin=-1, vmax=1, aspect="equal"
        )
        ax.figure.colorbar(image, ax=ax, label="alignment", shrink=0.8)
        rows, columns = self.correlation.index, self.correlation.columns
        ax.set_yticks(np.arange(len(rows)), _row_labels(rows))
        ax.set_xticks(np.arange(len(columns)), _row_labels(columns), rotation=90)
        _separate_tasks(ax.axhline, rows)
        _separate_tasks(ax.axvline, columns)
        if not rows.equals(columns):
            ax.set_ylabel("primary head")
        if max(self.correlation.shape) <= MOST_ANNOTATED_ROWS:
            self._annotate(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _figure_size(self) -> tuple[float, float]:
        height, width = (INCHES_PER_CELL * n for n in self.correlation.shape)
        return max(width, 1.5) + 3.2, max(height, 1.5) + 2.0

    def _annotate(self, ax: Any) -> None:
        for (i, j), value in np.ndenumerate(self.correlation.to_numpy()):
            colour = "white" if abs(value) > 0.6 else "black"
            # 0.004 is printed as 0, never as -0.
            text = f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1)
            ax.text(j, i, text, ha="center", va="center", fontsize=6, color=colour)


def import_pyplot() -> Any:
    """matplotlib.pyplot, or one error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib, which is not installed. Install it with: "
            'pip install "sklearn_wsca[plot]"'
        ) from error
    return plt


def _row_labels(index: pd.MultiIndex) -> list[str]:
    return [f"{task}: {row}" if row != "" else f"{task}" for task, row in index]


def _separate_tasks(draw_line: Any, index: pd.MultiIndex) -> None:
    tasks = index.get_level_values("task")
    for i in range(1, len(tasks)):
        if tasks[i] != tasks[i - 1]:
            draw_line(i - 0.5, color="black", linewidth=1)
