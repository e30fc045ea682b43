"""Pictures of the analysis as a whole, and what they say to those who cannot see."""

import json
from xml.etree import ElementTree

import pandas as pd
import pytest

from sklearn_wsca._report.figures import draw_figures, head_displays
from sklearn_wsca._report.first_screen import by_importance
from sklearn_wsca._report.result import make_result
from sklearn_wsca.datasets import load_heart_hospitals
from tests.report_pages import Page

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")


def test_names_in_pictures_are_text(hostile_figures, hostile_html):
    assert len(hostile_figures) == 2
    for figure in hostile_figures:
        root = ElementTree.fromstring(figure.svg)
        tags = {element.tag.split("}")[-1] for element in root.iter()}
        assert "script" not in tags and "foreignObject" not in tags
    alternatives = pictures(Page(hostile_html))
    assert any("<script>alert(1)</script>" in text for text in alternatives)
    assert not any("\n" in text for text in alternatives)


def pictures(page):
    """What pictures say to those who cannot see them."""
    return [a["aria-label"] for a in page.all("div") if a.get("role") == "img"]


def test_pictures_have_alternatives_with_numbers(heart_html, result):
    page = Page(heart_html)
    found = pictures(page)
    assert len(found) == 2 and min(map(len, found)) > 40
    score = result["columns"][0]["alignment"]["score"]
    assert f"hospital: {score:.2g}" in found[0]
    # The others stand in tables that say the same.
    for attributes in page.all("svg"):
        hidden = attributes.get("aria-hidden") == "true"
        assert hidden or attributes.get("role") == "img" or "viewbox" in attributes


def test_columns_stand_as_everywhere_on_the_page(heart, result):
    names = [column["name"] for column in by_importance(result["columns"])]
    assert names != list(heart.summary_.index)
    displays = head_displays(heart)
    draw_figures(result, displays)
    matrix, pairs = displays["alignment"].correlation, displays["pairs"].observed
    for index in (matrix.index, matrix.columns):
        tasks = index.get_level_values("task")
        assert list(dict.fromkeys(tasks)) == ["disease", *names]
    assert list(dict.fromkeys(pairs.columns.get_level_values("task"))) == names
    whole = heart.correlation_
    pd.testing.assert_frame_equal(matrix, whole.loc[matrix.index, matrix.columns])


def test_sensitivity_is_drawn(heart):
    data = load_heart_hospitals()
    table = heart.component_sensitivity(data.data, data.metadata, [5, 20])
    result = make_result(heart, sensitivity=table)
    figure = draw_figures(result, head_displays(heart))[-1]
    assert figure.key == "sensitivity"
    assert "hospital: " in figure.alternative
    names = [column["name"] for column in by_importance(result["columns"])]
    places = [figure.alternative.index(f"{name}: ") for name in names]
    assert places == sorted(places)
    again = json.loads(json.dumps(result))
    assert draw_figures(again, {})[-1].alternative == figure.alternative
