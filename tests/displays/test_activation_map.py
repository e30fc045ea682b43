import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._displays.activation_map import ActivationMapDisplay
from tests.pictures import assert_whole, picture, plt

NAMES = ("bird", "cat", "dog")


def planted(spatial=(6, 6), n=30):
    """Features 0, 1, 2 are active in the classes of these numbers, each in a corner."""
    generator = np.random.default_rng(0)
    y = np.arange(n) % 3
    A = 1.0 + generator.random((n, 5, *spatial)) * np.linspace(0.2, 2.0, 5).reshape(
        1, 5, *[1] * len(spatial)
    )
    for k in range(3):
        corner = tuple(slice(k, k + 3) for _ in spatial)
        A[(y == k, k, *corner)] += 9.0
    return A, np.array(NAMES)[y]


def fitted(A, y):
    head = Head(np.eye(3, 5) * 2.0, np.zeros(3), NAMES, "logistic")
    return IntegratedFeatureAnalysis(head, random_state=0).fit(A, y)


@pytest.fixture(scope="module")
def data():
    return planted()


@pytest.fixture(scope="module")
def analysis(data):
    return fitted(*data)


def drawn(ax):
    """Values of the map on axes, which is drawn last."""
    return np.asarray(ax.images[-1].get_array())


def heading_of(display):
    return display.figure_.get_suptitle().replace("\n", " ")


def colour_bar(display):
    (bar,) = [ax for ax in display.figure_.axes if ax.get_label() == "<colorbar>"]
    return bar


def test_panels_are_the_maps_of_the_estimator_on_one_scale(analysis, data):
    A, y = data
    display = ActivationMapDisplay.from_estimator(analysis, A[:7])
    maps = analysis.activation_maps(A[:7])
    assert len(display.axes_) == 7 and np.ptp(maps) > 0.5
    for ax, one in zip(display.axes_, maps, strict=True):
        assert_allclose(drawn(ax), one)
        assert ax.images[-1].get_clim() == (0.0, 1.0)
        assert ax.images[-1].get_cmap().name == "viridis"
    assert display.ax_ is display.axes_[0] and display.figure_ is display.ax_.figure
    assert [ax.get_title() for ax in display.axes_] == list(y[:7])
    assert heading_of(display) == "Activation maps of the predicted class"
    assert colour_bar(display).get_ylim() == (0.0, 1.0)
    assert len(display.figure_.axes) == 8
    assert_whole(display)


@pytest.mark.parametrize("scale", ["linear", "tanh"])
def test_the_bar_marks_where_a_map_is_zero(analysis, data, scale):
    A, y = data[0] - 3.0, data[1]
    found = clone(analysis).set_params(scale=scale).fit(A, y)
    display = ActivationMapDisplay.from_estimator(found, A[:3])
    nothing = found.activation_maps(np.zeros_like(A[:1]))
    assert 0.0 < nothing.min() == nothing.max() < 1.0
    bar = colour_bar(display)
    labels = [label.get_text() for label in bar.get_yticklabels()]
    marked = bar.get_yticks()[labels.index("no effect")]
    assert_allclose(marked, nothing.min(), atol=1e-6)
    (line,) = bar.lines
    assert_allclose(line.get_ydata(), marked)
    far = clone(found).fit(data[0], y)
    assert (far.intensity_range_ > 0).all()
    assert not colour_bar(ActivationMapDisplay.from_estimator(far, data[0])).lines


def test_tokens_are_drawn_as_maps_of_their_square(data):
    A, y = data
    tokens = A.reshape(len(A), 5, 36).transpose(0, 2, 1)
    with pytest.warns(UserWarning, match="taken as 5 features at 6 x 6 positions"):
        found = fitted(tokens, y)
    with pytest.warns(UserWarning, match="taken as 5 features") as said:
        display = ActivationMapDisplay.from_estimator(found, tokens[:4])
    assert said[0].filename == __file__ and len(said) == 1
    expected = fitted(A, y).activation_maps(A[:4])
    for ax, one in zip(display.axes_, expected, strict=True):
        assert_allclose(drawn(ax), one, atol=1e-6)


def test_maps_with_a_range_for_each_class_have_no_common_bar(analysis, data):
    A, y = data
    found = clone(analysis).set_params(common_range="class").fit(A, y)
    with pytest.raises(ValueError, match=r"^target: the maps of \d classes .*'all'"):
        ActivationMapDisplay.from_estimator(found, A)
    display = ActivationMapDisplay.from_estimator(found, A[:3], target="cat")
    assert_allclose(drawn(display.ax_), found.activation_maps(A[:1], "cat")[0])


def test_a_part_of_the_features_and_a_given_class(analysis, data):
    A, _ = data
    display = ActivationMapDisplay.from_estimator(analysis, A[:2], target="cat")
    assert_allclose(drawn(display.axes_[0]), analysis.activation_maps(A[:1], "cat")[0])
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == ["cat (predicted bird)", "cat"]
    part = ActivationMapDisplay.from_estimator(analysis, A[:1], ratio=0.2)
    assert_allclose(drawn(part.ax_), analysis.activation_maps(A[:1], None, 0.2)[0])
    assert heading_of(part).endswith("class, 20 % of the features")
    one = ActivationMapDisplay.from_estimator(analysis, A[:1], features=[3])
    expected = analysis.activation_maps(A[:1], features=[3])[0]
    assert_allclose(drawn(one.ax_), expected)
    assert not np.allclose(expected, drawn(part.ax_))
    assert heading_of(one).endswith("class, of chosen features")


def test_classes_for_each_sample(analysis, data):
    A, _ = data
    display = ActivationMapDisplay.from_estimator(
        analysis, A, target=["dog"] * 29 + ["cat"], most=3, titles=range(30)
    )
    assert [ax.get_title() for ax in display.axes_] == ["0", "1", "2"]
    assert_allclose(drawn(display.axes_[1]), analysis.activation_maps(A[1:2], "dog")[0])


def test_titles_of_a_number_are_what_is_predicted(data):
    A, _ = data
    y = A[:, 3].mean(axis=(1, 2))
    analysis = IntegratedFeatureAnalysis(random_state=0).fit(A, y)
    display = ActivationMapDisplay.from_estimator(analysis, A[:3])
    outputs = analysis.head_.outputs(A[:3].mean(axis=(2, 3)))[:, 0]
    assert [float(ax.get_title()) for ax in display.axes_] == pytest.approx(
        outputs, rel=0.01
    )
    assert "predicted number" in heading_of(display)


def test_only_the_first_maps_are_drawn_and_the_title_says_so(analysis, data):
    A, _ = data
    display = ActivationMapDisplay.from_estimator(analysis, A)
    assert len(display.axes_) == 16
    assert heading_of(display).endswith(", first 16 of 30")
    more = ActivationMapDisplay.from_estimator(analysis, A, most=30, columns=10)
    assert len(more.axes_) == 30
    assert "first" not in heading_of(more)
    assert more.ax_.get_subplotspec().get_gridspec().get_geometry() == (3, 10)
    assert_whole(more)
    own = ActivationMapDisplay(np.full((5, 2, 2), 0.5), most=2).plot()
    assert len(own.axes_) == 2
    assert heading_of(own) == "Activation maps, first 2 of 5"


def test_other_samples_are_not_read(analysis, data):
    A = np.array(data[0])
    A[20:] = np.nan
    assert len(ActivationMapDisplay.from_estimator(analysis, A, most=4).axes_) == 4


def test_grey_images_lie_below_maps_of_their_size(analysis, data):
    A, _ = data
    images = np.random.default_rng(1).normal(300.0, 40.0, (2, 24, 18))
    display = ActivationMapDisplay.from_estimator(analysis, A[:2], images=images)
    expected = analysis.activation_maps(A[:2], resize_to=(24, 18))
    for ax, image, one in zip(display.axes_, images, expected, strict=True):
        below, above = ax.images
        assert_array_equal(below.get_array(), image)
        assert below.get_cmap().name == "gray"
        assert below.get_clim() == (image.min(), image.max())
        assert_allclose(above.get_array(), one)
        opacity = above.get_alpha()
        assert_allclose(opacity, 0.8 * (1 + 2 * one.astype(float)) / 3)
    assert display.axes_[0].images[1].get_clim() == (0.0, 1.0)
    bar = colour_bar(display)
    solid = bar.collections[-1].get_facecolor()
    assert solid.shape[0] > 100 and (solid[:, 3] == 1.0).all()


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_colour_images(analysis, data, kind):
    generator = np.random.default_rng(1)
    images = generator.random((2, 12, 12, 3)).astype(kind)
    if np.dtype(kind).kind != "f":
        images = generator.integers(0, 256, (2, 12, 12, 3)).astype(kind)
    display = ActivationMapDisplay.from_estimator(analysis, data[0][:2], images=images)
    below, above = display.axes_[1].images
    assert_allclose(below.get_array(), images[1])
    assert above.get_array().shape == (12, 12)
    assert picture(display, "png")


def test_maps_without_images_are_opaque(analysis, data):
    display = ActivationMapDisplay.from_estimator(analysis, data[0][:1])
    (only,) = display.ax_.images
    assert only.get_alpha() is None


def test_signals_are_strips():
    A, y = planted((12,))
    analysis = fitted(A, y)
    display = ActivationMapDisplay.from_estimator(analysis, A[:3])
    maps = analysis.activation_maps(A[:3])
    for ax, one in zip(display.axes_, maps, strict=True):
        assert_allclose(drawn(ax), one[None])
        assert ax.images[-1].get_extent()[:2] == [-0.5, 11.5]
    labels = [ax.get_xlabel() for ax in display.axes_]
    assert labels == ["", "", "position"]
    assert_whole(display)
    pair = ActivationMapDisplay.from_estimator(analysis, A[:3], columns=2)
    assert [ax.get_xlabel() for ax in pair.axes_] == ["", "position", "position"]


def test_signals_over_their_strips():
    A, y = planted((12,))
    signals = np.random.default_rng(0).normal(70.0, 5.0, (2, 60))
    signals[1] = 3.0
    analysis = fitted(A, y)
    display = ActivationMapDisplay.from_estimator(analysis, A[:2], images=signals)
    for ax, signal in zip(display.axes_, signals, strict=True):
        (line,) = ax.lines
        assert_array_equal(line.get_ydata(), signal)
        low, high = ax.get_ylim()
        assert low < signal.min() and high > signal.max()
        assert line.get_zorder() > ax.images[0].get_zorder()
    expected = analysis.activation_maps(A[:1], resize_to=(60,))
    assert_allclose(drawn(display.ax_), expected)


def test_volumes_are_cut_or_projected():
    A, y = planted((5, 4, 6))
    analysis = fitted(A, y)
    maps = analysis.activation_maps(A[:2], resize_to=(10, 8, 12))
    volumes = np.random.default_rng(0).normal(9.0, 2.0, (2, 10, 8, 12))
    cut = ActivationMapDisplay.from_estimator(analysis, A[:2], images=volumes)
    assert_allclose(drawn(cut.axes_[1]), maps[1, 5])
    assert_array_equal(cut.axes_[1].images[0].get_array(), volumes[1, 5])
    title = "Activation maps of the predicted class, middle slice (6 of 10) along the"
    assert heading_of(cut).startswith(title)
    most = ActivationMapDisplay.from_estimator(
        analysis, A[:2], images=volumes, projection="maximum"
    )
    assert_allclose(drawn(most.axes_[1]), maps[1].max(axis=0))
    assert_array_equal(most.axes_[1].images[0].get_array(), volumes[1].max(axis=0))
    assert "largest value along the first axis" in heading_of(most)


def test_a_single_map_on_axes_of_somebody_else(analysis, data):
    figure, axes = plt.subplots(2, 2, figsize=(6, 4), layout="constrained")
    display = ActivationMapDisplay.from_estimator(analysis, data[0][:1], ax=axes[1, 0])
    assert display.ax_ is axes[1, 0] and display.figure_ is figure
    assert list(display.axes_) == [axes[1, 0]]
    assert tuple(figure.get_size_inches()) == (6, 4)
    assert display.ax_.get_title(loc="left") == "bird"
    assert not figure.get_suptitle() and len(plt.get_fignums()) == 1
    assert not axes[0, 0].has_data()
    assert_whole(display)
    zero = ActivationMapDisplay(np.zeros((1, 2, 3, 3)), titles=[0]).plot(axes[0, 0])
    title = zero.ax_.get_title(loc="left").split("\n")
    assert title[0] == "0" and title[1].startswith("middle slice (2 of 2)")


def test_several_maps_do_not_fit_on_axes_of_somebody_else(analysis, data):
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="ax: it takes a single map, and there are 2"):
        ActivationMapDisplay.from_estimator(analysis, data[0][:2], ax=ax)
    single = ActivationMapDisplay.from_estimator(analysis, data[0], most=1, ax=ax)
    assert single.ax_ is ax


def test_constant_maps_are_drawn(data):
    A, y = data
    analysis = fitted(A, y)
    flat = np.zeros((2, 5, 6, 6))
    display = ActivationMapDisplay.from_estimator(analysis, flat)
    assert np.isfinite(drawn(display.ax_)).all()


def test_bad_input_of_an_estimator(analysis, data):
    A, _ = data
    draw = ActivationMapDisplay.from_estimator
    with pytest.raises(NotFittedError):
        draw(IntegratedFeatureAnalysis(), A)
    with pytest.raises(ValueError, match="these are pooled"):
        draw(analysis, A.mean(axis=(2, 3)))
    with pytest.raises(ValueError, match="have 4 features"):
        draw(analysis, A[:, :4])
    with pytest.raises(ValueError, match="target: there are 2 for 30 maps"):
        draw(analysis, A, target=["cat", "dog"])
    with pytest.raises(ValueError, match="images: there are 29 for 30 maps"):
        draw(analysis, A, images=np.zeros((29, 8, 8)))
    with pytest.raises(ValueError, match=r"2 spatial dimensions.*channels come first"):
        draw(analysis, A[:2], images=np.zeros((2, 3, 8, 8)))
    with pytest.raises(ValueError, match="none of the classes"):
        draw(analysis, A, target="fish")
