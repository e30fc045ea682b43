"""The estimator: parameters, validation and the order of the steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._alignment import AlignmentSpace
from sklearn_wsca._analysis import Comparison, Rows, compare_heads, fit_heads
from sklearn_wsca._compat import (
    CallbackSupportMixin,
    Interval,
    RealNotInt,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
)
from sklearn_wsca._embeddings import Embeddings
from sklearn_wsca._folds import GivenRows, fewest_rows, split_columns
from sklearn_wsca._heads import all_outputs, outputs_by_head
from sklearn_wsca._inference import (
    AlignmentTest,
    EncodingTest,
    Testing,
    infer_alignment,
    infer_encoding,
    no_alignment_test,
)
from sklearn_wsca._input import Input, check_embeddings, check_input
from sklearn_wsca._jobs import JobRunner
from sklearn_wsca._permutation import PermutationPlan, canonical_order
from sklearn_wsca._probes import batch_precision, tie_tolerance
from sklearn_wsca._scoring import ScoredColumn
from sklearn_wsca._subspace import Subspace, fit_subspace, reorder_rows
from sklearn_wsca._summary import summarise, summary_rows
from sklearn_wsca._table import require_columns, row_fingerprints
from sklearn_wsca._tasks import Task, TaskReader, balance, reorder
from sklearn_wsca._validation import (
    check_deferred,
    check_recipes,
    check_something_left,
    select_columns,
)
from sklearn_wsca._wording import describe_null, describe_stopping, explain_no_test

LATER_ATTRIBUTES = frozenset(
    {
        "minimum_detectable_effect_",
        "utilization_",
        "utilization_ci_",
        "utilization_pvalues_",
        "utilization_qvalues_",
        "verdicts_",
    }
)


class NotInThisVersionError(NotImplementedError, AttributeError):
    """An attribute of the contract that this version does not compute.

    It is an AttributeError too, so that hasattr answers False.
    """


class WeightSpaceCorrelation(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    r"""Does a network's decision align with the metadata that its embeddings encode?

    One linear head per metadata column is fitted on the embeddings (or given), and its
    rows are compared with those of the primary head by cosines in the principal
    subspace of the embeddings: Weight Space Correlation [1]_. Each value comes with how
    well the column can be predicted at all, with a permutation p-value, and with a note
    on what was left out.

    Parameters
    ----------
    target : str, default=None
        Column of the primary task. None: there is no such column; with a `target_head`
        the metadata are still compared with it, without one all heads are only
        compared with each other.
    target_head : array, pair (W, b), fitted linear model, torch.nn.Linear or Head, \
            default=None
        The *trained* primary head of the network: weights of shape (C, n_features) or
        (n_features,), on the embeddings as they are passed to `fit`. None fits a head
        for `target` on the embeddings.
    columns : list of str, default=None
        Columns to analyse; None takes all but the target.
    heads : {"auto", "logistic", "ridge"} or dict, default="auto"
        How metadata heads are fitted: "logistic" (levels), "ridge" (numbers, or one
        indicator per level) or "auto": ridge for numeric columns of which more than 10
        values, or more than half, are distinct, logistic otherwise. A dict maps columns
        to one of these, to an unfitted scikit-learn estimator with `coef_`, or to a
        trained head in any form that `target_head` may have (the multi-task setting);
        others are "auto". A trained head may have a name that is no column.
    n_bins : int, default=None
        Bins continuous columns into that many quantile classes, as in [1]_.
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
        the outputs of the two heads, which does not change when the embeddings are
        rescaled feature by feature or rotated. "pattern": cosine of the primary
        head's weights and the pattern [2]_ by which the embeddings move with the other
        head; it is not symmetric.
    aggregate : {"rms", "max", "mean"}, default="rms"
        Column score from the matrix of all pairs of rows: root mean square, largest or
        mean absolute value.
    adjust_for_target : bool, default=False
        Fit metadata heads under row weights that make column and target independent,
        and shuffle within levels of the target. Without it, a column that is associated
        with the target in the data aligns with any good primary head. The encoding
        score is not adjusted.
    confounders : list of str, default=None
        Not part of this version: anything but None raises NotImplementedError.
    groups : str, default=None
        Not part of this version: anything but None raises NotImplementedError.
    n_permutations : int, default=999
        Number of shuffles m; p-values cannot fall below 1 / (m + 1). 0 gives none.
    null : {"permutation", "sign_flip"}, default="permutation"
        Null of the alignment. "permutation" (encoding null) shuffles the column and
        refits its head: the embeddings carry no information on the column. "sign_flip"
        (direction null) keeps both heads and flips the signs of their principal
        coordinates: no more alignment than two directions of that spectrum have.
    cv : int, splitter, iterable of (train, test) or None, default=5
        Folds of the encoding score; None takes 5. A splitter sees the rows in the order
        of X, with the codes of the column's levels (-1 where it is not used) or its
        numbers (NaN) as labels; indices of an iterable count the rows of X.
    min_effect : float, default=0.1
        Margin of the verdicts; has no effect in this version.
    significance : float, default=0.05
        Level that p-values are meant to be compared with; sets the warning about too
        few permutations.
    stop_after : int, default=None
        Stopping rule of Besag and Clifford [3]_, per column: no more shuffles are drawn
        once so many have reached the statistic of the data, which gives the p-value
        stop_after / number drawn. It saves most of the work on columns without signal
        (10 is usual). The correction over columns by max-T needs all shuffles of all
        columns, so `pvalues_fwer_` is NaN with it. None draws `n_permutations`.
    extrapolate : bool, default=False
        Also give `pvalues_extrapolated_`, from a generalised Pareto tail fitted to the
        largest statistics of the shuffles [4]_, where fewer than ten shuffles reach the
        statistic. They may lie far below 1 / (m + 1) and are extrapolations: they do
        not replace `pvalues_`.
    random_state : int, RandomState or None, default=None
        Seed of shuffles and folds. With an int, results do not depend on the order of
        rows or columns, on `n_jobs` or on the unit of the embeddings; only the encoding
        follows the order of rows where `cv` is a splitter.
    n_jobs : int, default=None
        Number of joblib workers: threads, unless `joblib.parallel_config` names another
        back end, such as "loky" or "dask". Results are the same for all. For torch
        tensors jobs run one after another.

    Attributes
    ----------
    target_head_ : Head or None
        Primary head, in the unit of the embeddings.
    heads_ : dict of str to Head
        Metadata heads, in the unit of the embeddings.
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the embeddings.
    components_ : ndarray of shape (k, n_features)
        Principal directions, by falling variance.
    explained_variance_ : ndarray of shape (k,)
        Variance along them (weighted sum of squares divided by the total weight).
    explained_variance_ratio_ : ndarray of shape (k,)
        The same as a share of the total variance.
    n_components_ : int
        k.
    scale_ : float
        Square root of the mean of `explained_variance_`.
    correlation_ : DataFrame
        Alignment of all head rows with all head rows, indexed by (task, class).
    alignment_ : DataFrame
        Alignment of the primary head's rows with all metadata rows.
    alignment_scores_ : Series
        Column scores, between 0 and 1; NaN without a primary head.
    pvalues_ : Series
        Permutation p-values of the scores.
    pvalues_fwer_ : Series
        The same with family-wise error control over columns (max-T).
    qvalues_ : Series
        Benjamini-Hochberg q-values.
    pvalues_extrapolated_ : Series
        p-values of the scores from a fitted tail; NaN unless `extrapolate` is set, and
        where no extrapolation is needed or possible.
    n_permutations_used_ : DataFrame
        Shuffles drawn per column for "encoding" and "alignment".
    null_distribution_ : DataFrame of shape (n_permutations, n_columns)
        Scores of the shuffles; NaN for those that `stop_after` has saved.
    encoding_scores_ : Series
        Cross-validated skill of the probes: D2 of the log-loss or R2; 0 is chance, 1 is
        perfect, below 0 is worse than a constant.
    encoding_pvalues_ : Series
        Permutation p-values of the skill of ridge probes with the same penalty, which
        are refitted for every shuffle and fold: R2, or Brier skill for levels.
    encoding_metrics_ : DataFrame
        Held-out accuracy, balanced accuracy and its chance level, macro F1, AUROC (mean
        over classes against the rest), or R2 and mean absolute error.
    summary_ : DataFrame
        One row per column of the table, left out or not, with notes.
    notes_ : list of str
        What a reader must know about the analysis as a whole.
    dropped_columns_ : dict of str to str
        Columns that were left out, with the reason.
    n_features_in_ : int
        Number of features of the embeddings.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where the embeddings have string column names.

    See Also
    --------
    weight_space_correlation : Cosines of two heads, from their weights alone.

    Notes
    -----
    With Z the embeddings, P their top k principal directions and W the rows of a head,
    the published alignment of row i of head A and row j of head m is

    .. math::
        \cos_{ij} = \frac{w_{A,i} P^T \cdot w_{m,j} P^T}
                         {|w_{A,i} P^T| \, |w_{m,j} P^T|} .

    Rows of class heads are centred over classes first, because a vector added to all
    of them changes no prediction.

    An alignment says that two heads read the same directions. It does not say that the
    decision *uses* the column: where the column and the target are associated in the
    data, the two heads align in a network that cannot see the column. The raw value has
    no universal scale; compare it with its null.

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
    """

    _parameter_constraints: dict = {
        "target": [str, Integral, tuple, None],
        "target_head": "no_validation",
        "columns": ["array-like", None],
        "heads": [StrOptions({"auto", "logistic", "ridge"}), dict],
        "n_bins": [Interval(Integral, 2, None, closed="left"), None],
        "C": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            None,
        ],
        "min_components": [Interval(Integral, 0, None, closed="left")],
        "metric": [StrOptions({"weight", "score", "pattern"})],
        "aggregate": [StrOptions({"rms", "max", "mean"})],
        "adjust_for_target": ["boolean"],
        "confounders": ["array-like", None],
        "groups": [str, Integral, tuple, None],
        "n_permutations": [Interval(Integral, 0, None, closed="left")],
        "null": [StrOptions({"permutation", "sign_flip"})],
        "cv": ["cv_object"],
        "min_effect": [Interval(Real, 0, None, closed="left")],
        "significance": [Interval(Real, 0, 1, closed="neither")],
        "stop_after": [Interval(Integral, 1, None, closed="left"), None],
        "extrapolate": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        target=None,
        *,
        target_head=None,
        columns=None,
        heads="auto",
        n_bins=None,
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
        random_state=None,
        n_jobs=None,
    ):
        self.target = target
        self.target_head = target_head
        self.columns = columns
        self.heads = heads
        self.n_bins = n_bins
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
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit and compare the heads.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings: what enters the network's last linear layer. Memory maps and
            other arrays that can be sliced by rows (zarr, h5py, dask) are read in
            blocks and never held as a whole; torch tensors are analysed on their
            device. Fitted attributes are numpy in any case.
        y : DataFrame, Series or array-like of shape (n_samples,) or \
                (n_samples, n_columns)
            Metadata, pandas or polars; row i describes row i of X. Columns of arrays
            are called x0, x1, ...
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights; a row of weight 0 counts as absent.

        Returns
        -------
        self : WeightSpaceCorrelation
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input cannot be analysed; the message names the argument or column.
        NotImplementedError
            If `groups` or `confounders` is given.
        """
        n_steps = 2 + bool(self.n_permutations) + self._tests_alignment()
        # Under a stopping rule nobody knows how many rounds there will be.
        announced = n_steps if self.stop_after is None else None
        context = self._init_callback_context(max_subtasks=announced)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        given = self._check_input(X, y, sample_weight, reset=True)
        check_deferred(self.confounders, self.groups, self.target)
        self.notes_ = []
        table, weights = given.table, given.weights
        primary, tasks, names = self._read_tasks(table, given.X.n_features)
        subspace = self._fit_subspace(given.X, weights)
        T, distance = subspace.coordinates(given.X, batch_precision(len(weights)))
        order = canonical_order(
            distance, lambda: row_fingerprints(table) + pd.util.hash_array(weights)
        )
        rows = Rows(reorder_rows(T, order), weights[order], subspace)
        tasks = self._prepare_tasks(primary, tasks, order, rows.weights)
        runner = JobRunner(self, context, self.n_jobs, rows.T)
        failed = self._fit_heads(primary, tasks, rows, runner)
        comparison = self._compare_heads(given.X, weights, subspace)
        testing = self._testing(len(weights))
        positions = GivenRows(table.index.to_numpy()[order], given.n_given)
        encoding = self._test_encoding(tasks, rows, testing, runner, positions)
        alignment = self._test_alignment(tasks, rows, testing, runner, comparison)
        self.n_permutations_used_ = pd.DataFrame(
            {"encoding": encoding.tests.used, "alignment": alignment.tests.used}
        )
        scores = self.alignment_scores_
        self.summary_ = summarise(
            names,
            self.dropped_columns_,
            summary_rows(primary, tasks, rows.weights, encoding, alignment, scores),
        )
        for message, category in self._warnings(failed, encoding, alignment):
            # Level 3 is the caller of fit: one more is scikit-learn's wrapper.
            warnings.warn(message, category, stacklevel=3)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

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

    def score(self, X, y, sample_weight=None):
        """Mean skill of the metadata heads on new rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, best of rows that were not in `fit`.
        y : DataFrame, Series or array-like
            Metadata with the columns of `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.

        Returns
        -------
        float
            Mean over columns of ``1 - loss / loss of a constant``, the constant being
            the best one on the rows of `fit`: D2 of the log-loss for logistic heads, R2
            for ridge heads. 0 is chance, 1 is perfect, higher is better. Trained heads
            count where their classes are the levels of the column.
        """
        check_is_fitted(self)
        given = self._check_input(X, y, sample_weight, reset=False)
        table, weights = given.table, given.weights
        require_columns(self._scored, table, "y")
        skills = []
        heads = [column.head for column in self._scored.values()]
        outputs = outputs_by_head(given.X, heads)
        for (name, column), own in zip(self._scored.items(), outputs, strict=True):
            skill = column.skill(own, table[name], weights)
            if skill is not None:
                skills.append(skill)
        if not skills:
            raise ValueError(
                "score: no metadata head can be scored on these rows; trained heads "
                "need the levels of their columns as classes, and y must hold levels "
                "that were seen in fit."
            )
        return float(np.mean(skills))

    def audit(self, X, y):
        """Not part of this version: raises NotImplementedError."""
        raise NotImplementedError(
            "audit on held-out rows is not part of this version; score(X, y) gives the "
            "held-out skill of the metadata heads."
        )

    def get_feature_names_out(self, input_features=None):
        """Names of the head outputs.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked against the names seen in `fit`.

        Returns
        -------
        ndarray of str
            ``column=class``, or ``column`` for a head with one number.
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

    def __getattr__(self, name):
        """Say what is missing where the contract names it."""
        if name in LATER_ATTRIBUTES:
            raise NotInThisVersionError(
                f"{name} is not part of this version: utilization and verdicts are not "
                "computed yet. Alignment alone does not say that a column is used."
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

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

    def _tests_alignment(self) -> bool:
        """Whether there will be a null of the alignment."""
        has_primary = self.target is not None or self.target_head is not None
        return has_primary and self.n_permutations > 0

    def _primary_head(self) -> dict:
        """Primary head by name; empty without one."""
        if self.target_head_ is None:
            return {}
        return {self._primary_name: self.target_head_}

    def _all_heads(self) -> dict:
        return self._primary_head() | self.heads_

    def _check_input(self, X, y, sample_weight, reset: bool) -> Input:
        return check_input(self, X, y, sample_weight, reset)

    def _read_tasks(self, table: pd.DataFrame, n_features: int):
        """Primary task, metadata tasks, and the names of all columns asked for."""
        check_recipes(self.heads)
        reader = TaskReader(
            table,
            n_features,
            self.heads,
            self.n_bins,
            self.C,
            self.alpha,
            fewest_rows(self.cv),
        )
        names, unlabelled = select_columns(table, self.target, self.columns, self.heads)
        primary = reader.primary(self.target, self.target_head)
        if primary is not None:
            self.notes_ += [f"target {primary.name!r}: {n}" for n in primary.notes]
        tasks, self.dropped_columns_ = reader.metadata(names)
        tasks += reader.unlabelled(unlabelled)
        trained = [task.name for task in tasks if task.trained]
        if trained and self.null == "permutation" and self.n_permutations:
            raise ValueError(
                f"heads: those of {trained} are trained and cannot be refitted, so "
                "null='permutation' does not apply; set null='sign_flip', or "
                "n_permutations=0 for no p-values."
            )
        return primary, tasks, names + unlabelled

    def _fit_subspace(self, X: Embeddings, weights: np.ndarray) -> Subspace:
        subspace = fit_subspace(X, weights, self.n_components, self.min_components)
        k = subspace.n_components
        self.mean_, self.components_ = subspace.mean, subspace.components
        self.explained_variance_ = subspace.variance
        self.explained_variance_ratio_ = subspace.variance / subspace.total_variance
        self.n_components_, self.scale_ = k, subspace.scale
        if isinstance(self.n_components, (int, np.integer)) and k < self.n_components:
            self.notes_.append(
                f"n_components={self.n_components} was asked for, but the embeddings "
                f"vary along {k} directions only: k = {k}."
            )
        if self.n_components is not None and k == subspace.rank:
            self.notes_.append(
                f"The {k} principal directions are all along which the embeddings "
                "vary: the projection removes nothing."
            )
        return subspace

    def _prepare_tasks(self, primary, tasks, order, weights) -> list[Task]:
        """Bring labels to canonical order and balance them where asked for."""
        reorder([task for task in (primary, *tasks) if task is not None], order)
        if self.adjust_for_target:
            self.dropped_columns_ |= balance(tasks, primary, weights)
        kept = [task for task in tasks if task.name not in self.dropped_columns_]
        check_something_left(self.dropped_columns_, len(kept), self.target)
        return kept

    def _fit_heads(self, primary, tasks: list[Task], rows: Rows, runner) -> list:
        """Fit the heads that are not trained; returns those that did not converge."""
        fitted = [task for task in (primary, *tasks) if task and not task.trained]
        not_converged = fit_heads(fitted, rows, partial(runner.run, "fit heads"))
        self.target_head_ = None if primary is None else primary.head
        self._primary_name = None if primary is None else primary.name
        self.heads_ = {task.name: task.head for task in tasks if task.head is not None}
        self._scored = {
            task.name: ScoredColumn.of(task, rows.weights)
            for task in tasks
            if task.predicting_head() is not None
        }
        return not_converged

    def _compare_heads(self, X: Embeddings, weights, subspace: Subspace) -> Comparison:
        space = AlignmentSpace(subspace, self.metric, self.n_components is not None)
        comparison = compare_heads(self._primary_head(), self.heads_, space, X, weights)
        self.correlation_ = comparison.correlation
        self.alignment_ = comparison.alignment
        self.alignment_scores_ = comparison.scores(self.aggregate)
        return comparison

    def _testing(self, n: int) -> Testing:
        """How shuffles of the rows are turned into p-values."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        plan = PermutationPlan(seed, self.n_permutations, n)
        return Testing(plan, self.stop_after, self.extrapolate, tie_tolerance(n))

    def _test_encoding(self, tasks, rows: Rows, testing, runner, given) -> EncodingTest:
        folds = split_columns(tasks, self.cv, testing.plan.seed, given)
        run, run_null = (
            partial(runner.run, name) for name in ("encoding", "encoding null")
        )
        test = infer_encoding(
            tasks, folds, rows, testing, run, run_null, runner.n_workers
        )
        self.encoding_scores_, self.encoding_pvalues_ = test.scores, test.tests.pvalues
        self.encoding_metrics_ = test.metrics
        return test

    def _test_alignment(
        self, tasks, rows: Rows, testing, runner, comparison
    ) -> AlignmentTest:
        if self._tests_alignment():
            test = infer_alignment(
                tasks,
                rows,
                testing,
                comparison,
                self.aggregate,
                self.null,
                partial(runner.run, "alignment null"),
                runner.n_workers,
            )
            self.notes_.append(
                describe_null(self.null, self.adjust_for_target, self.n_permutations)
            )
            if self.stop_after is not None:
                self.notes_.append(describe_stopping(self.stop_after))
        else:
            test = no_alignment_test(tasks)
            self.notes_ += explain_no_test(
                self.target_head_ is not None, self.n_permutations
            )
        self.null_distribution_ = test.tests.null
        self.pvalues_, self.pvalues_fwer_ = test.tests.pvalues, test.pvalues_fwer
        self.qvalues_ = test.qvalues
        self.pvalues_extrapolated_ = test.tests.extrapolated
        return test

    def _warnings(self, heads_failed, encoding, alignment) -> Iterator:
        """What deserves a warning about this fit: (message, category)."""
        failures = {
            "heads": heads_failed,
            "cross-validated heads": encoding.not_converged,
            "permuted heads": [
                f"{name} ({count} of {alignment.tests.used[name]})"
                for name, count in alignment.tests.not_converged.items()
            ],
        }
        for what, names in failures.items():
            if names:
                yield (
                    f"{what} of columns {names} did not reach the tolerance of the "
                    "solver; lower C, or merge rare levels.",
                    ConvergenceWarning,
                )
        n_columns, floor = len(self.heads_), 1.0 / (self.n_permutations + 1)
        if self._tests_alignment() and floor * n_columns > self.significance:
            needed = int(np.ceil(n_columns / self.significance)) - 1
            yield (
                f"n_permutations={self.n_permutations}: no p-value can be below "
                f"{floor:.3g}, so a single column among {n_columns} cannot reach "
                f"significance={self.significance:g} after correction; use "
                f"n_permutations={needed} or more.",
                UserWarning,
            )
