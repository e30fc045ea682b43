"""The utilization of several columns by one decision: nulls, p-values, estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.table import name_index
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    max_t_pvalues,
    permutation_pvalues,
    split,
)
from sklearn_wsca._utilization.adjusted_effect import Decision, Examined, examine

PERMUTATIONS_PER_BATCH = 256
ORDERS_PER_BATCH = 2**24
POWER = 0.8
# Name of the step in progress and errors.
STEP = "utilization"
# Rounding of the statistics, which are closed forms in double precision.
TIES = 1e-9
TIE_DIGITS = 7
NO_DECISION = "no target column, so there is nothing to hold fixed; name it in target"


@dataclass(frozen=True)
class UtilizationTests:
    """Utilization of every column by a decision.

    Parameters
    ----------
    table : DataFrame
        One row per column: utilization, raw, low, high, upper (the one-sided limit of
        the claim that it is not used), minimum_detectable_effect, probability_shift,
        pvalue, pvalue_fwer, qvalue.
    null : DataFrame of shape (n_permutations, n_columns)
        Raw utilizations of the permutations.
    examined : dict of name to Examined
        The columns that could be tested.
    untestable : dict of name to str
        Why the others could not.
    """

    table: pd.DataFrame
    null: pd.DataFrame
    examined: dict[Any, Examined]
    untestable: dict[Any, str]

    @property
    def index(self) -> pd.Index:
        """Names of the columns."""
        return self.table.index

    def row(self, name: Any) -> pd.Series:
        """Entries of one column, whose name may be a tuple."""
        return self.table.iloc[self.index.get_loc(name)]

    def null_of(self, name: Any) -> np.ndarray:
        """Raw utilizations of the permutations of one column."""
        return self.null.iloc[:, self.index.get_loc(name)].to_numpy()


ESTIMATES = (
    "utilization",
    "raw",
    "low",
    "high",
    "upper",
    "minimum_detectable_effect",
    "probability_shift",
)
PVALUES = ("pvalue", "pvalue_fwer", "qvalue")


def infer_utilization(
    decision: Decision | None,
    columns: Mapping[Any, Column | None],
    plan: PermutationPlan,
    significance: float,
    runner: Any,
) -> UtilizationTests:
    """Test how far the outputs move with each column, with shared permutations.

    Columns without labels, and those that cannot be compared, are untestable; without
    a decision all are. Without permutations they are too, and have an estimate and an
    interval only.
    """
    if decision is None:
        return no_utilization(columns, NO_DECISION)
    tests = no_utilization(columns, "there are no labels")
    for name, column in columns.items():
        try:
            if column is not None:
                tests.examined[name] = examine(decision, column)
                del tests.untestable[name]
        except LeftOutError as reason:
            tests.untestable[name] = str(reason)
    # Permuted even without columns, so that the announced step of the fit takes place.
    examined = list(tests.examined.values())
    permuted = _permute(examined, plan, runner)
    raw = permuted[:, :, 0]
    at = [tests.index.get_loc(name) for name in tests.examined]
    estimates = [
        _estimates(found, raw[:, i], significance, len(at))
        for i, found in enumerate(examined)
    ]
    n_estimates = len(ESTIMATES)
    tests.table.iloc[at, :n_estimates] = np.reshape(estimates, (len(at), n_estimates))
    tests.table.iloc[at, n_estimates:] = _pvalues(examined, permuted)
    null = pd.DataFrame(np.full((len(raw), len(columns)), np.nan), columns=tests.index)
    null.iloc[:, at] = raw
    if not plan.n_permutations:
        no_pvalues = "n_permutations=0, so there are no p-values"
        tests.untestable.update(dict.fromkeys(tests.examined, no_pvalues))
    return replace(tests, null=null)


def no_utilization(columns: Any, reason: str) -> UtilizationTests:
    """Stands for tests that cannot be made for a reason."""
    index = name_index(columns)
    return UtilizationTests(
        pd.DataFrame(np.nan, index, [*ESTIMATES, *PVALUES]),
        pd.DataFrame(np.empty((0, len(index))), columns=index),
        {},
        dict.fromkeys(columns, reason),
    )


def _permute(
    examined: list[Examined], plan: PermutationPlan, runner: Any
) -> np.ndarray:
    """Statistics of all permutations: (m, n_columns, 3)."""
    models = [found.model for found in examined]
    m = plan.n_permutations if models else 0
    size = max(1, min(PERMUTATIONS_PER_BATCH, ORDERS_PER_BATCH // plan.n_rows))
    jobs = [
        partial(_permute_batch, models=models, batch=batch, plan=plan)
        for batch in split(range(m), size)
    ]
    return np.concatenate([np.empty((0, len(models), 3)), *runner.run(STEP, jobs)])


def _permute_batch(T, models, batch, plan) -> np.ndarray:
    """Statistics of a batch: (p, n_columns, 3)."""

    def permute(part: range) -> np.ndarray:
        orders = plan.orders(part)
        return np.stack([model.permutations(orders) for model in models], axis=1)

    return np.concatenate(list(in_parts(permute, batch, len(batch))))


def _estimates(found: Examined, null: np.ndarray, significance: float, n_columns: int):
    """Entries of the table by `ESTIMATES`."""
    noise = np.mean(null**2) if len(null) else found.noise.mean_square
    estimate = np.sqrt(max(found.raw**2 - noise, 0.0))
    low, high = found.noise.interval(found.raw, 1.0 - significance)
    # Permutations even out noise that differs between rows and the interval does not: a
    # reader must not find the estimate outside of it.
    return [
        estimate,
        found.raw,
        min(low, estimate),
        max(high, estimate),
        max(found.noise.upper_limit(found.raw, 1.0 - significance), estimate),
        # What a single test must reach to survive the correction over columns.
        found.typical.detectable(significance / n_columns, POWER),
        found.probability_shift,
    ]


def _pvalues(examined: list[Examined], permuted: np.ndarray) -> np.ndarray:
    """Entries of the table by `PVALUES` for every column; NaN without permutations."""
    if not len(permuted):
        return np.full((len(examined), 3), np.nan)
    observed = np.stack([found.observed for found in examined])[None]
    statistic = combine_shares(np.concatenate([observed, permuted])[:, :, 1:])
    pvalues = permutation_pvalues(statistic[0], statistic[1:])
    corrected = max_t_pvalues(statistic[0], statistic[1:])
    return np.stack([pvalues, corrected, benjamini_hochberg(pvalues)], axis=1)


def combine_shares(shares: np.ndarray) -> np.ndarray:
    """Larger of the standardised shares (m + 1, n_columns, 2): (m + 1, n_columns).

    Standardised over data and permutations alike, so they stay exchangeable. Common
    effects have few degrees of freedom and give power; all effects catch those that
    cancel over classes. Rounded, so that what is the same but for rounding is a tie.
    """
    spread = shares.std(axis=0)
    varies = spread > TIES * np.abs(shares).max(axis=0)
    centred = shares - shares.mean(axis=0)
    standard = np.where(varies, centred / np.where(varies, spread, 1.0), 0.0)
    return np.round(standard.max(axis=2), TIE_DIGITS)
