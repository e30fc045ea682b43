"""The registry of verdicts: what each means, when it is given, what is said and shown.

Rows, report, terminal and plots read it; schema and documentation are compared with it.
A new verdict is a class here, with a place in `VERDICTS` and a line in the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._text import (
    alike_text,
    column_text,
    count_points,
    format_number,
    how_much_shown,
    list_names,
    quote,
)

EXPLAINED = "explained by target"
WITHHELD = "'not used' is withheld"
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

    def judge(self, row: dict[str, Any]) -> tuple[str, str]:
        """Verdict and sentence for a row of the table and its `Findings`."""
        verdict = next(v for v in VERDICTS.values() if v.holds(row, self))
        sentence = verdict.note(row, self)
        if verdict.is_open and WITHHELD not in sentence:
            detectable = format_number(row["minimum_detectable_effect"])
            sentence += (
                f"; data of this size show a utilization of {detectable} or more in "
                "80% of cases"
            )
        return verdict.word, sentence

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

    def reaches(self, row: dict[str, Any], which: str) -> bool:
        """Whether a utilization is above 0, and it or its lower limit at the margin."""
        low = row[f"{which}_low"]
        return how_much_shown(row[which], low, self.min_effect) == 2

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
        return rule.is_significant(row) and bool(_used_by(row, rule))

    def note(self, row, rule):
        """Effect, margin, and what carries it."""
        margin = format_number(rule.min_effect)
        which = _used_by(row, rule)
        effect = f"{rule.describe_effect(row, which)}, the margin being {margin}"
        return "; ".join([effect, *filter(None, [row["carrier"], _shift(row)])])

    def answer(self, column, analysis):
        """Movement, and what it is in probabilities."""
        effect = column["utilization"]
        return f"{_moves(column, analysis)}{_points(effect)}."


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
        fixed = _fixed(analysis, column)
        encoded = "The embeddings encode it, but "
        if column.get("interaction_of"):
            encoded = f"{_beyond(column)}, "
        elif column["encoding"]["qvalue"] is None:
            encoded = "Whether the embeddings encode it was not tested, but "
        return (
            f"{encoded}{_subject(analysis)} moves less with {_what(column)} "
            f"than {_margin(analysis)} of its standard deviation{fixed}: "
            f"{_estimate(column['utilization'], analysis)}."
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
        parts = [rule.describe_effect(row), reason, *_hidden(row)]
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
                f"{_moves(column, analysis)}, but whether that reaches the margin of "
                f"{_margin(analysis)} is open."
            )
        estimate = _estimate(effect, analysis, "the output")
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


def _used_by(row: dict, rule: Rule) -> str:
    """Utilization that reaches the margin, the pooled one first; "" if none does."""
    names = ("utilization", "utilization_balanced")
    return next((name for name in names if rule.reaches(row, name)), "")


def _shift(row: dict) -> str:
    """Change of a probability, where noise is excluded."""
    if not row["probability_shift_low"] > 0:
        return ""
    subject, where = row["shift_sentence"]
    return f"{subject} {count_points(row['probability_shift'])} {where}"


def _hidden(row: dict) -> list[str]:
    """Classes that may move although the mean over classes does not."""
    found = []
    kinds = ("class", "classes_above"), ("rare level", "levels_above")
    for kind, key in kinds:
        if row[key]:
            found.append(f"moves by the margin on its own: {kind} {_list(row[key])}")
    if row["classes_unseen"]:
        found.append(
            f"cannot be judged: class {_list(row['classes_unseen'])}, which holds one "
            "value of the column only"
        )
    if row["class_in_doubt"]:
        found.append(row["class_in_doubt"])
    return found


def _list(names: list) -> str:
    return ", ".join(map(quote, names))


def _balanced(effect: dict) -> dict:
    """Estimate and interval with every class counted alike."""
    ends = {"estimate": "", "low": "_low", "high": "_high"}
    return {name: effect[f"balanced{end}"] for name, end in ends.items()}


def _subject(analysis: dict) -> str:
    head = analysis.get("primary_head") or {}
    subjects = {
        "trained": "the network's output",
        "fitted": "the output of the fitted linear head",
    }
    return subjects.get(head.get("source", ""), "the output of the decision")


def _moves(column: dict, analysis: dict) -> str:
    effect, subject, alike = column["utilization"], _subject(analysis), ""
    if alike_text(effect, analysis["min_effect"]):
        effect, alike = _balanced(effect), ", every class counted alike,"
    if column.get("interaction_of"):
        subject = f"{_beyond(column)}, {subject}"
    return (
        f"{subject[0].upper()}{subject[1:]} moves with {_what(column)}"
        f"{_fixed(analysis, column)}{alike or ','} by {_estimate(effect, analysis)}"
    )


def _beyond(column: dict) -> str:
    """What an interaction is beyond."""
    first, second = (f"'{name}'" for name in column["interaction_of"])
    return f"Beyond what {first} does alone and what {second} does alone"


def _what(column: dict) -> str:
    """What the output moves with."""
    return "their combination" if column.get("interaction_of") else "it"


def _estimate(effect: dict, analysis: dict, whose: str = "") -> str:
    """Estimate and interval."""
    deviation = f"{whose}'s standard deviation" if whose else "its standard deviation"
    level = analysis["significance"]
    confidence = "" if level is None else f"{1 - level:.0%} "
    estimate, low, high = (
        format_number(effect[key], analysis["min_effect"])
        for key in ("estimate", "low", "high")
    )
    return f"{estimate} of {deviation} ({confidence}interval {low} to {high})"


def _points(effect: dict) -> str:
    """Change of predicted probabilities, where there are any and noise is excluded."""
    shift = effect["probability_shift"]
    if shift is None or not (effect["probability_shift_low"] or 0.0) > 0:
        return ""
    return f"; predicted probabilities differ by up to {count_points(shift)}"


def _fixed(analysis: dict, column: dict) -> str:
    own = [column["name"], *(column.get("interaction_of") or [])]
    names = [
        f"'{column_text(name)}'"
        for name in analysis["held_fixed"]
        if column_text(name) not in own
    ]
    return f" at fixed {' and '.join(names)}" if names else ""


def _margin(analysis: dict) -> str:
    margin = analysis["min_effect"]
    return "the margin" if margin is None else format_number(margin)
