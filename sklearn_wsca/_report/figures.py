"""Pictures of the analysis as a whole, as SVG with a text alternative."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sklearn_wsca._displays.alignment import AlignmentDisplay
from sklearn_wsca._displays.component_sensitivity import ComponentSensitivityDisplay
from sklearn_wsca._displays.null_distribution import (
    NullDistributionDisplay,
    read_pairs,
)
from sklearn_wsca._report.first_screen import by_importance
from sklearn_wsca._report.picture import Figure, draw_plainly, save_display
from sklearn_wsca._text import column_text, format_number

# More rows than fit on a printed page go to the next figure.
MOST_ROWS = 40
MOST_NAMED = 10
SENSITIVITY_INDEX = ["k", "explained_variance", "projected", "chosen"]


def head_displays(source: Any) -> dict[str, Any]:
    """What is shown of heads, which a result has no room for.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        What the result was made from.

    Returns
    -------
    dict of str to display
        Not drawn, by key of a figure: alignment and pairs, as far as a fitted
        estimator has them; empty for a table or dict.
    """
    if not hasattr(source, "alignment_scores_"):
        return {}
    displays: dict[str, Any] = {}
    scores = source.alignment_scores_
    largest = scores.sort_values(ascending=False, kind="stable").index[:MOST_ROWS]
    has_primary = source.target_head_ is not None
    hidden, matrix = set(scores.index) - set(largest), source.correlation_
    shown = [task not in hidden for task in matrix.index.get_level_values("task")]
    displays["alignment"] = AlignmentDisplay(matrix.loc[shown, shown])
    if has_primary:
        found = read_pairs(source, list(largest))
        displays["pairs"] = NullDistributionDisplay(**found)
    return displays


def draw_figures(result: dict[str, Any], heads: dict[str, Any]) -> list[Figure]:
    """Draw what a result and the displays of heads allow.

    Parameters
    ----------
    result : dict
        Of `make_result`.
    heads : dict
        Of `head_displays`.

    Returns
    -------
    list of Figure
        Matrix of alignments, pairs of rows, and sensitivity, as far as there are
        numbers.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    draw = {"alignment": _draw_matrix, "pairs": _draw_pairs}
    with draw_plainly():
        figures = [
            draw[key](_in_order(display, result).plot(), result)
            for key, display in heads.items()
        ]
        if result["component_sensitivity"]:
            table = _read_sensitivity(result["component_sensitivity"])
            columns = by_importance(result["columns"])
            names = [c["name"] for c in columns if c["name"] in table.columns]
            table = table[names]
            figures.append(_draw_sensitivity(table))
    return figures


def _in_order(display: Any, result: dict[str, Any]) -> Any:
    """A display whose columns stand as everywhere on the page, after the target."""
    if isinstance(display, AlignmentDisplay):
        order = _places(display.correlation.index, result)
        display.correlation = display.correlation.iloc[order, order]
    else:
        order = _places(display.observed.columns, result)
        display.observed = display.observed.iloc[:, order]
    return display


def _places(index: pd.MultiIndex, result: dict[str, Any]) -> list[int]:
    """Places of rows of heads, most important column first."""
    names = [column["name"] for column in by_importance(result["columns"])]
    rank = {name: i for i, name in enumerate(names)}
    tasks = [column_text(task) for task in index.get_level_values("task")]
    return sorted(range(len(tasks)), key=lambda i: rank.get(tasks[i], -1))


def _draw_matrix(display: Any, result: dict[str, Any]) -> Figure:
    """All heads against all heads."""
    tasks = display.correlation.index.get_level_values("task")
    alternative = (
        f"Matrix of the alignments of {tasks.nunique()} heads with {len(tasks)} rows, "
        f"on a scale from -1 to 1.{_describe_scores(result)}"
    )
    first = _say_first(MOST_ROWS, result, "largest scores")
    return save_display(display, "alignment", f"Alignment of heads{first}", alternative)


def _draw_pairs(display: Any, result: dict[str, Any]) -> Figure:
    """Cosines as in the publication."""
    n = display.observed.columns.get_level_values("task").nunique()
    alternative = (
        f"Cosines of the primary head with {n} columns, beside those of pairs "
        f"of rows within and between heads.{_describe_scores(result)}"
    )
    first = _say_first(n, result, "largest scores")
    title = f"Alignment beside other pairs{first}"
    return save_display(display, "pairs", title, alternative)


def _say_first(n_shown: int, result: dict[str, Any], what: str) -> str:
    """Addition to a title if only some of the columns with heads are shown."""
    n = sum("null" in column["alignment"] for column in result["columns"])
    return f" ({n_shown} of {n} columns, {what})" if n_shown < n else ""


def _describe_scores(result: dict[str, Any]) -> str:
    pairs = [(c["name"], c["alignment"]["score"]) for c in result["columns"]]
    found = sorted((p for p in pairs if p[1] is not None), key=lambda pair: -pair[1])
    entries = [f"{name}: {format_number(score)}" for name, score in found]
    return (
        f" Scores of the columns with the primary head: {_list(entries)}"
        if entries
        else ""
    )


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
        f"{column_text(name)}: {format_number(table[name].min())} to "
        f"{format_number(table[name].max())}, chosen {format_number(chosen[name])}"
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


def _list(entries: list[str]) -> str:
    """The first entries, and how many more there are."""
    text = "; ".join(entries[:MOST_NAMED])
    left = len(entries) - MOST_NAMED
    return (
        f"{text}; and {left} more, which are in the table." if left > 0 else f"{text}."
    )
