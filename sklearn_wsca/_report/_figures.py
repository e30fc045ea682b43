"""Pictures of the analysis as a whole, as SVG with a text alternative."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from sklearn_wsca._displays.alignment import AlignmentDisplay
from sklearn_wsca._displays.component_sensitivity import ComponentSensitivityDisplay
from sklearn_wsca._displays.null_distribution import NullDistributionDisplay
from sklearn_wsca._displays.utilization import UtilizationDisplay
from sklearn_wsca._report._page import confidence_text, effect_text
from sklearn_wsca._report.formats import number_text
from sklearn_wsca._report.picture import Figure, draw_plainly, save_display
from sklearn_wsca._report.plain import column_text
from sklearn_wsca._report.result import make_result

# More rows than fit on a printed page go to the next figure.
MOST_ROWS = 40
MOST_NAMED = 10
SENSITIVITY_INDEX = ["k", "explained_variance", "projected", "chosen"]


def draw_figures(
    estimator: Any,
    audit: pd.DataFrame | None = None,
    sensitivity: pd.DataFrame | None = None,
) -> list[Figure]:
    """Draw what a fitted estimator allows.

    Parameters
    ----------
    estimator : WeightSpaceCorrelation
        Fitted estimator.
    audit : DataFrame, default=None
        Table of held-out rows, whose utilization is shown then.
    sensitivity : DataFrame, default=None
        Of its `component_sensitivity`.

    Returns
    -------
    list of Figure
        Utilization, alignments beside their nulls, matrix of alignments, pairs of
        rows, and sensitivity, as far as there are numbers.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    result = make_result(estimator, audit)
    with draw_plainly():
        figures = [*_draw_utilization(result)]
        has_primary = estimator.target_head_ is not None
        if has_primary and estimator.n_permutations:
            figures.append(_draw_null(estimator))
        figures.append(_draw_matrix(estimator))
        if has_primary:
            figures.append(_draw_pairs(estimator))
        if sensitivity is not None:
            figures.append(_draw_sensitivity(sensitivity))
    return figures


def draw_result_figures(result: dict[str, Any]) -> list[Figure]:
    """Draw what a dict of `make_result` allows: utilization and sensitivity.

    Parameters
    ----------
    result : dict
        Of `make_result`.

    Returns
    -------
    list of Figure
        None, one or several.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    records = result["component_sensitivity"]
    with draw_plainly():
        figures = [*_draw_utilization(result)]
        if records:
            figures.append(_draw_sensitivity(_read_sensitivity(records)))
    return figures


def _draw_utilization(result: dict[str, Any]) -> Iterator[Figure]:
    """Forest plots, largest utilization first."""
    analysis = result["analysis"]
    margin, level = analysis["min_effect"], analysis["significance"]
    columns = result["columns"]
    if margin is None or all(c["utilization"]["estimate"] is None for c in columns):
        return
    columns = sorted(columns, key=lambda c: -(_estimate(c)))
    target = analysis["target"]
    for part, title in _split(columns, "Utilization"):
        display = UtilizationDisplay.from_table(
            _make_table(part),
            margin,
            confidence=1 - level,
            target=None if target is None else column_text(target["name"]),
        )
        entries = [
            f"{c['name']}: {effect_text(c['utilization'])}, {c['verdict']}"
            for c in part
        ]
        alternative = (
            f"Forest plot of the utilization of {len(part)} columns with "
            f"{confidence_text(analysis)} intervals and the margin {margin:g}. "
            f"{_list(entries)}"
        )
        yield save_display(display, "utilization", title, alternative)


def _estimate(column: dict) -> float:
    """To sort by: untestable columns come last."""
    estimate = column["utilization"]["estimate"]
    return -1.0 if estimate is None else estimate


def _make_table(columns: list[dict]) -> pd.DataFrame:
    """Entries of the result as the table that the display reads."""
    keys = {
        "utilization": "estimate",
        "utilization_low": "low",
        "utilization_high": "high",
        "minimum_detectable_effect": "minimum_detectable_effect",
    }
    numbers = {
        name: [column["utilization"][key] for column in columns]
        for name, key in keys.items()
    }
    table = pd.DataFrame(numbers, dtype=float, index=[c["name"] for c in columns])
    words = {key: [c[key] for c in columns] for key in ("verdict", "note")}
    return table.assign(**words)


def _draw_null(estimator: Any) -> Figure:
    """Alignment scores beside those of permutations, smallest p-value first."""
    scores, pvalues = estimator.alignment_scores_, estimator.pvalues_
    ranked = pd.DataFrame({"pvalue": pvalues, "score": -scores})
    ranked = ranked.sort_values(["pvalue", "score"], kind="stable")
    names = list(ranked.index[:MOST_ROWS])
    display = NullDistributionDisplay.from_estimator(
        estimator, kind="permutation", columns=names
    )
    entries = [
        f"{column_text(name)}: {number_text(scores[name])}, "
        f"p = {number_text(pvalues[name])}"
        for name in names
    ]
    alternative = (
        f"Alignment scores of {len(names)} columns beside those of "
        f"{estimator.n_permutations} permutations. {_list(entries)}"
    )
    title = f"Alignment beside chance{_say_first(names, scores, 'smallest p-values')}"
    return save_display(display, "null", title, alternative)


def _draw_matrix(estimator: Any) -> Figure:
    """All heads against all heads."""
    names, matrix = _most_aligned(estimator), estimator.correlation_
    scores = estimator.alignment_scores_
    hidden = set(scores.index) - set(names)
    shown = [task not in hidden for task in matrix.index.get_level_values("task")]
    matrix = matrix.loc[shown, shown]
    n_heads = matrix.index.get_level_values("task").nunique()
    alternative = (
        f"Matrix of the alignments of {n_heads} heads with {len(matrix)} rows, on a "
        f"scale from -1 to 1.{_describe_scores(estimator)}"
    )
    first = _say_first(names, scores, "largest scores")
    display = AlignmentDisplay(matrix).plot()
    return save_display(display, "alignment", f"Alignment of heads{first}", alternative)


def _draw_pairs(estimator: Any) -> Figure:
    """Cosines as in the publication."""
    names = _most_aligned(estimator)
    display = NullDistributionDisplay.from_estimator(
        estimator, kind="pairs", columns=names
    )
    alternative = (
        f"Cosines of the primary head with {len(names)} columns, beside those of pairs "
        f"of rows within and between heads.{_describe_scores(estimator)}"
    )
    first = _say_first(names, estimator.alignment_scores_, "largest scores")
    return save_display(
        display, "pairs", f"Alignment beside other pairs{first}", alternative
    )


def _most_aligned(estimator: Any) -> list:
    """Columns with the largest scores, as many as a figure holds."""
    scores = estimator.alignment_scores_.sort_values(ascending=False, kind="stable")
    return list(scores.index[:MOST_ROWS])


def _say_first(names: list, everything: pd.Series, what: str) -> str:
    """Addition to a title if only some columns are shown."""
    n = len(everything)
    return f" ({len(names)} of {n} columns, {what})" if len(names) < n else ""


def _describe_scores(estimator: Any) -> str:
    scores = estimator.alignment_scores_.dropna().sort_values(ascending=False)
    if scores.empty:
        return ""
    entries = [
        f"{column_text(name)}: {number_text(scores[name])}" for name in scores.index
    ]
    return f" Scores of the columns with the primary head: {_list(entries)}"


def _read_sensitivity(records: list[dict]) -> pd.DataFrame:
    """Table of `component_sensitivity` from the result."""
    at = pd.MultiIndex.from_tuples(
        [tuple(record[name] for name in SENSITIVITY_INDEX) for record in records],
        names=SENSITIVITY_INDEX,
    )
    scores = [record["scores"] for record in records]
    return pd.DataFrame(scores, index=at, dtype=float)


def _draw_sensitivity(table: pd.DataFrame) -> Figure:
    """Scores by number of principal directions."""
    values = table.index.get_level_values
    chosen = table[values("chosen").astype(bool)].iloc[0]
    entries = [
        f"{column_text(name)}: {number_text(table[name].min())} to "
        f"{number_text(table[name].max())}, chosen {number_text(chosen[name])}"
        for name in table.columns
        if table[name].notna().any()
    ]
    k = sorted(values("k"))
    alternative = (
        f"Alignment scores for {k[0]} to {k[-1]} principal directions. {_list(entries)}"
    )
    display = ComponentSensitivityDisplay(table).plot()
    title = "Does the number of directions matter?"
    return save_display(display, "sensitivity", title, alternative)


def _split(entries: list, title: str) -> Iterator[tuple[list, str]]:
    """Parts that fit on a page, with their titles."""
    for start in range(0, len(entries), MOST_ROWS):
        part = entries[start : start + MOST_ROWS]
        place = f" ({start + 1} to {start + len(part)} of {len(entries)})"
        yield part, title + (place if len(entries) > MOST_ROWS else "")


def _list(entries: list[str]) -> str:
    """The first entries, and how many more there are."""
    text = "; ".join(entries[:MOST_NAMED])
    left = len(entries) - MOST_NAMED
    return (
        f"{text}; and {left} more, which are in the table." if left > 0 else f"{text}."
    )
