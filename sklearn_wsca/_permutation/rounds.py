"""Permutations in rounds and batches, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._permutation.plan import PermutationPlan, count_reached, split

FIRST_ROUND = 100
JOBS_PER_WORKER = 3


@dataclass
class Null:
    """Statistics of the permutations of one column.

    Parameters
    ----------
    observed : float
        Statistic of the data.
    parts : list of ndarray
        Statistics of the permutations so far, in order.
    n_failed : int
        Fits that missed the tolerance.
    """

    observed: float
    parts: list[np.ndarray]
    n_failed: int = 0

    @property
    def statistics(self) -> np.ndarray:
        """Statistics of all permutations so far."""
        return np.concatenate(self.parts) if self.parts else np.empty(0)


@dataclass(frozen=True)
class Rounds:
    """In what portions the permutations are drawn.

    Parameters
    ----------
    plan : PermutationPlan
        All permutations.
    stop_after : int or None
        A column is done when so many permutations have reached its statistic; None
        draws all of them at once.
    tolerance : float
        Relative distance below which a permutation counts as a tie.
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
        for permutations in self._portions():
            names = [name for name, null in nulls.items() if not self._done(null)]
            if not names:
                return
            for name, statistics, n_failed in run_round(permutations, names):
                nulls[name].parts.append(statistics)
                nulls[name].n_failed += n_failed

    def _portions(self) -> Iterator[range]:
        """All permutations, or rounds that double what has been drawn."""
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


def run_groups(
    names: list,
    batches: list[range],
    make_job: Callable[[list, range], Callable],
    runner: Any,
    step: str,
    fewest_jobs: int,
) -> Iterator[tuple[Any, Any]]:
    """Results by column, in order of the batches, of jobs of several columns each.

    Columns that share a job share the drawing of its permutations. `names` begins with
    the most expensive columns, which are dealt out to the groups in turn, and their
    jobs come first: the last ones are short. Where every worker has one job they are
    dealt out forth and back instead, so that all take about as long. Batches are split
    only where there would be fewer jobs than workers, as what their permutations share
    is found once a job.
    """
    n_workers = runner.n_workers
    if len(names) * len(batches) < n_workers:
        permutations = range(batches[0].start, batches[-1].stop)
        fewest = -(-n_workers // len(names))
        batches = list(split(permutations, len(batches[0]), fewest))
    n_groups = min(len(names), -(-fewest_jobs // len(batches)))
    places = np.arange(len(names)) % (2 * n_groups)
    if n_groups * len(batches) <= n_workers:
        places = np.minimum(places, 2 * n_groups - 1 - places)
    groups = [
        [names[i] for i in np.flatnonzero(places % n_groups == group)]
        for group in range(n_groups)
    ]
    owners = [(group, batch) for group in groups for batch in batches]
    results = runner.run(step, [make_job(group, batch) for group, batch in owners])
    for (group, _), found in zip(owners, results, strict=True):
        yield from zip(group, found, strict=True)


def by_cost(names: list, tests: dict[Any, Any]) -> list:
    """Columns by falling number of levels, which is what a permutation costs."""
    return sorted(names, key=lambda name: -tests[name].column.n_levels)
