"""The target under another name, and columns that are close to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.copies import describe_copy
from sklearn_wsca._input.typed_columns import read_column

N = 90
GENERATOR = np.random.default_rng(0)
CODES = GENERATOR.integers(0, 3, N)
GRADE = np.array(["low", "mid", "high"])[CODES]
SEVERITY = GENERATOR.normal(50.0, 9.0, N)


def describe(values, target=GRADE, kind="auto", **options):
    column = read_column(pd.Series(values, name="other"), kind=kind, **options)
    return describe_copy(column, read_column(pd.Series(target, name="grade")))


COPIES = {
    "codes": (CODES, GRADE),
    "codes in another order": (np.array([7, 2, 4])[CODES], GRADE),
    "other words": (np.array(["gering", "mittel", "hoch"])[CODES], GRADE),
    "two classes": (CODES > 0, np.where(CODES > 0, "ill", "well")),
    "some are missing": (pd.Series(GRADE).where(np.arange(N) % 5 > 0), GRADE),
    "another unit": (1.8 * SEVERITY + 32, SEVERITY),
    "reversed": (100 - SEVERITY, SEVERITY),
    "logarithm": (np.log(SEVERITY), SEVERITY),
}
OTHERS = {
    "coarser": (CODES > 0, GRADE),
    "finer": (CODES + 0.5 * (np.arange(N) % 2), CODES > 0),
    "one row differs": (np.where(np.arange(N) == 3, (CODES + 1) % 3, CODES), GRADE),
    "goes with it": (SEVERITY + 9.0 * CODES, GRADE),
    "rounded": (np.round(SEVERITY), SEVERITY),
    "correlated": (SEVERITY + GENERATOR.normal(0, 1, N), SEVERITY),
}


@pytest.mark.parametrize(("values", "target"), COPIES.values(), ids=COPIES)
def test_copies(values, target):
    reason = describe(values, target)
    assert reason.startswith("cannot be told from the target 'grade' (")


@pytest.mark.parametrize(("values", "target"), OTHERS.values(), ids=OTHERS)
def test_others(values, target):
    assert describe(values, target) is None


def test_levels_are_named():
    found = describe(np.array([7, 2, 4])[CODES])
    assert "(it is 4 where it is 'high', 7 where it is 'low', 2 where it" in found


def test_a_few_rows_are_no_evidence():
    few = np.arange(N) < 12
    values = pd.Series(GRADE).where(few)
    assert describe(values) is None
