"""Embeddings, table and weights as given by the user -> checked, row by row alike."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from sklearn_wsca._backend.namespace import is_tensor
from sklearn_wsca._compat import _check_sample_weight
from sklearn_wsca._input.array_checks import check_array_like, explain_bad_array
from sklearn_wsca._input.embeddings import (
    Embeddings,
    check_finite,
    check_lazy,
    check_magnitude,
    is_lazy,
)
from sklearn_wsca._input.roles import NO_ROLES, RoleNames, Roles, read_roles
from sklearn_wsca._input.separate_target import join_target
from sklearn_wsca._input.table import (
    as_table,
    check_same_index,
)

SHAPE = (
    "Embeddings have one row per sample and one column per feature; average feature "
    "maps over their positions first. "
)


@dataclass(frozen=True)
class Input:
    """Checked input without rows of weight 0.

    Parameters
    ----------
    X : Embeddings
        The rows.
    table : DataFrame
        Metadata; its index says which rows of the input they are.
    weights : ndarray of shape (n,)
        Positive row weights.
    n_given : int
        Rows of the input.
    roles : Roles
        Groups and confounders; none unless they were read.
    feature_names : ndarray or None
        Names of the features, where the embeddings have any.
    """

    X: Embeddings
    table: pd.DataFrame
    weights: np.ndarray
    n_given: int
    roles: Roles = NO_ROLES
    feature_names: np.ndarray | None = None

    @property
    def positions(self) -> np.ndarray:
        """Position in the input of each row."""
        return self.table.index.to_numpy()

    def with_roles(self, names: RoleNames) -> Input:
        """Return the same with groups and confounders, read from the table."""
        return replace(self, roles=read_roles(self.table, names))

    def take(self, order: np.ndarray) -> Input:
        """Return the same with row ``order[i]`` as row i."""
        return replace(
            self,
            X=self.X.take(order),
            table=self.table.iloc[order],
            weights=self.weights[order],
            roles=self.roles.take(order),
        )


def check_embeddings(estimator: Any, X: Any, reset: bool) -> Embeddings:
    """Check embeddings in any form; arrays that are read in blocks are not read yet."""
    fewest = 2 if reset else 1
    check_array_like(X, "X")
    with explain_bad_array("X", "embeddings", SHAPE):
        if is_lazy(X) or is_tensor(X):
            X = X.detach() if is_tensor(X) else X
            check_lazy(X)
            _check_shape(X, fewest)
            # Counts and remembers the features without reading the rows.
            stand_in = np.zeros((fewest, X.shape[1]))
            validate_data(estimator, stand_in, reset=reset, ensure_min_samples=fewest)
        else:
            X = validate_data(
                estimator,
                X,
                reset=reset,
                dtype=[np.float64, np.float32],
                ensure_all_finite=False,
                ensure_min_samples=fewest,
            )
    if not is_lazy(X):
        check_finite(X)
    return Embeddings(X)


def check_input(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    reset: bool,
    metadata: Any = None,
    target: Any = None,
) -> Input:
    """Check embeddings, metadata table and weights together.

    With `metadata` y is the column named `target`, otherwise it is the table.
    """
    if y is None:
        what = "the metadata table" if metadata is None else "the column of the target"
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but "
            f"the target y is None: pass {what} as y."
        )
    check_same_index(X, y)
    embeddings = check_embeddings(estimator, X, reset)
    if metadata is None:
        table = as_table(y)
    else:
        check_same_index(X, metadata, ("X", "metadata"))
        table = join_target(y, metadata, target)
    check_same_length(embeddings, table)
    n = len(embeddings)
    weights = _check_weights(sample_weight, y, n)
    used = weights > 0
    check_enough_weights(used, 2 if reset else 1)
    names = getattr(estimator, "feature_names_in_", None)
    if not used.all():
        embeddings, table, weights = embeddings.keep(used), table[used], weights[used]
    return Input(embeddings, table, weights, n, feature_names=names)


def _check_weights(sample_weight: Any, y: Any, n: int) -> np.ndarray:
    """One weight per row, none of them negative."""
    if not isinstance(sample_weight, Number | None):
        check_array_like(sample_weight, "sample_weight")
        check_same_index(y, sample_weight, ("y", "sample_weight"))
    with explain_bad_array("sample_weight", "weights"):
        weights = _check_sample_weight(
            sample_weight, np.empty((n, 1)), dtype=np.float64, ensure_non_negative=True
        )
    check_magnitude(float(weights.max()), "sample_weight", "weight")
    return weights


def _check_shape(X: Any, fewest: int) -> None:
    if any(length != length for length in X.shape):  # NaN, where dask does not know it.
        raise ValueError(
            f"X: the embeddings have the shape {tuple(X.shape)}; call "
            "X.compute_chunk_sizes() first, so that their number of rows is known."
        )
    if len(X.shape) != 2 or X.shape[0] < fewest or X.shape[1] < 1:
        raise ValueError(
            f"X: the embeddings have the shape {tuple(X.shape)}; at least {fewest} "
            "rows and one column are needed: one row per sample, one column per "
            "feature."
        )


def check_enough_weights(used: np.ndarray, fewest: int) -> None:
    """Raise if too few rows have a weight above 0."""
    if used.sum() < min(fewest, len(used)):
        raise ValueError(
            f"sample_weight: only {used.sum()} of {len(used)} rows have a weight above "
            f"0; at least {fewest} must."
        )


def check_same_length(X: Sized, table: pd.DataFrame) -> None:
    """Raise if the table does not have one row per embedding."""
    if len(X) != len(table):
        raise ValueError(
            f"X has {len(X)} rows and y has {len(table)} rows: inconsistent numbers of "
            "samples. Row i of y must describe row i of X."
        )
