"""Whether columns go with the target by more than chance, with groups as units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._analysis.association import labels_strength
from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.progress import tell
from sklearn_wsca._input.column import Column, LeftOutError, common_rows
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.exchangeability import Exchangeability, exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan, permutation_pvalues

STEP = "association"
PERMUTATIONS_AT_ONCE = 64
TIES = 1e-9


@dataclass(frozen=True)
class Pair:
    """A column and the target on the rows that have both, one of them to be permuted.

    Parameters
    ----------
    moved, fixed : Column
        What is permuted, and what stays.
    exchange : Exchangeability
        How.
    """

    moved: Column
    fixed: Column
    exchange: Exchangeability

    @classmethod
    def of(cls, column: Column, target: Column, groups: Groups | None) -> Pair:
        """Choose what is permuted: where one is constant in each group, whole groups.

        An exchange within groups of what varies there would leave every association
        with what does not.

        Raises
        ------
        LeftOutError
            If one of them does not vary on the rows of both.
        """
        column, (target,) = common_rows(column, [target])
        if np.ptp(target.labels) == 0:
            raise LeftOutError("the target does not vary on its rows")
        exchange = exchange_units(column, groups)
        if groups is not None and exchange.scheme != "between groups":
            other = exchange_units(target, groups)
            if other.scheme == "between groups":
                return cls(target, column, other)
        return cls(column, target, exchange)

    def strengths(self, orders: np.ndarray) -> np.ndarray:
        """Strength of the association under orders of all rows of the table: (p,)."""
        alike = np.ones(len(self.fixed.labels))
        levels = self.moved.n_levels > 0, self.fixed.n_levels > 0
        labels, fixed = self.moved.labels, self.fixed.labels
        sources = self.exchange.sources(orders)
        found = [labels_strength(labels[s], fixed, alike, *levels) for s in sources]
        # A permutation may leave one value only.
        return np.nan_to_num(found)

    def strength(self) -> float:
        """That of the data."""
        alike = np.ones(len(self.fixed.labels))
        levels = self.moved.n_levels > 0, self.fixed.n_levels > 0
        return labels_strength(self.moved.labels, self.fixed.labels, alike, *levels)


def association_pvalues(
    columns: Mapping[Any, Column],
    target: Column,
    groups: Groups | None,
    plan: PermutationPlan,
) -> dict[Any, float]:
    """p-value of the association of every column; NaN where it cannot be told."""
    pairs = {}
    for name, column in columns.items():
        try:
            pairs[name] = Pair.of(column, target, groups)
        except LeftOutError:
            continue
    found = dict.fromkeys(columns, float("nan"))
    if plan.n_permutations and pairs:
        observed = np.array([pair.strength() for pair in pairs.values()])
        null = _null_strengths(list(pairs.values()), plan)
        pvalues = permutation_pvalues(observed, null, TIES)
        found |= dict(zip(pairs, map(float, pvalues), strict=True))
    return found


def _null_strengths(pairs: list[Pair], plan: PermutationPlan) -> np.ndarray:
    """Strengths of the pairs under all permutations: (m, n_pairs)."""

    def permute_all(batch: range) -> np.ndarray:
        tell(STEP, batch.start, plan.n_permutations)
        orders = plan.orders(batch)
        strengths = [pair.strengths(orders) for pair in pairs]
        tell(STEP, batch.stop, plan.n_permutations)
        return np.stack(strengths, axis=1)

    batches = in_parts(permute_all, range(plan.n_permutations), PERMUTATIONS_AT_ONCE)
    return np.concatenate(list(batches))
