"""Performance under each level of a column, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_wsca._performance.limits import (
    Sums,
    area_limits,
    calibration_limits,
    intraclass_correlation,
    linear_limits,
    mean_limits,
    share_limits,
)
from sklearn_wsca._performance.measures import (
    AUROC,
    BIAS,
    CALIBRATION,
    MAE,
    OF_CLASSES,
    OF_NUMBERS,
    OF_TWO_CLASSES,
    R2,
    Judged,
    Measure,
    number_measures,
    shown_measures,
)

POINTS = 100.0
COUNTS = ("n_rows", "n_units")


@dataclass(frozen=True)
class Estimate:
    """A measure under one level.

    Parameters
    ----------
    measure : Measure
        What it is made of.
    sums : list of Sums
        Its parts, by cluster.
    keys : list
        Of each part, what it has in common with that of other levels.
    """

    measure: Measure
    sums: list[Sums]
    keys: list

    @classmethod
    def of(cls, measure: Measure, rows: Judged) -> Estimate:
        """Sum up the parts of a measure on some rows."""
        sums = [
            Sums.of(part.values, rows.weights[part.rows], rows.clusters[part.rows])
            for part in measure.parts
        ]
        name = (measure.name, measure.of_class)
        return cls(measure, sums, [(*name, i) for i in range(len(sums))])

    @property
    def value(self) -> float:
        """The estimate; NaN where it has no rows."""
        parts = zip(self.measure.parts, self.sums, strict=True)
        found = sum(part.share * own.mean for part, own in parts)
        return self.measure.constant + found if self.sums else np.nan

    @property
    def influence(self) -> tuple[np.ndarray, np.ndarray]:
        """Clusters, and what each adds to the error of the estimate."""
        clusters = np.unique(np.concatenate([own.clusters for own in self.sums]))
        added = np.zeros(len(clusters))
        for part, own in zip(self.measure.parts, self.sums, strict=True):
            place = np.searchsorted(clusters, own.clusters)
            added[place] += part.share * own.errors / own.weights.sum()
        return clusters, added

    @property
    def fewest_units(self) -> int:
        """Clusters of the part that has the fewest."""
        return min((own.n_units for own in self.sums), default=0)

    @property
    def of_numbers(self) -> bool:
        """Whether it is in the unit of a target, and no share."""
        return self.measure.name in (MAE, BIAS)

    def limits(self, icc: dict, level: float) -> tuple[float, float]:
        """Interval, `level` being what may lie beyond either end."""
        if not self.sums:
            return np.nan, np.nan
        own = [icc[key] for key in self.keys]
        if self.measure.name == AUROC:
            return self._area_limits(own, level)
        if self.of_numbers:
            return mean_limits(self.sums[0], own[0], level)
        if len(own) == 1:
            return share_limits(self.sums[0], own[0], level)
        shares = np.array([part.share for part in self.measure.parts])
        return linear_limits(shares, self.sums, own, level)

    def _area_limits(self, icc: list, level: float) -> tuple[float, float]:
        pairs = list(zip(self.sums[::2], self.sums[1::2], strict=True))
        _, added = self.influence
        variance = float(np.sum(added**2))
        both = list(zip(icc[::2], icc[1::2], strict=True))
        return area_limits(self.value, pairs, both, variance, level)


def correlations(estimates: list[Estimate]) -> dict:
    """Correlation within clusters by part, over all levels together."""
    parts: dict = {}
    for estimate in estimates:
        for key, own in zip(estimate.keys, estimate.sums, strict=True):
            parts.setdefault(key, []).append(own)
    return {key: intraclass_correlation(sums) for key, sums in parts.items()}


def tabulate_levels(
    found: Judged, labels: np.ndarray, levels: list, significance: float
) -> pd.DataFrame:
    """One row per level: see `performance_by_level_` of the estimator.

    `labels` (n,) are the numbers of the levels.
    """
    rows = [found.take(np.flatnonzero(labels == j)) for j in range(len(levels))]
    measure = _measure_numbers if found.classes is None else _measure_classes
    entries = measure(rows, significance / 2.0)
    counts = {
        "n_rows": [len(own.labels) for own in rows],
        "n_units": [len(np.unique(own.clusters)) for own in rows],
    }
    index = pd.Index(np.array([*levels, None], dtype=object)[:-1], name="level")
    return pd.DataFrame(counts | entries, index)


def names_of_measures(found: Judged) -> list[str]:
    """Measures that the table has."""
    if found.classes is None:
        return [*OF_NUMBERS]
    two = OF_TWO_CLASSES if len(found.classes) == 2 else ()
    calibrated = () if found.predicted is None else (CALIBRATION,)
    return [*OF_CLASSES, *two, *calibrated]


def _measure_classes(rows: list[Judged], level: float) -> dict[str, list[float]]:
    names = names_of_measures(rows[0])
    table = _empty(names, len(rows))
    by_level = [
        {m.name: Estimate.of(m, own) for m in shown_measures(own)} for own in rows
    ]
    icc = correlations([e for own in by_level for e in own.values()])
    for j, (own, estimates) in enumerate(zip(rows, by_level, strict=True)):
        for name, estimate in estimates.items():
            limits: Callable = estimate.limits
            if name == CALIBRATION:
                value, low, high = _calibration(own, estimate, icc, level)
            else:
                value, (low, high) = estimate.value, limits(icc, level)
            _enter(table, name, j, value, low, high)
    return table


def _calibration(own: Judged, estimate: Estimate, icc: dict, level: float):
    """Mean predicted less observed, and its interval, in percentage points."""
    assert own.observed is not None
    observed = Sums.of(own.observed, own.weights, own.clusters)
    correlation = icc[estimate.keys[0]]
    found = calibration_limits(estimate.sums[0], observed, correlation, level)
    return [POINTS * number for number in (estimate.value, *found)]


def _measure_numbers(rows: list[Judged], level: float) -> dict[str, list[float]]:
    table = _empty([*OF_NUMBERS], len(rows))
    by_level = []
    for own in rows:
        errors = own.scores[:, 0] - own.labels
        by_level.append([Estimate.of(m, own) for m in number_measures(errors)])
    icc = correlations([e for own in by_level for e in own])
    for j, own in enumerate(rows):
        for estimate in by_level[j]:
            limits = estimate.limits(icc, level)
            _enter(table, estimate.measure.name, j, estimate.value, *limits)
        _enter(table, R2, j, *_explained(own, level))
    return table


def _explained(own: Judged, level: float) -> tuple[float, float, float]:
    """Share of the variance of the target that is explained, with its interval.

    It is that of the logarithm of what is not explained.
    """
    labels, errors = own.labels, own.scores[:, 0] - own.labels
    squares = (labels - np.average(labels, weights=own.weights)) ** 2
    total = float(own.weights @ squares)
    left = float(own.weights @ errors**2)
    if not total > 0.0 or not left > 0.0:
        return (1.0 - left / total if total > 0.0 else np.nan), np.nan, np.nan
    added = own.weights * (errors**2 / left - squares / total)
    by_cluster = np.bincount(np.unique(own.clusters, return_inverse=True)[1], added)
    n = len(by_cluster)
    if n < 2:
        return 1.0 - left / total, np.nan, np.nan
    reach = stats.t.isf(level, n - 1.0) * np.sqrt(np.sum(by_cluster**2) * n / (n - 1.0))
    unexplained = left / total
    return (
        1.0 - unexplained,
        1.0 - unexplained * float(np.exp(reach)),
        1.0 - unexplained * float(np.exp(-reach)),
    )


def _empty(names: list[str], n_levels: int) -> dict[str, list[float]]:
    ends = ("", "_low", "_high")
    return {f"{name}{end}": [np.nan] * n_levels for name in names for end in ends}


def _enter(table: dict, name: str, level: int, value, low, high) -> None:
    for end, number in (("", value), ("_low", low), ("_high", high)):
        table[f"{name}{end}"][level] = number
