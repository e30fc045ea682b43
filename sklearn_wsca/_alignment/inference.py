"""Test of the alignment scores of all columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.comparison import Comparison
from sklearn_wsca._alignment.null import refit_null, sign_flip_null
from sklearn_wsca._backend.jobs import Run
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.table import name_index
from sklearn_wsca._permutation.column_tests import ColumnTests, Testing, infer_columns
from sklearn_wsca._permutation.plan import (
    benjamini_hochberg,
    max_t_pvalues,
)


def describe_null(null: str, adjusted: bool, n_permutations: int) -> str:
    """What was permuted for the alignment p-values, how often, and their floor."""
    floor = 1.0 / (n_permutations + 1)
    draws = f"{n_permutations} draws, so no p-value is below {floor:.2g}"
    if null == "sign_flip":
        return (
            "Alignment p-values (direction null): signs of the principal coordinates "
            f"of the primary head flipped at random, {draws}."
        )
    within = " within levels of the target" if adjusted else ""
    return (
        f"Alignment p-values (encoding null): the rows of each column permuted{within} "
        f"and its head refitted, {draws}."
    )


def explain_no_test(has_primary: bool, n_permutations: int) -> list[str]:
    """Why alignment p-values, or scores, are missing."""
    reasons = []
    if not has_primary:
        reasons.append(
            "There is no primary head (target or target_head): heads are compared with "
            "each other only, and columns have no alignment score."
        )
    if not n_permutations:
        reasons.append("n_permutations=0: there are no p-values.")
    return reasons


def describe_stopping(stop_after: int) -> str:
    """What a stopping rule changes."""
    return (
        f"stop_after={stop_after}: permutations of a column end once {stop_after} have "
        "reached its statistic (n_permutations_used_), so there is no correction by "
        "max-T; use alignment_qvalue."
    )


@dataclass(frozen=True)
class AlignmentTest:
    """p-values of the alignment scores of every column.

    Parameters
    ----------
    tests : ColumnTests
        Per column.
    pvalues_fwer, qvalues : Series
        Over columns by max-T, NaN under a stopping rule, and by Benjamini-Hochberg.
    """

    tests: ColumnTests
    pvalues_fwer: pd.Series
    qvalues: pd.Series


def infer_alignment(
    tasks: list[Task],
    rows: Rows,
    testing: Testing,
    comparison: Comparison,
    aggregate: Any,
    null: str,
    run: Run,
    n_workers: int,
) -> AlignmentTest:
    """Test whether columns align with the primary head more than under the null."""
    primary = comparison.primary(aggregate)
    tested = [task for task in tasks if not task.refusal]
    observed = comparison.scores(aggregate)
    names, rounds = [task.name for task in tested], testing.rounds
    scores = {name: observed[name] for name in names}
    if null == "sign_flip":
        references = {name: comparison.references[name] for name in names}
        nulls = sign_flip_null(references, rounds, run, primary, scores)
    else:
        nulls = refit_null(tested, rows, rounds, run, n_workers, primary, scores)
    tests = infer_columns(nulls, observed.index, testing, testing.extrapolate)
    pvalues_fwer = pd.Series(np.nan, observed.index)
    if testing.stop_after is None:
        at = [observed.index.get_loc(name) for name in names]
        pvalues_fwer.iloc[at] = max_t_pvalues(
            observed.to_numpy()[at], tests.null.to_numpy()[:, at], testing.tolerance
        )
    qvalues = benjamini_hochberg(tests.pvalues.to_numpy())
    return AlignmentTest(tests, pvalues_fwer, pd.Series(qvalues, observed.index))


def no_alignment_test(tasks: list[Task]) -> AlignmentTest:
    """Stands for a test that was not asked for or has no primary head."""
    index = name_index(task.name for task in tasks)
    missing = pd.Series(np.nan, index)
    empty = pd.DataFrame(np.empty((0, len(index))), columns=index)
    none = pd.Series(0, index)
    tests = ColumnTests(empty, missing, missing.copy(), none)
    return AlignmentTest(tests, missing.copy(), missing.copy())
