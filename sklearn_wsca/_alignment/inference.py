"""Test of the alignment scores of all columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._alignment.comparison import Comparison
from sklearn_wsca._alignment.null import NULLS
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._permutation.column_tests import (
    ColumnTests,
    Testing,
    correct_pvalues,
    infer_columns,
)
from sklearn_wsca._permutation.plan import max_t_pvalues, split_like


@dataclass(frozen=True)
class AlignmentTest:
    """Alignment scores of every column and their p-values.

    Parameters
    ----------
    scores : Series
        Alignment of the columns; NaN without a primary head, and where it is refused.
    tests : ColumnTests
        p-values per column; NaN without permutations.
    testing : Testing
        How p-values came about.
    pvalues_fwer, qvalues : Series
        Over columns by max-T, NaN under a stopping rule, and by Benjamini-Hochberg.
    """

    scores: pd.Series
    tests: ColumnTests
    testing: Testing
    pvalues_fwer: pd.Series
    qvalues: pd.Series


def infer_alignment(
    tasks: Tasks,
    rows: Rows,
    comparison: Comparison,
    null: str,
    testing: Testing,
    runner: JobRunner,
) -> AlignmentTest:
    """Test whether columns align with the primary head more than under the null."""
    scores = comparison.scores()
    tested = [task for task in tasks.metadata if not task.refusal]
    if not comparison.has_primary:
        testing = testing.without_permutations()
    nulls = {}
    if testing.plan.n_permutations:
        draw = NULLS[null].draw
        nulls = draw(tested, rows, testing.rounds, comparison, runner)
    tests = infer_columns(nulls, scores.index, testing, testing.extrapolate)
    none = pd.Series(np.nan, scores.index)
    test = AlignmentTest(scores.mask(tasks.refused), tests, testing, none, none)
    return correct([test])[0]


def correct(several: list[AlignmentTest]) -> list[AlignmentTest]:
    """Correct over all columns of several tests, such as those of several targets.

    Tests share their permutations, which max-T needs all of.
    """
    qvalues = correct_pvalues([test.tests.pvalues for test in several])
    fwer = [pd.Series(np.nan, test.scores.index) for test in several]
    testing = several[0].testing
    if testing.stop_after is None:
        tested = [test.tests.pvalues.notna().to_numpy() for test in several]
        pairs = list(zip(several, tested, strict=True))
        observed = [test.scores.to_numpy()[at] for test, at in pairs]
        null = [test.tests.null.to_numpy()[:, at] for test, at in pairs]
        found = max_t_pvalues(
            np.concatenate(observed), np.hstack(null), testing.tolerance
        )
        parts = split_like(found, observed)
        for own, at, values in zip(fwer, tested, parts, strict=True):
            own[at] = values
    return [
        replace(test, pvalues_fwer=own, qvalues=q)
        for test, own, q in zip(several, fwer, qvalues, strict=True)
    ]


def check_null(tasks: Tasks, null: str, n_permutations: int) -> None:
    """Raise if the null needs heads that cannot be refitted."""
    trained = [task.name for task in tasks.metadata if task.trained]
    if trained and NULLS[null].refits and n_permutations:
        others = " or ".join(
            f"null={name!r}" for name, other in NULLS.items() if not other.refits
        )
        raise ValueError(
            f"heads: those of {trained} are trained and cannot be refitted, so "
            f"null={null!r} does not apply; set {others}, or n_permutations=0 for no "
            "p-values."
        )


def describe_inference(
    null: str, testing: Testing, has_primary: bool, groups: Any, adjusted: bool
) -> list[str]:
    """How the alignment p-values came about, or why there are none."""
    m = testing.plan.n_permutations
    notes = []
    if not has_primary:
        notes.append(
            "There is no primary head (target or target_head): heads are compared with "
            "each other only, and columns have no alignment score."
        )
    if not m:
        notes.append("n_permutations=0: there are no p-values.")
    if notes:
        return notes
    notes.append(
        f"Alignment p-values ({NULLS[null].name}): "
        f"{NULLS[null].describe(groups, adjusted)}, {m} draws, so no p-value is below "
        f"{1.0 / (m + 1):.2g}."
    )
    if testing.stop_after is not None:
        notes.append(
            f"stop_after={testing.stop_after}: permutations of a column end once "
            f"{testing.stop_after} have reached its statistic (n_permutations_used_), "
            "so there is no correction by max-T; use alignment_qvalue."
        )
    return notes
