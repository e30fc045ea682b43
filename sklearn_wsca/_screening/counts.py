"""How many rows and units every level of a column has, in every class of the target."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import Column, level_codes
from sklearn_wsca._input.table import level_index
from sklearn_wsca._utilization.effects import ALL, class_names
from sklearn_wsca._utilization.rare_levels import FEWEST_LEVEL_UNITS
from sklearn_wsca._utilization.regression import classes_of

INDEX = ("column", "level", "target_class")
NOT_USED, BESIDE = "not used", "beside the headline"
EMPTY, FEW = "empty", "few"


class TargetClasses:
    """Class of the target of every row, or third of a continuous one.

    Parameters
    ----------
    target : Column
        The target.
    clusters : ndarray of shape (n,), dtype int
        Group of every row, or the row itself; -1 for rows without one.
    """

    def __init__(self, target: Column, clusters: np.ndarray) -> None:
        classes = classes_of(target, np.ones(len(target.rows)))
        self.names = class_names(target, classes)
        self.codes = np.full(len(clusters), -1)
        self.codes[target.rows] = classes
        self.clusters = clusters

    def count(
        self, column: Column, series: pd.Series, beside: Collection[Any]
    ) -> pd.DataFrame:
        """Rows and units by level and class.

        Parameters
        ----------
        column : Column
            Continuous columns have a single level, "all".
        series : Series
            The column of the table, in which levels are that are not used.
        beside : collection
            Levels that are no part of the headline.

        Returns
        -------
        DataFrame
            Indexed by column, level and target_class ("all" for all classes): n_rows,
            n_units, and finding: "empty" or "few" (fewer than 10 units) of a class,
            "beside the headline" or "not used" of a level in all classes, or "".
        """
        levels, codes, n_used = _levels_of_rows(column, series)
        used = np.flatnonzero((codes >= 0) & (self.codes >= 0) & (self.clusters >= 0))
        cells = codes[used], self.codes[used], self.clusters[used]
        rows, labels = [], []
        for number, level in enumerate(levels):
            own = cells[0] == number
            for place, name in enumerate((ALL, *self.names)):
                within = own if not place else own & (cells[1] == place - 1)
                n_units = len(np.unique(cells[2][within]))
                finding = _judge(n_units)
                if number >= n_used:
                    finding = "" if place else NOT_USED
                elif not place:
                    finding = BESIDE if level in beside else ""
                rows.append((int(within.sum()), n_units, finding))
                labels.append((column.name, level, name))
        index = level_index(list(zip(*labels, strict=True)), INDEX)
        return pd.DataFrame(rows, index, columns=["n_rows", "n_units", "finding"])


def _judge(n_units: int) -> str:
    """What is to be said of a level within a class."""
    if not n_units:
        return EMPTY
    return FEW if n_units < FEWEST_LEVEL_UNITS else ""


def _levels_of_rows(column: Column, series: pd.Series) -> tuple[list, np.ndarray, int]:
    """Levels, the level of every row (-1: none), and how many levels are used."""
    codes = np.full(len(series), -1)
    if not column.n_levels:
        codes[column.rows] = 0
        return [ALL], codes, 1
    codes[column.rows] = column.labels
    levels, n_used = list(column.levels), column.n_levels
    if isinstance(levels[0], pd.Interval):
        return levels, codes, n_used
    known = series.notna().to_numpy()
    others = np.flatnonzero(known & (level_codes(series, levels) < 0))
    found, values = pd.factorize(series.iloc[others].astype(object))
    codes[others] = n_used + found
    return levels + list(values), codes, n_used
