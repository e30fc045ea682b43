"""Activation maps on one scale: ranges, rescaling, batches, and awkward maps."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_wsca import IntegratedFeatureAnalysis
from sklearn_wsca._features import maps as maps_module
from sklearn_wsca._features.activation_scale import (
    check_shape,
    common_ranges,
    rescale,
    resize,
)
from sklearn_wsca._features.maps import FeatureMaps, survey_maps
from tests.reference import loop_activation_maps, loop_ranges, make_maps

SCALES = ["linear", "tanh"]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(maps_module, "BYTES_PER_READ", 11_000)
    monkeypatch.setattr(maps_module, "BYTES_PER_BLOCK", 3000)


def predicted(analysis, A):
    """Number of the class of the largest score."""
    pooled = A.reshape(*A.shape[:2], -1).mean(axis=2)
    return (pooled @ analysis.head_.coef.T + analysis.head_.intercept).argmax(axis=1)


def fitted(seed=0, dtype=np.float64, options=None, **parameters):
    A, labels, weights, intercept = make_maps(seed, **(options or {}))
    A = A.astype(dtype)
    analysis = IntegratedFeatureAnalysis((weights, intercept), **parameters)
    return analysis.fit(A, labels), A, labels


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("percentiles", [(1, 99), (0, 100), (10, 60.5)])
@pytest.mark.parametrize("spatial", [(7,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize("over", ["all", "class"])
def test_ranges_are_percentiles_of_stored_maps(seed, percentiles, spatial, over):
    options = {"spatial": spatial}
    chosen = {"percentiles": percentiles, "common_range": over}
    analysis, A, _ = fitted(seed, options=options, **chosen)
    expected = loop_ranges(
        A, analysis.head_.coef, percentiles, over, predicted(analysis, A)
    )
    assert_allclose(analysis.intensity_range_, expected, rtol=1e-10)
    assert (np.ptp(expected, axis=1) > 0.1).all()


def of_many_classes(seed, n_classes, n_features=16):
    """Maps that are strong in the features of their class, and its weights."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((n_classes, n_features))
    labels = rng.integers(0, n_classes, 200)
    strength = 2.0 * rng.random((200, 1, 4, 4))
    noise = 0.3 * rng.standard_normal((200, n_features))
    A = np.maximum(weights[labels] + noise, 0.0)[:, :, None, None] * strength
    return A, labels, weights


@pytest.mark.filterwarnings("ignore:.*so their importance is NaN:UserWarning")
@pytest.mark.parametrize("over", ["all", "class"])
@pytest.mark.parametrize("n_classes", [2, 30, 200])
@pytest.mark.parametrize("seed", range(2))
def test_the_predicted_class_has_room_among_many(seed, n_classes, over):
    """Of 200 classes it is half a percent of all maps, and the strongest of them."""
    A, labels, weights = of_many_classes(seed, n_classes)
    analysis = IntegratedFeatureAnalysis(weights, common_range=over).fit(A, labels)
    drawn = analysis.activation_maps(A)
    # A class of a single sample with a range of its own reaches its end.
    assert (drawn == 1.0).mean() < (0.02 if over == "all" else 0.05)
    assert over == "class" or np.unique(drawn.max(axis=(1, 2))).size > 150
    other = analysis.activation_maps(A, (labels + 1) % n_classes)
    assert (other == 0.0).mean() < 0.02


def test_ranges_of_single_precision_are_those_of_double():
    analysis, A, _ = fitted(dtype=np.float32)
    expected = loop_ranges(
        A, analysis.head_.coef, (1, 99), "all", predicted(analysis, A)
    )
    assert_allclose(analysis.intensity_range_, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", SCALES)
def test_drawn_maps_are_rescaled_stored_maps(seed, scale):
    analysis, A, labels = fitted(seed, scale=scale)
    maps = loop_activation_maps(A, analysis.head_.coef)[np.arange(60), labels]
    low, high = analysis.intensity_range_[labels].T[:, :, None, None]
    position = (maps - low) / (high - low)
    if scale == "linear":
        expected = np.minimum(np.maximum(position, 0.0), 1.0)
    else:
        expected = (1.0 + np.tanh(2.0 * (2.0 * position - 1.0))) / 2.0
    drawn = analysis.activation_maps(A, labels)
    assert drawn.dtype == np.float32 and drawn.shape == (60, 5, 4)
    assert_allclose(drawn, expected, rtol=1e-6, atol=1e-6)
    assert drawn.std() > 0.1


def test_linear_maps_reach_both_ends_and_tanh_ones_neither():
    linear, A, _ = fitted(percentiles=(20, 80))
    drawn = np.stack([linear.activation_maps(A, k) for k in range(3)])
    assert drawn.min() == 0.0 and drawn.max() == 1.0
    compressed, *_ = fitted(percentiles=(20, 80), scale="tanh")
    for factor in (1.0, 1e3, -1e3):
        drawn = compressed.activation_maps(factor * A)
        assert drawn.min() > 0.0 and drawn.max() < 1.0


def test_tanh_keeps_the_order_of_values_outside_the_range():
    values = np.array([[-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]])
    found = rescale(values, np.array([[0.0, 1.0]]), "tanh")
    assert (np.diff(found.astype(np.float32)[0]) > 0).all()
    assert_allclose(found[0, 3], 0.5)
    assert_allclose(found[0, 4], (1 + np.tanh(2)) / 2)


def test_a_common_scale_keeps_what_a_scale_of_its_own_loses():
    """A weak map stays weak; stretched to its own 0 ... 1 it would look like any."""
    analysis, A, labels = fitted()
    class_0 = A[labels == 0]
    weak = class_0.copy()
    weak[0] = weak[0] * 0.5 + 0.5 * weak[0].mean(axis=(1, 2), keepdims=True)
    strong, faint = (analysis.activation_maps(maps, 0) for maps in (class_0, weak))
    assert np.ptp(faint[0]) < 0.7 * np.ptp(strong[0])
    assert_array_equal(faint[1:], strong[1:])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("spatial", [(196,), (5, 4), (14, 14)])
def test_a_sample_gives_the_same_bits_in_whatever_batch(
    scale, dtype, spatial, small_blocks
):
    options = {"spatial": spatial, "n_features": 19}
    analysis, A, _ = fitted(3, dtype, options, scale=scale)
    rng = np.random.default_rng(0)
    for arguments in ({}, {"target": 1}, {"ratio": 0.3}):
        together = analysis.activation_maps(A, **arguments)
        for i in (0, 13, 59):
            alone = analysis.activation_maps(A[i : i + 1], **arguments)
            assert_array_equal(alone[0], together[i])
        order = rng.permutation(60)[:41]
        assert_array_equal(
            analysis.activation_maps(A[order], **arguments), together[order]
        )


def test_how_maps_lie_in_memory_changes_no_bit():
    analysis, A, _ = fitted(options={"spatial": (14, 14), "n_features": 19})
    expected = analysis.activation_maps(A)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(A, 1, -1)), -1, 1)
    assert not last.flags.c_contiguous
    assert_array_equal(analysis.activation_maps(last), expected)
    assert_array_equal(analysis.activation_maps(np.asfortranarray(A)), expected)
    assert_array_equal(analysis.activation_maps(A.tolist()), expected)


@pytest.mark.filterwarnings("ignore:the maps or scores of 0, 1 do not vary:UserWarning")
@pytest.mark.parametrize("scale", SCALES)
def test_constant_maps_give_the_middle_and_no_nan(scale):
    for value in (0.0, 0.1, 3.7, -2.3):
        A = np.full((12, 37, 9, 7), value, dtype=np.float32)
        labels = np.arange(12) % 2
        weights = np.random.default_rng(0).standard_normal((2, 37))
        analysis = IntegratedFeatureAnalysis(weights, scale=scale, common_range="class")
        with pytest.warns(UserWarning, match="classified correctly"):
            analysis.fit(A, labels)
        assert_array_equal(np.ptp(analysis.intensity_range_, axis=1), 0.0)
        assert_array_equal(analysis.activation_maps(A), 0.5)
        assert analysis.consistency_.isna().all()


def test_raw_maps_are_the_stored_ones():
    analysis, A, labels = fitted()
    maps = loop_activation_maps(A, analysis.head_.coef)[np.arange(60), labels]
    assert_allclose(analysis.activation_maps(A, labels, scale="raw"), maps, rtol=1e-5)
    compressed = fitted(scale="tanh")[0].activation_maps(A, labels)
    assert_array_equal(analysis.activation_maps(A, labels, scale="tanh"), compressed)
    with pytest.raises(ValueError, match=r"^scale: 'log' is none of 'linear', "):
        analysis.activation_maps(A, labels, scale="log")


def test_maps_of_all_classes_are_on_one_scale():
    """A class of small weights has pale maps, unless it has a range of its own."""
    A, labels, weights, intercept = make_maps(0)
    weights = weights * np.array([[1.0], [1.0], [0.05]])
    spans = {}
    for over in ("all", "class"):
        found = IntegratedFeatureAnalysis((weights, intercept), common_range=over)
        with pytest.warns(UserWarning, match="classes 2 is classified"):
            drawn = found.fit(A, labels).activation_maps(A, 2)
        spans[over] = np.ptp(drawn)
    assert spans["class"] > 0.9 and spans["all"] < 0.2


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("spatial", [(1,), (1, 1), (1, 1, 1)])
def test_maps_of_a_single_position(scale, spatial):
    options = {"spatial": spatial}
    analysis, A, _ = fitted(scale=scale, options=options)
    drawn = analysis.activation_maps(A)
    assert drawn.shape == (60, *spatial)
    assert np.isfinite(drawn).all() and drawn.std() > 0.1


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_units_of_the_maps_do_not_change_the_picture(unit):
    A, labels, weights, intercept = make_maps(4)
    drawn = [
        IntegratedFeatureAnalysis((weights / u, intercept))
        .fit(A * u, labels)
        .activation_maps(A * u, labels)
        for u in (1.0, unit)
    ]
    assert_allclose(drawn[1], drawn[0], atol=1e-6)


def test_target_is_the_predicted_class_one_class_or_one_per_sample():
    analysis, A, _ = fitted()
    pooled = A.mean(axis=(2, 3))
    predicted = (pooled @ analysis.head_.coef.T + analysis.head_.intercept).argmax(1)
    by_class = np.stack([analysis.activation_maps(A, k) for k in range(3)])
    assert_array_equal(
        analysis.activation_maps(A), by_class[predicted, np.arange(len(A))]
    )
    some = np.arange(60) % 3
    assert_array_equal(analysis.activation_maps(A, some), by_class[some, range(60)])
    assert np.abs(by_class[0] - by_class[1]).max() > 0.1


def test_a_ratio_keeps_the_features_of_the_largest_difference():
    analysis, A, labels = fitted(options={"n_features": 10})
    drawn = analysis.activation_maps(A, labels, ratio=0.1)
    low, high = analysis.intensity_range_[labels].T[:, :, None, None]
    own = np.abs(analysis.importance_difference_).argmax(axis=1)
    assert_array_equal(own, [0, 1, 2])
    weights = analysis.head_.coef[labels, own[labels]][:, None, None]
    maps = weights * A[np.arange(60), own[labels]]
    expected = np.clip((maps - low) / (high - low), 0.0, 1.0)
    assert_allclose(drawn, expected, atol=1e-6)
    whole = analysis.activation_maps(A, labels)
    assert_array_equal(analysis.activation_maps(A, labels, ratio=1.0), whole)
    assert np.abs(whole - drawn).max() > 0.01


def test_a_class_without_a_difference_of_its_own_takes_the_overall_ranking():
    A, labels, weights, intercept = make_maps(0, n_features=10)
    weights = weights[:, ::-1].copy()
    A = np.ascontiguousarray(A[:, ::-1])
    head = weights, intercept - [0.0, 0.0, 1e6]
    with pytest.warns(UserWarning, match="classes 2 is classified"):
        analysis = IntegratedFeatureAnalysis(head).fit(A, labels)
    drawn = analysis.activation_maps(A, 2, ratio=0.2)
    best = np.flatnonzero(analysis.ranking_ <= 2)
    assert set(best) == {8, 9}
    assert_array_equal(drawn, analysis.activation_maps(A, 2, features=best))


def test_maps_may_have_another_spatial_shape_than_in_fit():
    analysis, A, _ = fitted()
    assert analysis.activation_maps(A[:, :, :3, :2]).shape == (60, 3, 2)


@pytest.mark.parametrize(
    ("spatial", "shape"), [((7,), (21,)), ((5, 4), (50, 36)), ((3, 4, 2), (9, 4, 7))]
)
def test_maps_are_enlarged_to_the_images(spatial, shape):
    analysis, A, _ = fitted(options={"spatial": spatial})
    drawn = analysis.activation_maps(A)
    large = analysis.activation_maps(A, resize_to=shape)
    assert large.shape == (60, *shape) and large.dtype == np.float32
    assert large.min() >= 0.0 and large.max() <= 1.0
    assert_allclose(large.mean(), drawn.mean(), atol=0.02)
    assert_array_equal(analysis.activation_maps(A, resize_to=spatial), drawn)


def test_enlarging_interpolates_between_centres_of_positions():
    drawn = np.array([[0.0, 1.0]], dtype=np.float32)
    assert_allclose(resize(drawn, (4,)), [[0.0, 0.25, 0.75, 1.0]], atol=1e-6)
    one = np.array([[0.3]], dtype=np.float32)
    assert_allclose(resize(one, (5,)), np.full((1, 5), 0.3), atol=1e-6)


@pytest.mark.parametrize(
    "shape", [(8,), (8, 8, 8), 8, (8, 0), (8, -3), (8.5, 8), ("a", 8)]
)
def test_what_is_no_shape_of_images_is_refused(shape):
    with pytest.raises(ValueError, match=r"^resize_to: .*2 dimensions.*; pass that"):
        check_shape(shape, 2)
    analysis, A, _ = fitted()
    with pytest.raises(ValueError, match=r"^resize_to: "):
        analysis.activation_maps(A, resize_to=shape)


def test_a_range_narrower_than_rounding_has_no_width():
    A = np.full((4, 3, 6, 6), 0.1, dtype=np.float32)
    A[:, :, 0, 0] = np.nextafter(np.float32(0.1), np.float32(1.0))
    survey = survey_maps(FeatureMaps.of(A), np.array([[1.0, -0.3, 0.7]]))
    assert_array_equal(np.ptp(common_ranges(survey, (1, 99), "all"), axis=1), 0.0)
    A[:, :, 0, 0] = 0.1001
    survey = survey_maps(FeatureMaps.of(A), np.array([[1.0, -0.3, 0.7]]))
    assert np.ptp(common_ranges(survey, (1, 99), "all")) > 1e-5
