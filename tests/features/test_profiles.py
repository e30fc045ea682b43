"""Outliers among samples and redundant features: planted ones and none."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_wsca._features.profiles import (
    find_redundancy,
    outlier_scores,
    outlier_threshold,
)
from tests.reference import loop_outlier_scores


def make_contributions(seed, n=300, n_features=20):
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % 3
    scale = np.geomspace(1e-3, 1e3, n_features)
    means = rng.normal(4.0, 3.0, (3, n_features))
    return (rng.standard_normal((n, n_features)) + means[classes]) * scale, classes


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_a_null_are_about_one(seed):
    scores = outlier_scores(*make_contributions(seed))
    assert_allclose(np.median(scores), 1.0)
    assert scores.max() < 2.0 and scores.min() > 0.4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("feature", [0, 19])
def test_a_planted_outlier_has_the_largest_score(seed, feature):
    contributions, classes = make_contributions(seed)
    unit = contributions[classes == classes[7], feature].std()
    contributions[7, feature] += 15.0 * unit
    scores = outlier_scores(contributions, classes)
    assert scores.argmax() == 7 and scores[7] > outlier_threshold(scores)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_a_loop_over_samples_and_features(seed):
    contributions, classes = make_contributions(seed, n=30, n_features=4)
    contributions[:, 2] = np.maximum(contributions[:, 2] - 9.0, 0.0)
    expected = loop_outlier_scores(contributions, classes)
    assert_allclose(outlier_scores(contributions, classes), expected)


def sparse_features(seed, n=490, n_features=128):
    """Mostly 0, as behind a ReLU, with correlated features and heavy tails."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 10, n)
    shared = rng.standard_normal((n, 30)) @ rng.normal(0.0, 0.25, (30, n_features))
    drive = rng.normal(0.0, 1.2, (10, n_features))[classes] + shared - 2.5
    pooled = np.maximum(drive + rng.standard_t(4, (n, n_features)), 0.0)
    return pooled * np.geomspace(0.1, 10.0, n_features), classes, rng


@pytest.mark.parametrize("seed", range(4))
def test_outliers_among_sparse_features_are_in_the_top_5_percent(seed):
    """Ten samples have each feature of another sample, and large ones among them."""
    pooled, classes, rng = sparse_features(seed)
    assert np.mean(np.median(pooled, axis=0) == 0.0) > 0.9
    usual = outlier_scores(pooled, classes)
    assert np.mean(usual > outlier_threshold(usual)) <= 0.02
    planted = rng.choice(len(pooled), 10, replace=False)
    n, n_features = pooled.shape
    mixed = pooled[rng.integers(0, n, (10, n_features)), np.arange(n_features)]
    large = rng.random((10, n_features)) < 0.1
    pooled[planted] = mixed + 4.0 * pooled.std(axis=0) * large
    scores = outlier_scores(pooled, classes)
    ranks = np.argsort(np.argsort(-scores))[planted]
    assert (ranks < 0.05 * n).all()
    assert (scores[planted] > outlier_threshold(scores)).mean() >= 0.6


def test_a_noisy_class_is_no_class_of_outliers():
    contributions, classes = make_contributions(0)
    means = np.array([np.median(contributions[classes == k], axis=0) for k in range(3)])
    noisy = classes == 2
    contributions[noisy] += 4.0 * (contributions - means[classes])[noisy]
    scores = outlier_scores(contributions, classes)
    assert np.median(scores[noisy]) < 1.3


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_features_that_are_constant_up_to_rounding_do_not_count(value):
    contributions, classes = make_contributions(2)
    scores = outlier_scores(contributions, classes)
    rng = np.random.default_rng(0)
    constant = value * (1.0 + 1e-15 * rng.standard_normal((300, 1)))
    with_constant = np.hstack([contributions, constant])
    assert_allclose(outlier_scores(with_constant, classes), scores)
    alone = outlier_scores(np.full((300, 2), value), classes)
    assert_array_equal(alone, 0.0)


def test_classes_of_fewer_than_three_samples_have_no_score():
    contributions, _ = make_contributions(3, n=10)
    scores = outlier_scores(contributions, np.array([0] * 8 + [1] * 2))
    assert np.isfinite(scores[:8]).all() and np.isnan(scores[8:]).all()


@pytest.mark.parametrize("seed", range(4))
def test_independent_features_are_neither_dead_nor_linked(seed):
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1e-2, 1e2, 30)
    pooled = rng.standard_normal((200, 30)) * scale + rng.normal(5.0, 3.0, 30)
    weights = rng.standard_normal((4, 30)) / scale
    found = find_redundancy(pooled, weights)
    assert_allclose(found["variance_share"].sum(), 1.0)
    assert not found["carries_nothing"].any()
    assert (found["group"] == -1).all()


@pytest.mark.parametrize("seed", range(4))
def test_dead_and_repeated_features_are_found(seed):
    rng = np.random.default_rng(seed)
    pooled = rng.gamma(2.0, 1.0, (200, 12))
    pooled[:, 3] = 0.0
    pooled[:, 4] = 7.1  # Never changes.
    pooled[:, 6] = -250.0 * pooled[:, 5] + 40.0
    noise = pooled[:, 8].std() * rng.standard_normal((200, 2))
    pooled[:, [9, 10]] = 3.0 * pooled[:, [8]] + 0.3 * noise
    weights = rng.standard_normal((3, 12)) / np.maximum(pooled.std(axis=0), 1e-9)
    weights[:, 2] = 0.7  # The same for all classes: it changes no decision.
    weights[:, 3:5] = 1.0, 2.0
    found = find_redundancy(pooled, weights)
    assert_array_equal(np.flatnonzero(found["carries_nothing"]), [2, 3, 4])
    groups = found["group"].to_numpy()
    assert groups[5] == groups[6] == 0 and groups[8] == groups[9] == groups[10] == 1
    assert_array_equal(np.flatnonzero(groups == -1), [0, 1, 2, 3, 4, 7, 11])


def test_correlations_just_below_the_limit_do_not_link():
    rng = np.random.default_rng(0)
    a, b = np.linalg.qr(rng.standard_normal((400, 2)) - 0.0)[0].T
    a, b = a - a.mean(), b - b.mean()
    b = b - a * (a @ b) / (a @ a)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    for correlation, linked in ((0.949, False), (0.951, True)):
        other = correlation * a + np.sqrt(1 - correlation**2) * b
        found = find_redundancy(np.c_[a + 3.0, other - 9.0], np.eye(2))
        assert (found["group"] == 0).all() == linked


def test_shares_do_not_hang_on_units_or_a_vector_added_to_all_rows():
    rng = np.random.default_rng(1)
    pooled, weights = rng.gamma(2.0, 1.0, (90, 6)), rng.standard_normal((3, 6))
    share = find_redundancy(pooled, weights)["variance_share"]
    units = np.geomspace(1e-3, 1e3, 6)
    scaled = find_redundancy(pooled * units, weights / units)
    assert_allclose(scaled["variance_share"], share)
    shifted = find_redundancy(pooled, weights + rng.standard_normal(6))
    assert_allclose(shifted["variance_share"], share)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_nothing_varies(value):
    found = find_redundancy(np.full((90, 4), value), np.eye(2, 4))
    assert_array_equal(found["variance_share"], 0.0)
    assert found["carries_nothing"].all() and (found["group"] == -1).all()


def test_a_single_row_counts_as_it_is():
    rng = np.random.default_rng(0)
    pooled = rng.standard_normal((50, 3)) + 2.0
    found = find_redundancy(pooled, np.array([[1.0, 2.0, 0.0]]))
    expected = pooled.var(axis=0) * [1.0, 4.0, 0.0]
    assert_allclose(found["variance_share"], expected / expected.sum())
    assert_array_equal(found["carries_nothing"], [False, False, True])
