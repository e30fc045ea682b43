"""Labels of samples, and the head that predicts them: one row per class, or number."""

from __future__ import annotations

from numbers import Number
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.multiclass import type_of_target

from sklearn_wsca._features.contributions import class_head
from sklearn_wsca._features.maps import FeatureMaps, pool_maps
from sklearn_wsca._heads.given import read_head
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import level_codes
from sklearn_wsca._input.numeric_values import named_column, numbers_or_none
from sklearn_wsca._input.table import as_table, refuse_text, require_columns
from sklearn_wsca._text import list_first

MOST_ITERATIONS = 10_000


class LabelTable(NamedTuple):
    """Labels of samples, what is independent of others of its kind, further columns."""

    labels: pd.Series
    groups: pd.Series | None
    metadata: pd.DataFrame


def read_table(y: Any, target: Any, groups: Any, metadata: Any) -> LabelTable:
    """Split the table of labels by the roles of its columns.

    Raises
    ------
    ValueError
        If a name is unknown, or several columns are given and no target.
    """
    table = as_table(y)
    if target is None:
        if len(table.columns) > 1:
            raise ValueError(
                f"target: y has the columns {list(table.columns)}; name the one with "
                "the labels of the samples in target."
            )
        target = table.columns[0]
    require_columns([target], table, "target")
    roles = [target] if groups is None else [target, groups]
    require_columns(roles[1:], table, "groups")
    names = [name for name in table.columns if name not in roles]
    refuse_text(metadata, "metadata")
    if metadata is not None:
        require_columns(metadata, table, "metadata")
        names = list(metadata)
    missing = int(table[target].isna().sum())
    if missing:
        raise ValueError(
            f"target: {missing} of {len(table)} labels in {target!r} are missing; drop "
            "these samples from A and y."
        )
    return LabelTable(
        _read_labels(table[target]),
        None if groups is None else table[groups],
        table[names],
    )


def _read_labels(labels: pd.Series) -> pd.Series:
    """Labels of which it is certain that they are numbers or levels."""
    if not len(labels):
        return labels
    with named_column(labels.name):
        numbers = numbers_or_none(labels)
    # Decimals and fractions: scikit-learn takes them for something unknown.
    of_python = types.is_object_dtype(labels.dtype) and isinstance(labels[0], Number)
    return labels if numbers is None or not of_python else pd.Series(numbers)


def read_class_head(source: Any, labels: pd.Series, maps: FeatureMaps) -> Head:
    """Head of the samples, with the classes of its rows; fitted if there is none."""
    if source is None:
        return _fit_head(labels, pool_maps(maps))
    head = read_head(source, argument="head", n_features=maps.n_features, levels=None)
    classes = None if _is_regressor(source) else _classes_of(head, labels)
    if classes is not None:
        return class_head(head, classes)
    _check_numbers(labels)
    refuse_several_numbers(source, maps)
    return class_head(head, None)


def refuse_several_numbers(source: Any, maps: FeatureMaps) -> None:
    """Raise if a head says itself that it predicts several numbers.

    Raises
    ------
    ValueError
        If it does: no column of labels can be those of all.
    """
    if source is None or not _is_regressor(source):
        return
    head = read_head(source, argument="head", n_features=maps.n_features, levels=None)
    if head.n_rows > 1:
        raise ValueError(
            f"head: it predicts {head.n_rows} numbers, and one is analysed at a time; "
            "pass its row, such as sklearn_wsca.Head(coef[[0]], intercept[[0]], "
            "kind='ridge'), and the labels of that number as y."
        )


def _is_regressor(source: Any) -> bool:
    """Whether a head predicts numbers, of whatever labels, by what it says itself."""
    if isinstance(source, Head):
        return source.kind == "ridge"
    return hasattr(source, "coef_") and not hasattr(source, "classes_")


def _classes_of(head: Head, labels: pd.Series) -> tuple | None:
    """Classes of the rows of a head; None if it predicts a number."""
    if head.classes is not None:
        return head.classes
    levels = _levels(labels)
    expected = 2 if head.n_rows == 1 else head.n_rows
    if head.n_rows == 1 and len(levels) != 2:
        return None
    if len(levels) == expected:
        return levels
    codes = range(expected)
    if set(levels) <= set(codes):
        return tuple(codes)
    raise ValueError(
        f"head: it has {head.n_rows} rows and y has {len(levels)} different labels "
        f"({list_first(levels)}), so that its classes are not known; pass a head with "
        "classes, such as sklearn_wsca.Head(coef, intercept, classes, 'logistic'); of "
        "a head that predicts numbers pass the row of one."
    )


def _levels(labels: pd.Series) -> tuple:
    """Different labels, sorted."""
    try:
        # As objects: numpy alone makes numbers of dates.
        return tuple(np.unique(labels.astype(object).to_numpy()).tolist())
    except TypeError as error:
        raise ValueError(
            "y: the labels are both numbers and text, such as "
            f"{list_first(labels.unique())}; make them one of the two."
        ) from error


def _check_numbers(labels: pd.Series) -> None:
    if not pd.api.types.is_numeric_dtype(labels):
        raise ValueError(
            f"head: a single row predicts two classes or a number, and y has "
            f"{labels.nunique()} different labels ({list_first(labels.unique())}); "
            "pass one row per class, or numbers as y."
        )


def _fit_head(labels: pd.Series, pooled: np.ndarray) -> Head:
    """Linear head of the pooled activations, for people who have none."""
    scale = np.sqrt(pooled.var(axis=0).mean()) or 1.0
    is_number = types.is_numeric_dtype(labels.dtype)
    if is_number and type_of_target(labels, input_name="y").startswith("continuous"):
        model = Ridge().fit(pooled / scale, labels)
        return Head(model.coef_[None] / scale, np.r_[model.intercept_], None, "ridge")
    if labels.nunique() < 2:
        raise ValueError(
            "y: all samples have the same label, 1 class; a head needs at least two."
        )
    classes = _levels(labels)
    codes = level_codes(labels, classes)
    model = LogisticRegression(max_iter=MOST_ITERATIONS).fit(pooled / scale, codes)
    head = Head(model.coef_ / scale, model.intercept_, classes, "logistic")
    return class_head(head, classes)


def encode_labels(head: Head, labels: pd.Series, argument: str = "y") -> np.ndarray:
    """Codes of the classes, or numbers.

    Raises
    ------
    ValueError
        If a label is none of the classes, or no number where one is predicted.
    """
    if head.classes is None:
        return _as_numbers(labels, argument)
    codes = level_codes(labels, head.classes)
    unknown = labels[codes < 0]
    if len(unknown):
        raise ValueError(
            f"{argument}: {len(unknown)} of {len(labels)} labels are none of the "
            f"classes of the head: {list_first(unknown.unique())}; its classes are "
            f"{list_first(head.classes)}. Drop these samples, or name the classes as "
            "the head does."
        )
    return codes


def _as_numbers(labels: pd.Series, argument: str) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(labels):
        raise ValueError(
            f"{argument}: the head predicts a number, and the labels have the type "
            f"{labels.dtype} (such as {list_first(labels.unique())}); pass numbers."
        )
    numbers = labels.to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"{argument}: {int((~np.isfinite(numbers)).sum())} of {len(numbers)} "
            "labels are infinite; drop these samples."
        )
    return numbers
