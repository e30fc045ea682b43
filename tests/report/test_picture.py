"""A display as bytes: the same in every run, and nothing is left behind."""

import base64
import locale
import warnings
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import numpy as np
import pytest

from sklearn_wsca._report.figures import draw_figures
from sklearn_wsca._report.formats import to_html

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


def settings():
    """What the whole process shares."""
    return (
        dict(matplotlib.rcParams),
        [*warnings.filters],
        locale.setlocale(locale.LC_ALL),
        np.get_printoptions(),
    )


def test_several_threads_get_the_same_page_and_change_no_setting(heart):
    plt = pytest.importorskip("matplotlib.pyplot")
    with plt.style.context({"font.size": 17.0, "figure.dpi": 60}):
        before = settings()
        with ThreadPoolExecutor(4) as threads:
            pages = list(threads.map(lambda _: to_html(heart), range(6)))
        assert settings() == before
    assert len(set(pages)) == 1
    assert plt.get_fignums() == []
