"""Numbers of a column whatever type holds them, or that it has levels, or an error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.column import LeftOutError
from sklearn_wsca._input.numeric_values import as_numbers, numbers_or_none
from sklearn_wsca._input.table import as_table
from tests.input_cases import DAYS
from tests.input_columns import METADATA


def observed(values):
    """Column "a" of a table with these values, without missing ones."""
    return as_table(pd.Series(values, name="a"))["a"].dropna()


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.what) for case in METADATA if case.plain]
)
def test_every_type_has_the_numbers_of_its_plain_form_or_none(case):
    found = numbers_or_none(observed(case.make()))
    expected = numbers_or_none(observed(case.plain()))
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        assert np.ptp(found) > 0


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.what) for case in METADATA if case.error]
)
def test_unusable_values_are_an_error_that_names_the_column(case):
    with pytest.raises(ValueError, match=f"column 'a'.*{case.error}") as caught:
        numbers_or_none(observed(case.make()))
    assert not isinstance(caught.value, LeftOutError)


def test_missing_numbers_are_nan():
    ages = pd.Series([61.5, None, 48.25, None], dtype="Float64", name="age")
    np.testing.assert_array_equal(as_numbers(ages), [61.5, np.nan, 48.25, np.nan])


def test_dates_with_and_without_zone_have_the_same_numbers():
    naive = pd.Series(DAYS, name="a")
    tokyo = naive.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    np.testing.assert_allclose(as_numbers(tokyo), as_numbers(naive))
    mixed = pd.Series([*naive[:30], *tokyo[30:]], dtype=object, name="a")
    np.testing.assert_allclose(as_numbers(mixed), as_numbers(naive))


@pytest.mark.parametrize("new", [["u", "v"], [True, False]])
def test_numbers_of_fit_must_stay_numbers(new):
    with pytest.raises(ValueError, match="'a' was numeric in fit"):
        as_numbers(pd.Series(new, name="a"))
