"""What an intervention shows: numbers, and words for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._plain_values import as_plain, as_records
from sklearn_wsca._text import (
    escape_markdown,
    format_number,
    format_pvalue,
    markdown_table,
    quote,
)
from sklearn_wsca._utilization.effects import ALL

ESTIMATES = ("sensitivity", "shift", "flipped")


@dataclass(frozen=True)
class InterventionResult:
    """How far outputs move when the same unit comes under another level.

    Parameters
    ----------
    sensitivity, sensitivity_low, sensitivity_high : float
        Root mean square move of a single unit from its mean over the levels, in
        standard deviations of the outputs, with its interval at level
        1 - `significance`. With repeats, their noise is removed; without, it is
        included.
    shift, shift_low, shift_high : float
        The same for the mean of every class of the target (thirds of a continuous one;
        all units without a target): what utilization estimates.
    flipped, flipped_low, flipped_high : float
        Share of the decisions that differ between two levels. NaN where outputs are no
        decisions: a single output is one if it is a probability (above 0.5) or if the
        target has two classes (above 0).
    pvalue : float
        Of the permutation test that nothing moves: neither the mean of all units nor
        that of a class nor, with repeats, any single unit.
    repeat_noise : float
        Root mean square distance of a repeat from what it repeats, in standard
        deviations of the outputs. NaN without repeats.
    flipped_by_repeats : float
        Share of the decisions that differ between two repeats. NaN without repeats.
    n_units : int
        Number of units that are compared.
    n_rows_by_level : Series
        Rows under each level.
    scheme : str
        What was permuted.
    null_distribution : ndarray of shape (n_permutations, n_statistics)
        Statistics of the permutations.
    effects : DataFrame
        Signed moves of the means in standard deviations of the outputs, from the mean
        over levels, with their intervals; indexed by level, output and target_class
        ("all" for all units).
    units : DataFrame
        One row per unit: levels and rows that it was seen under, `move` (as in
        `sensitivity`, noise included) and `flipped`.
    notes : tuple of str, default=()
        What was left out, or is to be known beside the numbers.
    """

    sensitivity: float
    sensitivity_low: float
    sensitivity_high: float
    shift: float
    shift_low: float
    shift_high: float
    flipped: float
    flipped_low: float
    flipped_high: float
    pvalue: float
    repeat_noise: float
    flipped_by_repeats: float
    n_units: int
    n_rows_by_level: pd.Series = field(repr=False)
    scheme: str
    null_distribution: np.ndarray = field(repr=False)
    effects: pd.DataFrame = field(repr=False)
    units: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def includes_noise(self) -> bool:
        """Whether `sensitivity` holds what a repeat would move, too."""
        return bool(np.isnan(self.repeat_noise))

    def to_text(self) -> str:
        """Say the numbers in sentences.

        Returns
        -------
        str
            One sentence a line.
        """
        noise = "the noise of a repeated scan included"
        if not self.includes_noise:
            noise = (
                f"the noise of repeats, {format_number(self.repeat_noise)}, is removed"
            )
        lines = [
            f"{self.n_units} units under {len(self.n_rows_by_level)} levels.",
            f"A single unit moves by {self._interval('sensitivity')} standard "
            f"deviations of the outputs ({noise}).",
            f"Means move by {self._interval('shift')}{self._ends()}.",
        ]
        if np.isnan(self.flipped):
            lines.append(
                "How many decisions change is not said: a single output is a decision "
                "only if it is a probability, or if a target of two classes is given."
            )
        else:
            repeated = ""
            if not np.isnan(self.flipped_by_repeats):
                repeated = f"; between repeats, {self.flipped_by_repeats:.1%}"
            lines.append(
                f"Between two levels {self.flipped:.1%} ({self.flipped_low:.1%} to "
                f"{self.flipped_high:.1%}) of the decisions change{repeated}."
            )
        if not np.isnan(self.pvalue):
            lines.append(f"Test that nothing moves: {format_pvalue(self.pvalue)}.")
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def to_markdown(self) -> str:
        """Say them in Markdown, with the moves of the mean of all units.

        Returns
        -------
        str
            A list, and a pipe table with one row per level and output.
        """
        lines = [f"- {escape_markdown(line)}" for line in self.to_text().splitlines()]
        rows = [["level", "output", "move of the mean", "interval"]]
        for (level, output, group), row in self.effects.iterrows():
            if group == ALL:
                effect, low, high = map(format_number, row[["effect", "low", "high"]])
                own = [escape_markdown(level), str(output)]
                rows.append([*own, effect, f"{low} to {high}"])
        return "\n".join([*lines, "", markdown_table(rows)]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Give all of it but the permutations as plain values.

        Returns
        -------
        dict
            Of types that JSON has; NaN becomes None.
        """
        estimates = {
            name: {
                "estimate": as_plain(getattr(self, name)),
                "low": as_plain(getattr(self, f"{name}_low")),
                "high": as_plain(getattr(self, f"{name}_high")),
            }
            for name in ESTIMATES
        }
        levels = self.n_rows_by_level
        return {
            "n_units": self.n_units,
            "levels": [
                {"level": as_plain(name), "n_rows": int(levels.iloc[i])}
                for i, name in enumerate(levels.index)
            ],
            **estimates,
            "pvalue": as_plain(self.pvalue),
            "repeat_noise": as_plain(self.repeat_noise),
            "includes_noise": self.includes_noise,
            "flipped_by_repeats": as_plain(self.flipped_by_repeats),
            "scheme": self.scheme,
            "n_permutations": len(self.null_distribution),
            "effects": as_records(self.effects),
            "units": as_records(self.units),
            "notes": list(self.notes),
        }

    def _ends(self) -> str:
        """Under which levels the output that moves most is highest and lowest."""
        moves = self.effects.xs(ALL, level="target_class")["effect"].dropna()
        if moves.empty or not self.shift_low > 0.0:
            return ""
        several = moves.index.get_level_values("output").nunique() > 1
        _, output = moves.abs().idxmax()
        own = moves.xs(output, level="output")
        which = f"output {quote(output)}" if several else "the output"
        return (
            f"; {which} is highest under {quote(own.idxmax())}, lowest under "
            f"{quote(own.idxmin())}"
        )

    def _interval(self, name: str) -> str:
        keys = (name, f"{name}_low", f"{name}_high")
        value, low, high = (format_number(getattr(self, key)) for key in keys)
        return f"{value} ({low} to {high})"
