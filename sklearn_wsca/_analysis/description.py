"""What an analysis was made of: rows, levels and their counts, and what was permuted.

Plain dicts and lists, so that a table can carry them and a report can print them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis.confusable import confusable_with
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._performance.inference import PerformanceTests, no_performance
from sklearn_wsca._utilization.adjusted_effect import Examined
from sklearn_wsca._utilization.effects import ENTRIES, Shift, show_output
from sklearn_wsca._utilization.inference import UtilizationTests
from sklearn_wsca._verdicts.rule import Rule

MOST_TARGET_LEVELS = 20


def describe_rows(
    given: Input,
    columns: Mapping[Any, Column | None],
    target: Column | None,
    tests: UtilizationTests,
    rule: Rule,
    head_rows: str | None,
    confusable: pd.DataFrame,
    head_performance: dict[str, Any] | None = None,
    performance: PerformanceTests | None = None,
    outputs: Mapping[Any, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Describe the rows of an analysis.

    Parameters
    ----------
    given : Input
        The rows with their roles.
    columns : dict of name to Column or None
        The columns and interactions analysed; None for a trained head without labels.
    target : Column or None
        The target.
    tests : UtilizationTests
        Tests of the columns.
    rule : Rule
        Of the verdicts.
    head_rows : {"held out", "cross-fitted", "unknown"} or None
        Whether the primary head has seen the rows, see `HeadRows`.
    confusable : DataFrame
        Of `find_confusable`.
    head_performance : dict or None
        How well the primary head predicts the target, see `check_decision`.
    performance : PerformanceTests or None
        How well it does by level.
    outputs : dict of name to dict, or None
        How an output is spread by level, see `describe_outputs`.

    Returns
    -------
    dict
        n_samples; n_used and lacking (see `count_lacking`); head_rows;
        head_performance; withheld (why no column is judged `not used`, or None); groups
        and n_groups (None without); target (None, or name and labels, see
        `describe_labels`); held_fixed (names); min_effect; significance;
        n_permutations; and columns, a list with one dict per column: name,
        interaction_of (the names of its two columns; None for a column), labels,
        counts_by_target (rows per level and target level, None unless both are
        categorical), utilization (see `describe_test`), robustness (to_margin and
        to_zero), confusable (see `confusable_with`) and outputs (None where there are
        none).
    """
    robustness = tests.robustness(rule.min_effect).to_dict("records")
    groups = given.roles.groups
    by_level = performance or no_performance(columns, "it was not measured")
    return {
        "n_samples": len(given.weights),
        **count_lacking(given, target),
        "head_rows": head_rows,
        "head_performance": head_performance,
        "withheld": rule.withheld or None,
        "groups": None if groups is None else groups.name,
        "n_groups": None if groups is None else len(groups.first_rows()),
        "target": None
        if target is None
        else {"name": target.name, "labels": describe_labels(target)},
        "held_fixed": [name for name in rule.held if name is not None],
        "min_effect": rule.min_effect,
        "significance": rule.significance,
        "n_permutations": len(tests.null),
        "columns": [
            {
                "name": name,
                "interaction_of": None
                if column is None or not column.parts
                else [part.name for part in column.parts],
                "labels": None if column is None else describe_labels(column),
                "counts_by_target": count_by_target(column, target),
                "utilization": describe_test(name, tests),
                "robustness": values,
                "confusable": confusable_with(confusable, name),
                "performance": describe_performance(name, by_level),
                "outputs": (outputs or {}).get(name),
            }
            for (name, column), values in zip(columns.items(), robustness, strict=True)
        ],
    }


def describe_performance(name: Any, tests: PerformanceTests) -> dict[str, Any]:
    """Performance of the decision by the levels of a column.

    Returns
    -------
    dict
        by_level (a list with one dict per level), gap (of `Gap`, with p-values; None
        where no two levels could be compared), scheme (what was permuted) and untested
        (why there is no gap or no p-value, or None).
    """
    levels, gap = tests.by_level.get(name), None
    if name in tests.gaps:
        gap = tests.gap_of(name)
        for key in ("higher", "lower", "of_class"):
            gap[key] = None if gap[key] is None else str(gap[key])
    by_level = [] if levels is None else levels.reset_index().to_dict("records")
    return {
        "by_level": [row | {"level": str(row["level"])} for row in by_level],
        "gap": gap,
        "scheme": tests.schemes.get(name),
        "untested": tests.left_out.get(name),
    }


def count_lacking(given: Input, target: Column | None) -> dict[str, Any]:
    """Rows that lack the target, the group or a confounder, and those that lack none.

    Returns
    -------
    dict
        n_used, and lacking: a list with one dict per column that some rows lack: role
        (target, group or confounder), name, n_missing (rows without a value) and n_rare
        (rows whose value is no level that is used, as those of rare levels).
    """
    n = len(given.weights)
    used, lacking = np.ones(n, dtype=bool), []
    roles: list[tuple[str, Any, np.ndarray]] = []
    if target is not None:
        roles.append(("target", target.name, target.rows))
    if given.roles.groups is not None:
        roles.append(("group", given.roles.groups.name, given.roles.groups.rows))
    roles += [("confounder", c.name, c.rows) for c in given.roles.confounders]
    for role, name, rows in roles:
        unused = ~np.isin(np.arange(n), rows)
        missing = given.table[name].isna().to_numpy() & unused
        used &= ~unused
        if unused.any():
            counts = {"n_missing": int(missing.sum())}
            counts["n_rare"] = int(unused.sum()) - counts["n_missing"]
            lacking.append({"role": role, "name": name, **counts})
    return {"n_used": int(used.sum()), "lacking": lacking}


def describe_labels(column: Column) -> dict[str, Any] | None:
    """Levels with their numbers of rows, or the distribution of a number.

    Returns
    -------
    dict or None
        None for the interaction of two numbers;
        levels (list of dicts with level and n_samples) for a categorical column;
        minimum, lower_quartile, median, upper_quartile, maximum, mean and
        standard_deviation for a continuous one (dates: in days since 1970).
    """
    labels = column.labels
    if column.n_levels:
        counts = np.bincount(labels, minlength=column.n_levels).tolist()
        pairs = zip(column.levels, counts, strict=True)
        return {"levels": [{"level": str(k), "n_samples": n} for k, n in pairs]}
    if column.parts:
        return None
    names = ("minimum", "lower_quartile", "median", "upper_quartile", "maximum")
    quantiles = np.quantile(labels, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return dict(zip(names, quantiles, strict=True)) | {
        "mean": float(labels.mean()),
        "standard_deviation": float(labels.std()),
    }


def count_by_target(column: Column | None, target: Column | None) -> list | None:
    """Rows per level and target level, as lists in the order of the levels."""
    if column is None or target is None or target.n_levels > MOST_TARGET_LEVELS:
        return None
    if not (column.n_levels and target.n_levels):
        return None
    _, first, second = np.intersect1d(
        column.rows, target.rows, assume_unique=True, return_indices=True
    )
    counts = np.zeros((column.n_levels, target.n_levels), dtype=int)
    np.add.at(counts, (column.labels[first], target.labels[second]), 1)
    return counts.tolist()


def describe_test(name: Any, tests: UtilizationTests) -> dict[str, Any]:
    """What was permuted for the test of utilization.

    Returns
    -------
    dict
        raw (before noise is removed), pvalue_fwer, scheme (what was permuted, in
        words), n_units (that can be exchanged), log10_arrangements (of the number of
        distinct permutations), untestable (the reason, or None), shift (the largest
        difference of a probability: output, target_class, higher, lower; None without
        probabilities) and effects (a list with one dict per level: those on one output,
        see `show_output`).
    """
    found, examined = tests.row(name), tests.examined.get(name)
    described = {
        "raw": float(found["raw"]),
        "pvalue_fwer": float(found["pvalue_fwer"]),
        "untestable": tests.untestable.get(name),
    }
    if examined is None:
        missing = "scheme", "n_units", "log10_arrangements", "shift"
        return described | dict.fromkeys(missing) | {"effects": []}
    return described | {
        "scheme": examined.scheme,
        "n_units": int(examined.n_units),
        "log10_arrangements": float(examined.arrangements),
        "shift": _describe_shift(examined.shift),
        "effects": _describe_effects(examined),
    }


def _describe_shift(shift: Shift) -> dict[str, str] | None:
    """Of what the largest difference of a probability is one."""
    names = "output", "target_class", "higher", "lower"
    if shift.output is None:
        return None
    return {name: str(getattr(shift, name)) for name in names}


def _describe_effects(examined: Examined) -> list[dict[str, Any]]:
    """Effects on one output, by level and class of the target."""
    table = show_output(examined.effects, examined.shift).reset_index()
    records = table.to_dict("records")
    return [row | {name: str(row[name]) for name in ENTRIES} for row in records]
