"""Contributions, importance and ranking, against loops over samples and features."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._features.contributions import (
    class_head,
    keep_top,
    measure_importance,
    own_contributions,
    predict_rows,
    rank_features,
)
from sklearn_wsca._features.maps import FeatureMaps, pool_maps
from tests.reference import loop_contributions, loop_importance, make_maps

SPATIAL = [(), (7,), (5, 4), (3, 4, 2)]


def rows_of(weights, intercept, names=None):
    names = tuple(range(len(weights))) if names is None else names
    return Head(weights, intercept, names, "logistic")


def study(seed=0, **options):
    A, labels, weights, intercept = make_maps(seed, **options)
    return A, labels, rows_of(weights, intercept), pool_maps(FeatureMaps.of(A))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spatial", SPATIAL)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint8])
def test_contributions_add_up_to_the_score_less_the_intercept(spatial, seed, dtype):
    A, labels, weights, intercept = make_maps(seed, spatial=spatial)
    A = A.clip(0).astype(dtype)
    rows, pooled = rows_of(weights, intercept), pool_maps(FeatureMaps.of(A))
    exact = A.astype(np.float64).reshape(60, 6, -1).mean(axis=2)
    scores = exact @ weights.T + intercept
    own = own_contributions(rows, pooled, labels)
    expected = (scores - intercept)[np.arange(60), labels]
    assert_allclose(own.sum(axis=1), expected, rtol=1e-6, atol=1e-6)
    slow = loop_contributions(A, weights)[np.arange(60), labels]
    assert_allclose(own, slow, rtol=1e-6, atol=1e-6)
    assert np.abs(own).mean() > 0.1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spatial", SPATIAL)
def test_importance_is_that_of_a_loop_over_correct_samples(spatial, seed):
    A, labels, rows, pooled = study(seed, spatial=spatial, planted=1.0)
    by_class, overall, n_correct = loop_importance(A, labels, rows.coef, rows.intercept)
    found = measure_importance(rows, pooled, labels)
    assert_allclose(found.by_class, by_class, rtol=1e-10)
    assert_allclose(found.overall, overall, rtol=1e-10)
    assert_allclose(found.difference, by_class - overall, rtol=1e-8, atol=1e-12)
    assert_array_equal(found.n_correct, n_correct)


def test_some_samples_of_these_studies_are_misclassified():
    """Otherwise the loop over correct samples would not tell them apart."""
    counts = []
    for seed in range(4):
        _, labels, rows, pooled = study(seed, spatial=(), planted=1.0)
        counts.append(measure_importance(rows, pooled, labels).n_correct.sum())
    assert min(counts) > 20 and max(counts) < 60


def test_misclassified_samples_do_not_count():
    _, labels, rows, pooled = study(1)
    before = measure_importance(rows, pooled, labels)
    with_wrong = np.vstack([pooled, 50.0 * pooled])
    predicted = rows.outputs(with_wrong).argmax(axis=1)
    labels_of_all = np.r_[labels, (predicted[60:] + 1) % 3]
    after = measure_importance(rows, with_wrong, labels_of_all)
    assert_allclose(after.by_class, before.by_class)
    assert_allclose(after.overall, before.overall)
    assert before.n_correct.sum() > 40


@pytest.mark.parametrize("seed", range(3))
def test_a_class_without_a_correct_sample_is_nan_and_named(seed):
    A, labels, rows, pooled = study(seed)
    never = rows.intercept - np.array([0.0, 1e6, 0.0])
    rows = rows_of(rows.coef, never, ("cyst", "fibroma", "none"))
    with pytest.warns(UserWarning, match=r"'fibroma'.* classified correctly.* NaN"):
        found = measure_importance(rows, pooled, labels)
    assert np.isnan(found.by_class[1]).all() and np.isnan(found.difference[1]).all()
    assert np.isfinite(found.by_class[[0, 2]]).all()
    assert np.isfinite(found.overall).all() and found.n_correct[1] == 0
    expected = loop_importance(A, labels, rows.coef, never)
    assert_allclose(found.overall, expected[1], rtol=1e-10)


def test_the_warning_names_only_empty_classes_and_points_at_the_caller():
    A, labels, weights, intercept = make_maps(0)
    head = Head(weights, intercept - [0, 0, 1e6], ("a", "b", "c"), "logistic")
    y = np.array(["a", "b", "c"])[labels]
    with pytest.warns(UserWarning, match=r"classes \['c'\]") as caught:
        fitted = IntegratedFeatureAnalysis(head).fit(A, y)
    assert caught[0].filename == __file__
    assert np.isnan(fitted.importance_[2]).all()
    assert np.isfinite(fitted.ranking_).all()


def test_no_correct_sample_at_all_gives_no_number():
    _, _, rows, pooled = study(0)
    predicted = rows.outputs(pooled).argmax(axis=1)
    with pytest.warns(UserWarning, match=r"\[0, 1, 2\]"):
        found = measure_importance(rows, pooled, (predicted + 1) % 3)
    assert np.isnan(found.overall).all() and np.isnan(found.by_class).all()


def test_all_classes_correct_gives_no_warning():
    _, labels, rows, pooled = study(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure_importance(rows, pooled, labels)
    assert (found.n_correct > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_numbers_change_with_one_standard_deviation_of_the_target(seed):
    A, _, weights, _ = make_maps(seed)
    pooled = pool_maps(FeatureMaps.of(A))
    y = np.random.default_rng(seed).normal(70.0, 9.0, 60) + 4.0 * pooled[:, 0]
    rows = Head(weights[:1], np.zeros(1), None, "ridge")
    found = measure_importance(rows, pooled, y)
    contributions = loop_contributions(A, weights[:1])[:, 0]
    assert_allclose(found.overall, contributions.mean(axis=0), rtol=1e-10)
    assert_allclose(found.by_class[0], found.overall)
    slopes = [np.polyfit(y, column, 1)[0] * y.std() for column in contributions.T]
    assert_allclose(found.difference[0], slopes, rtol=1e-8, atol=1e-12)
    assert_array_equal(found.n_correct, [60])
    assert np.abs(found.difference).max() > 0.01


def test_labels_of_one_value_have_no_change():
    rows = Head(np.ones((1, 2)), np.zeros(1), None, "ridge")
    with pytest.raises(ValueError, match=r"^y: all 5 labels are 3\.5; .* differ"):
        measure_importance(rows, np.ones((5, 2)), np.full(5, 3.5))


@pytest.mark.parametrize("seed", range(3))
def test_importance_does_not_hang_on_the_order_of_rows_or_channels(seed):
    _, labels, rows, pooled = study(seed)
    rng = np.random.default_rng(seed)
    by, columns = rng.permutation(60), rng.permutation(6)
    before = measure_importance(rows, pooled, labels)
    after = measure_importance(rows, pooled[by], labels[by])
    assert_allclose(after.by_class, before.by_class, rtol=1e-12)
    permuted = rows_of(rows.coef[:, columns], rows.intercept)
    after = measure_importance(permuted, pooled[:, columns], labels)
    assert_allclose(after.difference, before.difference[:, columns], atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_units_of_features_cancel_in_contributions(seed):
    _, labels, rows, pooled = study(seed)
    units = np.geomspace(1e-6, 1e6, 6)
    other = rows_of(rows.coef / units, rows.intercept)
    before = measure_importance(rows, pooled, labels)
    after = measure_importance(other, pooled * units, labels)
    assert_allclose(after.by_class, before.by_class, rtol=1e-10)


def test_a_constant_feature_distinguishes_no_class():
    _, labels, rows, pooled = study(0)
    pooled[:, 4] = 7.0
    weights = rows.coef.copy()
    weights[:, 4] = 0.5
    found = measure_importance(rows_of(weights, rows.intercept), pooled, labels)
    assert_allclose(found.by_class[:, 4], 3.5)
    assert_allclose(found.difference[:, 4], 0.0, atol=1e-12)
    assert np.abs(found.difference[:, :3]).max(axis=0).min() > 0.1


def test_a_single_row_speaks_against_the_first_of_two_classes():
    head = Head(np.array([[1.0, -2.0]]), np.array([0.5]), ("a", "b"), "logistic")
    rows = class_head(head, head.classes)
    pooled = np.array([[3.0, 1.0], [0.0, 4.0]])
    assert_allclose(rows.outputs(pooled), [[-1.5, 1.5], [7.5, -7.5]])
    assert_array_equal(predict_rows(rows, pooled), [1, 0])


def test_the_predicted_row_is_that_of_the_largest_score():
    _, _, rows, pooled = study(0, planted=0.5)
    predicted = predict_rows(rows, pooled)
    assert_array_equal(predicted, rows.outputs(pooled).argmax(axis=1))
    assert len(np.unique(predicted)) == 3


def test_ranks_and_shares():
    ranks = rank_features(np.array([0.5, 2.0, 0.5, 3.0, 0.0]))
    assert_array_equal(ranks, [3, 2, 4, 1, 5])
    assert_array_equal(keep_top(ranks, 0.4), [False, True, False, True, False])
    assert keep_top(ranks, 0.41).sum() == 3
    assert keep_top(ranks, 1e-9).sum() == 1
    assert keep_top(ranks, 1.0).all()
    assert keep_top(rank_features(np.arange(40.0)), 0.1).sum() == 4
