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

D = 6
HEAD = np.eye(1, D), np.zeros(1)
ALIGNMENT = [
    "alignment_score",
    "alignment_pvalue",
    "alignment_pvalue_fwer",
    "alignment_qvalue",
]
UTILIZATION = ["utilization", "utilization_low", "utilization_high"]


def make_rows(seed, n=200, *, moved=1.0):
    """Scanner and dose are encoded and used, view is encoded, batch is neither."""
    rng = np.random.default_rng(seed)
    disease, scanner, view = rng.integers(0, 2, n), rng.integers(0, 3, n), rng.random(n)
    dose = rng.normal(size=n)
    X = rng.normal(size=(n, D))
    X[:, 0] += disease + moved * ((scanner == 1) + 0.5 * dose)
    X[:, 1] += 3.0 * (view < 0.5)
    table = pd.DataFrame(
        {
            "disease": np.array(["healthy", "ill"])[disease],
            "scanner": np.array(["S", "T", "U"])[scanner],
            "dose": 3.0 + 0.1 * dose,
            "view": np.where(view < 0.5, "left", "right"),
            "batch": rng.choice(["a", "b"], n),
        }
    )
    return X, table


def fit(X, table, **options):
    settings = {"target": "disease", "target_head": HEAD, "n_permutations": 99}
    model = WeightSpaceCorrelation(**settings | {"random_state": 0} | options)
    return model.fit(X, table)


@pytest.fixture(scope="module")
def fitted():
    return fit(*make_rows(0))


@pytest.fixture(scope="module")
def rows():
    return make_rows(1)


@pytest.fixture(scope="module")
def audited(fitted, rows):
    return fitted.audit(*rows)


def row_of(table, name):
    return table.iloc[list(table.index).index(name)]


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


def assert_named_and_not_analysed(found, name, reason):
    assert found.index.tolist() == ["scanner", "dose", "view", "batch", name]
    assert found.loc[name, "verdict"] == "untestable"
    assert found.loc[name, "note"] == f"left out: not analysed in fit ({reason})"


def test_trained_heads_without_labels_are_not_audited(rows):
    heads = {"hospital": np.eye(2, D)}
    model = fit(*make_rows(0), heads=heads, null="sign_flip", columns=None)
    assert "hospital" in model.summary_.index
    reason = "untestable: there are no labels; trained head without labels: no encoding"
    assert_named_and_not_analysed(model.audit(*rows), "hospital", reason)


# --- groups of fit -------------------------------------------------------------------


@pytest.fixture(scope="module")
def grouped():
    X, table = make_rows(0)
    table["patient"] = [f"patient {i // 4:02d}" for i in range(200)]
    return fit(X, table, groups="patient", n_permutations=0, columns=["view"])


@pytest.mark.parametrize("n_shared", [0, 1, 7])
def test_shared_groups_warn_with_their_number(grouped, n_shared):
    X, table = make_rows(1)
    first = 50 - n_shared
    table["patient"] = [f"patient {first + i // 4:02d}" for i in range(200)]
    if not n_shared:
        assert len(grouped.audit(X, table)) == 1
        return
    message = (
        rf"groups: {n_shared} of 50 values of 'patient' were in fit too \(such as "
        rf"patient {first}\), so these rows are not held out"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        grouped.audit(X, table)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_rows_without_a_group_are_not_shared(grouped):
    X, table = make_rows(1)
    table["patient"] = [None] * 100 + [f"new {i // 4}" for i in range(100)]
    found = grouped.audit(X, table)
    assert found["n_samples"].tolist() == [100]
    assert "100 rows without 'patient' are not used" in found["note"].iloc[0]


def test_too_few_new_groups_are_untestable(grouped):
    X, table = make_rows(1)
    patient = np.arange(200) // 20
    table = table.assign(
        patient=patient + 100,
        view=table["view"].to_numpy()[patient],
        disease=table["disease"].to_numpy()[patient],
    )
    found = grouped.audit(X, table)
    assert found["verdict"].tolist() == ["untestable"]
    assert "10 groups can be exchanged" in found["note"].iloc[0]


# --- what the new rows hold ----------------------------------------------------------


def test_unseen_levels_are_noted_and_not_used(fitted, rows):
    X, table = rows
    table = table.copy()
    table.loc[:19, "scanner"] = "V"
    found = fitted.audit(X, table)
    assert "20 rows hold levels that fit did not use" in found.loc["scanner", "note"]
    assert found.loc["scanner", "n_samples"] == 180
    assert found.loc["scanner", "n_levels"] == 3
    missing = table.assign(scanner=table["scanner"].where(table["scanner"] != "V"))
    drop = {"columns": "note"}
    pd.testing.assert_frame_equal(
        fitted.audit(X, missing).drop(**drop), found.drop(**drop)
    )
    assert "levels that fit" not in fitted.audit(X, missing).loc["scanner", "note"]


def test_unseen_levels_of_the_target(fitted, rows):
    X, table = rows
    table = table.copy()
    table.loc[:19, "disease"] = "unclear"
    found = fitted.audit(X, table)
    assert "20 rows have no value to be held fixed" in found.loc["view", "note"]
    expected = fitted.audit(X[20:], table[20:])
    np.testing.assert_allclose(found["utilization_low"], expected["utilization_low"])


@pytest.mark.parametrize("n_left", [0, 2])
def test_levels_that_hardly_occur_are_not_used(fitted, rows, n_left):
    X, table = rows
    rare = np.flatnonzero(table["scanner"] == "S")[n_left:]
    kept = np.setdiff1d(np.arange(len(X)), rare)
    found = fitted.audit(X[kept], table.iloc[kept])
    entry = found.loc["scanner"]
    assert entry[["n_levels", "n_samples"]].tolist() == [2, len(kept) - n_left]
    # Labels are matched by name, whatever is absent.
    assert entry["encoding_pvalue"] <= 0.05
    assert entry["verdict"] == "used"


@pytest.mark.parametrize(
    ("name", "value"),
    [("scanner", "S"), ("scanner", "new"), ("dose", 3.0), ("dose", np.nan)],
)
def test_a_column_that_does_not_vary_is_untestable(fitted, rows, audited, name, value):
    X, table = rows
    found = fitted.audit(X, table.assign(**{name: value}))
    entry = found.loc[name]
    assert entry["verdict"] == "untestable"
    assert entry["note"] == "left out: does not vary on the rows of the audit"
    assert entry.drop(["verdict", "note"]).isna().all()
    others = [other for other in audited.index if other != name]
    names = ["encoding_score", *UTILIZATION[1:]]
    pd.testing.assert_frame_equal(
        found.loc[others, names], audited.loc[others, names], rtol=1e-9
    )


def test_nothing_varies(fitted, rows):
    X, table = rows
    found = fitted.audit(X, table.assign(scanner="S", dose=1.0, view="left", batch="a"))
    assert (found["verdict"] == "untestable").all()
    assert found.index.tolist() == ["scanner", "dose", "view", "batch"]


def test_target_of_one_class_only(fitted, rows):
    """Cases only: then the target is fixed anyway."""
    X, table = rows
    found = fitted.audit(X, table.assign(disease="ill"))
    result = utilization_test(X[:, 0], table["scanner"], target=None, n_permutations=0)
    assert found.loc["scanner", "utilization_low"] == pytest.approx(result.low)
    assert found.loc["scanner", "verdict"] == "used"
    # Cramer's V of a constant is none.
    assert np.isnan(found.loc["scanner", "target_association"])


def test_no_known_target_at_all(fitted, rows):
    X, table = rows
    found = fitted.audit(X, table.assign(disease=None))
    assert (found["verdict"] == "untestable").all()
    assert found["encoding_score"].notna().all()


def test_missing_values(fitted, rows):
    X, table = rows
    gaps = table.copy()
    gaps.loc[:29, "dose"] = np.nan
    gaps.loc[:9, "view"] = None
    found = fitted.audit(X, gaps)
    assert found.loc[["dose", "view"], "n_samples"].tolist() == [170, 190]
    expected = fitted.audit(X[30:], table[30:])
    for name in ["encoding_score", "utilization_low", "utilization_high"]:
        assert found.loc["dose", name] == pytest.approx(expected.loc["dose", name])


def test_a_number_as_target():
    X, table = make_rows(0)
    X2, table2 = make_rows(1)
    table["severity"], table2["severity"] = X[:, 2] + X[:, 3], X2[:, 2] + X2[:, 3]
    options = {"target": "severity", "columns": ["scanner", "dose"]}
    found = fit(X, table, **options).audit(X2, table2)
    assert "at fixed 'severity'" in found.loc["dose", "note"]
    assert found["verdict"].tolist() == ["used", "used"]


@pytest.mark.parametrize("n_bins", [None, 3])
def test_bins_are_those_of_fit(n_bins, rows):
    X, table = rows
    found = fit(*make_rows(0), n_bins=n_bins).audit(X, table.assign(dose=table["dose"]))
    assert found.loc["dose", "kind"] == ("categorical" if n_bins else "continuous")
    # Numbers beyond the range of fit are in the outer classes.
    assert found.loc["dose", "n_samples"] == 200
    assert found.loc["dose", "verdict"] == "used"


def test_columns_that_fit_left_out_stay_out(rows):
    X, table = make_rows(0)
    model = fit(X, table.assign(vendor="one"), n_permutations=0)
    assert "vendor" in model.dropped_columns_
    reason = model.dropped_columns_["vendor"]
    assert_named_and_not_analysed(model.audit(rows[0], rows[1]), "vendor", reason)


@pytest.mark.parametrize("name", ["scanner", "disease", "dose", "patient"])
def test_a_missing_column_is_an_error(name):
    X, table = make_rows(0)
    table["patient"] = np.arange(200) // 4
    model = fit(
        X,
        table,
        groups="patient",
        confounders=["dose"],
        columns=["scanner"],
        n_permutations=0,
    )
    table["patient"] += 100
    with pytest.raises(ValueError, match=f"there is no column '{name}'"):
        model.audit(X, table.drop(columns=name))
    # What was not analysed is not needed.
    model.audit(X, table.drop(columns=["view", "batch"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X[:, :4], y), "X has 4 features, but .* is expecting 6"),
        (lambda X, y: (X[:50], y), "X has 50 rows and y has 200 rows"),
        (lambda X, y: (np.where(X > 2, np.nan, X), y), "X: the embeddings contain NaN"),
        (lambda X, y: (X, None), "requires y"),
    ],
)
def test_bad_rows_raise(fitted, rows, change, message):
    with pytest.raises(ValueError, match=message):
        fitted.audit(*change(*rows))


def test_text_in_place_of_numbers_is_left_out(fitted, rows):
    X, y = rows
    found = fitted.audit(X, y.assign(dose="much"))
    assert found.loc["dose", "verdict"] == "untestable"
    assert "was numeric in fit and holds" in found.loc["dose", "note"]


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
