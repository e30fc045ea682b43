"""What is said of two networks and a column, and the rule of its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from sklearn_wsca._plain_values import as_plain
from sklearn_wsca._text import (
    encodable,
    escape_markdown,
    format_number,
    format_pvalue,
    quote,
)

LESS_USED, MORE_USED = "less used", "more used"
SAME, INCONCLUSIVE = "same", "inconclusive"
COMPARISON_VERDICTS = (LESS_USED, MORE_USED, SAME, INCONCLUSIVE)


@dataclass(frozen=True)
class UtilizationComparison:
    """How far two networks use one column, and whether they differ.

    Parameters
    ----------
    utilization_a, low_a, high_a : float
        How far the outputs of the first network move with the column at fixed target,
        in its own standard deviations and without noise, with the interval at level
        1 - `significance`; 0 = they do not move.
    utilization_b, low_b, high_b : float
        The same of the second network, in its own standard deviations.
    difference : float
        ``utilization_b - utilization_a``: negative where the second network uses the
        column less.
    low, high : float
        Interval of the difference at level 1 - `significance`.
    same_low, same_high : float
        Interval at level 1 - 2 `significance`, which must lie within the margin for the
        claim that there is no difference that matters.
    pvalue, pvalue_fwer, qvalue : float
        Of the hypothesis that both use the column to the same degree; with family-wise
        correction over the columns of the call (max-T), and by Benjamini-Hochberg. NaN
        without permutations.
    verdict : {"less used", "more used", "same", "inconclusive"}
        About the second network, beside the first: "same" where the interval
        (`same_low`, `same_high`) lies within the margin; else one of the first two
        where the q-value is at most `significance` and the interval excludes 0.
    min_effect, significance : float
        Margin and level of the verdict.
    n_units : int
        Rows, or groups, that are independent of each other.
    null_distribution : ndarray of shape (n_permutations,)
        Sizes of the difference of the squared utilizations where both use the column
        to the same degree, beside the sum of both.
    notes : tuple of str, default=()
        What was left out.
    """

    utilization_a: float
    low_a: float
    high_a: float
    utilization_b: float
    low_b: float
    high_b: float
    difference: float
    low: float
    high: float
    same_low: float
    same_high: float
    pvalue: float
    pvalue_fwer: float
    qvalue: float
    verdict: str
    min_effect: float
    significance: float
    n_units: int
    null_distribution: np.ndarray = field(repr=False)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give all of it but the null distribution as plain values.

        Returns
        -------
        dict
            Of types that JSON has; NaN becomes None.
        """
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        del found["null_distribution"]
        return as_plain(found)

    def to_text(self, column: Any = "the column") -> str:
        """Say the verdict in a sentence.

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
        a, b = (format_number(u) for u in (self.utilization_a, self.utilization_b))
        level = f"{100 * (1 - self.significance):.3g}%"
        change, low, high = map(_signed, (self.difference, self.low, self.high))
        numbers = f"difference {change}, {level} interval {low} to {high}"
        if not np.isnan(self.pvalue):
            numbers += f", {format_pvalue(self.pvalue)}"
        sentence = (
            f"{self.verdict}: with {name} the outputs of the second network move by "
            f"{b} of their standard deviation, those of the first by {a} ({numbers})"
        )
        return encodable(f"{sentence}; {self._reason()}.")

    def to_markdown(self, column: Any = "the column") -> str:
        """Say the same in Markdown.

        Parameters
        ----------
        column : object, default="the column"
            What to call the column.

        Returns
        -------
        str
            One line, with the verdict in bold.
        """
        verdict, _, rest = self.to_text(column).partition(": ")
        return f"**{verdict}**: {escape_markdown(rest)}"

    def _reason(self) -> str:
        """What the verdict rests on."""
        margin = format_number(self.min_effect)
        if self.verdict == SAME:
            level = f"{100 * (1 - 2 * self.significance):.3g}%"
            return f"the whole {level} interval lies within {margin} of 0"
        if self.verdict == INCONCLUSIVE:
            return f"a difference of {margin} or more is neither shown nor excluded"
        return "more than chance"


def _signed(value: float) -> str:
    text = format_number(abs(value))
    return text if float(text) == 0.0 or value > 0.0 else f"-{text}"


def judge(
    estimate: dict[str, float], qvalue: float, min_effect: float, significance: float
) -> str:
    """Verdict on a difference with its intervals, by the rule of the result."""
    if -min_effect < estimate["same_low"] and estimate["same_high"] < min_effect:
        return SAME
    if not qvalue <= significance:
        return INCONCLUSIVE
    if estimate["high"] < 0.0:
        return LESS_USED
    return MORE_USED if estimate["low"] > 0.0 else INCONCLUSIVE
