"""One word per column: the rules by hand-made rows, then whole analyses."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS
from sklearn_wsca._verdict import (
    EXPLAINED,
    VERDICTS,
    WITHHELD,
    Rule,
    Verdict,
    answer,
    untestable,
)
from sklearn_wsca.datasets import make_shortcut

RULE = Rule(significance=0.05, min_effect=0.1, held=["disease", "site"])
JUST = 1e-9


def row(**entries):
    """A column that is encoded, and neither used nor shown to be unused."""
    return {
        "name": "scanner",
        "encoding_qvalue": 0.01,
        "encoding_skill": 0.2,
        "encoding_power": 1.0,
        "alignment_pvalue_fwer": 0.6,
        "alignment_qvalue": 0.6,
        "target_association": 0.43,
        "target_association_pvalue": 0.001,
        "utilization": 0.08,
        "utilization_low": 0.0,
        "utilization_high": 0.24,
        "utilization_balanced": 0.09,
        "utilization_balanced_low": 0.0,
        "utilization_balanced_high": 0.26,
        "utilization_pvalue": 0.2,
        "utilization_qvalue": 0.3,
        "probability_shift": 3.2,
        "probability_shift_low": -0.4,
        "minimum_detectable_effect": 0.17,
        "classes_above": [],
        "levels_above": [],
        "classes_unseen": [],
        "class_in_doubt": "",
        "carrier": "",
        "shift_sentence": ("the probability of 'ill' is", "higher under 'A'"),
    } | entries


def judge(rule=RULE, **entries):
    return rule.judge(row(**entries))


SIGNIFICANT = {"utilization_qvalue": 0.01}
POOLED = {"utilization": 0.3, "utilization_low": 0.05, **SIGNIFICANT}
BALANCED = {
    "utilization_balanced": 0.3,
    "utilization_balanced_low": 0.05,
    **SIGNIFICANT,
}
# Both whole intervals are below the margin.
BELOW = {"utilization_high": 0.074, "utilization_balanced_high": 0.081}
NOT_READ = {"encoding_qvalue": 0.8}


# --- the rules -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "verdict"),
    [
        # significant, above 0, and the estimate or the lower limit reaches the margin
        (POOLED, "used"),
        (POOLED | {"utilization": 0.1}, "used"),
        (POOLED | {"utilization": 0.1 - JUST}, "inconclusive"),
        (POOLED | {"utilization": 0.05, "utilization_low": 0.1}, "used"),
        (POOLED | {"utilization_qvalue": 0.05}, "used"),
        (POOLED | {"utilization_qvalue": 0.05 + JUST}, "inconclusive"),
        # an interval from 0 shows no use, however large the estimate
        (POOLED | {"utilization_low": JUST}, "used"),
        (POOLED | {"utilization_low": 0.0}, "inconclusive"),
        # the same with every class counted alike, and the one does for the other
        (BALANCED, "used"),
        (BALANCED | {"utilization_balanced": 0.1}, "used"),
        (BALANCED | {"utilization_balanced": 0.1 - JUST}, "inconclusive"),
        (BALANCED | {"utilization_balanced_low": 0.0}, "inconclusive"),
        (BALANCED | {"utilization_qvalue": 0.05 + JUST}, "inconclusive"),
        # the estimate of one and the limit of the other do not
        (
            BALANCED | {"utilization_balanced_low": 0.0, "utilization_low": 0.05},
            "inconclusive",
        ),
        # no better probe than chance is no obstacle to a use that is seen
        (POOLED | NOT_READ, "used"),
        (POOLED | BELOW, "used"),
        # both whole intervals are below the margin
        (BELOW, "not used"),
        (BELOW | {"utilization_high": 0.1 - JUST}, "not used"),
        (BELOW | {"utilization_high": 0.1}, "inconclusive"),
        (BELOW | {"utilization_balanced_high": 0.1 - JUST}, "not used"),
        (BELOW | {"utilization_balanced_high": 0.1}, "inconclusive"),
        (BELOW | {"utilization_balanced_high": np.nan}, "inconclusive"),
        (BELOW | {"utilization_high": np.nan}, "inconclusive"),
        # no class is above it on its own, and all can be compared
        (BELOW | {"classes_above": ["rare"]}, "inconclusive"),
        (BELOW | {"levels_above": ["rare"]}, "inconclusive"),
        (BELOW | {"classes_unseen": ["rare"]}, "inconclusive"),
        (BELOW | {"class_in_doubt": "least is known of ..."}, "not used"),
        # encoded
        (BELOW | {"encoding_qvalue": 0.05}, "not used"),
        (BELOW | {"encoding_qvalue": 0.05 + JUST}, "not encoded"),
        # significant but negligible
        (BELOW | SIGNIFICANT | {"utilization_low": 0.01}, "not used"),
        # no better than chance
        ({"encoding_qvalue": 0.05 + JUST}, "not encoded"),
        ({"encoding_qvalue": 0.05}, "inconclusive"),
        ({"encoding_qvalue": np.nan}, "inconclusive"),
        (NOT_READ | BELOW, "not encoded"),
        (NOT_READ | {"utilization_high": 3.0}, "not encoded"),
        # significant, but next to nothing
        (BELOW | {"encoding_skill": 0.01}, "not used"),
        (BELOW | {"encoding_skill": 0.01 - JUST}, "not encoded"),
        ({"encoding_skill": -0.3}, "not encoded"),
        # nobody could have found a column that is encoded
        (NOT_READ | {"encoding_power": 0.8}, "not encoded"),
        (NOT_READ | {"encoding_power": 0.8 - JUST}, "inconclusive"),
        (NOT_READ | BELOW | {"encoding_power": 0.2}, "inconclusive"),
        ({"encoding_qvalue": np.nan, "encoding_power": np.nan}, "inconclusive"),
    ],
)
def test_rules(entries, verdict):
    assert judge(**entries)[0] == verdict


@pytest.mark.parametrize("entries", [{}, POOLED, BELOW])
def test_without_pvalues_nothing_is_claimed(entries):
    missing = {"utilization_qvalue": np.nan, "encoding_qvalue": np.nan}
    assert judge(**entries | missing)[0] not in ("used", "not used")


def test_level_and_margin_are_those_of_the_rule():
    strict = Rule(significance=0.001, min_effect=0.1, held=["disease"])
    wide = Rule(significance=0.05, min_effect=0.5, held=["disease"])
    found = POOLED | {"utilization_low": 0.2, "utilization_high": 0.4}
    assert judge(**found)[0] == "used"
    # It moves the outputs, which are linear in the embeddings: it is in them.
    assert judge(strict, **found)[0] == "inconclusive"
    still = BELOW | {"utilization_low": 0.0, "utilization_qvalue": 0.4}
    assert judge(strict, **still | {"encoding_qvalue": 0.01})[0] == "not encoded"
    assert judge(strict, **found | {"encoding_qvalue": 0.001})[0] == "inconclusive"
    assert judge(wide, **found)[0] == "not used"
    assert judge(wide, **found | {"utilization_high": 0.6})[0] == "inconclusive"


def test_a_margin_of_zero_asks_for_significance_and_an_interval_above_0():
    rule = Rule(significance=0.05, min_effect=0.0, held=["disease"])
    small = {"utilization": 0.01, "utilization_low": JUST, **SIGNIFICANT}
    assert judge(rule, **small)[0] == "used"
    assert judge(rule, **small | {"utilization_low": 0.0})[0] == "inconclusive"
    nothing = {"utilization_high": 0.0, "utilization_balanced_high": 0.0}
    assert judge(rule, **nothing)[0] == "inconclusive"


# --- the sentences -------------------------------------------------------------------

EFFECT = RULE.describe_effect(row())
MAY_FIND = "show a utilization of 0.17 or more in 80% of cases"


@pytest.mark.parametrize(
    ("entries", "parts"),
    [
        (POOLED, ["outputs move by 0.3 of their standard", "q = 0.01), the margin "]),
        (
            BALANCED,
            ["move by 0.3 of their standard deviation, every class counted alike ("],
        ),
        (
            BELOW | {"utilization": 0.05},
            [
                "encoded, but at fixed 'disease' and 'site' the outputs move by 0.05 ",
                "(95% interval 0 to 0.074, q = 0.3); the whole interval is below the "
                "margin 0.1, also with every class counted alike (up to 0.081)",
            ],
        ),
        (
            {"encoding_qvalue": 0.4},
            ["a linear probe does no better than chance", EFFECT, MAY_FIND],
        ),
        ({}, [EFFECT, "neither a use nor its absence (margin 0.1) is shown", MAY_FIND]),
        (SIGNIFICANT, ["that it reaches the margin 0.1 is open"]),
    ],
    ids=["used", "balanced", "not used", "not encoded", "nothing shown", "open"],
)
def test_sentences(entries, parts):
    for part in parts:
        assert part in judge(**entries)[1]


def test_used_says_what_carries_it_and_what_that_is_in_probabilities():
    sentence = judge(**POOLED, carrier="most under 'A'", probability_shift_low=1.2)[1]
    assert sentence.endswith(
        "; most under 'A'; the probability of 'ill' is 3 percentage points higher "
        "under 'A'"
    )
    for low in (-0.1, 0.0, np.nan):
        assert "probability" not in judge(**POOLED, probability_shift_low=low)[1]
    tiny = {"probability_shift": 0.3, "probability_shift_low": 0.1}
    assert "is less than 1 percentage point higher" in judge(**POOLED, **tiny)[1]
    assert "probability" not in judge(**POOLED | {"utilization_low": 0.0})[1]


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"classes_above": ["rare"]}, "moves by the margin on its own: class 'rare'"),
        ({"levels_above": ["C"]}, "moves by the margin on its own: rare level 'C'"),
        (
            {"classes_unseen": ["rare"]},
            "cannot be judged: class 'rare', which holds one value of the column only",
        ),
        ({"class_in_doubt": "least is known of 'x'"}, "least is known of 'x'"),
    ],
)
@pytest.mark.parametrize("below", [{}, BELOW])
def test_the_class_that_leaves_it_open_is_named(entries, part, below):
    verdict, sentence = judge(**below, **entries)
    assert (part in sentence) == (verdict == "inconclusive")
    assert part not in judge(**below)[1]


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"encoding_qvalue": 0.7}, "does no better than chance, so"),
        ({"encoding_skill": 0.004}, "hardly better than chance (skill 0.004), so"),
        ({"encoding_skill": -6.78}, "hardly better than chance (skill 0), so"),
        (
            {"encoding_qvalue": 0.7, "encoding_power": 0.35},
            "whether it is encoded is open: a column that the embeddings explain by 10%"
            " would be found in 35% of data of this kind",
        ),
    ],
)
def test_encoding_is_open_none_or_hardly_any(entries, part):
    assert part in judge(**entries)[1]
    assert part not in judge()[1]


def test_untestable_gives_the_reason():
    assert untestable("too little") == ("untestable", "untestable: too little")


MOVED = {
    "name": "scanner",
    "utilization": 0.1234,
    "utilization_low": 0.05,
    "utilization_high": 0.2,
    "utilization_balanced": 0.456,
    "utilization_balanced_low": 0.3,
    "utilization_balanced_high": 0.6,
    "utilization_qvalue": 0.00123,
}


def test_an_effect_has_its_unit_interval_and_what_is_held_fixed():
    rule = Rule(0.05, 0.1, ["disease", "age"])
    assert rule.describe_effect(MOVED) == (
        "at fixed 'disease' and 'age' the outputs move by 0.12 of their standard "
        "deviation (95% interval 0.05 to 0.2, q = 0.0012)"
    )
    assert rule.describe_effect(MOVED, "utilization_balanced") == (
        "at fixed 'disease' and 'age' the outputs move by 0.46 of their standard "
        "deviation, every class counted alike (95% interval 0.3 to 0.6, q = 0.0012)"
    )


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("scanner", "at fixed 'disease' and 'age' the"),
        ("age", "at fixed 'disease' the"),
        ("disease", "at fixed 'age' the"),
    ],
)
def test_a_column_is_not_held_fixed_for_itself(name, start):
    rule = Rule(0.05, 0.1, ["disease", "age"])
    assert rule.describe_effect(MOVED | {"name": name}).startswith(start)
    alone = Rule(0.1, 0.1, [name]).describe_effect(MOVED | {"name": name})
    assert alone.startswith("the outputs move by 0.12 of their standard deviation (90%")


# --- rows that a head may have been fitted on ----------------------------------------

SEEN = replace(RULE, withheld="the head may have been fitted on these rows")


@pytest.mark.parametrize(
    ("entries", "verdict"),
    [
        (BELOW, "inconclusive"),
        (BELOW | SIGNIFICANT, "inconclusive"),
        ({}, "inconclusive"),
        (POOLED, "used"),
        (BELOW | NOT_READ, "not encoded"),
    ],
)
def test_rows_of_the_head_withhold_one_verdict_only(entries, verdict):
    found, sentence = judge(SEEN, **entries)
    assert found == verdict
    is_withheld = judge(**entries)[0] == "not used"
    assert sentence.endswith(f"; {WITHHELD}: {SEEN.withheld}") == is_withheld
    assert (MAY_FIND in sentence) == (verdict != "used" and not is_withheld)


def test_rows_of_the_head_explain_no_alignment():
    entries = BELOW | {"alignment_pvalue_fwer": 0.001}
    assert RULE.explained_by_target(row(**entries))
    assert not SEEN.explained_by_target(row(**entries))


# --- explained by target -------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "flagged"),
    [
        ({}, True),
        ({"alignment_pvalue_fwer": 0.05}, True),
        ({"alignment_pvalue_fwer": 0.05 + JUST}, False),
        # the column goes with the target
        ({"target_association_pvalue": 0.05}, True),
        ({"target_association_pvalue": 0.05 + JUST}, False),
        ({"target_association_pvalue": np.nan}, False),
        # and there is no use beyond the margin, whatever is significant
        ({"utilization_qvalue": 0.001}, True),
        ({"utilization_high": 0.1}, False),
        ({"utilization_balanced_high": 0.1}, False),
        ({"utilization_high": np.nan}, False),
        # encoded, unless nobody asked
        (NOT_READ, False),
        ({"encoding_qvalue": np.nan}, True),
        # without max-T, under a stopping rule, the q-value takes its place
        ({"alignment_pvalue_fwer": np.nan, "alignment_qvalue": 0.05}, True),
        ({"alignment_pvalue_fwer": np.nan, "alignment_qvalue": 0.06}, False),
        ({"alignment_pvalue_fwer": np.nan, "alignment_qvalue": np.nan}, False),
    ],
)
def test_flag_of_aligned_columns_that_do_not_move_the_outputs(entries, flagged):
    entries = BELOW | {"alignment_pvalue_fwer": 0.001} | entries
    sentence = RULE.explained_by_target(row(**entries))
    assert bool(sentence) == flagged
    if flagged:
        assert sentence == (
            "explained by target: aligned, but the outputs hardly move with it at "
            "fixed 'disease' and 'site'; the data, not the model, link the two "
            "(association 0.43)"
        )


def test_the_flag_of_a_confounder_does_not_hold_it_fixed():
    entries = BELOW | {"alignment_pvalue_fwer": 0.001, "name": "site"}
    assert "at fixed 'disease'; the" in RULE.explained_by_target(row(**entries))


# --- the answers ---------------------------------------------------------------------

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


# --- whole analyses ------------------------------------------------------------------

SEEDS = range(4)


def analyse(seed, fit_options=None, **options):
    settings = {"n_samples": 300, "n_features": 12, "encoding": 2.0, "noise": 0.7}
    study = make_shortcut(random_state=seed, **settings | options)
    settings = {"target_head": study.head, "columns": ["scanner"]}
    settings |= {"n_permutations": 39, "random_state": seed} | (fit_options or {})
    return WeightSpaceCorrelation("target", **settings).fit(study.data, study.metadata)


@pytest.fixture(scope="module")
def used():
    return [analyse(seed, use=1.0, association=0.5) for seed in SEEDS]


@pytest.fixture(scope="module")
def associated():
    """Aligned by the association in the data; the head cannot see the scanner."""
    options = {"association": 0.8, "n_classes": 3, "encoding": 0.5}
    return [analyse(seed, {"min_effect": 0.3}, **options) for seed in SEEDS]


@pytest.fixture(scope="module")
def unrelated():
    return [analyse(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def not_encoded():
    return [analyse(seed, encoding=0.0) for seed in SEEDS]


def verdicts(fits):
    return [fitted.verdicts_["scanner"] for fitted in fits]


def notes(fits):
    return [fitted.summary_.loc["scanner", "note"] for fitted in fits]


def test_a_used_scanner_is_used(used):
    assert verdicts(used) == ["used"] * len(used)


def test_a_scanner_that_is_encoded_and_not_used_in_many_rows():
    found = analyse(0, n_samples=3000, association=0.3)
    assert found.verdicts_["scanner"] == "not used"
    assert notes([found])[0].startswith("encoded, but at fixed 'target' the outputs")
    assert found.utilization_ci_.loc["scanner", "high"] < 0.15
    # The same data with the smallest margin do not show it.
    found = analyse(0, {"min_effect": 1e-3}, n_samples=3000, association=0.3)
    assert found.verdicts_["scanner"] == "inconclusive"


def test_a_scanner_that_is_not_encoded_is_rarely_anything_else(not_encoded):
    assert verdicts(not_encoded).count("not encoded") >= len(not_encoded) - 1


def test_few_rows_are_inconclusive():
    found = [analyse(seed, n_samples=60, noise=0.5) for seed in SEEDS]
    assert verdicts(found).count("inconclusive") >= len(found) - 1
    assert max(fitted.encoding_pvalues_["scanner"] for fitted in found) <= 0.05
    detectable = [fitted.minimum_detectable_effect_["scanner"] for fitted in found]
    assert min(detectable) > 0.1
    for fitted, value in zip(found, detectable, strict=True):
        if fitted.verdicts_["scanner"] == "inconclusive":
            assert f"show a utilization of {value:.2g} or more" in notes([fitted])[0]


def test_an_alignment_that_the_data_explain_is_flagged(associated):
    for fitted, note in zip(associated, notes(associated), strict=True):
        assert fitted.pvalues_fwer_["scanner"] <= 0.05
        highs = ["utilization_high", "utilization_balanced_high"]
        is_below = fitted.summary_.loc["scanner", highs].max() < 0.3
        assert ("explained by target" in note) == is_below
        association = fitted.summary_.loc["scanner", "target_association"]
        assert association > 0.5
    flagged = ["explained by target" in note for note in notes(associated)]
    # In the others a use beyond the margin is not excluded.
    assert sum(flagged) >= len(flagged) / 2


@pytest.mark.parametrize("fits", ["used", "unrelated", "not_encoded"])
def test_no_flag_for_what_is_used_or_not_aligned(fits, request):
    fits = request.getfixturevalue(fits)
    flagged = ["explained by target" in note for note in notes(fits)]
    assert sum(flagged) <= (1 if fits[0].verdicts_["scanner"] != "used" else 0)


def test_no_flag_where_the_alignment_is_adjusted_for_the_target():
    options = {"adjust_for_target": True}
    found = [
        analyse(seed, options, association=0.8, n_classes=3, encoding=0.5)
        for seed in SEEDS
    ]
    assert all(np.isfinite(fitted.pvalues_["scanner"]) for fitted in found)
    flagged = ["explained by target" in note for note in notes(found)]
    assert sum(flagged) <= 1


# --- what cannot be tested -----------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    return make_shortcut(200, 8, encoding=2.0, use=1.0, random_state=0)


def fit(study, target="target", table=None, **options):
    settings = {"columns": ["scanner", "age"], "n_permutations": 59, "random_state": 0}
    settings["target_head"] = study.head
    table = study.metadata if table is None else table
    return WeightSpaceCorrelation(target, **settings | options).fit(study.data, table)


@pytest.mark.parametrize("trained", [False, True])
def test_without_a_target_nothing_is_held_fixed(study, trained):
    head = study.head if trained else None
    found = fit(study, None, target_head=head)
    assert (found.verdicts_ == "untestable").all()
    reason = "untestable: no target column, so there is nothing to hold fixed; name it"
    assert found.summary_["note"].str.startswith(reason).all()
    assert found.utilization_.isna().all()
    assert found.utilization_ci_.isna().all(axis=None)
    assert found.encoding_pvalues_.notna().all()


def test_without_permutations_there_are_estimates_and_no_verdict(study):
    found = fit(study, n_permutations=0)
    assert (found.verdicts_ == "untestable").all()
    reason = "untestable: n_permutations=0, so there are no p-values"
    assert found.summary_["note"].str.startswith(reason).all()
    assert found.utilization_["scanner"] > 0.3
    interval = found.utilization_ci_.loc["scanner"]
    assert 0.2 < interval["low"] < found.utilization_["scanner"] < interval["high"]
    assert found.minimum_detectable_effect_.gt(0).all()
    assert found.summary_["utilization_low"].notna().all()
    for name in ("utilization_pvalues_", "utilization_qvalues_", "pvalues_"):
        assert getattr(found, name).isna().all()
    # The interval is a matter of the sample, not of the permutations.
    pd.testing.assert_frame_equal(found.utilization_ci_, fit(study).utilization_ci_)


def test_a_trained_head_without_labels_is_untestable(study):
    rng = np.random.default_rng(0)
    heads = {"hospital": rng.normal(size=(3, 8))}
    columns = ["scanner", "hospital"]
    found = fit(study, heads=heads, columns=columns, null="sign_flip")
    assert found.summary_.index.tolist() == columns
    assert found.verdicts_["hospital"] == "untestable"
    assert found.verdicts_["scanner"] == "used"
    entry = found.summary_.loc["hospital"]
    assert entry["note"].startswith("untestable: there are no labels")
    assert "trained head without labels: no encoding" in entry["note"]
    assert entry["alignment_pvalue"] > 0
    assert np.isnan(entry["utilization"])


def test_a_column_that_the_target_determines_is_untestable(study):
    copy = study.metadata["target"].map({"class 0": "x", "class 1": "y"})
    found = fit(study, table=study.metadata.assign(copy=copy), columns=["copy"])
    assert found.verdicts_["copy"] == "untestable"
    note = found.summary_.loc["copy", "note"]
    assert "at fixed 'target' nothing is left to compare" in note


def test_outputs_that_do_not_vary_are_untestable(study):
    """The head reads a feature that is the same for all rows."""
    X, head = study.data.copy(), np.zeros(8)
    X[:, 0], head[0] = 1.0, 1.0
    found = WeightSpaceCorrelation(
        "target", target_head=head, n_permutations=0, n_components=None
    ).fit(X, study.metadata)
    reason = "untestable: the outputs of the primary head do not vary"
    assert found.summary_["note"].str.startswith(reason).all()


# --- the table -----------------------------------------------------------------------


def test_columns_and_types_of_the_table(study):
    table = study.metadata.assign(vendor="one")
    found = fit(study, table=table, columns=None).summary_
    # The order of the contract in the documentation.
    assert found.columns.tolist() == [
        *("kind", "n_samples", "n_levels", "target_association"),
        *("encoding_score", "encoding_pvalue", "encoding_qvalue"),
        *("encoding_skill", "encoding_power"),
        *("alignment_score", "alignment_pvalue", "alignment_pvalue_fwer"),
        *("alignment_qvalue", "utilization", "utilization_low", "utilization_high"),
        *("utilization_balanced", "utilization_balanced_low"),
        *("utilization_balanced_high", "utilization_pvalue", "utilization_qvalue"),
        *("probability_shift", "probability_shift_low", "probability_shift_high"),
        *("minimum_detectable_effect", "performance_gap", "performance_pvalue"),
        *("performance_qvalue", "verdict", "consequence", "note"),
    ]
    assert found.columns.tolist() == list(SUMMARY_COLUMNS)
    assert found.index.name == "column"
    assert (found.dtypes[["n_samples", "n_levels"]] == "Int64").all()
    assert (found.dtypes.iloc[3:28] == np.float64).all()
    for name in ("kind", "verdict", "consequence", "note"):
        assert all(isinstance(v, str) for v in found[name].dropna())
    assert found["verdict"].notna().all()
    assert found["note"].str.len().gt(0).all()
    assert found["n_levels"].tolist()[:3] == [3, pd.NA, 4]


def test_attributes_are_the_columns_of_the_table(study):
    found = fit(study)
    table = found.summary_
    pairs = {
        "verdict": found.verdicts_,
        "utilization": found.utilization_,
        "utilization_low": found.utilization_ci_["low"],
        "utilization_high": found.utilization_ci_["high"],
        "utilization_balanced": found.utilization_balanced_,
        "utilization_pvalue": found.utilization_pvalues_,
        "utilization_qvalue": found.utilization_qvalues_,
        "minimum_detectable_effect": found.minimum_detectable_effect_,
        "encoding_pvalue": found.encoding_pvalues_,
        "encoding_qvalue": found.encoding_qvalues_,
        "encoding_skill": found.encoding_skills_,
        "encoding_power": found.encoding_power_,
        "alignment_score": found.alignment_scores_,
    }
    for name, series in pairs.items():
        pd.testing.assert_series_equal(table[name], series, check_names=False)
    assert found.utilization_ci_.columns.tolist() == ["low", "high"]
    assert table["utilization"].nunique() == 2


# --- the registry --------------------------------------------------------------------

ROOT = Path(__file__).parent.parent


def test_every_verdict_is_complete_and_looks_like_no_other():
    for name in ("word", "meaning", "remark", "colour", "marker", "symbol"):
        found = [getattr(verdict, name) for verdict in VERDICTS.values()]
        assert all(found) and len(set(found)) == len(found), name
    assert [verdict.word for verdict in VERDICTS.values()] == list(VERDICTS)


@pytest.mark.parametrize("low", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("encoding", [0.01, 0.5, np.nan])
@pytest.mark.parametrize("qvalue", [0.01, 0.5, np.nan])
@pytest.mark.parametrize("high", [0.05, 0.5])
def test_the_rules_leave_no_row_without_a_verdict(low, encoding, qvalue, high):
    numbers = {"utilization_low": low, "utilization_qvalue": qvalue}
    numbers |= {"utilization_high": high, "utilization_balanced_high": high}
    verdict, sentence = judge(**numbers, encoding_qvalue=encoding)
    assert verdict in VERDICTS and verdict != "untestable"
    assert ("or more in 80% of cases" in sentence) == VERDICTS[verdict].is_open


def test_the_guide_says_what_the_registry_says():
    text = (ROOT / "docs" / "guide" / "which_number.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w ]+)` \| (.+?) \|", text, re.MULTILINE)
    expected = [(v.word, f"{v.meaning} {v.remark}") for v in VERDICTS.values()]
    assert rows == expected
    assert f"The flag *{EXPLAINED}* marks" in text


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/command_line.md"])
def test_pages_list_every_verdict(page):
    text = re.sub(r"[*`]", "", " ".join((ROOT / page).read_text("utf-8").split()))
    (listed,) = re.findall(r"\bused, not used, [\w, ]+? or \w+", text)
    assert sorted(re.split(", | or ", listed)) == sorted(VERDICTS)


class Masked(Verdict):
    """A verdict that is not there."""

    word, meaning, remark = "masked", "Something hides the column.", "Look again."
    colour, marker, symbol, terminal = "#009e73", "v", "▼", "bold green"

    def holds(self, row, rule):
        return row["utilization"] > 0.3


@pytest.fixture
def masked():
    """A further verdict, in the first place."""
    kept = dict(VERDICTS)
    VERDICTS.clear()
    VERDICTS.update({"masked": Masked()} | kept)
    yield
    VERDICTS.clear()
    VERDICTS.update(kept)


def test_a_further_verdict_is_said_and_shown_everywhere(study, masked, capsys):
    for extra in ("matplotlib", "jinja2", "rich"):
        pytest.importorskip(extra)
    from rich.console import Console

    from sklearn_wsca import UtilizationDisplay
    from sklearn_wsca._cli._terminal import print_result

    found = fit(study)
    assert found.verdicts_["scanner"] == "masked"
    assert found.summary_.loc["scanner", "note"].startswith(Masked.meaning)
    page = found.to_html()
    assert ".badge-masked { background: #009e73; color: #000000; }" in page
    assert f"</span> masked</span></dt><dd>{Masked.meaning} {Masked.remark}" in page
    assert page.count(f"scanner</bdi></strong></a>. {Masked.meaning}") == 1
    assert f"**scanner: masked.** {Masked.meaning}" in found.to_markdown()
    print_result(Console(width=200), found.to_dict())
    assert f"▼ scanner: masked. {Masked.meaning}" in capsys.readouterr().out
    figure = UtilizationDisplay.from_estimator(found).figure_
    assert "masked" in [text.get_text() for text in figure.legends[0].get_texts()]
    figure.clear()
