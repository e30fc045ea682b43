"""Bad input: one clear error that names the argument or column, and nothing lost."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, ShuffleSplit

from sklearn_wsca import WeightSpaceCorrelation

N, D = 60, 6
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, D))
TABLE = pd.DataFrame(
    {
        "disease": np.where(X[:, 0] > 0, "ill", "well"),
        "site": np.array(["north", "south", "west"])[np.arange(N) % 3],
        "age": GENERATOR.normal(60, 10, size=N).round(2),
    }
)
HEAD = np.ones((2, D))
HEAD[1] = -1.0


def X_with(rows, value, columns=0):
    changed = X.copy()
    changed[rows, columns] = value
    return changed


def table_with(**columns):
    return TABLE.assign(**columns)


class SameFoldTwice:
    """A splitter that is no partition."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def split(self, X, y=None, groups=None):
        half = np.arange(len(X)) < len(X) // 2
        for _ in range(2):
            yield np.flatnonzero(half), np.flatnonzero(~half)


class SortedHalves:
    """A splitter whose training rows lack a level of a sorted column."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def split(self, X, y=None, groups=None):
        first = np.asarray(y) == np.min(y)
        yield np.flatnonzero(first), np.flatnonzero(~first)
        yield np.flatnonzero(~first), np.flatnonzero(first)


# name: (parameters of the estimator or arguments of fit, what the message must hold)
REFUSED = {
    "head of zeros": (
        {"target_head": np.zeros((1, D))},
        "head row .*is zero.*no direction",
    ),
    "trained head under a null of refits": (
        {"heads": {"site": np.eye(3, D)}},
        r"heads: those of \['site'\] are trained.*set null='sign_flip', or "
        "n_permutations=0",
    ),
    "classifier for numbers": (
        {"heads": {"age": LogisticRegression()}},
        "heads: LogisticRegression predicts categorical columns, but 'age' is "
        "continuous; use another estimator, or n_bins",
    ),
    "regressor for levels": (
        {"heads": {"site": Ridge()}},
        "heads: Ridge predicts continuous columns, but 'site' is categorical; use "
        "another",
    ),
    "cv is no partition": (
        {"cv": SameFoldTwice()},
        "cv: every row must be in exactly one test fold.*pass a number of folds",
    ),
    "cv of random splits": (
        {"cv": ShuffleSplit(3, random_state=0)},
        "cv: every row must be in exactly one test fold.*pass a number of folds",
    ),
    "cv trains without a level": (
        {"cv": SortedHalves(), "columns": ["site"]},
        "cv: fold 0 trains without one of the 3 levels of column 'site'; use fewer",
    ),
    "cv leaves one row out": (
        {"cv": LeaveOneOut()},
        "cv: all test folds have one row or group, and labels are permuted within test "
        "folds",
    ),
    "heads without coef_": (
        {"heads": {"site": DummyClassifier()}},
        "heads: DummyClassifier has no coef_ after fit; a head must be linear",
    ),
    "cv needs groups": (
        {"cv": LeaveOneGroupOut()},
        r"cv: LeaveOneGroupOut\(\) cannot split the rows for column 'site'.*groups",
    ),
    "cv of rows that do not exist": (
        {
            "cv": [
                (np.arange(30), np.arange(30, 99)),
                (np.arange(30, 99), np.arange(30)),
            ]
        },
        "cv: .*row 98.*60 rows",
    ),
    "cv of one fold": ({"cv": 1}, r"'cv' parameter .* \[2, inf\).*Got 1"),
    "cv is a word": ({"cv": "kfold"}, "'cv' parameter .*Got 'kfold'"),
    "weights for an estimator that takes none": (
        {
            "heads": {"site": LinearDiscriminantAnalysis()},
            "sample_weight": np.r_[2.0, np.ones(N - 1)],
        },
        "heads: LinearDiscriminantAnalysis takes no sample_weight.*use another",
    ),
    "X with NaN": (
        {"X": X_with([3, 9], np.nan)},
        r"X: the embeddings contain NaN: 2 non-finite values in 2 of 60 rows "
        r"\(rows 3, 9, counted from 0\)\. Drop those rows",
    ),
    "X with NaN in many rows": (
        {"X": X_with(range(10, 30), np.nan)},
        r"20 non-finite values in 20 of 60 rows \(rows 10, 11, 12, 13, 14, \.\.\.",
    ),
}
PARAMETERS = {
    "n_bins": [1, -3, 2.5, "3"],
    "binning": ["equal", None],
    "C": [0, -1.0, "1", np.nan],
    "alpha": [0, -1.0, None],
    "n_components": [0, -2, 0.0, 1.5, "all"],
    "min_components": [-1, 2.5],
    "metric": ["cosine", None],
    "aggregate": ["median", "RMS"],
    "adjust_for_target": ["yes", 2],
    "n_permutations": [-1, 99.5, None],
    "null": ["permute", None],
    "min_effect": [-0.1],
    "significance": [0, 1, 1.5],
    "random_state": ["seed", -1],
    "n_jobs": [1.5, "all"],
    "heads": ["lasso", None, 3],
    "target": [{"disease"}, 2.5],
    "columns": [3],
    "stop_after": [0, -3, 2.5, "10"],
    "extrapolate": ["yes", None],
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used(case):
    changes, message = REFUSED[case]
    data = {"X": X, "y": TABLE, "sample_weight": None}
    settings = {"target": "disease", "n_permutations": 39} | changes
    data = {name: settings.pop(name, value) for name, value in data.items()}
    with pytest.raises(ValueError, match=rf"(?s){message}"):
        WeightSpaceCorrelation(**settings).fit(**data)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(name, value) for name, values in PARAMETERS.items() for value in values],
)
def test_parameter_out_of_range(parameter, value):
    estimator = WeightSpaceCorrelation(**{parameter: value})
    with pytest.raises(ValueError, match=rf"The '{parameter}' parameter of .* Got "):
        estimator.fit(X, TABLE)


def test_bad_new_embeddings():
    fitted = WeightSpaceCorrelation("disease", n_permutations=0).fit(X, TABLE)
    with pytest.raises(ValueError, match=r"X: the embeddings contain NaN.*rows 2"):
        fitted.transform(X_with([2], np.nan))
    with pytest.raises(ValueError, match=r"X has 5 features.*expecting 6"):
        fitted.transform(X[:, :5])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted.transform(X[:0])


def test_bad_new_metadata():
    fitted = WeightSpaceCorrelation("disease", n_permutations=0).fit(X, TABLE)
    with pytest.raises(ValueError, match=r"y: there is no column 'age'"):
        fitted.score(X, TABLE.drop(columns="age"))
    with pytest.raises(ValueError, match="X has 60 rows and y has 59 rows"):
        fitted.score(X, TABLE[:-1])
    with pytest.raises(ValueError, match=r"column 'age' was numeric in fit"):
        fitted.score(X, table_with(age="old"))
    with pytest.raises(ValueError, match="requires y"):
        fitted.score(X, None)
    with pytest.raises(ValueError, match=r"y: .*several columns named"):
        fitted.score(X, TABLE[["site", "age", "age"]])


def test_failed_fit_leaves_parameters_alone():
    estimator = WeightSpaceCorrelation("diseas")
    before = estimator.get_params()
    with pytest.raises(ValueError, match="diseas"):
        estimator.fit(X, TABLE)
    assert estimator.get_params() == before


def test_everything_left_out_is_explained():
    names = pd.Series([f"patient {i}" for i in range(N)])
    table = table_with(
        constant=1.0,
        patient=names,
        row=np.arange(N),
        empty=np.full(N, np.nan),
        rare=["a"] * (N - 2) + ["b", "c"],
        gaps=TABLE["age"].where(np.arange(N) > 3),
        few=np.r_[["a"] * 29, ["b"] * 29, ["c"] * 2],
    )
    fitted = WeightSpaceCorrelation("disease", n_permutations=0).fit(X, table)
    assert set(fitted.dropped_columns_) == {
        "constant",
        "patient",
        "row",
        "empty",
        "rare",
    }
    # Every column of the table is in the summary, in its order.
    assert fitted.summary_.index.tolist() == [c for c in table if c != "disease"]
    for name, reason in fitted.dropped_columns_.items():
        row = fitted.summary_.loc[name]
        assert row["verdict"] == "untestable"
        assert row["note"] == f"left out: {reason}"
        assert row.drop(["verdict", "note"]).isna().all()
        assert name not in fitted.heads_
        assert name not in fitted.alignment_scores_
    assert "4 of 60 rows are missing" in fitted.summary_.loc["gaps", "note"]
    assert fitted.summary_.loc["gaps", "n_samples"] == N - 4
    assert "2 rows of 1 rare levels ('c'" in fitted.summary_.loc["few", "note"]
    assert fitted.summary_.loc["few", "n_samples"] == N - 2


def test_missing_and_rare_targets_are_noted():
    target = TABLE["disease"].where(np.arange(N) > 4).to_numpy(dtype=object)
    target[-2:] = "unclear"
    fitted = WeightSpaceCorrelation("disease", n_permutations=0)
    fitted.fit(X, table_with(disease=target))
    missing, rare = (n for n in fitted.notes_ if n.startswith("target 'disease': "))
    assert "5 of 60 rows are missing" in missing
    assert "2 rows of 1 rare levels ('unclear'" in rare


def test_too_few_permutations_are_said_at_once():
    estimator = WeightSpaceCorrelation("disease", n_permutations=9, random_state=0)
    expected = r"n_permutations=9: .*significance=0.05.*n_permutations=39 or more"
    with pytest.warns(UserWarning, match=expected):
        estimator.fit(X, TABLE)


@pytest.mark.parametrize("n_permutations", [0, 39])
def test_good_input_gives_no_warning(n_permutations):
    estimator = WeightSpaceCorrelation(
        "disease", n_permutations=n_permutations, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.fit(X, TABLE).score(X, TABLE)


def test_regressor_of_a_continuous_target_is_accepted():
    estimator = WeightSpaceCorrelation(
        "age",
        target_head=LinearRegression().fit(X, TABLE["age"]),
        heads={"disease": LogisticRegression()},
        n_permutations=0,
    )
    assert estimator.fit(X, TABLE).target_head_.n_rows == 1
