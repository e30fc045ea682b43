"""Panels of maps: their size, titles and opacity."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_wsca._displays.activation_map import ActivationMapDisplay
from tests.pictures import assert_apart, assert_whole, picture, shown


def test_opacity_at_its_ends():
    maps, images = np.array([[[0.0, 1.0 + 5e-7]]]), np.ones((1, 1, 2))
    display = ActivationMapDisplay(maps, images, opacity=1.0).plot()
    assert_allclose(display.ax_.images[1].get_alpha(), [[1 / 3, 1.0]])
    assert picture(display, "png")


def test_long_and_strange_titles_stay_above_their_maps():
    long = "a very long name of a class that has no end " * 3
    titles = [long, "$x_1$ and $y$", "年\n齢", "", 7, ("site", 2), "_hidden", long]
    display = ActivationMapDisplay(np.full((8, 3, 3), 0.5), titles=titles).plot()
    assert_whole(display)
    texts = [ax.title for ax in display.axes_]
    assert_apart(texts)
    words = shown(texts)
    assert words[1:7] == [
        "$x_1$ and $y$",
        r"\u5e74\n\u9f62",
        "''",
        "7",
        "site & 2",
        "_hidden",
    ]
    assert words[0].startswith("a very long") and "…" in words[0]
    for ax, text in zip(display.axes_, texts, strict=True):
        assert text.get_window_extent().width <= ax.get_window_extent().width + 0.5
    assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize("shape", [(40, 40), (3, 200), (200, 3), (1, 1)])
@pytest.mark.parametrize("n", [1, 2, 16])
def test_figures_fit_their_maps(n, shape):
    display = ActivationMapDisplay(np.zeros((n, *shape)), titles=range(n)).plot()
    assert_whole(display)
    panel = display.ax_.get_window_extent()
    assert panel.width / panel.height == pytest.approx(shape[1] / shape[0], rel=0.05)


def test_many_maps_on_request():
    display = ActivationMapDisplay(np.zeros((90, 8, 8)), most=100).plot()
    assert len(display.axes_) == 90
    assert_whole(display)
