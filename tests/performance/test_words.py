"""Four cases; what is not shown is not called absent."""

import numpy as np
import pytest

from sklearn_wsca._performance.words import (
    name_case,
    show_difference,
    tell_consequence,
)
from sklearn_wsca._verdicts.registry import VERDICTS

GAP = {
    "measure": "recall",
    "of_class": "ill",
    "higher": "a",
    "lower": "b",
    "size": 0.2,
    "low": 0.012,
    "high": 0.3,
    "unseen": 0.3,
    "unseen_measure": "recall",
    "pvalue": 0.001,
    "qvalue": 0.002,
    "not_compared": "",
}
EQUAL = GAP | {"pvalue": 0.4, "qvalue": 0.6}


@pytest.mark.parametrize(
    "verdict, gap, case, begins",
    [
        ("used", GAP, "used and differs", "Used, and performance differs: share"),
        ("used", EQUAL, "used only", "Used; that performance differs is not shown"),
        ("not used", GAP, "differs only", "Not used, but performance differs"),
        ("not used", EQUAL, "neither", "Not used, and that performance differs is not"),
        ("not encoded", EQUAL, "neither", "Not encoded, and that"),
        ("inconclusive", GAP, "differs only", "Whether it is used is open, and perf"),
        ("inconclusive", EQUAL, "neither", "Whether it is used is open, and that"),
        ("untestable", GAP, "differs only", "Whether it is used is open, and perf"),
    ],
)
def test_four_cases(verdict, gap, case, begins):
    assert name_case(verdict, gap, 0.05) == case
    assert tell_consequence(verdict, gap, 0.05).startswith(begins)


@pytest.mark.parametrize("gap", [GAP, EQUAL], ids=["differs", "not shown"])
def test_what_could_not_be_compared_is_said(gap):
    sentence = tell_consequence("used", gap | {"not_compared": "AUROC for 'b'"}, 0.05)
    assert "; too few units to compare AUROC for 'b')." in sentence
    assert "too few" not in tell_consequence("used", gap, 0.05)


def test_an_interval_that_holds_0_beside_a_small_pvalue_is_explained():
    sentence = tell_consequence("used", GAP | {"low": -0.02}, 0.05)
    assert "(interval -2 to 30 percentage points, wider than the test, q" in sentence


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_gap_that_is_not_significant_is_not_called_equal(verdict):
    sentence = tell_consequence(verdict, EQUAL, 0.05)
    assert "up to 30 percentage points" in sentence and "not excluded" in sentence
    untested = EQUAL | {"pvalue": np.nan, "qvalue": np.nan}
    assert "differs was not tested (up to" in tell_consequence(verdict, untested, 0.05)
    nothing = untested | {"unseen": np.nan}
    assert tell_consequence(verdict, nothing, 0.05).endswith("was not tested.")


@pytest.mark.parametrize(
    "size, measure, shown",
    [
        (0.01, "sensitivity", "1 percentage point"),
        (0.0123, "sensitivity", "1.2 percentage points"),
        (0.456, "balanced_accuracy", "46 percentage points"),
        (0.456, "auroc", "0.46"),
        (4.56, "bias", "4.6"),
    ],
)
def test_differences_have_their_unit(size, measure, shown):
    assert show_difference(size, measure) == shown
