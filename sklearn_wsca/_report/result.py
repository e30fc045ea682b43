"""From a fitted estimator or an audit table to one dict that every format prints."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._analysis.audit import DESCRIPTION
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS
from sklearn_wsca._input.several_targets import (
    check_one_target,
    is_joined,
    table_of,
)
from sklearn_wsca._performance.words import name_case
from sklearn_wsca._plain_values import as_plain
from sklearn_wsca._report.caveats import list_next_steps
from sklearn_wsca._report.first_screen import tell_column
from sklearn_wsca._report.words import (
    ask,
    describe_analysis,
    explain_limits,
    tell_doubts,
)
from sklearn_wsca._text import column_text, is_nothing
from sklearn_wsca._verdicts.registry import answer
from sklearn_wsca._version import __version__

SCHEMA_VERSION = 2
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas")
NULL_LEVELS = (0.025, 0.5, 0.95, 0.975, 0.99)


def make_result(
    source: Any,
    audit: pd.DataFrame | None = None,
    *,
    inputs: dict[str, str] | None = None,
    sensitivity: pd.DataFrame | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Everything that a report says, as plain dicts, lists, numbers and text.

    Parameters
    ----------
    source : WeightSpaceCorrelation, DataFrame or dict
        A fitted estimator, a table of `audit` (or `summary_`), or such a dict, which is
        returned as it is.
    audit : DataFrame, default=None
        Table of held-out rows by the same estimator, which is then what is judged.
    inputs : dict of str to str, default=None
        What was read, by role: names of files.
    sensitivity : DataFrame, default=None
        Of `component_sensitivity`.
    notes : sequence of str
        What else a reader must know.

    Returns
    -------
    dict
        As `result.schema.json` describes it. Missing numbers are None.

    Raises
    ------
    TypeError
        If `source` is none of these.
    NotFittedError
        If it is an estimator that is not fitted.
    """
    if isinstance(source, dict):
        return source
    if isinstance(source, pd.DataFrame):
        check_table(source, "table")
        if is_joined(source):
            raise ValueError(
                "table: it is of several targets; pass the analysis of one of them, "
                "analysis.targets_[name], and the table as audit."
            )
        return _assemble(None, source, inputs, sensitivity, notes)
    if not hasattr(source, "get_params"):
        raise TypeError(
            "a report is made from a fitted WeightSpaceCorrelation or from a table of "
            f"its audit, not from {type(source).__name__}."
        )
    check_is_fitted(source)
    check_one_target(source)
    if audit is not None:
        check_table(audit, "audit")
        audit = table_of(source, audit)
    return _assemble(source, audit, inputs, sensitivity, notes)


def check_table(table: pd.DataFrame, argument: str) -> None:
    """Raise if it is no table of this package."""
    missing = [name for name in SUMMARY_COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f"{argument}: this is no table of summary_ or audit, the columns {missing} "
            "are missing; pass what analysis.audit(X, y) returned."
        )


def _assemble(estimator, table, inputs, sensitivity, notes) -> dict[str, Any]:
    """All parts of the result."""
    if table is None:
        table, described = estimator.summary_, estimator.description_
    else:
        described = table.attrs.get(DESCRIPTION, {})
    details = {detail["name"]: detail for detail in described.get("columns", [])}
    analysis = _analysis(estimator, table, described)
    columns = [
        _column(name, table.iloc[i], details.get(name, {}), estimator, analysis)
        for i, name in enumerate(table.index)
    ]
    counts = Counter(column["verdict"] for column in columns)
    result = {
        "schema_version": SCHEMA_VERSION,
        "software": software_versions(),
        "inputs": inputs or {},
        "question": ask(analysis),
        "analysis": analysis,
        "verdict_counts": dict(counts.most_common()),
        "columns": columns,
        "notes": [*(estimator.notes_ if estimator is not None else ()), *notes],
        "component_sensitivity": _sensitivity(sensitivity),
        "settings": {} if estimator is None else _settings(estimator),
    }
    result["description"] = describe_analysis(result)
    result["limits"] = explain_limits(result)
    result["next_steps"] = list_next_steps(result)
    return as_plain(result)


def software_versions() -> dict[str, str]:
    """Versions of what computed the numbers."""
    versions = {"sklearn_wsca": __version__, "python": platform.python_version()}
    return versions | {name: version(name) for name in PACKAGES}


def _analysis(estimator, table: pd.DataFrame, described: dict) -> dict[str, Any]:
    """What the analysis as a whole was made of."""
    analysis = {
        "judged_rows": _judged_rows(estimator, table, described),
        "n_samples": described.get("n_samples"),
        "n_used": described.get("n_used"),
        "lacking": described.get("lacking", []),
        "head_rows": described.get("head_rows"),
        "head_performance": described.get("head_performance"),
        "withheld": described.get("withheld"),
        "groups": described.get("groups"),
        "n_groups": described.get("n_groups"),
        "target": described.get("target"),
        "held_fixed": described.get("held_fixed", []),
        "min_effect": described.get("min_effect"),
        "significance": described.get("significance"),
        "n_permutations": described.get("n_permutations"),
    }
    if estimator is None:
        return analysis
    seed = estimator.random_state
    return analysis | {
        "n_samples_fit": estimator.description_["n_samples"],
        "n_features": estimator.n_features_in_,
        "n_components": estimator.n_components_,
        "explained_variance": float(np.sum(estimator.explained_variance_ratio_)),
        "primary_head": _primary_head(estimator),
        "n_permutations": estimator.n_permutations,
        "null": estimator.null,
        "metric": estimator.metric,
        "aggregate": estimator.aggregate,
        "seed": seed if isinstance(seed, (int, np.integer)) else None,
    }


def _judged_rows(estimator, table: pd.DataFrame, described: dict) -> str | None:
    """Whether the rows were in fit; None if the table does not tell."""
    if estimator is not None and table is estimator.summary_:
        return "fit"
    return "held out" if described else None


def _primary_head(estimator) -> dict[str, Any] | None:
    """Where the primary head comes from, and its outputs."""
    head = estimator.target_head_
    if head is None:
        return None
    trained = estimator.target_head is not None
    return {
        "source": "trained" if trained else "fitted",
        "n_rows": head.n_rows,
        "classes": None if head.classes is None else [str(c) for c in head.classes],
    }


def _column(name, row: pd.Series, detail: dict, estimator, analysis) -> dict[str, Any]:
    """Everything about one column."""
    parts = detail.get("interaction_of")
    test, robustness = (detail.get(key) or {} for key in ("utilization", "robustness"))
    column = {
        "name": column_text(name),
        "verdict": row["verdict"],
        "lead": "",
        "answer": "",
        "note": row["note"],
        "interaction_of": None if parts is None else [column_text(p) for p in parts],
        "kind": row["kind"],
        "n_samples": row["n_samples"],
        "n_levels": row["n_levels"],
        "target_association": row["target_association"],
        "labels": detail.get("labels"),
        "counts_by_target": detail.get("counts_by_target"),
        "encoding": {
            key: row[f"encoding_{key}"]
            for key in ("score", "pvalue", "qvalue", "skill", "power")
        },
        "alignment": {
            key: row[f"alignment_{key}"]
            for key in ("score", "pvalue", "pvalue_fwer", "qvalue")
        },
        "utilization": {
            "estimate": row["utilization"],
            "low": row["utilization_low"],
            "high": row["utilization_high"],
            "balanced": row["utilization_balanced"],
            "balanced_low": row["utilization_balanced_low"],
            "balanced_high": row["utilization_balanced_high"],
            "raw": test.get("raw"),
            "pvalue": row["utilization_pvalue"],
            "pvalue_fwer": test.get("pvalue_fwer"),
            "qvalue": row["utilization_qvalue"],
            "probability_shift": row["probability_shift"],
            "probability_shift_low": row["probability_shift_low"],
            "probability_shift_high": row["probability_shift_high"],
            "minimum_detectable_effect": row["minimum_detectable_effect"],
            "scheme": test.get("scheme"),
            "n_units": test.get("n_units"),
            "untestable": test.get("untestable"),
            "shift": test.get("shift"),
            "effects": test.get("effects", []),
            "robustness_to_margin": robustness.get("to_margin"),
            "robustness_to_zero": robustness.get("to_zero"),
        },
        "confusable": [
            pair | {"column": column_text(pair["column"])}
            for pair in detail.get("confusable", [])
        ],
        "performance": _performance(row, detail.get("performance"), analysis),
        "outputs": detail.get("outputs"),
        "erasure": None,
    }
    if estimator is not None and name in estimator.heads_:
        _add_fitted(column, name, estimator, analysis)
    column = as_plain(column)
    column["answer"] = " ".join([answer(column, analysis), *tell_doubts(column)])
    column["lead"] = tell_column(column, analysis)
    return column


def _performance(row: pd.Series, found: dict | None, analysis: dict) -> dict[str, Any]:
    """Performance by level, and what it says beside the verdict."""
    told = {"case": None, "sentence": row["consequence"]}
    found = found or {"by_level": [], "gap": None, "scheme": None, "untested": None}
    if analysis["significance"] is not None and not is_nothing(row["consequence"]):
        gap = {"qvalue": row["performance_qvalue"]}
        told["case"] = name_case(row["verdict"], gap, analysis["significance"])
    return told | found


def _add_fitted(column: dict, name: Any, estimator, analysis: dict) -> None:
    """Complete an entry by what only the fitted estimator knows."""
    at = estimator.alignment_scores_.index.get_loc(name)
    column["alignment"] |= {
        "ceiling": estimator.alignment_ceilings_.iloc[at],
        "corrected": estimator.alignment_corrected_.iloc[at],
        "null": _describe_null(estimator.null_distribution_.iloc[:, at]),
    }
    if analysis["judged_rows"] == "fit":
        column["encoding"]["selectivity"] = estimator.encoding_selectivity_.iloc[at]
        metrics = estimator.encoding_metrics_.iloc[at].dropna()
        column["encoding"]["metrics"] = metrics.to_dict()
    if estimator.erasure_ is not None:
        column["erasure"] = estimator.erasure_.iloc[at].to_dict()


def _describe_null(null: pd.Series) -> dict[str, float] | None:
    """Mean, standard deviation and quantiles of permutations."""
    drawn = null.dropna().to_numpy()
    if not len(drawn):
        return None
    quantiles = zip(NULL_LEVELS, np.quantile(drawn, NULL_LEVELS), strict=True)
    spread = {"mean": drawn.mean(), "standard_deviation": drawn.std()}
    return spread | {f"quantile_{level:g}": value for level, value in quantiles}


def _sensitivity(table: pd.DataFrame | None) -> list[dict] | None:
    """Scores of the columns by number of components."""
    if table is None:
        return None
    names = [column_text(name) for name in table.columns]
    return [
        dict(zip(table.index.names, at, strict=True))
        | {"scores": dict(zip(names, scores, strict=True))}
        for at, scores in zip(table.index, table.to_numpy(), strict=True)
    ]


def _settings(estimator) -> dict[str, Any]:
    """Parameters of the estimator; heads and arrays by their shape."""
    return {
        name: _setting(value) for name, value in estimator.get_params(False).items()
    }


def _setting(value: Any) -> Any:
    if isinstance(value, dict):
        return {column_text(name): _setting(entry) for name, entry in value.items()}
    if isinstance(value, (str, bool, int, float, type(None), np.generic)):
        return value
    if isinstance(value, (list, tuple)) and not hasattr(value, "coef"):
        return [_setting(entry) for entry in value]
    shape = getattr(getattr(value, "coef", value), "shape", None)
    described = type(value).__name__
    return described if shape is None else f"{described} of shape {tuple(shape)}"
