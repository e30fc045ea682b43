"""Numbers cut into classes: where, how they are named, and found again."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.column import LeftOutError, match_levels
from tests.input.columns import CODES, NUMBERS, TEXT, column
from tests.input_cases import GAPS, with_gaps


@pytest.mark.parametrize("n_bins", [2, 3, 5])
def test_bins_are_quantile_classes(n_bins):
    found = column(NUMBERS, n_bins=n_bins)
    assert found.kind == "categorical"
    assert found.n_levels == n_bins
    assert np.ptp(np.bincount(found.labels)) <= 1
    assert f"binned into {n_bins} quantile classes" in found.notes
    middle = [NUMBERS[found.labels == code].mean() for code in range(n_bins)]
    assert np.all(np.diff(middle) > 0)


def test_bins_leave_levels_as_they_are():
    assert column(TEXT, n_bins=2).n_levels == 3
    assert column(CODES, n_bins=2).n_levels == 3


def test_bins_of_many_ties_are_merged_and_noted():
    values = np.r_[np.zeros(40), np.arange(1, 21) / 7]
    found = column(values, n_bins=4)
    assert 2 <= found.n_levels < 4
    assert f"binned into {found.n_levels} quantile classes" in found.notes


@pytest.mark.parametrize(
    ("binning", "values", "reason"),
    [
        (
            "quantile",
            np.r_[np.ones(100), -np.arange(1, 13) / 7],
            "2 quantile classes .* 1 of them .*too many rows share a value",
        ),
        (
            "uniform",
            np.r_[NUMBERS, 1e6],
            "2 classes of equal width .* 1 of them .*take binning='quantile'",
        ),
    ],
    ids=["quantile", "uniform"],
)
def test_bins_that_hold_everything_leave_the_column_out(binning, values, reason):
    with pytest.raises(LeftOutError, match=reason):
        column(values, n_bins=2, binning=binning)


@pytest.mark.parametrize("n_bins", [2, 3, 5])
def test_uniform_bins_part_the_range(n_bins):
    values = np.linspace(-3.0, 7.0, 61)
    found = column(values, n_bins=n_bins, binning="uniform")
    expected = np.ceil((values + 3.0) / 10.0 * n_bins - 1e-9).clip(1) - 1
    np.testing.assert_array_equal(found.labels, expected)
    assert found.notes == (f"binned into {n_bins} classes of equal width",)
    middle = [level.right for level in found.levels[:-1]]
    expected = -3.0 + 10.0 / n_bins * np.arange(1, n_bins)
    # They have few digits, relative to the range.
    np.testing.assert_allclose(middle, expected, atol=0.005)


def test_uniform_bins_without_rows_and_with_few_are_named():
    values = np.r_[np.linspace(0.05, 0.95, 30), 2.5, 2.6, np.linspace(4.05, 5.0, 20)]
    found = column(values, n_bins=5, binning="uniform")
    assert found.notes == (
        "binned into 2 classes of equal width",
        "'(1.04, 2.03]', '(3.02, 4.01]' have no rows",
        "2 rows in '(2.03, 3.02]' are not used (fewer than 3 in a class)",
    )
    assert found.rows.tolist() == [*range(30), *range(32, 52)]
    assert found.labels.tolist() == [0] * 30 + [1] * 20
    new = pd.Series([-9.0, 1.5, 2.5, 99.0], name="a")
    rows, codes = match_levels(new, found.levels)
    assert rows.tolist() == [0, 3] and codes.tolist() == [0, 1]


@pytest.mark.parametrize("binning", ["quantile", "uniform"])
@pytest.mark.parametrize(
    "values",
    [
        1000.0 + 1e-5 * np.random.default_rng(0).standard_normal(300).round(4),
        1e7 * np.random.default_rng(1).standard_normal(300),
        np.repeat(np.random.default_rng(2).standard_normal(60).round(5), 5) + 0.12345,
        np.r_[np.zeros(50), np.random.default_rng(3).exponential(size=90)],
        np.random.default_rng(4).integers(0, 30, 300),
    ],
    ids=["narrow", "wide", "tied", "half of them 0", "whole"],
)
def test_rows_of_the_fit_are_found_in_their_own_bins_again(values, binning):
    """The names of classes have few digits, and no row changes its class for that."""
    found = column(values, n_bins=4, binning=binning)
    assert found.n_levels > 1
    rows, codes = match_levels(pd.Series(values, name="a"), found.levels)
    np.testing.assert_array_equal(rows, found.rows)
    np.testing.assert_array_equal(codes, found.labels)
    if np.ptp(values) < 100:
        assert max(len(str(level)) for level in found.levels) < 30


def test_values_beyond_ties_at_the_top_have_a_bin():
    values = np.r_[np.arange(40) / 7, np.full(30, 6.0)]
    found = column(values, n_bins=3)
    assert found.n_levels == 2
    rows, codes = match_levels(pd.Series([7.0], name="a"), found.levels)
    assert rows.tolist() == [0] and codes.tolist() == [1]


def test_bins_do_not_make_a_property_of_a_row_number():
    with pytest.raises(LeftOutError, match="identifier-like"):
        column(range(40), n_bins=3)


def test_bins_of_numbers_with_gaps():
    values = with_gaps(NUMBERS.tolist())
    found = column(values, n_bins=3)
    assert found.notes == ("2 of 60 rows are missing", "binned into 3 quantile classes")
    assert not np.isin(GAPS, found.rows).any()


def test_new_numbers_fall_into_the_bins_of_fit():
    found = column(NUMBERS, n_bins=3)
    low, high = NUMBERS.min() - 100, NUMBERS.max() + 100
    new = pd.Series([low, np.median(NUMBERS), np.nan, high], name="a")
    rows, codes = match_levels(new, found.levels)
    assert rows.tolist() == [0, 1, 3]
    assert codes.tolist() == [0, 1, 2]
    rows, codes = match_levels(pd.Series(NUMBERS, name="a"), found.levels)
    np.testing.assert_array_equal(codes, found.labels)


def test_unparsable_new_value_of_a_binned_column_has_a_reason():
    levels = column(NUMBERS, n_bins=3).levels
    with pytest.raises(LeftOutError, match=r"^was numeric in fit"):
        match_levels(pd.Series(["high", "low"], name="a"), levels)
