"""Comparison of two networks by several columns: estimates, p-values, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_wsca._comparison.contributions import Pair, pair_networks
from sklearn_wsca._comparison.interval import difference_limits
from sklearn_wsca._comparison.null import null_statistics, observed_statistic
from sklearn_wsca._comparison.result import UtilizationComparison, judge
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    max_t_pvalues,
    permutation_pvalues,
)
from sklearn_wsca._utilization.decision import Decision

NO_PVALUES = (np.nan, np.nan, np.nan)


def compare_columns(
    a: Decision,
    b: Decision,
    columns: Mapping[Any, Column],
    plan: PermutationPlan,
    min_effect: float,
    significance: float,
) -> tuple[dict[Any, UtilizationComparison], dict[Any, str]]:
    """Compare two networks by every column, with one correction over the columns.

    Returns
    -------
    results : dict of name to UtilizationComparison
        Of the columns that can be compared.
    untestable : dict of name to str
        Why the others cannot.
    """
    pairs: dict[Any, Pair] = {}
    untestable: dict[Any, str] = {}
    for name, column in columns.items():
        try:
            pairs[name] = pair_networks(a, b, column)
        except LeftOutError as reason:
            untestable[name] = str(reason)
    null = null_statistics([*pairs.values()], plan)
    pvalues = _pvalues([*pairs.values()], null)
    results = {}
    for i, (name, pair) in enumerate(pairs.items()):
        estimate = _estimate(pair, significance)
        results[name] = UtilizationComparison(
            **estimate,
            **pvalues[i],
            verdict=judge(estimate, pvalues[i]["qvalue"], min_effect, significance),
            min_effect=min_effect,
            significance=significance,
            n_units=pair.a.n_units,
            null_distribution=null[:, i],
            notes=tuple(pair.notes),
        )
    return results, untestable


def _estimate(pair: Pair, significance: float) -> dict[str, float]:
    found = difference_limits(pair, significance)
    inner = difference_limits(pair, 2.0 * significance)
    return found | {"same_low": inner["low"], "same_high": inner["high"]}


def _pvalues(pairs: list[Pair], null: np.ndarray) -> list[dict[str, float]]:
    """p-values of every column, corrected over all."""
    names = ("pvalue", "pvalue_fwer", "qvalue")
    if not len(null) or not pairs:
        return [dict(zip(names, NO_PVALUES, strict=True)) for _ in pairs]
    observed = np.array([observed_statistic(pair) for pair in pairs])
    single = permutation_pvalues(observed, null)
    found = (single, max_t_pvalues(observed, null), benjamini_hochberg(single))
    return [
        dict(zip(names, map(float, own), strict=True))
        for own in zip(*found, strict=True)
    ]
