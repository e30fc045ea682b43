"""Typing of metadata columns: kind, levels, numbers, rows, notes, reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.column import (
    LeftOutError,
    as_numbers,
    common_rows,
    match_levels,
    read_column,
    restrict_rows,
)
from sklearn_wsca._input.table import as_table

N = 60
GENERATOR = np.random.default_rng(0)
CODES = np.arange(N) % 3
NUMBERS = GENERATOR.normal(size=N).round(3)
MISSING = [4, 7]


def column(values, **options):
    """Column "a" of a table with these values."""
    return read_column(pd.Series(values, name="a"), **options)


def with_gaps(values, gap=None):
    values = list(values)
    for row in MISSING:
        values[row] = gap
    return values


TEXT = np.array(["u", "v", "w"])[CODES].tolist()
LEVELLED = {
    "object": (lambda: pd.Series(with_gaps(TEXT), dtype=object), ("u", "v", "w")),
    "string": (lambda: pd.Series(with_gaps(TEXT), dtype="string"), ("u", "v", "w")),
    "default string": (lambda: pd.Series(with_gaps(TEXT)), ("u", "v", "w")),
    "bytes": (
        lambda: pd.Series(with_gaps([t.encode() for t in TEXT]), dtype=object),
        (b"u", b"v", b"w"),
    ),
    "categorical": (
        lambda: pd.Series(with_gaps(TEXT), dtype="category"),
        ("u", "v", "w"),
    ),
    "ordered categorical": (
        lambda: pd.Series(
            pd.Categorical(with_gaps(TEXT), categories=["w", "u", "v"], ordered=True)
        ),
        ("w", "u", "v"),
    ),
    "numeric categories": (
        lambda: pd.Series(pd.Categorical(with_gaps(CODES), categories=[2, 1, 0])),
        (2, 1, 0),
    ),
    "bool with gaps": (
        lambda: pd.Series(with_gaps((CODES > 0).tolist()), dtype=object),
        (False, True),
    ),
    "nullable boolean": (
        lambda: pd.Series(with_gaps(CODES > 0), dtype="boolean"),
        (False, True),
    ),
    "few integers": (
        lambda: pd.Series(with_gaps(CODES, np.nan)),
        (0.0, 1.0, 2.0),
    ),
    "nullable integers": (
        lambda: pd.Series(with_gaps(CODES), dtype="Int64"),
        (0, 1, 2),
    ),
    "few dates": (
        lambda: pd.Series(
            pd.to_datetime(
                with_gaps(np.where(CODES > 0, "2021-01-01", "2020-01-01").tolist())
            )
        ),
        (pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")),
    ),
    "sparse": (
        lambda: pd.Series(
            pd.arrays.SparseArray(with_gaps(CODES, np.nan), fill_value=0.0)
        ),
        (0.0, 1.0, 2.0),
    ),
}


@pytest.mark.parametrize("form", LEVELLED)
def test_levels_of_every_type(form):
    make, levels = LEVELLED[form]
    series = make().rename("a")
    found = read_column(series)
    assert found.kind == "categorical"
    assert found.levels == levels
    assert found.n_levels == len(levels)
    expected_rows = [row for row in range(N) if row not in MISSING]
    assert found.rows.tolist() == expected_rows
    assert found.notes == ("2 of 60 rows are missing",)
    recovered = [levels[code] for code in found.labels]
    assert recovered == series.iloc[expected_rows].tolist()


@pytest.mark.parametrize("form", LEVELLED)
def test_levels_of_every_type_are_matched_again(form):
    series = LEVELLED[form][0]().rename("a")
    found = read_column(series)
    rows, codes = match_levels(series, found.levels)
    np.testing.assert_array_equal(rows, found.rows)
    np.testing.assert_array_equal(codes, found.labels)


def test_pyarrow_strings():
    pytest.importorskip("pyarrow")
    series = pd.Series(with_gaps(TEXT), dtype="string[pyarrow]", name="a")
    found = read_column(series)
    assert found.levels == ("u", "v", "w")
    np.testing.assert_array_equal(match_levels(series, found.levels)[0], found.rows)


@pytest.mark.parametrize("dtype", ["int64[pyarrow]", "double[pyarrow]"])
def test_pyarrow_numbers(dtype):
    pytest.importorskip("pyarrow")
    values = with_gaps((NUMBERS * 1000).astype(int).tolist())
    found = read_column(pd.Series(values, dtype=dtype, name="a"))
    assert found.kind == "continuous"
    assert len(found.rows) == N - len(MISSING)


@pytest.mark.parametrize(
    "dtype",
    [
        "timestamp[us][pyarrow]",
        "timestamp[us, UTC][pyarrow]",
        "date32[pyarrow]",
        "date64[pyarrow]",
    ],
)
def test_pyarrow_dates(dtype):
    pytest.importorskip("pyarrow")
    days = pd.Series(pd.date_range("2020-01-01", periods=N), name="a")
    if "UTC" in dtype:
        days = days.dt.tz_localize("UTC")
    days = days.dt.date if "date" in dtype else days
    found = read_column(days.astype(dtype))
    assert found.kind == "continuous"
    np.testing.assert_allclose(found.labels, EPOCH_DAY + np.arange(N))


def test_pyarrow_decimals():
    pyarrow = pytest.importorskip("pyarrow")
    values = pd.array([Decimal(str(x)) for x in NUMBERS]).astype(
        pd.ArrowDtype(pyarrow.decimal128(10, 3))
    )
    np.testing.assert_allclose(column(values).labels, NUMBERS)


def test_dates_with_and_without_zone_have_the_same_numbers():
    naive = pd.Series(DAYS, name="a")
    tokyo = naive.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    np.testing.assert_allclose(as_numbers(tokyo), as_numbers(naive))
    mixed = pd.Series([*naive[:30], *tokyo[30:]], dtype=object, name="a")
    np.testing.assert_allclose(as_numbers(mixed), as_numbers(naive))


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
EXPECTED_DAYS = EPOCH_DAY + np.arange(N) / 2
CONTINUOUS = {
    "float": (lambda: pd.Series(NUMBERS), NUMBERS),
    "float32": (lambda: pd.Series(NUMBERS.astype(np.float32)), NUMBERS),
    "integer": (
        lambda: pd.Series((NUMBERS * 1000).astype(int)),
        (NUMBERS * 1000).astype(int),
    ),
    "nullable integer": (
        lambda: pd.Series((NUMBERS * 1000).astype(int), dtype="Int64"),
        (NUMBERS * 1000).astype(int),
    ),
    "nullable float": (lambda: pd.Series(NUMBERS, dtype="Float64"), NUMBERS),
    "decimal": (lambda: pd.Series([Decimal(str(x)) for x in NUMBERS]), NUMBERS),
    "fraction": (lambda: pd.Series([Fraction(str(x)) for x in NUMBERS]), NUMBERS),
    "numbers in objects": (
        lambda: pd.Series([int(x) if x == 1 else x for x in NUMBERS], dtype=object),
        NUMBERS,
    ),
    "datetime": (lambda: DAYS, EXPECTED_DAYS),
    "datetime in seconds": (lambda: DAYS.astype("datetime64[s]"), EXPECTED_DAYS),
    "datetime with zone": (lambda: DAYS.dt.tz_localize("UTC"), EXPECTED_DAYS),
    "datetime of another zone": (
        lambda: DAYS.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        EXPECTED_DAYS,
    ),
    "datetime objects": (
        lambda: pd.Series([d.to_pydatetime() for d in DAYS], dtype=object),
        EXPECTED_DAYS,
    ),
    "dates": (
        lambda: pd.Series(
            [date.fromordinal(719163 + i) for i in range(0, 2 * N, 2)], dtype=object
        ),
        np.arange(0.0, 2 * N, 2),
    ),
    "timedelta": (
        lambda: pd.Series(pd.to_timedelta(NUMBERS, unit="D")),
        NUMBERS,
    ),
    "period": (
        lambda: pd.Series(pd.period_range("1970-01-01", periods=N, freq="D")),
        np.arange(N, dtype=float),
    ),
    "sparse": (lambda: pd.Series(pd.arrays.SparseArray(NUMBERS)), NUMBERS),
}


@pytest.mark.parametrize("form", CONTINUOUS)
def test_numbers_of_every_type(form):
    make, expected = CONTINUOUS[form]
    series = make().rename("a")
    found = read_column(series)
    assert found.kind == "continuous"
    assert found.levels == ()
    assert found.labels.dtype == np.float64
    np.testing.assert_allclose(found.labels, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(as_numbers(series), found.labels)


@pytest.mark.parametrize("form", CONTINUOUS)
def test_missing_numbers_of_every_type(form):
    series = CONTINUOUS[form][0]().rename("a")
    series = series.mask(np.isin(np.arange(N), MISSING))
    found = read_column(series)
    assert found.rows.tolist() == [row for row in range(N) if row not in MISSING]
    assert found.notes[0] == "2 of 60 rows are missing"
    again = as_numbers(series)
    assert np.flatnonzero(np.isnan(again)).tolist() == MISSING
    np.testing.assert_array_equal(again[found.rows], found.labels)


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


def test_constant_number_with_a_head_for_numbers():
    with pytest.raises(LeftOutError, match=r"constant: all 9 observed rows are 2\.5"):
        column([2.5] * 9, kind="continuous")


def test_unused_categories_are_no_levels():
    values = pd.Categorical(TEXT, categories=["never", "u", "v", "w"])
    assert column(values).levels == ("u", "v", "w")


def test_rare_levels_are_not_used_and_noted():
    values = [*TEXT, "x", "x", "y"]
    found = column(values)
    assert found.levels == ("u", "v", "w")
    assert found.rows.max() == N - 1
    (note,) = found.notes
    assert "3 rows of 2 rare levels" in note
    assert "'x', 'y'" in note
    assert "fewer than 3 rows each" in note


def test_level_with_three_rows_is_kept():
    assert column([*TEXT, "x", "x", "x"]).levels == ("u", "v", "w", "x")


def test_many_rare_levels_are_abbreviated():
    found = column([*TEXT, *"abcde"])
    assert "'a', 'b', 'c' and 2 more" in found.notes[0]


LEFT_OUT = {
    "constant text": (["u"] * 9, "constant: all 9 observed rows are 'u'"),
    "constant number": ([2.0] * 9, "constant: all 9 observed rows are 2"),
    "constant flag": ([True] * 9, "constant: all 9 observed rows are True"),
    "constant where observed": (
        ["u"] * 8 + [None],
        "constant: all 8 observed rows are 'u'",
    ),
    "all missing": ([None] * 9, "observed in 0 of 9 rows"),
    "all NaN": ([np.nan] * 9, "observed in 0 of 9 rows"),
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
def test_left_out_with_a_reason(case):
    values, reason = LEFT_OUT[case]
    with pytest.raises(LeftOutError, match=reason):
        column(values)


def test_fewest_rows():
    values = [1.5, 2.5, 1.5, 2.5, None]
    with pytest.raises(LeftOutError, match=r"4 of 5 rows, fewer than the 5"):
        column(values, min_rows=5, kind="continuous")
    assert len(column(values, min_rows=4, kind="continuous").rows) == 4


def test_many_levels_with_enough_rows_are_no_identifier():
    assert column([f"site {i % 40}" for i in range(400)]).n_levels == 40
    assert column([f"site {i % 60}" for i in range(1200)]).n_levels == 60


def test_distinct_numbers_with_gaps_are_no_identifier():
    weights = np.random.default_rng(0).choice(5000, size=40, replace=False)
    assert column(weights).kind == "continuous"


def test_ages_with_ties_are_no_identifier():
    assert column(np.r_[np.arange(20, 60), 30]).kind == "continuous"


BAD = {
    "infinite": ([1.0, np.inf, -np.inf] * 5, "'a' holds 10 infinite values"),
    "infinite object": (
        pd.Series([1.0, float("inf"), 3] * 5, dtype=object),
        "'a' holds 5 infinite values",
    ),
    "complex": ([1 + 2j, 2.0, 3.0] * 5, "'a' holds complex numbers"),
    "complex objects": (
        pd.Series([1 + 2j, "u", 3.0] * 5, dtype=object),
        "'a' mixes",
    ),
    "numbers and strings": ([1, "u", 2.5] * 5, r"'a' mixes.*5 str.*astype\(str\)"),
    "flags and strings": ([True, "u", "v"] * 5, "'a' mixes.*10 str, 5 bool"),
    "flags and numbers": (
        pd.Series([True, 2, 3] * 5, dtype=object),
        "'a' mixes.*10 int, 5 bool",
    ),
    "lists": ([[1], [2], [1]] * 5, "'a' mixes or holds unusable types.*15 list"),
    "dicts": ([{}, {}, {}] * 5, "15 dict"),
    "sets": ([{1}, {2}, {1}] * 5, "15 set"),
    "dates and strings": (
        [date(2020, 1, 1), "2020-01-02", "2020-01-03"] * 5,
        "'a' mixes",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_unusable_values_are_an_error_that_names_the_column(case):
    values, message = BAD[case]
    with pytest.raises(ValueError, match=message) as caught:
        column(values)
    assert not isinstance(caught.value, LeftOutError)


def test_categories_may_have_labels_of_several_types():
    values = pd.Categorical([1, "u", 2] * 5)
    assert column(values).n_levels == 3


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


def test_bins_that_hold_everything_leave_the_column_out():
    values = np.r_[np.ones(100), -np.arange(1, 13) / 7]
    with pytest.raises(LeftOutError, match="its quantiles give a single class of 2"):
        column(values, n_bins=2)


def test_bins_do_not_make_a_property_of_a_row_number():
    with pytest.raises(LeftOutError, match="identifier-like"):
        column(range(40), n_bins=3)


def test_bins_of_numbers_with_gaps():
    values = with_gaps(NUMBERS.tolist())
    found = column(values, n_bins=3)
    assert found.notes == ("2 of 60 rows are missing", "binned into 3 quantile classes")
    assert not np.isin(MISSING, found.rows).any()


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


@pytest.mark.parametrize("new", [["u", "v"], [True, False]])
def test_numbers_of_fit_must_stay_numbers(new):
    with pytest.raises(ValueError, match="'a' was numeric in fit"):
        as_numbers(pd.Series(new, name="a"))


def test_unparsable_new_value_of_a_binned_column_names_the_column():
    levels = column(NUMBERS, n_bins=3).levels
    with pytest.raises(ValueError, match="'a' was numeric in fit"):
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
    ],
)
def test_the_unit_of_dates_and_durations_is_noted(values, note):
    found = read_column(pd.Series(values, name="when"))
    assert found.notes == (f"its numbers are {note}",)


def test_plain_numbers_have_no_unit():
    assert read_column(pd.Series(np.arange(40.0) ** 2, name="age")).notes == ()
