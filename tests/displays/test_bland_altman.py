import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_wsca import BlandAltmanDisplay
from tests.pictures import assert_apart, assert_whole, plt, title_of


def pair(n=60):
    rng = np.random.default_rng(0)
    first = rng.normal(50, 9, size=n)
    return first, first + rng.normal(-0.7, 2.0, size=n)


def test_points_and_lines():
    first, second = pair()
    display = BlandAltmanDisplay(first, second, names=("old", "new")).plot()
    points, *lines = display.ax_.lines
    assert_allclose(points.get_xdata(), (first + second) / 2)
    assert_allclose(points.get_ydata(), first - second)
    heights = [line.get_ydata()[0] for line in lines]
    assert_allclose(heights, [display.bias_, *display.limits_, 0.0])
    assert display.ax_.get_ylabel() == "old less new"
    assert title_of(display).startswith(
        f"Do old and new agree? bias {display.bias_:.3g}, limits "
    )
    assert_apart(display.ax_.texts)
    assert_whole(display)


def test_groups_are_counted():
    title = title_of(BlandAltmanDisplay(*pair(), groups=np.arange(60) // 3).plot())
    assert title.endswith("; 20 groups")


def test_many_samples_are_drawn_in_part():
    display = BlandAltmanDisplay(*pair(30_000)).plot()
    assert len(display.ax_.lines[0].get_xdata()) == 20_000
    assert title_of(display).endswith("; 20000 of 30000 samples shown")
    assert_whole(display)


def test_axes_of_somebody_else_and_equal_measurements():
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    display = BlandAltmanDisplay(np.ones((5, 2, 2)), np.ones(5)).plot(ax=axes[1])
    assert display.ax_ is axes[1] and not axes[0].has_data()
    assert display.bias_ == 0 and np.isnan(display.trend_)
    figure.canvas.draw()


@pytest.mark.parametrize("names", ["ab", ("a",), ("a", "b", "c")])
def test_bad_names(names):
    with pytest.raises(ValueError, match="names: "):
        BlandAltmanDisplay(*pair(), names=names).plot()
