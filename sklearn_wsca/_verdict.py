"""From the numbers of one column to one word and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._text import format_number, list_names

USED, NOT_USED, NOT_ENCODED = "used", "not used", "not encoded"
INCONCLUSIVE, UNTESTABLE = "inconclusive", "untestable"
EXPLAINED = "explained by target"


@dataclass(frozen=True)
class Rule:
    """When a column counts as used.

    Parameters
    ----------
    significance : float
        Level of p-values and of the interval; the claim "not used" is made at the same
        level, which makes its two-sided interval one of ``1 - 2 significance``.
    min_effect : float
        Margin, in standard deviations of the outputs.
    held : list
        Names of the columns held fixed, target first.
    """

    significance: float
    min_effect: float
    held: Sequence[Any]

    def judge(self, row: dict[str, Any], upper: float) -> tuple[str, str]:
        """Verdict and sentence for a row of the table.

        Parameters
        ----------
        row : dict
            Entries of the summary table.
        upper : float
            Upper limit of the utilization at the level of the claim "not used".
        """
        estimate, low = row["utilization"], row["utilization_low"]
        significant = bool(row["utilization_qvalue"] <= self.significance)
        encoded = bool(row["encoding_pvalue"] <= self.significance)
        not_encoded = bool(row["encoding_pvalue"] > self.significance)
        effect = describe_effect(row, 1.0 - self.significance, self.held)
        margin = format_number(self.min_effect)
        if significant and max(low, estimate) >= self.min_effect:
            return USED, f"{effect}, the margin being {margin}"
        if upper < self.min_effect and encoded:
            confidence = 1.0 - 2.0 * self.significance
            return NOT_USED, (
                f"encoded, but {effect}; the whole {confidence:.0%} interval (up to "
                f"{format_number(upper)}) is below the margin {margin}"
            )
        detectable = (
            "this sample finds a utilization of "
            f"{format_number(row['minimum_detectable_effect'])} or more in 80% of cases"
        )
        if not_encoded:
            return NOT_ENCODED, (
                "a linear probe does no better than chance, so an alignment has no "
                f"meaning; {effect}; {detectable}"
            )
        reason = (
            f"that it reaches the margin {margin} is open"
            if significant
            else f"neither a use nor its absence (margin {margin}) is shown"
        )
        return INCONCLUSIVE, f"{effect}; {reason}; {detectable}"

    def explained_by_target(self, row: dict[str, Any]) -> str:
        """Sentence for an alignment that the data explain, or ""."""
        aligned = row["alignment_pvalue_fwer"]
        if np.isnan(aligned):
            aligned = row["alignment_qvalue"]
        if not (aligned <= self.significance < row["utilization_qvalue"]):
            return ""
        if row["encoding_pvalue"] > self.significance:
            return ""
        return (
            f"{EXPLAINED}: aligned, but the outputs do not move with it at fixed "
            f"{list_names(self.held)}; the data, not the model, link the two "
            f"(association {row['target_association']:.2f})"
        )


def untestable(reason: str) -> tuple[str, str]:
    """Verdict and sentence for a column on which nothing can be said."""
    return UNTESTABLE, f"untestable: {reason}"


@dataclass(frozen=True)
class VerdictStyle:
    """How a verdict looks.

    Parameters
    ----------
    colour : str
        As #rrggbb.
    marker : str
        Marker of matplotlib.
    symbol : str
        One character for text.
    terminal : str
        Style of rich.
    """

    colour: str
    marker: str
    symbol: str
    terminal: str


def describe_effect(row: Any, confidence: float, held: Sequence[Any]) -> str:
    """How far the outputs move with a column, with interval and p-value."""
    at = f"at fixed {list_names(held)} " if held else ""
    shift = ""
    # The largest of several differences, which noise alone makes larger than zero.
    if row["utilization_low"] > 0 and not np.isnan(row["probability_shift"]):
        shift = f", predicted probabilities by {row['probability_shift']:.0f} points"
    return (
        f"{at}the outputs move by {format_number(row['utilization'])} of their "
        f"standard deviation{shift} "
        f"({confidence:.0%} interval {format_number(row['utilization_low'])} "
        f"to {format_number(row['utilization_high'])}, "
        f"q = {row['utilization_qvalue']:.2g})"
    )


VERDICT_STYLES = {
    USED: VerdictStyle("#d55e00", "D", "◆", "bold red"),
    NOT_USED: VerdictStyle("#0072b2", "o", "●", "bold blue"),
    INCONCLUSIVE: VerdictStyle("#e69f00", "s", "■", "bold yellow"),
    NOT_ENCODED: VerdictStyle("#56b4e9", "^", "▲", "bold cyan"),
    UNTESTABLE: VerdictStyle("#7f7f7f", "X", "✖", "bold"),
}
