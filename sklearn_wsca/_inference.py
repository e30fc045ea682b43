"""From nulls to p-values: the two tests of every column, as tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis import Comparison, Rows, Run, encode, name_index
from sklearn_wsca._folds import Folds
from sklearn_wsca._nulls import (
    Null,
    Rounds,
    encoding_null,
    refit_null,
    sign_flip_null,
)
from sklearn_wsca._permutation import (
    PermutationPlan,
    benjamini_hochberg,
    max_t_pvalues,
    permutation_pvalues,
    sequential_pvalue,
)
from sklearn_wsca._tail import extrapolated_pvalue
from sklearn_wsca._tasks import Task


@dataclass(frozen=True)
class Testing:
    """How shuffles are turned into p-values.

    Parameters
    ----------
    plan : PermutationPlan
        The shuffles.
    stop_after : int or None
        Stopping rule per column, see `sequential_pvalue`; None draws all shuffles.
    extrapolate : bool
        Whether p-values below the floor are extrapolated as well.
    tolerance : float
        Relative distance below which a shuffle counts as a tie.
    """

    plan: PermutationPlan
    stop_after: int | None
    extrapolate: bool
    tolerance: float

    @property
    def rounds(self) -> Rounds:
        """In what portions the shuffles are drawn."""
        return Rounds(self.plan, self.stop_after, self.tolerance)


@dataclass(frozen=True)
class ColumnTests:
    """Nulls and p-values of one statistic of every column.

    Parameters
    ----------
    null : DataFrame of shape (n_permutations, n_columns)
        Statistics of the shuffles; NaN where a column was stopped before.
    pvalues, extrapolated : Series
        p-values, and those of a generalised Pareto tail where they were asked for.
    used : Series
        Number of shuffles that each p-value is made of.
    not_converged : dict of name to int
        Columns with fits that missed the tolerance, and how many.
    """

    null: pd.DataFrame
    pvalues: pd.Series
    extrapolated: pd.Series
    used: pd.Series
    not_converged: dict[Any, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EncodingTest:
    """Held-out skill of every column.

    Parameters
    ----------
    scores : Series
        Skill; NaN for heads without labels.
    tests : ColumnTests
        Its p-values; NaN without shuffles.
    metrics : DataFrame
        Further measures of held-out performance.
    selectivity : Series
        Skill of the tested ridge probes less the mean skill of those of the shuffles.
    not_converged : list
        Columns with cross-validated fits that missed the tolerance.
    """

    scores: pd.Series
    tests: ColumnTests
    metrics: pd.DataFrame
    selectivity: pd.Series
    not_converged: list


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


def infer_encoding(
    tasks: list[Task],
    folds: dict[Any, Folds],
    rows: Rows,
    testing: Testing,
    run: Run,
    run_null: Run,
    n_workers: int,
) -> EncodingTest:
    """Test whether probes predict their columns better than those of shuffles."""
    index = name_index(task.name for task in tasks)
    labelled = [task for task in tasks if task.column is not None]
    found = encode(labelled, folds, rows, run)
    nulls = {}
    if testing.plan.n_permutations:
        nulls = encoding_null(
            labelled, folds, rows, testing.rounds, run_null, n_workers
        )
    scores = pd.Series({name: result.score for name, result in found.items()})
    metrics = {name: result.metrics for name, result in found.items()}
    return EncodingTest(
        scores.astype(float).reindex(index),
        infer_columns(nulls, index, testing, extrapolate=False),
        pd.DataFrame.from_dict(metrics, "index").reindex(index),
        _selectivity(nulls, index),
        [name for name, result in found.items() if not result.all_converged],
    )


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


def infer_columns(
    nulls: dict[Any, Null], index: pd.Index, testing: Testing, extrapolate: bool
) -> ColumnTests:
    """p-values of every column from its null; NaN for columns without one.

    Only alignment scores may be extrapolated.
    """
    m = testing.plan.n_permutations
    null = pd.DataFrame(np.full((m, len(index)), np.nan), columns=index)
    pvalues, extrapolated = pd.Series(np.nan, index), pd.Series(np.nan, index)
    used = pd.Series(0, index)
    for position, name in enumerate(index):
        if name not in nulls:
            continue
        found = nulls[name]
        p, n_used = _pvalue(found, testing)
        pvalues.iloc[position], used.iloc[position] = p, n_used
        null.iloc[:n_used, position] = found.statistics[:n_used]
        if extrapolate:
            extrapolated.iloc[position] = extrapolated_pvalue(
                found.observed, found.statistics[:n_used], testing.tolerance
            )
    failed = {name: found.n_failed for name, found in nulls.items() if found.n_failed}
    return ColumnTests(null, pvalues, extrapolated, used, failed)


def _selectivity(nulls: dict[Any, Null], index: pd.Index) -> pd.Series:
    selectivity = pd.Series(np.nan, index)
    for position, name in enumerate(index):
        if name in nulls:
            null = nulls[name]
            selectivity.iloc[position] = null.observed - null.statistics.mean()
    return selectivity


def _pvalue(null: Null, testing: Testing) -> tuple[float, int]:
    statistics, tolerance = null.statistics, testing.tolerance
    if testing.stop_after is not None:
        stop = testing.stop_after
        return sequential_pvalue(null.observed, statistics, stop, tolerance)
    observed = np.array([null.observed])
    (p,) = permutation_pvalues(observed, statistics[:, None], tolerance)
    return float(p), len(statistics)
