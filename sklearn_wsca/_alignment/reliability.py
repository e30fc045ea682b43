"""How far a probe direction could align at most: its split-half reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.comparison import Comparison
from sklearn_wsca._alignment.metrics import (
    aggregate_alignment,
    fitted_references,
)
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._backend.namespace import array_namespace, to_numpy
from sklearn_wsca._encoding.folds import Split, check_folds, draw_folds
from sklearn_wsca._heads.balancing import Balance
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import Probe, ProbeFit, fit_probes
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.table import name_index
from sklearn_wsca._linear.design import Design
from sklearn_wsca._permutation.exchangeability import Exchangeability

N_SPLITS = 10
# Cosines of halves are then off by about 1e-5.
TOLERANCES = {"float64": 1e-6, "float32": 1e-4}


def draw_halves(
    columns: Sequence[tuple[Column, Exchangeability]], seed: int
) -> list[np.ndarray | None]:
    """Halves of the entries, stratified by level, groups together: (N_SPLITS, n).

    None for a column whose levels cannot all be in both halves.
    """
    splits = [
        Split(column, exchange, 2, seed + number)
        for column, exchange in columns
        for number in range(N_SPLITS)
    ]
    drawn = draw_folds(splits)
    halves: list[np.ndarray | None] = []
    for start in range(0, len(splits), N_SPLITS):
        own = slice(start, start + N_SPLITS)
        try:
            for split, folds in zip(splits[own], drawn[own], strict=True):
                check_folds(split, folds)
            halves.append(np.array([folds.fold == 0 for folds in drawn[own]]))
        except ValueError:
            halves.append(None)
    return halves


@dataclass(frozen=True)
class SplitHalves:
    """How the head of a column is fitted to random halves of its rows.

    Parameters
    ----------
    design : Design
        Rows of the column, without their coordinates.
    column, probe, balance
        How the head of the column is fitted.
    halves : ndarray of shape (s, n), dtype bool
        First half of every split.
    reference_weights : ndarray of shape (k,) or float
        What the metric multiplies principal coordinates by.
    """

    design: Design
    column: Column
    probe: Probe
    balance: Balance | None
    halves: np.ndarray
    reference_weights: np.ndarray | float

    def to_fit(self, T: Any) -> ProbeFit:
        """Fits to all first halves, and to all second ones."""
        weights = self.design.weights
        if self.balance is not None:
            weights = self.balance.weights(self.balance.cells[None])[0]
        masks = np.concatenate([self.halves, ~self.halves]) * weights
        labels = np.broadcast_to(self.column.labels, masks.shape)
        tolerance = TOLERANCES[self.design.precision]
        return ProbeFit(self.probe, self.design.on(T), labels, masks, tolerance)


def split_half_reliability(T: Any, columns: list[SplitHalves]) -> list[np.ndarray]:
    r"""Reliability of every direction of probes: (rows,) for each column.

    With r the mean over random splits of the cosine of a direction that was fitted on
    one half and the same that was fitted on the other, it is that of all rows together
    by the formula of Spearman and Brown, ``2 r / (1 + r)``. It is 1 for a direction
    without sampling noise and NaN where r is not positive: the halves then agree no
    better than by chance, and no formula makes a reliability of that.

    Parameters
    ----------
    T : array of shape (n_rows, k)
        Coordinates of all rows.
    columns : list of SplitHalves
        The columns.
    """
    fits = fit_probes([column.to_fit(T) for column in columns])
    pairs = zip(columns, fits, strict=True)
    return [_step_up(column, fit.coef) for column, fit in pairs]


def _step_up(column: SplitHalves, coef: Any) -> np.ndarray:
    """Reliability from heads of all first and all second halves (2 s, rows, k)."""
    centre = column.probe.kind == "logistic"
    references = fitted_references(coef, centre, column.reference_weights)
    xp, n_splits = array_namespace(references), len(references) // 2
    products = references[:n_splits] * references[n_splits:]
    agreement = to_numpy(xp.mean(xp.sum(products, axis=2), axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(agreement > 0, 2 * agreement / (1 + agreement), np.nan)


@dataclass(frozen=True)
class Reliability:
    """Reliability of directions, and what it allows of alignments.

    Parameters
    ----------
    directions : Series
        Reliability by (task, class); NaN for trained heads, which have no sampling
        noise that could be seen here, and where halves do not agree.
    ceilings : Series
        Alignment score that a column would reach if its true directions were those of
        the primary head; NaN where the reliability of a direction is.
    """

    directions: pd.Series
    ceilings: pd.Series


def measure_reliability(
    tasks: Tasks, rows: Rows, comparison: Comparison, seed: int, runner: JobRunner
) -> Reliability:
    """Reliability of all fitted heads, and the ceilings of the alignment scores."""
    space = comparison.space
    names, halved = [], []
    fitted = [task for task in tasks.all if not task.trained]
    columns = [(task.to_fit()[0], task.units_to_fit()) for task in fitted]
    for task, halves in zip(fitted, draw_halves(columns, seed), strict=True):
        column, probe = task.to_fit()
        if halves is None:
            task.notes.append("no reliability: a level would be in one half only")
        else:
            weights = space.reference_weights()
            if task is tasks.primary:
                weights = space.filter_weights()
            design = rows.design(column.rows)
            names.append(task.name)
            halved.append(
                SplitHalves(design, column, probe, task.balance, halves, weights)
            )
    jobs = [
        partial(split_half_reliability, columns=own)
        for own in rows.share_out(halved, 2 * N_SPLITS)
    ]
    results = chain.from_iterable(runner.run("reliability", jobs))
    found = dict(zip(names, results, strict=True))
    by_task = {
        task.name: found.get(task.name, np.full(_n_rows(task), np.nan))
        for task in tasks.all
    }
    own = _certainty(tasks.primary, by_task)
    ceilings = {
        task.name: aggregate_alignment(
            np.sqrt(np.outer(own, by_task[task.name])), comparison.aggregate
        )
        for task in tasks.metadata
    }
    labels = comparison.correlation.index
    return Reliability(
        pd.Series(np.concatenate(list(by_task.values())), labels),
        pd.Series(list(ceilings.values()), name_index(ceilings), dtype=float),
    )


def skip_reliability(comparison: Comparison) -> Reliability:
    """What there is of it where it is not measured: NaN."""
    return Reliability(
        pd.Series(np.nan, comparison.correlation.index),
        pd.Series(np.nan, comparison.scores().index),
    )


def _certainty(primary: Task | None, by_task: dict[Any, np.ndarray]) -> np.ndarray:
    """Reliability of the directions of the primary head; 1 for a trained one."""
    if primary is None:
        return np.full(1, np.nan)
    own = by_task[primary.name]
    return np.ones(len(own)) if primary.trained else own


def _n_rows(task: Task) -> int:
    assert task.head is not None
    return task.head.n_rows
