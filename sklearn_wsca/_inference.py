"""From nulls to p-values: the two tests of every column, as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis import (
    Comparison,
    Rows,
    encode,
    name_index,
    refit_null,
    sign_flip_null,
)
from sklearn_wsca._folds import Folds
from sklearn_wsca._permutation import (
    PermutationPlan,
    benjamini_hochberg,
    max_t_pvalues,
    permutation_pvalues,
)
from sklearn_wsca._probes import tie_tolerance
from sklearn_wsca._tasks import Task


@dataclass(frozen=True)
class EncodingTest:
    """Held-out skill of every column.

    Parameters
    ----------
    scores, pvalues : Series
        Skill and its permutation p-value; NaN for heads without labels, p-values also
        without shuffles.
    metrics : DataFrame
        Further measures of held-out performance.
    not_converged : list
        Columns with fits that missed the tolerance.
    """

    scores: pd.Series
    pvalues: pd.Series
    metrics: pd.DataFrame
    not_converged: list


@dataclass(frozen=True)
class AlignmentTest:
    """p-values of the alignment scores of every column.

    Parameters
    ----------
    null : DataFrame of shape (n_permutations, n_columns)
        Scores of the shuffles; no rows if there was no test.
    pvalues, pvalues_fwer, qvalues : Series
        Per column, over columns by max-T, and by Benjamini-Hochberg.
    not_converged : list
        Columns with fits that missed the tolerance.
    """

    null: pd.DataFrame
    pvalues: pd.Series
    pvalues_fwer: pd.Series
    qvalues: pd.Series
    not_converged: list


def infer_encoding(
    tasks: list[Task],
    folds: dict[Any, Folds],
    rows: Rows,
    plan: PermutationPlan,
    run: Callable,
) -> EncodingTest:
    """Test whether probes predict their columns better than those of shuffles."""
    index = name_index(task.name for task in tasks)
    labelled = [task for task in tasks if task.column is not None]
    found = encode(labelled, folds, rows, plan, run)
    pvalues = pd.Series(np.nan, index)
    if plan.n_permutations:
        for name, result in found.items():
            tolerance = tie_tolerance(len(folds[name].fold))
            (pvalues[name],) = permutation_pvalues(
                np.array([result.score]), result.null[:, None], tolerance
            )
    scores = pd.Series({name: result.score for name, result in found.items()})
    metrics = {name: result.metrics for name, result in found.items()}
    return EncodingTest(
        scores.astype(float).reindex(index),
        pvalues,
        pd.DataFrame.from_dict(metrics, "index").reindex(index),
        [name for name, result in found.items() if not result.all_converged],
    )


def no_alignment_test(tasks: list[Task]) -> AlignmentTest:
    """Stands for a test that was not asked for or has no primary head."""
    index = name_index(task.name for task in tasks)
    missing = pd.Series(np.nan, index)
    empty = pd.DataFrame(np.empty((0, len(index))), columns=index)
    return AlignmentTest(empty, missing, missing.copy(), missing.copy(), [])


def infer_alignment(
    tasks: list[Task],
    rows: Rows,
    plan: PermutationPlan,
    comparison: Comparison,
    aggregate: str,
    null: str,
    run: Callable,
) -> AlignmentTest:
    """Test whether columns align with the primary head more than under the null."""
    not_converged: list = []
    if null == "sign_flip":
        shuffled = sign_flip_null(plan, run, comparison, aggregate)
    else:
        shuffled, not_converged = refit_null(
            tasks, rows, plan, run, comparison, aggregate
        )
    index = shuffled.columns
    test = partial(
        _series,
        index,
        observed=comparison.scores(aggregate).to_numpy(),
        null=shuffled.to_numpy(),
        tolerance=tie_tolerance(len(rows.T)),
    )
    pvalues = test(permutation_pvalues)
    return AlignmentTest(
        shuffled,
        pvalues,
        test(max_t_pvalues),
        pd.Series(benjamini_hochberg(pvalues.to_numpy()), index),
        not_converged,
    )


def _series(index: pd.Index, function: Callable, **arguments: Any) -> pd.Series:
    return pd.Series(function(**arguments), index)
