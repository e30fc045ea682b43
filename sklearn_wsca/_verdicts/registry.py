"""The registry of verdicts: what each means, when it is given, what is said and shown.

Rows, report, terminal and plots read it; schema and documentation are compared with it.
A new verdict is a class here, with a place in `VERDICTS` and a line in the schema.
"""

from __future__ import annotations

from typing import Any

from sklearn_wsca._text import format_number
from sklearn_wsca._verdicts.rule import EXPLAINED, Rule
from sklearn_wsca._verdicts.words import (
    at_fixed,
    beyond_parts,
    describe_estimate,
    describe_hidden,
    describe_movement,
    describe_points,
    describe_shift,
    moves_with,
    name_output,
    show_margin,
)

WITHHELD = "'not used' is withheld"


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
    urgency : int
        Place among the verdicts for somebody who must act, the first being 0.
    """

    word: str
    meaning: str
    remark: str
    colour: str
    marker: str
    symbol: str
    terminal: str
    is_open = False
    urgency = 0

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
        """Significant, and a utilization is above 0 and reaches the margin."""
        return rule.is_significant(row) and bool(rule.shown_by(row))

    def note(self, row, rule):
        """Effect, margin, and what carries it."""
        margin = format_number(rule.min_effect)
        which = rule.shown_by(row)
        effect = f"{rule.describe_effect(row, which)}, the margin being {margin}"
        return "; ".join([effect, *filter(None, [row["carrier"], describe_shift(row)])])

    def answer(self, column, analysis):
        """Movement, and what it is in probabilities."""
        effect = column["utilization"]
        return f"{describe_movement(column, analysis)}{describe_points(effect)}."


class NotUsed(Verdict):
    """The output does not move, as far as that matters."""

    word = "not used"
    meaning = "The embeddings hold the column, but the output hardly moves with it."
    remark = "Its whole interval lies below the margin."
    colour, marker, symbol, terminal = "#0072b2", "o", "●", "bold blue"
    urgency = 2

    def holds(self, row, rule):
        """Encoded, the interval lies below the margin, and the rows can show it."""
        return rule.excludes(row) and not rule.withheld

    def note(self, row, rule):
        """Effect and margin."""
        encoded = "encoded, but "
        if row.get("parts"):
            encoded = ""
        elif rule.by_utilization:
            encoded = "whether it is encoded was not tested; "
        return (
            f"{encoded}{rule.describe_effect(row)}; the whole interval is below "
            f"the margin {format_number(rule.min_effect)}, also with every class "
            f"counted alike (up to {rule.show(row['utilization_balanced_high'])})"
        )

    def answer(self, column, analysis):
        """Margin and estimate."""
        fixed = at_fixed(column, analysis)
        encoded = "The embeddings encode it, but "
        if column.get("interaction_of"):
            encoded = f"{beyond_parts(column)}, "
        elif column["encoding"]["qvalue"] is None:
            encoded = "Whether the embeddings encode it was not tested, but "
        return (
            f"{encoded}{name_output(analysis)} moves less with {moves_with(column)} "
            f"than {show_margin(analysis)} of its standard deviation{fixed}: "
            f"{describe_estimate(column['utilization'], analysis)}."
        )


class Inconclusive(Verdict):
    """The question stays open."""

    word = "inconclusive"
    meaning = "These data are too few or too variable to tell."
    remark = "This is not the same as unused."
    colour, marker, symbol, terminal = "#e69f00", "s", "■", "bold yellow"
    urgency = 1
    is_open = True

    def holds(self, row, rule):
        """Encoded, or that is open too."""
        return not rule.is_not_encoded(row)

    def note(self, row, rule):
        """Effect, what is open, and the class that leaves it open."""
        hidden = rule.extreme and not rule.is_significant(row)
        if hidden or (rule.withheld and rule.excludes(row)):
            return f"{rule.describe_effect(row)}; {WITHHELD}: {rule.withheld}"
        margin = format_number(rule.min_effect)
        reason = f"neither a use nor its absence (margin {margin}) is shown"
        if rule.is_significant(row):
            reason = f"that it reaches the margin {margin} is open"
        elif max(row["utilization_low"], row["utilization_balanced_low"]) > 0.0:
            reason = "the interval excludes 0, but the test over all columns does not"
        parts = [rule.describe_effect(row), reason, *describe_hidden(row)]
        return "; ".join(parts) + rule.describe_power(row)

    def answer(self, column, analysis):
        """Estimate, and what is open."""
        if WITHHELD in column["note"]:
            return (
                "That it is not used cannot be told from these rows: "
                f"{analysis['withheld']}."
            )
        effect, level = column["utilization"], analysis["significance"]
        margin = analysis["min_effect"]
        if None not in (effect["qvalue"], level) and effect["qvalue"] <= level:
            return (
                f"{describe_movement(column, analysis)}, but whether that reaches "
                f"the margin of {show_margin(analysis)} is open."
            )
        estimate = describe_estimate(effect, analysis, "the output")
        lows = effect["low"] or 0.0, effect["balanced_low"] or 0.0
        if effect["qvalue"] is not None and max(lows) > 0.0:
            return f"A use is indicated, but the test does not confirm it: {estimate}."
        if None not in (effect["high"], margin) and effect["high"] < margin:
            return (
                f"Over all rows it lies below the margin: {estimate}. But a class of "
                "the target, or a rare level, may move more: see its note."
            )
        what = "a use"
        if column.get("interaction_of"):
            what = "a use of their combination, beyond what each does alone,"
        return f"Neither {what} nor its absence is shown: {estimate}."


class NotEncoded(Verdict):
    """There is nothing to use that a linear model could read."""

    word = "not encoded"
    meaning = "A linear model cannot read the column off the embeddings."
    remark = "Then there is little that a linear head could use."
    colour, marker, symbol, terminal = "#56b4e9", "^", "▲", "bold cyan"
    urgency = 3
    is_open = True

    def holds(self, row, rule):
        """The probe does no better than chance, and had a chance to."""
        return rule.is_not_encoded(row)

    def note(self, row, rule):
        """What that means for the alignment, and the effect."""
        found = "no better than chance"
        if row["encoding_qvalue"] <= rule.significance:
            skill = format_number(max(row["encoding_skill"], 0.0))
            found = f"hardly better than chance (skill {skill})"
        return (
            f"a linear probe does {found}, so an alignment has no "
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
    urgency = 4

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


def by_urgency() -> list[str]:
    """Verdicts in the order that matters to somebody who must act."""
    return sorted(VERDICTS, key=lambda word: VERDICTS[word].urgency)


def judge(row: dict[str, Any], rule: Rule) -> tuple[str, str]:
    """Verdict and sentence for a row of the table and its `Findings`."""
    verdict = next(v for v in VERDICTS.values() if v.holds(row, rule))
    sentence = verdict.note(row, rule)
    if verdict.is_open and WITHHELD not in sentence:
        detectable = format_number(row["minimum_detectable_effect"])
        sentence += (
            f"; data of this size show a utilization of {detectable} or more in "
            "80% of cases"
        )
    return verdict.word, sentence


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
    if verdict.is_open and detectable is not None and WITHHELD not in column["note"]:
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
