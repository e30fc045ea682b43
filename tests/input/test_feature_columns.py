"""Features that are columns of the metadata, or count the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.feature_columns import find_copies

N, D = 600, 7
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, D)) * [1, 20, 0.1, 3, 1, 9, 2] + [5, -70, 0, 1, 0, 3, 8]
SEX = np.array(["f", "m"])[GENERATOR.integers(0, 2, N)]
SITE = np.array(["north", "south", "west"])[GENERATOR.integers(0, 3, N)]
AGE = GENERATOR.normal(60.0, 9.0, N)
YEARS = GENERATOR.integers(40, 90, N)
TABLE = pd.DataFrame({"sex": SEX, "site": SITE, "age": AGE, "years": YEARS})
CODE = pd.Series(SITE).map({"south": 0, "west": 1, "north": 2}).to_numpy()
Z = (AGE - AGE.mean()) / AGE.std()
# A unit that is dead for one sex only, and is not constant for the other.
HALF_DEAD = np.where(SEX == "f", 0.0, np.abs(X[:, 0]))


class Foreign:
    """An array that is read from where it is."""

    def __init__(self, X):
        self.X, self.shape, self.dtype, self.n_read = X, X.shape, X.dtype, 0

    def __getitem__(self, rows):
        self.n_read += len(range(*rows.indices(len(self.X))))
        return self.X[rows]


def find(feature, table=TABLE, dtype=np.float64, make=lambda X: X):
    given = make(np.insert(X, 4, feature, axis=1).astype(dtype))
    embeddings = Embeddings(given)
    return find_copies(embeddings, *embeddings.sample(), table)


COPIES = {
    "codes of two levels": (SEX == "m", "sex"),
    "two levels in other numbers": (np.where(SEX == "m", -3.25, 80.0), "sex"),
    "codes in any order": (CODE, "site"),
    "one of several indicators": (SITE == "west", "site"),
    "as it is": (AGE, "age"),
    "another unit": (1.8 * AGE + 32.0, "age"),
    "standardised": (-Z, "age"),
    "whole numbers": (YEARS, "years"),
    "rounded to five digits": (AGE.round(3), "age"),
}
OTHERS = {
    "rounded to years": AGE.round(),
    "nearly": AGE + GENERATOR.normal(0.0, 0.3, N),
    "logarithm": np.log(AGE),
    "one row differs": np.where(np.arange(N) == 77, SEX == "f", SEX == "m"),
    "half dead": HALF_DEAD,
    "dead": np.zeros(N),
    "separates the levels": (SEX == "m") * 50.0 + X[:, 0],
    "collapsed": (SEX == "m") * 1.0 + 1e-4 * X[:, 0],
}


@pytest.mark.parametrize(("feature", "name"), COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("make", [lambda X: X, Foreign], ids=["memory", "foreign"])
def test_copies(feature, name, dtype, make):
    found = find(feature, dtype=dtype, make=make)
    assert (found.columns, found.counters) == ({name: [4]}, [])


@pytest.mark.parametrize("feature", OTHERS.values(), ids=OTHERS)
def test_others(feature):
    found = find(feature)
    assert (found.columns, found.counters) == ({}, [])


def test_half_precision():
    assert find(Z, dtype=np.float16).columns == {"age": [4]}


def test_missing_values_and_rows_of_weight_zero():
    gaps = TABLE.assign(age=TABLE["age"].where(np.arange(N) % 4 > 0))
    assert find(AGE, gaps).columns == {"age": [4]}
    kept = np.arange(N) % 3 > 0
    embeddings = Embeddings(np.insert(X, 0, AGE, axis=1), kept)
    rows, S = embeddings.sample()
    np.testing.assert_array_equal(S[:, 0], AGE[kept][rows])
    table = TABLE[kept]
    assert find_copies(embeddings, rows, S, table).columns == {"age": [0]}


@pytest.mark.parametrize("d", [5, 40])
def test_embeddings_that_follow_a_column_altogether_are_no_copies(d):
    """All features of every patient are the same: that is no column among them."""
    patients = np.repeat(np.arange(12), 50)
    table = pd.DataFrame({"patient": patients})
    embeddings = Embeddings(GENERATOR.normal(size=(12, d))[patients])
    assert find_copies(embeddings, *embeddings.sample(), table).columns == {}


def test_names_of_rows_are_no_levels():
    table = pd.DataFrame({"image": [f"i{i}" for i in range(N)], "nothing": [None] * N})
    assert find(AGE, table).columns == {}


COUNTERS = {
    "from 0": np.arange(N),
    "from 1": np.arange(N) + 1,
    "in another order": GENERATOR.permutation(N),
    "with gaps": np.sort(GENERATOR.choice(2 * N - 50, N, replace=False)),
}


@pytest.mark.parametrize("feature", COUNTERS.values(), ids=COUNTERS)
@pytest.mark.parametrize("make", [lambda X: X, Foreign], ids=["memory", "foreign"])
def test_counters(feature, make):
    assert find(feature, make=make).counters == [4]


@pytest.mark.parametrize(
    "feature",
    [
        GENERATOR.integers(0, N, N),
        np.sort(GENERATOR.choice(9 * N, N, replace=False)),
        np.arange(N) * 0.5,
        np.append(np.arange(N - 1), 0),
    ],
    ids=["repeated", "sparse", "no whole numbers", "one twice"],
)
def test_no_counters(feature):
    assert find(feature).counters == []


def test_whole_numbers_in_few_rows_are_no_counter():
    embeddings = Embeddings(np.array([GENERATOR.permutation(40), np.ones(40)]).T)
    assert find_copies(embeddings, *embeddings.sample(), TABLE[:40]).counters == []


def test_made_up_features_are_no_counters():
    embeddings = Embeddings(np.arange(5.0 * N).reshape(N, 5))
    found = find_copies(embeddings, *embeddings.sample(), TABLE)
    assert (found.columns, found.counters) == ({}, [])


def test_a_sample_is_read_where_nothing_is_found():
    lazy = Foreign(np.tile(X, (10, 1)))
    embeddings = Embeddings(lazy)
    table = pd.concat([TABLE] * 10, ignore_index=True)
    rows, S = embeddings.sample()
    find_copies(embeddings, rows, S, table)
    assert lazy.n_read == len(S) == 512
    assert rows[0] == 0 and rows[-1] == 10 * N - 1
