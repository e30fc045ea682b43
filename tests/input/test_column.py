"""Typing of metadata columns: kind, levels, numbers, rows, notes, reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataEraser, WeightSpaceCorrelation, utilization_test
from sklearn_wsca._input.column import (
    LeftOutError,
    as_numbers,
    common_rows,
    match_levels,
    read_column,
    restrict_rows,
)
from sklearn_wsca._input.table import as_table
from tests.input_cases import GAPS, N, with_gaps
from tests.input_columns import METADATA

GENERATOR = np.random.default_rng(0)
CODES = np.arange(N) % 3
NUMBERS = GENERATOR.normal(size=N).round(3)


def column(values, **options):
    """Column "a" of a table with these values."""
    return read_column(pd.Series(values, name="a"), **options)


TEXT = np.array(["u", "v", "w"])[CODES].tolist()
SAME = [case for case in METADATA if case.plain]


def by_name(cases):
    return [pytest.param(case, id=case.what) for case in cases]


def read(values, gaps=False):
    """A series of these values, with two of them missing or not, and its column."""
    series = as_table(pd.Series(values, name="a"))["a"]
    # pandas makes objects of intervals with gaps.
    if gaps and not isinstance(series.dtype, pd.IntervalDtype):
        series = series.mask(np.isin(np.arange(N), GAPS))
    return series, read_column(series)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("case", by_name(SAME))
def test_every_type_is_read_as_its_plain_form(case, gaps):
    series, found = read(case.make(), gaps)
    _, expected = read(case.plain(), gaps and series.isna().any())
    assert found.kind == expected.kind
    np.testing.assert_array_equal(found.rows, expected.rows)
    if len(found.rows) < N:
        assert f"{N - len(found.rows)} of 60 rows are missing" in found.notes
    if found.kind == "continuous":
        assert found.levels == ()
        assert found.labels.dtype == np.float64
        np.testing.assert_allclose(found.labels, expected.labels, rtol=1e-6, atol=1e-6)
    else:
        # Levels may have other names, and another order.
        pairs = set(zip(found.labels, expected.labels, strict=True))
        assert len(pairs) == found.n_levels == expected.n_levels
        recovered = [found.levels[code] for code in found.labels]
        assert recovered == series.iloc[found.rows].tolist()


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("case", by_name(SAME))
def test_every_type_is_read_again_as_in_fit(case, gaps):
    series, found = read(case.make(), gaps)
    if found.kind == "continuous":
        again = as_numbers(series)
        rows = np.flatnonzero(~np.isnan(again))
        labels = again[rows]
    else:
        rows, labels = match_levels(series, found.levels)
    np.testing.assert_array_equal(rows, found.rows)
    np.testing.assert_array_equal(labels, found.labels)


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (pd.Categorical(TEXT, ["w", "u", "v"], ordered=True), ("w", "u", "v")),
        (pd.Categorical(CODES, [2, 1, 0]), (2, 1, 0)),
        (pd.Series(with_gaps(CODES), dtype="Int64"), (0, 1, 2)),
        (with_gaps(CODES, np.nan), (0.0, 1.0, 2.0)),
        ([text.encode() for text in TEXT], (b"u", b"v", b"w")),
        (CODES > 0, (False, True)),
    ],
)
def test_levels_are_in_order(values, levels):
    assert column(values).levels == levels


def test_dates_are_never_taken_for_a_row_number():
    days = pd.Series(pd.date_range("2020-01-01", periods=N), name="a")
    for series in (days, days.dt.date, days.dt.to_period("D")):
        assert read_column(series).kind == "continuous"


def test_levels_are_plain_python_values():
    for values in (np.array(TEXT), CODES, CODES.astype(np.float32), CODES > 0):
        for level in column(values).levels:
            assert not isinstance(level, np.generic)


DAYS = pd.Series(pd.date_range("2020-01-01", periods=N, freq="12h"))
EPOCH_DAY = 18262.0  # 2020-01-01


def test_polars_columns_are_typed_alike():
    polars = pytest.importorskip("polars")
    table = {
        "text": with_gaps(TEXT),
        "flag": with_gaps((CODES > 0).tolist()),
        "few": with_gaps(CODES.tolist()),
        "many": with_gaps(NUMBERS.tolist()),
        "when": with_gaps([d.to_pydatetime() for d in DAYS]),
        "day": with_gaps([date(2020, 1 + i % 12, 1 + i % 7) for i in range(N)]),
        "length": with_gaps([d.to_pydatetime() - datetime(2020, 1, 1) for d in DAYS]),
        "cost": with_gaps([Decimal(str(x)) for x in NUMBERS]),
    }
    of_pandas, of_polars = (
        as_table(pd.DataFrame(table)),
        as_table(polars.DataFrame(table)),
    )
    for name in table:
        a, b = read_column(of_pandas[name]), read_column(of_polars[name])
        assert (a.kind, a.notes) == (b.kind, b.notes)
        assert a.levels == b.levels
        np.testing.assert_array_equal(a.rows, b.rows)
        np.testing.assert_allclose(a.labels, b.labels)


@pytest.mark.parametrize(
    ("n_values", "kind"), [(2, "categorical"), (10, "categorical"), (11, "continuous")]
)
@pytest.mark.parametrize("dtype", [int, float, "Int64"])
def test_threshold_of_distinct_numbers(n_values, kind, dtype):
    values = pd.Series(np.arange(110) % n_values, name="a").astype(dtype)
    found = read_column(values)
    assert found.kind == kind
    assert found.n_levels == (n_values if kind == "categorical" else 0)


def test_kind_overrules_the_threshold():
    few = np.arange(60) % 3
    assert column(few, kind="continuous").kind == "continuous"
    many = np.arange(60) % 15
    assert column(many, kind="categorical").n_levels == 15


@pytest.mark.parametrize("values", [TEXT, CODES > 0, pd.Categorical(CODES)])
def test_kind_cannot_make_numbers_of_levels(values):
    assert column(values, kind="continuous").kind == "categorical"


def test_one_missing_row_is_singular():
    values = list(TEXT)
    values[0] = None
    assert column(values).notes == ("1 of 60 rows is missing",)


def test_levels_that_are_rare_where_the_target_is_known_are_not_used():
    values = pd.Series(list("uuuuvvvvwwww"), name="site")
    target = pd.Series([60.5, 70.0, 80.25] * 4, name="age")
    target[[9, 10]] = np.nan
    site = read_column(values)
    age = read_column(target, kind="continuous")
    found, (held,) = common_rows(site, [age])
    assert found.rows.tolist() == held.rows.tolist() == list(range(8))
    assert found.levels == ("u", "v")
    known, (held,) = common_rows(
        site, [replace(age, rows=site.rows, labels=site.labels)]
    )
    assert len(known.rows) == len(held.rows) == 12


def test_rare_levels_are_not_used_and_noted():
    values = [*TEXT, "x", "x", "y"]
    found = column(values)
    assert found.levels == ("u", "v", "w")
    assert found.rows.max() == N - 1
    (note,) = found.notes
    assert "3 rows of 2 rare levels" in note
    assert "'x', 'y'" in note
    assert "fewer than 3 rows each" in note


def test_many_rare_levels_are_abbreviated():
    found = column([*TEXT, *"abcde"])
    assert "'a', 'b', 'c' and 2 more" in found.notes[0]


LEFT_OUT = {
    "constant text": (["u"] * 9, "constant: all 9 observed rows are 'u'"),
    "constant number": ([2.0] * 9, "constant: all 9 observed rows are 2"),
    "constant fraction": ([2.5] * 9, r"constant: all 9 observed rows are 2\.5"),
    "constant flag": ([True] * 9, "constant: all 9 observed rows are True"),
    "constant category": (
        pd.Categorical(["a"] * 9, ["a", "b"]),
        "constant: all 9 observed rows are 'a'",
    ),
    "constant where observed": (
        ["u"] * 8 + [None],
        "constant: all 8 observed rows are 'u'",
    ),
    "all missing": ([None] * 9, "observed in 0 of 9 rows"),
    "all NaN": ([np.nan] * 9, "observed in 0 of 9 rows"),
    "all NaT": ([pd.NaT] * 9, "observed in 0 of 9 rows"),
    "all NA": (pd.array([pd.NA] * 9, "string"), "observed in 0 of 9 rows"),
    "observed once": ([1.0] + [None] * 8, "observed in 1 of 9 rows"),
    "only rare levels": (list("aabbc"), "fewer than 2 of its 3 levels have 3 or more"),
    "one level is not rare": (list("aaaaabbc"), "fewer than 2 of its 3 levels"),
    "names": (
        [f"patient {i}" for i in range(20)],
        "identifier-like: 20 different values in 20 rows",
    ),
    "mostly distinct": (
        [f"patient {min(i, 14)}" for i in range(20)],
        "identifier-like: 15 different values in 20 rows",
    ),
    "many small levels": (
        [f"patient {i % 100}" for i in range(500)],
        "identifier-like: 100 different values in 500 rows",
    ),
    "row number": (
        range(20),
        "identifier-like: 20 different whole numbers between 0 and 19",
    ),
    "permuted row number as float": (
        np.random.default_rng(0).permutation(20) + 100.0,
        "identifier-like: 20 different whole numbers between 100 and 119",
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
@pytest.mark.parametrize("kind", ["auto", "continuous"])
def test_left_out_with_a_reason(case, kind):
    values, reason = LEFT_OUT[case]
    with pytest.raises(LeftOutError, match=reason):
        column(values, kind=kind)


def test_fewest_rows():
    values = [1.5, 2.5, 1.5, 2.5, None]
    with pytest.raises(LeftOutError, match=r"4 of 5 rows, fewer than the 5"):
        column(values, min_rows=5, kind="continuous")
    assert len(column(values, min_rows=4, kind="continuous").rows) == 4


@pytest.mark.parametrize(
    ("values", "n_levels"),
    [
        ([f"site {i % 40}" for i in range(400)], 40),
        ([f"site {i % 60}" for i in range(1200)], 60),
        (np.random.default_rng(0).choice(5000, size=40, replace=False), 0),
        (np.r_[np.arange(20, 60), 30], 0),
        ([*TEXT, "x", "x", "x"], 4),
        (pd.Categorical([1, "u", 2] * 5), 3),
    ],
    ids=["levels", "many levels", "with gaps", "with a tie", "just enough", "mixed"],
)
def test_levels_and_distinct_numbers_that_are_no_identifier(values, n_levels):
    found = column(values)
    assert (found.kind, found.n_levels) == (
        "categorical" if n_levels else "continuous",
        n_levels,
    )


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


def test_new_levels_and_gaps_are_not_matched():
    new = pd.Series(["w", "never seen", None, "u"], name="a")
    rows, codes = match_levels(new, ("u", "v", "w"))
    assert rows.tolist() == [0, 3]
    assert codes.tolist() == [2, 0]


@pytest.mark.parametrize(
    "new",
    [
        pd.Series([2, 0], dtype="int32"),
        pd.Series([2.0, 0.0]),
        pd.Series([2, 0], dtype="Int64"),
        pd.Series([2, 0], dtype=object),
        pd.Series(pd.Categorical([2, 0])),
        pd.Series(pd.arrays.SparseArray([2, 0])),
    ],
    ids=lambda series: str(series.dtype),
)
def test_integer_levels_match_other_number_types(new):
    levels = column(CODES).levels
    rows, codes = match_levels(new.rename("a"), levels)
    assert rows.tolist() == [0, 1]
    assert codes.tolist() == [2, 0]


def test_unparsable_new_value_of_a_binned_column_has_a_reason():
    levels = column(NUMBERS, n_bins=3).levels
    with pytest.raises(LeftOutError, match=r"^was numeric in fit"):
        match_levels(pd.Series(["high", "low"], name="a"), levels)


def test_take_follows_the_order_of_rows():
    values = with_gaps(TEXT)
    order = np.random.default_rng(1).permutation(N)
    moved = column(values).take(order)
    expected = column([values[i] for i in order])
    np.testing.assert_array_equal(moved.rows, expected.rows)
    np.testing.assert_array_equal(moved.labels, expected.labels)
    assert moved.levels == expected.levels


def test_restricted_rows():
    found = column(TEXT)
    kept = restrict_rows(found, np.arange(10))
    assert kept.rows.tolist() == list(range(10))
    np.testing.assert_array_equal(kept.labels, found.labels[:10])
    assert kept.levels == found.levels


@pytest.mark.parametrize("rows", [[], [0, 3, 6]])
def test_restricted_rows_must_vary(rows):
    with pytest.raises(LeftOutError, match="does not vary on the rows"):
        restrict_rows(column(TEXT), np.array(rows, dtype=int))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, 2.5, 4.0, 7.0, 7.5], "continuous"),
        ([1.5, 2.5, 4.0, 1.5, 2.5, 4.0, 1.5, 2.5, 4.0], "categorical"),
    ],
)
def test_few_numbers_that_hardly_repeat_are_continuous(values, kind):
    assert read_column(pd.Series(values, name="spacing")).kind == kind


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (pd.date_range("2020-01-01", periods=40), "days since 1970-01-01"),
        (pd.period_range("2020-01", periods=40, freq="M"), "days since 1970-01-01"),
        (pd.timedelta_range("1h", periods=40), "days"),
        (np.arange(40.0) ** 2, None),
    ],
)
def test_the_unit_of_dates_and_durations_is_noted(values, note):
    found = read_column(pd.Series(values, name="when"))
    assert found.notes == ((f"its numbers are {note}",) if note else ())


UNUSABLE_TARGETS = {
    "lists": [[1], [2]] * 30,
    "records": [{"a": 1}, {"a": 2}] * 30,
    "infinity": [np.inf, *range(59)],
    "numbers and text": [1, "a"] * 30,
}


@pytest.mark.parametrize("what", UNUSABLE_TARGETS)
@pytest.mark.parametrize("role", ["target", "confounders", "outputs", "erased"])
def test_unusable_columns_with_a_role_are_an_error_with_the_reason(what, role):
    X = np.random.default_rng(0).normal(2, [1, 10, 0.1], size=(60, 3))
    bad = pd.Series(UNUSABLE_TARGETS[what], name="bad", dtype=object)
    table = pd.DataFrame({"disease": ["ill", "well"] * 30, "bad": bad})
    options = {"target_head": X[:2], "n_permutations": 0}
    reasons = (
        "cannot be (the primary task|held fixed|used): (mixes or|holds 1 infinite)"
    )
    with pytest.raises(ValueError, match=f"'bad' {reasons}"):
        if role == "target":
            WeightSpaceCorrelation("bad", **options).fit(X, table)
        elif role == "confounders":
            estimator = WeightSpaceCorrelation(
                "disease", confounders=["bad"], **options
            )
            estimator.fit(X, table.assign(site=["a", "b", "c"] * 20))
        elif role == "outputs":
            utilization_test(X, table["disease"], target=bad)
        else:
            MetadataEraser(["disease"], target="bad").fit(X, table)
