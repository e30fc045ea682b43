"""A display as bytes: the same in every run, and nothing is left behind."""

import locale
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import numpy as np
import pytest

from sklearn_wsca._report.figures import draw_figures, head_displays
from sklearn_wsca._report.formats import to_html

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")


def test_drawing_leaves_matplotlib_as_it_was(heart, result):
    plt = pytest.importorskip("matplotlib.pyplot")
    before, n_figures = dict(matplotlib.rcParams), len(plt.get_fignums())
    plain = draw_figures(result, head_displays(heart))
    assert dict(matplotlib.rcParams) == before
    assert len(plt.get_fignums()) == n_figures
    with plt.style.context("dark_background"):
        assert draw_figures(result, head_displays(heart)) == plain


def test_pictures_can_be_read(heart_figures):
    for figure in heart_figures:
        root = ElementTree.fromstring(figure.svg)
        assert root.tag.endswith("svg") and "viewBox" in root.attrib
        assert figure.width > 300 and figure.height > 100
        assert "metadata" not in figure.svg and "style" not in figure.svg


def test_pictures_take_the_ink_of_the_page_and_keep_their_ids_apart(heart_figures):
    ids = []
    for figure in heart_figures:
        assert "currentColor" in figure.svg and "var(--paper)" in figure.svg
        root = ElementTree.fromstring(figure.svg)
        own = [element.get("id") for element in root.iter() if element.get("id")]
        links = re.findall(r'(?:href="|url\()#([^")]+)', figure.svg)
        assert links and set(links) <= set(own)
        ids += own
    assert len(ids) == len(set(ids))


def test_what_stands_on_a_colour_keeps_its_own(heart_figures):
    (matrix,) = [figure for figure in heart_figures if figure.key == "alignment"]
    root = ElementTree.fromstring(matrix.svg)
    assert root.get("fill") == "currentColor"
    cells = [e for e in root.iter() if "on-colour-" in e.get("id", "")]
    assert len(cells) == 49
    for cell in cells:
        inks = {e.get("fill") for e in cell.iter()} - {None}
        assert inks <= {"#000000", "#ffffff"} and "#000000" in inks
        assert not any("currentColor" in e.attrib.values() for e in cell.iter())
    axis = next(e for e in root.iter() if e.get("id", "").endswith("xtick_1"))
    assert "#000000" not in {e.get("fill") for e in axis.iter()}


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
        before, n_figures = settings(), plt.get_fignums()
        with ThreadPoolExecutor(4) as threads:
            pages = list(threads.map(lambda _: to_html(heart), range(6)))
        assert settings() == before
    assert len(set(pages)) == 1
    assert plt.get_fignums() == n_figures
