"""Columns of known skill: would the test of encoding have found them in these rows?

A planted column is a permutation of the real one, which brings its levels, outliers,
weights and folds, plus a linear function of the leading coordinates that makes up a
given share of its variance. The function has a random sign on each coordinate, so each
contributes in proportion to its own variance: the spectrum of the embeddings decides
how hard it is to read. The sum goes through the very test of the real column.
Indicators of levels then are no longer 0 and 1, which a test on squared errors does not
mind.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    is_tensor,
    sum_by_code,
    to_same_device,
)
from sklearn_wsca._input.embeddings import row_blocks
from sklearn_wsca._linear.ridge_cv import RidgeFolds
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._verdicts.rule import LEAST_SKILL

PLANTED_SKILL = 0.1
N_PLANTED = 40
# Floor on the dimension of the subspace in the published method.
LEADING = 50


def planted_responses(
    ridge: RidgeFolds,
    exchange: Exchangeability,
    noise: Any,
    batch: range,
    plan: PermutationPlan,
) -> Any:
    """Add a function of the embeddings to permuted responses.

    Parameters
    ----------
    ridge : RidgeFolds
        The test of the real column.
    exchange : Exchangeability
        What is permuted: the function varies as it does, between or within groups.
    noise : array of shape (r, p, n)
        Responses of p permutations, by slot.
    batch : range
        Numbers of these permutations.
    plan : PermutationPlan
        Source of the signs.

    Returns
    -------
    array of shape (r, p, n)
        Responses of which the embeddings explain the share `PLANTED_SKILL`.
    """
    xp = array_namespace(noise)
    weights = ridge.design.weights[ridge.slots]
    weights = to_same_device(weights / weights.sum(), noise)
    rows = _vary_as(exchange, ridge.design.leading_rows(LEADING))
    signs = plan.signs(batch, noise.shape[0] * rows.shape[1])
    signs = signs.reshape(noise.shape[1], noise.shape[0], -1).swapaxes(0, 1)
    signal = _functions_of(rows, to_same_device(signs, noise), ridge.slots)
    both = xp.stack([signal, noise])
    both -= (both @ weights)[..., None]
    power, wanted = (both * both) @ weights
    share = xp.where(power > 0, wanted / xp.where(power > 0, power, 1.0), 0.0)
    signal, noise = both
    signal *= xp.sqrt(PLANTED_SKILL * share)[..., None]
    noise *= math.sqrt(1.0 - PLANTED_SKILL)
    return signal + noise


def _functions_of(rows: Any, coef: Any, slots: np.ndarray) -> Any:
    """Linear functions (r, p, n) of the rows, by slot."""
    n = len(slots)
    blocks = [slice(n)] if is_tensor(rows) else row_blocks(n, rows.shape[1])
    parts = [
        coef @ cast(rows[to_same_device(slots[block], rows)], "float64").T
        for block in blocks
    ]
    return array_namespace(rows).concatenate(parts, axis=-1)


def _vary_as(exchange: Exchangeability, rows: Any) -> Any:
    """Means of groups where they are exchanged; what is left of them within groups.

    All of the rows where both are exchanged, or there are no groups.
    """
    if exchange.scheme in ("rows", "between and within groups"):
        return rows
    counts = np.bincount(exchange.clusters)
    clusters = to_same_device(exchange.clusters, rows)
    each = array_namespace(rows).broadcast_to(clusters, tuple(rows.T.shape))
    sums = sum_by_code(each, rows.T, len(counts))
    means = (sums / to_same_device(counts, rows)).T[clusters]
    return means if exchange.scheme == "between groups" else rows - means


def share_found(
    planted: np.ndarray, null: np.ndarray, level: float, n_permutations: int
) -> float:
    """Share of planted columns that count as encoded.

    Parameters
    ----------
    planted : ndarray
        Skills of planted columns.
    null : ndarray
        Skills of the permutations that were drawn of the real column.
    level : float
        Largest p-value that counts.
    n_permutations : int
        Permutations that an encoded column would have had.
    """
    level *= 1.0 + 1e-9  # 5 of 100 are 5 %, whatever rounding says.
    if level * (n_permutations + 1) < 1.0:
        return 0.0
    # Permutations that may reach a skill that counts; fewer are drawn if stopped early.
    allowed = max(int(level * (len(null) + 1)) - 1, 0)
    critical = np.sort(null)[::-1][allowed]
    return float(np.mean((planted > critical) & (planted >= LEAST_SKILL)))


def largest_pvalue(others: np.ndarray, significance: float) -> float:
    """Largest p-value of a column that is significant beside those of other columns.

    By Benjamini and Hochberg: the r-th smallest of M p-values must be at most r / M of
    the level.
    """
    n_columns = len(others) + 1
    levels = significance * np.arange(1, n_columns + 1) / n_columns
    reached = (others <= levels[:, None]).sum(axis=1) >= np.arange(n_columns)
    return float(levels[reached].max())
