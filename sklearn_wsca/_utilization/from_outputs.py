"""Utilization for people who only have predictions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.settings import check_test_settings
from sklearn_wsca._permutation.plan import PermutationPlan, explain_floor
from sklearn_wsca._utilization.by_class import CLASS_ENTRIES
from sklearn_wsca._utilization.extremes import describe_extreme
from sklearn_wsca._utilization.inference import (
    UtilizationTests,
    infer_utilization,
)
from sklearn_wsca._utilization.robustness import TO_ZERO
from sklearn_wsca._utilization.samples import read_samples

RESULT_COLUMNS = (
    "utilization",
    "raw",
    "low",
    "high",
    "balanced",
    "balanced_low",
    "balanced_high",
    "pvalue",
    "pvalue_fwer",
    "qvalue",
    "minimum_detectable_effect",
    "probability_shift",
    "probability_shift_low",
    "probability_shift_high",
)


@dataclass(frozen=True)
class UtilizationResult:
    """How far the outputs of a network move with one column.

    Parameters
    ----------
    utilization : float
        Adjusted effect of the column on the outputs, in standard deviations of the
        outputs, without the part that noise adds; 0 = they do not move.
    raw : float
        The same with that part.
    low, high : float
        Interval at level 1 - `significance`.
    balanced, balanced_low, balanced_high : float
        The same with every class of the target counted alike (thirds of a continuous
        one): the root mean square of the utilizations within the classes.
    pvalue, pvalue_fwer, qvalue : float
        Of the permutation test alone, with family-wise correction over the columns of
        the call (max-T), and by Benjamini-Hochberg. NaN without permutations.
    minimum_detectable_effect : float
        Utilization along the contrast that the data show (where they show none: common
        to all classes of the target) that is found in 80 % of samples of this size, at
        the level of a single column after (Bonferroni) correction.
    probability_shift, probability_shift_low, probability_shift_high : float
        Largest adjusted difference of a probability between two levels, over all rows
        or within a class of the target, or for a continuous column its change by one
        standard deviation: in percentage points, with an interval that allows for the
        choice. NaN if outputs are not probabilities.
    robustness_to_zero : float
        Smallest partial R2 that an unmeasured variable must have with the column, and
        with the outputs, to bring the interval to 0; see `robustness_values_` of
        `WeightSpaceCorrelation`.
    null_distribution : ndarray of shape (n_permutations,)
        Raw utilizations of the permutations.
    scheme : str
        What was permuted.
    n_units : int
        How many units could be exchanged.
    by_class : DataFrame
        Utilization within each class of the target, with its interval and one-sided
        upper limit, indexed by target_class.
    effects : DataFrame
        Signed effects, indexed by level, output and target_class: see `effects_` of
        `WeightSpaceCorrelation`.
    """

    utilization: float
    raw: float
    low: float
    high: float
    balanced: float
    balanced_low: float
    balanced_high: float
    pvalue: float
    pvalue_fwer: float
    qvalue: float
    minimum_detectable_effect: float
    probability_shift: float
    probability_shift_low: float
    probability_shift_high: float
    robustness_to_zero: float
    null_distribution: np.ndarray = field(repr=False)
    scheme: str
    n_units: int
    by_class: pd.DataFrame = field(repr=False)
    effects: pd.DataFrame = field(repr=False)


def utilization_test(
    outputs,
    column,
    *,
    target,
    interaction_with=None,
    confounders=None,
    groups=None,
    kinds=None,
    adjustment="spline",
    n_permutations=999,
    significance=0.05,
    random_state=None,
):
    r"""Do the outputs of a network move with a column when the target is held fixed?

    Parameters
    ----------
    outputs : array-like of shape (n_samples, n_classes) or (n_samples,)
        Logits, probabilities or a score, of rows that the network was not trained on.
        Several outputs are centred over classes.
    column : array-like of shape (n_samples,), or DataFrame
        Metadata column, or several; categorical or continuous.
    target : array-like of shape (n_samples,) or None
        What the network should predict: held fixed. None holds nothing fixed, and then
        a column that is associated with the target is found to be used by any network
        that works.
    interaction_with : array-like of shape (n_samples,), default=None
        A second column. Then what is tested is the interaction of `column` with it: the
        part of their joint effect that is beyond what either does alone, both of which
        are held fixed.
    confounders : array-like of shape (n_samples,), DataFrame or None, default=None
        What else is held fixed.
    groups : array-like of shape (n_samples,), default=None
        What is independent of others of its kind, such as the patient. A column that is
        constant within groups is exchanged between them, another one within them.
    kinds : dict of str to {"categorical", "continuous"}, default=None
        Kinds that the looks of a column, target or confounder would not tell, by the
        names of Series and DataFrames, else "column", "target" or "confounders". Other
        numbers are continuous if more than 10 of them, or more than half, are distinct.
        A target with no more values than there are outputs is categorical.
    adjustment : {"spline", "linear"}, default="spline"
        How a continuous target and continuous confounders are held fixed, and whether a
        continuous column may move the outputs along a curve.
    n_permutations : int, default=999
        Number of permutations m; p-values are at least 1 / (m + 1).
    significance : float, default=0.05
        One minus the level of the interval, and level of the detectable effect.
    random_state : int, RandomState or None, default=None
        Seed of the permutations. With an int the result does not depend on the order of
        the rows.

    Returns
    -------
    UtilizationResult, or dict of name to UtilizationResult
        One result for a column, a dict for a DataFrame. Interactions are called
        "scanner x hospital".

    Raises
    ------
    ValueError
        If an argument cannot be used, or a column cannot be tested: it is constant or
        identifier-like, too few units can be exchanged, or nothing is left to compare
        at fixed target. The message names the argument or column.

    See Also
    --------
    WeightSpaceCorrelation : The same with encoding, alignment and verdicts, from
        embeddings.

    Notes
    -----
    The outputs L, centred over classes, are regressed on target, confounders and
    column. With :math:`E_j` the adjusted difference of level j from the mean over J
    levels,

    .. math:: \text{raw}^2 = \frac{1}{J} \sum_j |E_j|^2 \Big/ \text{tr Cov}(L),
              \qquad \text{utilization}^2
              = \max(0, \text{raw}^2 - \max(\overline{\text{raw}_\pi^2}, \sigma^2))

    where the bar is the mean over permutations and :math:`\sigma^2` the robust mean
    square of the noise. A continuous column enters by a cubic curve, and the mean over
    levels is that over the sample; the target and confounders that are continuous are
    held fixed by splines. Effects that differ between classes of the target add to the
    mean square. Levels in fewer than 10 units, or 1 % of them, are left out and have
    their effects in `effects` only.

    The test permutes the column (within levels of a categorical target that is constant
    in each unit, or else residuals of the column, Freedman and Lane [1]_), and its
    statistics are studentised, so outputs that are only noisier under a level do not
    count [3]_: common effects and effects by class, the larger after standardising. The
    interval inverts the distribution of the squared length of the effects, with a
    covariance that is robust to unequal noise and to dependence within groups (CR2
    [2]_), for the column as it is in this sample. Groups of several rows weigh what
    they carry: :math:`n / (1 + (n - 1)\,\text{ICC})`. It is an association at fixed
    target, not proof of causation.

    Of an interaction the :math:`E_j` are those of the J combinations of levels, less
    what sums of effects of single levels explain; a continuous column enters by two
    straight lines that meet at its median. What each column does alone is held fixed in
    every class of the target, and residuals of the interaction are permuted.

    References
    ----------
    .. [1] D. Freedman and D. Lane, "A nonstochastic interpretation of reported
       significance levels", Journal of Business & Economic Statistics 1(4), 1983.
    .. [2] R. M. Bell and D. F. McCaffrey, "Bias reduction in standard errors for
       linear regression with multi-stage samples", Survey Methodology 28(2), 2002.
    .. [3] M. Pauly, E. Brunner and F. Konietschke, "Asymptotic permutation tests in
       general factorial designs", Journal of the Royal Statistical Society B 77(2),
       2015.

    Examples
    --------
    >>> from sklearn_wsca import utilization_test
    >>> from sklearn_wsca.datasets import make_shortcut
    >>> study = make_shortcut(use=0.5, encoding=2.0, association=0.4, random_state=0)
    >>> coef, intercept = study.head
    >>> logits = study.data @ coef.T + intercept
    >>> result = utilization_test(
    ...     logits, study.metadata["scanner"], target=study.target, random_state=0
    ... )
    >>> result.pvalue
    0.001
    >>> bool(result.low < study.true_utilization["scanner"] < result.high)
    True
    """
    check_test_settings(n_permutations, significance)
    given = read_samples(
        {"outputs": outputs},
        column,
        target=target,
        confounders=confounders,
        groups=groups,
        kinds=kinds,
        adjustment=adjustment,
        stacklevel=4,
        interaction_with=interaction_with,
    )
    (decision,), tested, order = given.decisions, given.tested, given.order
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    plan = PermutationPlan(seed, n_permutations, len(order))
    runner = SequentialRunner("permutations")
    tests = infer_utilization(decision, tested, plan, significance, runner)
    results = {name: _result(tests, name) for name in tested}
    extreme = describe_extreme(decision, order)
    notes = [*given.doubts, *([f"outputs: {extreme}."] if extreme else [])]
    for message in notes + explain_floor(n_permutations, len(tested), significance):
        warnings.warn(message, UserWarning, stacklevel=2)
    return results if given.several else next(iter(results.values()))


def _result(tests: UtilizationTests, name: Any) -> UtilizationResult:
    if name not in tests.examined:
        reason = tests.untestable[name]
        raise ValueError(f"column {name!r} cannot be tested: {reason}.")
    row, found = tests.row(name), tests.examined[name]
    to_zero = tests.robustness(0.0)[TO_ZERO].iloc[tests.index.get_loc(name)]
    return UtilizationResult(
        **{key: float(row[key]) for key in RESULT_COLUMNS},
        robustness_to_zero=float(to_zero),
        null_distribution=tests.null_of(name),
        scheme=found.scheme,
        n_units=found.n_units,
        by_class=found.by_class[list(CLASS_ENTRIES[:4])],
        effects=found.effects,
    )
