"""Typing of metadata columns: kind, levels, numbers, rows, notes, reasons."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataEraser, WeightSpaceCorrelation, utilization_test
from sklearn_wsca._input.column import LeftOutError, match_levels
from sklearn_wsca._input.numeric_values import as_numbers
from sklearn_wsca._input.table import as_table
from sklearn_wsca._input.typed_columns import read_column
from tests.input.columns import CODES, NUMBERS, TEXT, column
from tests.input_cases import GAPS, N, with_gaps
from tests.input_columns import METADATA

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
