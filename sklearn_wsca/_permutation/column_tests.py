"""From null distributions to p-values of every column."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    permutation_pvalues,
    sequential_pvalue,
    split_like,
)
from sklearn_wsca._permutation.rounds import Null, Rounds
from sklearn_wsca._permutation.tail import extrapolated_pvalue


@dataclass(frozen=True)
class Testing:
    """How permutations are turned into p-values.

    Parameters
    ----------
    plan : PermutationPlan
        The permutations.
    stop_after : int or None
        Stopping rule per column, see `sequential_pvalue`; None draws all permutations.
    extrapolate : bool
        Whether p-values below the floor are extrapolated as well.
    tolerance : float
        Relative distance below which a permutation counts as a tie.
    """

    plan: PermutationPlan
    stop_after: int | None
    extrapolate: bool
    tolerance: float

    @property
    def rounds(self) -> Rounds:
        """In what portions the permutations are drawn."""
        return Rounds(self.plan, self.stop_after, self.tolerance)

    def without_permutations(self) -> Testing:
        """Return the same for a statistic that cannot be tested."""
        return replace(self, plan=replace(self.plan, n_permutations=0))


@dataclass(frozen=True)
class ColumnTests:
    """Nulls and p-values of one statistic of every column.

    Parameters
    ----------
    null : DataFrame of shape (n_permutations, n_columns)
        Statistics of the permutations; NaN where a column was stopped before.
    pvalues, extrapolated : Series
        p-values, and those of a generalised Pareto tail where they were asked for.
    used : Series
        Number of permutations that each p-value is made of.
    not_converged : dict of name to int
        Columns with fits that missed the tolerance, and how many.
    """

    null: pd.DataFrame
    pvalues: pd.Series
    extrapolated: pd.Series
    used: pd.Series
    not_converged: dict[Any, int] = field(default_factory=dict)


def infer_columns(
    nulls: dict[Any, Null], index: pd.Index, testing: Testing, extrapolate: bool
) -> ColumnTests:
    """p-values of every column from its null; NaN for columns without one.

    Only alignment scores may be extrapolated.
    """
    m = testing.plan.n_permutations
    null = pd.DataFrame(np.full((m, len(index)), np.nan), columns=index)
    pvalues, extrapolated = pd.Series(np.nan, index), pd.Series(np.nan, index)
    used = pd.Series(0, index)
    for position, name in enumerate(index):
        if name not in nulls:
            continue
        found = nulls[name]
        p, n_used = _pvalue(found, testing)
        pvalues.iloc[position], used.iloc[position] = p, n_used
        null.iloc[:n_used, position] = found.statistics[:n_used]
        if extrapolate:
            extrapolated.iloc[position] = extrapolated_pvalue(
                found.observed, found.statistics[:n_used], testing.tolerance
            )
    failed = {name: found.n_failed for name, found in nulls.items() if found.n_failed}
    return ColumnTests(null, pvalues, extrapolated, used, failed)


def _pvalue(null: Null, testing: Testing) -> tuple[float, int]:
    statistics, tolerance = null.statistics, testing.tolerance
    if testing.stop_after is not None:
        stop = testing.stop_after
        return sequential_pvalue(null.observed, statistics, stop, tolerance)
    observed = np.array([null.observed])
    (p,) = permutation_pvalues(observed, statistics[:, None], tolerance)
    return float(p), len(statistics)


def correct_pvalues(several: list[pd.Series]) -> list[pd.Series]:
    """q-values of Benjamini and Hochberg over all columns of several tests."""
    qvalues = benjamini_hochberg(np.concatenate(several))
    parts = zip(split_like(qvalues, several), several, strict=True)
    return [pd.Series(own, pvalues.index) for own, pvalues in parts]
