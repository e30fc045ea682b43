"""What is said of performance by one column."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._performance.words import tell_gap, tell_unseen
from sklearn_wsca._plain_values import as_plain
from sklearn_wsca._text import encodable, format_pvalue, quote


@dataclass(frozen=True)
class PerformanceResult:
    """How well a network decides under each level of one column.

    Parameters
    ----------
    by_level : DataFrame
        One row per level (thirds of a continuous column): see `performance_by_level_`
        of `WeightSpaceCorrelation`.
    measure : str
        Measure of the gap that stands out most: sensitivity, specificity,
        balanced_accuracy or auroc of two classes; balanced_accuracy or recall (of
        `of_class`) of several; mae or bias of numbers, adjusted for the target. ""
        where no two levels could be compared.
    of_class : object
        Class that a recall is about; else None.
    higher, lower : object
        Levels with the higher and the lower value of the measure.
    gap, gap_low, gap_high : float
        Difference between these levels, in the unit of the measure, with an interval at
        level 1 - `significance` that allows for the choice among measures and levels.
    unseen : float
        Largest difference that this sample does not exclude, over all pairs of levels
        and all measures that were compared.
    unseen_measure : str
        Measure of that difference.
    pvalue, pvalue_fwer, qvalue : float
        Of the permutation test that performance is the same under all levels at fixed
        target; with family-wise correction over the columns of the call (max-T), and by
        Benjamini-Hochberg. NaN where nothing could be permuted.
    scheme : str
        What was permuted.
    null_distribution : ndarray of shape (n_permutations,)
        Largest studentised differences of the permutations.
    significance : float
        One minus the level of the intervals.
    notes : tuple of str, default=()
        What was left out.
    not_compared : str, default=""
        Measures that some levels have too few units for (fewer than 5, or 5 of a class
        of the target), and these levels; "" where all are compared.
    """

    by_level: pd.DataFrame = field(repr=False)
    measure: str
    of_class: Any
    higher: Any
    lower: Any
    gap: float
    gap_low: float
    gap_high: float
    unseen: float
    unseen_measure: str
    pvalue: float
    pvalue_fwer: float
    qvalue: float
    scheme: str
    null_distribution: np.ndarray = field(repr=False)
    significance: float
    notes: tuple[str, ...] = ()
    not_compared: str = ""

    def to_text(self, column: Any = "the column") -> str:
        """Say in a sentence whether performance differs.

        Parameters
        ----------
        column : object, default="the column"
            What to call the column.

        Returns
        -------
        str
            One line.
        """
        name = column if column == "the column" else quote(column)
        if not self.measure:
            return encodable(f"Levels of {name} could not be compared.")
        gap = self._gap()
        if np.isnan(self.pvalue):
            return encodable(
                f"Whether performance differs with {name} was not tested "
                f"({tell_unseen(gap)})."
            )
        if self.qvalue <= self.significance:
            return encodable(f"With {name} performance differs: {tell_gap(gap)}.")
        return encodable(
            f"That performance differs with {name} is not shown "
            f"({format_pvalue(self.pvalue)}; {tell_unseen(gap)})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give all of it but the permutations as plain values.

        Returns
        -------
        dict
            Of types that JSON has; NaN becomes None.
        """
        names = [f.name for f in fields(self)]
        names = [
            n for n in names if n not in ("by_level", "null_distribution", "notes")
        ]
        levels = self.by_level.reset_index().to_dict("records")
        return {name: as_plain(getattr(self, name)) for name in names} | {
            "by_level": [{k: as_plain(v) for k, v in row.items()} for row in levels],
            "notes": [*self.notes],
        }

    def _gap(self) -> dict[str, Any]:
        names = ("measure", "of_class", "higher", "lower", "unseen", "unseen_measure")
        found = {name: getattr(self, name) for name in (*names, "not_compared")}
        ends = {"size": self.gap, "low": self.gap_low, "high": self.gap_high}
        return found | ends | {"qvalue": self.qvalue, "pvalue": self.pvalue}
