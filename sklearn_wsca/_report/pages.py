"""What the pages of other commands than ``wsca audit`` say.

They are made from what the commands write for programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sklearn_wsca._performance.words import name_measure
from sklearn_wsca._report._level_bars import ROOM, WIDTH, Bars, draw_bar, place
from sklearn_wsca._report.first_screen import EVERYWHERE
from sklearn_wsca._report.short_page import Answer, Block, Picture, ShortPage
from sklearn_wsca._text import capitalised, format_number, list_first, plural, quote

MOST_ROWS, MOST_UNITS, MOST_LEVELS = 30, 12, 12
MOST_NAMED = 4
OF_THESE_UNITS = (
    "It is about these units, under these levels: others may move differently."
)
UNIT_WORDS = {
    "unit": "Unit",
    "n_levels": "Levels",
    "n_rows": "Rows",
    "move": "Moves by",
    "flipped": "Decisions that change",
}
CHANGES = "before", "after", "change", "change_low", "change_high"
NO_CAUSE = (
    "A difference at the same recorded value is no proof of a cause: those under one "
    "level may be more ill than those under another."
)


def page_of_comparison(content: dict[str, Any]) -> ShortPage:
    """Does the second network use the columns more, or less?"""
    columns, analysis = content["columns"], content["analysis"]
    margin = analysis["min_effect"]
    ends = [column[end] for column in columns for end in ("low", "high")]
    top = _top([*ends, 1.5 * (margin or 0.0)])
    answers = [
        Answer(c["name"], c["verdict"], [_tell(c, "verdict")], _change(c, margin, top))
        for c in columns
    ]
    found = ", ".join(_count(column["verdict"] for column in columns))
    header = ["Column", "Verdict", "First", "Second", "Difference", "p"]
    keys = "utilization_a", "utilization_b", "difference", "pvalue"
    rows = [
        [c["name"], c["verdict"], *(format_number(c[key]) for key in keys)]
        for c in columns
    ]
    left_out = [f"{name}: {why}." for name, why in content["untestable"].items()]
    return ShortPage(
        "Does the second network use the metadata more, or less?",
        f"Beside the first network, of {plural(len(columns), 'column')}: {found}.",
        answers,
        [*_sentences(content["notes"]), *left_out, NO_CAUSE],
        list(content["next_steps"]),
        [],
        [Block("All columns in numbers", header, rows)],
        _facts(content),
    )


def _tell(column: dict, verdict: str) -> str:
    """The answer without its verdict, which stands before it."""
    text = column["answer"].removeprefix(f"{column[verdict]}: ")
    return capitalised(text)


def _count(verdicts: Iterable[str]) -> list[str]:
    """How many there are of each."""
    return [f"{n} {verdict}" for verdict, n in Counter(verdicts).items()]


def _change(column: dict, margin: float | None, top: float) -> Bars | None:
    """Difference of two networks with interval and margin."""
    if None in (column["difference"], column["low"], column["high"]):
        return None
    sign = "+" if column["difference"] > 0.0 else ""
    text = f"{sign}{format_number(column['difference'])}"
    bar = draw_bar(
        "second less first", text, column, ("difference", "low", "high"), -top, top
    )
    ends = (place(-margin, top), place(margin, top)) if margin else None
    return Bars(
        "Difference of utilization, in standard deviations", [bar], 0, WIDTH / 2, ends
    )


def steps_of_comparison(columns: list[dict]) -> list[str]:
    """What to do next, from the verdicts on a second network."""
    told = {
        "more used": "The second network uses {} more: audit it (wsca audit).",
        "less used": (
            "The second network uses {} less, which need not be little: audit it "
            "(wsca audit)."
        ),
        "same": (
            "Both networks use {} alike, which may be much: audit one of them (wsca "
            "audit)."
        ),
        "inconclusive": "For {}: compare on more rows.",
    }
    steps = []
    for verdict, sentence in told.items():
        names = [c["name"] for c in columns if c["verdict"] == verdict]
        if names:
            steps.append(sentence.format(list_first(names, MOST_NAMED, quote)))
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
    units_seen, moved, *others = content["answer"]
    units = sorted(
        (row for row in content["units"] if row.get("move") is not None),
        key=lambda row: -row["move"],
    )
    known = [
        name for name in UNIT_WORDS if any(row.get(name) is not None for row in units)
    ]
    table = [[_cell(row[name]) for name in known] for row in units[:MOST_UNITS]]
    caveats = [OF_THESE_UNITS, *_sentences(content["notes"])]
    if content["includes_noise"]:
        caveats.append(
            "No unit was seen twice under one level, so the noise of a repeat is part "
            "of what a single unit moves by."
        )
    header = [UNIT_WORDS[name] for name in known]
    return ShortPage(
        what,
        moved,
        [Answer("", "", [*others, units_seen], _moves(effects))],
        caveats,
        list(content["next_steps"]),
        [],
        [Block("Units that move most", header, table)] if table else [],
        _facts(content),
    )


def steps_of_intervention(moves: bool, includes_noise: bool) -> list[str]:
    """What to do next, whether outputs are shown to move and noise is part of it."""
    steps = []
    if moves:
        steps += [
            "Look at the units that move most (units.csv) together with somebody who "
            "reads such images: does it matter?",
            "If it must not: train with such pairs, or take the level out of the "
            "embeddings (wsca repair).",
        ]
    else:
        steps.append(
            "That nothing moves is not shown by this; the upper ends of the intervals "
            "say what is excluded. More units exclude more."
        )
    if includes_noise:
        steps.append("Repeat some scans under one level (--repeats).")
    return steps


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
    columns = sorted(
        content["columns"], key=lambda column: -(column["target_association"] or 0.0)
    )
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
        f"An audit of these rows can judge {enough} of {plural(n, 'column')}.",
        answers,
        _sentences(content["notes"]),
        list(content["next_steps"]),
        [],
        [Block("All columns in numbers", header, rows)],
        _facts(content),
    )


def page_of_repair(content: dict[str, Any]) -> ShortPage:
    """Is a column used less after the repair, and what does that cost?"""
    columns, performance = content["columns"], content["performance"]
    ends = [column[end] for column in columns for end in ("high_a", "high_b")]
    top, margin = _top(ends), content["min_effect"]
    answers = [
        Answer(
            c["name"], c["repair"], [_tell(c, "repair")], _before_after(c, margin, top)
        )
        for c in columns
    ]
    found = ", ".join(_count(column["repair"] for column in columns))
    keys = "utilization_a", "low_a", "high_a", "utilization_b", "low_b", "high_b"
    numbers = [[c["name"], *(format_number(c[key]) for key in keys)] for c in columns]
    ends_of = ["Before", "from", "to", "After", "from", "to"]
    scores = [
        [name_measure(name), *(_signed(row[key], key) for key in CHANGES)]
        for name, row in performance.items()
    ]
    target = quote(content["target"])
    return ShortPage(
        content["question"],
        f"On {content['n_rows']} rows that the repair was not fitted on: {found}.",
        answers,
        _sentences(content["notes"]),
        list(content["next_steps"]),
        [],
        [
            Block("How far the outputs move", ["Column", *ends_of], numbers),
            Block(
                f"How well the head predicts {target}",
                ["Measure", "Before", "After", "Change", "from", "to"],
                scores,
            ),
        ],
        _facts(content),
    )


def _before_after(column: dict, margin: float, top: float) -> Bars | None:
    """Utilization before and after with intervals and margin."""
    rows = []
    for name, end in (("before", "_a"), ("after", "_b")):
        keys = [f"{key}{end}" for key in ("utilization", "low", "high")]
        if None in [column[key] for key in keys]:
            return None
        text = format_number(column[keys[0]])
        rows.append(draw_bar(name, text, column, keys, 0.0, top))
    ends = 0.0, WIDTH * min(margin / top, 1.0)
    return Bars("Utilization, in standard deviations", rows, 0, 0.0, ends)


def _signed(value: float | None, key: str) -> str:
    """A measure, or with its sign a change of it."""
    if value is None:
        return ""
    return f"{value + 0.0:+.3f}" if key.startswith("change") else f"{value:.3f}"


def page_of_features(
    sentences: list[str],
    header: list[str],
    rows: list[list[str]],
    pictures: list[Picture],
    facts: dict[str, str],
    fitted: bool,
) -> ShortPage:
    """Which features carry the decision, and where?

    The decision is that of a linear model that was `fitted` here, or of the network.
    """
    first, *others = sentences
    of_fitted = [
        "No trained head was given: this is about a linear model fitted to the target "
        "on these features, which need not decide as the network does."
    ]
    return ShortPage(
        "Which features carry the decision, and where?",
        first,
        [Answer("", "", [sentence]) for sentence in others],
        [
            "The importance of a feature is what it adds to the score of a class, on "
            "samples that are decided right; above 0 it speaks for the class, below 0 "
            "against it.",
            *(of_fitted if fitted else []),
        ],
        steps_of_features(fitted),
        pictures,
        [Block("The most important features", header, rows[:MOST_ROWS])],
        facts,
    )


def _facts(content: dict[str, Any]) -> dict[str, str]:
    """How it was done: settings, files and versions."""
    analysis = content.get("analysis") or {
        name: content[name] for name in ("min_effect", "significance", "seed")
    }
    facts = {name_fact(name): _cell(value) for name, value in analysis.items()}
    facts["Files"] = ", ".join(f"{k}: {v}" for k, v in content["inputs"].items())
    facts["Software"] = ", ".join(f"{k} {v}" for k, v in content["software"].items())
    return {term: text for term, text in facts.items() if text}


def steps_of_features(fitted: bool) -> list[str]:
    """What to do next with features."""
    give = ["Give the trained head of the network (--head)."] if fitted else []
    return [
        *give,
        "Look at the maps and the most unusual samples together with somebody who "
        "reads such images.",
        "Ask whether the decision uses what these features may tell of scanner or "
        "hospital (wsca audit).",
    ]


def name_fact(name: str) -> str:
    """Name of a setting or number as a term."""
    words = name.replace("_", " ").capitalize()
    return f"Number of {words[2:]}" if words.startswith("N ") else words


def _sentences(notes: Iterable[str]) -> list[str]:
    """Notes as sentences."""
    return [f"{capitalised(note).removesuffix('.')}." for note in notes]


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
