"""Verdicts on a repair, in words and as a dict."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import RepairResult, UtilizationComparison
from sklearn_wsca._repair.result import REPAIR_VERDICTS, judge_repair

FOUND = UtilizationComparison(
    utilization_a=0.42,
    low_a=0.4,
    high_a=0.44,
    utilization_b=0.03,
    low_b=0.0,
    high_b=0.07,
    difference=-0.39,
    low=-0.42,
    high=-0.34,
    same_low=-0.41,
    same_high=-0.35,
    pvalue=0.001,
    pvalue_fwer=0.001,
    qvalue=0.001,
    verdict="less used",
    min_effect=0.1,
    significance=0.05,
    n_units=900,
    null_distribution=np.zeros(3),
)


def result_of(**found):
    own = replace(FOUND, **found)
    row = {"before": 0.9, "before_low": 0.88, "before_high": 0.92}
    row |= {"after": 0.89, "after_low": 0.87, "after_high": 0.91}
    row |= {"change": -0.01, "change_low": -0.02, "change_high": np.nan}
    return RepairResult(
        {"site": own},
        pd.DataFrame({"auroc": row}).T,
        {"site": judge_repair(own)},
        "grade",
        900,
        300,
        0.1,
        0.05,
        ("A note.",),
    )


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        ({}, "repaired", "the whole interval is below 0.1"),
        ({"high_b": 0.12}, "partly repaired", "may still be 0.1 or more"),
        ({"high_b": 0.5, "verdict": "inconclusive"}, "not shown", "is not shown"),
        ({"high_b": 0.5, "verdict": "more used"}, "not shown", "is not shown"),
        # Unused before, and unused now.
        ({"verdict": "same", "utilization_a": 0.01}, "repaired", "the whole interval"),
    ],
)
def test_verdicts(found, verdict, words):
    result = result_of(**found)
    assert result.verdicts == {"site": verdict}
    assert verdict in REPAIR_VERDICTS
    first, second, note = result.to_text().splitlines()
    assert first.startswith(f"{verdict}: with 'site' the outputs move by ")
    assert words in first
    assert second.startswith(
        "AUROC for 'grade': 0.900 before, 0.890 after (change -0.0"
    )
    assert note == "A note."


def test_the_dict_is_plain():
    found = json.loads(json.dumps(result_of().to_dict(), allow_nan=False))
    assert found["columns"][0]["name"] == "site"
    assert found["columns"][0]["repair"] == "repaired"
    assert found["columns"][0]["utilization_b"] == 0.03
    assert found["performance"]["auroc"]["change_high"] is None
    assert (found["n_rows"], found["n_units"], found["target"]) == (900, 300, "grade")
