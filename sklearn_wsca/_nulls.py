"""Null distributions of all columns: batches of shuffles, in rounds, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_wsca._alignment_null import (
    Primary,
    RefitNull,
    refit_scores,
    sign_flip_scores,
)
from sklearn_wsca._analysis import Rows, Run
from sklearn_wsca._encoding_null import EncodingNull, fold_skills
from sklearn_wsca._folds import Folds
from sklearn_wsca._permutation import PermutationPlan, count_reached, split
from sklearn_wsca._tasks import Task

SHUFFLES_PER_BATCH = 256
LABELS_PER_BATCH = 2**24
SIGNS_PER_BATCH = 1000
FOLD_SHUFFLES_PER_BATCH = 1000
FIRST_ROUND = 100
JOBS_PER_WORKER = 2
# So that progress is seen to be made.
FEWEST_REFIT_JOBS = 12


@dataclass
class Null:
    """Statistics of the shuffles of one column.

    Parameters
    ----------
    observed : float
        Statistic of the data.
    parts : list of ndarray
        Statistics of the shuffles so far, in order.
    n_failed : int
        Fits that missed the tolerance.
    """

    observed: float
    parts: list[np.ndarray]
    n_failed: int = 0

    @property
    def statistics(self) -> np.ndarray:
        """Statistics of all shuffles so far."""
        return np.concatenate(self.parts) if self.parts else np.empty(0)


@dataclass(frozen=True)
class Rounds:
    """In what portions the shuffles are drawn.

    Parameters
    ----------
    plan : PermutationPlan
        All shuffles.
    stop_after : int or None
        A column is done when so many shuffles have reached its statistic; None draws
        all of them at once.
    tolerance : float
        Relative distance below which a shuffle counts as a tie.
    """

    plan: PermutationPlan
    stop_after: int | None
    tolerance: float

    def draw(
        self,
        nulls: dict[Any, Null],
        run_round: Callable[[range, list], Iterator[tuple[Any, np.ndarray, int]]],
    ) -> None:
        """Fill the nulls; `run_round` yields (name, statistics, failures) in order."""
        for shuffles in self._portions():
            names = [name for name, null in nulls.items() if not self._done(null)]
            if not names:
                return
            for name, statistics, n_failed in run_round(shuffles, names):
                nulls[name].parts.append(statistics)
                nulls[name].n_failed += n_failed

    def _portions(self) -> Iterator[range]:
        """All shuffles, or rounds that double what has been drawn."""
        start, m = 0, self.plan.n_permutations
        while start < m:
            stop = m if self.stop_after is None else min(2 * start or FIRST_ROUND, m)
            yield range(start, stop)
            start = stop

    def _done(self, null: Null) -> bool:
        if self.stop_after is None:
            return False
        reached = count_reached(null.observed, null.statistics, self.tolerance)
        return bool(reached >= self.stop_after)


def refit_null(
    tasks: list[Task],
    rows: Rows,
    rounds: Rounds,
    run: Run,
    n_workers: int,
    primary: Primary,
    observed: dict[Any, float],
) -> dict[Any, Null]:
    """Null of every column under shuffles and refits of its head."""
    refits = {}
    for task in tasks:
        column, probe = task.fitted()
        refits[task.name] = RefitNull(
            rows.design(column.rows), column, probe, task.balance, task.fitted_units()
        )
    nulls = {name: Null(observed[name], []) for name in refits}
    size = max(1, min(SHUFFLES_PER_BATCH, LABELS_PER_BATCH // len(rows.weights)))

    def make_job(group: list, batch: range) -> Callable:
        chosen = [refits[name] for name in group]
        return partial(
            refit_scores, nulls=chosen, batch=batch, plan=rounds.plan, primary=primary
        )

    def run_round(shuffles: range, names: list) -> Iterator:
        for name, result in _run_groups(
            by_cost(names, refits),
            list(split(shuffles, size)),
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

    def run_round(shuffles: range, names: list) -> Iterator:
        pairs = [
            (n, batch) for n in names for batch in split(shuffles, SIGNS_PER_BATCH)
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


def encoding_null(
    tasks: list[Task],
    folds: dict[Any, Folds],
    rows: Rows,
    rounds: Rounds,
    run: Run,
    n_workers: int,
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

    def run_round(shuffles: range, names: list) -> Iterator:
        batches = list(split(shuffles, FOLD_SHUFFLES_PER_BATCH))
        order = by_cost(names, tests)
        n_jobs = JOBS_PER_WORKER * n_workers
        for name, skills in _run_groups(order, batches, make_job, run, n_jobs):
            nulls[name].observed = float(skills[0])
            yield name, skills[1:], 0

    rounds.draw(nulls, run_round)
    return nulls


def _run_groups(
    names: list,
    batches: list[range],
    make_job: Callable[[list, range], Callable],
    run: Run,
    fewest_jobs: int,
) -> Iterator[tuple[Any, Any]]:
    """Results by column, in order of the batches, of jobs of several columns each.

    Columns that share a job share the drawing of its shuffles. `names` begins with the
    most expensive columns, which are dealt out to the groups in turn.
    """
    n_groups = min(len(names), -(-fewest_jobs // len(batches)))
    groups = [names[i::n_groups] for i in range(n_groups)]
    owners = [(group, batch) for batch in batches for group in groups]
    results = run([make_job(group, batch) for group, batch in owners])
    for (group, _), found in zip(owners, results, strict=True):
        yield from zip(group, found, strict=True)


def by_cost(names: list, tests: dict[Any, Any]) -> list:
    """Columns by falling number of levels, which is what a shuffle costs."""
    return sorted(names, key=lambda name: -tests[name].column.n_levels)
