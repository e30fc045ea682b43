"""The verdict on two networks, and how it is told."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sklearn_wsca._comparison.result import (
    COMPARISON_VERDICTS,
    UtilizationComparison,
    judge,
)

RESULT = UtilizationComparison(
    *(0.3, 0.24, 0.36),
    *(0.1, 0.05, 0.16),
    *(-0.2, -0.28, -0.12),
    *(-0.267, -0.133),
    *(0.001, 0.002, 0.002),
    "less used",
    *(0.1, 0.05, 500),
    np.ones(3),
)


def limits(low, high, inner=0.01):
    return {
        "low": low,
        "high": high,
        "same_low": low + inner,
        "same_high": high - inner,
    }


@pytest.mark.parametrize(
    ("low", "high", "qvalue", "expected"),
    [
        (-0.3, -0.1, 0.01, "less used"),
        (0.1, 0.3, 0.05, "more used"),
        (-0.3, -0.1, 0.06, "inconclusive"),
        (-0.3, 0.02, 0.01, "inconclusive"),
        (-0.3, -0.1, np.nan, "inconclusive"),
        # A difference that does not matter is none, significant or not.
        (-0.09, -0.02, 0.001, "same"),
        (-0.105, 0.105, 0.9, "same"),
        (-0.12, 0.05, 0.9, "inconclusive"),
        (-0.05, 0.05, np.nan, "same"),
    ],
)
def test_the_rule(low, high, qvalue, expected):
    assert judge(limits(low, high), qvalue, 0.1, 0.05) == expected
    assert expected in COMPARISON_VERDICTS


def test_the_rule_is_the_same_for_networks_in_another_order():
    turned = {"less used": "more used", "more used": "less used"}
    for low, high in [(-0.3, -0.1), (-0.2, 0.05), (-0.05, 0.05)]:
        one = judge(limits(low, high), 0.01, 0.1, 0.05)
        other = judge(limits(-high, -low), 0.01, 0.1, 0.05)
        assert other == turned.get(one, one)


def test_the_sentence():
    assert RESULT.to_text("scanner") == (
        "less used: with 'scanner' the outputs of the second network move by 0.1 of "
        "their standard deviation, those of the first by 0.3 (difference -0.2, 95% "
        "interval -0.28 to -0.12, p = 0.001); more than chance."
    )
    same = replace(RESULT, verdict="same", pvalue=np.nan, significance=0.1)
    assert "the whole 80% interval lies within 0.1 of 0." in same.to_text()
    assert "the column" in same.to_text()
    assert "p =" not in same.to_text()
    unsure = replace(RESULT, verdict="inconclusive").to_text()
    assert unsure.endswith("is neither shown nor excluded.")


def test_markdown_is_the_sentence_with_its_verdict_in_bold():
    assert RESULT.to_markdown("a|b") == (
        "**less used**: with 'a\\|b' the outputs of the second network move by 0.1 of "
        "their standard deviation, those of the first by 0.3 (difference -0.2, 95% "
        "interval -0.28 to -0.12, p = 0.001); more than chance."
    )


def test_the_dict_is_plain():
    found = replace(RESULT, pvalue=np.nan, notes=("left out",)).to_dict()
    assert found["pvalue"] is None
    assert found["notes"] == ["left out"]
    assert "null_distribution" not in found
    assert json.loads(json.dumps(found, allow_nan=False)) == found
