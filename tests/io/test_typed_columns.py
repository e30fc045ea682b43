"""Columns with types of their own: exact, or with a warning; and unusable ones."""

import datetime
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.io import load_metadata
from sklearn_wsca.io._typed_columns import decoded_text, exact_column

N = 60


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (7.0, "7"), ("7", "7"), (b"7", "7"), (b"\xff", "\\xff"), (0.5, "0.5")],
)
def test_text_of_values(value, text):
    assert decoded_text(value) == text


@pytest.mark.parametrize("dtype", [object, "Int64"])
def test_whole_numbers_beside_missing_ones_are_exact(dtype):
    values = [2**53 + 1, None, 2**53 + 2]
    column, warning, words = exact_column(pd.Series(values, name="a", dtype=dtype))
    assert column.tolist()[::2] == ["9007199254740993", "9007199254740994"]
    assert column.isna().tolist() == [False, True, False]
    assert "'a' is kept as text: it holds whole numbers too large" in warning
    assert "Excel" not in warning
    assert not words


def test_words_among_numbers_are_missing_ones():
    column, warning, words = exact_column(pd.Series([1, "NA", 2.5, "#REF!"]))
    np.testing.assert_array_equal(column, [1, np.nan, 2.5, np.nan])
    assert warning is None
    assert dict(words) == {"NA": 1, "#REF!": 1}


def unusable():
    """Columns of a parquet file that nothing can be done with, and usable ones."""
    pa = pytest.importorskip("pyarrow")
    record = {"x": 1, "y": ["k", None]}
    time = datetime.time(10, 30)
    return {
        "list": pa.array([[1.0], [2.0, 3.0]] * (N // 2)),
        "empty list": pa.array([[], None] * (N // 2), pa.list_(pa.int8())),
        "struct": pa.array([record, None] * (N // 2)),
        "map": pa.array([[("k", 1)]] * N, pa.map_(pa.string(), pa.int64())),
        "nested": pa.array([[[record]], []] * (N // 2)),
        "time of day": pa.array([time, None] * (N // 2)),
        "infinite": pa.array([np.inf, *map(float, range(N - 1))]),
        "interval": pa.array([(1, 2, 3)] * N, pa.month_day_nano_interval()),
    }


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_unusable_columns_stop_nothing(suffix, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    rng = np.random.default_rng(0)
    good = {
        "disease": np.where(rng.normal(size=N) > 0, "ill", "well"),
        "dose": [Decimal(str(dose)) for dose in rng.normal(5, 2, N).round(2)],
    }
    bad = unusable()
    if suffix == "feather":
        kinds = pa.array([0, 1] * (N // 2), pa.int8())
        places = pa.array([i // 2 for i in range(N)], pa.int32())
        parts = [pa.array(range(N // 2)), pa.array(["a"] * (N // 2))]
        bad["union"] = pa.UnionArray.from_dense(kinds, places, parts)
    table = pa.table(good | bad)
    if suffix == "parquet":
        del bad["interval"]
        parquet.write_table(table.drop_columns(["interval"]), tmp_path / "y.parquet")
    else:
        feather.write_feather(table, tmp_path / "y.feather")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = load_metadata(tmp_path / f"y.{suffix}")
    said = [str(one.message) for one in caught]
    assert len(said) == ("union" in bad), said
    if "union" in bad:
        assert "column 'union' is left out: its type dense_union" in said[0]
        del bad["union"]
    assert list(read) == [*good, *bad]
    X = rng.normal(3, [1, 10, 0.1], size=(N, 3))
    fitted = WeightSpaceCorrelation("disease", n_permutations=0).fit(X, read)
    assert set(fitted.dropped_columns_) == set(bad)
    assert "holds 1 infinite value;" in fitted.dropped_columns_["infinite"]
    assert "types (60 ndarray)" in fitted.dropped_columns_["list"]
    assert "types (30 time)" in fitted.dropped_columns_["time of day"]
    assert fitted.summary_.loc["dose", "kind"] == "continuous"


def test_a_column_that_becomes_unusable_is_left_out_of_an_audit():
    rng = np.random.default_rng(0)
    X = rng.normal(3, [1, 10, 0.1], size=(N, 3))
    table = pd.DataFrame(
        {
            "disease": ["ill", "well"] * (N // 2),
            "age": rng.normal(60, 10, N),
            "dose": rng.normal(5, 2, N),
        }
    )
    fitted = WeightSpaceCorrelation("disease", n_permutations=0).fit(X, table)
    new = table.assign(age=np.r_[np.inf, table["age"][1:]])
    audited = fitted.audit(X, new)
    assert audited.loc["age", "verdict"] == "untestable"
    assert audited.loc["age", "note"].startswith("left out: holds 1 infinite value")
    assert audited.loc["dose", "utilization"] >= 0.0
