"""When a column counts as used, by hand-made rows."""

from dataclasses import replace

import numpy as np
import pytest

from sklearn_wsca._verdicts.registry import WITHHELD
from sklearn_wsca._verdicts.rule import Rule
from tests.verdicts.rows import (
    BALANCED,
    BELOW,
    JUST,
    MAY_FIND,
    NOT_READ,
    POOLED,
    RULE,
    SIGNIFICANT,
    judged,
    row,
)


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
    assert judged(**entries)[0] == verdict


@pytest.mark.parametrize("entries", [{}, POOLED, BELOW])
def test_without_pvalues_nothing_is_claimed(entries):
    missing = {"utilization_qvalue": np.nan, "encoding_qvalue": np.nan}
    assert judged(**entries | missing)[0] not in ("used", "not used")


def test_level_and_margin_are_those_of_the_rule():
    strict = Rule(significance=0.001, min_effect=0.1, held=["disease"])
    wide = Rule(significance=0.05, min_effect=0.5, held=["disease"])
    found = POOLED | {"utilization_low": 0.2, "utilization_high": 0.4}
    assert judged(**found)[0] == "used"
    # It moves the outputs, which are linear in the embeddings: it is in them.
    assert judged(strict, **found)[0] == "inconclusive"
    still = BELOW | {"utilization_low": 0.0, "utilization_qvalue": 0.4}
    assert judged(strict, **still | {"encoding_qvalue": 0.01})[0] == "not encoded"
    assert judged(strict, **found | {"encoding_qvalue": 0.001})[0] == "inconclusive"
    assert judged(wide, **found)[0] == "not used"
    assert judged(wide, **found | {"utilization_high": 0.6})[0] == "inconclusive"


def test_a_margin_of_zero_asks_for_significance_and_an_interval_above_0():
    rule = Rule(significance=0.05, min_effect=0.0, held=["disease"])
    small = {"utilization": 0.01, "utilization_low": JUST, **SIGNIFICANT}
    assert judged(rule, **small)[0] == "used"
    assert judged(rule, **small | {"utilization_low": 0.0})[0] == "inconclusive"
    nothing = {"utilization_high": 0.0, "utilization_balanced_high": 0.0}
    assert judged(rule, **nothing)[0] == "inconclusive"


# --- the effect in words -------------------------------------------------------------

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
    found, sentence = judged(SEEN, **entries)
    assert found == verdict
    is_withheld = judged(**entries)[0] == "not used"
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
