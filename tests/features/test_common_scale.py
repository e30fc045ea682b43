"""One scale for maps of any method: ranges, rows of others, layers, awkward maps."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklearn_wsca import ActivationMapDisplay, CommonScale, IntegratedFeatureAnalysis
from tests.reference import loop_activation_maps, make_maps


def make_raw(seed=0, spatial=(5, 4), n=60):
    rng = np.random.default_rng(seed)
    size = rng.lognormal(size=(n, *[1] * len(spatial)))
    return 3 + size * rng.normal(size=(n, *spatial))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("percentiles", [(1, 99), [0, 100], (10, 60.5)])
@pytest.mark.parametrize("spatial", [(7,), (5, 4), (3, 4, 2)])
def test_the_range_is_of_the_extremes_of_maps(seed, percentiles, spatial):
    maps = make_raw(seed, spatial)
    scale = CommonScale(percentiles=percentiles).fit(maps)
    low = np.percentile([one.min() for one in maps], percentiles[0])
    high = np.percentile([one.max() for one in maps], percentiles[1])
    assert_allclose(scale.intensity_range_, [low, high], rtol=1e-12)
    others = make_raw(seed + 10, spatial)
    expected = np.clip((others - low) / (high - low), 0, 1)
    assert_allclose(scale.transform(others), expected, rtol=1e-5, atol=1e-6)
    inside = low <= 0 <= high
    assert scale.zero_ == (pytest.approx(-low / (high - low)) if inside else None)


@pytest.mark.parametrize("scale", ["linear", "tanh"])
@pytest.mark.parametrize(("shift", "inside"), [(8.0, False), (0.0, True), (-8, False)])
def test_zero_is_marked_where_it_is_in_the_range(shift, inside, scale):
    """No colour stands for what no map of the range has."""
    plt = pytest.importorskip("matplotlib.pyplot")
    maps = np.clip(make_raw() - 3, -5, 5) + shift
    found = CommonScale(scale).fit(maps)
    assert (found.zero_ is not None) == inside
    if inside:
        at_zero = found.transform(np.zeros((1, 5, 4)))
        assert_allclose(at_zero, found.zero_, atol=1e-6)
    display = ActivationMapDisplay(found.transform(maps[:2]), zero=found.zero_).plot()
    labels = display.figure_.axes[-1].get_yticklabels()
    assert ("no effect" in [label.get_text() for label in labels]) == inside
    plt.close("all")


@pytest.mark.parametrize("name", ["linear", "tanh", "raw"])
def test_it_is_the_scale_of_the_analysis(name):
    """Where the maps drawn are all maps that it has a range for."""
    A, _, weights, intercept = make_maps(0)
    analysis = IntegratedFeatureAnalysis((weights[:1], intercept[:1]))
    analysis.fit(A, np.arange(len(A), dtype=float))
    maps = loop_activation_maps(A, weights[:1])[:, 0]
    scale = CommonScale(name).fit(maps)
    assert_allclose(scale.intensity_range_, analysis.intensity_range_[0], rtol=1e-9)
    drawn = analysis.activation_maps(A, scale=name)
    assert_allclose(scale.transform(maps), drawn, rtol=1e-5, atol=1e-6)


def test_an_empty_map_stays_empty():
    maps = make_raw()
    faint = maps[:1] * 0.01
    scale = CommonScale().fit(maps)
    assert np.ptp(scale.transform(faint)) < 0.05
    own = CommonScale().fit_transform(faint)
    assert np.ptp(own) == 1


def test_maps_of_several_layers_are_averaged_at_the_size_of_images():
    """Whose units differ by far."""
    layers = [make_raw(0, (4, 4)), 1e4 * make_raw(1, (2, 2))]
    drawn = [CommonScale(resize_to=(8, 8)).fit_transform(maps) for maps in layers]
    assert {one.shape for one in drawn} == {(60, 8, 8)}
    mean = np.mean(drawn, axis=0)
    for one in drawn:
        assert np.corrcoef(mean.ravel(), one.ravel())[0, 1] > 0.5


def test_files_tensors_and_copies(tmp_path):
    maps = make_raw().astype(np.float32)
    np.save(tmp_path / "maps.npy", maps)
    mapped = np.load(tmp_path / "maps.npy", mmap_mode="r")
    expected = CommonScale("tanh").fit_transform(maps)
    assert_array_equal(CommonScale("tanh").fit_transform(mapped), expected)
    assert_array_equal(clone(CommonScale("tanh")).fit_transform(list(maps)), expected)


def test_constant_maps_are_in_the_middle():
    scale = CommonScale().fit(np.full((4, 3, 3), 0.1))
    assert scale.zero_ is None
    assert CommonScale().fit(np.zeros((4, 3, 3))).zero_ == 0.5
    assert_array_equal(scale.transform(np.full((4, 3, 3), 0.1)), 0.5)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (np.ones(5), r"maps: they have the shape \(5,\)"),
        (np.ones((2, 2, 2, 2, 2)), "one map per sample"),
        (np.full((3, 4), np.nan), "NaN"),
        (np.array([["a", "b"]]), "real numbers"),
    ],
)
def test_bad_maps(maps, message):
    with pytest.raises(ValueError, match=message):
        CommonScale().fit(maps)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"scale": "log"}, "'scale' parameter"),
        ({"percentiles": (99, 1)}, "percentiles: "),
        ({"resize_to": (8,)}, "resize_to: "),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        CommonScale(**parameters).fit_transform(make_raw())
