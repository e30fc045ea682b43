"""Features of the embeddings that are columns of the metadata, or count the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.numeric_values import numbers_or_none

FEWEST_ROWS = 20
MOST_LEVELS, ROWS_PER_LEVEL = 50, 5
# Half precision, and tables with few digits, keep that much of a number.
UNEXPLAINED = 1e-5
# Features that are a column in greater number are no copies of it, besides indicators
# of its levels: they are the same for all rows of a level, or made up.
MOST_COPIES = 3
MOST_SUSPECTS = 100
FEWEST_COUNTED = 100


@dataclass(frozen=True)
class Labels:
    """A metadata column as a feature may hold it.

    Parameters
    ----------
    name : object
        Its name.
    rows : ndarray of shape (n_observed,)
        Rows on which it is known.
    values : ndarray of shape (n_observed,)
        Numbers, or codes of levels.
    n_levels : int
        0 for numbers.
    """

    name: Any
    rows: np.ndarray
    values: np.ndarray
    n_levels: int

    @classmethod
    def of(cls, series: pd.Series) -> Labels | None:
        """Numbers or levels of a column; None if hardly any of them repeat or vary."""
        rows = np.flatnonzero(series.notna().to_numpy())
        observed = series.iloc[rows]
        try:
            numbers = numbers_or_none(observed) if len(rows) else None
            codes = pd.factorize(observed if numbers is None else numbers)[0]
        except (TypeError, ValueError):  # Said where the column is read.
            return None
        n_levels = int(codes.max(initial=-1)) + 1
        if n_levels < 2 or len(rows) < FEWEST_ROWS:
            return None
        if n_levels <= MOST_LEVELS and n_levels * ROWS_PER_LEVEL <= len(rows):
            return cls(series.name, rows, codes, n_levels)
        return None if numbers is None else cls(series.name, rows, numbers, 0)

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of some rows are known, and the values there."""
        places = np.searchsorted(self.rows, rows)
        places[places == len(self.rows)] = 0
        known = self.rows[places] == rows
        return known, self.values[places[known]]

    def unexplained(self, values: np.ndarray, F: np.ndarray) -> np.ndarray:
        """Share of each feature that does not follow the column; 1 if it is constant.

        `values` (n,) are those of the column, `F` (n, m) is of `standardised` features.
        """
        design = self._design(values)
        basis, spread, _ = np.linalg.svd(design - design.mean(axis=0), False)
        basis = basis[:, spread > 1e-9 * spread.max(initial=0.0)]
        total = np.einsum("ij,ij->j", F, F) - len(F) * F.mean(axis=0) ** 2
        varies = total > 1e-9 * len(F)
        followed = np.sum((basis.T @ F) ** 2, axis=0)
        return np.where(varies, 1.0 - followed / np.where(varies, total, 1.0), 1.0)

    def _design(self, values: np.ndarray) -> np.ndarray:
        if self.n_levels:
            return (values[:, None] == np.arange(self.n_levels)).astype(float)
        return ((values - values.mean()) / np.ptp(values))[:, None]


@dataclass(frozen=True)
class Copies:
    """Features that are a column, or count the rows.

    Parameters
    ----------
    columns : dict of name to list of int
        Features by the column that they are.
    counters : list of int
        Features that count the rows.
    """

    columns: dict[Any, list[int]]
    counters: list[int]


def find_copies(
    X: Embeddings, rows: np.ndarray, S: np.ndarray, table: pd.DataFrame
) -> Copies:
    """Find features that are columns of the table up to an affine map, or count rows.

    Looked for on a sample `S` of the embeddings, that of some `rows`; what is found
    there is checked on all of them.
    """
    labels = [found for name in table.columns if (found := Labels.of(table[name]))]
    counting = np.flatnonzero(_may_count(S))
    S = standardised(S)
    suspects = [np.flatnonzero(_follow(column, rows, S)) for column in labels]
    suspects = [
        features if len(features) <= MOST_SUSPECTS else features[:0]
        for features in suspects
    ]
    counting = counting if len(counting) <= MOST_COPIES else counting[:0]
    features = np.unique(np.concatenate([counting, *suspects]).astype(np.intp))
    if not len(features):
        return Copies({}, [])
    F = dict(zip(features.tolist(), X.features(features.tolist()).T, strict=True))
    columns = {
        column.name: _copies(column, {j: F[j] for j in found.tolist()})
        for column, found in zip(labels, suspects, strict=True)
    }
    counters = [j for j in counting.tolist() if _counts(F[j])]
    return Copies({name: found for name, found in columns.items() if found}, counters)


def standardised(F: np.ndarray) -> np.ndarray:
    """Features with mean 0 and a largest size of 1, so that squares stay in range."""
    F = F - F.mean(axis=0)
    size = np.maximum(np.abs(F).max(axis=0), np.finfo(np.float64).tiny)
    return F / size


def _follow(column: Labels, rows: np.ndarray, S: np.ndarray) -> np.ndarray:
    """Which features follow a column on a sample, as far as it shows them to vary."""
    known, values = column.at(rows)
    if known.sum() < FEWEST_ROWS or np.ptp(values) == 0:
        return np.zeros(S.shape[1], dtype=bool)
    seen = S if known.all() else S[known]
    return column.unexplained(values, seen) < UNEXPLAINED


def _copies(column: Labels, features: dict[int, np.ndarray]) -> list[int]:
    """Which features are a column, or the indicator of one of its levels."""
    found = [j for j, feature in features.items() if _is_copy(column, feature)]
    indicators = [j for j in found if len(np.unique(features[j])) == 2]
    if len(found) - len(indicators) > MOST_COPIES:
        found = indicators
    return found if len(found) <= column.n_levels + MOST_COPIES else []


def _is_copy(column: Labels, feature: np.ndarray) -> bool:
    feature = feature[column.rows]
    if not column.n_levels:
        left = column.unexplained(column.values, standardised(feature[:, None]))
        return bool(left[0] < UNEXPLAINED)
    order = np.argsort(column.values, kind="stable")
    starts = np.searchsorted(column.values[order], np.arange(column.n_levels))
    lowest = np.minimum.reduceat(feature[order], starts)
    highest = np.maximum.reduceat(feature[order], starts)
    return bool(np.max(highest - lowest) <= 1e-6 * np.ptp(feature))


def _may_count(S: np.ndarray) -> np.ndarray:
    """Which features are different whole numbers."""
    if len(S) < FEWEST_ROWS:
        return np.zeros(S.shape[1], dtype=bool)
    whole = (np.round(S) == S).all(axis=0)
    whole[whole] = (np.diff(np.sort(S[:, whole], axis=0), axis=0) > 0).all(axis=0)
    return whole


def _counts(feature: np.ndarray) -> bool:
    """Whether different whole numbers fill their range, as row numbers do."""
    n = len(feature)
    if np.array_equal(np.diff(feature), np.ones(n - 1)) and feature[0] in (0, 1):
        return True
    if n < FEWEST_COUNTED or not np.array_equal(feature, np.round(feature)):
        return False
    return len(np.unique(feature)) == n and n > 0.5 * float(np.ptp(feature))
