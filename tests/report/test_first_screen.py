"""What is told of a column in one line, what limits it, and what is next."""

import pytest

from sklearn_wsca._report.first_screen import (
    ask_in_short,
    by_importance,
    tell_column,
    tell_comparison,
    tell_margin,
    tell_rightness,
)
from sklearn_wsca._report.words import tell_performance
from sklearn_wsca._verdicts.registry import VERDICTS
from tests.report_pages import with_verdicts


def told(study, number=0, verdict=None, **effect):
    column = study["columns"][number]
    column["utilization"] |= effect
    column["verdict"] = verdict or column["verdict"]
    return tell_column(column, study["analysis"])


def test_a_use_names_levels_points_and_what_is_the_same(study):
    effect = study["columns"][0]["utilization"]
    ends = [f"{effect[f'probability_shift{end}']:.0f}" for end in ("", "_low", "_high")]
    shift = effect["shift"] | {"target_class": "all"}
    assert told(study, shift=shift) == (
        "At the same recorded 'disease', the network gives 'present' a probability "
        f"{ends[0]} percentage points (95% interval {ends[1]} to {ends[2]}) higher for "
        f"'{shift['higher']}' than for '{shift['lower']}'."
    )
    in_class = told(study, shift=shift | {"target_class": "absent"})
    assert in_class.startswith(
        "Most among those whose recorded 'disease' is 'absent', the network gives"
    )


@pytest.mark.parametrize("points", [None, 9.0])
@pytest.mark.parametrize(("low", "unsure"), [(0.02, True), (0.1, False), (0.2, False)])
def test_a_use_whose_interval_begins_below_the_margin_may_be_less(
    study, points, low, unsure
):
    found = told(study, low=low, balanced_low=0.0, probability_shift=points)
    assert found.endswith(" It may be less than the margin.") == unsure


def test_the_levels_are_those_whose_effects_differ_most(study):
    column = study["columns"][0]
    shift = column["utilization"]["shift"]
    effects = {
        row["level"]: row["points"]
        for row in column["utilization"]["effects"]
        if row["target_class"] == shift["target_class"]
    }
    assert len(effects) == 4
    assert max(effects, key=effects.get) == shift["higher"]
    assert min(effects, key=effects.get) == shift["lower"]
    difference = effects[shift["higher"]] - effects[shift["lower"]]
    assert difference == pytest.approx(column["utilization"]["probability_shift"])


def test_a_number_has_its_unit_and_direction(study):
    age = study["columns"][2]
    deviation = age["labels"]["standard_deviation"]
    assert f"higher for every {deviation:.2g} more of 'age', its" in told(study, 2)
    lower = age["utilization"]["shift"] | {"lower": "lower"}
    assert ") lower for every " in told(study, 2, shift=lower)
    age["labels"] = None
    assert "every standard deviation more of 'age'" in told(study, 2)


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        ((0.2, 0.1, 0.3), ", higher with more of 'age'."),
        ((-0.2, -0.3, -0.1), ", lower with more of 'age'."),
        ((0.2, -0.1, 0.5), "0.39)."),
        ((0.2, None, None), "0.39)."),
    ],
)
def test_a_number_without_points_has_its_direction(study, slope, words):
    row = {"level": "slope", "target_class": "all"}
    row |= dict(zip(("effect", "low", "high"), slope, strict=True))
    effect = {"effects": [row], "shift": None, "probability_shift": None, "high": 0.39}
    assert told(study, 2, low=0.2, **effect).endswith(words)


def test_without_probabilities_outputs_are_told(study):
    effects = [
        {"level": level, "target_class": "all", "effect": size}
        for level, size in (("a", 0.1), ("b", -0.3), ("c", 0.2), ("d", None))
    ]
    found = told(
        study, shift=None, probability_shift=None, effects=effects, estimate=0.30001
    )
    assert "the output of the network differs with it by 0.3 of its" in found
    assert found.endswith("highest for 'c' and lowest for 'b'.")


def test_numbers_do_not_contradict_the_margin(study):
    found = told(study, verdict="not used", high=0.0999, balanced_high=0.09)
    assert "no more than 0.0999 of its" in found and "margin 0.1" in found
    few = told(study, verdict="not used", probability_shift_high=0.2)
    assert "above 1 percentage point are excluded" in few
    rounded = told(study, verdict="not used", probability_shift_high=7.2)
    assert "above 8 percentage points are excluded" in rounded


@pytest.mark.parametrize(
    ("verdict", "effect", "words"),
    [
        (
            "inconclusive",
            {"qvalue": 0.4, "low": 0.0, "high": 0.31},
            "may differ with it by up to",
        ),
        (
            "inconclusive",
            {"pvalue": 0.01, "qvalue": 0.07, "low": 0.1},
            "; 99 permutations are too few to test that: use 139 or more.",
        ),
        ("inconclusive", {"qvalue": 0.01}, "whether by the margin 0.1 or more is open"),
        ("not encoded", {}, "no evidence that the network treats everybody alike"),
    ],
)
def test_what_is_not_shown_is_not_said_to_be_absent(study, verdict, effect, words):
    found = told(study, verdict=verdict, **effect)
    assert words in found
    assert "safe" not in found


def test_what_cannot_be_judged_keeps_its_reason(study):
    study["columns"][0] |= {"verdict": "untestable", "answer": "Nothing: constant."}
    assert tell_column(study["columns"][0], study["analysis"]) == "Nothing: constant."
    withheld = study["columns"][1] | {"verdict": "inconclusive", "answer": "From what?"}
    withheld["note"] = "'not used' is withheld: seen"
    assert tell_column(withheld, study["analysis"]) == "From what?"


def test_confounders_and_interactions_are_said(study):
    study["analysis"]["held_fixed"] = ["disease", "age"]
    shift = study["columns"][0]["utilization"]["shift"] | {"target_class": "all"}
    found = told(study, shift=shift)
    assert found.startswith("At the same recorded 'disease' and 'age', the network")
    found = told(study, shift=shift | {"target_class": "absent"})
    assert found.startswith(
        "Most among those whose recorded 'disease' is 'absent' and the same 'age', "
    )
    study["columns"][0]["interaction_of"] = ["hospital", "sex"]
    assert "beyond what 'hospital' and 'sex' do alone" in told(study)
    study["analysis"]["primary_head"]["source"] = "fitted"
    assert "the linear model fitted here" in told(study)


def test_the_question_names_columns_where_they_are_few(study):
    used = [column["name"] for column in by_importance(study["columns"])]
    assert ask_in_short(study) == (
        f"Does the decision on 'disease' depend on '{used[0]}', '{used[1]}' or "
        f"'{used[2]}'?"
    )
    assert "depend on 'sex'?" in ask_in_short(
        study | {"columns": study["columns"][1:2]}
    )
    many = {"columns": 3 * study["columns"], "analysis": {"target": None}}
    assert ask_in_short(many) == "Does the decision depend on what the table records?"


def test_how_often_the_network_is_right(study):
    analysis = study["analysis"] | {"judged_rows": "fit", "head_rows": "held out"}
    found = analysis["head_performance"]
    told, doubtful = tell_rightness(analysis)
    assert not doubtful and told == (
        f"The network is right on 'disease' in {found['balanced_accuracy']:.0%} of "
        "cases (every class counted alike; by chance 50%), judged on "
        f"{found['n_rows']} rows that it has not seen."
    )
    seen, _ = tell_rightness(analysis | {"head_rows": "unknown"})
    assert seen.endswith(f"on {found['n_rows']} rows.")
    poor = analysis | {"head_performance": found | {"finding": "worse than chance"}}
    assert tell_rightness(poor) == tell_performance(poor) and tell_rightness(poor)[1]
    assert tell_rightness({"target": None}) == ("", False)


def test_what_is_the_same_is_the_recorded_value(study):
    told = tell_comparison(study["analysis"])
    assert "rows with the same 'disease' in the table, whatever was predicted" in told
    assert tell_margin(study["analysis"]) in told and "a 95% interval" in told
    assert tell_comparison(study["analysis"] | {"target": None}) == ""


def test_the_order_is_that_of_importance(result):
    study = with_verdicts(result, [*VERDICTS, "used"])
    study["columns"][-1]["utilization"] |= {"estimate": 0.01, "balanced": 5.0}
    found = [column["verdict"] for column in by_importance(study["columns"])]
    assert found[:4] == ["used", "used", "inconclusive", "not used"]
    assert found[4:] == ["not encoded", "untestable"]
    assert by_importance(study["columns"])[0]["utilization"]["balanced"] == 5.0


def test_who_chose_the_margin_is_said(study):
    analysis = study["analysis"]
    assert "the default of this program" in tell_margin(analysis)
    chosen = tell_margin(analysis | {"min_effect": 0.25})
    assert "(0.25 of" in chosen and "chosen by whoever made this analysis" in chosen
    assert tell_margin(analysis | {"min_effect": None}) == ""


def test_the_highest_level_is_that_of_the_picture_beside(study):
    effects = [
        {"level": level, "target_class": "all", "effect": size, "points": points}
        for level, size, points in (("a", 0.3, 1.0), ("b", 0.2, 3.0), ("c", -0.5, -4.0))
    ]
    effect = {"shift": None, "probability_shift": None, "effects": effects}
    assert "highest for 'b' and lowest for 'c'" in told(study, **effect)
