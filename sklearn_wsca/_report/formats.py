"""Formats of a result: functions for users, which are methods of the estimator too."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sklearn_wsca._plain_values import json_text
from sklearn_wsca._report.first_screen import tell_rightness
from sklearn_wsca._report.result import SCHEMA_VERSION, make_result
from sklearn_wsca._report.words import tell_held_out
from sklearn_wsca._text import (
    escape_markdown,
    format_number,
    format_skill,
    markdown_table,
)


def to_dict(source: Any, *, audit: pd.DataFrame | None = None) -> dict[str, Any]:
    """Result of an analysis as one dict of plain Python values.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        A fitted estimator (of the method: this one), a table of its `audit`, or such a
        dict.
    audit : DataFrame, default=None
        With an estimator: table of held-out rows, which is then what is judged.

    Returns
    -------
    dict
        Keys are documented in ``docs/result.md``; missing numbers are None.

    Examples
    --------
    >>> from sklearn_wsca import WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> from sklearn_wsca.report import to_dict
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... ).fit(heart.data, heart.metadata)
    >>> result = to_dict(analysis)
    >>> [(column["name"], column["verdict"]) for column in result["columns"]]
    [('hospital', 'used'), ('sex', 'used'), ('age', 'used')]
    """
    return make_result(source, audit)


def to_json(source: Any, *, audit: pd.DataFrame | None = None) -> str:
    """Result of an analysis as JSON; without NaN, which JSON does not know.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        As in `to_dict`.
    audit : DataFrame, default=None
        As in `to_dict`.

    Returns
    -------
    str
        Valid under the schema ``result.schema.json`` of this package.

    Examples
    --------
    >>> import json
    >>> from sklearn_wsca import WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> from sklearn_wsca.report import to_json
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... )
    >>> text = to_json(analysis.fit(heart.data, heart.metadata))
    >>> json.loads(text)["analysis"]["target"]["name"]
    'disease'
    """
    return json_text(make_result(source, audit))


def to_markdown(source: Any, *, audit: pd.DataFrame | None = None) -> str:
    """Result of an analysis as Markdown: answers, table, and what was done.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        As in `to_dict`.
    audit : DataFrame, default=None
        As in `to_dict`.

    Returns
    -------
    str
        Markdown with one pipe table.

    Examples
    --------
    >>> from sklearn_wsca import WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> from sklearn_wsca.report import to_markdown
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... )
    >>> text = to_markdown(analysis.fit(heart.data, heart.metadata))
    >>> print(text.splitlines()[0])
    # Does the decision use the metadata?
    """
    result = make_result(source, audit)
    parts = [
        "# Does the decision use the metadata?",
        escape_markdown(result["question"]),
    ]
    told = tell_rightness(result["analysis"])[0], tell_held_out(result["analysis"])
    parts += [escape_markdown(sentence) for sentence in told if sentence]
    parts += ["\n".join(_answer_lines(result)), markdown_table(_table_rows(result))]
    parts += ["## What was done", escape_markdown(" ".join(result["description"]))]
    if result["notes"]:
        parts.append(
            "\n".join(f"- {escape_markdown(note)}" for note in result["notes"])
        )
    limits = "\n".join(f"- {escape_markdown(limit)}" for limit in result["limits"])
    parts += ["## What this does not say", limits]
    return "\n\n".join(parts) + "\n"


def to_html(source: Any, *, audit: pd.DataFrame | None = None) -> str:
    """Result of an analysis as one HTML page that needs no other file.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        As in `to_dict`. A table or dict has no distributions and no matrix of heads, so
        these plots are left out.
    audit : DataFrame, default=None
        As in `to_dict`.

    Returns
    -------
    str
        The page. It loads nothing, carries no date, and is the same for equal input.

    Raises
    ------
    ImportError
        If jinja2 or matplotlib is not installed.
    TypeError
        If `source` is none of these.
    ValueError
        If a dict is not from `to_dict` of this version, or a table not from `audit`.

    Examples
    --------
    >>> from sklearn_wsca import WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> from sklearn_wsca.report import to_html
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... ).fit(heart.data, heart.metadata)
    >>> page = to_html(analysis)
    >>> "<h1>" in page
    True
    """
    # Late: with jinja2, matplotlib and all displays.
    from sklearn_wsca._report.figures import draw_figures, head_displays
    from sklearn_wsca._report.html import render_html
    from sklearn_wsca._report.picture import import_for_report

    for package in ("jinja2", "matplotlib"):
        import_for_report(package)
    result = make_result(source, audit)
    found = result.get("schema_version")
    if found != SCHEMA_VERSION:
        raise ValueError(
            f"source: a dict with schema_version {found!r}, this version of the "
            f"package reads {SCHEMA_VERSION}; pass what to_dict(analysis) returned."
        )
    return render_html(result, draw_figures(result, head_displays(source)))


class ReportMixin:
    """The formats as methods of an estimator."""

    to_dict = to_dict
    to_json = to_json
    to_markdown = to_markdown
    to_html = to_html


def _answer_lines(result: dict) -> list[str]:
    return [
        f"- **{escape_markdown(column['name'])}: {column['verdict']}.** "
        f"{escape_markdown(column['answer'])}{_consequence(column)}"
        for column in result["columns"]
    ]


def _consequence(column: dict) -> str:
    """Whether performance differs, in a paragraph of the same item."""
    sentence = column["performance"]["sentence"]
    return "" if sentence is None else f"\n  {escape_markdown(sentence)}"


def _table_rows(result: dict) -> list[list[str]]:
    head = [
        "column",
        "verdict",
        "encoding (p)",
        "alignment (p, corrected)",
        "utilization (interval)",
        "p",
        "q",
    ]
    margin = result["analysis"]["min_effect"]
    return [head, *(_table_row(column, margin) for column in result["columns"])]


def _table_row(column: dict, margin: float | None) -> list[str]:
    encoding, alignment = column["encoding"], column["alignment"]
    effect = column["utilization"]
    estimate, low, high = (
        format_number(effect[key], margin) for key in ("estimate", "low", "high")
    )
    return [
        escape_markdown(column["name"]),
        column["verdict"],
        f"{format_skill(encoding)} ({format_number(encoding['pvalue'])})",
        f"{format_number(alignment['score'])} "
        f"({format_number(alignment['pvalue_fwer'])})",
        f"{estimate} ({low} to {high})",
        format_number(effect["pvalue"]),
        format_number(effect["qvalue"]),
    ]
