"""Images with parts removed: their shapes, backgrounds and mixtures."""

import numpy as np
import pytest

from sklearn_wsca._features.masked_images import Samples, check_baseline

MAPS = np.random.default_rng(0).random((6, 4, 4))
IMAGES = 5.0 + np.random.default_rng(1).random((6, 12, 9))
COLOURS = IMAGES[..., None] * [1.0, -2.0, 40.0]


@pytest.mark.parametrize("channels", [None, "first", "last"])
def test_the_mean_is_that_of_each_channel(channels):
    images = np.moveaxis(COLOURS, -1, 1) if channels == "first" else COLOURS
    samples = Samples.of(MAPS, images, channels)
    assert samples.spatial == (12, 9) and samples.n_positions == 108
    assert samples.channels == (channels or "last")
    image = samples.image(3)
    axes = (1, 2) if channels == "first" else (0, 1)
    expected = np.broadcast_to(image.mean(axis=axes, keepdims=True), image.shape)
    np.testing.assert_allclose(samples.background(image, "mean"), expected)


def test_a_blur_keeps_the_mean_and_channels_apart():
    samples = Samples.of(MAPS, COLOURS, "last")
    image = samples.image(0)
    blurred = samples.background(image, "blur")
    assert blurred.std(axis=(0, 1)).max() < 0.5 * image.std(axis=(0, 1)).max()
    alone = Samples.of(MAPS, IMAGES, None)
    np.testing.assert_allclose(
        blurred, alone.background(IMAGES[0], "blur")[..., None] * [1.0, -2.0, 40.0]
    )


@pytest.mark.parametrize("channels", ["first", "last"])
def test_mixtures_go_from_background_to_image(channels):
    images = np.moveaxis(COLOURS, -1, 1) if channels == "first" else COLOURS
    samples = Samples.of(MAPS, images, channels)
    image, share = samples.image(2), np.zeros((12, 9))
    share[:5] = 1.0
    share[5] = 0.25
    mixed = samples.mix(image, samples.background(image, 7.0), share)
    mixed, image = (
        np.moveaxis(a, 0, -1) if channels == "first" else a for a in (mixed, image)
    )
    np.testing.assert_array_equal(mixed[:5], image[:5])
    np.testing.assert_allclose(mixed[5], 0.25 * image[5] + 0.75 * 7.0)
    np.testing.assert_array_equal(mixed[6:], 7.0)


def test_maps_of_the_resolution_of_the_images_stay_as_they_are():
    samples = Samples.of(MAPS, IMAGES, None)
    assert samples.enlarge(MAPS[0]).shape == (12, 9)
    np.testing.assert_array_equal(samples.enlarge(IMAGES[0]), IMAGES[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": np.full((6, 4, 4), np.nan)}, "maps: 6 of 6 contain NaN"),
        ({"maps": np.ones(6)}, r"maps: found the shape \(6,\)"),
        ({"maps": np.full((6, 4, 4), "a")}, "maps: found .* type <U1"),
        ({"maps": np.ones((5, 4, 4))}, r"images: .* \(6, 12, 9\) for maps .* \(5, 4"),
        ({"maps": np.ones((6, 4, 4, 4))}, "images: found the shape"),
        ({"images": np.ones((6, 3, 12, 3))}, "channels: images of .* first or last"),
        ({"images": np.ones((6, 12, 12, 5))}, "channels: images of .* first or last"),
        ({"images": np.ones((6, 0, 12))}, "images: .* none of the axes empty"),
        ({"channels": "first"}, "channels: 'first', but images .* leave it out"),
        ({"channels": "middle"}, "channels: 'middle'; pass 'first'"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Samples.of(**{"maps": MAPS, "images": IMAGES, "channels": None} | change)


@pytest.mark.parametrize("baseline", ["median", np.nan, True, None])
def test_what_is_no_baseline_is_refused(baseline):
    with pytest.raises(ValueError, match=r"baseline: .*pass 'mean', 'blur'"):
        check_baseline(baseline)
