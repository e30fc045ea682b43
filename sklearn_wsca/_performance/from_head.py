"""Decisions of a primary head beside the labels of its target."""

from __future__ import annotations

from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.performance import read_predictions
from sklearn_wsca._input.groups import clusters_of
from sklearn_wsca._performance.inference import Decisions
from sklearn_wsca._performance.measures import Judged
from sklearn_wsca._utilization.decision import Decision


def judge_head(decision: Decision | None, head: Head | None) -> Decisions | None:
    """Decisions of a head; None where its outputs are no predictions of a target."""
    if decision is None or head is None or decision.target is None:
        return None
    target = decision.target
    found = read_predictions(decision.outputs, head, target, decision.weights)
    if found is None or not len(found.labels):
        return None
    probabilities = decision.probabilities
    judged = Judged.of(
        found.scores,
        found.labels,
        None if probabilities is None else probabilities[target.rows],
        found.weights,
        clusters_of(decision.groups, target),
        found.classes,
    )
    groups = None if decision.groups is None else decision.groups.with_loners()
    return Decisions(judged, target, groups, len(decision.weights))
