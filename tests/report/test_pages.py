"""What the pages of the commands say is what their files say."""

import copy

import pytest

from sklearn_wsca._report._level_bars import WIDTH
from sklearn_wsca._report.pages import (
    page_of_comparison,
    page_of_features,
    page_of_intervention,
    page_of_repair,
    page_of_screen,
    steps_of_comparison,
    steps_of_intervention,
)
from sklearn_wsca._report.short_page import Picture

FILES = {"inputs": {"metadata": "y.csv, sha256 00"}, "software": {"numpy": "2"}}
COMPARED = FILES | {
    "analysis": {"target": "disease", "min_effect": 0.1, "confounders": ["age"]},
    "columns": [
        {
            "name": "scanner",
            "verdict": "less used",
            "answer": "less used: with 'scanner' the outputs move less.",
            "utilization_a": 0.34,
            "utilization_b": 0.1,
            "difference": -0.24,
            "low": -0.4,
            "high": -0.1,
            "pvalue": 0.001,
        },
    ],
    "untestable": {"batch": "it has one value"},
    "notes": ["a note"],
    "next_steps": ["Audit it."],
}


def test_a_comparison_shows_its_difference_beside_the_margin():
    page = page_of_comparison(COMPARED)
    (answer,) = page.answers
    assert answer.sentences == ["With 'scanner' the outputs move less."]
    assert page.headline == "Beside the first network, of 1 column: 1 less used."
    assert page.next_steps == ["Audit it."]
    (bar,) = answer.bars.rows
    low, high = answer.bars.margin
    assert bar.low < bar.value < bar.high <= low < WIDTH / 2 < high
    assert page.caveats[:2] == ["A note.", "batch: it has one value."]
    assert page.facts["Confounders"] == "age" and page.facts["Files"].endswith("00")
    assert page.blocks[0].rows[0][2:] == ["0.34", "0.1", "-0.24", "0.001"]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("more used", "uses 'scanner' more: audit it"),
        ("less used", "uses 'scanner' less, which need not be little"),
        ("same", "use 'scanner' alike, which may be much"),
        ("inconclusive", "For 'scanner': compare on more rows"),
    ],
)
def test_what_is_next_goes_by_the_verdict(verdict, words):
    (step,) = steps_of_comparison([{"name": "scanner", "verdict": verdict}])
    assert words in step


def test_a_comparison_without_an_interval_has_no_picture():
    content = copy.deepcopy(COMPARED)
    content["columns"][0]["low"] = None
    assert page_of_comparison(content).answers[0].bars is None


def test_a_margin_beyond_the_intervals_stands_in_the_picture():
    content = copy.deepcopy(COMPARED)
    content["columns"][0] |= {"difference": 0.0, "low": -0.01, "high": 0.01}
    low, high = page_of_comparison(content).answers[0].bars.margin
    assert 0.0 < low < high < WIDTH


REPAIRED = FILES | {
    "question": "Is the column used less?",
    "analysis": {"method": "linear"},
    "target": "disease",
    "n_rows": 300,
    "min_effect": 0.1,
    "columns": [
        {
            "name": "scanner",
            "repair": "repaired",
            "answer": "repaired: with 'scanner' the outputs move less.",
            "utilization_a": 0.4,
            "low_a": 0.3,
            "high_a": 0.5,
            "utilization_b": 0.02,
            "low_b": 0.0,
            "high_b": 0.06,
        }
    ],
    "performance": {
        "balanced_accuracy": {
            "before": 0.9,
            "after": 0.89,
            "change": -0.01,
            "change_low": -0.02,
            "change_high": 0.0,
        },
    },
    "notes": ["A note."],
    "next_steps": ["Audit it."],
}


def test_a_repair_shows_before_and_after_beside_the_margin():
    page = page_of_repair(REPAIRED)
    assert page.headline.endswith(
        "300 rows that the repair was not fitted on: 1 repaired."
    )
    (answer,) = page.answers
    assert answer.word == "repaired"
    assert answer.sentences == ["With 'scanner' the outputs move less."]
    before, after = answer.bars.rows
    start, end = answer.bars.margin
    assert start == after.low == 0.0 < after.value < after.high < end < before.low
    assert before.high < WIDTH and not before.cut_high
    uses, scores = page.blocks
    assert uses.rows == [["scanner", "0.4", "0.3", "0.5", "0.02", "0", "0.06"]]
    assert scores.rows == [
        ["balanced accuracy", "0.900", "0.890", "-0.010", "-0.020", "+0.000"]
    ]
    assert page.caveats == ["A note."] and page.next_steps == ["Audit it."]


def test_a_repair_without_an_interval_has_no_picture():
    content = copy.deepcopy(REPAIRED)
    content["columns"][0]["high_b"] = None
    assert page_of_repair(content).answers[0].bars is None


def intervention(includes_noise=True):
    effects = [
        {"level": level, "output": output, "target_class": "all"}
        | {"effect": size, "low": size - 0.1, "high": size + 0.1}
        for level, size in (("A", 0.3), ("B", -0.1))
        for output in ("0", "1")
    ]
    effects[1] |= {"effect": 0.5, "low": 0.4, "high": 0.6}
    unit = {"n_rows": 2, "flipped": None}
    units = [unit | {"unit": i, "move": i / 10} for i in range(20)]
    return FILES | {
        "analysis": {"level": "scanner", "seed": None},
        "answer": ["60 units under 2 levels.", "A single unit moves.", "p = 0.1."],
        "effects": effects,
        "units": [*units, unit | {"unit": 21, "move": None}],
        "includes_noise": includes_noise,
        "notes": [],
        "next_steps": ["Look."],
    }


def test_an_intervention_shows_the_output_that_moves_most():
    page = page_of_intervention(intervention())
    assert page.headline == "A single unit moves."
    assert page.answers[0].sentences == ["p = 0.1.", "60 units under 2 levels."]
    bars = page.answers[0].bars
    assert "'1'" in bars.title and [bar.name for bar in bars.rows] == ["A", "B"]
    assert bars.rows[0].value > WIDTH / 2 > bars.rows[1].value
    assert page.blocks[0].header == ["Unit", "Rows", "Moves by"]
    assert [row[0] for row in page.blocks[0].rows][:2] == ["19", "18"]
    assert page.next_steps == ["Look."] and "noise" in page.caveats[1]
    quiet = page_of_intervention(intervention(False) | {"effects": [], "units": []})
    assert len(quiet.caveats) == 1 and quiet.blocks == []
    assert quiet.answers[0].bars is None


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("includes_noise", [True, False])
def test_what_is_next_goes_by_what_is_shown_and_by_repeats(moves, includes_noise):
    steps = " ".join(steps_of_intervention(moves, includes_noise))
    assert ("units that move most" in steps) == moves
    assert ("is not shown by this" in steps) != moves
    assert ("--repeats" in steps) == includes_noise


def test_a_screen_counts_what_an_audit_can_judge():
    columns = [
        {"name": name, "sentence": f"{name} goes.", "outlook": outlook}
        | {"target_association": 0.2, "association_pvalue": 0.01}
        | {"minimum_detectable_effect": None}
        for name, outlook in (("a", "enough"), ("b", "too small"))
    ]
    content = FILES | {"columns": columns, "next_steps": ["Train."], "notes": []}
    content |= {"target": "disease", "min_effect": 0.1, "significance": 0.05, "seed": 0}
    page = page_of_screen(content)
    assert page.headline == "An audit of these rows can judge 1 of 2 columns."
    assert [a.word for a in page.answers] == ["enough", "too small"]
    assert page.next_steps == ["Train."] and "-" in page.blocks[0].rows[0]


def test_features_have_pictures_and_what_their_sign_means():
    picture = Picture("Maps", "Eight maps", b"")
    page = page_of_features(
        ["First.", "Second."],
        ["Feature", "Importance"],
        [["3", "0.2"]],
        [picture],
        {},
        True,
    )
    assert page.headline == "First." and page.answers[0].sentences == ["Second."]
    assert page.pictures == [picture] and "speaks for the class" in page.caveats[0]
    assert "No trained head" in page.caveats[1] and "(--head)" in page.next_steps[0]
