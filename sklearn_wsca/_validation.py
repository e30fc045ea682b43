"""Checks of the arguments of the estimator, each with one clear error."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._heads import is_trained
from sklearn_wsca._table import check_names, require_columns

RECIPES = ("auto", "logistic", "ridge")


def check_enough_weights(used: np.ndarray, fewest: int) -> None:
    """Raise if too few rows have a weight above 0."""
    if used.sum() < min(fewest, len(used)):
        raise ValueError(
            f"sample_weight: only {used.sum()} of {len(used)} rows have a weight above "
            f"0; at least {fewest} must."
        )


def check_recipes(heads: Any) -> None:
    """Raise if an entry of `heads` is neither a recipe nor a trained head."""
    entries = heads if isinstance(heads, dict) else {}
    for name, source in entries.items():
        known = source in RECIPES if isinstance(source, str) else source is not None
        if not known or isinstance(source, type):
            raise ValueError(
                f"heads[{name!r}]: {source!r} is not known; pass 'auto', 'logistic', "
                "'ridge', an estimator or a trained head."
            )


def check_same_length(X: Sized, table: pd.DataFrame) -> None:
    """Raise if the table does not have one row per embedding."""
    if len(X) != len(table):
        raise ValueError(
            f"X has {len(X)} rows and y has {len(table)} rows: inconsistent numbers of "
            "samples. Row i of y must describe row i of X."
        )


def select_columns(
    table: pd.DataFrame, target: Any, groups: Any, columns: Any, heads: Any
) -> tuple[list, list]:
    """Names of the columns to analyse, and of trained heads without a column.

    Raises
    ------
    ValueError
        For unknown or repeated names, the target or the groups among the columns, or
        none at all.
    """
    if target is not None:
        require_columns([target], table, "target")
    entries = heads if isinstance(heads, dict) else {}
    unlabelled = [
        name
        for name, source in entries.items()
        if name not in table.columns and is_trained(source)
    ]
    require_columns(
        [name for name in entries if name not in unlabelled], table, "heads"
    )
    if columns is None:
        roles = (target, groups)
        return [name for name in table.columns if name not in roles], unlabelled
    names = list_columns(columns)
    require_columns([n for n in names if n not in unlabelled], table, "columns")
    if target in names and target is not None:
        raise ValueError(
            f"columns: the target {target!r} is among them; it is the primary task, so "
            "leave it out of columns."
        )
    if groups in names and groups is not None:
        raise ValueError(
            f"columns: {groups!r} is among them; it names the groups that are "
            "exchanged, so leave it out of columns."
        )
    unused = [name for name in entries if name not in names and name != target]
    if unused:
        raise ValueError(
            f"heads: {unused} are not among columns; add them there or drop them here."
        )
    labelled = [name for name in names if name not in unlabelled]
    return labelled, [name for name in names if name in unlabelled]


def list_columns(columns: Any) -> list:
    """Names of an argument `columns`, none of them twice.

    Raises
    ------
    ValueError
        For repeated names, or none at all.
    """
    names = list(columns)
    if not names:
        raise ValueError(
            "columns: the list is empty; name at least one column, or pass None for "
            "all but the target."
        )
    check_names(names, "columns")
    if len(set(names)) < len(names):
        raise ValueError(f"columns: a name occurs more than once in {names}.")
    return names


class NothingLeftError(ValueError):
    """No column can be analysed."""


def check_something_left(dropped: dict[Any, str], n_analysed: int, target: Any) -> None:
    """Raise if no column can be analysed, with the reason for each."""
    if n_analysed:
        return
    if not dropped:
        raise NothingLeftError(
            f"y: there is no column besides the target {target!r}; pass metadata "
            "columns to analyse."
        )
    reasons = "; ".join(f"{name!r}: {reason}" for name, reason in dropped.items())
    raise NothingLeftError(
        f"y: all columns are left out, nothing to analyse. {reasons}."
    )
