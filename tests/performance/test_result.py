"""What is said of performance by one column."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import PerformanceResult

LEVELS = pd.DataFrame(
    {"n_rows": [5, 7], "accuracy": [0.5, np.nan]},
    index=pd.Index(["a", 3], name="level", dtype=object),
)
ENTRIES = {
    "by_level": LEVELS,
    "measure": "sensitivity",
    "of_class": None,
    "higher": "a",
    "lower": 3,
    "gap": 0.25,
    "gap_low": 0.1,
    "gap_high": 0.4,
    "unseen": 0.5,
    "unseen_measure": "auroc",
    "pvalue": 0.01,
    "pvalue_fwer": 0.02,
    "qvalue": 0.02,
    "scheme": "rows",
    "null_distribution": np.zeros(3),
    "significance": 0.05,
}


@pytest.mark.parametrize(
    "change, text",
    [
        (
            {},
            "With 'site' performance differs: sensitivity is 25 percentage points "
            "higher under 'a' than under 3 (interval 10 to 40 percentage points, "
            "q = 0.02).",
        ),
        (
            {"qvalue": 0.3, "pvalue": 0.2},
            "That performance differs with 'site' is not shown (p = 0.2; up to 0.50 of "
            "AUROC are not excluded).",
        ),
        (
            {"qvalue": np.nan, "pvalue": np.nan, "pvalue_fwer": np.nan},
            "Whether performance differs with 'site' was not tested (up to 0.50 of "
            "AUROC are not excluded).",
        ),
        ({"measure": ""}, "Levels of 'site' could not be compared."),
    ],
)
def test_the_sentence(change, text):
    assert PerformanceResult(**ENTRIES | change).to_text("site") == text


def test_plain_values():
    found = PerformanceResult(**ENTRIES | {"pvalue": np.nan}).to_dict()
    assert found["pvalue"] is None and "null_distribution" not in found
    assert found["by_level"][1] == {"level": 3, "n_rows": 7, "accuracy": None}
    json.dumps(found, allow_nan=False)
