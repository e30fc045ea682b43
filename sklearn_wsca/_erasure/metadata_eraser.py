"""The transformer that removes metadata from embeddings."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._backend.namespace import precision_of, to_numpy
from sklearn_wsca._compat import Interval, StrOptions, _fit_context
from sklearn_wsca._erasure.erasure import (
    TOLERANCE,
    Erasure,
    Held,
    choose_shrinkage,
    concept_frame,
    cross_moments,
    whitening_spread,
)
from sklearn_wsca._input.checked_input import check_embeddings, check_input
from sklearn_wsca._input.column import Column, LeftOutError, read_column
from sklearn_wsca._input.doubtful_values import warn_of_doubts
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.kinds import check_kinds, warn_of_codes
from sklearn_wsca._input.separate_target import explain_single_column, name_target
from sklearn_wsca._input.table import list_columns, require_columns
from sklearn_wsca._linear.subspace import Subspace, fit_subspace


class MetadataEraser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Remove what a linear function can read of metadata from embeddings.

    The embeddings are projected along the directions that covary with the metadata
    columns, so that nothing linear is left of them, and are otherwise changed as little
    as possible (in the least-squares sense): LEACE [1]_.

    Parameters
    ----------
    columns : list of str, default=None
        Columns to erase; None takes all but the target.
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
        are not many more rows than features.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the embeddings; it is not changed by the erasure.
    rank_ : int
        Number of directions that are erased: at most the number of levels minus 1 for
        a categorical column, and 1 for a continuous one.
    shrinkage_ : float
        The shrinkage that was used.
    columns_ : list of str
        Columns that are erased.
    dropped_columns_ : dict of str to str
        Columns that are not, with the reason: constant, identifier-like, without
        variation at fixed target.
    notes_ : list of str
        What a reader must know: rows with missing values, or that nothing or everything
        is erased.
    n_features_in_ : int
        Number of features of the embeddings.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the embeddings have string column names.

    See Also
    --------
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
    head: where the two are associated, the outputs of a given head may move more with
    the column at fixed target than before.

    *With a target* z is replaced by what is left of it after a regression on the
    target. In the regression of the output of any linear head on the target and the
    column, the column then has no effect on the rows of `fit`, and what the target
    shares with the column stays; utilization keeps only what differs between classes of
    the target and cancels over them. A probe may still read the column through its
    association with the target. Use it to repair a decision that must not depend on the
    column.

    Nonlinear functions may read the column in both cases.

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
    }

    def __init__(self, columns=None, *, target=None, kinds=None, shrinkage="auto"):
        self.columns = columns
        self.target = target
        self.kinds = kinds
        self.shrinkage = shrinkage

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
        if metadata is None:
            named = [] if self.columns is None else list(self.columns)
            named += [] if self.target is None else [self.target]
            explain_single_column(y, given.table, named)
        names = _select_columns(given.table, self.target, self.columns)
        if self.columns is None:
            names = [name for name in names if name != own]
        self.dropped_columns_: dict[Any, str] = {}
        self.notes_: list[str] = []
        kinds = check_kinds(self.kinds, given.table)
        target = self._read_target(given.table, kinds)
        factors = self._read_factors(given.table, names, kinds, target, given.weights)
        where = "y" if metadata is None else "metadata"
        _check_something_left(self.dropped_columns_, factors, where)
        subspace = fit_subspace(given.X, given.weights, None, 0)
        self._erasure = self._fit_erasure(
            given.X, given.weights, subspace, np.hstack(list(factors.values()))
        )
        self.columns_ = list(factors)
        self.mean_, self.rank_ = subspace.mean, self._erasure.rank
        messages = _describe_extremes(self.columns_, self.rank_, subspace.rank)
        self.notes_ += messages
        if self.dropped_columns_:
            reasons = _list_reasons(self.dropped_columns_)
            messages.insert(0, f"{where}: some columns are not erased. {reasons}.")
        read = [n for n in (self.target, *names) if n is not None and n not in kinds]
        warn_of_codes(given.table, read, stacklevel=4)
        held = [] if self.target is None else [self.target]
        warn_of_doubts(given.table, [*held, *factors], stacklevel=4)
        for message in messages:
            # Level 3 is the caller of fit: one more is scikit-learn's wrapper.
            warnings.warn(message, UserWarning, stacklevel=3)
        return self

    def transform(self, X):
        """Erase the columns from embeddings.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, of the rows of `fit` or others.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Erased embeddings; float32 if X is, else float64.
        """
        check_is_fitted(self)
        X = check_embeddings(self, X, reset=False)
        erased = np.empty((len(X), X.n_features), precision_of(X.array))
        for rows, block in X.blocks():
            erased[rows] = self._erasure.erase(to_numpy(block))
        return erased

    def __sklearn_tags__(self):
        """Tell scikit-learn that the metadata are required."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = False
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _read_target(self, table: pd.DataFrame, kinds: dict) -> Column | None:
        """Column that is held fixed."""
        if self.target is None:
            return None
        try:
            column = read_column(
                table[self.target], kind=kinds.get(self.target, "auto")
            )
        except LeftOutError as reason:
            raise ValueError(
                f"target={self.target!r} cannot be held fixed: {reason}. Choose "
                "another column, or target=None to erase without one."
            ) from reason
        self.notes_ += [f"target {self.target!r}: {note}" for note in column.notes]
        return column

    def _read_factors(
        self,
        table: pd.DataFrame,
        names: list,
        kinds: dict,
        target: Column | None,
        weights: np.ndarray,
    ) -> dict[Any, np.ndarray]:
        """Factors of the columns that can be erased; keeps reasons and notes."""
        factors = {}
        for name in names:
            try:
                column = _read_all_levels(table[name], kinds.get(name, "auto"))
                factors[name] = _column_factors(column, target, weights)
            except LeftOutError as reason:
                self.dropped_columns_[name] = str(reason)
            else:
                self.notes_ += _describe_missing(column, len(table))
        return factors

    def _fit_erasure(
        self,
        X: Embeddings,
        weights: np.ndarray,
        subspace: Subspace,
        factors: np.ndarray,
    ) -> Erasure:
        """Solve in principal coordinates; keeps the shrinkage."""
        mean, variance = subspace.mean, subspace.variance
        self.shrinkage_ = choose_shrinkage(self.shrinkage, X, weights, mean, variance)
        spread = whitening_spread(variance, self.shrinkage_, X.n_features)
        cross = subspace.project(cross_moments(X, mean, factors).T).T
        frame = concept_frame(cross, spread, TOLERANCE[precision_of(X.array)])
        return Erasure.of(frame, spread, subspace.components, mean)


def _select_columns(table: pd.DataFrame, target: Any, columns: Any) -> list:
    """Names of the columns to erase.

    Raises
    ------
    ValueError
        For unknown or repeated names, the target among the columns, or none at all.
    """
    if target is not None:
        require_columns([target], table, "target")
    if columns is None:
        return [name for name in table.columns if name != target]
    names = list_columns(columns)
    require_columns(names, table, "columns")
    if target is not None and target in names:
        raise ValueError(
            f"columns: the target {target!r} is among them; it is held fixed, so leave "
            "it out of columns, or set target=None to erase it."
        )
    return names


def _read_all_levels(series: pd.Series, kind: Any) -> Column:
    """Type a column; unlike in an analysis of effects, rare levels count.

    Raises
    ------
    LeftOutError
        If the column is constant or identifier-like.
    """
    column = read_column(series, kind=kind)
    rows = np.flatnonzero(series.notna().to_numpy())
    if not column.n_levels or len(rows) == len(column.rows):
        return column
    codes, levels = pd.factorize(series.iloc[rows].astype(object))
    return Column(column.name, "categorical", rows, codes, tuple(levels))


def _column_factors(
    column: Column, target: Column | None, weights: np.ndarray
) -> np.ndarray:
    """Factors of the covariance with a column, at fixed target if there is one.

    Raises
    ------
    LeftOutError
        If nothing is left of the column.
    """
    held = [] if target is None else [target]
    factors = Held.of(column, weights, held).concept(column)
    if factors.shape[1]:
        return factors
    if target is None:
        raise LeftOutError("constant: it varies by rounding only")
    raise LeftOutError(
        f"does not vary at fixed target {target.name!r}: that determines it, or no "
        "rows have both"
    )


def _check_something_left(dropped: dict[Any, str], factors: dict, where: str) -> None:
    """Raise if no column of the argument `where` can be erased, with the reasons."""
    if factors:
        return
    if not dropped:
        raise ValueError(
            f"{where}: there is no column besides the target; pass metadata columns to "
            "erase."
        )
    raise ValueError(f"{where}: no column can be erased. {_list_reasons(dropped)}.")


def _list_reasons(dropped: dict[Any, str]) -> str:
    return "; ".join(f"{name!r}: {reason}" for name, reason in dropped.items())


def _describe_missing(column: Column, n_rows: int) -> list[str]:
    """How many rows were set to the mean of the column."""
    missing = n_rows - len(column.rows)
    if not missing:
        return []
    return [
        f"column {column.name!r}: missing in {missing} of {n_rows} rows, which are set "
        "to its mean."
    ]


def _describe_extremes(columns: list, rank: int, rank_of_embeddings: int) -> list[str]:
    """Whether nothing is erased, or everything."""
    if rank == 0:
        return [
            f"X: the embeddings are already uncorrelated with the columns {columns}: "
            "there is nothing to erase, and transform returns them as they are."
        ]
    if rank == rank_of_embeddings:
        return [
            f"X: the columns take all {rank} directions along which the embeddings "
            "vary: all erased embeddings are equal."
        ]
    return []
