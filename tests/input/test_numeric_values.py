"""Numbers of a column whatever type holds them, or that it has levels, or an error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.numeric_values import (
    LeftOutError,
    are_rounded,
    as_numbers,
    named_column,
    numbers_or_none,
    text_as_numbers,
)
from sklearn_wsca._input.table import as_table
from tests.input_cases import DAYS
from tests.input_columns import METADATA, UNUSABLE


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


@pytest.mark.parametrize("what", UNUSABLE, ids=lambda what: what.replace(" ", "-"))
def test_unusable_values_are_a_reason_to_leave_the_column_out(what):
    make, reason = UNUSABLE[what]
    with pytest.raises(LeftOutError, match=f"^{reason}") as caught:
        numbers_or_none(observed(make()))
    # Sentences go on behind the reason, and begin with the name.
    assert not str(caught.value).endswith(".")
    assert "'a'" not in str(caught.value)


def test_whole_numbers_that_doubles_would_merge_are_levels():
    exact = [2**53 + i % 3 for i in range(12)]
    assert numbers_or_none(observed(exact)) is None
    with_gap = pd.Series([*exact[:-1], None], dtype=object)
    assert numbers_or_none(observed(with_gap)) is None
    assert numbers_or_none(observed(with_gap.astype("Int64"))) is None
    apart = [2**53 + 2 * i for i in range(12)]
    np.testing.assert_array_equal(numbers_or_none(observed(apart)), apart)


@pytest.mark.parametrize(
    ("dtype", "digits"),
    [("float64", 53), ("Float64", 53), ("float32", 24), ("float16", 11)],
)
def test_floats_beyond_their_digits_may_be_rounded(dtype, digits):
    largest = 2.0**digits
    assert are_rounded(pd.Series([1.0, largest], dtype=dtype))
    assert not are_rounded(pd.Series([1.0, largest - 1.0, np.nan], dtype=dtype))
    assert not are_rounded(pd.Series([2**60, 1]))
    assert not are_rounded(pd.Series([2**60 + 1, None, "x"], dtype=object))
    assert are_rounded(pd.Series([2.0**60, None, 7], dtype=object))
    assert not are_rounded(pd.Series(["a", "b"]))


def test_a_reason_gets_the_name_of_its_column():
    with (
        pytest.raises(ValueError, match=r"^groups: column 'a' holds lists\.$") as error,
        named_column("a", "groups"),
    ):
        raise LeftOutError("holds lists")
    assert not isinstance(error.value, LeftOutError)


@pytest.mark.parametrize("dtype", ["float64", object, "string"])
def test_no_text_at_all_is_left_alone(dtype):
    nothing = pd.Series([None, None], dtype=dtype, name="age").dropna()
    assert text_as_numbers(nothing) is nothing


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["70", " 70.0", "1e3"], [70.0, 70.0, 1000.0]),
        (["70", "1_000"], None),
        (["70", "heavy"], None),
        (["70", 71], None),
        ([70, 71], None),
    ],
)
def test_text_of_numbers_becomes_numbers(texts, numbers):
    series = pd.Series(texts, index=[5, 7, 9][: len(texts)], name="a", dtype=object)
    found = text_as_numbers(series)
    if numbers is None:
        assert found is series
    else:
        pd.testing.assert_series_equal(
            found, pd.Series(numbers, series.index, name="a")
        )


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
    with pytest.raises(LeftOutError, match=r"^was numeric in fit"):
        as_numbers(pd.Series(new, name="a"))
