"""Encoding in an audit: the skill of fitted heads on rows that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._encoding.planted import PLANTED_SKILL, largest_pvalue
from sklearn_wsca._heads.head import log_probability
from sklearn_wsca._heads.scoring import ScoredColumn
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    permutation_pvalues,
)
from sklearn_wsca._utilization.inference import TIES

SCORES_PER_BATCH = 2**22


@dataclass(frozen=True)
class AuditedHead:
    """What a fitted head predicts of a column on new rows; NaN where it does not.

    Parameters
    ----------
    score : float
        ``1 - loss / loss of the constant of fit``.
    skill : float
        Squared correlation of predictions and labels, with its sign: what is left of
        the score if predictions that overshoot are scaled down.
    pvalue : float
        Of the score.
    n_units : int
        Rows or groups that were permuted.
    """

    score: float = np.nan
    skill: float = np.nan
    pvalue: float = np.nan
    n_units: int = 0


def audit_head(
    scored: ScoredColumn | None,
    column: Column,
    outputs: np.ndarray,
    given: Input,
    plan: PermutationPlan,
) -> AuditedHead:
    """Skill of a fitted head on new rows, and its p-value.

    Labels are permuted (between or within groups, where there are any) and compared
    with the same outputs: the head is not refitted, because these rows had no part in
    its fit.

    Parameters
    ----------
    scored : ScoredColumn or None
        The head, if it predicts the column.
    column : Column
        The column on the new rows.
    outputs : ndarray of shape (n_rows, rows)
        Outputs of the head on all new rows.
    given : Input
        The new rows.
    plan : PermutationPlan
        The permutations.
    """
    if scored is None:
        return AuditedHead()
    labels = column.labels
    if scored.levels:
        codes = [scored.levels.index(level) for level in column.levels]
        labels = np.array(codes)[labels]
    outputs, weights = outputs[column.rows], given.weights[column.rows]
    observed = scored.skills(outputs, labels[None], weights)
    skill = scaled_skill(scored, outputs, labels, weights)
    exchange = exchange_units(column, given.roles.groups)
    if not plan.n_permutations:
        return AuditedHead(float(observed[0]), skill, np.nan, exchange.n_units)
    # Scores of every permutation are held at a time.
    size = max(1, SCORES_PER_BATCH // outputs.size)

    def permute(batch: range) -> np.ndarray:
        sources = exchange.sources(plan.orders(batch))
        return scored.skills(outputs, labels[sources], weights)

    null = list(in_parts(permute, range(plan.n_permutations), size))
    (pvalue,) = permutation_pvalues(observed, np.concatenate(null)[:, None], TIES)
    return AuditedHead(float(observed[0]), skill, float(pvalue), exchange.n_units)


def scaled_skill(
    scored: ScoredColumn, outputs: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> float:
    """Squared correlation of predictions and labels, with its sign.

    Predictions are chances of levels or values, labels their indicators or they.
    """
    predicted, response = outputs, labels[:, None]
    if scored.levels:
        response = labels[:, None] == np.arange(len(scored.levels))
        if scored.probe.kind == "logistic":
            predicted = np.exp(log_probability(outputs, len(scored.levels)))
    predicted, response = (
        values - weights @ values / weights.sum() for values in (predicted, response)
    )
    joint, own, chance = (
        float(weights @ np.sum(a * b, axis=1))
        for a, b in (
            (predicted, response),
            (predicted, predicted),
            (response, response),
        )
    )
    return joint * abs(joint) / (own * chance) if own * chance > 0 else 0.0


def encoding_entries(
    heads: dict[Any, AuditedHead],
    power_of_fit: Mapping[Any, float],
    significance: float,
    n_permutations: int,
) -> dict[Any, dict[str, float]]:
    """Entries of the table on encoding, corrected over the columns."""
    pvalues = np.array([head.pvalue for head in heads.values()])
    entries = {}
    for position, (name, head) in enumerate(heads.items()):
        others = np.delete(pvalues, position)
        level = largest_pvalue(others[~np.isnan(others)], significance)
        power = np.nan
        if not np.isnan(head.pvalue):
            power = chance_to_be_found(head.n_units, level, n_permutations)
            power = np.fmin(power, power_of_fit[name])
        entries[name] = {
            "encoding_score": head.score,
            "encoding_pvalue": head.pvalue,
            "encoding_skill": head.skill,
            "encoding_power": float(power),
        }
    for name, qvalue in zip(entries, benjamini_hochberg(pvalues), strict=True):
        entries[name]["encoding_qvalue"] = float(qvalue)
    return entries


def chance_to_be_found(n_units: int, level: float, n_permutations: int) -> float:
    """Chance that a column with which predictions correlate as planted is found.

    The head is fixed, so the correlation r of n units is about normal, with the
    deviation ``(1 - r^2) / sqrt(n)``, and ``1 / sqrt(n)`` under permutation. A head
    that is poor because `fit` had too few rows reads nothing here either, which is why
    the power of `fit` is another bound.
    """
    if level * (1.0 + 1e-9) * (n_permutations + 1) < 1.0:
        return 0.0
    correlation = np.sqrt(PLANTED_SKILL)
    beyond = correlation * np.sqrt(n_units) - stats.norm.isf(level)
    return float(stats.norm.cdf(beyond / (1.0 - PLANTED_SKILL)))
