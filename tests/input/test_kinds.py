"""Kinds of columns: what is said, what is implied, and what is told by looks."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataEraser, WeightSpaceCorrelation, utilization_test
from sklearn_wsca._input.kinds import check_kinds, warn_of_codes

N = 240
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "hospital": RNG.integers(0, 12, N),
        "grade": RNG.integers(1, 5, N),
        "year": RNG.integers(1900, 2000, N),
        "age": RNG.normal(61.0, 12.0, N),
        "sex": RNG.integers(0, 2, N),
        "site": np.array(["north", "south", "east"])[RNG.integers(0, 3, N)],
    }
)


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (["hospital"], "kinds: .* is no dict"),
        ({"hospitl": "categorical"}, r"'hospitl' is no column.*mean 'hospital'"),
        ({"hospital": "numeric"}, r"kinds\['hospital'\]: 'numeric' is no kind"),
        ({"site": "continuous"}, r"kinds\['site'\].*holds values such as '.*numeric"),
    ],
)
def test_bad_kinds_are_named(kinds, told):
    with pytest.raises(ValueError, match=told):
        check_kinds(kinds, TABLE)


def test_kinds_that_can_be_are_taken():
    kinds = {"hospital": "categorical", "age": "continuous", "site": "categorical"}
    assert check_kinds(kinds, TABLE) == kinds
    assert check_kinds(None, TABLE) == {}


NO_CODES = {
    "many values": TABLE["year"],
    "no integers": TABLE["age"],
    "two values": TABLE["sex"],
    "text": TABLE["site"],
    "a pandas categorical": TABLE["grade"].astype("category"),
    "truth values": TABLE["sex"] == 1,
    "dates": pd.Series(pd.to_datetime("2020-01-01"), range(N))
    + pd.to_timedelta(TABLE["grade"], unit="D"),
    "nothing": pd.Series(np.nan, range(N)),
}


@pytest.mark.parametrize("what", NO_CODES)
def test_columns_that_are_no_codes_raise_no_warning(what):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_codes({"column": NO_CODES[what]}, ["column"], 2)


@pytest.mark.parametrize("change", [int, float, "Int64", object])
def test_few_integers_raise_one_warning_that_names_reading_and_switch(change):
    table = TABLE[["hospital", "grade"]].astype(change)
    if change is float:
        table.iloc[:9] = np.nan
    with pytest.warns(UserWarning, match="kinds") as caught:
        warn_of_codes(table, table, 2)
    assert len(caught) == 1 and caught[0].filename == __file__
    text = str(caught[0].message)
    assert "'hospital' (12 values) as continuous" in text
    assert "'grade' (4 values) as categorical" in text
    assert "kinds={'hospital': 'categorical'} (--categorical hospital)" in text


def test_the_kind_that_a_recipe_gives_is_named():
    """With heads="ridge" codes are read as numbers, which nobody said of the column."""
    n = len(TABLE)
    X = np.random.default_rng(0).standard_normal((n, 4)) + 3.0
    table = pd.DataFrame({"target": TABLE["site"], "grade": TABLE["grade"]})
    analysis = WeightSpaceCorrelation("target", heads="ridge", n_permutations=0)
    with pytest.warns(UserWarning, match=r"'grade' \(4 values\) as continuous"):
        analysis.fit(X, table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        analysis.set_params(kinds={"grade": "continuous"}).fit(X, table)


def class_study(n_classes, n=600):
    """Outputs that follow their class; a scanner that goes with odd classes."""
    rng = np.random.default_rng(n_classes)
    y = np.arange(n) % n_classes
    scanner = np.where(rng.random(n) < 0.5, y % 2, rng.integers(0, 2, n))
    outputs = rng.standard_normal((n, n_classes)) + 3.0 * np.eye(n_classes)[y] + 7.0
    Z = np.hstack([outputs, 3.0 * scanner[:, None] + rng.standard_normal((n, 1))])
    table = pd.DataFrame({"y": y, "scanner": np.array(["a", "b"])[scanner]})
    return Z, table, (np.eye(n_classes, n_classes + 1), np.zeros(n_classes))


@pytest.mark.parametrize("n_classes", [3, 12])
def test_a_class_head_makes_its_target_categorical(n_classes):
    Z, table, head = class_study(n_classes)
    options = {"target_head": head, "n_permutations": 99, "random_state": 0}
    found = WeightSpaceCorrelation("y", **options).fit(Z, table)
    assert found.target_head_.classes == tuple(range(n_classes))
    assert found.verdicts_["scanner"] != "used"
    said = WeightSpaceCorrelation("y", kinds={"y": "categorical"}, **options)
    pd.testing.assert_frame_equal(found.summary_, said.fit(Z, table).summary_)


def test_a_target_that_is_said_to_be_continuous_stays_so():
    Z, table, head = class_study(12)
    analysis = WeightSpaceCorrelation(
        "y", target_head=head, kinds={"y": "continuous"}, n_permutations=0
    ).fit(Z, table)
    assert "minimum" in analysis.description_["target"]["labels"]


def test_a_head_of_one_number_leaves_the_target_to_its_looks():
    Z, table, _ = class_study(12)
    with pytest.warns(UserWarning, match=r"'y' \(12 values\) as continuous"):
        WeightSpaceCorrelation("y", target_head=np.ones(13), n_permutations=0).fit(
            Z, table
        )


@pytest.mark.parametrize("role", ["columns", "confounders"])
@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_kinds_of_columns_and_confounders(role, kind):
    Z, table, head = class_study(3)
    table["hospital"] = np.random.default_rng(1).integers(0, 12, len(table))
    analysis = WeightSpaceCorrelation(
        "y",
        target_head=head,
        columns=["hospital"] if role == "columns" else ["scanner"],
        confounders=["hospital"] if role == "confounders" else None,
        kinds={"hospital": kind},
        n_permutations=0,
    ).fit(Z, table)
    if role == "columns":
        assert analysis.summary_.loc["hospital", "kind"] == kind
    # An audit reads them as fit did, whatever they look like on its rows.
    few = table.assign(hospital=table["hospital"] % 3)[:300]
    audited = analysis.audit(Z[:300], few)
    assert np.isfinite(audited["utilization"]).all()


def test_a_recipe_and_a_kind_that_contradict_each_other():
    Z, table, _ = class_study(3)
    table["hospital"] = np.arange(len(table)) % 12
    analysis = WeightSpaceCorrelation(
        "y", heads={"hospital": "logistic"}, kinds={"hospital": "continuous"}
    )
    with pytest.raises(ValueError, match=r"'continuous'.*'logistic' contradict"):
        analysis.fit(Z, table)


def test_kinds_of_predictions_alone():
    Z, table, _ = class_study(12)
    outputs, options = Z[:, :12], {"n_permutations": 99, "random_state": 0}
    told = utilization_test(outputs, table["scanner"], target=table["y"], **options)
    said = utilization_test(
        outputs,
        table["scanner"],
        target=table["y"],
        kinds={"y": "categorical"},
        **options,
    )
    assert told.pvalue == said.pvalue > 0.05
    with pytest.warns(UserWarning, match=r"'y' \(12 values\) as continuous"):
        utilization_test(outputs[:, 0], table["scanner"], target=table["y"], **options)


def test_kinds_of_an_eraser():
    Z, table, _ = class_study(12)
    with pytest.warns(UserWarning, match=r"'y' \(12 values\) as continuous") as caught:
        assert MetadataEraser(["y"]).fit(Z, table[["y"]]).rank_ == 1
    assert caught[0].filename == __file__
    eraser = MetadataEraser(["y"], kinds={"y": "categorical"})
    assert eraser.fit(Z, table[["y"]]).rank_ == 11


def test_text_that_is_said_to_be_continuous_is_read_as_numbers():
    rng = np.random.default_rng(0)
    n = 60
    X = rng.normal(3, [1, 10, 0.1], size=(n, 3))
    numbers = rng.integers(50, 90, n)
    typed = [
        f"{number}.0" if i % 2 else f" {number}" for i, number in enumerate(numbers)
    ]
    table = pd.DataFrame({"disease": ["ill", "well"] * (n // 2), "weight": typed})
    options = {"kinds": {"weight": "continuous"}, "n_permutations": 0}
    found = WeightSpaceCorrelation("disease", **options).fit(X, table)
    plain = WeightSpaceCorrelation("disease", **options)
    plain.fit(X, table.assign(weight=numbers))
    assert found.summary_.loc["weight", "kind"] == "continuous"
    pd.testing.assert_frame_equal(found.alignment_, plain.alignment_)
    assert found.score(X, table) == plain.score(X, table.assign(weight=numbers))


@pytest.mark.parametrize("word", ["heavy", "1_000", "7 kg"])
def test_other_text_cannot_be_said_to_be_continuous(word):
    series = pd.Series(["70", "71", word], name="weight")
    with pytest.raises(ValueError, match=r"kinds\['weight'\]: .* to be continuous"):
        check_kinds({"weight": "continuous"}, {"weight": series})
