"""Differences of performance between levels at fixed target, and their null.

The column is permuted among units of the same class of the target. What is compared is
the largest studentised difference, see `statistic`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import to_same_device
from sklearn_wsca._input.column import Column
from sklearn_wsca._performance.levels import Estimate, correlations
from sklearn_wsca._performance.measures import Judged, Measure
from sklearn_wsca._performance.statistic import (
    Cells,
    by_cluster,
    largest_difference,
    score_estimates,
    sum_by_unit,
    variance_of_difference,
)
from sklearn_wsca._performance.words import name_measure
from sklearn_wsca._permutation.exchangeability import (
    Exchangeability,
    target_strata,
)
from sklearn_wsca._text import list_first, quote

# A level of which fewer units can be judged by a measure is not compared by it.
FEWEST_UNITS = 5
SHOWN = 5
Measures = Callable[[np.ndarray], list[Measure]]


@dataclass(frozen=True)
class Gap:
    """The difference between two levels that stands out most.

    Parameters
    ----------
    measure : str
        What differs.
    of_class : object
        Class of the target that it is about, of several; or None.
    higher, lower : object
        The levels with the higher and the lower value.
    size, low, high : float
        Difference, with an interval that allows for the choice among all pairs of
        levels and measures: all such intervals hold the truth at once.
    unseen : float
        Largest difference that these intervals do not exclude.
    unseen_measure : str
        Of which measure.
    not_compared : str, default=""
        Measures that some levels have too few units for, and these levels.
    """

    measure: str
    of_class: Any
    higher: Any
    lower: Any
    size: float
    low: float
    high: float
    unseen: float
    unseen_measure: str
    not_compared: str = ""


@dataclass(frozen=True)
class ComparedLevels:
    """Levels of one column beside each other.

    Parameters
    ----------
    levels : list
        Their names.
    estimates : list of list of Estimate
        Of every level, its measures in one order.
    enough : ndarray of shape (J, M), dtype bool
        Levels that have units enough for each measure.
    compared : ndarray of shape (J, M), dtype bool
        Levels that are compared by each measure.
    cells : Cells
        From which permutations are scored.
    codes : ndarray of shape (n,), dtype int
        Level of each unit (or row) of the cells.
    exchange : Exchangeability
        What is permuted.
    observed : float
        The statistic of the data.
    place : tuple of int
        Measure and two levels that it is of.
    errors : ndarray of shape (J, J, M)
        Standard errors of the differences, as the statistic has them.
    """

    levels: list
    estimates: list[list[Estimate]]
    enough: np.ndarray
    compared: np.ndarray
    cells: Cells
    codes: np.ndarray
    exchange: Exchangeability
    observed: float
    place: tuple[int, int, int]
    errors: np.ndarray

    @classmethod
    def of(
        cls,
        column: Column,
        judged: Judged,
        measures: Measures,
        exchange: Exchangeability,
    ) -> ComparedLevels | None:
        """Compare the levels of a column; None where no two can be.

        `measures` gives those of some of the rows, always in the same order.
        """
        pooled = measures(np.arange(len(column.labels)))
        estimates = _estimate_levels(column, judged, measures, pooled)
        enough = _have_enough(estimates, pooled)
        compared = enough & (enough.sum(axis=0) > 1)
        if not compared.any():
            return None
        cells, codes = sum_by_unit(pooled, judged, column.labels, exchange)
        scored = score_estimates(estimates, cells, compared)
        largest, place = largest_difference(*scored, compared)
        measure, first, second = map(int, place[0])
        every = np.indices((len(compared), len(compared)))
        variance = variance_of_difference(*scored[1:], *every)[0]
        return cls(
            list(column.levels),
            estimates,
            enough,
            compared,
            cells,
            codes,
            exchange,
            float(largest[0]),
            (measure, first, second),
            np.sqrt(np.maximum(variance, 0.0)),
        )

    def null(self, sources: Any) -> np.ndarray:
        """Statistics where units take their level from others: (b,).

        `sources` (b, n_units) are those of `Exchangeability.unit_sources`.
        """
        codes = to_same_device(self.codes, sources)[sources]
        if self.cells.clusters is not None:
            order = by_cluster(self.exchange.clusters)
            codes = codes[:, to_same_device(order, sources)]
        return self.cells.largest(codes, self.compared)

    def n_tests(self) -> int:
        """Number of pairs of levels and measures."""
        counts = self.compared.sum(axis=0)
        return int(np.sum(counts * (counts - 1) // 2))

    def gap(self, critical: float, significance: float) -> Gap:
        """The difference that stands out most, with what this critical value allows.

        Its interval are the differences that the test would not reject. That of levels
        without a single error may be small: no interval is narrower than that of one
        difference that was not chosen.
        """
        measure, first, second = self.place
        icc = correlations([e for own in self.estimates for e in own])
        high, low = first, second
        if self._value(measure, first) < self._value(measure, second):
            high, low = second, first
        named = self.estimates[high][measure].measure
        limits = self._limits(measure, icc, critical, significance)
        size, least, most = map(float, limits[:, high, low])
        unseen, of = self._unseen(icc, critical, significance)
        return Gap(
            named.name,
            named.of_class,
            self.levels[high],
            self.levels[low],
            size,
            least,
            most,
            unseen,
            of,
            self._not_compared(),
        )

    def _not_compared(self) -> str:
        """What is not compared because levels have few units, or units of a class."""
        measures = [own.measure for own in self.estimates[0]]
        by_levels: dict[tuple[int, ...], dict[str, None]] = {}
        for m, lacking in enumerate(~self.enough.T):
            if lacking.any():
                name = name_measure(measures[m].name, measures[m].of_class)
                levels = tuple(np.flatnonzero(lacking).tolist())
                by_levels.setdefault(levels, {})[name] = None
        return " or ".join(
            f"{list_first(names, SHOWN, str)} for "
            f"{list_first([self.levels[j] for j in levels], SHOWN, quote)}"
            for levels, names in by_levels.items()
        )

    def _value(self, measure: int, level: int) -> float:
        return self.estimates[level][measure].value

    def _limits(
        self, measure: int, icc: dict, critical: float, significance: float
    ) -> np.ndarray:
        """Differences of a level from others, with their limits: (3, J, J).

        NaN where levels are not compared.
        """
        values, lows, highs = self._single_limits(measure, icc, significance).T
        below, above = values - lows, highs - values
        size = values[:, None] - values
        chosen = critical * self.errors[:, :, measure]
        least = size - np.maximum(chosen, np.hypot(below[:, None], above))
        most = size + np.maximum(chosen, np.hypot(above[:, None], below))
        if self.estimates[0][measure].of_numbers:
            return np.stack([size, least, most])
        return np.stack([size, np.maximum(least, -1.0), np.minimum(most, 1.0)])

    def _single_limits(
        self, measure: int, icc: dict, significance: float
    ) -> np.ndarray:
        """Estimates of all levels with their limits: (J, 3); NaN if not compared."""
        found = np.full((len(self.levels), 3), np.nan)
        for j in np.flatnonzero(self.compared[:, measure]):
            own = self.estimates[j][measure]
            found[j] = own.value, *own.limits(icc, significance / 2.0)
        return found

    def _unseen(
        self, icc: dict, critical: float, significance: float
    ) -> tuple[float, str]:
        """Largest difference that is not excluded, and of which measure."""
        found = []
        for measure in np.flatnonzero(self.compared.any(axis=0)).tolist():
            most = self._limits(measure, icc, critical, significance)[2]
            np.fill_diagonal(most, np.nan)
            name = self.estimates[0][measure].measure.name
            found.append((float(np.nanmax(most)), name))
        return max(found)


def exchange_at_target(
    exchange: Exchangeability, target: Column | None
) -> Exchangeability:
    """Units that are exchanged among those of one class of the target, if they can be.

    The target must be observed on the entries.
    """
    if target is None or not target.n_levels:
        return exchange
    if exchange.scheme == "within groups":
        return exchange.within(target.labels, of_target=True)
    strata = target_strata(exchange, target)
    return exchange.within(strata, of_target=strata is not None)


def _estimate_levels(
    column: Column, judged: Judged, measures: Measures, pooled: list[Measure]
) -> list[list[Estimate]]:
    """Of every level, its measures in the order of those of all rows."""
    found = []
    for level in range(column.n_levels):
        rows = np.flatnonzero(column.labels == level)
        taken = judged.take(rows)
        own = {(m.name, m.of_class): Estimate.of(m, taken) for m in measures(rows)}
        # A level without rows of a class lacks the measures of that class.
        nothing = [Estimate(replace(m, parts=[]), [], []) for m in pooled]
        found.append(
            [
                own.get((m.name, m.of_class), none)
                for m, none in zip(pooled, nothing, strict=True)
            ]
        )
    return found


def _have_enough(estimates: list[list[Estimate]], pooled: list[Measure]) -> np.ndarray:
    """Levels that have units enough for each measure: (J, M)."""
    return np.array(
        [
            [
                len(e.sums) == len(m.parts) and e.fewest_units >= FEWEST_UNITS
                for e, m in zip(own, pooled, strict=True)
            ]
            for own in estimates
        ]
    )
