"""Test whether probes predict their columns on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._encoding.folds import Folds, split_columns
from sklearn_wsca._encoding.null import encoding_null
from sklearn_wsca._encoding.planted import largest_pvalue, share_found
from sklearn_wsca._encoding.skill import HeldOut, TestedProbe, held_out
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.table import name_index
from sklearn_wsca._permutation.column_tests import (
    ColumnTests,
    Testing,
    correct_pvalues,
    infer_columns,
)
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
    skills : Series
        Skill of the tested ridge probes, whose penalty is tuned; NaN without
        permutations.
    qvalues : Series
        Benjamini-Hochberg q-values.
    power : Series
        Share of columns planted at a skill of 0.1 that would have been found.
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
    skills: pd.Series
    qvalues: pd.Series
    power: pd.Series
    metrics: pd.DataFrame
    selectivity: pd.Series
    not_converged: list


def infer_encoding(
    tasks: Tasks,
    rows: Rows,
    given: Input,
    cv: Any,
    testing: Testing,
    significance: float,
    runner: JobRunner,
) -> EncodingTest:
    """Test whether probes predict their columns better than those of permutations."""
    index = name_index(task.name for task in tasks.metadata)
    labelled = [task for task in tasks.metadata if task.column is not None]
    folds = split_columns(labelled, cv, testing.plan.seed, given)
    found = _cross_validate(labelled, folds, rows, runner)
    nulls: dict[Any, Null] = {}
    planted: dict[Any, np.ndarray] = {}
    if testing.plan.n_permutations:
        nulls, planted = encoding_null(labelled, folds, rows, testing.rounds, runner)
    tests = infer_columns(nulls, index, testing, extrapolate=False)
    skills = pd.Series({name: null.observed for name, null in nulls.items()})
    scores = pd.Series({name: result.score for name, result in found.items()})
    metrics = {name: result.metrics for name, result in found.items()}
    return EncodingTest(
        scores.astype(float).reindex(index),
        tests,
        skills.astype(float).reindex(index),
        correct_pvalues([tests.pvalues])[0],
        _power(planted, nulls, tests.pvalues, testing, significance),
        pd.DataFrame.from_dict(metrics, "index").reindex(index),
        _selectivity(nulls, index),
        [name for name, result in found.items() if not result.all_converged],
    )


def skip_encoding(tasks: Tasks, testing: Testing) -> EncodingTest:
    """What there is of a test that is left out: NaN for every column."""
    index = name_index(task.name for task in tasks.metadata)
    none = pd.Series(np.nan, index)
    tests = infer_columns({}, index, testing, extrapolate=False)
    empty = pd.DataFrame(index=index)
    return EncodingTest(none, tests, none, none, none, empty, none, [])


def correct(several: list[EncodingTest]) -> list[EncodingTest]:
    """Correct over all columns of several tests, such as those of several targets."""
    qvalues = correct_pvalues([test.tests.pvalues for test in several])
    return [
        replace(test, qvalues=own) for test, own in zip(several, qvalues, strict=True)
    ]


def _cross_validate(
    tasks: list[Task], folds: dict[Any, Folds], rows: Rows, runner: JobRunner
) -> dict[Any, HeldOut]:
    """Held-out predictions of the probes of the tasks."""
    tested = []
    for task in tasks:
        column, probe = task.labelled()
        design = rows.design(column.rows)
        tested.append(TestedProbe(design, column, probe, folds[task.name]))
    most = max((found.n_folds for found in folds.values()), default=1)
    jobs = [partial(held_out, columns=own) for own in rows.share_out(tested, most)]
    found = chain.from_iterable(runner.run("encoding", jobs))
    return dict(zip([task.name for task in tasks], found, strict=True))


def _power(
    planted: dict[Any, np.ndarray],
    nulls: dict[Any, Null],
    pvalues: pd.Series,
    testing: Testing,
    significance: float,
) -> pd.Series:
    """Share of planted columns that would have been found in place of each column."""
    power = pd.Series(np.nan, pvalues.index)
    for position, name in enumerate(pvalues.index):
        if name in planted:
            others = np.delete(pvalues.to_numpy(), position)
            level = largest_pvalue(others[~np.isnan(others)], significance)
            power.iloc[position] = share_found(
                planted[name],
                nulls[name].statistics,
                level,
                testing.plan.n_permutations,
            )
    return power


def _selectivity(nulls: dict[Any, Null], index: pd.Index) -> pd.Series:
    selectivity = pd.Series(np.nan, index)
    for position, name in enumerate(index):
        if name in nulls:
            null = nulls[name]
            selectivity.iloc[position] = null.observed - null.statistics.mean()
    return selectivity
