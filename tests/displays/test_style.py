"""What all displays share; each has a file of its own besides."""

import sys
import warnings
from functools import partial

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from sklearn_wsca import Head, IntegratedFeatureAnalysis, WeightSpaceCorrelation
from sklearn_wsca._displays.activation_map import ActivationMapDisplay
from sklearn_wsca._displays.alignment import AlignmentDisplay
from sklearn_wsca._displays.component_sensitivity import ComponentSensitivityDisplay
from sklearn_wsca._displays.consistency import ConsistencyDisplay
from sklearn_wsca._displays.feature_importance import FeatureImportanceDisplay
from sklearn_wsca._displays.null_distribution import NullDistributionDisplay
from sklearn_wsca._displays.style import make_label, spread_out
from sklearn_wsca._displays.utilization import UtilizationDisplay
from tests.pictures import assert_apart, assert_whole, picture, plt, shown

STRANGE = {
    "Größe": "Größe",
    "年齢": r"\u5e74\u9f62",
    "😀": "😀",
    "<b>bold</b>": "<b>bold</b>",
    "$a_1$ and $b$": "$a_1$ and $b$",
    "back\\slash": "back\\slash",
    "line\nbreak\t\x00": r"line\nbreak\t\x00",
    "\u202eevil": r"\u202eevil",
    "": "''",
    "_hidden": "_hidden",
    7: "7",
    ("site", 2): "site & 2",
}


@pytest.fixture(scope="module")
def strange():
    """Columns with every strange name, and levels that are as strange."""
    generator = np.random.default_rng(0)
    X = 4.0 + generator.normal(size=(150, 9)) * np.arange(1, 10)
    levels = np.array(["$x$", "年"], dtype=object)
    columns = [generator.integers(0, 2, 150) for _ in STRANGE]
    table = pd.DataFrame({i: levels[codes] for i, codes in enumerate(columns)})
    table["t$"] = np.where(X[:, 0] > 4, "a", "b")
    table.columns = pd.Index([*STRANGE, "t$"], tupleize_cols=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_permutations=19")
        analysis = WeightSpaceCorrelation("t$", n_permutations=19, random_state=0)
        return analysis.fit(X, table), X, table


def draw_all(analysis, X, y):
    """Every kind of plot of an analysis, by name."""
    matrix = partial(AlignmentDisplay.from_estimator, analysis)
    null = partial(NullDistributionDisplay.from_estimator, analysis)
    return {
        "all": matrix,
        "primary": partial(matrix, kind="primary"),
        "null": null,
        "utilization null": partial(null, statistic="utilization"),
        "pairs": partial(null, kind="pairs"),
        "forest": partial(UtilizationDisplay.from_estimator, analysis),
        "sensitivity": partial(
            ComponentSensitivityDisplay.from_estimator, analysis, X, y
        ),
    }


def draw_features(analysis, A):
    """Every kind of plot of a feature analysis, by name."""
    importance = partial(FeatureImportanceDisplay.from_estimator, analysis)
    return {
        "difference": importance,
        "importance": partial(importance, kind="importance"),
        "curve": partial(importance, kind="curve"),
        "consistency": partial(ConsistencyDisplay.from_estimator, analysis, A),
        "maps": partial(ActivationMapDisplay.from_estimator, analysis, A[:1]),
    }


KINDS = list(draw_all(None, None, None))
OF_FEATURES = list(draw_features(None, np.empty(1)))


@pytest.fixture(scope="module")
def features():
    """A feature analysis, and its maps."""
    classes = np.arange(60) % 3
    A = 3.0 + np.random.default_rng(0).normal(size=(60, 12, 4, 4))
    A[np.arange(60), classes] += 6.0
    head = Head(np.eye(3, 12), np.zeros(3), tuple("abc"), "logistic")
    analysis = IntegratedFeatureAnalysis(head, random_state=0)
    return analysis.fit(A, np.array(head.classes)[classes]), A


@pytest.fixture(params=[*KINDS, *OF_FEATURES])
def draw(request, fitted, data, features):
    """Draws a plot of this kind."""
    kinds = draw_all(fitted, data.data, data.metadata) | draw_features(*features)
    return kinds[request.param]


def test_attributes_and_return_value(draw, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("show was called"))
    display = draw()
    assert display.figure_ is display.ax_.figure
    first = display.figure_
    assert display.plot() is display and display.figure_ is not first
    assert_whole(display)


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_small_axes_of_somebody_else(draw, layout, request):
    figure, axes = plt.subplots(2, 2, figsize=(6, 4), layout=layout)
    display = draw(ax=axes[1, 0])
    assert display.ax_ is axes[1, 0] and display.figure_ is figure
    assert tuple(figure.get_size_inches()) == (6, 4)
    assert not axes[0, 0].has_data() and not axes[0, 0].texts
    figure.canvas.draw()
    assert len(plt.get_fignums()) == 1
    if layout and request.node.callspec.params["draw"] in OF_FEATURES:
        labels = display.ax_.get_yticklabels()
        if len(shown(labels)) > 1:
            assert_apart(labels)
        assert_whole(display)
        assert not figure.legends


def test_axes_of_a_subfigure(fitted):
    part = plt.figure().subfigures(1, 2)[0]
    display = UtilizationDisplay.from_estimator(fitted, ax=part.subplots())
    assert display.figure_ is part


@pytest.mark.parametrize("form", ["png", "svg"])
def test_same_bytes_every_time(draw, form):
    display = draw()
    before = picture(display, form)
    assert picture(draw(), form) == picture(display.plot(), form) == before


@pytest.mark.parametrize("kind", KINDS)
def test_strange_names_are_drawn_without_a_warning(strange, kind):
    display = draw_all(*strange)[kind]()
    assert picture(display, "png")
    assert_whole(display)
    ax = display.ax_
    words = shown(ax.get_yticklabels()) + shown(ax.get_yticklabels(minor=True))
    for legend in [*display.figure_.legends, ax.get_legend()]:
        words += shown(legend.get_texts()) if legend else []
    if kind == "primary":
        words += shown(ax.get_xticklabels(minor=True))
    assert set(STRANGE.values()) <= set(words)
    names = [t for t in display.figure_.findobj(Text) if "$" in t.get_text()]
    assert names and not any(text.get_parse_math() for text in names)


@pytest.mark.parametrize("name", STRANGE)
def test_labels(name):
    assert make_label(name) == STRANGE[name]


def test_long_names_lose_their_middle():
    label = make_label("first part of a name " + "and so on " * 30 + "last part")
    assert len(label) <= 36 and "…" in label
    assert label.startswith("first part of") and label.endswith("last part")
    assert make_label("x" * 36) == "x" * 36
    # An escape is never cut into pieces.
    assert make_label("年" * 40).replace(r"\u5e74", "") == "…"


def test_glyphs_are_those_of_the_chosen_font():
    with mpl.rc_context({"font.family": ["No Such Font", "DejaVu Sans Mono"]}):
        assert make_label("ö年") == r"ö\u5e74"
    with mpl.rc_context({"font.family": ["cmr10"]}):
        assert make_label("aö") == r"a\xf6"


def test_labels_that_are_kept_are_apart():
    assert spread_out([0, 1, 2, 3], 1.0) == [0, 1, 2, 3]
    assert spread_out([0, 1, 1.5, 3, 3.1], 1.4) == [0, 2, 3]
    assert spread_out([], 1.0) == []


def test_missing_matplotlib_names_the_install_command(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "\.\[plot\]"'):
        draw()
