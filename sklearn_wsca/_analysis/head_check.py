"""Whether a trained head can be that of the target and of these rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._heads.classes import GO_ON, HeadMismatchError
from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.level_order import falls, means_by_level
from sklearn_wsca._heads.performance import (
    Predictions,
    measure_performance,
    read_predictions,
)
from sklearn_wsca._heads.prediction_check import (
    BETTER,
    CHANCE,
    OTHER_ORDER,
    STOPPING,
    WORSE,
    describe_score,
    is_far_below,
    judge_predictions,
    name_row_order,
    sample_units,
)
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._text import list_first, quote
from sklearn_wsca._utilization.decision import Decision

# R2 of outputs that have nothing of the unit of a target.
FAR_OFF = -1.0
MOST_CLASSES_SHOWN = 20
INDEPENDENT = (
    "Rows were taken for independent: if several belong to one patient, name it in "
    "groups."
)


@dataclass(frozen=True)
class HeadCheck:
    """How well a head predicts its target, and whether it can be its head.

    Parameters
    ----------
    performance : dict
        Of `measure_performance`, with pvalue (of being better than chance) and finding.
    order : ndarray of shape (C,) or None
        Column of the scores that fits each class best, where another order is better.
    predictions : Predictions
        What was judged.
    levels : tuple
        Levels of the target that the outputs, which are numbers, do not go with; or ().
    """

    performance: dict[str, Any]
    order: np.ndarray | None
    predictions: Predictions
    levels: tuple = ()


def check_decision(
    decision: Decision | None, head: Head | None, seed: int
) -> HeadCheck | None:
    """Measure the head of a decision; None where it predicts no target."""
    if decision is None or head is None or decision.target is None:
        return None
    target = decision.target
    found = read_predictions(decision.outputs, head, target, decision.weights)
    if found is None or not len(found.labels):
        return None
    measured = measure_performance(found)
    sample = sample_units(found, target, decision.groups, seed)
    finding, order = judge_predictions(*sample, is_far_below(measured), seed)
    levels = target.levels if found.classes is None else ()
    if len(levels) > 2 and _goes_with_levels(*sample, measured | finding):
        levels = ()
    return HeadCheck(measured | finding, order, found, levels)


def _goes_with_levels(
    found: Predictions,
    target: Column,
    groups: Groups | None,
    performance: dict[str, Any],
) -> bool:
    """Whether outputs may predict levels that are numbers: in their order, or unit."""
    if performance["finding"] == WORSE:  # This is said.
        return True
    if performance["finding"] == CHANCE:
        return performance["r2"] > FAR_OFF
    units = target.rows if groups is None else groups.with_loners().codes[target.rows]
    return not falls(found, units, STOPPING)


def require_fit(checked: HeadCheck | None, target: Any, grouped: bool) -> None:
    """Raise if a head predicts its target worse than chance, or in another order.

    Or if it predicts a number, and the target has levels that do not go with it.

    Raises
    ------
    HeadMismatchError
        With the likely causes.
    """
    if checked is None:
        return
    if checked.levels:
        raise HeadMismatchError(_describe_levels(checked, target))
    if checked.performance["finding"] in (BETTER, CHANCE):
        return
    performance = checked.performance
    score = describe_score(performance)
    how = "significantly worse than chance"
    if performance["finding"] == OTHER_ORDER:
        how = "significantly worse than with its classes in another order"
    rows = "" if grouped else f" {INDEPENDENT}"
    raise HeadMismatchError(
        f"target_head: the head predicts {quote(target)} with {score} on these "
        f"{performance['n_rows']} rows, {how}{_describe_order(checked)}. Likely "
        f"causes: {_list_causes(checked)}.{rows} {GO_ON}"
    )


def _describe_levels(checked: HeadCheck, target: Any) -> str:
    """Why a number is no prediction of a target of several levels."""
    means = means_by_level(checked.predictions)
    shown = [f"{mean:.3g} at {level:g}" for level, mean in means.items()]
    levels = list_first(checked.levels, MOST_CLASSES_SHOWN, quote)
    return (
        "target_head: the head has one output for this target, a number, and the "
        f"target {quote(target)} has the {len(checked.levels)} levels {levels}, with "
        f"which it does not rise: its mean is "
        f"{list_first(shown, MOST_CLASSES_SHOWN, str)} "
        f"({describe_score(checked.performance)}). If the levels are classes, pass a "
        "head with one row for each of them, and no target_output; if the "
        "output is the score of one finding, leave two levels, yes and no, and make "
        f"all others missing; if it is a number, is it that of this target? {GO_ON}"
    )


def doubt(checked: HeadCheck | None, target: Any) -> list[str]:
    """What a reader must know of a trained head that predicts no better than chance."""
    if checked is None or checked.performance["finding"] == BETTER:
        return []
    performance = checked.performance
    return [
        f"target_head: the trained head predicts {quote(target)} with "
        f"{describe_score(performance)} on these {performance['n_rows']} rows: "
        f"{performance['finding']}. Are rows, classes and embeddings those of this "
        "head, and is it the head of this target?"
    ]


def _names_in_order(checked: HeadCheck) -> list:
    """Class of each column of the scores under the best order."""
    classes, order = checked.predictions.classes, checked.order
    assert classes is not None and order is not None
    return [classes[c] for c in np.argsort(order)]


def _describe_order(checked: HeadCheck) -> str:
    if checked.order is None:
        return ""
    other = measure_performance(checked.predictions.reorder(checked.order))
    names = list_first(_names_in_order(checked), MOST_CLASSES_SHOWN, quote)
    return (
        f"; with its classes in the order {names} it would be "
        f"{other['balanced_accuracy']:.2f}"
    )


def _list_causes(checked: HeadCheck) -> str:
    causes = [
        name_row_order("embeddings"),
        "it is the head of another task, or of another network",
        "the embeddings were changed after export, for example scaled (in a Pipeline: "
        "Head.behind(step))",
    ]
    if checked.order is not None:
        causes.insert(
            0,
            "its classes are in another order (name them: Head(coef, intercept, "
            "classes=...))",
        )
    else:
        causes.append("the sign of the target or of the output was turned")
    causes.append("it follows something that goes the other way in these rows")
    return "; ".join(causes)
