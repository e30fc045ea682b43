"""Observed values beside what they are by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._alignment.null import NULLS
from sklearn_wsca._alignment.row_pairs import BETWEEN, WITHIN
from sklearn_wsca._displays._null_drawing import (
    PAIRS_ROW,
    draw_pairs,
    draw_permutations,
    kinds_of_pairs,
)
from sklearn_wsca._displays.display import Display, check_choice
from sklearn_wsca._displays.style import (
    add_legend,
    label_rows,
    make_axes,
    make_label,
    name_axes,
    rows_height,
    set_title,
    tidy,
)
from sklearn_wsca._input.several_targets import check_one_target

KINDS, STATISTICS = ("permutation", "pairs"), ("alignment", "utilization")


class NullDistributionDisplay(Display):
    """Observed values beside what they are by chance, one row per column.

    Parameters
    ----------
    null : DataFrame
        For kind "permutation" the values of the permutations, of shape (n_permutations,
        n_columns). For kind "pairs" one row per pair of head rows, with the columns
        pair and cosine, as `reference_cosines` returns them.
    observed : Series or DataFrame
        For kind "permutation" the value of every column. For kind "pairs" the rows of
        the primary head against those of the metadata heads, such as ``alignment_``.
    kind : {"permutation", "pairs"}, default="permutation"
        What chance means: permutations, or the other pairs of rows.
    pvalues : DataFrame, default=None
        Columns pvalue and pvalue_fwer, one row per column, shown as text.
    x_label, title, subtitle : str
        What is shown, and what was permuted.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    AlignmentDisplay : All alignments.
    reference_cosines : Pairs of rows of one network, and of several.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_wsca import NullDistributionDisplay, WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... ).fit(heart.data, heart.metadata)
    >>> display = NullDistributionDisplay.from_estimator(analysis)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['hospital', 'sex', 'age']
    >>> display.figure_.clear()
    """

    def __init__(
        self,
        null: pd.DataFrame,
        observed: Any,
        *,
        kind: str = "permutation",
        pvalues: pd.DataFrame | None = None,
        x_label: str = "",
        title: str = "",
        subtitle: str = "",
    ):
        self.null = null
        self.observed = observed
        self.kind = kind
        self.pvalues = pvalues
        self.x_label = x_label
        self.title = title
        self.subtitle = subtitle

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: str = "permutation",
        statistic: str = "alignment",
        columns: Sequence[Any] | None = None,
        ax: Any = None,
    ) -> NullDistributionDisplay:
        """Plot nulls of a fitted estimator.

        Parameters
        ----------
        estimator : WeightSpaceCorrelation
            Fitted estimator.
        kind : {"permutation", "pairs"}, default="permutation"
            "permutation": every column's statistic beside those of its permutations.
            "pairs": the cosines of the primary head with every column beside those of
            all pairs of rows of one head, and of different heads, as published. The
            latter are no test, and the observed values are among them.
        statistic : {"alignment", "utilization"}, default="alignment"
            Which statistic; utilization is shown before noise is removed, as it is in
            the permutations.
        columns : list, default=None
            Columns to show, in this order; None takes all.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure that fits the number of columns.

        Returns
        -------
        NullDistributionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If an argument is unknown, or if the estimator has no such null.
        """
        check_is_fitted(estimator)
        check_one_target(estimator)
        check_choice("kind", kind, KINDS)
        check_choice("statistic", statistic, STATISTICS)
        names = _choose(columns, estimator.alignment_scores_.index)
        if kind == "pairs":
            if statistic == "utilization":
                raise ValueError(
                    "kind='pairs' compares head rows, which have no utilization; use "
                    "statistic='alignment' or kind='permutation'."
                )
            return cls(**read_pairs(estimator, names)).plot(ax=ax)
        _check_null(estimator, statistic)
        read = read_alignment if statistic == "alignment" else _read_utilization
        return cls(**read(estimator, names)).plot(ax=ax)

    def _draw(self, ax: Any) -> Any:
        own = ax is None
        names = self._names()
        first = 0.0
        if self.kind == "pairs":
            first = PAIRS_ROW * len(kinds_of_pairs(self.null))
        if own:
            n_rows = int(first) + len(names)
            ax = make_axes(7.5, rows_height(n_rows) + 1.5)
        positions = [first + i for i in range(len(names))]
        ax.set_ylim(first + len(names) - 0.4, -0.6)
        tidy(ax)
        draw = draw_pairs if self.kind == "pairs" else draw_permutations
        rows, handles, labels = draw(ax, self, names, positions)
        name_axes(ax, self.x_label)
        add_legend(ax, handles, labels, "below" if own else "if room")
        label_rows(ax, rows)
        set_title(ax, self.title, self.subtitle)
        return ax

    def _names(self) -> list:
        if self.kind == "permutation":
            return list(self.null.columns)
        return list(dict.fromkeys(self.observed.columns.get_level_values("task")))


def pair_cosines(correlation: pd.DataFrame) -> pd.DataFrame:
    """Cosines of all pairs of head rows, and whether they belong to one head."""
    values = correlation.to_numpy()
    codes = pd.factorize(correlation.index.get_level_values("task"))[0]
    above = np.triu(np.ones(values.shape, dtype=bool), 1)
    if not np.array_equal(values, values.T, equal_nan=True):
        above |= above.T
    above &= ~np.isnan(values)
    same = (codes[:, None] == codes[None, :])[above]
    return pd.DataFrame(
        {"pair": np.where(same, WITHIN, BETWEEN), "cosine": values[above]}
    )


def read_pairs(estimator: Any, names: list) -> dict[str, Any]:
    """Arguments of the display for the cosines of the primary head."""
    alignment = estimator.alignment_
    tasks = list(alignment.columns.get_level_values("task"))
    kept = [i for name in names for i, task in enumerate(tasks) if task == name]
    return {
        "null": pair_cosines(estimator.correlation_),
        "observed": alignment.iloc[:, kept].dropna(how="all"),
        "kind": "pairs",
        "x_label": f"alignment of two head rows (metric {estimator.metric!r})",
        "title": (
            "Alignment of columns with the primary head, beside other pairs of rows"
        ),
        "subtitle": "A reference, not a test: nothing was permuted.",
    }


def read_alignment(estimator: Any, names: list) -> dict[str, Any]:
    """Arguments of the display for alignments and their permutations."""
    at = [estimator.alignment_scores_.index.get_loc(name) for name in names]
    return {
        "null": estimator.null_distribution_.iloc[:, at],
        "observed": estimator.alignment_scores_.iloc[at],
        "pvalues": _pvalue_table(estimator.pvalues_, estimator.pvalues_fwer_, at),
        "x_label": (
            f"alignment score (metric {estimator.metric!r}, {estimator.aggregate})"
        ),
        "title": "Alignment with the primary head beside its null",
        "subtitle": _describe_alignment_null(estimator),
    }


def _read_utilization(estimator: Any, names: list) -> dict[str, Any]:
    """Arguments of the display for utilizations and their permutations."""
    at = [estimator.utilization_raw_.index.get_loc(name) for name in names]
    pvalues = estimator.utilization_pvalues_, estimator.utilization_pvalues_fwer_
    held = f"at fixed {make_label(estimator.description_['target']['name'])!r}"
    return {
        "null": estimator.utilization_null_distribution_.iloc[:, at],
        "observed": estimator.utilization_raw_.iloc[at],
        "pvalues": _pvalue_table(*pvalues, at),
        "x_label": (
            "utilization before noise is removed\n(standard deviations of the "
            f"outputs {held})"
        ),
        "title": "Utilization by the primary head beside its null",
        "subtitle": _describe_utilization_null(estimator),
    }


def _pvalue_table(pvalues: pd.Series, fwer: pd.Series, at: list) -> pd.DataFrame:
    both = pd.DataFrame({"pvalue": pvalues, "pvalue_fwer": fwer})
    return both.iloc[at]


def _describe_alignment_null(estimator: Any) -> str:
    """What was permuted, and how often."""
    often = f"{'up to ' if estimator.stop_after else ''}{estimator.n_permutations}"
    done = NULLS[estimator.null].describe(estimator.groups, estimator.adjust_for_target)
    return f"Null: {done} {often} times."


def _describe_utilization_null(estimator: Any) -> str:
    tests = [entry["utilization"] for entry in estimator.description_["columns"]]
    schemes = dict.fromkeys(test["scheme"] for test in tests if test["scheme"])
    what = "; or ".join(schemes) or "nothing could be"
    return f"Null: {what} permuted {estimator.n_permutations} times."


def _choose(columns: Sequence[Any] | None, index: pd.Index) -> list:
    """Names of the columns to show."""
    if columns is None:
        return list(index)
    if isinstance(columns, str):
        raise ValueError(f"columns: {columns!r} is no list; pass [{columns!r}].")
    unknown = [name for name in columns if name not in index]
    if unknown or not len(columns):
        raise ValueError(
            f"columns: {unknown} were not analysed; choose from {list(index)}."
        )
    return list(columns)


def _check_null(estimator: Any, statistic: str) -> None:
    """Raise if there is no null, with the parameter that gives one."""
    if statistic == "utilization" and estimator.description_["target"] is None:
        raise ValueError(
            "statistic='utilization' needs a target, at which it is measured: name its "
            "column in target and fit again."
        )
    if estimator.target_head_ is None:
        raise ValueError(
            "kind='permutation' needs a primary head: fit with target or target_head, "
            "or use kind='pairs'."
        )
    if not estimator.n_permutations:
        raise ValueError(
            "n_permutations=0: nothing was permuted, so there is no null to show; fit "
            "with n_permutations=999, or use kind='pairs'."
        )
