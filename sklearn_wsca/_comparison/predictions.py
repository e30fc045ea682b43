"""Whether the outputs of a network predict the target that it is held fixed at."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_wsca._heads.performance import (
    Predictions,
    all_numbers,
    match_outputs,
    measure_performance,
)
from sklearn_wsca._heads.prediction_check import (
    BETTER,
    CHANCE,
    describe_score,
    is_far_below,
    judge_predictions,
    name_row_order,
    sample_units,
)
from sklearn_wsca._utilization.decision import Decision


def doubt_predictions(
    argument: str, decision: Decision, names: list | None, seed: int
) -> list[str]:
    """What a reader must know of a network that predicts no better than chance.

    Its utilization means nothing where its rows are those of other samples.

    Parameters
    ----------
    argument : str
        What its outputs were passed as.
    decision : Decision
        Its outputs.
    names : list or None
        Names of the outputs.
    seed : int
        Seed of the permutations of the target.
    """
    found = read_named(decision, names)
    if found is None or len(found.present) < 2:
        return []
    assert decision.target is not None
    performance = measure_performance(found)
    sample = sample_units(found, decision.target, decision.groups, seed)
    judged, _ = judge_predictions(*sample, is_far_below(performance), seed)
    if judged["finding"] == BETTER:
        return []
    causes = [name_row_order(argument), "they are outputs of another task"]
    if judged["finding"] != CHANCE:
        causes.append(
            "they are for its classes in another order, or the score is that of the "
            "other class"
        )
    return [
        f"{argument}: the network predicts the target with {_describe(performance)} on "
        f"these {performance['n_rows']} rows: {judged['finding']}. Likely causes: "
        f"{'; '.join(causes)}."
    ]


def read_named(decision: Decision, names: list | None) -> Predictions | None:
    """Outputs beside the target; None where they are no predictions of it."""
    target = decision.target
    if target is None or not len(target.rows):
        return None
    outputs, weights = decision.outputs[target.rows], decision.weights[target.rows]
    levels = target.levels
    matched = match_outputs(outputs.shape[1], levels, names) if levels else None
    if matched is not None:
        classes, order = matched
        numbers = np.array([classes.index(level) for level in levels])
        scores = _class_scores(outputs[:, order], decision.probabilities is not None)
        return Predictions(scores, numbers[target.labels], weights, classes)
    if outputs.shape[1] > 1 or not all_numbers(levels):
        return None
    values = target.labels
    if levels:  # Grades.
        values = np.asarray(levels, dtype=float)[values]
    return Predictions(outputs, values, weights, None)


def _class_scores(outputs: np.ndarray, bounded: bool) -> np.ndarray:
    """Score of every class; a single output speaks for the second of two."""
    if outputs.shape[1] > 1:
        return outputs
    margin = outputs[:, 0] - (0.5 if bounded else 0.0)
    return np.stack([-margin, margin], axis=1)


def _describe(performance: dict[str, Any]) -> str:
    """Performance in words, whatever the threshold of a score."""
    score = describe_score(performance)
    if "auroc" not in performance:
        return score
    return f"{score} and AUROC {performance['auroc']:.2f} (chance 0.50)"
