"""Which columns are erased, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_wsca._erasure.erasure import Held
from sklearn_wsca._input.column import (
    Column,
    LeftOutError,
    match_levels,
    read_column,
)
from sklearn_wsca._input.persons import find_names
from sklearn_wsca._input.table import (
    as_table,
    check_same_index,
    list_columns,
    require_columns,
)
from sklearn_wsca._text import format_pvalue, list_first, quote

# Level at which embeddings show a column.
SIGNIFICANCE = 0.05
# Levels of which all pairs are compared; the number of pairs grows with the square.
MOST_PAIRED = 6


def select_columns(table: pd.DataFrame, target: Any, columns: Any) -> list:
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


def read_all_levels(series: pd.Series, kind: Any) -> Column:
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


def read_candidates(table: pd.DataFrame, names: list, kinds: dict) -> list[Column]:
    """Columns that a network may decide; not those that name rows or patients."""
    persons = find_names(table, names)
    found = []
    for name in names:
        try:
            column = read_column(table[name], kind=kinds.get(name, "auto"))
        except LeftOutError:
            continue
        if name not in persons:
            found.append(column)
    return found


def check_one_categorical(columns: list[Column]) -> Column:
    """Return the only column, if it has levels.

    Raises
    ------
    ValueError
        If there are more, or it is continuous.
    """
    names = [column.name for column in columns]
    if len(columns) > 1:
        raise ValueError(
            f"method='quadratic' erases one column, and there are {len(columns)}: "
            f"{list_first(names)}. Choose one, or combine them into one column of the "
            "combinations of their levels."
        )
    (column,) = columns
    if not column.n_levels:
        raise ValueError(
            f"method='quadratic': {column.name!r} is continuous, and only levels have "
            "covariances of their own; bin it, say kinds="
            f"{{{column.name!r}: 'categorical'}}, or erase it with method='linear'."
        )
    return column


def column_factors(
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


def check_something_left(dropped: dict[Any, str], factors: dict, where: str) -> None:
    """Raise if no column of the argument `where` can be erased, with the reasons."""
    if factors:
        return
    if not dropped:
        raise ValueError(
            f"{where}: there is no column besides the target; pass metadata columns to "
            "erase."
        )
    raise ValueError(f"{where}: no column can be erased. {list_reasons(dropped)}.")


def list_reasons(dropped: dict[Any, str]) -> str:
    return "; ".join(f"{name!r}: {reason}" for name, reason in dropped.items())


def describe_missing(column: Column, n_rows: int) -> list[str]:
    """How many rows were set to the mean of the column."""
    missing = n_rows - len(column.rows)
    if not missing:
        return []
    return [
        f"column {column.name!r}: missing in {missing} of {n_rows} rows, which are set "
        "to its mean."
    ]


def describe_noise(
    name: Any, factors: np.ndarray, whitened: np.ndarray, variance: np.ndarray
) -> list[str]:
    """That a direction of noise is erased, if the embeddings do not show the column."""
    pvalue = encoding_pvalue(factors, whitened, variance)
    if pvalue <= SIGNIFICANCE:
        return []
    return [
        f"column {name!r}: the embeddings do not show it beyond chance "
        f"({format_pvalue(pvalue)}), so that noise is erased for it, and what heads "
        "read along that; leave it out."
    ]


@dataclass(frozen=True)
class LevelPair:
    """Two levels of a column that are compared with each other."""

    name: Any
    first: Any
    second: Any


def level_pairs(
    columns: Sequence[Column], target: Column | None, weights: np.ndarray
) -> dict[LevelPair, np.ndarray]:
    """Factors (n, 1) of all pairs of levels, where three or more are few enough."""
    held = [] if target is None else [target]
    pairs, known = {}, weights > 0
    if target is not None:
        known &= np.isin(np.arange(len(weights)), target.rows)
    for column in columns:
        if not 3 <= column.n_levels <= MOST_PAIRED:
            continue
        for pair in combinations(range(column.n_levels), 2):
            kept = np.isin(column.labels, pair)
            part = replace(column, rows=column.rows[kept], labels=column.labels[kept])
            if not known[part.rows].any():
                continue
            # The indicators of two levels are one another's opposite.
            found = Held.of(part, weights, held).concept(part)[:, :1]
            if found.size:
                names = (column.levels[code] for code in pair)
                pairs[LevelPair(column.name, *names)] = found
    return pairs


def describe_alike(
    pair: LevelPair, factors: np.ndarray, whitened: np.ndarray, variance: np.ndarray
) -> list[str]:
    """That a direction of noise is erased, if embeddings do not tell two levels."""
    pvalue = encoding_pvalue(factors, whitened, variance)
    if pvalue <= SIGNIFICANCE:
        return []
    return [
        f"column {pair.name!r}: the embeddings do not tell {quote(pair.first)} from "
        f"{quote(pair.second)} beyond chance ({format_pvalue(pvalue)}), so that noise "
        "is erased for this difference, and what heads read along that; give the two "
        "one name."
    ]


def encoding_pvalue(
    factors: np.ndarray, whitened: np.ndarray, variance: np.ndarray
) -> float:
    r"""p-value of the covariance of embeddings with a column.

    Where there is none, the sum of its squares is that of products of independent
    numbers: about :math:`a \chi^2_b` with the mean
    :math:`\mathrm{tr}(F^T F) \sum_j v_j` and the variance
    :math:`2 |F^T F|^2 \sum_j v_j^2`, with F the factors (n, c) of the column and v the
    variances (k,) of the coordinates; `whitened` (k, c) is the covariance.
    """
    gram = factors.T @ factors
    mean = float(np.trace(gram) * variance.sum())
    spread = 2.0 * float(np.sum(gram**2) * np.sum(variance**2))
    scale, freedom = spread / (2.0 * mean), 2.0 * mean**2 / spread
    return float(stats.chi2.sf(np.sum(whitened**2) / scale, freedom))


def describe_extremes(columns: list, rank: int, rank_of_embeddings: int) -> list[str]:
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


def read_levels(metadata: Any, X: Any, n: int, name: Any, levels: tuple) -> np.ndarray:
    """Level of a column in every one of n rows of embeddings, by its number.

    Raises
    ------
    ValueError
        If there is no metadata for these rows, or a level is missing or unknown.
    """
    if metadata is None:
        raise ValueError(
            f"metadata: a quadratic erasure needs the level of every row; pass the "
            f"column {name!r}, or the table that holds it, as metadata."
        )
    check_same_index(X, metadata, ("X", "metadata"))
    table = as_table(metadata, "metadata")
    if len(table) != n:
        raise ValueError(
            f"metadata has {len(table)} rows and X has {n}: row i of metadata must "
            "describe row i of X."
        )
    if not hasattr(metadata, "columns") and len(table.columns) == 1:
        table = table.set_axis([name], axis=1)
    require_columns([name], table, "metadata")
    rows, codes = match_levels(table[name], levels)
    if len(rows) < n:
        unknown = np.setdiff1d(np.arange(n), rows)
        raise ValueError(
            f"metadata: the level of {name!r} is missing, or was not seen by fit, in "
            f"{len(unknown)} of {n} rows (first row {unknown[0]}: "
            f"{table[name].iloc[unknown[0]]!r}); leave these rows out, or erase with "
            "method='linear'."
        )
    return codes
