"""Combined columns: the levels of two or more columns as one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._input.roles import add_pairs

N, D = 240, 6
PAIR = ("scanner", "site")


def make_study(seed=0, n=N):
    """Only one combination of scanner and site moves the outputs."""
    rng = np.random.default_rng(seed)
    disease = rng.integers(0, 2, n)
    scanner, site = rng.integers(0, 2, n), rng.integers(0, 2, n)
    X = rng.normal(size=(n, D))
    # Neither scanner nor site alone: the combinations differ by their product.
    X[:, 0] += disease + 1.5 * (2 * scanner - 1) * (2 * site - 1)
    table = pd.DataFrame(
        {
            "disease": np.array(["healthy", "ill"])[disease],
            "scanner": np.array(["S", "T"])[scanner],
            "site": np.array(["north", "south"])[site],
            "age": rng.normal(60, 9, n),
        }
    )
    return X, table


HEAD = np.eye(1, D)


def fit(X, table, columns, **options):
    settings = {
        "target": "disease",
        "target_head": HEAD,
        "n_permutations": 59,
        "random_state": 0,
    }
    return WeightSpaceCorrelation(columns=columns, **settings | options).fit(X, table)


@pytest.fixture(scope="module")
def study():
    return make_study()


@pytest.fixture(scope="module")
def fitted(study):
    return fit(*study, ["scanner", PAIR, "site"])


def by_hand(table):
    """The same column, made before."""
    return table.assign(both=table["scanner"] + " & " + table["site"])


# --- the column ----------------------------------------------------------------------


def test_combined_levels_are_one_column(study):
    X, table = study
    columns = ["scanner", PAIR, "age"]
    found = fit(X, table, columns).summary_
    expected = fit(X, by_hand(table), ["scanner", "both", "age"]).summary_
    assert found.index.tolist() == columns
    # Notes name the parts of the pair that were given apart.
    pd.testing.assert_frame_equal(
        found.drop(columns="note").reset_index(drop=True),
        expected.drop(columns="note").reset_index(drop=True),
    )


def test_head_has_a_row_per_combination(fitted):
    classes = ("S & north", "S & south", "T & north", "T & south")
    assert fitted.heads_[PAIR].classes == classes
    names = fitted.get_feature_names_out()
    assert len([name for name in names if "S & south" in name]) == 1
    assert fitted.transform(np.zeros((2, D))).shape == (2, len(names))


def test_an_interaction_is_found_by_the_pair_only(fitted):
    assert fitted.verdicts_[PAIR] == "used"
    assert fitted.verdicts_["scanner"] != "used"
    assert fitted.verdicts_["site"] != "used"
    utilization = fitted.utilization_
    assert utilization[PAIR] > 0.5 > 0.2 > utilization["scanner"]


def test_a_pair_without_effect_is_rarely_found():
    found = []
    for seed in range(6):
        X, table = make_study(seed)
        X = np.random.default_rng(seed + 100).normal(size=X.shape)
        found.append(fit(X, table, [PAIR], n_permutations=19).verdicts_[PAIR])
    assert found.count("not encoded") >= 5


def test_name_of_the_pair_in_every_table(fitted):
    names = ["scanner", PAIR, "site"]
    for attribute in (
        "summary_",
        "alignment_scores_",
        "pvalues_",
        "encoding_scores_",
        "encoding_metrics_",
        "utilization_",
        "utilization_ci_",
        "verdicts_",
        "erasure_",
        "alignment_ceilings_",
        "n_permutations_used_",
    ):
        index = getattr(fitted, attribute).index
        assert not isinstance(index, pd.MultiIndex)
        assert index.tolist() == names, attribute
    for attribute in ("null_distribution_", "utilization_null_distribution_"):
        assert getattr(fitted, attribute).columns.tolist() == names
    assert fitted.summary_.loc[[PAIR], "n_levels"].tolist() == [4]
    tasks = fitted.correlation_.index.get_level_values("task")
    assert sum(task == PAIR for task in tasks) == 4
    assert list(fitted.heads_) == names


def test_the_sign_between_levels_does_not_merge_combinations():
    """("a & b", "c") and ("a", "b & c") are different."""
    levels = ["a", "a & b", "a &", "a && b", "&", "&&", "a &amp; b", " ", ""]
    parts = [(x, y) for x in levels for y in ["c", "b & c", "& c", "&", " & ", ""]]
    table = pd.DataFrame(parts, columns=["x", "y"])
    found = add_pairs(table, [("x", "y")])
    assert found.columns.tolist() == ["x", "y", ("x", "y")]
    assert found.iloc[:, 2].nunique() == len(parts)


def test_a_column_with_that_name_is_taken_as_it_is(study):
    X, table = study
    table = table.copy()
    table.columns = ["disease", PAIR, "site", "age"]
    found = fit(X, table, [PAIR], n_permutations=0)
    assert found.heads_[PAIR].classes == ("S", "T")


def test_recipe_of_a_pair(study):
    X, table = study
    found = fit(X, table, [PAIR], heads={PAIR: "ridge"}, n_permutations=0)
    expected = fit(X, by_hand(table), ["both"], heads={"both": "ridge"})
    assert found.heads_[PAIR].kind == "ridge"
    np.testing.assert_allclose(found.heads_[PAIR].coef, expected.heads_["both"].coef)


def test_with_groups_and_weights(study):
    X, table = study
    patient = np.arange(N) // 4
    table = table.assign(patient=patient)
    table[list(PAIR)] = table[list(PAIR)].to_numpy()[patient]
    weight = np.random.default_rng(0).integers(0, 3, N).astype(float)
    options = {"target": "disease", "groups": "patient", "n_permutations": 19}
    options |= {"target_head": HEAD, "random_state": 0}
    found = WeightSpaceCorrelation(columns=[PAIR], **options)
    found.fit(X, table, sample_weight=weight)
    expected = WeightSpaceCorrelation(columns=["both"], **options)
    expected.fit(X, by_hand(table), sample_weight=weight)
    pd.testing.assert_frame_equal(
        found.summary_.reset_index(drop=True), expected.summary_.reset_index(drop=True)
    )
    assert "groups" in found.summary_["note"].iloc[0]


def test_the_table_of_the_user_is_not_changed(study):
    X, table = study
    before = table.copy()
    fit(X, table, [PAIR], n_permutations=0)
    pd.testing.assert_frame_equal(table, before)


# --- new rows ------------------------------------------------------------------------


def test_audit(fitted):
    X, table = make_study(1)
    found = fitted.audit(X, table)
    assert found.index.tolist() == ["scanner", PAIR, "site"]
    columns = ["scanner", "both", "site"]
    expected = fit(*(make_study()[0], by_hand(make_study()[1])), columns)
    expected = expected.audit(X, by_hand(table))
    # Notes name the parts of the pair that were given apart.
    pd.testing.assert_frame_equal(
        found.drop(columns="note").reset_index(drop=True),
        expected.drop(columns="note").reset_index(drop=True),
    )
    assert found["verdict"].tolist()[1] == "used"


def test_score(study):
    X, table = study
    found = fit(X, table, [PAIR], n_permutations=0)
    expected = fit(X, by_hand(table), ["both"], n_permutations=0)
    X, table = make_study(1)
    assert found.score(X, table) == pytest.approx(expected.score(X, by_hand(table)))
    assert abs(found.score(X, table)) < 1


def test_unseen_combinations_are_not_scored(fitted):
    X, table = make_study(1)
    table.loc[:9, "site"] = "west"
    with pytest.warns(UserWarning, match=r"'site'\)?: 10 rows hold levels") as caught:
        fitted.score(X, table)
    assert len(caught) == 2
    found = fitted.audit(X, table)
    assert "10 rows hold levels that fit did not use" in found["note"].iloc[1]


@pytest.mark.parametrize("method", ["score", "audit"])
def test_new_rows_need_both_parts(fitted, method):
    X, table = make_study(1)
    with pytest.raises(ValueError, match="there is no column 'site'"):
        getattr(fitted, method)(X, table.drop(columns="site"))


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([("scanner", "sites")], r"columns: there is no column 'sites'.*'site'\?"),
        ([PAIR, PAIR], "columns: a name occurs more than once in"),
    ],
)
def test_pairs_that_cannot_be_combined(study, columns, message):
    with pytest.raises(ValueError, match=message):
        fit(*study, columns)


def whole_numbers():
    X = np.random.default_rng(0).normal(size=(200, 4))
    table = pd.DataFrame(
        {
            "y": np.where(X[:, 0] > 0, "a", "b"),
            "s": list("STU") * 66 + ["S", "T"],
            "site": np.arange(200) % 4 % 3 + 1,
        }
    )
    columns = [("s", "site")]
    fitted = WeightSpaceCorrelation("y", columns=columns, n_permutations=0)
    return fitted.fit(X, table), X, table


def test_whole_numbers_stored_as_floats_are_the_same_levels():
    fitted, X, table = whole_numbers()
    floats = table.assign(site=table["site"].astype(float))
    assert fitted.audit(X, floats).loc[[("s", "site")], "n_samples"].item() == 200
    assert fitted.score(X, floats) == fitted.score(X, table)


def test_a_few_new_rows_keep_the_levels_of_fit():
    fitted, X, table = whole_numbers()
    few = table[:3].assign(site=[1, 2, 3])
    assert np.isfinite(fitted.score(X[:3], few))
