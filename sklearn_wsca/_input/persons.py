"""Rows of the same patient that nobody said belong together."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.row_names import (
    describe_row_names,
    is_person_name,
    whole_numbers,
)
from sklearn_wsca._text import list_names

# A patient or subject of fewer values is one of a kind, such as patient or control.
FEWEST_PERSONS = 5
# What tells a person by its rows: that many values, that many more rows, and labels
# that agree within a value this often, against odds of one in a million.
FEWEST_VALUES, FEWEST_REPEATS = 20, 20
AGREEMENT, SURPRISE = 0.95, np.log(1e6)


def find_names(table: pd.DataFrame, names: Iterable[Any]) -> dict[Any, str]:
    """Reasons why some columns name rows or patients instead of describing them."""
    reasons = {}
    for name in names:
        reason = describe_row_names(table[name]) or _describe_persons(table[name])
        if reason is not None:
            reasons[name] = reason
    return reasons


def _describe_persons(series: pd.Series) -> str | None:
    """Why a column names patients that several rows share; None if it may not."""
    named = is_person_name(series.name) and _names_something(series)
    codes = _codes(series) if named else None
    if codes is None or codes.max() + 1 < FEWEST_PERSONS or not _n_repeats(codes):
        return None
    return (
        f"identifier-like: its name is that of patients, and rows share its "
        f"{codes.max() + 1} values; make it the groups, or name it in columns to "
        "analyse it"
    )


def warn_of_persons(
    table: pd.DataFrame, target: Any, groups: Any, stacklevel: int
) -> None:
    """Warn if rows share a patient, and neither `groups` nor anything else says so."""
    message = _describe_named(table, target, groups)
    if message is None and groups is None and target is not None:
        message = _describe_unnamed(table, target)
    if message is not None:
        warnings.warn(f"groups: {message}", UserWarning, stacklevel=stacklevel)


def _describe_named(table: pd.DataFrame, target: Any, groups: Any) -> str | None:
    """Whether a column has the name of a person, and rows or groups share it."""
    units = np.arange(len(table)) if groups is None else _codes(table[groups])
    for name in table.columns:
        if name in (target, groups) or not is_person_name(name):
            continue
        if not _names_something(table[name]):
            continue
        codes = _codes(table[name])
        if codes is None or units is None:
            continue
        both = (codes >= 0) & (units >= 0)
        n_persons, n_units = len(np.unique(codes[both])), len(np.unique(units[both]))
        # Groups of several persons, such as families, are independent of others.
        if n_persons < FEWEST_PERSONS or n_persons >= n_units:
            continue
        if not _determines(units, codes):
            continue
        rows = f"{int(both.sum())} rows" if groups is None else f"{n_units} {groups!r}"
        return (
            f"{rows} share {n_persons} values of {name!r} and are taken for "
            "independent, although its name is that of patients; p-values are then too "
            f"small. Say which belong together: groups={name!r}."
        )
    return None


def _describe_unnamed(table: pd.DataFrame, target: Any) -> str | None:
    """Whether a column of many values tells target and columns, as a patient does."""
    target_codes = _codes(table[target])
    others = {name: _codes(table[name]) for name in table.columns if name != target}
    if target_codes is None:
        return None
    for name, codes in others.items():
        if codes is None or not _may_be_persons(table[name], codes):
            continue
        if not _tells(codes, target_codes):
            continue
        told = [
            other
            for other, its_codes in others.items()
            if other != name
            and its_codes is not None
            and _is_evidence(codes, its_codes, target_codes)
        ]
        if told:
            shared = list_names([target, *told[:2]])
            return (
                f"rows with the same {name!r} ({codes.max() + 1} values in "
                f"{len(codes)} rows) share {shared} too, as those of one patient do, "
                f"and are taken for independent. If {name!r} says which rows belong "
                f"together, name it: groups={name!r}."
            )
    return None


def _is_evidence(codes: np.ndarray, other: np.ndarray, target: np.ndarray) -> bool:
    """Whether a column is told, for another reason than that it follows the target.

    A code of a disease tells the disease and its chapter, and no more about a patient.
    """
    if other.max() >= codes.max() or _determines(other, target):
        return False
    return not _determines(target, other) and _tells(codes, other)


def _may_be_persons(series: pd.Series, codes: np.ndarray) -> bool:
    """Whether a column has values enough, in rows enough, that are text or whole."""
    n_values = int(codes.max()) + 1
    if n_values < FEWEST_VALUES or _n_repeats(codes) < FEWEST_REPEATS:
        return False
    return _names_something(series)


def _names_something(series: pd.Series) -> bool:
    """Whether values are text or whole numbers."""
    observed = series.dropna()
    is_text = len(observed) > 0 and isinstance(observed.iloc[0], str)
    return is_text or whole_numbers(series) is not None


def _tells(codes: np.ndarray, labels: np.ndarray) -> bool:
    """Whether labels agree within each code, more than chance would have them."""
    both = (codes >= 0) & (labels >= 0)
    codes, labels = codes[both], labels[both]
    n_pairs = len(codes) - len(np.unique(codes))
    if not n_pairs:
        return False
    order = np.argsort(codes, kind="stable")
    codes, labels = codes[order], labels[order]
    agree = np.mean((labels[1:] == labels[:-1])[codes[1:] == codes[:-1]])
    chance = float(np.sum((np.bincount(labels) / len(labels)) ** 2))
    if agree < AGREEMENT or chance >= agree:
        return False
    # Chernoff's bound on the tail of a binomial distribution.
    bound = agree * np.log(agree / chance)
    if agree < 1.0:
        bound += (1.0 - agree) * np.log((1.0 - agree) / (1.0 - chance))
    return bool(n_pairs * bound > SURPRISE)


def _determines(codes: np.ndarray, labels: np.ndarray) -> bool:
    """Whether every code has a single label."""
    both = (codes >= 0) & (labels >= 0)
    codes, labels = codes[both].astype(np.int64), labels[both]
    pairs = np.unique(codes * (labels.max(initial=0) + 1) + labels)
    return len(pairs) == len(np.unique(codes))


def _n_repeats(codes: np.ndarray) -> int:
    """Rows besides the first of each value."""
    observed = codes[codes >= 0]
    return len(observed) - len(np.unique(observed))


def _codes(series: pd.Series) -> np.ndarray | None:
    """Number of the value of each row, -1 where it is missing; None if it has none."""
    try:
        codes = pd.factorize(series)[0]
    except (
        TypeError,
        NotImplementedError,
    ):  # Lists and the like: said where the column is read.
        return None
    return None if codes.max(initial=-1) < 0 else np.asarray(codes, dtype=np.intp)
