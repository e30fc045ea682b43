"""Null distributions of the alignment score of a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from sklearn_wsca._alignment.comparison import Comparison, Primary
from sklearn_wsca._alignment.metrics import aggregate_alignment
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.namespace import is_tensor, to_same_device
from sklearn_wsca._heads.balancing import Balance
from sklearn_wsca._heads.fit import LABELS_AT_ONCE, Rows
from sklearn_wsca._heads.probe import BATCH_TOLERANCES, Probe, ProbeFit, fit_probes
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.solvers import BatchFit
from sklearn_wsca._permutation.exchangeability import Exchangeability, share_sources
from sklearn_wsca._permutation.plan import PermutationPlan, split
from sklearn_wsca._permutation.rounds import (
    JOBS_PER_WORKER,
    Null,
    Rounds,
    by_cost,
    run_groups,
)
from sklearn_wsca._text import printable

PERMUTATIONS_PER_BATCH = 256
LABELS_PER_BATCH = 2**24
SIGNS_PER_BATCH = 1000
# So that progress is seen to be made.
FEWEST_REFIT_JOBS = 12
# Name of the step in progress and errors.
STEP = "alignment null"


@dataclass(frozen=True)
class RefitNull:
    """Permutation null: permute the column, refit its head, compare with the primary.

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

    def to_fit(self, T: Any, unit_sources: Any) -> ProbeFit:
        """Fits to permutations in which units take their values from these."""
        sources = self.exchange.entry_sources(unit_sources)
        weights = None
        if self.balance is not None:
            cells = to_same_device(self.balance.cells, sources)
            weights = self.balance.weights(cells[sources])
        labels = self.column.codes if self.column.n_levels else self.column.labels
        labels = to_same_device(labels, sources)[sources]
        tolerance = BATCH_TOLERANCES[self.design.precision]
        return ProbeFit(self.probe, self.design.on(T), labels, weights, tolerance)

    def scores(self, fit: BatchFit, primary: Primary) -> tuple[np.ndarray, int]:
        """Alignment scores of permutations, and how many fits did not converge."""
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
    most = 1
    if is_tensor(T):
        most = max(1, LABELS_AT_ONCE // (len(batch) * plan.n_rows))
    exchanges = [null.exchange for null in nulls]

    def score(part: range) -> list[tuple[np.ndarray, int]]:
        permuted, found = share_sources(exchanges, plan.orders(part, T)), {}
        while own := list(islice(permuted, most)):
            fits = fit_probes([nulls[i].to_fit(T, sources) for i, sources in own])
            for (i, _), fit in zip(own, fits, strict=True):
                found[i] = nulls[i].scores(fit, primary)
        return [found[i] for i in range(len(nulls))]

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
    comparison: Comparison,
    runner: JobRunner,
) -> dict[Any, Null]:
    """Null of every column under permutations and refits of its head."""
    refits = {}
    for task in tasks:
        column, probe = task.to_fit()
        refits[task.name] = RefitNull(
            rows.design(column.rows), column, probe, task.balance, task.units_to_fit()
        )
    nulls, primary = _without_permutations(tasks, comparison), comparison.primary
    fewest_jobs = max(FEWEST_REFIT_JOBS, JOBS_PER_WORKER * runner.n_workers)
    size = max(1, min(PERMUTATIONS_PER_BATCH, LABELS_PER_BATCH // len(rows.weights)))
    if is_tensor(rows.T):
        # An accelerator takes all columns, and as many permutations as it holds.
        fewest_jobs, size = 1, max(1, LABELS_PER_BATCH // len(rows.weights))

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
            runner,
            STEP,
            fewest_jobs,
        ):
            statistics, n_failed = result
            yield name, statistics, n_failed

    rounds.draw(nulls, run_round)
    return nulls


def sign_flip_null(
    tasks: list[Task],
    rows: Rows,
    rounds: Rounds,
    comparison: Comparison,
    runner: JobRunner,
) -> dict[Any, Null]:
    """Null of every column under random signs of the principal coordinates."""
    nulls, primary = _without_permutations(tasks, comparison), comparison.primary

    def run_round(permutations: range, names: list) -> Iterator:
        pairs = [
            (n, batch) for n in names for batch in split(permutations, SIGNS_PER_BATCH)
        ]
        jobs = [
            partial(
                sign_flip_scores,
                references=comparison.references[name],
                batch=batch,
                plan=rounds.plan,
                primary=primary,
            )
            for name, batch in pairs
        ]
        for (name, _), statistics in zip(pairs, runner.run(STEP, jobs), strict=True):
            yield name, statistics, 0

    rounds.draw(nulls, run_round)
    return nulls


def _without_permutations(tasks: list[Task], comparison: Comparison) -> dict[Any, Null]:
    """Nulls without permutations yet."""
    observed = comparison.scores()
    return {task.name: Null(observed[task.name], []) for task in tasks}


@dataclass(frozen=True)
class AlignmentNull:
    """A null of the alignment.

    Parameters
    ----------
    name : str
        How notes and docs call it.
    procedure : str
        What is done; ``{units}`` stands for what is exchanged, ``{within}`` for the
        strata that are kept.
    draw : callable
        From tasks, rows, rounds, comparison and runner to the nulls by column.
    refits : bool
        Whether heads are fitted again, which trained heads cannot be.
    """

    name: str
    procedure: str
    draw: Callable[..., dict[Any, Null]]
    refits: bool

    def describe(self, groups: Any, adjusted: bool) -> str:
        """What is done, in words."""
        units = "rows"
        if groups is not None:
            units = f"groups ({printable(groups)}), or rows within them,"
        within = " within levels of the target" if adjusted else ""
        return self.procedure.format(units=units, within=within)


# The only list of nulls; the docstring of the estimator explains them.
NULLS = {
    "permutation": AlignmentNull(
        "permutation null",
        "{units} of each column permuted{within} and its head refitted",
        refit_null,
        refits=True,
    ),
    "sign_flip": AlignmentNull(
        "direction null",
        "signs of the primary head's principal coordinates flipped at random",
        sign_flip_null,
        refits=False,
    ),
}
