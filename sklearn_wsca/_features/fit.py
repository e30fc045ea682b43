"""The steps of `IntegratedFeatureAnalysis` between its public methods."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from sklearn_wsca._backend.namespace import is_tensor, to_numpy
from sklearn_wsca._features.contributions import (
    ClassRows,
    keep_top,
    measure_importance,
    rank_features,
)
from sklearn_wsca._features.labels import encode_labels, read_table
from sklearn_wsca._features.maps import FeatureMaps, as_array, pool_maps
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.array_checks import check_array_like, explain_bad_array
from sklearn_wsca._input.table import as_table, check_same_index


class FeatureSteps:
    """Reading of input, and the fitted attributes that several methods share.

    It is the part of `IntegratedFeatureAnalysis` that users do not see; the parameters
    are those of its constructor.
    """

    ranking: Any
    target: Any
    metadata: Any
    groups: Any

    def _read_maps(self, A: Any, reset: bool) -> FeatureMaps:
        """Check shape and number of features; pooled ones as scikit-learn does."""
        check_array_like(A, "A")
        A = to_numpy(A) if is_tensor(A) else A
        if not is_spatial(A):
            # Rows that are not finite are named by those who read the maps.
            with explain_bad_array("A", "feature maps"):
                A = validate_data(self, A, reset=reset, ensure_all_finite=False)
            return FeatureMaps.of(A)
        maps = FeatureMaps.of(A)
        if reset:
            self.n_features_in_ = maps.n_features
            # Of a table that this estimator was fitted with before.
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        elif maps.n_features != self.n_features_in_:
            raise ValueError(
                f"A: the feature maps have {maps.n_features} features, but "
                f"{type(self).__name__} was fitted with {self.n_features_in_}; pass "
                "maps of the same layer."
            )
        return maps

    def _read_new_table(self, y: Any, metadata: Any, maps: FeatureMaps):
        """Labels of new samples, with further columns beside those of y."""
        if metadata is None:
            return self._read_table(y, maps, self.metadata)
        check_same_index(y, metadata, ("y", "metadata"))
        further = as_table(metadata)
        names = self.metadata
        if names is not None:
            names = [name for name in names if name not in further.columns]
        table = self._read_table(y, maps, names)
        if len(further) != len(maps):
            raise ValueError(
                f"metadata: {len(further)} rows for {len(maps)} samples of A; pass one "
                "for each."
            )
        twice = [name for name in further.columns if name in table.metadata.columns]
        if twice:
            raise ValueError(
                f"metadata: the columns {twice} are columns of y too; rename them, or "
                "pass them once."
            )
        joined = pd.concat([table.metadata, further], axis=1)
        return replace(table, metadata=joined)

    def _read_table(self, y: Any, maps: FeatureMaps, metadata: Any):
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None: pass the labels of the samples."
            )
        table = read_table(y, self.target, self.groups, metadata)
        if len(table.labels) != len(maps):
            raise ValueError(
                f"y: {len(table.labels)} labels for {len(maps)} samples of A; pass one "
                "for each."
            )
        return table

    def _set_head(self, rows: ClassRows) -> None:
        kind = "logistic" if rows.is_class else "ridge"
        classes = rows.names if rows.is_class else None
        self.head_ = Head(rows.weights, rows.intercept, classes, kind)
        if rows.is_class:
            self.classes_ = np.array(rows.names)

    def _rows(self) -> ClassRows:
        return ClassRows.of(self.head_, self.head_.classes)

    def _index_rows(self, values: np.ndarray) -> pd.Series:
        return pd.Series(values, pd.Index(self.head_.row_names, name="class"))

    def _set_importance(self, rows: ClassRows, pooled, labels) -> None:
        found = measure_importance(rows, pooled, labels)
        self.importance_, self.importance_overall_ = found.by_class, found.overall
        self.importance_difference_ = found.difference
        self.n_correct_ = found.n_correct
        if self.ranking == "importance":
            scores = np.abs(found.overall)
        else:
            known = found.difference[found.n_correct > 0]
            scores = np.abs(known).max(axis=0, initial=0.0)
        self.ranking_ = rank_features(np.nan_to_num(scores))

    def _kept_weights(self, ratio: float | None, features: Any) -> np.ndarray:
        """Weights of the classes, 0 for features that are not drawn."""
        weights = self.head_.coef
        if features is not None:
            if ratio is not None:
                raise ValueError("ratio and features exclude each other; pass one.")
            return weights * read_features(features, self.n_features_in_)
        if ratio is None:
            return weights
        if not isinstance(ratio, Real) or not 0 < ratio <= 1:
            raise ValueError(f"ratio: {ratio!r} is no share; pass 0 < ratio <= 1.")
        scores = np.abs(self.importance_difference_)
        ranks = [
            self.ranking_ if np.isnan(score).any() else rank_features(score)
            for score in scores
        ]
        kept = [keep_top(rank, ratio) for rank in ranks]
        return weights * np.array(kept)

    def _map_classes(self, maps: FeatureMaps, rows: ClassRows, target) -> np.ndarray:
        """Row of the head for each sample."""
        n = len(maps)
        if not rows.is_class:
            return np.zeros(n, dtype=int)
        if target is None:
            return rows.predict(pool_maps(maps))
        labels = pd.Series([target] * n if np.ndim(target) == 0 else list(target))
        if len(labels) != n:
            raise ValueError(
                f"target: {len(labels)} classes for {n} samples; pass one for each, or "
                "one for all."
            )
        return encode_labels(rows, labels, "target")


def read_features(features: Any, n_features: int) -> np.ndarray:
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
