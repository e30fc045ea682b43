"""The summary table: one row per column, complete or explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.inference import AlignmentTest
from sklearn_wsca._encoding.inference import EncodingTest
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.table import name_index
from sklearn_wsca._utilization.inference import UtilizationTests
from sklearn_wsca._verdict import UNTESTABLE, Rule, untestable

SUMMARY_COLUMNS = (
    "kind",
    "n_samples",
    "n_levels",
    "target_association",
    "encoding_score",
    "encoding_pvalue",
    "alignment_score",
    "alignment_pvalue",
    "alignment_pvalue_fwer",
    "alignment_qvalue",
    "utilization",
    "utilization_low",
    "utilization_high",
    "utilization_pvalue",
    "utilization_qvalue",
    "probability_shift",
    "minimum_detectable_effect",
    "verdict",
    "note",
)


ALIGNMENT_COLUMNS = SUMMARY_COLUMNS[6:10]


def summarise_fit(
    tasks: Tasks,
    weights: np.ndarray,
    encoding: EncodingTest,
    alignment: AlignmentTest,
    utilization: UtilizationTests,
    rule: Rule,
) -> pd.DataFrame:
    """Table of all columns asked for."""
    rows, notes = {}, {}
    for task in tasks.metadata:
        name = task.name
        rows[name] = describe_column(task.column, tasks.target, weights) | {
            "encoding_score": encoding.scores[name],
            "encoding_pvalue": encoding.tests.pvalues[name],
            "alignment_score": alignment.scores[name],
            "alignment_pvalue": alignment.tests.pvalues[name],
            "alignment_pvalue_fwer": alignment.pvalues_fwer[name],
            "alignment_qvalue": alignment.qvalues[name],
        }
        notes[name] = list(task.notes)
        pvalue = alignment.tests.extrapolated[name]
        if not np.isnan(pvalue):
            notes[name].append(
                f"alignment p-value extrapolated by a Pareto tail: {pvalue:.1e}"
            )
    add_utilization(rows, notes, utilization, rule)
    return summarise(tasks.names, tasks.dropped, rows)


def describe_column(
    column: Column | None, target: Column | None, weights: np.ndarray
) -> dict[str, Any]:
    """Entries on what a column is; None for a trained head without labels."""
    if column is None:
        return {"kind": "trained head", "target_association": np.nan}
    return {
        "kind": column.kind,
        "n_samples": len(column.labels),
        "n_levels": column.n_levels or None,
        "target_association": np.nan
        if target is None
        else target_association(column, target, weights),
    }


def add_utilization(
    rows: dict[Any, dict[str, Any]],
    notes: dict[Any, list[str]],
    tests: UtilizationTests,
    rule: Rule,
) -> None:
    """Complete the entries by utilization, verdict and note."""
    for name, row in rows.items():
        row |= _utilization_entries(tests, name)
        if name in tests.untestable:
            row["verdict"], sentence = untestable(tests.untestable[name])
            sentences = [sentence]
        else:
            upper = tests.row(name)["upper"]
            row["verdict"], sentence = rule.judge(row, upper)
            sentences = [sentence, rule.explained_by_target(row)]
            sentences += tests.examined[name].describe()
        row["note"] = "; ".join(s for s in sentences + notes[name] if s)


def _utilization_entries(tests: UtilizationTests, name: Any) -> dict[str, float]:
    found = tests.row(name)
    return {
        "utilization": found["utilization"],
        "utilization_low": found["low"],
        "utilization_high": found["high"],
        "utilization_pvalue": found["pvalue"],
        "utilization_qvalue": found["qvalue"],
        "probability_shift": found["probability_shift"],
        "minimum_detectable_effect": found["minimum_detectable_effect"],
    }


def summarise(
    names: list, left_out: dict[Any, str], rows: dict[Any, dict[str, Any]]
) -> pd.DataFrame:
    """Table in the order of `names`: rows, or the reason why there is none."""
    reasons = {
        name: {"verdict": UNTESTABLE, "note": f"left out: {reason}"}
        for name, reason in left_out.items()
    }
    everything = rows | reasons
    return make_summary({name: everything[name] for name in names})


def make_summary(rows: dict[Any, dict[str, Any]]) -> pd.DataFrame:
    """Table with one row per column and the names of the contract."""
    names = list(rows)
    index = name_index(names)
    table = pd.DataFrame(
        [rows[name] for name in names], index=index, columns=list(SUMMARY_COLUMNS)
    )
    for name in ("n_samples", "n_levels"):
        table[name] = table[name].astype("Int64")
    for name in SUMMARY_COLUMNS[3:-2]:
        table[name] = table[name].astype(float)
    table["note"] = table["note"].fillna("")
    return table


def target_association(column: Column, target: Column, weights: np.ndarray) -> float:
    """Strength of the association of a column and the target, between 0 and 1.

    Cramer's V for two categorical columns, the correlation ratio (square root of the
    share of variance between levels) for one categorical and one continuous, and the
    absolute Pearson correlation for two continuous ones. NaN if fewer than two rows
    have both.
    """
    both, first, second = np.intersect1d(
        column.rows, target.rows, assume_unique=True, return_indices=True
    )
    if len(both) < 2:
        return float("nan")
    a, b, w = column.labels[first], target.labels[second], weights[both]
    if column.kind == target.kind == "categorical":
        return _cramers_v(a, b, w)
    if column.kind == "categorical":
        return _correlation_ratio(a, b, w)
    if target.kind == "categorical":
        return _correlation_ratio(b, a, w)
    return abs(_correlation(a, b, w))


def _cramers_v(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), weights)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0] / table.sum()
    if min(table.shape) < 2:
        return float("nan")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    phi_squared = np.sum((table - expected) ** 2 / expected)
    return float(np.sqrt(phi_squared / (min(table.shape) - 1)))


def _correlation_ratio(levels, values, weights) -> float:
    centred = values - np.average(values, weights=weights)
    mass = np.bincount(levels, weights)
    sums = np.bincount(levels, weights * centred)
    between = np.sum(sums[mass > 0] ** 2 / mass[mass > 0])
    total = weights @ centred**2
    return float(np.sqrt(between / total)) if total > 0 else float("nan")


def _correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    a, b = (v - np.average(v, weights=weights) for v in (a, b))
    spread = np.sqrt((weights @ a**2) * (weights @ b**2))
    return float(weights @ (a * b) / spread) if spread > 0 else float("nan")
