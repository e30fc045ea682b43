"""The estimator of Integrated Feature Analysis: heads, parameters, scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from tests.reference import loop_importance, make_maps

SPATIAL = [(), (7,), (5, 4), (3, 4, 2)]


def fitted(seed=0, options=None, **parameters):
    A, labels, weights, intercept = make_maps(seed, **(options or {}))
    head = Head(weights, intercept, ("a", "b", "c"), "logistic")
    y = np.array(["a", "b", "c"])[labels]
    return IntegratedFeatureAnalysis(head, **parameters).fit(A, y), A, y


def attributes(analysis):
    """Fitted arrays and tables, by name."""
    return {
        name: np.asarray(getattr(analysis, name))
        for name in (
            "importance_",
            "importance_overall_",
            "importance_difference_",
            "n_correct_",
            "ranking_",
            "intensity_range_",
            "consistency_",
            "performance_curve_",
            "smallest_share_",
            "outlier_scores_",
            "redundancy_",
        )
    }


def assert_same(found, expected, leave_out=()):
    found, expected = attributes(found), attributes(expected)
    for name in set(expected) - set(leave_out):
        a, b = found[name].astype(float), expected[name].astype(float)
        assert_allclose(a, b, rtol=1e-6, atol=1e-8, err_msg=name)


# --- what it measures ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("spatial", SPATIAL)
def test_importance_is_that_of_the_loop(spatial, seed):
    analysis, A, y = fitted(seed, {"spatial": spatial, "planted": 1.0})
    labels = pd.Series(y).map({"a": 0, "b": 1, "c": 2}).to_numpy()
    head = analysis.head_
    by_class, overall, n = loop_importance(A, labels, head.coef, head.intercept)
    assert_allclose(analysis.importance_, by_class, rtol=1e-9)
    assert_allclose(analysis.importance_overall_, overall, rtol=1e-9)
    assert_allclose(analysis.importance_difference_, by_class - overall, atol=1e-9)
    assert_array_equal(analysis.n_correct_, n)
    # Else the loop would not tell correct samples from all.
    assert 20 < n.sum() < 60
    assert_array_equal(analysis.classes_, ["a", "b", "c"])
    assert sorted(analysis.ranking_) == list(range(1, 7))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spatial", SPATIAL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_consistency_is_one_by_construction(spatial, seed, dtype):
    A, labels, weights, intercept = make_maps(seed, spatial=spatial)
    head = weights, intercept
    analysis = IntegratedFeatureAnalysis(head).fit(A.astype(dtype), labels)
    assert list(analysis.consistency_.index) == [0, 1, 2]
    assert_allclose(analysis.consistency_, 1.0, atol=1e-6)


# A class whose score is constant may win for no sample.
@pytest.mark.filterwarnings("ignore:no sample of the classes:UserWarning")
@pytest.mark.filterwarnings("ignore:the maps or scores of 2 do not vary:UserWarning")
@pytest.mark.parametrize("value", [0.0, 0.1, 17.3])
def test_constant_scores_have_no_consistency(value):
    A, labels, weights, intercept = make_maps(0)
    A[:, 4], weights[2] = value, 0.0
    weights[2, 4] = 1.3
    analysis = IntegratedFeatureAnalysis((weights, intercept)).fit(A, labels)
    assert np.isnan(analysis.consistency_[2])
    assert_allclose(analysis.consistency_[[0, 1]], 1.0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_regression_head_of_every_form(seed):
    A, _, weights, _ = make_maps(seed, n=80)
    pooled = A.mean(axis=(2, 3))
    noise = np.random.default_rng(seed).standard_normal(80)
    y = 200.0 + 30.0 * pooled @ weights[0] + noise
    model = Ridge().fit(pooled, y)
    heads = [model, (model.coef_, model.intercept_), (model.coef_[None], [50.0])]
    heads.append(Head(model.coef_[None], np.zeros(1), None, "ridge"))
    found = [IntegratedFeatureAnalysis(h, random_state=0).fit(A, y) for h in heads]
    offset = ("performance_curve_", "smallest_share_")
    for other in found[1:]:
        assert_same(other, found[0], leave_out=offset)
    assert found[0].importance_.shape == (1, 6) and not hasattr(found[0], "classes_")
    assert found[0].performance_curve_["r2"].iloc[-1] > 0.9
    assert found[0].activation_maps(A).shape == (80, 5, 4)
    assert_allclose(found[0].consistency_, 1.0, atol=1e-6)


def test_without_a_head_one_is_fitted():
    A, labels, *_ = make_maps(0)
    analysis = IntegratedFeatureAnalysis(random_state=0).fit(A, labels)
    model = LogisticRegression(max_iter=10_000)
    pooled = A.mean(axis=(2, 3))
    scale = np.sqrt(pooled.var(axis=0).mean())
    model.fit(pooled / scale, labels)
    assert_allclose(analysis.head_.coef, model.coef_ / scale, atol=1e-3)
    assert set(analysis.ranking_[:3]) == {1, 2, 3}


# --- what changes nothing ------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows(seed):
    analysis, A, y = fitted(seed, random_state=0)
    order = np.random.default_rng(seed).permutation(60)
    other = clone(analysis).fit(A[order], y[order])
    # The curve takes maps of at most 100 samples: here, all.
    assert_same(other, analysis, leave_out=["outlier_scores_"])
    assert_allclose(other.outlier_scores_, analysis.outlier_scores_[order])


def test_names_of_classes():
    analysis, A, y = fitted(random_state=0)
    names = {"a": 30, "b": 10, "c": 20}
    head = analysis.head_
    renamed = Head(head.coef, head.intercept, (30, 10, 20), "logistic")
    other = clone(analysis).set_params(head=renamed)
    other.fit(A, [names[name] for name in y])
    assert_same(other, analysis)
    assert_array_equal(other.activation_maps(A, 10), analysis.activation_maps(A, "b"))


def test_permuted_channels_permute_features():
    analysis, A, y = fitted(random_state=0)
    order = np.random.default_rng(0).permutation(6)
    head = analysis.head_
    permuted = Head(head.coef[:, order], head.intercept, head.classes, "logistic")
    other = clone(analysis).set_params(head=permuted).fit(A[:, order], y)
    assert_array_equal(other.ranking_, analysis.ranking_[order])
    assert_allclose(other.importance_, analysis.importance_[:, order])
    assert_allclose(other.intensity_range_, analysis.intensity_range_)
    assert_allclose(other.activation_maps(A[:, order]), analysis.activation_maps(A))


def test_units_of_channels_with_the_inverse_head():
    analysis, A, y = fitted(random_state=0)
    units = np.geomspace(1e-4, 1e4, 6)
    head = analysis.head_
    scaled = Head(head.coef / units, head.intercept, head.classes, "logistic")
    other = clone(analysis).set_params(head=scaled)
    other.fit(A * units[:, None, None], y)
    assert_same(other, analysis)


def test_a_constant_feature_adds_the_same_everywhere():
    analysis, A, y = fitted(random_state=0)
    head = analysis.head_
    wide = np.concatenate([A, np.full((60, 1, 5, 4), 2.0)], axis=1)
    coef = np.hstack([head.coef, np.full((3, 1), 0.25)])
    other = clone(analysis).set_params(
        head=Head(coef, head.intercept - 0.5, head.classes, "logistic")
    )
    other.fit(wide, y)
    assert_allclose(other.importance_[:, :6], analysis.importance_)
    assert_allclose(other.importance_[:, 6], 0.5)
    assert_allclose(other.importance_difference_[:, 6], 0.0, atol=1e-12)
    assert other.ranking_[6] == 7 and other.redundancy_["carries_nothing"].iloc[6]
    assert_allclose(other.intensity_range_, analysis.intensity_range_ + 0.5)
    assert_allclose(other.activation_maps(wide), analysis.activation_maps(A), atol=1e-6)


def test_two_rows_of_opposite_sign_are_one_row():
    A, labels, weights, intercept = make_maps(0, n_classes=2)
    row, at = weights[1] - weights[0], intercept[1] - intercept[0]
    one = IntegratedFeatureAnalysis((row, at), random_state=0).fit(A, labels)
    two = IntegratedFeatureAnalysis((np.stack([-row, row]), [-at, at]), random_state=0)
    assert_same(two.fit(A, labels), one)
    assert one.importance_.shape == (2, 6)


def test_pooled_activations_give_what_maps_give():
    analysis, A, y = fitted(random_state=0)
    pooled = clone(analysis).fit(A.mean(axis=(2, 3)), y)
    of_maps = ["intensity_range_", "performance_curve_"]
    assert_same(pooled, analysis, leave_out=of_maps)


def test_fitting_again_forgets_names_of_features():
    analysis, A, y = fitted()
    table = pd.DataFrame(A.mean(axis=(2, 3)), columns=list("uvwxyz"))
    analysis.fit(table, y)
    assert list(analysis.feature_names_in_) == list("uvwxyz")
    analysis.fit(A, y)
    assert not hasattr(analysis, "feature_names_in_")


# --- a transformer -------------------------------------------------------------------


@pytest.mark.parametrize("ranking", ["difference", "importance"])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 1.0])
def test_ratio_and_ranking_choose_the_features(ranking, ratio):
    analysis, A, _ = fitted(ranking=ranking, ratio=ratio)
    scores = {
        "difference": np.abs(analysis.importance_difference_).max(axis=0),
        "importance": np.abs(analysis.importance_overall_),
    }[ranking]
    n_kept = max(1, int(np.ceil(6 * ratio)))
    expected = np.sort(np.argsort(-scores)[:n_kept])
    assert_array_equal(analysis.get_support(indices=True), expected)
    assert_array_equal(analysis.transform(A), A[:, expected])
    pooled = A.mean(axis=(2, 3))
    assert_array_equal(analysis.transform(pooled), pooled[:, expected])
    names = [f"x{i}" for i in expected]
    assert list(analysis.get_feature_names_out()) == names


def test_set_output_names_the_features():
    analysis, A, y = fitted(ratio=0.5)
    table = pd.DataFrame(A.mean(axis=(2, 3)), columns=list("uvwxyz"))
    analysis.set_output(transform="pandas").fit(table, y)
    kept = analysis.transform(table)
    assert list(kept) == list(np.array(list("uvwxyz"))[analysis.get_support()])
    assert list(kept) == list(analysis.get_feature_names_out())
    pd.testing.assert_frame_equal(kept, table[list(kept)])


def test_before_a_classifier_in_a_pipeline_and_a_grid_search():
    A, labels, *_ = make_maps(0, n=90, n_features=12)
    pooled = A.mean(axis=(2, 3))
    pipeline = make_pipeline(
        IntegratedFeatureAnalysis(random_state=0), LogisticRegression(max_iter=1000)
    )
    assert pipeline.fit(pooled, labels).score(pooled, labels) > 0.9
    assert pipeline[-1].coef_.shape == (3, 3)
    ratios = {"integratedfeatureanalysis__ratio": [0.05, 0.25]}
    search = GridSearchCV(pipeline, ratios, cv=3).fit(pooled, labels)
    assert search.best_params_ == {"integratedfeatureanalysis__ratio": 0.25}
    assert search.best_score_ > 0.9


def test_a_table_as_labels():
    analysis, A, y = fitted(random_state=0)
    table = pd.DataFrame({"patient": np.arange(60) // 2, "disease": y, "site": 1})
    other = clone(analysis).set_params(target="disease", groups="patient")
    assert_same(other.fit(A, table), analysis)
    polars = pytest.importorskip("polars")
    other = clone(other).fit(A, polars.DataFrame(table.to_dict("list")))
    assert_same(other, analysis)
