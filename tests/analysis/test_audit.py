"""Audit: the fitted heads on rows that had no part in their fit."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.metrics import log_loss

from sklearn_wsca import Head, MetadataEraser, WeightSpaceCorrelation, utilization_test
from sklearn_wsca.datasets import make_shortcut
from tests.analysis.audits import (
    UTILIZATION,
    D,
    assert_named_and_not_analysed,
    fit,
    make_rows,
)

ALIGNMENT = [
    "alignment_score",
    "alignment_pvalue",
    "alignment_pvalue_fwer",
    "alignment_qvalue",
]


# --- the table -----------------------------------------------------------------------


def test_table_has_the_columns_and_rows_of_the_summary(fitted, audited):
    assert audited.columns.tolist() == fitted.summary_.columns.tolist()
    assert audited.dtypes.equals(fitted.summary_.dtypes)
    assert audited.index.equals(fitted.summary_.index)
    assert audited.notna().all()[["encoding_score", "utilization", "verdict"]].all()


def test_alignment_is_that_of_the_heads(fitted, audited):
    pd.testing.assert_frame_equal(audited[ALIGNMENT], fitted.summary_[ALIGNMENT])
    assert audited[ALIGNMENT].notna().all(axis=None)


def test_the_rest_is_that_of_the_new_rows(fitted, audited):
    for name in ["encoding_score", "utilization_high", "target_association"]:
        assert (audited[name] != fitted.summary_[name]).all()


def test_verdicts(audited):
    assert audited["verdict"].to_dict() == {
        "scanner": "used",
        "dose": "used",
        "view": "inconclusive",
        "batch": "not encoded",
    }
    assert "at fixed 'disease' the outputs move by" in audited.loc["dose", "note"]


def test_not_used_in_many_rows(fitted):
    found = fitted.audit(*make_rows(2, 4000))
    assert found.loc["view", "verdict"] == "not used"
    assert found.loc["scanner", "verdict"] == "used"


def test_forms_of_the_input(fitted, rows, audited):
    X, table = rows
    permuted = table[table.columns[::-1]].assign(other="x")
    pd.testing.assert_frame_equal(fitted.audit(X, permuted), audited)
    index = np.random.default_rng(0).permutation(len(X)) + 1000
    pd.testing.assert_frame_equal(fitted.audit(X, table.set_index(index)), audited)
    assert fitted.audit(X.astype(np.float32), table)["verdict"].equals(
        audited["verdict"]
    )


# --- utilization ---------------------------------------------------------------------


def test_without_permutations_it_is_exactly_that(fitted, rows):
    X, table = rows
    model = clone(fitted).set_params(n_permutations=0).fit(*make_rows(0))
    found = model.audit(X, table)
    for name in ["scanner", "dose"]:
        result = utilization_test(
            X[:, 0], table[name], target=table["disease"], n_permutations=0
        )
        assert found.loc[name, "utilization"] == pytest.approx(result.utilization)
        assert result.utilization > 0.1
    assert (found["verdict"] == "untestable").all()
    assert found["note"].str.contains("n_permutations=0, so there are no p-val").all()
    assert found["encoding_score"].notna().all()
    assert found["encoding_pvalue"].isna().all()


@pytest.mark.filterwarnings("ignore:X. these look like outputs")
def test_same_pvalues_where_the_rows_are_permuted_in_the_same_order():
    """A single feature that is the output itself: both sort the rows by it."""
    X, table = make_rows(0)
    X = X[:, :1]
    columns = ["scanner", "dose", "view", "batch"]
    model = fit(X, table, target_head=[[1.0]], columns=columns, random_state=7)
    found = model.audit(X, table)
    options = {"target": table["disease"], "random_state": 7, "n_permutations": 99}
    results = utilization_test(X[:, 0], table[columns], **options)
    for name in columns:
        assert found.loc[name, "utilization_pvalue"] == results[name].pvalue
        assert found.loc[name, "utilization_qvalue"] == results[name].qvalue
        for number in ("utilization", "minimum_detectable_effect"):
            expected = getattr(results[name], number)
            assert found.loc[name, number] == pytest.approx(expected)
    assert found["utilization_pvalue"].nunique() > 2


def test_on_the_rows_of_fit_utilization_is_that_of_fit(fitted):
    """Heads that are trained have not seen them either."""
    found = fitted.audit(*make_rows(0))
    names = [*UTILIZATION, "utilization_pvalue", "probability_shift"]
    pd.testing.assert_frame_equal(found[names], fitted.summary_[names])
    assert (found["encoding_score"] > fitted.summary_["encoding_score"]).all()


def test_rows_of_weight_zero_are_absent(fitted, rows):
    X, table = rows
    weights = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    used = weights > 0
    found = fitted.audit(X, table, weights)
    expected = fitted.audit(X[used], table[used], sample_weight=weights[used])
    pd.testing.assert_frame_equal(found, expected)
    assert found.attrs["description"]["n_samples"] == used.sum()


def test_weights_count_like_repeated_rows(fitted, rows):
    X, table = rows
    counts = 1 + np.arange(len(X)) % 3
    fitted = clone(fitted).set_params(n_permutations=0).fit(*make_rows(0))
    found = fitted.audit(X, table, counts)
    repeated = np.repeat(np.arange(len(X)), counts)
    expected = fitted.audit(X[repeated], table.iloc[repeated])
    for name in ("encoding_score", "encoding_skill"):
        np.testing.assert_allclose(found[name], expected[name])
    plain = fitted.audit(X, table)
    assert np.abs(found["encoding_score"] - plain["encoding_score"]).max() > 1e-3


def test_a_refitted_head_is_judged_on_new_rows():
    found = fit(*make_rows(0), target_head=None).audit(*make_rows(1))
    assert found["utilization"].notna().all()
    assert found.loc["scanner", "utilization"] < 0.5


def test_confounders_and_groups():
    X, table = make_rows(0, 400)
    patient = np.arange(400) // 5
    columns = ["disease", "scanner", "dose"]
    table[columns] = table.iloc[::5][columns].to_numpy()[patient]
    table["dose"] = table["dose"].astype(float)
    model = fit(
        X,
        table.assign(patient=patient),
        groups="patient",
        confounders=["dose"],
        columns=["scanner", "view"],
    )
    found = model.audit(X, table.assign(patient=patient + 100))
    for name in ["scanner", "view"]:
        result = utilization_test(
            X[:, 0],
            table[name],
            target=table["disease"],
            confounders=table["dose"],
            groups=patient,
            n_permutations=0,
        )
        assert found.loc[name, "utilization_low"] == pytest.approx(result.low)
        assert found.loc[name, "utilization_high"] == pytest.approx(result.high)
    notes = found["note"]
    scheme = "residuals (Freedman-Lane) of groups within levels of the target"
    assert f"utilization: {scheme} permuted, 80 units" in notes["scanner"]
    assert "utilization: rows within groups" in notes["view"]
    assert "at fixed 'disease' and 'dose'" in notes["view"]


# --- effects -------------------------------------------------------------------------


def test_effects_and_classes_come_along_as_lists(fitted, rows, audited):
    X, table = rows
    result = utilization_test(
        X[:, 0], table["scanner"], target=table["disease"], n_permutations=0
    )
    for key, expected, index in [
        ("effects", result.effects, ["level", "output", "target_class"]),
        ("by_class", result.by_class, ["target_class"]),
    ]:
        found = pd.DataFrame(audited.attrs[key]).set_index(["column", *index])
        own = getattr(
            fitted, {"by_class": "utilization_by_class_"}.get(key, "effects_")
        )
        assert found.columns.tolist() == own.columns.tolist()
        assert set(found.index.get_level_values(0)) == {*table} - {"disease"}
        numbers = ["effect"] if key == "effects" else ["utilization", "low", "high"]
        np.testing.assert_allclose(
            found.loc["scanner", numbers], expected[numbers], atol=1e-9
        )


def test_audit_tables_can_be_joined_and_written(fitted, audited):
    other = fitted.audit(*make_rows(5))
    joined = pd.concat([audited, other])
    assert len(joined) == len(audited) + len(other)
    assert json.loads(json.dumps(audited.attrs)).keys() == audited.attrs.keys()


# --- encoding ------------------------------------------------------------------------


def test_encoding_is_the_skill_of_the_fitted_heads(fitted, rows, audited):
    X, table = rows
    head, train = fitted.heads_["scanner"], make_rows(0)[1]
    scores = np.exp(head.outputs(X))
    levels = list(head.classes)
    loss = log_loss(
        table["scanner"], scores / scores.sum(1, keepdims=True), labels=levels
    )
    frequency = train["scanner"].value_counts(normalize=True)[levels]
    constant = log_loss(
        table["scanner"], np.tile(frequency, (len(X), 1)), labels=levels
    )
    assert audited.loc["scanner", "encoding_score"] == pytest.approx(
        1 - loss / constant
    )
    predicted = fitted.heads_["dose"].outputs(X)[:, 0]
    rest = np.sum((table["dose"] - predicted) ** 2)
    constant = np.sum((table["dose"] - train["dose"].mean()) ** 2)
    assert audited.loc["dose", "encoding_score"] == pytest.approx(1 - rest / constant)


def test_mean_of_the_skills_is_the_score(fitted, rows, audited):
    assert fitted.score(*rows) == pytest.approx(audited["encoding_score"].mean())


@pytest.fixture(scope="module")
def quick():
    """One fit whose audits draw 19 permutations."""
    model = fit(*make_rows(0, 150), n_permutations=0)
    return model.set_params(n_permutations=19)


def most_by_chance(n):
    """Share of p-values at 5 % that is exceeded once in 2000 calibrated samples."""
    return stats.binom.isf(5e-4, n, 0.05) / n


@pytest.mark.slow
def test_pvalues_of_encoding_keep_the_level(quick):
    """Of many new samples, in which no column has left a trace."""
    found = []
    for seed in range(30):
        X, table = make_rows(seed + 10, 60)
        X = np.random.default_rng(seed + 1000).normal(size=X.shape)
        found.append(quick.audit(X, table)["encoding_pvalue"])
    rejected = pd.DataFrame(found) <= 0.05
    assert (rejected.mean() <= most_by_chance(30)).all()
    assert rejected.mean(axis=None) <= most_by_chance(rejected.size)
    assert rejected.mean(axis=None) > 0.005


def test_pvalues_of_encoding_have_power(quick):
    found = pd.DataFrame(
        [quick.audit(*make_rows(seed + 10, 60))["encoding_pvalue"] for seed in range(8)]
    )
    assert (found["view"] == 0.05).all()
    assert (found["scanner"] <= 0.05).mean() > 0.6
    assert (found["batch"] <= 0.05).mean() < 0.4


@pytest.mark.parametrize(("groups", "alarms"), [("patient", False), (None, True)])
def test_pvalues_of_encoding_by_patients(groups, alarms):
    """Twenty images of one patient are no twenty pieces of evidence."""
    rng = np.random.default_rng(0)

    def study():
        patient = np.repeat(np.arange(24), 20)
        X = rng.normal(size=(24, D))[patient] + 0.3 * rng.normal(size=(480, D))
        age = rng.normal(60, 9, 24)[patient]
        return X, pd.DataFrame({"patient": patient, "age": age})

    X, table = study()
    model = WeightSpaceCorrelation(
        columns=["age"], groups=groups, n_permutations=0, random_state=0
    ).fit(X, table)
    model.set_params(n_permutations=19)
    pvalues = []
    for seed in range(40):
        X, table = study()
        table["patient"] += 100 * (seed + 1)
        pvalues.append(model.audit(X, table)["encoding_pvalue"].item())
    rejected = np.mean(np.array(pvalues) <= 0.05)
    assert (rejected > most_by_chance(40)) == alarms


def test_trained_heads_that_predict_other_classes_have_no_skill(rows):
    X, table = make_rows(0)
    head = Head(np.eye(3, D), np.zeros(3), ("x", "y", "z"), "logistic")
    model = fit(X, table, heads={"scanner": head}, null="sign_flip")
    found = model.audit(*rows)
    assert np.isnan(found.loc["scanner", "encoding_score"])
    assert found.loc["view", "encoding_score"] > 0.3
    assert found.loc["scanner", "utilization"] > 0.1


def test_trained_heads_without_labels_are_not_audited(rows):
    heads = {"hospital": np.eye(2, D)}
    model = fit(*make_rows(0), heads=heads, null="sign_flip", columns=None)
    assert "hospital" in model.summary_.index
    reason = "untestable: there are no labels; trained head without labels: no encoding"
    assert_named_and_not_analysed(model.audit(*rows), "hospital", reason)


# --- the estimator -------------------------------------------------------------------


def test_without_a_target_encoding_is_audited(rows):
    found = fit(*make_rows(0), target=None, columns=["view"]).audit(*rows)
    assert found["encoding_pvalue"].tolist() == [0.01]
    assert found["verdict"].tolist() == ["untestable"]
    assert "no target column" in found["note"].iloc[0]
    assert found["utilization"].isna().all()


def test_the_estimator_is_not_changed(rows):
    model = fit(*make_rows(0), n_permutations=19, significance=0.3)
    before, parameters = pickle.dumps(model), model.get_params()
    first = model.audit(*rows)
    assert pickle.dumps(model) == before
    assert model.get_params() == parameters
    pd.testing.assert_frame_equal(model.audit(*rows), first)


def test_the_input_is_not_changed(fitted, rows):
    X, table = rows[0].copy(), rows[1].copy()
    fitted.audit(X, table)
    np.testing.assert_array_equal(X, rows[0])
    pd.testing.assert_frame_equal(table, rows[1])


def test_clones_and_copies(fitted, rows, audited):
    again = clone(fitted).fit(*make_rows(0))
    pd.testing.assert_frame_equal(again.audit(*rows), audited)
    copy = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(copy.audit(*rows), audited)


def test_margin_and_level_are_those_of_the_estimator(rows):
    model = fit(*make_rows(0), min_effect=2.0)
    found = model.audit(*rows)
    assert found.loc["scanner", "verdict"] == "not used"


# --- after an erasure ----------------------------------------------------------------


def test_after_erasure_the_outputs_do_not_move():
    """Fitted on some rows, seen on others: less is left the more rows there are."""
    left, before = [], []
    for seed in range(3):
        study = make_shortcut(
            900, 10, encoding=2.0, use=1.0, association=0.4, random_state=seed
        )
        X, table = study.data, study.metadata
        train = np.arange(900) < 600
        eraser = MetadataEraser(["scanner"], target="target").fit(
            X[train], table[train]
        )
        settings = {"target_head": study.head, "columns": ["scanner"]}
        settings |= {"n_permutations": 99, "random_state": 0}
        for erase, found in [(lambda Z: Z, before), (eraser.transform, left)]:
            model = WeightSpaceCorrelation("target", **settings)
            model.fit(erase(X[train]), table[train])
            found.append(model.audit(erase(X[~train]), table[~train]).loc["scanner"])
    assert all(row["verdict"] == "used" for row in before)
    assert min(row["utilization"] for row in before) > 0.4
    assert not any(row["verdict"] == "used" for row in left)
    assert max(row["utilization"] for row in left) < 0.1
    assert max(row["utilization_high"] for row in left) < 0.25
