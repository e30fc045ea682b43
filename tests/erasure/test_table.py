"""The erasure cross-check of an analysis: what the primary head loses, as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head, WeightSpaceCorrelation
from sklearn_wsca._erasure import table as table_module
from sklearn_wsca._erasure.check import check_erasure
from sklearn_wsca._erasure.table import N_FOLDS, N_RANDOM, _split_rows
from sklearn_wsca._input.groups import Groups
from sklearn_wsca.datasets import make_shortcut

SEEDS = range(5)
LEVELS = ["output_change", "balanced_accuracy_drop", "log_loss_rise"]


def make_data(seed, **options):
    settings = {"n_samples": 240, "n_features": 10, "encoding": 2.0}
    return make_shortcut(random_state=seed, **settings | options)


def fit(study, table=None, weight=None, **options):
    settings = {"target": "target", "target_head": study.head, "n_permutations": 0}
    model = WeightSpaceCorrelation(**settings | {"random_state": 0} | options)
    table = study.metadata if table is None else table
    return model.fit(study.data, table, sample_weight=weight)


@pytest.fixture(scope="module")
def study():
    return make_data(0, use=1.0, association=0.4)


@pytest.fixture(scope="module")
def fitted(study):
    return fit(study)


def columns_of(losses):
    return [
        "rank",
        *(f"{n}{end}" for n in losses for end in ("", "_random", "_pvalue")),
    ]


# --- the table -----------------------------------------------------------------------


def test_columns_of_the_table(fitted):
    table = fitted.erasure_
    assert table.index.tolist() == fitted.summary_.index.tolist()
    assert table.index.name == "column"
    assert table.columns.tolist() == columns_of(LEVELS)
    assert table["rank"].tolist() == [2, 1, 3]
    assert table.notna().all(axis=None)


def test_pvalues_come_from_the_random_subspaces(fitted):
    pvalues = fitted.erasure_.filter(like="_pvalue")
    counts = pvalues * (N_RANDOM + 1)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert pvalues.min(axis=None) >= 1 / (N_RANDOM + 1)
    assert pvalues.max(axis=None) <= 1
    assert np.unique(pvalues).size > 3


def test_a_number_as_target():
    study = make_data(0)
    table = study.metadata.assign(target=study.data[:, :2].sum(axis=1))
    found = fit(study, table, target_head=None, columns=["scanner", "age"]).erasure_
    assert found.columns.tolist() == columns_of(["output_change", "r2_drop"])


def test_a_head_that_does_not_predict_the_target(study):
    """Three rows for two classes: there is no performance to lose."""
    head = np.random.default_rng(0).normal(size=(3, 10))
    found = fit(study, target_head=head, check_head=False).erasure_
    assert found.columns.tolist() == columns_of(["output_change"])


@pytest.mark.parametrize("trained", [False, True])
def test_no_table_without_a_target(study, trained):
    head = study.head if trained else None
    found = fit(study, target=None, target_head=head, columns=["scanner"])
    assert found.erasure_ is None


def test_columns_without_labels_and_those_left_out(study):
    heads = {"hospital": np.ones((1, 10))}
    columns = ["vendor", "hospital", "scanner"]
    table = study.metadata.assign(vendor="one")
    found = fit(study, table, heads=heads, columns=columns)
    assert found.erasure_.index.tolist() == ["scanner", "hospital"]
    assert found.erasure_.loc["hospital"].isna().all()
    assert found.erasure_.loc["scanner"].notna().all()


def test_only_columns_without_labels(study):
    heads = {"hospital": np.ones((1, 10))}
    found = fit(study, heads=heads, columns=["hospital"])
    assert found.erasure_.index.tolist() == ["hospital"]
    assert found.erasure_.isna().all(axis=None)


# --- what it says --------------------------------------------------------------------


def pvalues_of(name, column="scanner", fits=(), **options):
    fits = fits or [fit(make_data(seed, **options)) for seed in SEEDS]
    return np.array([f.erasure_.loc[column, f"{name}_pvalue"] for f in fits])


@pytest.mark.parametrize("association", [0.0, 0.7])
def test_erasing_an_unused_scanner_does_not(association):
    """Not even where it is associated with the target, which is held fixed."""
    found = pvalues_of("output_change", association=association)
    assert (found <= 0.05).sum() <= 1
    assert np.median(found) > 0.2


def test_confounders_are_held_fixed():
    """Outputs move with the hospital, and the scanner follows it."""
    with_it, without = [], []
    for seed in SEEDS:
        study = make_data(seed, use=1.0)
        rng = np.random.default_rng(seed + 100)
        follows = np.where(
            rng.random(240) < 0.7, study.metadata["scanner"], "scanner A"
        )
        table = study.metadata.assign(ward=follows)
        options = {"columns": ["ward"], "n_permutations": 0}
        with_it.append(fit(study, table, confounders=["scanner"], **options))
        without.append(fit(study, table, **options))
    assert (pvalues_of("output_change", "ward", without) <= 0.05).all()
    assert (pvalues_of("output_change", "ward", with_it) <= 0.05).sum() <= 1


# --- folds ---------------------------------------------------------------------------


def test_folds_of_rows():
    fold = _split_rows(53, None, 0)
    sizes = np.bincount(fold)
    assert sizes.tolist() == [11, 11, 11, 10, 10]
    assert (fold != _split_rows(53, None, 1)).any()


@pytest.mark.parametrize("n_groups", [2, 3, 20])
def test_folds_keep_groups_together(n_groups):
    codes = np.random.default_rng(1).permutation(np.arange(100) % n_groups)
    fold = _split_rows(100, Groups.of(pd.Series(codes)), 0)
    by_group = pd.Series(fold).groupby(codes)
    assert (by_group.nunique() == 1).all()
    assert fold.max() + 1 == min(N_FOLDS, n_groups)
    # Guard: rows alone do not stay together.
    split = pd.Series(_split_rows(100, None, 0)).groupby(codes).nunique() > 1
    assert split.mean() > 0.9


def test_rows_without_a_group_are_groups_of_their_own():
    patients = pd.Series([0.0] * 10 + [1.0] * 10 + [np.nan] * 30)
    fold = _split_rows(50, Groups.of(patients), 0)
    assert len(set(fold[:10])) == len(set(fold[10:20])) == 1
    assert len(set(fold[20:])) == N_FOLDS


@pytest.mark.parametrize("grouped", [False, True])
def test_the_analysis_splits_no_patient(monkeypatch, grouped):
    study = make_data(0, n_samples=200, rows_per_group=10)
    folds = []

    def spy(T, column, fold, **settings):
        # The age tells the patient.
        folds.append(pd.Series(fold).groupby(column.labels).nunique())
        return check_erasure(T, column=column, fold=fold, **settings)

    monkeypatch.setattr(table_module, "check_erasure", spy)
    fit(study, groups="patient" if grouped else None, columns=["age"], heads="ridge")
    (n_folds,) = folds
    assert len(n_folds) == 20
    assert (n_folds == 1).all() == grouped


# --- the same answer -----------------------------------------------------------------


def assert_same(first, second):
    pd.testing.assert_frame_equal(
        second.erasure_.loc[first.erasure_.index], first.erasure_, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_order_of_the_rows_and_jobs(grouped):
    options = {"rows_per_group": 5} if grouped else {}
    study = make_data(1, use=0.5, **options)
    groups = "patient" if grouped else None
    base = fit(study, groups=groups)
    assert_same(base, fit(study, groups=groups, n_jobs=2))
    order = np.random.default_rng(0).permutation(240)
    table = study.metadata.iloc[order].reset_index(drop=True)
    study.data = study.data[order]
    assert_same(base, fit(study, table, groups=groups))


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_unit_of_the_embeddings(unit):
    study = make_data(1, use=0.5)
    base = fit(study)
    study.data, (coef, intercept) = study.data * unit, study.head
    assert_same(base, fit(study, target_head=(coef / unit, intercept)))


def test_order_of_the_rows_of_the_head():
    """Performance is judged by the classes that the rows belong to."""
    study = make_data(1, n_classes=3, use=0.5, signal=3.0)
    coef, intercept = study.head
    names = tuple(sorted(set(study.target)))
    base = fit(study)
    back = [2, 0, 1]
    classes = tuple(names[i] for i in back)
    head = Head(coef[back], intercept[back], classes, "logistic")
    assert_same(base, fit(study, target_head=head))
    assert base.erasure_["log_loss_rise"].abs().max() > 1e-3


def test_rows_of_weight_zero_are_absent(study):
    weight = np.random.default_rng(0).integers(0, 3, 240).astype(float)
    used = weight > 0
    found = fit(study, weight=weight)
    model = WeightSpaceCorrelation(
        "target", target_head=study.head, n_permutations=0, random_state=0
    )
    model.fit(study.data[used], study.metadata[used], sample_weight=weight[used])
    assert_same(found, model)


def test_seed(study, fitted):
    other = fit(study, random_state=1).erasure_
    random = "output_change_random"
    assert (other[random] != fitted.erasure_[random]).all()
    pd.testing.assert_series_equal(other["rank"], fitted.erasure_["rank"])


def patient_pvalues():
    """p-values of columns of patients, who differ along the head, that tell nothing."""
    found = []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(30), 10)
        X = rng.normal(size=(300, 6))
        X[:, 0] += 3.0 * rng.standard_normal(30)[patient]
        table = pd.DataFrame(
            {
                "target": rng.permutation(np.arange(30) % 2)[patient],
                "scanner": rng.permutation(np.arange(30) % 2)[patient],
                "age": rng.normal(60.0, 9.0, 30)[patient],
                "patient": patient,
            }
        )
        model = WeightSpaceCorrelation(
            "target",
            target_head=np.eye(1, 6),
            columns=["scanner", "age"],
            groups="patient",
            n_permutations=0,
            cv=2,
        )
        found += model.fit(X, table).erasure_["output_change_pvalue"].tolist()
    return np.array(found)


@pytest.mark.slow
def test_noise_is_constant_in_patients_where_the_column_is(monkeypatch):
    assert np.mean(patient_pvalues() <= 0.05) <= 0.2
    # With noise by row there are false alarms.
    monkeypatch.setattr(table_module, "_constant_units", lambda task, groups: None)
    assert np.mean(patient_pvalues() <= 0.05) > 0.3
