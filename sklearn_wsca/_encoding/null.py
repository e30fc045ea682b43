"""Null distribution of the held-out skill of a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._encoding.folds import Folds
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.logistic import class_directions
from sklearn_wsca._linear.ridge_cv import RidgeFolds
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._permutation.plan import PermutationPlan, split
from sklearn_wsca._permutation.rounds import (
    JOBS_PER_WORKER,
    Null,
    Rounds,
    by_cost,
    run_groups,
)

OUTPUTS_PER_BATCH = 1024
LABELS_PER_BATCH = 2**22
FOLD_PERMUTATIONS_PER_BATCH = 1000


@dataclass(frozen=True)
class EncodingNull:
    """Held-out skill of a column and of its permutations within test folds.

    The folds are stratified by the labels, and a permutation across folds would break
    that for the permutations alone; within folds every permutation is a data set to
    which the same folds could have been given, so the test is exact.

    Parameters
    ----------
    design : Design
        The rows on which the column is observed, without their coordinates.
    column : Column
        The column, in the same order.
    probe : Probe
        The probe that is reported. Its ridge counterpart is tested: the same penalty,
        and for a logistic probe the one that its penalty amounts to at the class
        frequencies.
    folds : Folds
        Test fold of each row.
    exchange : Exchangeability
        What is permuted.
    """

    design: Design
    column: Column
    probe: Probe
    folds: Folds
    exchange: Exchangeability

    def prepare(self, T: Any) -> RidgeFolds:
        """Sum over the rows what all permutations share."""
        design, penalty = self.design.on(T), self.ridge_penalty()
        return RidgeFolds.prepare(
            design, self.folds.fold, self.column.n_levels, penalty
        )

    def observed_skill(self, ridge: RidgeFolds) -> np.ndarray:
        """Skill of the data: (1,)."""
        return ridge.skills(self._labels()[None, ridge.slots])

    def skills(self, ridge: RidgeFolds, orders: np.ndarray) -> np.ndarray:
        """Skills of permutations within folds by orders of all rows: (p,)."""
        fold, slots = self.folds.fold, ridge.slots
        sources = self.exchange.sources_by_slot(orders, fold, slots)
        return ridge.skills(self._labels()[sources])

    def _labels(self) -> np.ndarray:
        """Small integers for levels, standardised values of a continuous column."""
        labels = self.column.labels
        if self.column.n_levels:
            return self.column.codes
        # A large mean would use up single precision; skill has no unit.
        return (labels - labels.mean()) / labels.std()

    @property
    def batch_size(self) -> int:
        """Permutations that are tested together, so that memory stays bounded."""
        n_outputs = max(self.column.n_levels - 1, 1)
        by_rows = LABELS_PER_BATCH // len(self.column.labels)
        return max(1, min(OUTPUTS_PER_BATCH // n_outputs, by_rows))

    def ridge_penalty(self) -> float:
        """Penalty of the ridge counterpart of the probe."""
        if self.probe.kind == "ridge":
            return float(self.probe.alpha)
        weights = self.design.weights
        frequencies = np.bincount(self.column.labels, weights) / weights.sum()
        curvature = class_directions(frequencies)[1].mean()
        return float(1.0 / (self.probe.C * curvature))


def fold_skills(
    T: Any, nulls: list[EncodingNull], batch: range, plan: PermutationPlan
) -> list[np.ndarray]:
    """Skills of several columns, which share the permutations.

    The skill of the data is the first entry of each, a permutation of the batch each of
    the others.
    """
    ridges = [null.prepare(T) for null in nulls]
    pairs = list(zip(nulls, ridges, strict=True))
    observed = [null.observed_skill(ridge) for null, ridge in pairs]

    def permuted(part: range) -> list[np.ndarray]:
        orders = plan.orders(part)
        return [null.skills(ridge, orders) for null, ridge in pairs]

    size = min(null.batch_size for null in nulls)
    parts = zip(observed, *in_parts(permuted, batch, size), strict=True)
    return [np.concatenate(found) for found in parts]


def encoding_null(
    tasks: list[Task],
    folds: dict[Any, Folds],
    rows: Rows,
    rounds: Rounds,
    runner: JobRunner,
) -> dict[Any, Null]:
    """Null of the held-out skill of every column."""
    tests = {}
    for task in tasks:
        column, probe = task.labelled()
        design = rows.design(column.rows)
        tests[task.name] = EncodingNull(
            design, column, probe, folds[task.name], task.units()
        )
    nulls = {name: Null(np.nan, []) for name in tests}

    def make_job(group: list, batch: range) -> Callable:
        chosen = [tests[name] for name in group]
        return partial(fold_skills, nulls=chosen, batch=batch, plan=rounds.plan)

    def run_round(permutations: range, names: list) -> Iterator:
        batches = list(split(permutations, FOLD_PERMUTATIONS_PER_BATCH))
        order = by_cost(names, tests)
        run = partial(runner.run, "encoding null")
        n_jobs = JOBS_PER_WORKER * runner.n_workers
        for name, skills in run_groups(order, batches, make_job, run, n_jobs):
            nulls[name].observed = float(skills[0])
            yield name, skills[1:], 0

    rounds.draw(nulls, run_round)
    return nulls
