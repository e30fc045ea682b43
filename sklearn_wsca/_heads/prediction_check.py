"""Whether outputs predict a target better than chance, worse, or in another order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_wsca._heads.class_order import best_order, compare_orders
from sklearn_wsca._heads.performance import Predictions, compare_with_chance
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups, clusters_of
from sklearn_wsca._permutation.exchangeability import exchange_units

Finding = Literal[
    "better than chance",
    "not better than chance",
    "worse than chance",
    "better in another order",
]
BETTER: Finding = "better than chance"
CHANCE: Finding = "not better than chance"
WORSE: Finding = "worse than chance"
OTHER_ORDER: Finding = "better in another order"
# Of being better than chance; and of the two tests that stop the analysis, together
# 1 in 100 heads that belong to their rows.
SIGNIFICANCE, STOPPING = 0.05, 0.005
FAR_BELOW = 0.2
# Rows that tests are made on, in whole units: more would not change what they find.
MOST_ROWS = 20_000


def name_row_order(argument: str) -> str:
    """The likely reason why outputs have nothing to do with a target."""
    return (
        f"the rows of {argument} and metadata are in different orders (match them by "
        "an id: id=... of load_embeddings and load_metadata, and match_rows)"
    )


def sample_units(
    found: Predictions, target: Column, groups: Groups | None, seed: int
) -> tuple[Predictions, Column, Groups | None]:
    """The rows whose target is known, or as many whole units of them as tests need."""
    unit = np.unique(clusters_of(groups, target), return_inverse=True)[1]
    sizes = np.bincount(unit)
    drawn = np.random.default_rng(seed).permutation(len(sizes))
    drawn = drawn[np.cumsum(sizes[drawn]) - sizes[drawn] < MOST_ROWS]
    kept = np.flatnonzero(np.isin(unit, drawn))
    rows = np.arange(len(kept))
    target = replace(target, rows=rows, labels=target.labels[kept])
    if groups is not None:
        groups = Groups.of(pd.Series(unit[kept], name=groups.name))
    return found.take(kept), target, groups


def judge_predictions(
    found: Predictions,
    target: Column,
    groups: Groups | None,
    far_below: bool,
    seed: int,
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Pvalue and finding; and the order of the classes that is better, if any."""
    worse, better = compare_with_chance(found, exchange_units(target, groups), seed)
    below = worse <= STOPPING and far_below
    finding: Finding = BETTER if better <= SIGNIFICANCE else CHANCE
    order = None
    if found.classes is not None:
        if compare_orders(found, target, groups, seed) <= STOPPING:
            finding, order = OTHER_ORDER, best_order(found)
        elif below and len(found.classes) == 2:
            order = np.array([1, 0])
    if below:
        finding = WORSE
    return {"pvalue": better, "finding": finding}, order


def is_far_below(performance: dict[str, Any]) -> bool:
    """Whether it is worse than chance by more than large samples find in any head."""
    if "r2" in performance:
        return performance["correlation"] <= -FAR_BELOW
    low = performance["balanced_accuracy"] <= performance["chance"] * (1 - FAR_BELOW)
    return low or performance["auroc"] <= 0.5 * (1 - FAR_BELOW)


def describe_score(performance: dict[str, Any]) -> str:
    """Performance and what chance gives, in words."""
    if "r2" in performance:
        return (
            f"R2 {performance['r2']:.2f} and correlation "
            f"{performance['correlation']:.2f} (chance 0)"
        )
    return (
        f"balanced accuracy {performance['balanced_accuracy']:.2f} (chance "
        f"{performance['chance']:.2f})"
    )
