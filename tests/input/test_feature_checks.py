"""What is said of features that are no embeddings, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation

N, D = 200, 6
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, D)) * [1, 20, 0.1, 3, 1, 9] + [5, -70, 0, 1, 0, 3]
CODES = (X[:, 0] + GENERATOR.normal(size=N) > 5.0).astype(int)
TABLE = pd.DataFrame(
    {
        "disease": np.array(["ill", "well"])[CODES],
        "sex": np.array(["f", "m"])[GENERATOR.integers(0, 2, N)],
        "age": GENERATOR.normal(60.0, 9.0, N).round(2),
    }
)
SEX = (TABLE["sex"] == "m").to_numpy(float)
NAMES = [f"f{i}" for i in range(D)]


def named(**features):
    return pd.DataFrame(X, columns=NAMES).assign(**features)


def fit(X, y=TABLE, **options):
    settings = {"target": "disease", "n_permutations": 0, "random_state": 0} | options
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WeightSpaceCorrelation(**settings).fit(X, y)
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("X", "name"),
    [(np.c_[X, SEX], "feature 6 (counted from 0)"), (named(sex=SEX), "feature 'sex'")],
)
def test_a_column_among_the_features(X, name):
    (message,) = fit(X)
    assert f"{name} of the embeddings is the column 'sex' of the metadata" in message


def test_columns_that_are_not_analysed_count_too():
    table = TABLE.assign(patient=np.arange(N) // 2 * 3 + 1000)
    X_with = np.c_[table["patient"], X]
    (message,) = fit(X_with, table, groups="patient", columns=["sex"])
    assert "feature 0 (counted from 0)" in message and "column 'patient'" in message


@pytest.mark.parametrize("feature", [CODES, 3.5 - 7.0 * CODES])
def test_the_target_among_the_features(feature):
    """What is fitted to it uses nothing else; a trained head has weights for it."""
    with pytest.raises(ValueError, match=r"^X: feature 6 .*is the target 'disease'"):
        fit(np.c_[X, feature])
    head = np.eye(2, D + 1)
    (message,) = fit(np.c_[X, feature], target_head=head)
    assert "is the column 'disease'" in message


@pytest.mark.parametrize("target_head", [None, np.eye(2, D + 1)])
def test_rows_that_are_counted(target_head):
    with pytest.raises(ValueError, match=r"^X: feature 0 .*counts the rows.*take it"):
        fit(np.c_[np.arange(N), X], target_head=target_head)


def test_rows_in_another_order():
    shuffled = TABLE["age"].sample(frac=1.0, random_state=0).to_numpy()
    with pytest.raises(ValueError, match=r"'age' is a feature .* but in other rows"):
        fit(named(age=shuffled))


def test_a_name_that_both_have():
    (message,) = fit(named(age=np.sqrt(TABLE["age"])))
    assert "names of metadata columns, but other values: 'age'. Take them" in message
    assert fit(named(age_=np.sqrt(TABLE["age"]))) == []


def test_made_names_are_no_names():
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(D)])
    assert fit(frame, TABLE.to_numpy()[:, :2], target="x0") == []


def test_outputs():
    (message,) = fit(np.c_[-X[:, 0], X[:, 0]])
    assert "look like outputs of the network" in message


@pytest.mark.parametrize(
    "given",
    [
        X,
        X.astype(np.float32),
        named(),
        np.maximum(X, 0.0),
        np.round(X),
        np.hstack([X] * 40),
    ],
)
def test_embeddings_are_quiet(given):
    assert fit(given) == []


def test_bad_embeddings_are_said_as_ever():
    bad = X.copy()
    bad[5, 2] = np.nan
    with pytest.raises(ValueError, match="NaN: 1 non-finite"):
        fit(bad)
