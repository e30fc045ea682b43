"""When a column counts as used, or not: thresholds, and the rule on one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._text import format_number, how_much_shown, list_names

EXPLAINED = "explained by target"
# An encoded column is read with at least this skill: a millionth can be significant.
LEAST_SKILL = 0.01
# Share of planted columns that must be found for the claim "not encoded".
ENOUGH_POWER = 0.8


@dataclass(frozen=True)
class Rule:
    """When a column counts as used.

    Parameters
    ----------
    significance : float
        Level of p-values and of the interval.
    min_effect : float
        Margin, in standard deviations of the outputs.
    held : list
        Names of the columns held fixed, target first.
    withheld : str, default=""
        Why these rows cannot show that a column is not used; "" if they can.
    extreme : bool, default=False
        Whether that is a single row, which hides an encoding too.
    by_utilization : bool, default=False
        Whether nobody asked if columns are encoded: verdicts go by utilization alone.
    """

    significance: float
    min_effect: float
    held: Sequence[Any]
    withheld: str = ""
    extreme: bool = False
    by_utilization: bool = False

    def explained_by_target(self, row: dict[str, Any]) -> str:
        """Sentence for an alignment that the data explain, or "".

        That takes a column that goes with the target, an alignment beyond chance, and
        no use beyond the margin.
        """
        aligned = row["alignment_pvalue_fwer"]
        if np.isnan(aligned):
            aligned = row["alignment_qvalue"]
        associated = row["target_association_pvalue"] <= self.significance
        if not (aligned <= self.significance and associated and self.is_below(row)):
            return ""
        encoded = self.is_encoded(row) or np.isnan(row["encoding_qvalue"])
        if self.withheld or not encoded:
            return ""
        return (
            f"{EXPLAINED}: aligned, but the outputs hardly move with it at fixed "
            f"{list_names(self.held_for(row))}; the data, not the model, link the two "
            f"(association {row['target_association']:.2f})"
        )

    def held_for(self, row: dict[str, Any]) -> list:
        """What is held fixed for a column, which may be a confounder itself.

        For an interaction that is what its columns do alone, too.
        """
        parts = row.get("parts") or []
        own = [row["name"], *parts]
        return [*(name for name in self.held if name not in own), *parts]

    def excludes(self, row: dict[str, Any]) -> bool:
        """Whether a use beyond the margin is excluded, of an encoded column if known.

        Its intervals lie below the margin, and neither a class nor a level that is no
        part of the utilization may be above it on its own.
        """
        names = ("classes_above", "classes_unseen", "levels_above")
        hidden = any(row[name] for name in names)
        matters = self.goes_by_utilization(row) or self.is_encoded(row)
        return self.is_below(row) and matters and not hidden

    def goes_by_utilization(self, row: dict[str, Any]) -> bool:
        """Whether nobody asks if it is encoded: an interaction has no probe."""
        return self.by_utilization or bool(row.get("parts"))

    def is_encoded(self, row: dict[str, Any]) -> bool:
        """Whether a probe reads the column: more than chance, and more than nothing."""
        significant = row["encoding_qvalue"] <= self.significance
        return bool(significant and row["encoding_skill"] >= LEAST_SKILL)

    def is_not_encoded(self, row: dict[str, Any]) -> bool:
        """Whether no probe reads it, though one would read a column of skill 0.1.

        Outputs are linear in the embeddings: where they move with it, it is in them.
        """
        lows = row["utilization_low"], row["utilization_balanced_low"]
        moves = self.is_significant(row) or any(low > 0.0 for low in lows)
        if np.isnan(row["encoding_qvalue"]) or self.is_encoded(row) or moves:
            return False
        if self.extreme:
            return False
        return bool(row["encoding_power"] >= ENOUGH_POWER)

    def is_significant(self, row: dict[str, Any]) -> bool:
        """Whether the utilization is more than chance."""
        return bool(row["utilization_qvalue"] <= self.significance)

    def shown_by(self, row: dict[str, Any]) -> str:
        """Utilization that shows a use, the pooled one first; "" if none does.

        It is above 0, and it or its lower limit at the margin.
        """
        for name in ("utilization", "utilization_balanced"):
            if how_much_shown(row[name], row[f"{name}_low"], self.min_effect) == 2:
                return name
        return ""

    def is_below(self, row: dict[str, Any]) -> bool:
        """Whether the whole intervals lie below the margin, pooled and balanced."""
        highs = row["utilization_high"], row["utilization_balanced_high"]
        return bool(np.max(highs) < self.min_effect)

    def describe_power(self, row: dict[str, Any]) -> str:
        """That it is open whether a column is encoded, or ""."""
        if np.isnan(row["encoding_qvalue"]) or self.is_encoded(row):
            return ""
        if row["encoding_power"] >= ENOUGH_POWER:
            return "; a linear probe does not read it, though the outputs seem to"
        return (
            "; whether it is encoded is open: a column that the embeddings explain by "
            f"10% would be found in {row['encoding_power']:.0%} of data of this kind"
        )

    def describe_effect(self, row: Any, which: str = "utilization") -> str:
        """How far the outputs move with a column, with interval and q-value."""
        held = self.held_for(row)
        at = f"at fixed {list_names(held)} " if held else ""
        counted = ", every class counted alike" if which != "utilization" else ""
        return (
            f"{at}the outputs move by {self.show(row[which])} of their "
            f"standard deviation{counted} ({1.0 - self.significance:.0%} interval "
            f"{self.show(row[f'{which}_low'])} to {self.show(row[f'{which}_high'])}, "
            f"q = {row['utilization_qvalue']:.2g})"
        )

    def show(self, utilization: float) -> str:
        """A utilization in digits that tell it from the margin."""
        return format_number(utilization, self.min_effect)

    def describe(self) -> str:
        """The rule in a sentence."""
        level = self.significance
        return (
            f"A column counts as used if its utilization is significant at {level:.0%} "
            "after correction over columns (Benjamini-Hochberg), its "
            f"{1 - level:.0%} interval lies above 0 and it is at least "
            f"{self.min_effect:g}, and as not used if it is encoded and the whole "
            "interval lies below that margin: of the utilization, or of that with "
            "every class of the target counted alike; both for not used."
        )

    def describe_use(self) -> str:
        """What counts as used, in few words."""
        return (
            f"utilization of {self.min_effect:g} or more, "
            f"with q of {self.significance:g} or less"
        )
