"""The plain sentences on a column of a result."""

import pytest

from sklearn_wsca._verdicts.registry import WITHHELD, answer

ANALYSIS = {
    "primary_head": {"source": "trained"},
    "held_fixed": ["illness", "site"],
    "significance": 0.05,
    "min_effect": 0.1,
}
FOUND = {
    "estimate": 0.31,
    "low": 0.07,
    "high": 0.52,
    "balanced": 0.36,
    "balanced_low": 0.09,
    "balanced_high": 0.55,
    "qvalue": 0.012,
    "probability_shift": 8.4,
    "probability_shift_low": 2.0,
    "minimum_detectable_effect": 0.22,
    "untestable": None,
}
MOVES = "The network's output moves with it at fixed 'illness' and 'site', by 0.31 of "
INTERVAL = "interval 0.07 to 0.52)"
POWER = "A utilization of 0.22 or more would be found in 80% of data of this size."


def say(verdict, note="", analysis=ANALYSIS, name="scanner", encoded=0.01, **changes):
    column = {"name": name, "verdict": verdict, "note": note}
    column["encoding"] = {"qvalue": encoded}
    return answer(column | {"utilization": FOUND | changes}, analysis)


def test_answer_of_used():
    said = say("used")
    assert said.startswith(MOVES) and INTERVAL in said
    assert said.endswith(
        "; predicted probabilities differ by up to 8 percentage points."
    )


@pytest.mark.parametrize(
    "change",
    [
        {"probability_shift": None, "probability_shift_low": None},
        {"probability_shift_low": 0.0},
        {"probability_shift_low": -1.0},
    ],
)
def test_probabilities_are_left_out_where_there_are_none_or_noise_is_not_excluded(
    change,
):
    assert "moves with it" in say("used", **change)
    assert "probabilities" not in say("used", **change)


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, "0.31"),
        # of the two, the one that shows a use
        ({"low": 0.0}, "0.36"),
        ({"estimate": 0.08}, "0.36"),
        ({"estimate": 0.08, "balanced_low": 0.0}, "0.08"),
        ({"balanced_low": 0.0}, "0.31"),
        ({"low": 0.0, "balanced_low": None}, "0.31"),
    ],
)
def test_the_answer_of_used_is_of_the_utilization_that_shows_it(changes, size):
    said = say("used", **changes)
    alike = "every class counted alike," if size == "0.36" else "and 'site',"
    assert f"{alike} by {size} of its standard deviation (95% interval" in said


@pytest.mark.parametrize("verdict", ["used", "not used", "inconclusive"])
@pytest.mark.parametrize(
    ("name", "held"), [("site", "site"), ("a & b", ("a", "b")), ("7", 7)]
)
def test_an_answer_does_not_hold_its_column_fixed(verdict, name, held):
    analysis = ANALYSIS | {"held_fixed": ["illness", held]}
    others = say(verdict, analysis=analysis)
    assert ("'illness' and" in others) == (f"'{name}'" in others)
    own = say(verdict, analysis=analysis, name=name)
    assert f"'{name}'" not in own and "'illness' and" not in own


def test_a_use_of_which_the_size_is_open():
    said = say("inconclusive")
    assert said.startswith(MOVES)
    assert "but whether that reaches the margin of 0.1 is open. " in said
    assert said.endswith(POWER)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"qvalue": None}, "Neither a use nor its absence is shown"),
        (
            {"qvalue": 0.06, "low": 0.0, "balanced_low": 0.0},
            "Neither a use nor its absence is shown",
        ),
        ({"qvalue": 0.06}, "A use is indicated, but the test does not confirm it"),
    ],
)
def test_nothing_shown(entries, words):
    said = say("inconclusive", **entries)
    assert said.startswith(f"{words}: 0.31 of the output's")
    assert "moves" not in said and said.endswith(POWER)


def test_without_a_detectable_effect_none_is_named():
    assert POWER in say("not encoded")
    assert "would be found" not in say("not encoded", minimum_detectable_effect=None)


def test_not_used_does_not_claim_an_encoding_that_was_not_tested():
    assert say("not used").startswith("The embeddings encode it, but ")
    said = say("not used", encoded=None)
    assert said.startswith("Whether the embeddings encode it was not tested, but ")


def test_an_alignment_that_the_data_explain_is_said():
    note = "explained by target: aligned, but ..."
    addition = " The heads align, but the data explain that"
    assert addition in say("not used", note)
    assert addition not in say("not used")


def test_an_absence_that_these_rows_cannot_show():
    analysis = ANALYSIS | {"withheld": "the head may know them"}
    assert say("inconclusive", f"0.02; {WITHHELD}: why", analysis) == (
        "That it is not used cannot be told from these rows: the head may know them."
    )


@pytest.mark.parametrize(
    ("untestable", "note", "reason"),
    [
        ("no labels", "a note", "no labels"),
        (None, "left out: constant", "left out: constant"),
        (None, "", "no reason was recorded"),
    ],
)
def test_untestable_columns_have_a_reason(untestable, note, reason):
    said = say("untestable", note, untestable=untestable)
    assert said == f"Nothing can be said: {reason}."
