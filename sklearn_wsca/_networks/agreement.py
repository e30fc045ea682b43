"""Whether analyses are of the same rows, columns and settings, or where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._analysis.audit import DESCRIPTION
from sklearn_wsca._analysis.settings import (
    HEAD_OUTPUTS,
    SETTINGS,
    describe_head,
    describe_settings,
)
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS
from sklearn_wsca._input.several_targets import check_one_target, is_joined
from sklearn_wsca._text import column_text, is_nothing, list_first, plain_text, quote

# What a column is, whatever the network.
METADATA = ("kind", "n_samples", "n_levels")
# Of the rows as a whole, in words.
ROWS = {
    "n_samples": "rows",
    "n_used": "rows with target, groups and confounders",
    "n_groups": "groups",
    "target": "targets",
    "groups": "columns of the groups",
    "held_fixed": "columns held fixed",
    "min_effect": "values of min_effect",
    "significance": "values of significance",
    "head_rows": "answers to whether the head has seen the rows",
}
DIGITS = 9
# Columns of the summary whose spread tells something.
NUMBERS = (
    "utilization",
    "utilization_balanced",
    "probability_shift",
    "encoding_score",
    "encoding_skill",
    "alignment_score",
)
SHOWN = 5
# Of the numbers that describe a column, those that hang on the order of the rows.
SUMS = {"mean", "standard_deviation"}


@dataclass(frozen=True)
class Analysed:
    """Table of one network, and what it was made of.

    Parameters
    ----------
    name : object
        Of the network.
    table : DataFrame
        One row per column of the metadata.
    described : dict
        Rows, levels and their counts; empty where a table does not tell.
    settings : dict
        Parameters of the estimator; empty where a table does not tell.
    outputs : dict
        Of its head, see `describe_head`; empty where a table does not tell.
    metrics : DataFrame, default=None
        How well columns are predicted, by measures; None where a table does not tell.
    """

    name: Any
    table: pd.DataFrame
    described: dict[str, Any]
    settings: dict[str, Any]
    outputs: dict[str, Any]
    metrics: pd.DataFrame | None = None

    @classmethod
    def of(cls, name: Any, source: Any) -> Analysed:
        """Read a fitted estimator, or a table of `audit`.

        Raises
        ------
        TypeError, ValueError, NotFittedError
            If it is neither, or of several targets.
        """
        if isinstance(source, pd.DataFrame):
            missing = [c for c in SUMMARY_COLUMNS if c not in source.columns]
            if missing or is_joined(source):
                what = "of several targets" if not missing else "no table of an audit"
                raise ValueError(
                    f"analyses: {quote(name)} is {what}; pass a fitted "
                    "WeightSpaceCorrelation of one target, or what its audit returned."
                )
            keys = (DESCRIPTION, SETTINGS, HEAD_OUTPUTS)
            return cls(name, source, *(source.attrs.get(key, {}) for key in keys))
        if not hasattr(source, "get_params"):
            raise TypeError(
                f"analyses: {quote(name)} is a {type(source).__name__}; pass a fitted "
                "WeightSpaceCorrelation for each network, or what its audit returned."
            )
        check_is_fitted(source)
        check_one_target(source)
        told = source.description_, describe_settings(source), describe_head(source)
        return cls(name, source.summary_, *told, source.encoding_metrics_)


def read_analyses(analyses: Any) -> list[Analysed]:
    """Analyses by network, of which all are about the same.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two, or they differ in more than the network.
    """
    if isinstance(analyses, Mapping):
        named = list(analyses.items())
    elif isinstance(analyses, (list, tuple)):
        named = list(enumerate(analyses))
    else:
        raise TypeError(
            f"analyses: found a {type(analyses).__name__}; pass a list of analyses, or "
            "a dict of name to analysis."
        )
    if len(named) < 2:
        raise ValueError(
            f"analyses: found {len(named)}; a spread needs at least two networks."
        )
    first, *others = (Analysed.of(name, source) for name, source in named)
    for network in others:
        for difference in _differences(first, network):
            raise ValueError(
                f"analyses: {quote(network.name)} and {quote(first.name)} {difference}."
            )
    return [first, *others]


def refuse_twice(every: list[Analysed]) -> None:
    """Raise if a network comes twice.

    Raises
    ------
    ValueError
        If the numbers of two networks are the same to the last digit.
    """
    for one, other in combinations(every, 2):
        found, expected = (
            numbers_of(them, list(one.table.index)).to_numpy(dtype=float)
            for them in (one, other)
        )
        if np.isfinite(found).any() and np.array_equal(found, expected, equal_nan=True):
            raise ValueError(
                f"analyses: {quote(one.name)} and {quote(other.name)} are the same "
                "network: all their numbers are equal, and would make the spread too "
                "small; pass every network once."
            )


def rows_of(one: Analysed, names: list) -> pd.DataFrame:
    """Table of a network in the order of the columns."""
    return one.table.iloc[[one.table.index.get_loc(name) for name in names]]


def numbers_of(one: Analysed, names: list) -> pd.DataFrame:
    """Numbers of a network in the order of the columns."""
    return rows_of(one, names)[list(NUMBERS)]


def _differences(first: Analysed, other: Analysed) -> Iterator[str]:
    """In what two analyses differ besides the network, in words."""
    yield from _other_columns(first.table.index, other.table.index)
    yield from _other_rows(first, other)
    yield from _other_outputs(first.outputs, other.outputs)
    for key, value in first.settings.items():
        own = other.settings.get(key, value)
        if not _alike(own, value):
            yield (
                f"have {key}={own!r} and {key}={value!r}; analyse every network with "
                "the same settings"
            )


def _other_columns(first: pd.Index, other: pd.Index) -> Iterator[str]:
    without = [name for name in first if name not in other]
    besides = [name for name in other if name not in first]
    if without or besides:
        named = list_first(map(column_text, without + besides))
        yield (
            f"have other columns: only one of them has {named}; analyse the same "
            "columns of the same table"
        )


def _other_rows(first: Analysed, other: Analysed) -> Iterator[str]:
    advice = "pass analyses of the same rows of the same table"
    both_tell = bool(first.described and other.described)
    for key, words in ROWS.items():
        own, expected = other.described.get(key), first.described.get(key)
        if both_tell and not _alike(own, expected):
            shown = "" if key == "target" else f" ({own!r} and {expected!r})"
            yield f"have different {words}{shown}; {advice}"
    for name in first.table.index:
        own, expected = _metadata(other, name), _metadata(first, name)
        if both_tell:
            own, expected = own + _labels(other, name), expected + _labels(first, name)
        if not _alike(own, expected):
            yield f"have other values of {quote(name)}: the rows are others; {advice}"


def _other_outputs(first: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """That heads decide something else; the order of their classes does not count."""
    if not first or not other or _decided(first) == _decided(other):
        return
    yield (
        f"have heads of other outputs: {_show_outputs(other)}, and "
        f"{_show_outputs(first)}; pass analyses of networks that decide the same"
    )


def _decided(outputs: dict[str, Any]) -> tuple:
    classes = outputs["classes"]
    named = None if classes is None else sorted(map(plain_text, classes))
    return named, outputs["n_outputs"]


def _show_outputs(outputs: dict[str, Any]) -> str:
    n, classes = outputs["n_outputs"], outputs["classes"]
    count = f"{n} output{'s' * (n != 1)}"
    if classes is None:
        return count
    return f"{count} for the {len(classes)} classes {list_first(classes, SHOWN, quote)}"


def _metadata(one: Analysed, name: Any) -> list:
    """What the table says of a column, whatever the network."""
    row = one.table.iloc[one.table.index.get_loc(name)]
    # Sums of the same rows in another order.
    return [*(row[key] for key in METADATA), round(row["target_association"], DIGITS)]


def _labels(one: Analysed, name: Any) -> list:
    """Levels, or quantiles, of a column, and its rows per class of the target."""
    for column in one.described["columns"]:
        if column["name"] == name:
            return [column["labels"], column["counts_by_target"]]
    return []


def _alike(one: Any, other: Any) -> bool:
    """Whether plain values are the same, but for sums; what is missing is alike."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _alike(one[key], other[key]) for key in one.keys() - SUMS
        )
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_alike, one, other))
    if is_nothing(one) or is_nothing(other):
        return is_nothing(one) and is_nothing(other)
    return bool(np.all(one == other))
