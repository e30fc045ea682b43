"""The estimator: parameters, and `fit` from top to bottom."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from os import PathLike

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._alignment.comparison import (
    Comparison,
    compare_heads,
    describe_undirected,
)
from sklearn_wsca._alignment.component_sensitivity import (
    check_dimensions,
    measure_component_sensitivity,
)
from sklearn_wsca._alignment.inference import (
    AlignmentTest,
    check_null,
    describe_inference,
    infer_alignment,
)
from sklearn_wsca._alignment.metrics import METRICS, AlignmentSpace
from sklearn_wsca._alignment.null import NULLS
from sklearn_wsca._alignment.reliability import (
    Reliability,
    measure_reliability,
    skip_reliability,
)
from sklearn_wsca._analysis.audit import AuditedRows, audit_rows, conclude_audits
from sklearn_wsca._analysis.confusable import find_confusable
from sklearn_wsca._analysis.consequences import measure_consequences
from sklearn_wsca._analysis.description import describe_rows
from sklearn_wsca._analysis.feature_utilization import measure_feature_utilization
from sklearn_wsca._analysis.fit_record import FitRecord, warn_of_shared_groups
from sklearn_wsca._analysis.head_check import check_decision, doubt, require_fit
from sklearn_wsca._analysis.head_rows import relate_head
from sklearn_wsca._analysis.joined_fits import (
    correct,
    describe_correction,
    join_audits,
    join_fits,
)
from sklearn_wsca._analysis.notes import describe_subspace, list_failures
from sklearn_wsca._analysis.outputs import describe_outputs
from sklearn_wsca._analysis.prepare import check_something_left, find_subspace
from sklearn_wsca._analysis.settings import (
    HEAD_OUTPUTS,
    SETTINGS,
    describe_head,
    describe_settings,
)
from sklearn_wsca._analysis.summary import summarise_fit
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._backend.progress import step
from sklearn_wsca._compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
)
from sklearn_wsca._encoding.cross_fitting import CrossFit, cross_fit
from sklearn_wsca._encoding.folds import fewest_rows
from sklearn_wsca._encoding.inference import (
    EncodingTest,
    infer_encoding,
    skip_encoding,
)
from sklearn_wsca._erasure.table import erase_columns
from sklearn_wsca._heads.fit import Rows, fit_heads
from sklearn_wsca._heads.head import all_outputs, outputs_by_head
from sklearn_wsca._heads.probe import tie_tolerance
from sklearn_wsca._heads.reader import TaskReader
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.argument_order import check_argument_order
from sklearn_wsca._input.binning import BINNINGS
from sklearn_wsca._input.checked_input import Input, check_embeddings, check_input
from sklearn_wsca._input.crossed_columns import check_pairs, list_pairs
from sklearn_wsca._input.doubtful_values import warn_of_doubts
from sklearn_wsca._input.feature_checks import check_features
from sklearn_wsca._input.kinds import check_kinds, warn_of_codes
from sklearn_wsca._input.persons import warn_of_persons
from sklearn_wsca._input.roles import RoleNames, add_pairs
from sklearn_wsca._input.separate_target import explain_single_column, name_target
from sklearn_wsca._input.several_targets import (
    entry_of,
    join_tables,
    list_targets,
    split_target,
)
from sklearn_wsca._input.table import refuse_text, require_columns
from sklearn_wsca._linear.subspace import Subspace
from sklearn_wsca._permutation.column_tests import Testing
from sklearn_wsca._permutation.plan import PermutationPlan, explain_floor
from sklearn_wsca._report.formats import ReportMixin
from sklearn_wsca._text import short_arrays
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.extremes import describe_extreme
from sklearn_wsca._utilization.from_head import make_decision
from sklearn_wsca._utilization.inference import UtilizationTests, infer_utilization
from sklearn_wsca._verdicts.rule import Rule

NO_DIAGNOSTICS = (
    "diagnostics=False: encoding, reliability and erasure were not measured; verdicts "
    "go by utilization alone."
)


class WeightSpaceCorrelation(
    ReportMixin, CallbackSupportMixin, TransformerMixin, BaseEstimator
):
    r"""Does a network's decision use the metadata that its embeddings encode?

    Three different things are reported per metadata column: *encoding*, how well a
    linear probe predicts it; *alignment*, how far that probe reads the same directions
    of the embedding as the primary head (Weight Space Correlation [1]_); and
    *utilization*, how far the outputs of the primary head move with the column when the
    target is held fixed. Each has a permutation p-value, and together they give a
    verdict.

    Which parameter answers which question, with the options of the command:
    :doc:`what to choose </guide/choosing>`. Which number to read first, its formula and
    what can go wrong: :doc:`what each number means </guide/numbers>`.

    Parameters
    ----------
    target : str or list of str, default=None
        Column of the primary task. Of a list, one task after the other is analysed,
        corrected over the columns of all; none of them is among the columns of another
        unless `columns` names it. None: there is none, unless `fit` is given the target
        apart from the `metadata`.
    target_head : array, pair (W, b), linear model, torch.nn.Linear, Head, default=None
        The *trained* primary head: weights of shape (C, n_features) or (n_features,) on
        the embeddings as they are passed to `fit`. A module is run, so that its weights
        are what it computes; a fitted Pipeline of affine steps and a linear model is
        :doc:`one head </guide/pipelines>`. None fits a head for `target`, and
        cross-fits its outputs. Several targets share a head, or have one each: a dict.
    target_output : int, str or dict, default=None
        Output of `target_head` that stands for the target, by number or class, where
        the head decides several things: it alone is judged. Of several targets a dict
        of target to output; None takes the output with the name of the target.
    adjustment : {"spline", "linear"}, default="spline"
        Whether what is continuous is held fixed, and may move the outputs, along a
        curve (cubic, knots at quantiles) or a straight line.
    held_out : bool, default=False
        Declares that the trained `target_head` has not seen the rows of `fit`. Without
        it no column is "not used" where features are more than half of the groups (or
        rows): a head can :doc:`hide its use </guide/held_out>` there.
    check_head : bool, default=True
        Stop where the trained `target_head` :doc:`cannot belong </guide/belonging>` to
        target and rows. False goes on all the same.
    columns : list of str or tuple of str, default=None
        Columns to analyse; None takes all but the target and the groups. A tuple of
        names stands for the combined levels of these columns.
    interactions : list of tuple of str, default=None
        Pairs of columns, such as ``[("scanner", "hospital")]``: what the two do to the
        outputs :doc:`beyond </guide/interactions>` what each does alone, as a row
        "scanner x hospital". They need not be among `columns`.
    heads : {"auto", "logistic", "ridge"} or dict, default="auto"
        How metadata heads are fitted: "logistic" (categorical columns), "ridge"
        (continuous ones, or one indicator per level) or "auto": ridge for numeric
        columns of which more than 10 values, or more than half, are distinct. A dict
        maps columns to one of these, to an unfitted scikit-learn estimator with
        `coef_`, or to a trained head, which may have a name that is no column.
    kinds : dict of str to {"categorical", "continuous"}, default=None
        Kinds of target, confounders and columns that their looks would not tell.
    n_bins : int, default=None
        Bins continuous columns into that many classes, as in [1]_.
    binning : {"quantile", "uniform"}, default="quantile"
        Where `n_bins` cuts: into classes of equal numbers of rows, or of equal width,
        as in [1]_. Classes of fewer than 3 rows are not used, with a note.
    C : float, default=1.0
        Inverse penalty of logistic heads, on embeddings divided by `scale_`.
    alpha : float, default=1.0
        Penalty of ridge heads, on embeddings divided by `scale_`.
    n_components : float, int or None, default=0.99
        Share of the variance that the principal subspace explains, or its dimension k.
        None compares heads without projection.
    min_components : int, default=50
        Floor on k when `n_components` is a share.
    metric : {"weight", "score", "pattern"}, default="weight"
        "weight": cosine of projected weights, as published. "score": correlation of
        the outputs, which no change of basis changes. "pattern": cosine of the primary
        weights and the pattern [2]_ by which embeddings move with the other head.
    aggregate : {"rms", "max", "mean"}, default="rms"
        Column score from the matrix of all pairs of rows: root mean square, largest or
        mean absolute value.
    adjust_for_target : bool, default=False
        Compare heads that are fitted under weights which make column and target
        independent, and permute within levels of the target. NaN, with a note, where a
        combination of levels is empty. Encoding is not adjusted; utilization always is.
    confounders : list of str, default=None
        Columns that utilization holds fixed besides the target, and that alignment is
        balanced against (continuous ones in 5 quantile classes).
    groups : str, default=None
        Column that names what is independent of others of its kind, such as the
        patient: it is permuted as a whole, and no fold splits it. None takes rows for
        independent.
    n_permutations : int, default=999
        Number of permutations m; p-values cannot fall below 1 / (m + 1). 0 gives none.
    null : {"permutation", "sign_flip"}, default="permutation"
        Null of the alignment. "permutation" (permutation null) permutes the column and
        refits its head; "sign_flip" (direction null) flips the signs of the heads'
        principal coordinates. :doc:`Which says what </guide/permutations>`.
    cv : int, splitter, iterable of (train, test) or None, default=5
        Folds of the encoding score, and their number for the outputs of a head that is
        fitted for `target` (5 where `cv` is no number); None takes 5. A splitter sees
        the rows in the order of X, with the codes of the column's levels (-1 where it
        is not used) or its numbers (NaN) as labels; indices of an iterable count the
        rows of X.
    min_effect : float, default=0.1
        Utilization that matters, in standard deviations of the outputs: the margin of
        the verdicts.
    significance : float, default=0.05
        Level of the verdicts and, subtracted from 1, of the intervals.
    stop_after : int, default=None
        Stop the permutations of a column once so many (10 is usual) have reached its
        statistic [3]_: much faster, but without `pvalues_fwer_` (NaN). None draws
        `n_permutations`.
    extrapolate : bool, default=False
        Also give `pvalues_extrapolated_`, from a generalised Pareto tail [4]_.
    diagnostics : bool, default=True
        False leaves out encoding, reliability and erasure, for grids and pipelines:
        they are NaN (`erasure_` is None), and no verdict is "not encoded".
    memory : str, path or joblib.Memory, default=None
        Where principal directions and coordinates are kept for fits to the same rows,
        as in a Pipeline. A folder must be as safe as code: joblib reads pickles.
    random_state : int, RandomState or None, default=None
        Seed of permutations and folds. With an int, results do not depend on the order
        of rows or columns, on `n_jobs` or on the unit of the embeddings; only the
        encoding follows the order of rows where `cv` is a splitter.
    n_jobs : int, default=None
        Number of joblib workers: threads, unless `joblib.parallel_config` names another
        :doc:`back end </guide/large>`. Results are the same for all. For torch tensors
        jobs run one after another.

    Attributes
    ----------
    verdicts_ : Series
        "used", "not used", "not encoded", "inconclusive" or "untestable".
    summary_ : DataFrame
        One row per column of the table, left out or not, with verdict and note.
    utilization_, utilization_raw_, utilization_balanced_ : Series
        :doc:`How far the outputs move </guide/numbers/moved>` with the column at fixed
        target and confounders; with noise; with every class counted alike.
    utilization_by_class_, utilization_ci_, effects_, confusable_ : DataFrame
        The same by class; intervals; signed effects by level, output and class; pairs
        of columns that may stand for each other.
    utilization_pvalues_, utilization_pvalues_fwer_, utilization_qvalues_ : Series
        :doc:`How sure that is </guide/numbers/certain>`: p-values of single columns;
        corrected over columns by max-T; by Benjamini-Hochberg.
    utilization_null_distribution_, robustness_values_ : DataFrame
        Raw utilizations of the permutations; how strong an unmeasured variable must be
        to overturn a use [5]_.
    minimum_detectable_effect_ : Series
        Utilization that is found in 80 % of samples of this size.
    erasure_ : DataFrame or None
        What erasing the column does to the outputs. None without a target.
    head_performance_ : dict or None
        :doc:`How well the head predicts </guide/numbers/unequal>` the target on these
        rows. None where its outputs are no predictions of a target.
    performance_by_level_, performance_gaps_ : DataFrame
        Performance by level, and the gap that stands out most.
    encoding_scores_, encoding_skills_, encoding_selectivity_ : Series
        :doc:`Is the column in the embedding? </guide/numbers/encoded>` Skill of the
        probes; of the tuned probes that are tested; less what permuted labels give.
    encoding_pvalues_, encoding_qvalues_, encoding_power_ : Series
        Permutation p-values; by Benjamini-Hochberg; share of planted columns found.
    encoding_metrics_ : DataFrame
        Held-out accuracy and further measures of the probes.
    alignment_scores_, alignment_ceilings_, alignment_corrected_ : Series
        :doc:`Do the heads align? </guide/numbers/aligned>` Column scores; what noise in
        the directions leaves of a perfect one; the first divided by the second.
    alignment_, correlation_ : DataFrame
        Alignment of the primary head's rows, or of all rows, with all rows.
    pvalues_, pvalues_fwer_, qvalues_, pvalues_extrapolated_ : Series
        Permutation p-values of the scores; corrected over columns by max-T; by
        Benjamini-Hochberg; from a fitted tail.
    null_distribution_, n_permutations_used_ : DataFrame
        Scores of the permutations, and how many were drawn.
    reliability_ : Series
        Split-half reliability of every direction of the fitted heads.
    target_head_ : Head or None
        Primary head, in the unit of the embeddings.
    heads_ : dict of str to Head
        Metadata heads, in the unit of the embeddings.
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the embeddings.
    components_ : ndarray of shape (k, n_features)
        Principal directions, by falling variance.
    explained_variance_, explained_variance_ratio_ : ndarray of shape (k,)
        Variance along them (weighted sum of squares divided by the total weight), and
        as a share of the total variance.
    n_components_ : int
        k.
    scale_ : float
        Square root of the mean of `explained_variance_`.
    description_ : dict
        What the analysis was made of: rows, groups, levels, what was permuted.
    notes_ : list of str
        What a reader must know about the analysis as a whole.
    targets_ : dict of str to WeightSpaceCorrelation
        Only where `target` is a list: the fitted analysis of each. Tables then have a
        first level "target" in their index (null distributions in their columns), and
        what is no table but depends on the target is a dict.
    dropped_columns_ : dict of str to str
        Columns that were left out, with the reason. Row numbers, patients and copies of
        the target are, unless `columns`, `kinds` or `heads` name them.
    n_features_in_ : int
        Number of features of the embeddings.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the embeddings have string column names.

    See Also
    --------
    weight_space_correlation : Cosines of two heads, from their weights alone.
    utilization_test : Utilization from predictions alone.
    performance_test : Performance by level from predictions alone.
    MetadataEraser : Removes from embeddings what a linear probe could read.

    Notes
    -----
    With Z the embeddings, P their top k principal directions and W the rows of a head,
    the published alignment of row i of head A and row j of head m is

    .. math::
        \cos_{ij} = \frac{w_{A,i} P^T \cdot w_{m,j} P^T}
                         {|w_{A,i} P^T| \, |w_{m,j} P^T|} .

    An alignment does not say that the decision *uses* the column: where the column and
    the target are associated in the data, the two heads align in a network that cannot
    see the column. Utilization is an association at fixed target, not proof of
    causation.

    Verdicts: *used*, the outputs move by `min_effect` or more, beyond chance; *not
    used*, they are shown to move by less, and the column is encoded; *not encoded*, no
    probe reads it, though one would; *untestable*, with a reason; else *inconclusive*.
    :doc:`The rules, one after the other </guide/which_number>`. `audit` judges held-out
    rows.

    References
    ----------
    .. [1] C. K. Wong et al., "Weight Space Correlation Analysis: Quantifying Feature
       Utilization in Deep Learning Models", MIDL 2026, PMLR 315:2711-2737,
       arXiv:2512.13144.
    .. [2] S. Haufe et al., "On the interpretation of weight vectors of linear models
       in multivariate neuroimaging", NeuroImage 87, 2014.
    .. [3] J. Besag and P. Clifford, "Sequential Monte Carlo p-values", Biometrika
       78(2), 1991.
    .. [4] T. A. Knijnenburg et al., "Fewer permutations, more accurate P-values",
       Bioinformatics 25(12), 2009.
    .. [5] C. Cinelli and C. Hazlett, "Making sense of sensitivity: extending omitted
       variable bias", Journal of the Royal Statistical Society B 82(1), 2020.

    Examples
    --------
    >>> from sklearn_wsca import WeightSpaceCorrelation
    >>> from sklearn_wsca.datasets import load_heart_hospitals
    >>> heart = load_heart_hospitals()
    >>> analysis = WeightSpaceCorrelation(
    ...     "disease", target_head=heart.head, n_permutations=99, random_state=0
    ... ).fit(heart.data, heart.metadata)
    >>> int(analysis.summary_.loc["hospital", "n_levels"])
    4
    >>> bool(analysis.encoding_pvalues_["hospital"] <= 0.05)
    True
    >>> analysis.verdicts_["age"]
    'used'
    """

    _parameter_constraints: dict = {
        "target": [str, Integral, tuple, list, None],
        "target_head": "no_validation",
        "target_output": [str, Integral, dict, None],
        "adjustment": [StrOptions({"spline", "linear"})],
        "held_out": ["boolean"],
        "check_head": ["boolean"],
        "columns": ["array-like", str, None],
        "interactions": ["array-like", None],
        "heads": [StrOptions({"auto", "logistic", "ridge"}), dict],
        "kinds": [dict, None],
        "n_bins": [Interval(Integral, 2, None, closed="left"), None],
        "binning": [StrOptions(set(BINNINGS))],
        "C": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            None,
        ],
        "min_components": [Interval(Integral, 0, None, closed="left")],
        "metric": [StrOptions(set(METRICS))],
        "aggregate": [StrOptions({"rms", "max", "mean"})],
        "adjust_for_target": ["boolean"],
        "confounders": ["array-like", str, None],
        "groups": [str, Integral, tuple, None],
        "n_permutations": [Interval(Integral, 0, None, closed="left")],
        "null": [StrOptions(set(NULLS))],
        "cv": ["cv_object"],
        "min_effect": [Interval(Real, 0, None, closed="left")],
        "significance": [Interval(Real, 0, 1, closed="neither")],
        "stop_after": [Interval(Integral, 1, None, closed="left"), None],
        "extrapolate": ["boolean"],
        "diagnostics": ["boolean"],
        "memory": [str, PathLike, HasMethods(["cache"]), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    # Those of the same call that are analysed by estimators of their own.
    _other_targets: Sequence | None = None

    def __init__(
        self,
        target=None,
        *,
        target_head=None,
        target_output=None,
        adjustment="spline",
        held_out=False,
        check_head=True,
        columns=None,
        interactions=None,
        heads="auto",
        kinds=None,
        n_bins=None,
        binning="quantile",
        C=1.0,
        alpha=1.0,
        n_components=0.99,
        min_components=50,
        metric="weight",
        aggregate="rms",
        adjust_for_target=False,
        confounders=None,
        groups=None,
        n_permutations=999,
        null="permutation",
        cv=5,
        min_effect=0.1,
        significance=0.05,
        stop_after=None,
        extrapolate=False,
        diagnostics=True,
        memory=None,
        random_state=None,
        n_jobs=None,
    ):
        self.target = target
        self.target_head = target_head
        self.target_output = target_output
        self.adjustment = adjustment
        self.held_out = held_out
        self.check_head = check_head
        self.columns = columns
        self.interactions = interactions
        self.heads = heads
        self.kinds = kinds
        self.n_bins = n_bins
        self.binning = binning
        self.C = C
        self.alpha = alpha
        self.n_components = n_components
        self.min_components = min_components
        self.metric = metric
        self.aggregate = aggregate
        self.adjust_for_target = adjust_for_target
        self.confounders = confounders
        self.groups = groups
        self.n_permutations = n_permutations
        self.null = null
        self.cv = cv
        self.min_effect = min_effect
        self.significance = significance
        self.stop_after = stop_after
        self.extrapolate = extrapolate
        self.diagnostics = diagnostics
        self.memory = memory
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, metadata=None):
        """Fit and compare the heads.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings: what enters the network's last linear layer. Memory maps and
            other arrays that can be sliced by rows (zarr, h5py, dask) are read in
            blocks and never held as a whole; torch tensors are analysed on their
            device. Fitted attributes are numpy in any case.
        y : DataFrame, Series or array-like of shape (n_samples[, n_columns])
            Metadata, pandas or polars; row i describes row i of X. Columns of arrays
            are called x0, x1, ... With `metadata`, the target alone, as classifiers in
            the same Pipeline take it (of several targets, a column each).
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights; a row of weight 0 counts as absent.
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone. The target then has the
            name that `target` gives, or else that of y, or "target"; a column of
            that name must hold the values of y. A Pipeline and `cross_validate` pass
            it on by scikit-learn's metadata routing.

        Returns
        -------
        self : WeightSpaceCorrelation
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input cannot be analysed; the message names the argument or column.

        Warns
        -----
        UserWarning
            If rows share a patient that `groups` does not name, features are columns
            of y or have their names, or X looks like outputs of the network.
        """
        parts = self._by_target(y, metadata)
        context = self._init_callback_context(max_subtasks=self._count_steps(parts))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        start = partial(JobRunner, self, context, self.n_jobs)
        measured = []
        for part, own in parts.values():
            measured.append(part._measure(X, own, sample_weight, metadata, start))
        tests = correct([own for own, _ in measured], self.significance)
        for own, (_, conclude) in zip(tests, measured, strict=True):
            conclude(own)
        if isinstance(self.target, list):
            self._keep_targets({name: part for name, (part, _) in parts.items()})
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _measure(self, X, y, sample_weight, metadata, start):
        """Heads and tests of one target, and what makes verdicts of them.

        `start` gives a runner of jobs on the coordinates of the rows.
        """
        given = self._check_rows(X, y, sample_weight, metadata=metadata)
        tasks = self._read_tasks(given)
        check_something_left(tasks, "y" if metadata is None else "metadata")
        check_null(tasks, self.null, self.n_permutations)
        self._check_belonging(given, tasks)
        self.notes_ = tasks.describe_target()
        given, rows = find_subspace(
            given,
            tasks,
            self.n_components,
            self.min_components,
            self.memory,
            self.n_jobs,
        )
        self._keep_subspace(rows.subspace)
        tasks.assign_units(given.roles.groups)
        tasks.balance(given.roles, given.weights, self.adjust_for_target)
        testing = self._testing(len(given.weights))
        # A trained head comes first: if it is the wrong one, nothing need be fitted.
        decision = self._decide(tasks, given, None, testing)

        runner = start(rows.T)
        failed = fit_heads(tasks.all, rows, runner)
        with step("comparison", n_passes=1):
            comparison = compare_heads(
                tasks, given, self._space(rows.subspace), self.aggregate
            )
        self._keep_heads(tasks, comparison)

        encoding = self._test_encoding(tasks, rows, given, testing, runner)
        alignment = infer_alignment(tasks, rows, comparison, self.null, testing, runner)
        self.notes_ += describe_inference(
            self.null,
            testing,
            comparison.has_primary,
            self.groups,
            self.adjust_for_target,
        )

        seed = testing.plan.seed
        reliability, erasure = skip_reliability(comparison), None
        if self.diagnostics:
            reliability = measure_reliability(tasks, rows, comparison, seed, runner)
        crossed = self._cross_fit(tasks, rows, seed, runner)
        if crossed is not None:
            decision = self._decide(tasks, given, crossed, testing)
        if self.diagnostics:
            erasure = erase_columns(tasks, rows, decision, seed, runner)
        self._keep_checks(alignment, reliability, erasure)

        utilization = infer_utilization(
            decision, tasks.examined, testing.plan, self.significance, runner
        )
        performance = measure_consequences(
            decision if self.diagnostics else None,
            tasks.target_head,
            tasks.columns,
            testing.plan,
            self.significance,
            runner,
        )
        self.confusable_ = find_confusable(decision, tasks.columns, self.significance)
        extreme = describe_extreme(decision, given.positions)
        self._warn(list_failures(failed, encoding, alignment, crossed), extreme)
        seen = relate_head(tasks, given.X.n_features, crossed, self.held_out)
        rule = self._rule(extreme or seen.withheld, bool(extreme))
        rule = replace(rule, by_utilization=not self.diagnostics)
        outputs = describe_outputs(decision, tasks.examined, utilization)
        conclude = partial(self._conclude, given, tasks, rule, seen.relation, outputs)
        return (encoding, alignment, utilization, performance), conclude

    def _test_encoding(self, tasks, rows, given, testing, runner):
        """Test of the encoding, or what stands for it."""
        if self.diagnostics:
            return infer_encoding(
                tasks, rows, given, self.cv, testing, self.significance, runner
            )
        self.notes_.append(NO_DIAGNOSTICS)
        return skip_encoding(tasks, testing)

    def _conclude(self, given, tasks, rule, relation, outputs, tests):
        """Verdicts, from tests that are corrected over all columns and targets."""
        encoding, alignment, utilization, performance = tests
        self._keep_tests(encoding, alignment)
        self._keep_utilization(utilization)
        self.performance_by_level_ = performance.table()
        self.performance_gaps_ = performance.gap_table()
        self.summary_ = summarise_fit(
            tasks,
            given,
            encoding,
            alignment,
            utilization,
            rule,
            self.confusable_,
            performance,
        )
        self.verdicts_ = self.summary_["verdict"]
        self.description_ = describe_rows(
            given,
            tasks.examined,
            tasks.target,
            utilization,
            rule,
            relation,
            self.confusable_,
            self.head_performance_,
            performance,
            outputs,
        )
        self._record = FitRecord.of(tasks, given, self.mean_, self.summary_)

    def transform(self, X):
        """Outputs of all heads.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_head_rows)
            ``X @ coef.T + intercept`` of the primary head, then of the metadata heads.
        """
        check_is_fitted(self)
        X = check_embeddings(self, X, reset=False)
        return all_outputs(X, self._all_heads().values())

    def score(self, X, y, sample_weight=None, metadata=None):
        """Mean skill of the metadata heads on new rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, best of rows that were not in `fit`.
        y : DataFrame, Series or array-like
            Metadata with the columns of `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone, as in `fit`.

        Returns
        -------
        float
            Mean over columns of ``1 - loss / loss of a constant``, the constant being
            the best one on the rows of `fit`: D2 of the log-loss for logistic heads, R2
            for ridge heads. 0 is chance, 1 is perfect, higher is better. Trained heads
            count where their classes are the levels of the column.
        """
        check_is_fitted(self)
        if isinstance(self.target, list):
            parts = self._fitted_by_target(y, metadata).values()
            return float(
                np.mean([p.score(X, own, sample_weight, metadata) for p, own in parts])
            )
        scored = self._record.scored
        given = self._check_rows(X, y, sample_weight, list(scored), metadata)
        outputs = outputs_by_head(given.X, [column.head for column in scored.values()])
        skills = []
        for (name, column), own in zip(scored.items(), outputs, strict=True):
            skill = column.skill(own, given.table[name], given.weights)
            if skill is not None:
                skills.append(skill)
        if not skills:
            raise ValueError(
                "score: no metadata head can be scored on these rows; trained heads "
                "need the levels of their columns as classes, and y must hold levels "
                "that were seen in fit."
            )
        return float(np.mean(skills))

    def audit(self, X, y, sample_weight=None, metadata=None):
        """Recommended use: the table of `summary_` from rows that were not in `fit`.

        The fitted heads are applied as they are. Encoding is the skill of the metadata
        heads on these rows, utilization that of the primary head; both have p-values
        from these rows. Alignment is a property of the heads, so its entries are those
        of `summary_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.
        y : DataFrame, Series or array-like
            Metadata with the columns of `fit`: target, confounders and groups too.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone, as in `fit`.

        Returns
        -------
        DataFrame
            One row per column, with the columns of `summary_`. For these rows,
            ``attrs["description"]`` is what `description_` is,
            ``attrs["head_performance"]`` what `head_performance_` is, and
            ``pd.DataFrame(attrs["effects"])`` and ``pd.DataFrame(attrs["by_class"])``
            are `effects_` and `utilization_by_class_`, with their index as columns;
            performance_by_level, performance_gaps, robustness_values and confusable are
            given in the same way. ``attrs["settings"]`` has the parameters, and
            ``attrs["head_outputs"]`` classes and n_outputs of the primary head.

        Raises
        ------
        ValueError
            If the input cannot be analysed; the message names the argument or column.

        Warns
        -----
        UserWarning
            If groups of these rows were in `fit`, with their number, or a single row
            holds most of the variance of the outputs.
        """
        check_is_fitted(self)
        audited, told = {}, {}
        for target, (part, own) in self._fitted_by_target(y, metadata).items():
            with step("held-out rows"):
                audited[target] = part._audit(X, own, sample_weight, metadata)
            told[target] = {
                SETTINGS: describe_settings(part),
                HEAD_OUTPUTS: describe_head(part),
            }
        tables = conclude_audits(audited, self.significance, self.n_permutations)
        for target, table in tables.items():
            table.attrs.update(told[target])
        if isinstance(self.target, list):
            return join_audits(tables)
        (table,) = tables.values()
        return table

    def _audit(self, X, y, sample_weight, metadata) -> AuditedRows:
        names = self._role_names(self._record.kinds)
        needed = self._record.needed(names)
        given = self._check_rows(X, y, sample_weight, needed, metadata)
        warn_of_shared_groups(self._record, given.table, self.groups)
        found = audit_rows(
            self._record,
            given.with_roles(names),
            self.target_head_,
            self.heads_,
            self._testing(len(given.weights)).plan,
            self._rule(),
            self.adjustment,
            self.check_head and self.target_head is not None,
        )
        if found.rule.withheld:
            warnings.warn(f"outputs: {found.rule.withheld}.", UserWarning, stacklevel=3)
        return found

    def component_sensitivity(
        self, X, y, n_components=None, sample_weight=None, metadata=None, pairs=False
    ):
        """Alignment scores for several dimensions k of the principal subspace.

        Scores are unstable for small k and diluted for large k; this shows whether a
        finding hangs on the choice. Every score is what `fit` with that `n_components`
        gives, but the principal directions are found once, and nothing is tested. The
        estimator need not be fitted and is not changed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.
        y : DataFrame, Series or array-like
            Metadata, as in `fit`.
        n_components : list of int, default=None
            Dimensions k; None takes those of the paper: 5, 10, 20, 50, 100, 200, 500,
            1000 and all. Those above the rank of the embeddings are left out. The
            estimator's own k, the k that explains 99 % of the variance and no
            projection are always among them.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone, as in `fit`.
        pairs : bool, default=False
            Signed alignment of single pairs of rows, as the paper draws it, in place of
            the scores of columns.

        Returns
        -------
        DataFrame of shape (n_dimensions, n_columns or n_pairs)
            `alignment_scores_` per dimension; or entries of `alignment_`, with the
            levels column, level and output of its columns. The levels of the index are
            k, the share of the variance that k directions explain (explained_variance),
            whether heads are projected on them (projected; False in the last row, which
            compares heads without projection), and whether this is the estimator's own
            choice (chosen).

        Raises
        ------
        ValueError
            If there is no primary head, or the input cannot be analysed.

        Examples
        --------
        >>> from sklearn_wsca import WeightSpaceCorrelation
        >>> from sklearn_wsca.datasets import load_heart_hospitals
        >>> heart = load_heart_hospitals()
        >>> analysis = WeightSpaceCorrelation("disease", target_head=heart.head)
        >>> found = analysis.component_sensitivity(heart.data, heart.metadata, [5, 20])
        >>> found.index.get_level_values("k").tolist()
        [5, 20, 24, 50, 62]
        """
        self._validate_params()
        check_dimensions(n_components)
        if isinstance(self.target, list):
            parts = self._by_target(y, metadata)
            tables = {
                target: part.component_sensitivity(
                    X, own, n_components, sample_weight, metadata, pairs
                )
                for target, (part, own) in parts.items()
            }
            return join_tables(tables, axis=1)
        # Not a clone: the name of the target, which y may give, is not a parameter.
        scratch = copy(self)
        scratch._target = name_target(self.target, y, metadata)
        if scratch._target is None and self.target_head is None:
            raise ValueError(
                "component_sensitivity: columns have no alignment score without a "
                "primary head; set target or target_head."
            )
        given = scratch._check_rows(X, y, sample_weight, metadata=metadata)
        tasks = scratch._read_tasks(given)
        check_something_left(tasks, "y" if metadata is None else "metadata")
        given, rows = find_subspace(
            given, tasks, None, self.min_components, self.memory, self.n_jobs
        )
        tasks.assign_units(given.roles.groups)
        tasks.balance(given.roles, given.weights, self.adjust_for_target)
        with step("component sensitivity"):
            return measure_component_sensitivity(
                given,
                tasks,
                rows,
                dimensions=n_components,
                n_components=self.n_components,
                min_components=self.min_components,
                metric=self.metric,
                aggregate=self.aggregate,
                pairs=pairs,
            )

    def utilization_by_feature(self, X, y, column, metadata=None):
        r"""Which features of the embedding make up the utilization of a column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, of `fit` or others.
        y : DataFrame
            Metadata with the columns of `fit`.
        column : str
            An analysed column.
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone, as in `fit`.

        Returns
        -------
        DataFrame of shape (n_features, 2)
            Indexed by feature. share: share in the squared raw utilization; shares add
            up to 1, and a negative one works against the others. displacement: length
            of the effects of the column on the feature, in its unit, which is the same
            whether the head reads the feature or not.

        Raises
        ------
        ValueError
            If there is no target, or the column cannot be tested on these rows.

        Notes
        -----
        With :math:`D_j` the effects of the column on the features at fixed target (of
        its levels and, weighted by information, of its levels in each class) and W the
        primary head, centred over classes, the effects on the outputs are
        :math:`E_j = W D_j`. The share of feature c is

        .. math::
            \frac{\sum_{ij} E_{ji} W_{ic} D_{jc}}{\sum_{ij} E_{ji}^2} .

        Examples
        --------
        >>> from sklearn_wsca import WeightSpaceCorrelation
        >>> from sklearn_wsca.datasets import load_heart_hospitals
        >>> heart = load_heart_hospitals()
        >>> analysis = WeightSpaceCorrelation(
        ...     "disease", target_head=heart.head, n_permutations=0
        ... ).fit(heart.data, heart.metadata)
        >>> found = analysis.utilization_by_feature(heart.data, heart.metadata, "age")
        >>> print(f"{found['share'].sum():.3f}")
        1.000
        """
        check_is_fitted(self)
        if isinstance(self.target, list):
            parts = self._fitted_by_target(y, metadata)
            return join_tables(
                {
                    target: part.utilization_by_feature(X, own, column, metadata)
                    for target, (part, own) in parts.items()
                }
            )
        names = self._role_names(self._record.kinds)
        needed = self._record.needed(names)
        given = self._check_rows(X, y, None, needed, metadata)
        found = measure_feature_utilization(
            self._record,
            given.with_roles(names),
            self.target_head_,
            column,
            self.adjustment,
        )
        fitted = "fitted to all rows of fit, which are not held out from it"
        found.attrs["head"] = fitted if self.target_head is None else "trained"
        if hasattr(self, "feature_names_in_"):
            found.index = pd.Index(self.feature_names_in_, name="feature")
        return found

    def get_feature_names_out(self, input_features=None):
        """Names of the head outputs.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked against the names seen in `fit`.

        Returns
        -------
        ndarray of str
            ``column=class``, or ``column`` for a regression.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        names = [
            f"{task}={row}"
            if head.classes is not None or head.n_rows > 1
            else f"{task}"
            for task, head in self._all_heads().items()
            for row in head.row_names
        ]
        return np.asarray(names, dtype=object)

    def __sklearn_clone__(self):
        """Copy the parameters; a trained scikit-learn model as target_head stays so."""
        cloned = super().__sklearn_clone__()
        if hasattr(self.target_head, "get_params"):
            cloned.target_head = deepcopy(self.target_head)
        return cloned

    def __sklearn_tags__(self):
        """Tell scikit-learn that the metadata are required."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = False
        tags.target_tags.multi_output = True
        return tags

    @property
    def _n_features_out(self):
        return sum(head.n_rows for head in self._all_heads().values())

    def __repr__(self, N_CHAR_MAX=700):
        """Parameters in a few lines, whatever arrays are among them."""
        with short_arrays():
            return super().__repr__(N_CHAR_MAX=N_CHAR_MAX)

    def _all_heads(self) -> dict:
        return self._primary_head | self.heads_

    def _by_target(self, y, metadata) -> dict:
        """Estimator and y of every target; of a single one this estimator."""
        targets = list_targets(self.target, self.groups)
        if targets is None:
            self._target = name_target(self.target, y, metadata)
            return {self._target: (self, y)}
        if not isinstance(self.target_output, Mapping | None):
            raise ValueError(
                f"target_output={self.target_output!r}: one output, and target names "
                f"{len(targets)}; pass a dict of target to output."
            )
        parts, seed = {}, self.random_state
        if not isinstance(seed, Integral):
            seed = self._draw_seed()
        for target, own in zip(
            targets, split_target(y, metadata, targets), strict=True
        ):
            part = clone(self).set_params(target=target, random_state=seed)
            part.target_head = entry_of(
                self.target_head, target, targets, "target_head"
            )
            part.target_output = entry_of(
                self.target_output, target, targets, "target_output"
            )
            part._target = target
            part._other_targets = [name for name in targets if name != target]
            parts[target] = part, own
        return parts

    def _fitted_by_target(self, y, metadata) -> dict:
        """Fitted estimator and y of every target."""
        if not isinstance(self.target, list):
            return {self._target: (self, y)}
        own = split_target(y, metadata, list(self.targets_))
        return {
            target: (part, its)
            for (target, part), its in zip(self.targets_.items(), own, strict=True)
        }

    def _keep_targets(self, parts: dict) -> None:
        """Attributes of several targets, and each of them by itself."""
        self.targets_ = parts
        for name, value in join_fits(parts, self.adjust_for_target).items():
            setattr(self, name, value)
        self.notes_.insert(0, describe_correction(list(parts)))
        self._primary_head = {
            name: part.target_head_
            for part in parts.values()
            for name in part._primary_head
        }

    def _named_columns(self) -> list:
        """Columns with a role that the user names, and those to be analysed."""
        refuse_text(self.confounders, "confounders")
        refuse_text(self.columns, "columns")
        roles = [name for name in (self._target, self.groups) if name is not None]
        crossed = [n for pair in list_pairs(self.interactions).values() for n in pair]
        lists = roles, self.confounders, self.columns, crossed
        names = [n for names in lists if names is not None for n in names]
        elsewhere = self.heads if isinstance(self.heads, dict) else {}
        # What is no name at all is said by who reads the columns.
        return [n for n in names if isinstance(n, Hashable) and n not in elsewhere]

    def _role_names(self, kinds: Mapping) -> RoleNames:
        refuse_text(self.confounders, "confounders")
        confounders = [] if self.confounders is None else list(self.confounders)
        return RoleNames(self._target, confounders, self.groups, kinds)

    def _check_rows(
        self, X, y, sample_weight=None, needed=None, metadata=None
    ) -> Input:
        """Rows of `fit` with their roles, or new ones with the `needed` columns."""
        is_fit = needed is None
        target = name_target(self._target, y, metadata)
        named = self._named_columns() if is_fit else needed
        if metadata is None:
            check_argument_order(X, y, named)
        given = check_input(self, X, y, sample_weight, is_fit, metadata, target)
        if metadata is None:
            explain_single_column(y, given.table, named)
        table = add_pairs(given.table, self.columns, reset=is_fit)
        given = replace(given, table=table)
        if is_fit:
            absent = {name for name in self._other_targets or () if name not in table}
            kinds = self.kinds
            if absent and isinstance(kinds, Mapping):
                kinds = {name: kinds[name] for name in kinds if name not in absent}
            kinds = check_kinds(kinds, table)
            return given.with_roles(self._role_names(kinds))
        require_columns(needed, table, "y" if metadata is None else "metadata")
        return given

    def _read_tasks(self, given: Input) -> Tasks:
        """Target and columns, with the heads that they have or will get."""
        kinds = self.kinds or {}
        fewest = fewest_rows(self.cv)
        reader = TaskReader(
            given,
            kinds,
            self.heads,
            self.n_bins,
            self.C,
            self.alpha,
            fewest,
            self.check_head,
            self.target_output,
            self._other_targets,
            self.binning,
        )
        confounders = [column.name for column in given.roles.confounders]
        roles = [n for n in (self._target, self.groups) if n in given.table.columns]
        held = [*roles, *confounders]
        # First, as what is doubtful may be why a head does not fit its target.
        warn_of_doubts(given.table, held, stacklevel=6)
        pairs = list_pairs(self.interactions)
        check_pairs(pairs, given.table, self._target, self.groups)
        tasks = reader.read(
            self._target, self.target_head, self.columns, self.groups, pairs
        )
        crossed = {part for pair in pairs.values() for part in pair}
        crossed -= {*tasks.columns, *held}
        guessed = tasks.guessed()
        guessed += [n for n in [*confounders, *crossed] if n not in kinds]
        # Level 6 is the caller of fit: one of them is scikit-learn's wrapper.
        read_as = {} if self.heads == "auto" else tasks.kinds()
        warn_of_codes(given.table, guessed, stacklevel=6, read_as=read_as)
        analysed = [task.name for task in tasks.metadata if task.column is not None]
        others = [name for name in [*analysed, *crossed] if name not in held]
        warn_of_doubts(given.table, others, stacklevel=6)
        return tasks

    def _check_belonging(self, given: Input, tasks: Tasks) -> None:
        """Look for rows and features that are not what they seem."""
        # Level 6 is the caller of fit: one of them is scikit-learn's wrapper.
        warn_of_persons(given.table, self._target, self.groups, stacklevel=6)
        trained = self.target_head is not None
        check_features(given, given.feature_names, tasks.target, trained, stacklevel=6)

    def _warn(self, failures: Iterable[str], extreme: str) -> None:
        """Warn of fits that did not converge, and of what limits the findings."""
        notes = self._explain_floor() + ([f"outputs: {extreme}."] if extreme else [])
        for messages, kind in ((failures, ConvergenceWarning), (notes, UserWarning)):
            for message in messages:
                # Level 5 is the caller of fit: one is scikit-learn's wrapper.
                warnings.warn(message, kind, stacklevel=5)

    def _tests_alignment(self) -> bool:
        """Whether there will be a null of the alignment."""
        has_target = isinstance(self.target, list) or self._target is not None
        has_primary = has_target or self.target_head is not None
        return has_primary and self.n_permutations > 0

    def _count_steps(self, parts: dict) -> int | None:
        """Steps of `fit` that show progress; nobody knows under a stopping rule."""
        if self.stop_after is not None:
            return None
        steps = ["fit heads"] + ["encoding", "reliability"] * self.diagnostics
        steps += ["encoding null"] * bool(self.n_permutations and self.diagnostics)
        steps += ["alignment null"] * self._tests_alignment()
        if None not in parts:
            steps += ["effects", "utilization"]
            steps += ["erasure", "performance", "performance null"] * self.diagnostics
            steps += ["cross-fitting"] * (self.target_head is None)
        return len(steps) * len(parts)

    def _space(self, subspace: Subspace) -> AlignmentSpace:
        """Where heads are compared."""
        projected = self.n_components is not None
        return AlignmentSpace(subspace, METRICS[self.metric], projected)

    def _draw_seed(self) -> int:
        return check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _testing(self, n: int) -> Testing:
        """How permutations of the rows are turned into p-values."""
        seed = self._draw_seed()
        plan = PermutationPlan(seed, self.n_permutations, n)
        return Testing(plan, self.stop_after, self.extrapolate, tie_tolerance(n))

    def _cross_fit(
        self, tasks: Tasks, rows: Rows, seed: int, runner: JobRunner
    ) -> CrossFit | None:
        """Held-out outputs of a primary head that is fitted here."""
        if tasks.target is None or self.target_head is not None:
            return None
        assert tasks.primary is not None
        found = cross_fit(tasks.primary, rows, self.cv, seed, runner)
        self.notes_ += found.describe()
        return found

    def _decide(
        self, tasks: Tasks, given: Input, crossed: CrossFit | None, testing: Testing
    ) -> Decision | None:
        """Outputs of the primary head; of one fitted here those at held-out rows.

        Keeps their performance, and stops where a trained head cannot be the right one.
        """
        head, outputs = tasks.target_head, None
        if head is not None and crossed is not None:
            outputs = crossed.outputs_of_all(head, given.X)
        elif tasks.primary is not None:
            outputs = tasks.primary.take_outputs()
        with step("head check", n_passes=int(outputs is None)):
            found = make_decision(
                head, given, tasks.target, self.adjustment, outputs, crossed is None
            )
            checked = check_decision(found, head, testing.plan.seed)
        self.head_performance_ = None if checked is None else checked.performance
        if crossed is None and head is not None:
            if self.check_head:
                require_fit(checked, self._target, self.groups is not None)
            self.notes_ += doubt(checked, self._target)
        return found

    def _rule(self, withheld: str = "", extreme: bool = False) -> Rule:
        held = [self._target, *(self.confounders or [])]
        return Rule(self.significance, self.min_effect, held, withheld, extreme)

    def _explain_floor(self) -> list[str]:
        """Whether there are too few permutations for any finding on the alignment."""
        if not self._tests_alignment():
            return []
        n_tests = len(self.heads_) * (1 + len(self._other_targets or ()))
        return explain_floor(self.n_permutations, n_tests, self.significance)

    def _keep_subspace(self, subspace: Subspace) -> None:
        self.mean_, self.components_ = subspace.mean, subspace.components
        self.explained_variance_ = subspace.variance
        self.explained_variance_ratio_ = subspace.variance / subspace.total_variance
        self.n_components_, self.scale_ = subspace.n_components, subspace.scale
        self.notes_ += describe_subspace(subspace, self.n_components)

    def _keep_heads(self, tasks: Tasks, comparison: Comparison) -> None:
        self.target_head_, self.heads_ = tasks.target_head, tasks.heads()
        self._primary_head = tasks.primary_head()
        self.dropped_columns_ = tasks.dropped
        self.correlation_ = comparison.correlation
        self.alignment_ = comparison.alignment
        self.notes_ += describe_undirected(comparison)

    def _keep_tests(self, encoding: EncodingTest, alignment: AlignmentTest) -> None:
        self.encoding_scores_ = encoding.scores
        self.encoding_pvalues_ = encoding.tests.pvalues
        self.encoding_qvalues_ = encoding.qvalues
        self.encoding_skills_ = encoding.skills
        self.encoding_power_ = encoding.power
        self.encoding_metrics_ = encoding.metrics
        self.encoding_selectivity_ = encoding.selectivity
        self.alignment_scores_ = alignment.scores
        self.null_distribution_ = alignment.tests.null
        self.pvalues_ = alignment.tests.pvalues
        self.pvalues_fwer_ = alignment.pvalues_fwer
        self.qvalues_ = alignment.qvalues
        self.pvalues_extrapolated_ = alignment.tests.extrapolated
        self.n_permutations_used_ = pd.DataFrame(
            {"encoding": encoding.tests.used, "alignment": alignment.tests.used}
        )

    def _keep_checks(
        self,
        alignment: AlignmentTest,
        reliability: Reliability,
        erasure: pd.DataFrame | None,
    ) -> None:
        self.reliability_ = reliability.directions
        self.alignment_ceilings_ = reliability.ceilings
        self.alignment_corrected_ = alignment.scores / reliability.ceilings
        self.erasure_ = erasure

    def _keep_utilization(self, tests: UtilizationTests) -> None:
        table = tests.table
        self.utilization_, self.utilization_raw_ = table["utilization"], table["raw"]
        self.utilization_ci_ = table[["low", "high"]]
        self.utilization_pvalues_ = table["pvalue"]
        self.utilization_pvalues_fwer_ = table["pvalue_fwer"]
        self.utilization_qvalues_ = table["qvalue"]
        self.utilization_null_distribution_ = tests.null
        self.minimum_detectable_effect_ = table["minimum_detectable_effect"]
        self.utilization_balanced_ = table["balanced"]
        self.utilization_by_class_ = tests.by_class()
        self.effects_ = tests.effects()
        self.robustness_values_ = tests.robustness(self.min_effect)
