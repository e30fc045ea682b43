"""Contributions, importance and ranking, against loops over samples and features."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._features.contributions import (
    keep_top,
    measure_importance,
    own_contributions,
    rank_features,
    score_features,
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
    with pytest.warns(UserWarning, match="^no sample of the classes 'c' is") as caught:
        fitted = IntegratedFeatureAnalysis(head).fit(A, y)
    assert caught[0].filename == __file__
    assert np.isnan(fitted.importance_[2]).all()
    assert np.isfinite(fitted.ranking_).all()


def test_classes_without_samples_are_counted():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((1000, 20))
    head = Head(weights, np.zeros(1000), tuple(range(1000)), "logistic")
    pooled = rng.standard_normal((90, 20)) * np.geomspace(0.1, 10.0, 20)
    labels = head.outputs(pooled).argmax(axis=1)
    n_absent = 1000 - len(np.unique(labels))
    message = rf"^there is no sample of the classes .* and {n_absent - 5} more, so"
    with pytest.warns(UserWarning, match=message) as caught:
        measure_importance(head, pooled, labels)
    assert len(str(caught[0].message)) < 200


def test_no_correct_sample_at_all_gives_no_number():
    _, _, rows, pooled = study(0)
    predicted = rows.outputs(pooled).argmax(axis=1)
    with pytest.warns(UserWarning, match="classes 0, 1, 2 is classified"):
        found = measure_importance(rows, pooled, (predicted + 1) % 3)
    assert np.isnan(found.overall).all() and np.isnan(found.by_class).all()


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
def test_confident_samples_count_more(seed):
    A, labels, rows, pooled = study(seed)
    found = measure_importance(rows, pooled, labels, "confidence")
    contributions = loop_contributions(A, rows.coef)
    scores = contributions.sum(axis=2) + rows.intercept
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for k in range(3):
        own = (labels == k) & (scores.argmax(axis=1) == k)
        mean = np.average(contributions[own, k], axis=0, weights=chances[own, k])
        assert_allclose(found.by_class[k], mean, rtol=1e-8)
    equal = measure_importance(rows, pooled, labels)
    assert np.abs(found.by_class - equal.by_class).max() > 1e-3
    assert_array_equal(found.n_correct, equal.n_correct)


def scores_by(by, rows, pooled, labels, share=0.5):
    importance = measure_importance(rows, pooled, labels)
    return score_features(rows, pooled, labels, importance, by, share)


@pytest.mark.parametrize("seed", range(3))
def test_features_are_scored_by_single_samples(seed):
    A, labels, rows, pooled = study(seed)
    contributions = np.abs(loop_contributions(A, rows.coef))
    correct = rows.outputs(pooled).argmax(axis=1) == labels
    largest, frequency = np.zeros((2, 3, 6))
    for i in np.flatnonzero(correct):
        sizes = contributions[i, labels[i]]
        largest[labels[i]] = np.maximum(largest[labels[i]], sizes)
        frequency[labels[i], np.argsort(-sizes)[:3]] += 1
    n_correct = np.bincount(labels[correct])
    by_class, overall = scores_by("largest", rows, pooled, labels)
    assert_allclose(by_class, largest, rtol=1e-8)
    assert_allclose(overall, largest.max(axis=0), rtol=1e-8)
    by_class, overall = scores_by("frequency", rows, pooled, labels)
    assert_allclose(by_class, frequency / n_correct[:, None])
    assert_allclose(overall, frequency.sum(axis=0) / correct.sum())
    assert len(np.unique(overall)) > 2


def test_one_sample_decides_the_largest_and_not_the_frequency():
    _, labels, rows, pooled = study(0)
    correct = rows.outputs(pooled).argmax(axis=1) == labels
    one = np.flatnonzero(correct & (labels == 2))[0]
    odd = pooled.copy()
    odd[one, 5] += 1e3 * np.sign(rows.coef[2, 5])
    assert scores_by("largest", rows, odd, labels)[0][2].argmax() == 5
    found = scores_by("frequency", rows, odd, labels)[0][2]
    assert found.argmax() == 2 and found[5] < 1.0


def test_features_that_are_silent_are_not_frequent():
    _, labels, rows, pooled = study(0)
    silent = pooled * [1, 1, 1, 0, 0, 0]
    labels = rows.outputs(silent).argmax(axis=1)
    overall = scores_by("frequency", rows, silent, labels, 1.0)[1]
    assert_array_equal(overall, [1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("by", ["largest", "frequency"])
def test_scores_of_classes_without_a_correct_sample_and_of_numbers(by):
    _, labels, rows, pooled = study(0)
    never = rows_of(rows.coef, rows.intercept - np.array([0.0, 1e6, 0.0]))
    with pytest.warns(UserWarning, match="classified correctly"):
        by_class, overall = scores_by(by, never, pooled, labels)
    assert np.isnan(by_class[1]).all() and np.isfinite(by_class[[0, 2]]).all()
    assert np.isfinite(overall).all()
    number = Head(rows.coef[:1], np.zeros(1), None, "ridge")
    by_class, overall = scores_by(by, number, pooled, pooled[:, 0])
    assert_array_equal(by_class[0], overall)
    sizes = np.abs(pooled * rows.coef[0])
    top = np.argsort(-sizes, axis=1)[:, :3]
    expected = {
        "largest": sizes.max(axis=0),
        "frequency": np.bincount(top.ravel(), minlength=6) / 60,
    }
    assert_allclose(overall, expected[by])


def test_ranks_and_shares():
    ranks = rank_features(np.array([0.5, 2.0, 0.5, 3.0, 0.0]))
    assert_array_equal(ranks, [3, 2, 4, 1, 5])
    assert_array_equal(keep_top(ranks, 0.4), [False, True, False, True, False])
    assert keep_top(ranks, 0.41).sum() == 3
    assert keep_top(ranks, 1e-9).sum() == 1
    assert keep_top(ranks, 1.0).all()
    assert keep_top(rank_features(np.arange(40.0)), 0.1).sum() == 4
