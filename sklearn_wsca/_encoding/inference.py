"""Test whether probes predict their columns on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._encoding.folds import Folds, split_columns
from sklearn_wsca._encoding.null import encoding_null
from sklearn_wsca._encoding.skill import HeldOut, held_out
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.table import name_index
from sklearn_wsca._permutation.column_tests import ColumnTests, Testing, infer_columns
from sklearn_wsca._permutation.rounds import Null


@dataclass(frozen=True)
class EncodingTest:
    """Held-out skill of every column.

    Parameters
    ----------
    scores : Series
        Skill; NaN for heads without labels.
    tests : ColumnTests
        Its p-values; NaN without permutations.
    metrics : DataFrame
        Further measures of held-out performance.
    selectivity : Series
        Skill of the tested ridge probes less the mean skill of those of the
        permutations.
    not_converged : list
        Columns with cross-validated fits that missed the tolerance.
    """

    scores: pd.Series
    tests: ColumnTests
    metrics: pd.DataFrame
    selectivity: pd.Series
    not_converged: list


def infer_encoding(
    tasks: Tasks,
    rows: Rows,
    given: Input,
    cv: Any,
    testing: Testing,
    runner: JobRunner,
) -> EncodingTest:
    """Test whether probes predict their columns better than those of permutations."""
    index = name_index(task.name for task in tasks.metadata)
    labelled = [task for task in tasks.metadata if task.column is not None]
    folds = split_columns(labelled, cv, testing.plan.seed, given)
    found = _cross_validate(labelled, folds, rows, runner)
    nulls = {}
    if testing.plan.n_permutations:
        nulls = encoding_null(labelled, folds, rows, testing.rounds, runner)
    scores = pd.Series({name: result.score for name, result in found.items()})
    metrics = {name: result.metrics for name, result in found.items()}
    return EncodingTest(
        scores.astype(float).reindex(index),
        infer_columns(nulls, index, testing, extrapolate=False),
        pd.DataFrame.from_dict(metrics, "index").reindex(index),
        _selectivity(nulls, index),
        [name for name, result in found.items() if not result.all_converged],
    )


def _cross_validate(
    tasks: list[Task], folds: dict[Any, Folds], rows: Rows, runner: JobRunner
) -> dict[Any, HeldOut]:
    """Held-out predictions of the probes of the tasks."""
    jobs = [
        partial(
            held_out,
            design=rows.design(task.labelled()[0].rows),
            column=task.labelled()[0],
            probe=task.labelled()[1],
            folds=folds[task.name],
        )
        for task in tasks
    ]
    names = [task.name for task in tasks]
    return dict(zip(names, runner.run("encoding", jobs), strict=True))


def _selectivity(nulls: dict[Any, Null], index: pd.Index) -> pd.Series:
    selectivity = pd.Series(np.nan, index)
    for position, name in enumerate(index):
        if name in nulls:
            null = nulls[name]
            selectivity.iloc[position] = null.observed - null.statistics.mean()
    return selectivity
