"""Embeddings and metadata in the wrong order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._input.argument_order import check_argument_order

N = 40
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, 6)) * 3.0 + 1.0
FRAME = pd.DataFrame(X, columns=[f"f{i}" for i in range(6)])
CODED = pd.DataFrame({"disease": np.arange(N) % 2, "age": 50.5 + np.arange(N)})
TABLE = CODED.assign(site=np.array(["north", "south"])[np.arange(N) // 20])


def as_polars(table):
    return pytest.importorskip("polars").DataFrame(table.to_dict("list"))


@pytest.mark.parametrize("table", [CODED, TABLE], ids=["numbers", "text"])
@pytest.mark.parametrize("embeddings", [X, FRAME], ids=["array", "frame"])
@pytest.mark.parametrize("make", [lambda table: table, as_polars])
def test_swapped(table, embeddings, make):
    with pytest.raises(
        ValueError, match=r"^X: embeddings and metadata are swapped: 'd"
    ):
        WeightSpaceCorrelation("disease").fit(make(table), embeddings)


def test_swapped_without_names():
    with pytest.raises(ValueError, match="are swapped: X holds text, and y holds"):
        WeightSpaceCorrelation().fit(TABLE, X)


def test_swapped_later():
    fitted = WeightSpaceCorrelation("disease", n_permutations=0).fit(FRAME, TABLE)
    with pytest.raises(ValueError, match="are swapped"):
        fitted.audit(TABLE, FRAME)
    with pytest.raises(ValueError, match="are swapped"):
        fitted.score(TABLE, FRAME)


def test_a_column_on_the_wrong_side():
    with pytest.raises(ValueError, match=r"^y: 'disease' is a column of X and not of"):
        WeightSpaceCorrelation("disease").fit(
            FRAME.assign(disease=CODED["disease"]), TABLE[["site"]]
        )


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        (X, TABLE, ["disease"]),
        (FRAME, TABLE, ["disease", "age"]),
        (FRAME.rename(columns={"f0": "disease"}), TABLE, ["disease"]),
        (FRAME.set_axis([f"x{i}" for i in range(6)], axis=1), TABLE.to_numpy(), ["x1"]),
        (FRAME, X, ["x0"]),
        (FRAME, TABLE["disease"], []),
        (FRAME, None, ["disease"]),
        (TABLE, TABLE["disease"], []),
        (FRAME[["f0"]], CODED, ["disease"]),
    ],
)
def test_in_order(first, second, names):
    check_argument_order(first, second, names)
