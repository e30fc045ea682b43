"""Null distributions of the alignment score of a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._alignment.metrics import (
    Aggregate,
    aggregate_alignment,
    fitted_references,
)
from sklearn_wsca._backend.jobs import Run
from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._heads.balancing import Balance
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import Design
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._permutation.plan import PermutationPlan, split
from sklearn_wsca._permutation.rounds import (
    JOBS_PER_WORKER,
    Null,
    Rounds,
    by_cost,
    run_groups,
)

PERMUTATIONS_PER_BATCH = 256
LABELS_PER_BATCH = 2**24
SIGNS_PER_BATCH = 1000
# So that progress is seen to be made.
FEWEST_REFIT_JOBS = 12


@dataclass(frozen=True)
class Primary:
    """What the heads of permuted columns are compared with.

    Parameters
    ----------
    filters : ndarray of shape (n_primary_rows, k + extra)
        Unit vectors of the primary head.
    reference_weights : ndarray of shape (k,) or float
        What the metric multiplies principal coordinates of a reference by.
    aggregate : {"rms", "max", "mean"}
        How a column score is made of all pairs of rows.
    """

    filters: np.ndarray
    reference_weights: np.ndarray | float
    aggregate: Aggregate

    def scores(self, coef: np.ndarray, centre: bool) -> np.ndarray:
        """Alignment scores of heads in principal coordinates (p, rows, k): (p,)."""
        references = fitted_references(coef, centre, self.reference_weights)
        within = self.filters[:, : references.shape[-1]]
        return aggregate_alignment(within @ references.swapaxes(1, 2), self.aggregate)


@dataclass(frozen=True)
class RefitNull:
    """Encoding null: permute the column, refit its head, compare with the target head.

    Parameters
    ----------
    design : Design
        The rows on which the column is observed, without their coordinates.
    column : Column
        The column, in the same order.
    probe : Probe
        How its head is fitted.
    balance : Balance or None
        If given, the head is fitted under balancing weights.
    exchange : Exchangeability
        What is permuted. Permutations within levels of the target leave the balance as
        it is.
    """

    design: Design
    column: Column
    probe: Probe
    balance: Balance | None
    exchange: Exchangeability

    def scores(
        self, T: Any, orders: np.ndarray, primary: Primary
    ) -> tuple[np.ndarray, int]:
        """Alignment scores of permutations, and how many fits did not converge."""
        sources = self.exchange.sources(orders)
        weights = None
        if self.balance is not None:
            weights = self.balance.weights(self.balance.cells[sources])
        labels = self.column.codes if self.column.n_levels else self.column.labels
        fit = self.probe.fit(self.design.on(T), labels[sources], weights)
        scores = primary.scores(fit.coef, self.probe.kind == "logistic")
        return scores, int((~fit.converged).sum())


def refit_scores(
    T: Any,
    nulls: list[RefitNull],
    batch: range,
    plan: PermutationPlan,
    primary: Primary,
) -> list[tuple[np.ndarray, int]]:
    """Scores of a batch of permutations, which several columns share."""

    def score(part: range) -> list[tuple[np.ndarray, int]]:
        orders = plan.orders(part)
        return [null.scores(T, orders, primary) for null in nulls]

    parts = in_parts(score, batch, len(batch))
    by_column = [zip(*found, strict=True) for found in zip(*parts, strict=True)]
    return [(np.concatenate(scores), sum(failed)) for scores, failed in by_column]


def sign_flip_scores(
    T: Any,
    references: np.ndarray,
    batch: range,
    plan: PermutationPlan,
    primary: Primary,
) -> np.ndarray:
    """Direction null: flip the signs of the principal coordinates of one head.

    Both heads keep their energy per principal direction; what is tested is whether
    they agree more in sign than two unrelated directions of those spectra. The rows
    `T` play no part in it.
    """
    filters = primary.filters

    def score(part: range) -> np.ndarray:
        signs = plan.signs(part, filters.shape[1])
        alignment = (filters * signs[:, None, :]) @ references.T
        return aggregate_alignment(alignment, primary.aggregate)

    return np.concatenate(list(in_parts(score, batch, len(batch))))


def refit_null(
    tasks: list[Task],
    rows: Rows,
    rounds: Rounds,
    run: Run,
    n_workers: int,
    primary: Primary,
    observed: dict[Any, float],
) -> dict[Any, Null]:
    """Null of every column under permutations and refits of its head."""
    refits = {}
    for task in tasks:
        column, probe = task.fitted()
        refits[task.name] = RefitNull(
            rows.design(column.rows), column, probe, task.balance, task.fitted_units()
        )
    nulls = {name: Null(observed[name], []) for name in refits}
    size = max(1, min(PERMUTATIONS_PER_BATCH, LABELS_PER_BATCH // len(rows.weights)))

    def make_job(group: list, batch: range) -> Callable:
        chosen = [refits[name] for name in group]
        return partial(
            refit_scores, nulls=chosen, batch=batch, plan=rounds.plan, primary=primary
        )

    def run_round(permutations: range, names: list) -> Iterator:
        for name, result in run_groups(
            by_cost(names, refits),
            list(split(permutations, size)),
            make_job,
            run,
            max(FEWEST_REFIT_JOBS, JOBS_PER_WORKER * n_workers),
        ):
            statistics, n_failed = result
            yield name, statistics, n_failed

    rounds.draw(nulls, run_round)
    return nulls


def sign_flip_null(
    references: dict[Any, np.ndarray],
    rounds: Rounds,
    run: Run,
    primary: Primary,
    observed: dict[Any, float],
) -> dict[Any, Null]:
    """Null of every column under random signs of the principal coordinates."""
    nulls = {name: Null(value, []) for name, value in observed.items()}

    def run_round(permutations: range, names: list) -> Iterator:
        pairs = [
            (n, batch) for n in names for batch in split(permutations, SIGNS_PER_BATCH)
        ]
        jobs = [
            partial(
                sign_flip_scores,
                references=references[name],
                batch=batch,
                plan=rounds.plan,
                primary=primary,
            )
            for name, batch in pairs
        ]
        for (name, _), statistics in zip(pairs, run(jobs), strict=True):
            yield name, statistics, 0

    rounds.draw(nulls, run_round)
    return nulls
