"""The transformer that removes metadata from embeddings."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._backend.namespace import precision_of, to_numpy
from sklearn_wsca._compat import Interval, StrOptions, _fit_context
from sklearn_wsca._erasure.columns import (
    check_one_categorical,
    check_something_left,
    list_reasons,
    read_candidates,
    read_erased,
    read_levels,
    select_columns,
)
from sklearn_wsca._erasure.directions import (
    describe_extremes,
    find_directions,
    level_pairs,
)
from sklearn_wsca._erasure.erasure import Erasure
from sklearn_wsca._erasure.fitted_rows import row_hashes
from sklearn_wsca._erasure.quadratic import QuadraticErasure, fit_quadratic
from sklearn_wsca._erasure.without_target import describe_moves, worst_moves
from sklearn_wsca._heads.given import read_head
from sklearn_wsca._input.checked_input import check_embeddings, check_input
from sklearn_wsca._input.doubtful_values import warn_of_doubts
from sklearn_wsca._input.kinds import check_kinds, warn_of_codes
from sklearn_wsca._input.separate_target import explain_single_column, name_target
from sklearn_wsca._linear.subspace import fit_subspace


class MetadataEraser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Remove what a linear function can read of metadata from embeddings.

    The embeddings are projected along the directions that covary with the metadata
    columns, so that nothing linear is left of them, and are otherwise changed as little
    as possible (in the least-squares sense): LEACE [1]_.

    Parameters
    ----------
    columns : list of str, default=None
        Columns to erase; None takes all but the target and those that name rows or
        patients, unless `kinds` names them.
    target : str, default=None
        Column that is held fixed. None erases all that is linearly associated with the
        columns. With a target, only what the columns move *at fixed target* is erased;
        see the Notes on when to use which.
    kinds : dict of str to {"categorical", "continuous"}, default=None
        Kinds of the target and of columns that their looks would not tell. Others of
        numbers are continuous if more than 10 values, or more than half, are distinct.
    shrinkage : float or "auto", default="auto"
        Weight, from 0 to 1, of a multiple of the identity in the covariance of the
        embeddings, before they are whitened. "auto" is the estimate of Ledoit and Wolf
        [2]_, which takes a row of weight 2 for a row that occurs twice. The erasure is
        exact on the rows of `fit` for every value; on other rows, 0 is poor where there
        are not many more rows than features. With ``method="quadratic"`` it is the
        weight of the common covariance, scaled to the total variance of the level, in
        that of each level: "auto" is d / (d + n) for d directions and a level of n
        rows, or 1 where the level differs from the common shape by no more than chance.
        The erasure is exact with 0 only.
    method : {"linear", "quadratic"}, default="linear"
        "linear" erases what a linear function can read, "quadratic" also differences of
        covariances between the levels of *one* categorical column, which a quadratic
        classifier reads. That takes the level of every row: `transform` then needs the
        metadata too, and there is no repaired head.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the embeddings; it is not changed by the erasure.
    rank_ : int
        Number of directions that are erased: at most the number of levels minus 1 for
        a categorical column, and 1 for a continuous one. Where the erasure is
        quadratic, number of directions that are changed: all.
    shrinkage_ : float
        The shrinkage that was used; the largest of all levels where the erasure is
        quadratic.
    columns_ : list of str
        Columns that are erased.
    dropped_columns_ : dict of str to str
        Columns that are not, with the reason: constant, identifier-like, without
        variation at fixed target.
    notes_ : list of str
        What a reader must know: rows with missing values, a column that the embeddings
        do not show beyond chance, levels that a linear erasure takes apart although
        the embeddings do not tell them (of columns of 3 to 6), that nothing or
        everything is erased, or that a head of the target would move with the column.
    n_features_in_ : int
        Number of features of the embeddings.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the embeddings have string column names.

    See Also
    --------
    repair_test : Proves a repair on rows that the eraser has not seen.
    WeightSpaceCorrelation : Does the decision align with the metadata?

    Notes
    -----
    An embedding x becomes

    .. math:: r(x) = x - W^{-1} P \, W (x - \mu), \qquad
              W = \big((1 - \lambda) \Sigma + \lambda \tau I\big)^{-1/2},

    with :math:`\mu` and :math:`\Sigma` the weighted mean and covariance of the
    embeddings, :math:`\tau` the mean of their variances over features,
    :math:`\lambda` the shrinkage, and P the orthogonal projection on the columns of
    :math:`W \Sigma_{xz}`, the whitened covariance of the embeddings and z; all on the
    directions along which the embeddings vary. The columns of z are one indicator per
    level of a categorical column, or the numbers of a continuous one; numbers of which
    at most 10, and at most half, are distinct count as levels.

    *Without a target* z is uncorrelated with the erased embeddings: on the rows of
    `fit`, no linear classifier predicts the levels better than their frequencies (in
    log-loss), and no linear regression a continuous column better than its mean. Where
    a column and the target are associated in the data, the target loses what it shares
    with the column. Use it where the column must not be readable. It does not repair a
    head. With :math:`\beta_z, \beta_t` the coefficients of column and target in a
    regression of the erased outputs, :math:`0 = \Sigma_{zz} \beta_z + \Sigma_{zt}
    \beta_t`: the outputs of any head that still tells the target move with a column
    that is associated with it, those of a head that did not use the column too. `fit`
    warns where those of a linear head that predicts another column of the table would
    move by 0.1 of their standard deviation or more.

    *With a target* z is replaced by what is left of it after a regression on the
    target. In the regression of the output of any linear head on the target and the
    column, the column then has no effect on the rows of `fit`, and what the target
    shares with the column stays; utilization keeps only what differs between classes of
    the target and cancels over them. A probe may still read the column through its
    association with the target. Use it to repair a decision that must not depend on the
    column.

    Nonlinear functions may read the column in both cases. *Quadratic erasure* takes
    x of level c to :math:`\mu + A_c (x - \mu - m_c)`, with the effect of the level
    :math:`m_c` (at fixed target) and a matrix after which the covariance within classes
    is that of all levels. Without a target a quadratic classifier then does not tell
    the levels (with shrinkage 0, on the rows of `fit`). With one, means at fixed target
    are equal too, and covariances but in the directions in which classes differ: how
    well a level tells the classes cannot be changed without knowing the class. A row
    whose level is missing or
    was not seen cannot be erased, which is an error.

    A row with a missing value is set to the weighted mean of that column (of each of
    its indicators), and counts in full for the others; with a target, so is a row
    without one. All rows are erased alike.

    All steps of a Pipeline are given the same `y`, which is the metadata table here as
    in `WeightSpaceCorrelation`. To train a classifier on erased embeddings in the same
    Pipeline, pass the target as `y` and the table as `metadata`, by scikit-learn's
    metadata routing.

    References
    ----------
    .. [1] N. Belrose et al., "LEACE: Perfect linear concept erasure in closed form",
       NeurIPS 2023, arXiv:2306.03819.
    .. [2] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional
       covariance matrices", Journal of Multivariate Analysis 88(2), 2004.

    Examples
    --------
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn_wsca import MetadataEraser
    >>> from sklearn_wsca.datasets import make_shortcut
    >>> X, table = make_shortcut(encoding=2.0, random_state=0, return_X_y=True)
    >>> eraser = MetadataEraser(["scanner"]).fit(X, table)
    >>> eraser.rank_
    2
    >>> scanner = table["scanner"]
    >>> probe = RidgeClassifier()
    >>> round(probe.fit(X, scanner).score(X, scanner), 2)
    0.89
    >>> erased = eraser.transform(X)
    >>> round(probe.fit(erased, scanner).score(erased, scanner), 2)
    0.34
    """

    _parameter_constraints: dict = {
        "columns": ["array-like", str, None],
        "target": [str, Integral, tuple, None],
        "kinds": [dict, None],
        "shrinkage": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"})],
        "method": [StrOptions({"linear", "quadratic"})],
    }
    # Both methods must request the same; a quadratic erasure needs it in both.
    __metadata_request__fit = {"metadata": True}
    __metadata_request__transform = {"metadata": True}

    def __init__(
        self,
        columns=None,
        *,
        target=None,
        kinds=None,
        shrinkage="auto",
        method="linear",
    ):
        self.columns = columns
        self.target = target
        self.kinds = kinds
        self.shrinkage = shrinkage
        self.method = method

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, metadata=None):
        """Find the directions to erase.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings; memory maps and other arrays that can be sliced by rows are read
            in blocks.
        y : DataFrame, Series or array-like of shape (n_samples[, n_columns])
            Metadata, pandas or polars; row i describes row i of X. Columns of arrays
            are called x0, x1, ... With `metadata`, the target alone, as classifiers in
            the same Pipeline take it; it is held fixed only where `target` names it.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights; a row of weight 0 counts as absent.
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone, as in
            `WeightSpaceCorrelation.fit`.

        Returns
        -------
        self : MetadataEraser
            The fitted transformer.

        Raises
        ------
        ValueError
            If the input cannot be used or no column can be erased; the message names
            the argument or column.
        """
        own = name_target(self.target, y, metadata)
        given = check_input(self, X, y, sample_weight, True, metadata, own)
        held = [] if self.target is None else [self.target]
        if metadata is None:
            named = [] if self.columns is None else list(self.columns)
            explain_single_column(y, given.table, [*named, *held])
        where = "y" if metadata is None else "metadata"

        kinds = check_kinds(self.kinds, given.table)
        names, persons = select_columns(
            given.table, self.target, self.columns, own, kinds
        )
        erased = read_erased(given, names, self.target, kinds)
        self.dropped_columns_ = persons | erased.dropped
        check_something_left(self.dropped_columns_, erased.factors, where)
        self.columns_ = list(erased.factors)
        self._known = {c.name: c.levels for c in erased.columns if c.n_levels}
        self._rows_of_fit = np.unique(row_hashes(given.X))

        subspace = fit_subspace(given.X, given.weights, None, 0)
        self.mean_ = subspace.mean
        # Levels that differ in their covariance alone stay apart in a quadratic one.
        is_linear = self.method == "linear"
        found = find_directions(
            given.X,
            given.weights,
            subspace,
            erased.factors,
            level_pairs(erased, given.weights) if is_linear else {},
            self.shrinkage,
        )
        messages = []
        self._erasure: Erasure | QuadraticErasure
        if is_linear:
            self._erasure = Erasure.of(
                found.frame, found.spread, subspace.components, self.mean_
            )
            self.shrinkage_ = found.shrinkage
            messages += describe_extremes(
                self.columns_, self._erasure.rank, subspace.rank
            )
        else:
            column = check_one_categorical(erased.columns)
            self._erasure = fit_quadratic(
                given.X, given.weights, subspace, column, erased.target, self.shrinkage
            )
            self._levels = column.levels
            self.shrinkage_ = float(self._erasure.shrinkage.max())
        self.rank_ = self._erasure.rank
        if self.target is None:
            others = given.table.columns if metadata is None else [own]
            others = [name for name in others if name not in names]
            moves = worst_moves(
                given.X,
                given.weights,
                subspace,
                found.spread,
                found.frame,
                erased.columns,
                read_candidates(given.table, others, kinds),
            )
            messages += describe_moves(moves)
        self.notes_ = [*erased.notes, *found.notes, *messages]

        if self.dropped_columns_:
            reasons = list_reasons(self.dropped_columns_)
            messages.insert(0, f"{where}: some columns are not erased. {reasons}.")
        read = [name for name in (*held, *names) if name not in kinds]
        warn_of_codes(given.table, read, stacklevel=4)
        warn_of_doubts(given.table, [*held, *erased.factors], stacklevel=4)
        for message in messages:
            # Level 3 is the caller of fit: one more is scikit-learn's wrapper.
            warnings.warn(message, UserWarning, stacklevel=3)
        return self

    def transform(self, X, metadata=None):
        """Erase the columns from embeddings.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, of the rows of `fit` or others.
        metadata : DataFrame or array-like, default=None
            A quadratic erasure needs the column that is erased, or a table that holds
            it; a linear one does without.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Erased embeddings; float32 if X is, else float64.

        Raises
        ------
        ValueError
            If the level of a row is needed and is not known.
        """
        check_is_fitted(self)
        given = X
        X = check_embeddings(self, X, reset=False)
        erase, by_row = self._erasure.erase, []
        if self.method == "quadratic":
            (name,) = self.columns_
            by_row = [read_levels(metadata, given, len(X), name, self._levels)]
        erased = np.empty((len(X), X.n_features), precision_of(X.array))
        for rows, block in X.blocks():
            erased[rows] = erase(to_numpy(block), *[values[rows] for values in by_row])
        return erased

    def fit_transform(self, X, y, sample_weight=None, metadata=None):
        """Find the directions to erase, and erase the columns from the same rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.
        y : DataFrame, Series or array-like of shape (n_samples[, n_columns])
            Metadata, or with `metadata` the target alone; see `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.
        metadata : DataFrame or array-like, default=None
            The metadata table, where y is the target alone.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Erased embeddings.
        """
        self.fit(X, y, sample_weight=sample_weight, metadata=metadata)
        if self.method == "linear":
            return self.transform(X)
        return self.transform(X, metadata=y if metadata is None else metadata)

    def repair_head(self, head):
        """Head that does to embeddings as they are what a head does to erased ones.

        Parameters
        ----------
        head : Head, array, pair (W, b), fitted linear estimator or torch.nn.Module
            Trained head, in any form that `target_head` of `WeightSpaceCorrelation`
            takes.

        Returns
        -------
        Head
            With ``outputs(X)`` equal to ``head.outputs(eraser.transform(X))``, so that
            it can stand in the place of the last layer, and no embedding is changed.

        Raises
        ------
        ValueError
            If the head cannot be read, or the erasure is quadratic: the outputs are
            then no linear function of the embeddings.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_wsca import MetadataEraser
        >>> from sklearn_wsca.datasets import make_shortcut
        >>> study = make_shortcut(use=0.5, encoding=2.0, random_state=0)
        >>> eraser = MetadataEraser(["scanner"], target="target")
        >>> repaired = eraser.fit(study.data, study.metadata).repair_head(study.head)
        >>> coef, intercept = study.head
        >>> erased = eraser.transform(study.data) @ coef.T + intercept
        >>> bool(np.allclose(repaired.outputs(study.data), erased))
        True
        """
        check_is_fitted(self)
        if not isinstance(self._erasure, Erasure):
            raise ValueError(
                "method='quadratic': there is no repaired head, because the outputs "
                "are no linear function of the embeddings; apply the head to "
                "transform(X, metadata), or erase with method='linear'."
            )
        found = read_head(
            head,
            argument="head",
            n_features=self.n_features_in_,
            levels=None,
            feature_names=getattr(self, "feature_names_in_", None),
        )
        coef, intercept = self._erasure.move_before(
            np.asarray(found.coef, dtype=np.float64),
            np.asarray(found.intercept, dtype=np.float64),
        )
        return replace(found, coef=coef, intercept=intercept)

    def __sklearn_tags__(self):
        """Tell scikit-learn that the metadata are required."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = False
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
