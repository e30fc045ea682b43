"""What is known of a repair: how far columns are still used, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sklearn_wsca._comparison.result import LESS_USED, UtilizationComparison
from sklearn_wsca._performance.words import name_measure
from sklearn_wsca._plain_values import as_plain
from sklearn_wsca._text import column_text, encodable, format_number, quote

REPAIRED, PARTLY = "repaired", "partly repaired"
NOT_SHOWN = "not shown"
REPAIR_VERDICTS = (REPAIRED, PARTLY, NOT_SHOWN)


@dataclass(frozen=True)
class RepairResult:
    """A repair, on rows that it was not fitted on.

    Parameters
    ----------
    utilization : dict of name to UtilizationComparison
        The outputs before (a) and after (b), by column.
    performance : DataFrame
        Indexed by measure (balanced_accuracy and auroc, or r2): before, after and
        change, each with `_low` and `_high`, bootstrap intervals over units.
    verdicts : dict of name to {"repaired", "partly repaired", "not shown"}
        By column: "repaired" where the upper limit of the utilization afterwards is
        below `min_effect`; "partly repaired" where the column is less used; else "not
        shown".
    target : object
        What the head predicts, and what was held fixed.
    n_rows, n_units : int
        Rows, and what is independent among them.
    min_effect, significance : float
        Margin, and one minus the level of the intervals.
    notes : tuple of str
        What a reader must know.
    """

    utilization: dict[Any, UtilizationComparison]
    performance: pd.DataFrame
    verdicts: dict[Any, str]
    target: Any
    n_rows: int
    n_units: int
    min_effect: float
    significance: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values; NaN is None.

        Returns
        -------
        dict
            Settings, one entry per column, and performance by measure.
        """
        return {
            "target": column_text(self.target),
            "n_rows": self.n_rows,
            "n_units": self.n_units,
            "min_effect": self.min_effect,
            "significance": self.significance,
            "columns": [
                {
                    "name": column_text(name),
                    "repair": self.verdicts[name],
                    "answer": encodable(self._describe(name)),
                    **found.to_dict(),
                }
                for name, found in self.utilization.items()
            ],
            "performance": {
                name: as_plain(row.to_dict())
                for name, row in self.performance.iterrows()
            },
            "notes": [*self.notes],
        }

    def to_text(self) -> str:
        """Say what was found.

        Returns
        -------
        str
            A line for every column, measure and note.
        """
        lines = [self._describe(name) for name in self.utilization]
        lines += [self._price(name) for name in self.performance.index]
        return encodable("\n".join([*lines, *self.notes]))

    def _describe(self, name: Any) -> str:
        found, verdict = self.utilization[name], self.verdicts[name]
        numbers = (found.utilization_a, found.utilization_b, found.low_b, found.high_b)
        before, after, low, high = (format_number(n, self.min_effect) for n in numbers)
        level = f"{100 * (1 - self.significance):.3g}%"
        margin = format_number(self.min_effect)
        reasons = {
            REPAIRED: f"the whole interval is below {margin}",
            PARTLY: f"that is less, and may still be {margin} or more",
            NOT_SHOWN: "that it is less is not shown",
        }
        return (
            f"{verdict}: with {quote(name)} the outputs move by {before} of their "
            f"standard deviation before, and by {after} after the repair ({level} "
            f"interval {low} to {high}); {reasons[verdict]}."
        )

    def _price(self, name: str) -> str:
        row = self.performance.loc[name]
        before, after = (f"{row[key]:.3f}" for key in ("before", "after"))
        keys = ("change", "change_low", "change_high")
        change, low, high = (f"{row[key] + 0.0:+.3f}" for key in keys)
        return (
            f"{name_measure(name)} for {quote(self.target)}: {before} before, {after} "
            f"after (change {change}, {low} to {high})."
        )


def judge_repair(found: UtilizationComparison) -> str:
    """Verdict on a repair by the utilization afterwards, and beside that before."""
    if found.high_b < found.min_effect:
        return REPAIRED
    return PARTLY if found.verdict == LESS_USED else NOT_SHOWN
