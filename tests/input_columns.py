"""Metadata columns of the matrix of input."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd

from tests.input_cases import (
    AGE,
    CODES,
    DAYS,
    GAPS,
    SITE,
    Case,
    N,
    arrow,
    as_objects,
    decimals,
    needs,
    same_as_plain,
    with_gaps,
)

GAPPY_SITE = partial(with_gaps, SITE)
GAPPY_AGE = partial(with_gaps, AGE, np.nan)
DAY_NUMBERS = (DAYS - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
# Further apart than the numbers of rows.
DATES = pd.date_range("2020-01-01", periods=N, freq="17D")
DATE_NUMBERS = DAY_NUMBERS[0] + 17.0 * np.arange(N)
INTERVALS = pd.IntervalIndex.from_breaks([0, 1, 2, 3])[CODES]


def _weeks():
    """Days of about a week, in seconds."""
    days = 7 * np.arange(N) + np.arange(N) % 2
    return days.astype("timedelta64[D]").astype("timedelta64[s]")


def _arrow_days(kind):
    """Dates without a time of day, as a type of pyarrow."""
    needs("pyarrow")
    days = pd.Series(DATES)
    days = days.dt.tz_localize("UTC") if "UTC" in kind else days
    days = days.dt.date if "date" in kind else days
    return days.astype(f"{kind}[pyarrow]")


def _arrow_numbers(kind):
    """Whole numbers with gaps, as a type of pyarrow."""
    needs("pyarrow")
    numbers = with_gaps((AGE * 100).astype(int).tolist())
    return pd.Series(numbers, dtype=f"{kind}[pyarrow]")


COLUMNS = {
    "Int64": (
        lambda: pd.Series(with_gaps((AGE * 100).astype(int)), dtype="Int64"),
        lambda: with_gaps(np.trunc(AGE * 100), np.nan),
    ),
    "UInt8 of few values": (
        lambda: pd.Series(with_gaps(CODES), dtype="UInt8"),
        lambda: with_gaps(CODES.astype(float), np.nan),
    ),
    "Float64": (lambda: pd.Series(with_gaps(AGE), dtype="Float64"), GAPPY_AGE),
    "Float64 with NaN beside NA": (
        lambda: pd.Series(
            pd.arrays.FloatingArray(
                np.where(np.arange(N) == GAPS[0], np.nan, AGE), np.arange(N) == GAPS[1]
            )
        ),
        GAPPY_AGE,
    ),
    "boolean": (
        lambda: pd.Series(with_gaps(CODES > 0), dtype="boolean"),
        lambda: with_gaps((CODES > 0).tolist()),
    ),
    "truth values with NA": (
        lambda: as_objects(with_gaps((CODES > 0).tolist(), pd.NA)),
        lambda: with_gaps((CODES > 0).tolist()),
    ),
    "string": (lambda: pd.Series(GAPPY_SITE(), dtype="string"), GAPPY_SITE),
    "pyarrow strings": (
        lambda: needs("pyarrow") and pd.Series(GAPPY_SITE(), dtype="string[pyarrow]"),
        GAPPY_SITE,
    ),
    "pyarrow string type": (
        lambda: arrow(GAPPY_SITE(), lambda p: p.string()),
        GAPPY_SITE,
    ),
    "pyarrow dictionary": (
        lambda: arrow(GAPPY_SITE(), lambda p: p.dictionary(p.int32(), p.string())),
        GAPPY_SITE,
    ),
    "pyarrow truth values": (
        lambda: arrow((CODES > 0).tolist(), lambda p: p.bool_()),
        lambda: (CODES > 0).tolist(),
    ),
    "pyarrow decimals": (
        lambda: arrow(decimals(), lambda p: p.decimal128(10, 2)),
        lambda: AGE,
    ),
    "pyarrow durations": (
        lambda: arrow(list(pd.to_timedelta(AGE, unit="D")), lambda p: p.duration("us")),
        lambda: AGE,
    ),
    "unused categories": (
        lambda: pd.Series(pd.Categorical(SITE, ["east", "north", "south", "west"])),
        lambda: SITE,
    ),
    "ordered categories": (
        lambda: pd.Series(pd.Categorical(SITE, ["west", "south", "north"], True)),
        lambda: SITE,
    ),
    "intervals": (lambda: pd.Series(INTERVALS), lambda: SITE),
    "categories of intervals": (
        lambda: pd.Series(pd.Categorical(INTERVALS)),
        lambda: SITE,
    ),
    "categories that are numbers": (
        lambda: pd.Series(pd.Categorical(with_gaps(CODES), [2, 1, 0])),
        lambda: with_gaps(SITE),
    ),
    "two dates": (
        lambda: pd.to_datetime(pd.Series(np.where(CODES, "2021-01-01", "2020-01-01"))),
        lambda: np.where(CODES, 18_628.0, 18_262.0),
    ),
    "dates in seconds": (
        lambda: pd.Series(DAYS).astype("datetime64[s]"),
        lambda: DAY_NUMBERS,
    ),
    "datetime objects": (
        lambda: as_objects(day.to_pydatetime() for day in DAYS),
        lambda: DAY_NUMBERS,
    ),
    "date objects": (
        lambda: as_objects(day.date() for day in DATES),
        lambda: DATE_NUMBERS,
    ),
    **{
        f"pyarrow {kind}": (partial(_arrow_days, kind), lambda: DATE_NUMBERS)
        for kind in ("timestamp[us]", "timestamp[us, UTC]", "date32", "date64")
    },
    **{
        f"pyarrow {kind}": (
            partial(_arrow_numbers, kind),
            lambda: with_gaps(np.trunc(AGE * 100), np.nan),
        )
        for kind in ("int64", "double")
    },
    "dates with a zone": (
        lambda: pd.Series(DAYS.tz_localize("UTC").tz_convert("Europe/Berlin")),
        lambda: DAY_NUMBERS,
    ),
    "dates of mixed zones": (
        lambda: as_objects(
            day.tz_localize("UTC").tz_convert(("Asia/Tokyo", "Europe/Berlin")[i % 2])
            for i, day in enumerate(DAYS)
        ),
        lambda: DAY_NUMBERS,
    ),
    "dates with and without zone": (
        lambda: as_objects(
            day.tz_localize("UTC") if i % 2 else day for i, day in enumerate(DAYS)
        ),
        lambda: DAY_NUMBERS,
    ),
    "datetime64 objects": (
        lambda: as_objects(np.datetime64(day, "s") for day in DAYS),
        lambda: DAY_NUMBERS,
    ),
    "dates with NaT": (
        lambda: as_objects(with_gaps(DAYS, pd.NaT)),
        lambda: with_gaps(DAY_NUMBERS, np.nan),
    ),
    "dates far away": (
        lambda: pd.Series(np.array(["1000-01-01"], "M8[s]")[0] + _weeks()),
        lambda: _weeks().astype("timedelta64[D]").astype(float) - 354_285.0,
    ),
    "periods": (lambda: pd.Series(DATES.to_period("D")), lambda: DATE_NUMBERS),
    "timedeltas": (lambda: pd.Series(pd.to_timedelta(AGE, unit="D")), lambda: AGE),
    "timedelta objects": (
        lambda: as_objects(timedelta(days=age) for age in AGE),
        lambda: AGE,
    ),
    "timedelta64 of mixed units": (
        lambda: as_objects(
            np.timedelta64(24 * d, "h") if i % 2 else np.timedelta64(d, "D")
            for i, d in enumerate(AGE.astype(int).tolist())
        ),
        lambda: AGE.astype(int).astype(float),
    ),
    "Decimal": (lambda: as_objects(with_gaps(decimals())), GAPPY_AGE),
    "Decimal with NaN": (
        lambda: as_objects(with_gaps(decimals(), Decimal("NaN"))),
        GAPPY_AGE,
    ),
    "Fraction": (lambda: as_objects(Fraction(str(age)) for age in AGE), lambda: AGE),
    "sparse numbers": (lambda: pd.Series(pd.arrays.SparseArray(AGE)), lambda: AGE),
    "sparse levels": (lambda: pd.Series(pd.arrays.SparseArray(CODES)), lambda: CODES),
    "bytes": (lambda: as_objects(s.encode() for s in SITE), lambda: SITE),
    "str and numpy.str_": (
        lambda: as_objects(np.str_(s) if i % 2 else str(s) for i, s in enumerate(SITE)),
        lambda: SITE,
    ),
    "bool and numpy.bool_": (
        lambda: as_objects(
            np.bool_(c) if i % 2 else bool(c) for i, c in enumerate(CODES)
        ),
        lambda: CODES > 0,
    ),
    "None, NaN, NaT and NA": (
        lambda: as_objects([None, np.nan, pd.NaT, pd.NA, *SITE[4:]]),
        lambda: [None] * 4 + SITE[4:].tolist(),
    ),
    "empty strings are a level": (
        lambda: np.where(SITE == "north", "", SITE),
        lambda: SITE,
    ),
    "the text nan is a level": (
        lambda: np.where(SITE == "north", "nan", SITE),
        lambda: SITE,
    ),
    "integers beyond 64 bits": (
        lambda: as_objects(10**30 * int(100 * age) for age in AGE),
        lambda: 1e30 * np.trunc(AGE * 100),
    ),
    "float32": (
        lambda: pd.Series(AGE.astype(np.float32)),
        lambda: AGE.astype(np.float32).astype(float),
    ),
    "float16": (
        lambda: pd.Series(AGE.astype(np.float16)),
        lambda: AGE.astype(np.float16).astype(float),
    ),
    "big-endian": (lambda: pd.Series(AGE.astype(">f8")), lambda: AGE),
    "big-endian integers": (
        lambda: pd.Series((AGE * 100).astype(">i4")),
        lambda: np.trunc(AGE * 100),
    ),
    "masked array": (
        lambda: np.ma.masked_array(AGE, np.isin(np.arange(N), GAPS)),
        GAPPY_AGE,
    ),
}
UNUSABLE = {
    "complex": (lambda: pd.Series(AGE * 1j), "holds complex numbers; pass real ones"),
    "infinity": (
        lambda: np.where(AGE > 70, np.inf, AGE),
        r"holds \d+ infinite values; replace them by a number, or by NaN",
    ),
    "infinite Decimal": (
        lambda: as_objects(with_gaps(decimals(), Decimal("inf"))),
        "holds 2 infinite values; replace them",
    ),
    "numbers of 1e300": (
        lambda: AGE * 1e300,
        "holds numbers up to the size 8.*e.301.*; rescale the numbers",
    ),
    "numbers of 1e-300": (
        lambda: AGE * 1e-300,
        "holds numbers up to the size 8.*e-299.*; rescale the numbers",
    ),
    "integers of 400 digits": (
        lambda: as_objects(10**400 * int(age) for age in AGE),
        "holds numbers beyond the range of doubles.*divide them by a power of ten",
    ),
    "lists": (
        lambda: as_objects([[1], [2], [3]] * 20),
        "mixes or holds unusable types .60 list",
    ),
    "tuples": (
        lambda: as_objects([(1, 2), (2, 3)] * 30),
        "mixes or holds unusable types .60 tuple",
    ),
    "dicts": (
        lambda: as_objects([{"a": 1}] * N),
        "mixes or holds unusable types .60 dict",
    ),
    "sets": (lambda: as_objects([{1}] * N), "mixes or holds unusable types .60 set"),
    "arrays": (
        lambda: as_objects([np.arange(3)] * N),
        "mixes or holds unusable types .60 ndarray",
    ),
    "times of day": (
        lambda: as_objects(day.time() for day in DAYS),
        "mixes or holds unusable types .60 time.; convert it to numbers, strings",
    ),
    "pyarrow lists": (
        lambda: arrow([[1], [2], [3]] * 20, lambda p: p.list_(p.int64())),
        "mixes or holds unusable types .60 ndarray",
    ),
    "pyarrow records": (
        lambda: arrow([{"a": 1}] * N, lambda p: p.struct([("a", p.int64())])),
        "mixes or holds unusable types .60 dict",
    ),
    "integers and strings": (
        lambda: as_objects([1, "2", 3] * 20),
        r"mixes.*\(40 int, 20 str\); convert it .*all of one kind",
    ),
    "strings and bytes": (
        lambda: as_objects(["a", b"a", "b"] * 20),
        r"mixes.*\(40 str, 20 bytes\); convert it",
    ),
    "complex numbers and strings": (
        lambda: as_objects([1 + 2j, "u", 3.0] * 20),
        r"mixes.*\(20 complex, 20 str, 20 float\); convert it",
    ),
    "truth values and strings": (
        lambda: as_objects([True, "u", "v"] * 20),
        r"mixes.*\(40 str, 20 bool\); convert it",
    ),
    "truth values and numbers": (
        lambda: as_objects([True, 2, 3] * 20),
        r"mixes.*\(40 int, 20 bool\); convert it",
    ),
    "dates and strings": (
        lambda: as_objects([date(2020, 1, 1), "2020-01-02"] * 30),
        r"mixes.*\(30 date, 30 str\); convert it",
    ),
}
LEFT_OUT = {
    "all missing": (lambda: as_objects([None] * N), "observed in 0 of 60 rows"),
    "constant": (lambda: ["one"] * N, "constant: all 60 observed rows are 'one'"),
    "numbers as text": (
        lambda: [str(age) for age in AGE],
        "identifier-like: .*numbers as text: convert them with pd.to_numeric",
    ),
}
METADATA = [
    *same_as_plain("column", COLUMNS),
    *(
        Case("column", what, make, left_out=reason)
        for what, (make, reason) in (LEFT_OUT | UNUSABLE).items()
    ),
]
