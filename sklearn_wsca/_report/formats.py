"""One result as JSON and Markdown."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from sklearn_wsca._report.result import make_result
from sklearn_wsca._text import format_number, printable


def to_dict(source: Any, *, audit: pd.DataFrame | None = None) -> dict[str, Any]:
    """Result of an analysis as one dict of plain Python values.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        A fitted estimator, a table of its `audit`, or such a dict.
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
    result = make_result(source, audit)
    return json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
    parts = ["# Does the decision use the metadata?", _escape(result["question"])]
    parts += ["\n".join(_answer_lines(result)), "\n".join(_table_lines(result))]
    parts += ["## What was done", _escape(" ".join(result["description"]))]
    if result["notes"]:
        parts.append("\n".join(f"- {_escape(note)}" for note in result["notes"]))
    limits = "\n".join(f"- {_escape(limit)}" for limit in result["limits"])
    parts += ["## What this does not say", limits]
    return "\n\n".join(parts) + "\n"


def _answer_lines(result: dict) -> list[str]:
    return [
        f"- **{_escape(column['name'])}: {column['verdict']}.** "
        f"{_escape(column['answer'])}"
        for column in result["columns"]
    ]


def _table_lines(result: dict) -> list[str]:
    head = [
        "column",
        "verdict",
        "encoding (p)",
        "alignment (p, corrected)",
        "utilization (interval)",
        "p",
        "q",
    ]
    rows = [head, ["---"] * len(head), *map(_table_row, result["columns"])]
    return [f"| {' | '.join(row)} |" for row in rows]


def _table_row(column: dict) -> list[str]:
    encoding, alignment = column["encoding"], column["alignment"]
    effect = column["utilization"]
    interval = f"({number_text(effect['low'])} to {number_text(effect['high'])})"
    return [
        _escape(column["name"]),
        column["verdict"],
        f"{number_text(encoding['score'])} ({number_text(encoding['pvalue'])})",
        f"{number_text(alignment['score'])} ({number_text(alignment['pvalue_fwer'])})",
        f"{number_text(effect['estimate'])} {interval}",
        number_text(effect["pvalue"]),
        number_text(effect["qvalue"]),
    ]


def number_text(value: float | None) -> str:
    """Number with two significant digits; a dash where there is none."""
    return "-" if value is None else format_number(value)


def _escape(text: str) -> str:
    """Text of the data in which nothing is markup, on one line."""
    text = printable(text)
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text
