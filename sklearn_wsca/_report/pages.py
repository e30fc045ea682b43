"""What the pages of ``wsca compare``, ``intervene``, ``screen`` and ``features`` say.

They are made from what the commands write for programs.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sklearn_wsca._report._level_bars import ROOM, WIDTH, Bars, draw_bar, place
from sklearn_wsca._report.first_screen import EVERYWHERE
from sklearn_wsca._report.short_page import Answer, Block, Picture, ShortPage
from sklearn_wsca._text import format_number, list_first, quote

MOST_ROWS, MOST_UNITS, MOST_LEVELS = 30, 12, 12
MOST_NAMED = 4
NO_CAUSE = (
    "A difference at the same recorded value is no proof of a cause: those under one "
    "level may be more ill than those under another."
)


def page_of_comparison(content: dict[str, Any]) -> ShortPage:
    """Does the second network use the columns more, or less?"""
    columns, analysis = content["columns"], content["analysis"]
    top = _top([column[end] for column in columns for end in ("low", "high")])
    margin = analysis["min_effect"]
    answers = [
        Answer(c["name"], c["verdict"], [_tell_change(c)], _change(c, margin, top))
        for c in columns
    ]
    counts = Counter(column["verdict"] for column in columns)
    found = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    header = ["Column", "Verdict", "First", "Second", "Difference", "p"]
    keys = "utilization_a", "utilization_b", "difference", "pvalue"
    rows = [
        [c["name"], c["verdict"], *(format_number(c[key]) for key in keys)]
        for c in columns
    ]
    left_out = [f"{name}: {why}." for name, why in content["untestable"].items()]
    return ShortPage(
        "Does the second network use the metadata more, or less?",
        f"Beside the first network: {found or 'no column'}.",
        answers,
        [*content["notes"], *left_out, NO_CAUSE],
        _steps_of_comparison(columns),
        [],
        [Block("All columns in numbers", header, rows)],
        _facts(content),
    )


def _tell_change(column: dict) -> str:
    """The answer without its verdict, which stands before it."""
    text = column["answer"].removeprefix(f"{column['verdict']}: ")
    return f"{text[0].upper()}{text[1:]}"


def _change(column: dict, margin: float | None, top: float) -> Bars | None:
    """Difference of two networks with interval and margin."""
    if None in (column["difference"], column["low"], column["high"]):
        return None
    text = f"{column['difference']:+.2f}"
    bar = draw_bar(
        "second less first", text, column, ("difference", "low", "high"), -top, top
    )
    ends = (place(-margin, top), place(margin, top)) if margin else None
    return Bars(
        "Difference of utilization, in standard deviations", [bar], 0, WIDTH / 2, ends
    )


def _steps_of_comparison(columns: list[dict]) -> list[str]:
    more = [c["name"] for c in columns if c["verdict"] == "more used"]
    still_open = [c["name"] for c in columns if c["verdict"] == "inconclusive"]
    steps = []
    if more:
        names = list_first(more, MOST_NAMED, quote)
        steps.append(f"The second network uses {names} more: audit it (wsca audit).")
    if still_open:
        names = list_first(still_open, MOST_NAMED, quote)
        steps.append(f"For {names}: compare on more rows.")
    return steps


def page_of_intervention(content: dict[str, Any]) -> ShortPage:
    """How far do outputs of the same unit move between levels?"""
    analysis = content["analysis"]
    what = f"How far does the output move with {quote(analysis['level'])}?"
    effects = [
        row
        for row in content["effects"]
        if row["target_class"] == EVERYWHERE
        and None not in (row["effect"], row["low"], row["high"])
    ]
    first, *others = content["answer"]
    units = sorted(
        (row for row in content["units"] if row.get("move") is not None),
        key=lambda row: -row["move"],
    )
    names = [name for name in (content["units"] or [{}])[0] if name not in ("levels",)]
    table = [[_cell(row[name]) for name in names] for row in units[:MOST_UNITS]]
    caveats = list(content["notes"])
    if content["includes_noise"]:
        caveats.append(
            "No unit was seen twice under one level, so the noise of a repeat is part "
            "of what a single unit moves by."
        )
    steps = []
    if content["includes_noise"]:
        steps.append("Repeat some scans under one level (--repeats).")
    return ShortPage(
        what,
        first,
        [Answer("", "", others, _moves(effects))],
        caveats,
        steps,
        [],
        [Block("Units that move most", names, table)] if table else [],
        _facts(content),
    )


def _moves(effects: list[dict]) -> Bars | None:
    """Moves of the mean of all units, on the output that moves most."""
    if not effects:
        return None
    output = max(effects, key=lambda row: abs(row["effect"]))["output"]
    own = [row for row in effects if row["output"] == output]
    own.sort(key=lambda row: -row["effect"])
    top = _top([row[end] for row in own for end in ("low", "high")])
    rows = [
        draw_bar(
            str(row["level"]),
            f"{row['effect']:+.2f}",
            row,
            ("effect", "low", "high"),
            -top,
            top,
        )
        for row in own[:MOST_LEVELS]
    ]
    title = f"Mean of output {quote(output)}, in standard deviations"
    return Bars(title, rows, len(own) - len(rows), WIDTH / 2, None)


def page_of_screen(content: dict[str, Any]) -> ShortPage:
    """Which columns could be shortcuts, and would an audit find them?"""
    columns = content["columns"]
    enough = sum(column["outlook"] == "enough" for column in columns)
    header = ["Column", "Goes with the target", "p", "An audit finds", "Outlook"]
    keys = "target_association", "association_pvalue", "minimum_detectable_effect"
    rows = [
        [c["name"], *(format_number(c[key]) for key in keys), c["outlook"]]
        for c in columns
    ]
    answers = [Answer(c["name"], c["outlook"], [c["sentence"]]) for c in columns]
    n = len(columns)
    return ShortPage(
        f"What could be a shortcut to {quote(content['target'])}, and be found?",
        f"An audit of these rows can judge {enough} of {n} column{'s' * (n != 1)}.",
        answers,
        list(content["notes"]),
        list(content["next_steps"]),
        [],
        [Block("All columns in numbers", header, rows)],
        _facts(content),
    )


def page_of_features(
    sentences: list[str],
    header: list[str],
    rows: list[list[str]],
    pictures: list[Picture],
    facts: dict[str, str],
) -> ShortPage:
    """Which features carry the decision, and where?"""
    first, *others = sentences
    return ShortPage(
        "Which features carry the decision, and where?",
        first,
        [Answer("", "", [sentence]) for sentence in others],
        [
            "The importance of a feature is what it adds to the score of a class, on "
            "samples that are decided right; above 0 it speaks for the class, below 0 "
            "against it."
        ],
        [],
        pictures,
        [Block("The most important features", header, rows[:MOST_ROWS])],
        facts,
    )


def _facts(content: dict[str, Any]) -> dict[str, str]:
    """How it was done: settings, files and versions."""
    analysis = content.get("analysis") or {
        name: content[name] for name in ("min_effect", "significance", "seed")
    }
    facts = {
        name.replace("_", " ").capitalize(): _cell(v) for name, v in analysis.items()
    }
    facts["Files"] = ", ".join(f"{k}: {v}" for k, v in content["inputs"].items())
    facts["Software"] = ", ".join(f"{k} {v}" for k, v in content["software"].items())
    return {term: text for term, text in facts.items() if text}


def _cell(value: Any) -> str:
    """A value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return str(value)


def _top(ends: list[float | None]) -> float:
    """Scale with room for all ends."""
    return ROOM * max([abs(end) for end in ends if end is not None], default=1.0) or 1.0
