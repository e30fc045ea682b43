"""Performance by level for people who only have predictions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._heads.head import log_probability
from sklearn_wsca._heads.performance import match_outputs
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import clusters_of
from sklearn_wsca._input.predictions import read_outputs
from sklearn_wsca._input.settings import check_test_settings
from sklearn_wsca._performance.inference import (
    Decisions,
    PerformanceTests,
    infer_performance,
)
from sklearn_wsca._performance.measures import Judged
from sklearn_wsca._performance.result import PerformanceResult
from sklearn_wsca._permutation.plan import PermutationPlan, explain_floor
from sklearn_wsca._text import list_first
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.samples import read_samples

SHOWN = 5


def performance_test(
    outputs,
    column,
    target,
    *,
    groups=None,
    kinds=None,
    n_permutations=999,
    significance=0.05,
    random_state=None,
):
    r"""Does a network perform differently under the levels of a column?

    A column that is used need not make a difference to performance, and performance may
    differ with a column that is not used: `utilization_test` is about the outputs, this
    is about whether they are right.

    Parameters
    ----------
    outputs : array-like of shape (n_samples, n_classes) or (n_samples,)
        Logits, probabilities or a score, of rows that the network was not trained on.
        The class with the largest output is decided. A single output is about the
        second of two classes: a probability above 0.5, else a logit above 0; or it is
        the predicted number. Columns of a DataFrame with the names of the classes are
        matched by name, others are the classes in sorted order.
    column : array-like of shape (n_samples,), or DataFrame
        Metadata column, or several. A continuous column is cut into thirds.
    target : array-like of shape (n_samples,)
        What the network should predict.
    groups : array-like of shape (n_samples,), default=None
        What is independent of others of its kind, such as the patient.
    kinds : dict of str to {"categorical", "continuous"}, default=None
        Kinds that the looks of a column or target would not tell; see
        `utilization_test`.
    n_permutations : int, default=999
        Number of permutations m; p-values are at least 1 / (m + 1).
    significance : float, default=0.05
        One minus the level of the intervals.
    random_state : int, RandomState or None, default=None
        Seed of the permutations. With an int the result does not depend on the order of
        the rows.

    Returns
    -------
    PerformanceResult, or dict of name to PerformanceResult
        One result for a column, a dict for a DataFrame.

    Raises
    ------
    ValueError
        If an argument cannot be used, or a column has no two levels.

    See Also
    --------
    utilization_test : Do the outputs move with the column at fixed target?

    Notes
    -----
    The target is held fixed in what is compared between levels: sensitivity,
    specificity (of several classes, the share of right decisions in each), their mean
    and the AUROC do not depend on how frequent the classes are under a level. Accuracy
    and calibration do; they are shown, and not tested. Calibration is that of the
    probabilities, or of what a softmax makes of logits (of a single one, the logistic
    function), so of a score in another unit it says nothing. The column is permuted
    among units of the same class of the target. Errors of a predicted number are
    adjusted for the target by a cubic spline before levels are compared.

    The statistic is the largest studentised difference over measures and pairs of
    levels [1]_, so unequal noise and unequal numbers of images per patient do not
    count. Intervals of shares are those of Wilson [2]_ for the effective number of
    rows, given the correlation within groups; that of the AUROC follows Newcombe [3]_.
    Confounders are not held fixed: this is what happens under a level, not why.

    References
    ----------
    .. [1] E. Chung and J. P. Romano, "Exact and asymptotically robust permutation
       tests", Annals of Statistics 41(2), 2013.
    .. [2] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22(158), 1927.
    .. [3] R. G. Newcombe, "Confidence intervals for an effect size measure based on the
       Mann-Whitney statistic", Statistics in Medicine 25(4), 2006.

    Examples
    --------
    >>> from sklearn_wsca import performance_test
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> coef, intercept = heart.head
    >>> result = performance_test(
    ...     (heart.data @ coef.T + intercept).ravel(),
    ...     heart.metadata["hospital"],
    ...     heart.metadata["disease"],
    ...     random_state=0,
    ... )
    >>> list(result.by_level["n_rows"]) == list(
    ...     heart.metadata["hospital"].value_counts().sort_index()
    ... )
    True
    """
    check_test_settings(n_permutations, significance)
    if target is None:
        raise ValueError("target is None: pass what the network should predict.")
    given = read_samples(
        {"outputs": outputs},
        column,
        target=target,
        confounders=None,
        groups=groups,
        kinds=kinds,
        adjustment="linear",
        stacklevel=4,
    )
    (decision,) = given.decisions
    decisions = _judge(decision, _names_of(outputs))
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    plan = PermutationPlan(seed, n_permutations, len(given.order))
    runner = SequentialRunner("permutations")
    tests = infer_performance(decisions, given.tested, plan, significance, runner)
    results = {
        name: _result(tests, column, decision.target, significance)
        for name, column in given.tested.items()
    }
    floor = explain_floor(n_permutations, len(results), significance)
    for message in [*given.doubts, *floor]:
        warnings.warn(message, UserWarning, stacklevel=2)
    return results if given.several else next(iter(results.values()))


def _names_of(outputs: Any) -> list | None:
    """Names of the outputs, where there are any."""
    width = read_outputs(outputs).shape[1]
    names = list(getattr(outputs, "columns", ()))
    return names if width > 1 and len(names) == width else None


def _judge(decision: Decision, names: list | None) -> Decisions:
    """Decisions beside the labels of the target."""
    target = decision.target
    assert target is not None
    outputs = decision.outputs[target.rows]
    bounded, probabilities, classes = decision.probabilities is not None, None, None
    labels = target.labels
    if target.n_levels:
        classes, order = _match_classes(outputs.shape[1], target.levels, names)
        outputs = outputs[:, order]
        if bounded:
            assert decision.probabilities is not None
            probabilities = decision.probabilities[target.rows][:, order]
        else:
            probabilities = np.exp(log_probability(outputs, len(classes)))
        labels = np.array([classes.index(v) for v in target.levels])[labels]
        if outputs.shape[1] == 1:
            margin = outputs[:, 0] - (0.5 if bounded else 0.0)
            outputs = np.stack([-margin, margin], axis=1)
    elif outputs.shape[1] > 1:
        raise ValueError(
            f"outputs has {outputs.shape[1]} columns and target is a number: pass the "
            "predicted number; if its values are classes, say so "
            "(kinds={'target': 'categorical'})."
        )
    judged = Judged.of(
        outputs,
        labels,
        probabilities,
        decision.weights[target.rows],
        clusters_of(decision.groups, target),
        classes,
    )
    groups = None if decision.groups is None else decision.groups.with_loners()
    return Decisions(judged, target, groups, len(decision.weights))


def _match_classes(
    width: int, levels: tuple, names: list | None
) -> tuple[tuple, list[int]]:
    """Classes, those of the target first, and the output of each.

    For a single output both classes.
    """
    matched = match_outputs(width, levels, names)
    if matched is not None:
        return matched
    shown = list_first(levels, SHOWN)
    single = "; if it predicts a number, say so (kinds={'target': 'continuous'})"
    several = (
        "; pass a DataFrame with a column of each name, and of embeddings what the "
        "head makes of them (X @ coef.T + intercept)"
    )
    advice = single if width == 1 else several
    raise ValueError(
        f"outputs has {width} column{'s' * (width > 1)} and target has the "
        f"{len(levels)} classes {shown}: which output is which class is not "
        f"clear{advice}."
    )


def _result(
    tests: PerformanceTests, column: Column, target: Any, significance: float
) -> PerformanceResult:
    name = column.name
    if name not in tests.by_level:
        raise ValueError(f"column {name!r} cannot be used: {tests.left_out[name]}.")
    found = tests.gap_of(name)
    reason = tests.left_out.get(name)
    return PerformanceResult(
        by_level=tests.by_level[name],
        measure=found["measure"],
        of_class=found["of_class"],
        higher=found["higher"],
        lower=found["lower"],
        gap=found["size"],
        gap_low=found["low"],
        gap_high=found["high"],
        unseen=found["unseen"],
        unseen_measure=found["unseen_measure"],
        not_compared=found["not_compared"],
        pvalue=found["pvalue"],
        pvalue_fwer=found["pvalue_fwer"],
        qvalue=found["qvalue"],
        scheme=tests.schemes.get(name, ""),
        null_distribution=tests.null_of(name),
        significance=significance,
        notes=(
            *column.notes,
            *(f"target: {note}" for note in target.notes),
            *(() if reason is None else (reason,)),
        ),
    )
