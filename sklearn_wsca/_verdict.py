"""The registry of verdicts: what each means, when it is given, what is said and shown.

Rows, report, terminal and plots read it; schema and documentation are compared with it.
A new verdict is a class here, with a place in `VERDICTS` and a line in the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._text import column_text, count_points, format_number, list_names

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
        row = row | {"utilization_upper": upper}
        verdict = next(v for v in VERDICTS.values() if v.holds(row, self))
        sentence = verdict.note(row, self)
        if verdict.is_open:
            detectable = format_number(row["minimum_detectable_effect"])
            sentence += (
                f"; data of this size show a utilization of {detectable} or more in "
                "80% of cases"
            )
        return verdict.word, sentence

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

    def is_significant(self, row: dict[str, Any]) -> bool:
        """Whether the utilization is more than chance."""
        return bool(row["utilization_qvalue"] <= self.significance)

    def describe_effect(self, row: Any) -> str:
        """How far the outputs move with a column, with interval and q-value."""
        at = f"at fixed {list_names(self.held)} " if self.held else ""
        shift, points = "", row["probability_shift"]
        # The largest of several differences, which noise alone makes larger than zero.
        if row["utilization_low"] > 0 and not np.isnan(points):
            shift = f", predicted probabilities by {points:.0f} points"
        return (
            f"{at}the outputs move by {format_number(row['utilization'])} of their "
            f"standard deviation{shift} ({1.0 - self.significance:.0%} interval "
            f"{format_number(row['utilization_low'])} to "
            f"{format_number(row['utilization_high'])}, "
            f"q = {row['utilization_qvalue']:.2g})"
        )

    def describe(self) -> str:
        """The rule in a sentence."""
        level = self.significance
        return (
            f"A column counts as used if its utilization is significant at {level:.0%} "
            f"after correction over columns (Benjamini-Hochberg) and at least "
            f"{self.min_effect:g}, and as not used if it is encoded and its "
            f"{1 - 2 * level:.0%} interval lies below that margin."
        )

    def describe_use(self) -> str:
        """What counts as used, in few words."""
        return (
            f"utilization of {self.min_effect:g} or more, "
            f"with q of {self.significance:g} or less"
        )


class Verdict:
    """One word on a column.

    Attributes
    ----------
    word : str
        The word.
    meaning, remark : str
        What it means in a plain sentence, and what else a reader must know.
    colour : str
        As #rrggbb.
    marker : str
        Marker of matplotlib.
    symbol : str
        One character for text.
    terminal : str
        Style of rich.
    is_open : bool
        Whether a larger sample could tell more; what this one can find is then said.
    """

    word: str
    meaning: str
    remark: str
    colour: str
    marker: str
    symbol: str
    terminal: str
    is_open = False

    def holds(self, row: dict[str, Any], rule: Rule) -> bool:
        """Whether it is the verdict on a row of the table, if none before it is."""
        return False

    def note(self, row: dict[str, Any], rule: Rule) -> str:
        """Technical sentence on a row, for the note of the table."""
        return self.meaning

    def answer(self, column: dict[str, Any], analysis: dict[str, Any]) -> str:
        """Plain sentence on a column of the result, see `answer`."""
        return self.meaning


class Used(Verdict):
    """The output moves."""

    word = "used"
    meaning = "The output moves with the column by at least the margin."
    remark = "It is more than chance explains, after correction over columns."
    colour, marker, symbol, terminal = "#d55e00", "D", "◆", "bold red"

    def holds(self, row, rule):
        """Significant, and the estimate or its lower limit reaches the margin."""
        reached = max(row["utilization_low"], row["utilization"])
        return rule.is_significant(row) and reached >= rule.min_effect

    def note(self, row, rule):
        """Effect and margin."""
        margin = format_number(rule.min_effect)
        return f"{rule.describe_effect(row)}, the margin being {margin}"

    def answer(self, column, analysis):
        """Movement, and what it is in probabilities."""
        effect = column["utilization"]
        return f"{_moves(effect, analysis)}{_points(effect)}."


class NotUsed(Verdict):
    """The output does not move, as far as that matters."""

    word = "not used"
    meaning = "The embeddings hold the column, but the output hardly moves with it."
    remark = "Its whole interval lies below the margin."
    colour, marker, symbol, terminal = "#0072b2", "o", "●", "bold blue"

    def holds(self, row, rule):
        """Encoded, and the interval lies below the margin."""
        encoded = row["encoding_pvalue"] <= rule.significance
        return bool(row["utilization_upper"] < rule.min_effect and encoded)

    def note(self, row, rule):
        """Effect and upper limit."""
        return (
            f"encoded, but {rule.describe_effect(row)}; the whole "
            f"{1.0 - 2.0 * rule.significance:.0%} interval (up to "
            f"{format_number(row['utilization_upper'])}) is below the margin "
            f"{format_number(rule.min_effect)}"
        )

    def answer(self, column, analysis):
        """Margin and estimate."""
        return (
            f"The embeddings encode it, but {_subject(analysis)} moves less with it "
            f"than {_margin(analysis)} of its standard deviation{_fixed(analysis)}: "
            f"{_estimate(column['utilization'], analysis)}."
        )


class Inconclusive(Verdict):
    """The question stays open."""

    word = "inconclusive"
    meaning = "These data are too few or too variable to tell."
    remark = "This is not the same as unused."
    colour, marker, symbol, terminal = "#e69f00", "s", "■", "bold yellow"
    is_open = True

    def holds(self, row, rule):
        """Encoded, or nothing is known of that."""
        return not row["encoding_pvalue"] > rule.significance

    def note(self, row, rule):
        """Effect, and what is open."""
        margin = format_number(rule.min_effect)
        reason = (
            f"that it reaches the margin {margin} is open"
            if rule.is_significant(row)
            else f"neither a use nor its absence (margin {margin}) is shown"
        )
        return f"{rule.describe_effect(row)}; {reason}"

    def answer(self, column, analysis):
        """Estimate, and what is open."""
        effect, level = column["utilization"], analysis["significance"]
        if None not in (effect["qvalue"], level) and effect["qvalue"] <= level:
            return (
                f"{_moves(effect, analysis)}, but whether that reaches the margin of "
                f"{_margin(analysis)} is open."
            )
        return (
            "Neither a use nor its absence is shown: "
            f"{_estimate(effect, analysis, 'the output')}."
        )


class NotEncoded(Verdict):
    """There is nothing to use that a linear model could read."""

    word = "not encoded"
    meaning = "A linear model cannot read the column off the embeddings."
    remark = "Then there is little that a linear head could use."
    colour, marker, symbol, terminal = "#56b4e9", "^", "▲", "bold cyan"
    is_open = True

    def holds(self, row, rule):
        """The probe does no better than chance."""
        return bool(row["encoding_pvalue"] > rule.significance)

    def note(self, row, rule):
        """What that means for the alignment, and the effect."""
        return (
            "a linear probe does no better than chance, so an alignment has no "
            f"meaning; {rule.describe_effect(row)}"
        )

    def answer(self, column, analysis):
        """That it cannot be read."""
        return "A linear model cannot read it off the embeddings better than chance."


class Untestable(Verdict):
    """There are no numbers that a rule could judge; see `untestable`."""

    word = "untestable"
    meaning = "Nothing can be said; the reason is given."
    remark = "For example, it has one value only, or too few rows."
    colour, marker, symbol, terminal = "#7f7f7f", "X", "✖", "bold"

    def answer(self, column, analysis):
        """The reason."""
        found = column["utilization"]["untestable"] or column["note"]
        return f"Nothing can be said: {found or 'no reason was recorded'}."


# In the order in which people read them, and in which rules are tried.
VERDICTS: dict[str, Verdict] = {
    verdict.word: verdict
    for verdict in (Used(), NotUsed(), Inconclusive(), NotEncoded(), Untestable())
}
USED, INCONCLUSIVE, UNTESTABLE = Used.word, Inconclusive.word, Untestable.word


def untestable(reason: str) -> tuple[str, str]:
    """Verdict and sentence for a column on which nothing can be said."""
    return UNTESTABLE, f"{UNTESTABLE}: {reason}"


def answer(column: dict[str, Any], analysis: dict[str, Any]) -> str:
    """Verdict on one column in plain sentences.

    Parameters
    ----------
    column, analysis : dict
        Entry of the columns of a result, and its analysis.
    """
    verdict = VERDICTS.get(column["verdict"], VERDICTS[UNTESTABLE])
    found = verdict.answer(column, analysis)
    detectable = column["utilization"]["minimum_detectable_effect"]
    if verdict.is_open and detectable is not None:
        found += (
            f" A utilization of {format_number(detectable)} or more would be found in "
            "80% of data of this size."
        )
    if EXPLAINED in column["note"]:
        found += (
            " The heads align, but the data explain that: the column and the target "
            "are associated."
        )
    return found


def _subject(analysis: dict) -> str:
    head = analysis.get("primary_head") or {}
    subjects = {
        "trained": "the network's output",
        "fitted": "the output of the fitted linear head",
    }
    return subjects.get(head.get("source", ""), "the output of the decision")


def _moves(effect: dict, analysis: dict) -> str:
    subject = _subject(analysis)
    return (
        f"{subject[0].upper()}{subject[1:]} moves with it{_fixed(analysis)}, by "
        f"{_estimate(effect, analysis)}"
    )


def _estimate(effect: dict, analysis: dict, whose: str = "") -> str:
    """Estimate and interval."""
    deviation = f"{whose}'s standard deviation" if whose else "its standard deviation"
    level = analysis["significance"]
    confidence = "" if level is None else f"{1 - level:.0%} "
    return (
        f"{format_number(effect['estimate'])} of {deviation} "
        f"({confidence}interval {format_number(effect['low'])} to "
        f"{format_number(effect['high'])})"
    )


def _points(effect: dict) -> str:
    """Change of predicted probabilities, where there are any and noise is excluded."""
    shift = effect["probability_shift"]
    if shift is None or not effect["low"]:
        return ""
    return f"; predicted probabilities differ by up to {count_points(shift)}"


def _fixed(analysis: dict) -> str:
    names = [f"'{column_text(name)}'" for name in analysis["held_fixed"]]
    return f" at fixed {' and '.join(names)}" if names else ""


def _margin(analysis: dict) -> str:
    margin = analysis["min_effect"]
    return "the margin" if margin is None else format_number(margin)
