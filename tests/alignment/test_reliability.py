"""Split-half reliability of fitted directions, and the ceilings that it gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import check_random_state

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment.reliability import N_SPLITS, draw_halves
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca.datasets import make_shortcut
from tests.columns import column_of
from tests.reference import (
    balancing_weights,
    cells_of,
    centre_classes,
    cosine,
    fit_head,
    make_study,
    principal_directions,
    with_gaps,
)


def fit(X, table, weight=None, **options):
    settings = {"target": "disease", "columns": ["site", "sex", "age"]}
    settings |= {"n_permutations": 0, "random_state": 4}
    model = WeightSpaceCorrelation(**settings | options)
    return model.fit(X, table, sample_weight=weight)


def of_task(fitted, name):
    """Reliability of the rows of one head."""
    tasks = fitted.reliability_.index.get_level_values("task")
    return fitted.reliability_[tasks == name].to_numpy()


def halves_of(column, groups, seed):
    (halves,) = draw_halves([(column, exchange_units(column, groups))], seed)
    return halves


# --- against scikit-learn on the same halves -----------------------------------------


def slow_reliability(X, table, name, head, metric, weight, balanced_by=None):
    """Fit both halves of every split, and step up the mean of their cosines."""
    weight = np.ones(len(X)) if weight is None else weight
    principal = principal_directions(X, weight)
    T = principal.coordinates(X)
    order = np.argsort(np.sum(T**2, axis=1), kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    column = read_column(table[name])
    T, weight = T[order][column.rows], weight[order][column.rows]
    labels = column.labels
    if balanced_by is not None:
        strata = cells_of(table[balanced_by], "categorical")
        weight = balancing_weights(labels, strata, weight)
    seed = check_random_state(4).randint(np.iinfo(np.int32).max)
    multiply = {
        "weight": 1.0,
        "score": np.sqrt(principal.variances),
        "pattern": principal.variances,
    }[metric]
    agreement = []
    for first in halves_of(column, None, seed):
        coefs = [
            centre_classes(
                fit_head(T[half], labels[half], head, weights=weight[half])[0], head
            )
            for half in (first, ~first)
        ]
        pairs = zip(*coefs, strict=True)
        agreement.append([cosine(a * multiply, b * multiply) for a, b in pairs])
    r = np.mean(agreement, axis=0)
    return np.where(r > 0, 2 * r / (1 + r), np.nan)


CASES = [
    ("site", "logistic", "weight"),
    ("site", "ridge", "weight"),
    ("sex", "logistic", "score"),
    ("age", "ridge", "weight"),
    ("age", "ridge", "pattern"),
    ("disease", "logistic", "weight"),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "head", "metric"), CASES)
def test_against_scikit_learn(name, head, metric, weighted):
    X, table = make_study(0, n=150, shared=1.0)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 150) if weighted else None
    heads = {name: head} if name != "disease" else "auto"
    columns = [name] if name != "disease" else ["site"]
    found = fit(X, table, weight, columns=columns, heads=heads, metric=metric)
    expected = slow_reliability(X, table, name, head, metric, weight)
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(of_task(found, name), expected, atol=1e-4)


def test_rows_without_a_value_are_in_neither_half():
    X, table = make_study(1, n=150, shared=1.0)
    table = with_gaps(table, 1, 0.3)
    found = fit(X, table, columns=["age"])
    expected = slow_reliability(X, table, "age", "ridge", "weight", None)
    np.testing.assert_allclose(of_task(found, "age"), expected, atol=1e-4)


def test_balanced_heads():
    X, table = make_study(2, n=200, shared=1.0)
    found = fit(X, table, columns=["sex"], adjust_for_target=True)
    expected = slow_reliability(X, table, "sex", "logistic", "weight", None, "disease")
    np.testing.assert_allclose(of_task(found, "sex"), expected, atol=1e-4)
    plain = fit(X, table, columns=["sex"])
    assert abs(of_task(plain, "sex") - expected) > 1e-3


# --- what it means -------------------------------------------------------------------


def shortcut(n, seed=0, **options):
    settings = {"n_features": 10, "n_levels": 2, "encoding": 2.0} | options
    study = make_shortcut(n, random_state=seed, **settings)
    return WeightSpaceCorrelation(
        target_head=study.head,
        columns=["scanner", "batch"],
        n_permutations=0,
        random_state=seed,
    ).fit(study.data, study.metadata)


@pytest.fixture(scope="module")
def growing():
    sizes = [40, 200, 1000]
    fits = [[shortcut(n, seed) for seed in range(4)] for n in sizes]
    return [[of_task(f, "scanner").item() for f in same] for same in fits]


def test_a_strongly_encoded_column_in_many_rows_is_certain(growing):
    assert min(growing[-1]) > 0.97
    assert max(growing[-1]) <= 1


def test_it_grows_with_the_number_of_rows(growing):
    medians = [np.median(found) for found in growing]
    assert medians == sorted(medians)
    assert medians[0] < 0.93 < 0.97 < medians[2]


@pytest.fixture(scope="module")
def not_encoded():
    """Analyses of columns without any trace in the embeddings."""
    return [shortcut(80, seed, encoding=0.0) for seed in range(12)]


def test_nothing_where_the_halves_do_not_agree(not_encoded):
    found = np.concatenate([of_task(f, "scanner") for f in not_encoded])
    missing = np.isnan(found)
    assert 2 <= missing.sum() <= len(found) - 2
    # Never a number that was moved to the edge.
    assert (found[~missing] > 0).all()
    assert (found[~missing] < 0.7).all()
    for fitted in not_encoded:
        gone = np.isnan(of_task(fitted, "scanner").item())
        assert np.isnan(fitted.alignment_ceilings_["scanner"]) == gone
        assert np.isnan(fitted.alignment_corrected_["scanner"]) == gone


def test_one_row_without_reliability_leaves_the_column_without_a_ceiling(not_encoded):
    some = [
        fitted
        for fitted in not_encoded
        if 0 < np.isnan(of_task(fitted, "batch")).sum() < 4
    ]
    assert len(some) > 2
    assert all(np.isnan(fitted.alignment_ceilings_["batch"]) for fitted in some)


def test_always_between_0_and_1():
    for seed in range(2):
        X, table = make_study(seed, n=120, shared=0.5)
        for metric in ("weight", "score", "pattern"):
            found = fit(X, table, metric=metric).reliability_.dropna()
            assert len(found) > 0
            assert found.between(0, 1, inclusive="right").all()


@pytest.fixture(scope="module")
def true_primary():
    """Analyses whose primary head reads exactly what tells the scanners apart."""
    fits = []
    for seed in range(16):
        options = {"n_features": 10, "n_levels": 2, "random_state": seed}
        study, other = (make_shortcut(200, use=use, **options) for use in (1.0, 0.0))
        direction = study.head[0] - other.head[0]
        model = WeightSpaceCorrelation(
            target_head=direction, columns=["scanner"], n_permutations=0
        )
        fits.append(model.fit(study.data, study.metadata))
    return fits


def test_the_truth_is_reached_as_the_reliability_promises(true_primary):
    """It is the squared correlation with the truth, on average."""
    promised = np.array([of_task(f, "scanner").item() for f in true_primary])
    reached = np.array([f.alignment_scores_["scanner"] for f in true_primary])
    assert np.mean(promised) == pytest.approx(np.mean(reached**2), abs=0.04)
    assert 0.5 < np.mean(promised) < 0.95


def test_corrected_alignment_of_the_truth_is_1_and_not_clipped(true_primary):
    corrected = np.array([f.alignment_corrected_["scanner"] for f in true_primary])
    assert np.mean(corrected) == pytest.approx(1, abs=0.05)
    assert 3 <= (corrected > 1).sum() <= len(corrected) - 3
    assert (corrected != 1).all()


# --- ceilings ------------------------------------------------------------------------


def summarise(matrix, how):
    if how == "rms":
        return np.sqrt(np.mean(matrix**2))
    return matrix.max() if how == "max" else matrix.mean()


@pytest.fixture(scope="module")
def study():
    return make_study(0, n=300, shared=2.0)


@pytest.mark.parametrize("how", ["rms", "max", "mean"])
def test_ceiling_of_two_fitted_heads(study, how):
    found = fit(*study, aggregate=how)
    own = of_task(found, "disease")
    for name in ("site", "sex", "age"):
        expected = summarise(np.sqrt(np.outer(own, of_task(found, name))), how)
        assert found.alignment_ceilings_[name] == pytest.approx(expected)
        assert 0 < expected < 1
    pd.testing.assert_series_equal(
        found.alignment_corrected_, found.alignment_scores_ / found.alignment_ceilings_
    )


@pytest.mark.parametrize("how", ["rms", "max", "mean"])
def test_a_trained_primary_head_counts_as_certain(study, how):
    head = np.random.default_rng(0).normal(size=(1, 8))
    found = fit(*study, target_head=head, aggregate=how, check_head=False)
    assert np.isnan(of_task(found, "disease")).all()
    for name in ("site", "sex", "age"):
        expected = summarise(np.sqrt(of_task(found, name)), how)
        assert found.alignment_ceilings_[name] == pytest.approx(expected)
    assert found.alignment_corrected_.notna().all()
    # Without labels of the target it is a head all the same.
    alone = fit(*study, target=None, target_head=head, aggregate=how)
    pd.testing.assert_series_equal(alone.alignment_ceilings_, found.alignment_ceilings_)


def test_a_trained_metadata_head_has_no_ceiling(study):
    rng = np.random.default_rng(0)
    heads = {"site": rng.normal(size=(3, 8)), "hospital": rng.normal(size=(2, 8))}
    columns = ["site", "hospital", "sex"]
    found = fit(*study, heads=heads, columns=columns)
    for name in ("site", "hospital"):
        assert np.isnan(of_task(found, name)).all()
        assert np.isnan(found.alignment_ceilings_[name])
        assert np.isnan(found.alignment_corrected_[name])
    assert found.alignment_corrected_["sex"] > 0


def test_no_ceiling_without_a_primary_head(study):
    found = fit(*study, target=None)
    assert found.alignment_ceilings_.isna().all()
    assert found.reliability_.notna().all()


def test_no_corrected_alignment_where_it_is_refused(study):
    X, table = study
    lost = (table["site"] == "Cork") & (table["disease"] == "ill")
    table = table[~lost].reset_index(drop=True)
    found = fit(X[~lost], table, adjust_for_target=True)
    assert np.isnan(found.alignment_corrected_["site"])
    assert found.alignment_corrected_["sex"] > 0


def test_index_is_that_of_the_correlation(study):
    found = fit(*study)
    assert found.reliability_.index.equals(found.correlation_.index)
    for series in (found.alignment_ceilings_, found.alignment_corrected_):
        assert series.index.equals(found.alignment_scores_.index)


# --- halves --------------------------------------------------------------------------


def columns_with_patients(seed, n_patients=30):
    """Patients with 1 to 9 images; a column of each kind."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(1, 10, n_patients))
    patient = rng.permutation(patient)
    own, varying = rng.integers(0, 3, n_patients), rng.integers(0, 3, len(patient))
    columns = {
        "scanner": column_of(own[patient]),
        "age": column_of(rng.normal(size=n_patients)[patient], "age"),
        "view": column_of(varying, "view"),
        "pixels": column_of(rng.normal(size=len(patient)), "pixels"),
    }
    return Groups.of(pd.Series(patient, name="patient")), columns


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels"])
@pytest.mark.parametrize("seed", range(3))
def test_no_patient_is_in_both_halves(name, seed):
    groups, columns = columns_with_patients(seed)
    column = columns[name]
    halves = halves_of(column, groups, seed)
    assert halves.shape == (N_SPLITS, len(column.labels))
    for half in halves:
        in_first = pd.Series(half).groupby(groups.codes).mean()
        assert set(in_first) == {0.0, 1.0}
        assert 0.25 < in_first.mean() < 0.75
    assert len(np.unique(halves, axis=0)) > N_SPLITS / 2
    by_rows = halves_of(column, None, seed)
    assert pd.Series(by_rows[0]).groupby(groups.codes).nunique().max() == 2


@pytest.mark.parametrize("grouped", [False, True])
def test_halves_are_stratified_by_units(grouped):
    groups, columns = columns_with_patients(0)
    exchange = exchange_units(columns["scanner"], groups if grouped else None)
    for half in halves_of(columns["scanner"], groups if grouped else None, 0):
        for level in range(3):
            of_level = columns["scanner"].labels[exchange.first] == level
            in_first = half[exchange.first][of_level].sum()
            assert abs(2 * in_first - of_level.sum()) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_all_levels_are_in_both_halves(seed):
    groups, columns = columns_with_patients(seed, 12)
    view = columns["view"]
    for half in halves_of(view, groups, seed):
        assert len(set(view.labels[half])) == len(set(view.labels[~half])) == 3


def test_a_level_of_a_single_patient_cannot_be_in_both():
    patient = np.repeat(np.arange(6), 4)
    labels = np.tile([0, 1, 0, 1], 6)
    labels[:2] = 2
    view = column_of(labels, "view")
    groups = Groups.of(pd.Series(patient, name="patient"))
    assert halves_of(view, groups, 0) is None
    labels[4:6] = 2
    assert halves_of(column_of(labels, "view"), groups, 0) is not None


def test_a_column_that_cannot_be_halved_has_a_note(monkeypatch, study):
    def refuse(columns, seed):
        drawn = zip(columns, draw_halves(columns, seed), strict=True)
        return [None if c.name == "site" else own for (c, _), own in drawn]

    monkeypatch.setattr("sklearn_wsca._alignment.reliability.draw_halves", refuse)
    found = fit(*study)
    notes = found.summary_["note"].str.contains("no reliability: a level would be in")
    assert notes.to_dict() == {"site": True, "sex": False, "age": False}
    assert np.isnan(of_task(found, "site")).all()
    assert np.isnan(found.alignment_corrected_["site"])
    assert found.alignment_corrected_["sex"] > 0


def test_images_of_few_patients_are_less_reliable_than_rows_look():
    """Patients differ: halves of their images agree on the patients."""
    by_patient, by_row = [], []
    for seed in range(5):
        study = make_shortcut(
            240, 8, encoding=0.0, rows_per_group=12, group_effect=1.0, random_state=seed
        )
        for groups, found in [("patient", by_patient), (None, by_row)]:
            fitted = WeightSpaceCorrelation(
                "target",
                columns=["age"],
                groups=groups,
                n_permutations=0,
                random_state=seed,
            ).fit(study.data, study.metadata)
            found.append(of_task(fitted, "age").item())
    assert np.nanmin(by_row) > 0.6
    assert np.mean(np.nan_to_num(by_patient)) < 0.5


# --- the same answer -----------------------------------------------------------------


@pytest.mark.parametrize("change", ["rows", "jobs", "unit"])
def test_same_answer(study, change):
    X, table = study
    base = fit(X, table)
    if change == "rows":
        order = np.random.default_rng(0).permutation(len(X))
        other = fit(X[order], table.iloc[order])
    elif change == "jobs":
        other = fit(X, table, n_jobs=2)
    else:
        other = fit(X * 1e5, table)
    pd.testing.assert_series_equal(other.reliability_, base.reliability_, atol=1e-4)
    assert (fit(X, table, random_state=5).reliability_ != base.reliability_).all()
