"""Every sentence on a column: what it says, and where it says less."""

import pytest

from sklearn_wsca._report.words import answer

ANALYSIS = {
    "primary_head": {"source": "trained"},
    "held_fixed": ["illness"],
    "significance": 0.05,
    "min_effect": 0.1,
}
EFFECT = {
    "estimate": 0.31,
    "low": 0.07,
    "high": 0.52,
    "qvalue": 0.012,
    "probability_shift": 8.4,
    "minimum_detectable_effect": 0.22,
    "untestable": None,
}
MOVES = (
    "The network's output moves with it at fixed 'illness', by 0.31 of its standard "
)
INTERVAL = "interval 0.07 to 0.52)"
POWER = "A utilization of 0.22 or more would be found in 80% of samples like this one."


def say(verdict, note="", analysis=ANALYSIS, **changes):
    column = {"verdict": verdict, "note": note, "utilization": EFFECT | changes}
    return answer(column, analysis)


def test_used():
    said = say("used")
    assert said.startswith(MOVES) and INTERVAL in said
    assert said.endswith(
        "; predicted probabilities differ by up to 8 percentage points."
    )


@pytest.mark.parametrize("change", [{"probability_shift": None}, {"low": 0.0}])
def test_probabilities_are_left_out_where_there_are_none_or_noise_is_not_excluded(
    change,
):
    assert "moves with it" in say("used", **change)
    assert "probabilities" not in say("used", **change)


def test_a_use_of_which_the_size_is_open():
    said = say("inconclusive")
    assert said.startswith(MOVES)
    assert "but whether that reaches the margin of 0.1 is open. " in said
    assert said.endswith(POWER)


@pytest.mark.parametrize("qvalue", [0.06, None])
def test_nothing_shown(qvalue):
    said = say("inconclusive", qvalue=qvalue)
    assert said.startswith(
        "Neither a use nor its absence is shown: 0.31 of the output's"
    )
    assert "moves" not in said and said.endswith(POWER)


def test_without_a_detectable_effect_none_is_named():
    assert POWER in say("not encoded")
    assert "would be found" not in say("not encoded", minimum_detectable_effect=None)


def test_alignment_that_the_data_explain_is_said():
    note = "explained by target: aligned, but ..."
    addition = " The heads align, but the data explain that"
    assert addition in say("not used", note)
    assert addition not in say("not used")


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
