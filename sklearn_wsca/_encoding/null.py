"""Null distribution of the held-out skill of a column.

The probes that are tested are tuned: each column, each permutation and each planted
column gets the penalty under which its own held-out skill is highest. All go through
the same choice, so the test stays exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.namespace import array_namespace, is_tensor, to_same_device
from sklearn_wsca._encoding.folds import Folds
from sklearn_wsca._encoding.planted import LEADING, N_PLANTED, planted_responses
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.class_labels import mean_curvature
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.ridge_cv import Moments, RidgeFolds
from sklearn_wsca._linear.ridge_refits import Penalty
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
OUTPUTS_PER_BATCH_OF_TENSORS, LABELS_PER_BATCH_OF_TENSORS = 2**14, 2**26
FOLD_PERMUTATIONS_PER_BATCH = 1000
N_STRENGTHS = 4
# Multiple of the total weight of the rows: coordinates have a mean square of about one.
STRONGEST = 3.0


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
        The probe that is reported. Ridge probes are tested: with the penalty that its
        own amounts to at the class frequencies, and with stronger ones.
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
        return RidgeFolds.prepare(
            self.design.on(T), self.folds.fold, self.column.n_levels, self.penalties()
        )

    def skills(
        self, ridge: RidgeFolds, orders: Any, plan: PermutationPlan | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Skills of the data and of permutations by orders of all rows: (1 + p,).

        With a plan also those of columns like this one that are planted in the
        embeddings. Their noise comes from permutations that follow those of the plan.
        """
        observed, permuted = self._labels()[ridge.slots], self._permuted(ridge, orders)
        observed = to_same_device(observed[None], permuted)
        labels = array_namespace(permuted).concatenate([observed, permuted])
        planted = [] if plan is None else self._planted(ridge, plan)
        found = ridge.skills(ridge.moments(labels), *planted)
        return found[: len(labels)], found[len(labels) :]

    def _planted(self, ridge: RidgeFolds, plan: PermutationPlan) -> list[Moments]:
        """Moments of columns that are planted."""
        start = plan.n_permutations
        n_outputs = max(self.column.n_levels - 1, 1)
        most, _ = self._most(ridge.design.coordinates)
        size = max(1, most // (n_outputs * len(self.column.labels)))

        def planted(part: range) -> Moments:
            orders = plan.orders(part, ridge.design.coordinates)
            noise = ridge.responses(self._permuted(ridge, orders))
            responses = planted_responses(ridge, self.exchange, noise, part, plan)
            return ridge.moments_of_responses(responses)

        return [*in_parts(planted, range(start, start + N_PLANTED), size)]

    def _permuted(self, ridge: RidgeFolds, orders: Any) -> Any:
        """Labels by slot, permuted within folds: (p, n)."""
        sources = self.exchange.sources_by_slot(orders, self.folds.fold, ridge.slots)
        return to_same_device(self._labels(), sources)[sources]

    def _labels(self) -> np.ndarray:
        """Small integers for levels, standardised values of a continuous column."""
        labels = self.column.labels
        if self.column.n_levels:
            return self.column.codes
        # A large mean would use up single precision; skill has no unit.
        return (labels - labels.mean()) / labels.std()

    def batch_size(self, T: Any) -> int:
        """Permutations that are tested together, so that memory stays bounded."""
        n_labels, n_outputs = self._most(T)
        by_outputs = n_outputs // max(self.column.n_levels - 1, 1)
        return max(1, min(by_outputs, n_labels // len(self.column.labels)))

    @staticmethod
    def _most(T: Any) -> tuple[int, int]:
        """Labels and outputs of a batch."""
        if is_tensor(T):
            return LABELS_PER_BATCH_OF_TENSORS, OUTPUTS_PER_BATCH_OF_TENSORS
        return LABELS_PER_BATCH, OUTPUTS_PER_BATCH

    def penalties(self) -> list[Penalty]:
        """Penalties that are tried.

        Four strengths, from that of the probe to where predictions are hardly more than
        the covariance with each coordinate, on the leading coordinates; with all
        coordinates the weakest and the third of them, because these cost most.
        """
        k, own = self.design.shape[1], self.ridge_penalty()
        strongest = max(own, STRONGEST * float(self.design.weights.sum()))
        strengths = np.unique(np.geomspace(own, strongest, N_STRENGTHS))
        tried = [Penalty(alpha, min(k, LEADING)) for alpha in strengths]
        if k > LEADING:
            tried += [Penalty(alpha, k) for alpha in strengths[::2]]
        return tried

    def ridge_penalty(self) -> float:
        """Penalty of the ridge counterpart of the probe."""
        if self.probe.kind == "ridge":
            return float(self.probe.alpha)
        weights = self.design.weights
        frequencies = np.bincount(self.column.labels, weights) / weights.sum()
        return float(1.0 / (self.probe.C * mean_curvature(frequencies)))


@dataclass(frozen=True)
class FoldSkills:
    """Skills of a column, of some of its permutations, and of planted columns.

    Parameters
    ----------
    observed : float
        Skill of the data.
    permuted : ndarray
        Of the permutations of a batch.
    planted : ndarray
        Of the planted columns; none but with the first permutations.
    """

    observed: float
    permuted: np.ndarray
    planted: np.ndarray


def fold_skills(
    T: Any, nulls: list[EncodingNull], batch: range, plan: PermutationPlan
) -> list[FoldSkills]:
    """Skills of several columns, which share the permutations."""
    ridges = [null.prepare(T) for null in nulls]
    pairs = list(zip(nulls, ridges, strict=True))

    def skills(part: range) -> list[tuple[np.ndarray, np.ndarray]]:
        orders = plan.orders(part, T)
        with_planted = None if part.start else plan
        return [null.skills(ridge, orders, with_planted) for null, ridge in pairs]

    size = min(null.batch_size(T) for null in nulls)
    parts = zip(*in_parts(skills, batch, size), strict=True)
    return [
        FoldSkills(
            float(found[0][0][0]),
            np.concatenate([permuted[1:] for permuted, _ in found]),
            found[0][1],
        )
        for found in parts
    ]


def encoding_null(
    tasks: list[Task],
    folds: dict[Any, Folds],
    rows: Rows,
    rounds: Rounds,
    runner: JobRunner,
) -> tuple[dict[Any, Null], dict[Any, np.ndarray]]:
    """Null of the held-out skill of every column, and skills of planted columns."""
    tests = {}
    for task in tasks:
        column, probe = task.labelled()
        design = rows.design(column.rows)
        tests[task.name] = EncodingNull(
            design, column, probe, folds[task.name], task.units()
        )
    nulls = {name: Null(np.nan, []) for name in tests}
    planted = {}

    def make_job(group: list, batch: range) -> Callable:
        chosen = [tests[name] for name in group]
        return partial(fold_skills, nulls=chosen, batch=batch, plan=rounds.plan)

    def run_round(permutations: range, names: list) -> Iterator:
        batches = list(split(permutations, FOLD_PERMUTATIONS_PER_BATCH))
        order = by_cost(names, tests)
        # An accelerator takes all columns at once.
        n_jobs = 1 if is_tensor(rows.T) else JOBS_PER_WORKER * runner.n_workers
        for name, skills in run_groups(
            order, batches, make_job, runner, "encoding null", n_jobs
        ):
            nulls[name].observed = skills.observed
            if len(skills.planted):
                planted[name] = skills.planted
            yield name, skills.permuted, 0

    rounds.draw(nulls, run_round)
    return nulls, planted
