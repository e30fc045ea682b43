"""The summary table: one row per column, complete or explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.inference import AlignmentTest
from sklearn_wsca._analysis.association import association_pvalue, association_strength
from sklearn_wsca._analysis.confusable import confusable_with
from sklearn_wsca._analysis.consequences import describe_consequence
from sklearn_wsca._encoding.inference import EncodingTest
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.table import name_index
from sklearn_wsca._performance.inference import PerformanceTests
from sklearn_wsca._text import (
    describe_confusable,
    describe_robustness,
    format_number,
    quote,
)
from sklearn_wsca._utilization.adjusted_effect import Examined
from sklearn_wsca._utilization.inference import UtilizationTests
from sklearn_wsca._verdicts.registry import UNTESTABLE, USED, judge, untestable
from sklearn_wsca._verdicts.rule import Rule

SUMMARY_COLUMNS = (
    "kind",
    "n_samples",
    "n_levels",
    "target_association",
    "encoding_score",
    "encoding_pvalue",
    "encoding_qvalue",
    "encoding_skill",
    "encoding_power",
    "alignment_score",
    "alignment_pvalue",
    "alignment_pvalue_fwer",
    "alignment_qvalue",
    "utilization",
    "utilization_low",
    "utilization_high",
    "utilization_balanced",
    "utilization_balanced_low",
    "utilization_balanced_high",
    "utilization_pvalue",
    "utilization_qvalue",
    "probability_shift",
    "probability_shift_low",
    "probability_shift_high",
    "minimum_detectable_effect",
    "performance_gap",
    "performance_pvalue",
    "performance_qvalue",
    "verdict",
    "consequence",
    "note",
)


MOST_CONFUSABLE = 3
NO_PROBE = (
    "an interaction has no encoding and no alignment: a probe of combined levels reads "
    "what each column does alone, too"
)
ALIGNMENT_COLUMNS = SUMMARY_COLUMNS[9:13]


def summarise_fit(
    tasks: Tasks,
    given: Input,
    encoding: EncodingTest,
    alignment: AlignmentTest,
    utilization: UtilizationTests,
    rule: Rule,
    confusable: pd.DataFrame,
    performance: PerformanceTests,
) -> pd.DataFrame:
    """Table of all columns asked for."""
    rows, notes = {}, {}
    for task in tasks.metadata:
        name = task.name
        rows[name] = describe_column(task.column, tasks.target, given) | {
            "encoding_score": encoding.scores[name],
            "encoding_pvalue": encoding.tests.pvalues[name],
            "encoding_qvalue": encoding.qvalues[name],
            "encoding_skill": encoding.skills[name],
            "encoding_power": encoding.power[name],
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
    add_interactions(rows, notes, tasks.interactions, given)
    add_utilization(rows, notes, utilization, rule, confusable)
    add_performance(rows, performance, rule.significance)
    return summarise(tasks.names, tasks.dropped, rows)


def add_interactions(
    rows: dict[Any, dict[str, Any]],
    notes: dict[Any, list[str]],
    interactions: Mapping[Any, Column],
    given: Input,
) -> None:
    """Begin the entries of interactions, which have no heads."""
    for name, column in interactions.items():
        rows[name] = describe_column(column, None, given) | dict.fromkeys(
            SUMMARY_COLUMNS[4:13], np.nan
        )
        notes[name] = [NO_PROBE]


def describe_column(
    column: Column | None, target: Column | None, given: Input
) -> dict[str, Any]:
    """Entries on what a column is; None for a trained head without labels.

    The p-value of the association with the target is no entry of the table.
    """
    none = {"target_association": np.nan, "target_association_pvalue": np.nan}
    if column is None:
        return {"kind": "trained head"} | none
    entries = {
        "kind": column.kind,
        "n_samples": len(column.labels),
        "n_levels": column.n_levels or None,
        "parts": [part.name for part in column.parts],
    }
    if target is None:
        return entries | none
    pvalue = association_pvalue(column, target, given.roles.groups)
    return entries | {
        "target_association": association_strength(column, target, given.weights),
        "target_association_pvalue": pvalue,
    }


def add_utilization(
    rows: dict[Any, dict[str, Any]],
    notes: dict[Any, list[str]],
    tests: UtilizationTests,
    rule: Rule,
    confusable: pd.DataFrame,
) -> None:
    """Complete the entries by utilization, verdict and note."""
    robustness = tests.robustness(rule.min_effect)
    for name, row in rows.items():
        row |= _utilization_entries(tests, name) | {"name": name}
        if name in tests.untestable:
            row["verdict"], sentence = untestable(tests.untestable[name])
            sentences = [sentence]
        else:
            examined = tests.examined[name]
            row |= find_classes(examined, rule.min_effect)
            row["verdict"], sentence = judge(row, rule)
            sentences = [sentence, rule.explained_by_target(row)]
            if row["verdict"] == USED:
                values = robustness.iloc[tests.index.get_loc(name)]
                sentences += describe_doubts(
                    name, values, confusable_with(confusable, name)
                )
            sentences += examined.describe()
        row["note"] = "; ".join(s for s in sentences + notes[name] if s)


def add_performance(
    rows: dict[Any, dict[str, Any]], tests: PerformanceTests, significance: float
) -> None:
    """Complete the entries by the gap of performance, and say it beside the verdict."""
    for name, row in rows.items():
        gap = tests.gap_of(name)
        row["performance_gap"] = gap["size"]
        row["performance_pvalue"] = gap["pvalue"]
        row["performance_qvalue"] = gap["qvalue"]
        told = describe_consequence(name, row["verdict"], tests, significance)
        row["consequence"] = told["sentence"]


def describe_doubts(name: Any, values: Any, confusable: list[dict]) -> list[str]:
    """How wrong the use of a column could be, in sentences."""
    pairs = confusable[:MOST_CONFUSABLE]
    return [
        describe_robustness(values),
        *(describe_confusable(name, pair["column"], pair) for pair in pairs),
    ]


def find_classes(examined: Examined, margin: float) -> dict[str, Any]:
    """What verdicts must know about classes of the target and rare levels, by column.

    Rare levels and classes that move by the margin on their own, classes that hold one
    value of the column only, a sentence on the one that is least known, and what
    carries the utilization.
    """
    sizes = examined.rare_sizes
    found = {
        "carrier": examined.carrier,
        "shift_sentence": examined.shift.sentence,
        "levels_above": [level for level in sizes if sizes[level] >= margin],
    }
    table = examined.by_class
    if len(table) == 1:
        none = {"classes_above": [], "classes_unseen": [], "class_in_doubt": ""}
        return found | none
    above = (table["stands_out"] > 0) & (table["utilization"] >= margin)
    unseen = table["utilization"].isna()
    open_still = table["high"].where(~above)
    doubt, high = "", open_still.max()
    if high >= margin:
        number = int(np.nanargmax(open_still))
        n_rows = int(examined.class_rows[number])
        needed = float(f"{n_rows * (high / margin) ** 2:.2g}")
        doubt = (
            f"least is known of the class {quote(table.index[number])} ({n_rows} rows, "
            f"interval up to {format_number(high)}); about {needed:.0f} rows of it "
            "could tell"
        )
    return found | {
        "classes_above": list(table.index[above]),
        "classes_unseen": list(table.index[unseen]),
        "class_in_doubt": doubt,
    }


def _utilization_entries(tests: UtilizationTests, name: Any) -> dict[str, float]:
    found = tests.row(name)
    own = (
        "low",
        "high",
        "balanced",
        "balanced_low",
        "balanced_high",
        "pvalue",
        "qvalue",
    )
    shift = [f"probability_shift{end}" for end in ("", "_low", "_high")]
    names = ("utilization", *shift, "minimum_detectable_effect")
    return {f"utilization_{entry}": found[entry] for entry in own} | {
        entry: found[entry] for entry in names
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
    for name in SUMMARY_COLUMNS[3:-3]:
        table[name] = table[name].astype(float)
    table["consequence"] = table["consequence"].astype(object)
    table["note"] = table["note"].fillna("")
    return table
