"""A display as bytes: the same in every run, and nothing is left behind."""

import base64
from xml.etree import ElementTree

import pytest

from sklearn_wsca._report.figures import draw_figures

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")


def test_drawing_leaves_matplotlib_as_it_was(result):
    plt = pytest.importorskip("matplotlib.pyplot")
    before, n_figures = dict(matplotlib.rcParams), len(plt.get_fignums())
    plain = draw_figures(result, {})
    assert dict(matplotlib.rcParams) == before
    assert len(plt.get_fignums()) == n_figures
    with plt.style.context("dark_background"):
        assert draw_figures(result, {}) == plain


def test_pictures_can_be_read(heart_figures):
    for figure in heart_figures:
        encoded = figure.data_uri.split(",", 1)[1]
        root = ElementTree.fromstring(base64.b64decode(encoded))
        assert root.tag.endswith("svg")
        assert figure.width > 300 and figure.height > 100
        assert b"<dc:date>" not in figure.svg
