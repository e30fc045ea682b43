"""A feature analysis in the terminal: first features, shifts and unusual samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sklearn_wsca._cli._terminal import print_list
from sklearn_wsca._features.consistency import OF_HEAD
from sklearn_wsca._features.profiles import FALSE_ALARMS
from sklearn_wsca._features.shift import OUTPUTS
from sklearn_wsca._report.pages import steps_of_features
from sklearn_wsca._text import format_number, list_first, printable

FEATURES_SHOWN = 10
CLASSES_SHOWN = 5
FEATURES_OF_A_CLASS = 3
OUTLIERS_SHOWN = 5
LEVEL = 0.05
# A cell of a table has a border and two blanks beside its text.
BESIDE_TEXT = 3


def print_features(console: Console, found: Any, classes: Sequence[int]) -> None:
    """Print the first features of all and of some classes, shifts, unusual samples."""
    left_out = _print_table(console, found.features, found.analysis.ranking)
    for line in [*left_out, *describe(found, classes)]:
        console.print(Text(printable(line)), highlight=False)
    console.print()
    steps = steps_of_features(found.analysis.head is None)
    print_list(console, "What to do next", steps)


def describe(found: Any, classes: Sequence[int]) -> list[str]:
    """What was found of the classes, the network, the features and the samples."""
    return [
        *_describe_classes(found.analysis, classes),
        _describe_consistency(found.analysis),
        describe_share(found.analysis),
        *_describe_shifts(found.shifts, found.analysis.head_.classes is not None),
        _describe_outliers(found.samples, found.analysis.outlier_threshold_),
    ]


def classes_to_show(analysis: Any, wanted: Sequence[str]) -> list[int]:
    """Rows of the head: of the classes that are wanted, or of the most frequent ones.

    Raises
    ------
    ValueError
        If the head has no such class.
    """
    names = list(map(str, analysis.head_.row_names))
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ValueError(
            f"--show-classes: {list_first(unknown)} are none of the classes of the "
            f"head: {list_first(names)}."
        )
    if wanted:
        return [names.index(name) for name in wanted]
    frequent = np.argsort(-analysis.n_correct_, kind="stable")[:CLASSES_SHOWN]
    return [k for k in frequent.tolist() if analysis.n_correct_[k]]


def words_of_figures(analysis: Any) -> dict[str, str]:
    """What figures of a number show, where they show something else of classes."""
    if analysis.head_.classes is not None:
        return {}
    return {
        "importance.png": (
            "How contributions change where the target is larger (red: they rise), by "
            "rank"
        ),
        "maps.png": "Where the predicted number comes from; the bar marks no effect",
    }


def _print_table(console: Console, features: pd.DataFrame, ranking: str) -> list[str]:
    """Print as many columns as fit; returns what is to be said of the others."""
    shown = features.head(FEATURES_SHOWN)
    if shown["importance"].isna().all():
        return ["No sample is classified correctly, so features have no importance."]
    names = _fitting_columns(shown, console.width)
    table = Table(
        title=Text(f"First features by rank (ranking: {ranking})"),
        title_justify="left",
        title_style="bold",
    )
    for name in ("feature", *names):
        table.add_column(Text(printable(name)))
    for feature, row in shown.iterrows():
        table.add_row(str(feature), *[format_number(row[name]) for name in names])
    console.print(table)
    n_more = len(shown.columns) - len(names)
    return [f"features.csv has {n_more} more columns."] if n_more else []


def _fitting_columns(shown: pd.DataFrame, width: int) -> list[str]:
    """Columns whose numbers stay whole in the width: those of classes all, or none."""
    shares = [name for name in shown if name.startswith("share")]
    classes = [name for name in shown if name.startswith("importance of ")]
    room = width - len("feature") - BESIDE_TEXT - 1
    fitting: list[str] = []
    for names in (["importance"], *([name] for name in shares), classes):
        room -= sum(_narrowest(name, shown[name]) for name in names)
        if room < 0:
            break
        fitting += names
    return fitting


def _narrowest(name: str, values: pd.Series) -> int:
    words = [*printable(name).split(), *map(format_number, values)]
    return max(map(len, words)) + BESIDE_TEXT


def _describe_classes(analysis: Any, classes: Sequence[int]) -> list[str]:
    """Features of each class that differ most from all, with their differences."""
    if analysis.head_.classes is None:
        return []
    lines = []
    for k in classes:
        if not analysis.n_correct_[k]:
            name = analysis.head_.row_names[k]
            lines.append(f"  {name}: no sample of it is classified correctly")
            continue
        ranked = np.argsort(analysis.class_ranking_[k])[:FEATURES_OF_A_CLASS]
        features = ", ".join(
            f"{c} ({analysis.importance_difference_[k, c]:+.2g})" for c in ranked
        )
        lines.append(f"  {analysis.head_.row_names[k]}: {features}")
    n_more = analysis.head_.n_rows - len(lines)
    more = f"; {n_more} more classes, see --show-classes" if n_more else ""
    title = "Features of a class, and what they add beyond that in all classes"
    return [f"{title}{more}:", *lines] if lines else []


def describe_share(analysis: Any) -> str:
    """How many features keep the performance."""
    share = analysis.smallest_share_
    if math.isnan(share):
        return (
            "The head has no performance here that a part of the features could keep."
        )
    if analysis.decomposition == "shared" or len(analysis.class_ranking_) < 2:
        return f"{share:.0%} of the features keep 99% of the performance."
    n_kept = round(share * analysis.class_ranking_.shape[1])
    together = int((analysis.class_ranking_ <= n_kept).any(axis=0).sum())
    return (
        f"{share:.0%} of the features, other ones for each class, keep 99% of the "
        f"performance: {n_kept} per class, {together} in all."
    )


def _describe_consistency(analysis: Any) -> str:
    """How well maps explain the outputs of the network, if these are known."""
    lowest = f"{analysis.consistency_.min():.4f}"
    r2 = f"{analysis.consistency_in_value_['r2'].min():.4f}"
    if analysis.consistency_.name == OF_HEAD:
        return (
            f"Maps and head agree (correlation at least {lowest}), as they must: "
            "--outputs compares maps with the outputs of the network itself."
        )
    decisions = ""
    if not math.isnan(analysis.agreement_):
        decisions = f"; {analysis.agreement_:.0%} of the decisions are the same"
    return (
        "Consistency (correlation of the mean of the map and the output of the "
        f"network): at least {lowest}; in value R² at least {r2}{decisions}."
    )


def _describe_outliers(samples: Any, threshold: float) -> str:
    """The most unusual samples, and how many are unusual."""
    shown = ", ".join(
        f"{row} ({score:.1f})"
        for row, score in samples["outlier_score"][:OUTLIERS_SHOWN].items()
    )
    return (
        f"Most unusual samples (rows, counted from 0; 1 is usual): {shown}. "
        f"{int(samples['unusual'].sum())} of {len(samples)} are above {threshold:.1f}, "
        f"which {FALSE_ALARMS:.0%} of usual samples are."
    )


def _describe_shifts(shifts: Any, has_classes: bool) -> list[str]:
    """How many features shift in each comparison, and whether their sum does."""
    lines, fixed = [], " at fixed class" if has_classes else ""
    for name, rows in shifts.groupby(level=0, sort=False):
        table = rows.droplevel(0)
        outputs = table[table.index.isin(OUTPUTS)]
        features = table.drop(index=outputs.index)
        found = int((features["pvalue_fwer"] <= LEVEL).sum())
        sums = ", ".join(
            f"{output} {row['smd']:+.2f} (p = {format_number(row['pvalue'])}, "
            f"{format_number(row['pvalue_fwer'])} by max-T)"
            for output, row in outputs.iterrows()
        )
        lines.append(
            f"{name}: {found} of {len(features)} features shift{fixed} (max-T, "
            f"{LEVEL:.0%}); what they add up to: {sums}."
        )
    return lines
