import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._displays.feature_importance import FeatureImportanceDisplay
from tests.pictures import assert_apart, assert_whole, shown, title_of


def fit(n_classes, n_features, *, empty=0, names=None, spatial=()):
    """Feature k speaks for class k; the last classes have no samples."""
    generator = np.random.default_rng(0)
    n_seen = n_classes - empty
    y = np.arange(max(60, 2 * n_seen)) % n_seen
    A = 3.0 + generator.normal(size=(len(y), n_features, *spatial))
    A[np.arange(len(y)), y] += 6.0 + y.reshape(-1, *[1] * len(spatial)) / n_seen
    classes = tuple(f"class {k}" for k in range(n_classes))
    head = Head(np.eye(n_classes, n_features), np.zeros(n_classes), classes, "logistic")
    X = A if names is None else pd.DataFrame(A, columns=names)
    analysis = IntegratedFeatureAnalysis(head, random_state=0)
    with warnings.catch_warnings():
        if empty:
            warnings.filterwarnings(
                "ignore", message="(there is )?no sample of the classes"
            )
        return analysis.fit(X, np.array(classes)[y])


@pytest.fixture(scope="module")
def small():
    return fit(3, 12, spatial=(4, 4))


@pytest.fixture(scope="module")
def wide():
    long = "a name of a feature that is far too long for a label, number "
    names = [f"{long}{i}" if i % 2 else f"$x_{i}$\n年" for i in range(2048)]
    return fit(60, 2048, empty=1, names=names)


def matrix_of(display):
    return np.asarray(display.ax_.images[0].get_array().filled(np.nan))


def labels_of(axis):
    return shown(axis.get_ticklabels())


def legend_of(display):
    (legend,) = display.figure_.legends
    return shown(legend.get_texts())


@pytest.mark.parametrize("kind", ["difference", "importance"])
def test_cells_are_the_importance_of_the_first_features(small, kind):
    display = FeatureImportanceDisplay.from_estimator(small, kind=kind, most=5)
    values = {
        "difference": small.importance_difference_,
        "importance": small.importance_,
    }[kind]
    order = np.argsort(small.ranking_)[:5]
    assert_array_equal(matrix_of(display), values[:, order].T)
    display.figure_.canvas.draw()
    assert labels_of(display.ax_.yaxis) == [str(i) for i in order]
    assert labels_of(display.ax_.xaxis) == ["class 0", "class 1", "class 2"]
    low, high = display.ax_.images[0].get_clim()
    assert high == -low == np.abs(values[:, order]).max()
    assert display.ax_.images[0].get_cmap().name == "RdBu_r"
    assert title_of(display) == "What features contribute: first 5 of 12"
    (bar,) = [ax for ax in display.figure_.axes if ax.get_label() == "<colorbar>"]
    less = "less that of all samples" in bar.get_ylabel().replace("\n", " ")
    assert less == (kind == "difference")
    assert_whole(display)


def test_values_are_written_into_large_cells(small):
    display = FeatureImportanceDisplay.from_estimator(small)
    values = matrix_of(display)
    assert len(display.ax_.texts) == values.size == 36
    for text in display.ax_.texts:
        j, i = text.get_position()
        assert float(text.get_text()) == pytest.approx(values[i, j], abs=0.051)
        assert text.get_text() != "-0.0"
    dark = [t for t in display.ax_.texts if t.get_color() == "white"]
    limit = np.abs(values).max()
    assert len(dark) == (np.abs(values) > 0.6 * limit).sum() > 0


@pytest.mark.parametrize("unit", [1e-7, 1.0, 1e9])
def test_values_are_written_only_where_they_fit(unit):
    values = pd.DataFrame(np.random.default_rng(0).normal(size=(8, 9)) * unit)
    display = FeatureImportanceDisplay(values).plot()
    assert len(display.ax_.texts) == (72 if unit == 1.0 else 0)
    assert_whole(display)


def test_given_names_and_ranking():
    table = pd.DataFrame(
        [[1.0, -5.0, 3.0], [0.0, 2.0, -4.0]], ["a", "b"], ["x", "y", "z"]
    )
    display = FeatureImportanceDisplay(table).plot()
    assert labels_of(display.ax_.yaxis) == ["y", "z", "x"]
    assert_array_equal(matrix_of(display), [[-5, 2], [3, -4], [1, 0]])
    ranked = FeatureImportanceDisplay(table, ranking=[1, 3, 2], most=2).plot()
    assert labels_of(ranked.ax_.yaxis) == ["x", "z"]


def test_classes_without_a_correct_sample_are_hatched():
    analysis = fit(4, 6, empty=1)
    assert np.isnan(analysis.importance_[3]).all()
    display = FeatureImportanceDisplay.from_estimator(analysis)
    assert np.isnan(matrix_of(display)[:, 3]).all()
    (patch,) = display.ax_.patches
    extent = patch.get_path().get_extents(patch.get_patch_transform())
    assert patch.get_hatch() and extent.intervalx.tolist() == [2.5, 3.5]
    assert legend_of(display) == ["no correctly classified sample"]
    assert len(display.ax_.texts) == 18
    assert not FeatureImportanceDisplay.from_estimator(fit(4, 6)).ax_.patches


def test_nothing_but_classes_without_samples():
    table = pd.DataFrame(np.full((2, 3), np.nan), ["a", "b"])
    display = FeatureImportanceDisplay(table).plot()
    assert len(display.ax_.patches) == 2
    assert display.ax_.images[0].get_clim() == (-1.0, 1.0)
    assert_whole(display)


@pytest.mark.parametrize("most", [20, 100])
def test_sixty_classes_and_strange_names_are_legible(wide, most):
    display = FeatureImportanceDisplay.from_estimator(wide, most=most)
    assert_whole(display)
    classes = display.ax_.get_xticklabels()
    assert shown(classes) == [f"class {k}" for k in range(60)]
    features = display.ax_.get_yticklabels()
    assert len(shown(features)) == most
    assert_apart(features)
    assert_apart(classes)
    assert min(text.get_fontsize() for text in [*features, *classes]) >= 5
    assert all(len(name) <= 36 for name in shown(features))
    assert any(name.endswith("年") or r"\n\u5e74" in name for name in shown(features))
    assert not any(text.get_parse_math() for text in features)
    assert len(display.ax_.patches) == 1


def test_more_classes_than_can_be_named():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(700, 4)))
    display = FeatureImportanceDisplay(table).plot()
    assert_whole(display)
    labels = display.ax_.get_xticklabels()
    assert 50 <= len(shown(labels)) < 700
    assert_apart(labels)


def curves(display):
    """Solid and dashed lines of the measures."""
    lines = [line for line in display.ax_.lines if len(line.get_xdata()) > 2]
    return [[line for line in lines if line.get_linestyle() == s] for s in ("-", "--")]


def marks(display):
    lines = [line for line in display.ax_.lines if len(line.get_xdata()) == 2]
    return {line.get_label(): line.get_xdata()[0] for line in lines}


def test_of_many_classes_those_with_samples_are_drawn():
    many = fit(200, 210, empty=190)
    display = FeatureImportanceDisplay.from_estimator(many)
    assert labels_of(display.ax_.xaxis) == [f"class {k}" for k in range(10)]
    assert display.ax_.get_xlabel() == "class (10 of 200)"
    assert not display.figure_.legends  # Nothing is hatched.


def test_classes_are_chosen(small):
    display = FeatureImportanceDisplay.from_estimator(
        small, classes=["class 2", "class 0"]
    )
    assert labels_of(display.ax_.xaxis) == ["class 2", "class 0"]
    drawn = matrix_of(display)
    expected = small.importance_difference_[[2, 0]]
    assert_allclose(drawn, expected[:, np.argsort(small.ranking_)].T)
    with pytest.raises(ValueError, match=r"^classes: 'class 9' of 'class 0'"):
        FeatureImportanceDisplay.from_estimator(small, classes=["class 9"])


def test_curves_are_those_of_the_estimator(small):
    display = FeatureImportanceDisplay.from_estimator(small, kind="curve")
    curve = small.performance_curve_
    own, random = curves(display)
    names = ["balanced_accuracy", "auroc", "map_agreement"]
    for name, solid, dashed in zip(names, own, random, strict=True):
        assert_array_equal(solid.get_xdata(), curve["share"])
        assert_array_equal(solid.get_ydata(), curve[name])
        assert_array_equal(dashed.get_ydata(), curve[f"{name}_random"])
        assert solid.get_color() == dashed.get_color()
    assert len({line.get_color() for line in own}) == 3
    assert display.ax_.get_xscale() == "log"
    assert legend_of(display) == [
        "balanced accuracy",
        "AUROC",
        "agreement of maps",
        "random features",
    ]
    assert display.ax_.get_xlabel() == "share of the 12 features that is kept"
    assert labels_of(display.ax_.xaxis)[-1] == "100 %"
    assert_whole(display)


def test_smallest_share_and_ratio_are_marked(small):
    display = FeatureImportanceDisplay.from_estimator(small, kind="curve")
    smallest = small.smallest_share_
    assert smallest < 1
    expected = {f"{100 * smallest:.2g} % of features keep 99 %": smallest}
    assert marks(display) == {"ratio 25 %": 0.25} | expected
    assert sorted(shown(display.ax_.texts)) == sorted(marks(display))
    display.figure_.canvas.draw()
    assert_apart(display.ax_.texts)
    axes = display.ax_.get_window_extent()
    for text in display.ax_.texts:
        box = text.get_window_extent()
        assert box.y0 >= axes.y1 and axes.x0 <= box.x0 and box.x1 <= axes.x1


def test_a_share_that_is_not_known_is_not_marked(small):
    curve = small.performance_curve_
    for missing in (None, np.nan):
        display = FeatureImportanceDisplay(
            curve, kind="curve", smallest_share=missing
        ).plot()
        assert not marks(display)


def test_numbers():
    generator = np.random.default_rng(0)
    A = 2.0 + generator.normal(size=(80, 6)) * np.arange(1, 7)
    y = A[:, 4] + 0.1 * generator.normal(size=80)
    analysis = IntegratedFeatureAnalysis(random_state=0).fit(A, y)
    display = FeatureImportanceDisplay.from_estimator(analysis)
    assert matrix_of(display).shape == (6, 1)
    assert labels_of(display.ax_.yaxis)[0] == "4"
    assert not labels_of(display.ax_.xaxis) and not display.ax_.get_xlabel()
    words = [ax.get_ylabel().replace("\n", " ") for ax in display.figure_.axes]
    assert "change of the contribution with one standard deviation of target" in words
    assert_whole(display)
    curve = FeatureImportanceDisplay.from_estimator(analysis, kind="curve")
    assert legend_of(curve) == ["R²", "random features"]
    (line,) = curves(curve)[0]
    assert_allclose(line.get_ydata(), analysis.performance_curve_["r2"])


def test_bad_input(small):
    draw = FeatureImportanceDisplay.from_estimator
    with pytest.raises(ValueError, match=r"kind must be .*, got 'x'"):
        draw(small, kind="x")
    with pytest.raises(ValueError, match="most: 0 is no number of features"):
        draw(small, most=0)
    with pytest.raises(NotFittedError):
        draw(IntegratedFeatureAnalysis())
    with pytest.raises(ValueError, match=r"DataFrame of shape .* shape \(3,\)"):
        FeatureImportanceDisplay(np.ones(3)).plot()
    with pytest.raises(ValueError, match=r"ranking: it has the shape \(2,\).* 3 feat"):
        FeatureImportanceDisplay(pd.DataFrame(np.ones((2, 3))), ranking=[1, 2]).plot()
    with pytest.raises(ValueError, match="needs the performance_curve_"):
        FeatureImportanceDisplay(pd.DataFrame({"share": [1.0]}), kind="curve").plot()
