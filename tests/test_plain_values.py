"""Values of numpy and pandas become those of JSON."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._plain_values import as_plain, as_records, json_text


def test_missing_and_infinite_become_none():
    values = [np.nan, np.inf, pd.NA, None, np.float32("nan"), float("-inf")]
    assert as_plain(values) == [None] * 6


def test_numpy_becomes_python():
    plain = as_plain({1: np.int64(3), "b": np.array([[1.5]]), "c": (np.bool_(1),)})
    assert plain == {"1": 3, "b": [[1.5]], "c": [True]}
    assert [type(v) for v in (plain["1"], plain["c"][0])] == [int, bool]


def test_other_things_become_text():
    assert as_plain(pd.Timestamp("2020-01-02")) == "2020-01-02 00:00:00"


def test_rows_of_a_table_become_dicts():
    index = pd.MultiIndex.from_tuples([("A", 1), ("B", 2.5)], names=["level", "output"])
    table = pd.DataFrame({"n": [3, 4], "move": [0.5, np.nan]}, index)
    assert as_records(table) == [
        {"level": "A", "output": 1.0, "n": 3, "move": 0.5},
        {"level": "B", "output": 2.5, "n": 4, "move": None},
    ]


def test_json_is_of_this_encoding_and_has_no_nan():
    text = json_text({"schema_version": 1, "name": "Größe \udcff"})
    assert text.startswith('{\n  "schema_version": 1') and text.endswith("}\n")
    assert "Größe" in text and json.loads(text)["name"] == "Größe \udcff"
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text({"x": float("nan")})
