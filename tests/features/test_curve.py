"""Performance with a part of the features: planted and even information, AUROC."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._features.curve import (
    MOST_MAPS,
    Decomposition,
    correlate,
    mean_auroc,
    measure_curve,
    smallest_share,
    spread,
)
from sklearn_wsca._features.maps import FeatureMaps, pool_maps
from tests.reference import loop_auroc, make_maps


def planted_study(seed, n_features=40):
    """Three of 40 features tell the classes, at places that differ by seed."""
    A, labels, weights, intercept = make_maps(seed, n=150, n_features=n_features)
    order = np.random.default_rng(seed).permutation(n_features)
    return A[:, order], labels, (weights[:, order], intercept), np.argsort(order)[:3]


def even_study(seed, n_features=40, n=600):
    """Every feature tells as much as any other, and each very little."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    scale = np.geomspace(0.1, 10.0, n_features)
    signs = np.where(np.arange(n_features) % 2, 1.0, -1.0)
    shift = 0.32 * (labels[:, None] - 0.5) * signs
    pooled = (rng.standard_normal((n, n_features)) + shift) * scale + 3.0
    weights = signs / scale
    return pooled, labels, (weights, -np.sum(3.0 * weights))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ranking", ["difference", "importance"])
def test_planted_features_are_ranked_first_and_few_are_enough(seed, ranking):
    A, labels, head, planted = planted_study(seed)
    analysis = IntegratedFeatureAnalysis(head, ranking=ranking, ratio=3 / 40)
    analysis.set_params(random_state=0).fit(A, labels)
    if ranking == "difference":
        assert set(analysis.get_support(indices=True)) == set(planted)
        assert analysis.smallest_share_ <= 0.1
    curve = analysis.performance_curve_
    measures = ["accuracy", "balanced_accuracy", "auroc", "map_agreement"]
    assert {"share", *measures} <= set(curve)
    whole = curve.iloc[-1]
    assert whole["share"] == 1.0 and whole["accuracy"] > 0.95
    assert_allclose(whole["map_agreement"], 1.0, atol=1e-9)
    random = whole.filter(like="_random").to_numpy()
    assert_allclose(random, whole[measures], atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_random_features_are_worse_than_planted_ones(seed):
    A, labels, head, _ = planted_study(seed)
    curve = IntegratedFeatureAnalysis(head, random_state=seed).fit(A, labels)
    few = curve.performance_curve_.query("0.05 < share < 0.3")
    assert len(few) > 3
    for name in ("accuracy", "auroc", "map_agreement"):
        assert (few[name] > few[f"{name}_random"] + 0.1).all()


@pytest.mark.parametrize("seed", range(4))
def test_even_information_gives_no_early_plateau_and_no_lead(seed):
    pooled, labels, head = even_study(seed)
    analysis = IntegratedFeatureAnalysis(head, random_state=0).fit(pooled, labels)
    curve = analysis.performance_curve_
    assert curve["accuracy"].iloc[-1] > 0.7
    assert analysis.smallest_share_ > 0.35
    few = curve.query("share < 0.3")
    assert (few["accuracy"] < 0.95 * curve["accuracy"].iloc[-1]).all()
    assert (few["accuracy"] - few["accuracy_random"]).mean() < 0.08


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_auroc_is_that_of_scikit_learn_and_of_pairs(seed, n_classes):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, 90)
    # Rounded, so that there are ties.
    outputs = (rng.standard_normal((90, n_classes)) * [3.0] + 5.0).round(1)
    outputs[np.arange(90), labels] += 1.0
    centred = (outputs - outputs.mean(axis=1, keepdims=True)).round(9)
    by_class = [roc_auc_score(labels == k, centred[:, k]) for k in range(n_classes)]
    by_pairs = [loop_auroc(centred[:, k], labels == k) for k in range(n_classes)]
    assert_allclose(by_pairs, by_class, rtol=1e-12)
    assert_allclose(mean_auroc(centred, labels), np.mean(by_class), atol=1e-3)
    smooth = outputs + 1e-3 * rng.standard_normal(outputs.shape)
    centred = smooth - smooth.mean(axis=1, keepdims=True)
    by_class = [roc_auc_score(labels == k, centred[:, k]) for k in range(n_classes)]
    assert_allclose(mean_auroc(smooth, labels), np.mean(by_class), rtol=1e-12)


def test_classes_that_do_not_occur_do_not_count():
    rng = np.random.default_rng(1)
    outputs, labels = rng.standard_normal((40, 4)), rng.integers(0, 2, 40)
    centred = outputs - outputs.mean(axis=1, keepdims=True)
    expected = [roc_auc_score(labels == k, centred[:, k]) for k in range(2)]
    assert_allclose(mean_auroc(outputs, labels), np.mean(expected), rtol=1e-12)
    assert np.isnan(mean_auroc(outputs, np.zeros(40, dtype=int)))


@pytest.mark.parametrize("seed", range(3))
def test_correlation_is_that_of_numpy(seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((4, 30)) * [[1e-9], [1.0], [1e9], [3.0]] + 5.0
    b = a + rng.standard_normal((4, 30))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    assert_allclose(correlate(a, b), expected, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3e6])
def test_correlation_with_a_constant_is_no_number(value):
    rng = np.random.default_rng(0)
    other = rng.standard_normal((1, 37))
    constant = np.full((1, 37), value)
    constant[0, 3] = np.nextafter(value, np.inf) if value else 0.0
    assert np.isnan(correlate(other, constant)).all()
    assert np.isnan(correlate(constant, other)).all()
    assert np.isfinite(correlate(other, other)).all()


def slow_outputs(A, labels, weights, intercept, kept, fill):
    """The score of each class from its own features, everything computed anew."""
    pooled = A.reshape(*A.shape[:2], -1).mean(axis=2)
    means = [pooled[labels == k].mean(axis=0) for k in np.unique(labels)]
    held = np.mean(means, axis=0) if fill == "mean" else 0.0 * pooled[0]
    columns = [
        np.where(own, pooled, held) @ row + offset
        for row, own, offset in zip(weights, kept, intercept, strict=True)
    ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("fill", ["zero", "mean"])
@pytest.mark.parametrize("seed", range(3))
def test_every_point_of_the_curve_is_what_a_head_without_the_rest_gives(seed, fill):
    A, labels, weights, intercept = make_maps(seed, planted=1.0, n_features=9)
    A, labels = A[10:], labels[10:]  # So that classes are not equally many.
    rows = Head(weights, intercept, (0, 1, 2), "logistic")
    maps = FeatureMaps.of(A)
    found = Decomposition.of(rows, pool_maps(maps), labels, maps, fill)
    rng = np.random.default_rng(seed)
    ranks = np.array([rng.permutation(9) + 1 for _ in range(3)])
    curve = measure_curve(found, ranks, 0)
    assert_array_equal(curve.index, np.arange(1, 10))
    predicted = (A.mean(axis=(2, 3)) @ weights.T + intercept).argmax(axis=1)
    own = weights[predicted]
    full = np.einsum("nc,nchw->nhw", own, A)
    for size, row in curve.iterrows():
        kept = ranks <= size
        outputs = slow_outputs(A, labels, weights, intercept, kept, fill)
        part = np.einsum("nc,nchw->nhw", own * kept[predicted], A)
        agreement = [
            np.corrcoef(a.ravel(), b.ravel())[0, 1]
            for a, b in zip(full, part, strict=True)
        ]
        decided = outputs.argmax(axis=1)
        accuracy = np.mean(decided == labels)
        assert_allclose(row["accuracy"], accuracy, atol=1e-12)
        balanced = balanced_accuracy_score(labels, decided)
        assert_allclose(row["balanced_accuracy"], balanced, atol=1e-12)
        assert_allclose(row["auroc"], mean_auroc(outputs, labels), atol=1e-9)
        assert_allclose(row["map_agreement"], np.mean(agreement), atol=1e-9)
    assert curve["accuracy"].nunique() >= 3


def many_classes(seed, n_classes=10, n_features=30):
    """Sparse features, one of which speaks for each class, and noise in all others."""
    rng = np.random.default_rng(seed)
    labels = np.arange(400) % n_classes
    pooled = np.maximum(rng.standard_normal((400, n_features)), 0.0)
    pooled[np.arange(400), labels] += 3.0
    weights = 0.4 * rng.standard_normal((n_classes, n_features))
    weights[np.arange(n_classes), np.arange(n_classes)] += 1.0
    scale = np.geomspace(0.1, 10.0, n_features)
    return pooled * scale, labels, (weights / scale, np.zeros(n_classes))


@pytest.mark.parametrize("seed", range(3))
def test_features_of_each_class_are_fewer_than_those_of_all(seed):
    pooled, labels, head = many_classes(seed)
    own, shared = (
        IntegratedFeatureAnalysis(head, decomposition=kind, random_state=0)
        .fit(pooled, labels)
        .performance_curve_["accuracy"]
        for kind in ("class", "shared")
    )
    assert (own[:5] > shared[:5]).all() and (own - shared)[:5].mean() > 0.15
    assert own.iloc[-1] == shared.iloc[-1]


def sparse_study(seed, counts, n_classes=20, n_features=64):
    """Sparse features of so many samples of each class, and the head of nearest means.

    Classes beyond those of `counts` have no sample.
    """
    rng = np.random.default_rng(seed)
    means = np.maximum(rng.standard_normal((n_classes, n_features)), 0.0)
    labels = np.repeat(np.arange(len(counts)), counts)
    noise = 4.0 * rng.standard_normal((len(labels), n_features))
    pooled = np.maximum(means[labels] + noise - 0.3, 0.0)
    centres = np.array(
        [
            np.maximum(mean + 4.0 * rng.standard_normal((100, n_features)), 0.0).mean(0)
            for mean in means
        ]
    )
    return pooled, labels, (0.3 * centres, -0.15 * (centres**2).sum(axis=1))


def gains(seed, counts, fill, n_classes=20):
    """What random parts, and the best part, have above all features; and all."""
    pooled, labels, head = sparse_study(seed, counts, n_classes)
    found = IntegratedFeatureAnalysis(head, fill=fill, random_state=seed)
    curve = found.fit(pooled, labels).performance_curve_
    whole = curve["balanced_accuracy"].iloc[-1]
    random, best = curve["balanced_accuracy_random"], curve["balanced_accuracy"]
    return random.max() - whole, best.max() - whole, whole


@pytest.mark.filterwarnings("ignore:there is no sample of the classes:UserWarning")
@pytest.mark.parametrize("fill", ["zero", "mean"])
@pytest.mark.parametrize(
    ("counts", "n_classes"),
    [([150, 150], 20), ([270, 30], 20), ([270, 30], 2), ([60] * 5, 20)],
)
def test_nothing_is_won_by_leaving_out_features_at_random(counts, n_classes, fill):
    """Not where classes are absent, nor where one is frequent."""
    found = np.array([gains(seed, counts, fill, n_classes) for seed in range(5)])
    random, best, whole = found.T
    assert (whole > 1.1 / len(counts)).all()
    assert random.max() < 0.02
    # The best of 16 parts is chosen by the same samples.
    assert best.mean() < 0.06


@pytest.mark.parametrize("fill", ["zero", "mean"])
@pytest.mark.parametrize("seed", range(3))
def test_noise_tells_three_of_ten_classes_by_chance(seed, fill):
    rng = np.random.default_rng(seed)
    pooled = rng.exponential(np.geomspace(0.1, 10.0, 30), (1500, 30))
    labels = np.repeat(np.arange(3), (1000, 250, 250))
    weights = rng.standard_normal((10, 30)) / np.geomspace(0.1, 10.0, 30)
    found = IntegratedFeatureAnalysis(
        (weights, np.zeros(10)), fill=fill, random_state=0
    )
    with pytest.warns(UserWarning, match="curve_ decides between the 3 others"):
        curve = found.fit(pooled, labels).performance_curve_
    assert_allclose(curve["balanced_accuracy_random"], 1 / 3, atol=0.05)


def test_a_single_class_leaves_nothing_to_decide():
    pooled, labels, head = sparse_study(0, [80])
    found = IntegratedFeatureAnalysis(head, random_state=0)
    with pytest.warns(UserWarning, match="curve_ is NaN, as there is a single other"):
        curve = found.fit(pooled, labels).performance_curve_
    assert curve.drop(columns="share").isna().all(axis=None)
    assert np.isnan(found.smallest_share_)


def test_a_number_is_scored_by_r2():
    A, _, weights, _ = make_maps(0, n=90)
    pooled = A.mean(axis=(2, 3))
    y = pooled @ weights[0] + 0.1 * np.random.default_rng(0).standard_normal(90)
    analysis = IntegratedFeatureAnalysis((weights[0], 0.0), random_state=0).fit(A, y)
    curve = analysis.performance_curve_
    assert_allclose(curve["r2"].iloc[-1], r2_score(y, pooled @ weights[0]))
    assert "accuracy" not in curve and 0 < analysis.smallest_share_ < 1
    head = weights[0], 1e3
    with_offset = IntegratedFeatureAnalysis(head, random_state=0).fit(A, y)
    assert np.isnan(with_offset.smallest_share_)


def test_with_means_features_may_have_any_zero():
    """Those at random; what a class contributes hangs on the zero, and so ranks do."""
    pooled, labels, (weights, _) = many_classes(0)
    curves = []
    for shift in (0.0, 50.0):
        head = weights, -(weights @ np.full(30, shift))
        found = IntegratedFeatureAnalysis(head, fill="mean", random_state=0)
        curve = found.fit(pooled + shift, labels).performance_curve_
        curves.append(curve.filter(like="_random"))
    assert_allclose(curves[0], curves[1], atol=1e-6)


def test_of_a_number_features_that_are_left_out_count_with_their_mean():
    rng = np.random.default_rng(0)
    pooled = rng.standard_normal((80, 5)) * np.geomspace(0.1, 10.0, 5) + 3.0
    weights = rng.standard_normal((1, 5))
    labels = pooled @ weights[0] + 7.0
    head = Head(weights, [7.0], None, "ridge")
    found = Decomposition.of(head, pooled, labels, FeatureMaps.of(pooled), "zero")
    kept = np.array([[True, False, True, False, False]])
    held = np.where(kept, pooled, pooled.mean(axis=0))
    expected = r2_score(labels, held @ weights[0] + 7.0)
    assert_allclose(found.performance(kept)["r2"], expected)


def test_pooled_activations_have_no_maps_to_agree():
    pooled, labels, head = even_study(0)
    analysis = IntegratedFeatureAnalysis(head, random_state=0).fit(pooled, labels)
    assert not analysis.performance_curve_.filter(like="map").columns.size


def test_the_seed_changes_the_random_features_only():
    A, labels, head, _ = planted_study(0)
    curves = [
        IntegratedFeatureAnalysis(head, random_state=seed)
        .fit(A, labels)
        .performance_curve_
        for seed in (0, 0, 1)
    ]
    assert curves[0].equals(curves[1])
    own = ["share", "accuracy", "balanced_accuracy", "auroc", "map_agreement"]
    assert curves[0][own].equals(curves[2][own])
    assert not curves[0].equals(curves[2])


def test_smallest_share_is_the_first_that_keeps_99_percent():
    share = [0.1, 0.2, 0.5, 1.0]
    curve = pd.DataFrame({"share": share, "balanced_accuracy": [0.5, 0.792, 0.7, 0.8]})
    assert smallest_share(curve) == 0.2
    curve["balanced_accuracy"] = [0.5, 0.79, 0.7, 0.8]
    assert smallest_share(curve) == 1.0
    curve["balanced_accuracy"] = 0.0
    assert np.isnan(smallest_share(curve))


def test_spread_rows_cover_the_samples_within_bounds():
    assert_array_equal(spread(5, 100), range(5))
    rows = spread(10_000, 100)
    assert len(rows) == 100 and rows[0] == 0 and rows[-1] == 9999
    assert len(spread(1000, MOST_MAPS, 10**9)) == 1
    assert np.diff(rows).min() > 90
