"""Arguments of the methods of `IntegratedFeatureAnalysis`: read and checked."""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from sklearn_wsca._backend.namespace import is_tensor, to_numpy
from sklearn_wsca._features.axes import put_features_first, warn_of_features_last
from sklearn_wsca._features.contributions import keep_top, predict_rows
from sklearn_wsca._features.labels import LabelTable, encode_labels, read_table
from sklearn_wsca._features.maps import FeatureMaps, as_array, pool_maps
from sklearn_wsca._heads.given import read_weights
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.array_checks import check_array_like, explain_bad_array
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.predictions import are_probabilities
from sklearn_wsca._input.predictions import read_outputs as read_numbers
from sklearn_wsca._input.table import as_table, check_same_index


def read_maps(estimator: Any, A: Any, reset: bool) -> FeatureMaps:
    """Check shape and number of features; pooled ones as scikit-learn does.

    As `validate_data` does, it sets `n_features_in_` of the estimator where `reset`.
    """
    check_array_like(A, "A")
    A = to_numpy(A) if is_tensor(A) else A
    if not is_spatial(A):
        # Rows that are not finite are named by those who read the maps.
        with explain_bad_array("A", "feature maps"):
            A = validate_data(estimator, A, reset=reset, ensure_all_finite=False)
        return FeatureMaps.of(A)
    maps = FeatureMaps.of(A)
    if not reset:
        maps = put_features_first(maps, estimator.n_features_in_.__eq__, levels=4)
    elif estimator.head is not None:
        maps = put_features_first(maps, partial(_may_read, estimator.head))
    else:
        warn_of_features_last(maps)
    if reset:
        estimator.n_features_in_ = maps.n_features
        # Of a table that this estimator was fitted with before.
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    elif maps.n_features != estimator.n_features_in_:
        raise ValueError(
            f"A: the feature maps have {maps.n_features} features, but "
            f"{type(estimator).__name__} was fitted with {estimator.n_features_in_}; "
            "pass maps of the same layer."
        )
    return maps


def _may_read(head: Any, n_features: int) -> bool:
    """Whether a head in any form may read so many features."""
    try:
        read_weights(head, argument="head", n_features=n_features)
    except ValueError:
        return False
    return True


def read_outputs(outputs: Any, head: Head, n_samples: int) -> np.ndarray:
    """Outputs of the network itself, one column per row of the head: (n, K).

    A single score speaks against the first of two classes.

    Raises
    ------
    ValueError
        If they are probabilities, or not as many as samples and rows of the head.
    """
    given = read_numbers(outputs)
    if given.shape[1] > 1 and are_probabilities(given):
        raise ValueError(
            "outputs: they are probabilities, which do not rise in proportion to maps; "
            "pass the logits in front of the softmax."
        )
    if given.shape[1] == 1 and len(head.classes or ()) == 2:
        given = np.hstack([-given, given])
    if given.shape != (n_samples, head.n_rows):
        raise ValueError(
            f"outputs: they have the shape {given.shape}; pass one row for each of the "
            f"{n_samples} samples and one column for each of the {head.n_rows} rows of "
            "the head."
        )
    return given


def read_labels(
    estimator: Any, y: Any, n_samples: int, metadata: Any = None
) -> LabelTable:
    """Labels of the samples, with further columns that `metadata` holds, if any.

    Which column of y is what, parameters of the estimator say.
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but "
            "the target y is None: pass the labels of the samples."
        )
    names, further = estimator.metadata, None
    if metadata is not None:
        check_same_index(y, metadata, ("y", "metadata"))
        further = as_table(metadata)
        if names is not None:
            names = [name for name in names if name not in further.columns]
    table = read_table(y, estimator.target, estimator.groups, names)
    if len(table.labels) != n_samples:
        raise ValueError(
            f"y: {len(table.labels)} labels for {n_samples} samples of A; pass one for "
            "each."
        )
    return table if further is None else _join(table, further)


def _join(table: LabelTable, further: pd.DataFrame) -> LabelTable:
    if len(further) != len(table.labels):
        raise ValueError(
            f"metadata: {len(further)} rows for {len(table.labels)} samples of A; pass "
            "one for each."
        )
    twice = [name for name in further.columns if name in table.metadata.columns]
    if twice:
        raise ValueError(
            f"metadata: the columns {twice} are columns of y too; rename them, or pass "
            "them once."
        )
    return table._replace(metadata=pd.concat([table.metadata, further], axis=1))


def read_groups(groups: Any, n_samples: int) -> np.ndarray:
    """Number of the group of each sample; without groups each has its own: (n,).

    Raises
    ------
    ValueError
        If there is not one for each sample.
    """
    if groups is None:
        return np.arange(n_samples)
    series = pd.Series(np.asarray(groups), name="groups")
    if len(series) != n_samples:
        raise ValueError(
            f"groups: {len(series)} for {n_samples} samples; pass one for each."
        )
    codes = Groups.of(series).codes
    if (codes < 0).any():
        raise ValueError(
            f"groups: {int((codes < 0).sum())} are missing; leave these samples out."
        )
    return codes


def draw_features(ratio: float | None, features: Any, ranks: np.ndarray) -> np.ndarray:
    """Which features are drawn: (C,) or, by their ranks (K, C) in each row, (K, C)."""
    n_features = ranks.shape[1]
    if features is not None:
        if ratio is not None:
            raise ValueError("ratio and features exclude each other; pass one.")
        return _read_features(features, n_features)
    if ratio is None:
        return np.ones(n_features, dtype=bool)
    if not isinstance(ratio, Real) or not 0 < ratio <= 1:
        raise ValueError(f"ratio: {ratio!r} is no share; pass 0 < ratio <= 1.")
    return keep_top(ranks, ratio)


def choose_rows(head: Head, maps: FeatureMaps, target: Any) -> np.ndarray:
    """Row of the head that each map is drawn for: (n,)."""
    n = len(maps)
    if head.classes is None:
        return np.zeros(n, dtype=int)
    if target is None:
        return predict_rows(head, pool_maps(maps))
    labels = pd.Series([target] * n if np.ndim(target) == 0 else list(target))
    if len(labels) != n:
        raise ValueError(
            f"target: {len(labels)} classes for {n} samples; pass one for each, or one "
            "for all."
        )
    return encode_labels(head, labels, "target")


def _read_features(features: Any, n_features: int) -> np.ndarray:
    """Which features are named by a mask or by their numbers: (C,), bool."""
    features = np.asarray(features)
    is_mask = features.dtype == bool and features.shape == (n_features,)
    is_number = features.dtype.kind in "iu" and features.ndim == 1 and len(features)
    if is_mask:
        return features
    if not is_number or features.min() < 0 or features.max() >= n_features:
        raise ValueError(
            f"features: {features.tolist()!r} are no features; pass numbers from 0 to "
            f"{n_features - 1}, or a mask of {n_features} truth values."
        )
    return np.isin(np.arange(n_features), features)


def is_spatial(A: Any) -> bool:
    """Whether activations have more than two dimensions."""
    if isinstance(A, (list, tuple)):
        return as_array(A).ndim > 2
    return getattr(A, "ndim", 2) > 2


def check_percentiles(percentiles: Any) -> None:
    """Raise if these are not two rising percentiles."""
    two = len(percentiles) == 2 and all(isinstance(p, Real) for p in percentiles)
    if not two or not 0 <= percentiles[0] < percentiles[1] <= 100:
        raise ValueError(
            f"percentiles: {percentiles!r} is not two rising numbers from 0 to 100; "
            "pass such as (1, 99)."
        )
