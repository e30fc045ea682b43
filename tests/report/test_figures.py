"""Pictures of the analysis as a whole, and what they say to those who cannot see."""

import json
from xml.etree import ElementTree

import pytest

from sklearn_wsca._report.figures import draw_figures, head_displays
from sklearn_wsca._report.result import make_result
from sklearn_wsca.datasets import load_heart_hospitals
from tests.report_pages import Page

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")


def test_names_in_pictures_are_text(hostile_figures, hostile_html):
    assert len(hostile_figures) == 4
    for figure in hostile_figures:
        root = ElementTree.fromstring(figure.svg)
        tags = {element.tag.split("}")[-1] for element in root.iter()}
        assert "script" not in tags and "foreignObject" not in tags
    alternatives = [image["alt"] for image in Page(hostile_html).all("img")]
    assert any("<script>alert(1)</script>" in text for text in alternatives)
    assert not any("\n" in text for text in alternatives)


def test_pictures_have_alternatives_with_numbers(heart_html, result):
    page = Page(heart_html)
    assert len(page.all("img")) == 4
    for image in page.all("img"):
        assert len(image["alt"]) > 40
    estimate = result["columns"][0]["utilization"]["estimate"]
    assert f"hospital: {estimate:.2g}" in page.all("img")[0]["alt"]
    drawn = page.all("svg")
    assert len(drawn) == 6
    assert all(a["role"] == "img" and a["aria-label"] for a in drawn)


def test_sensitivity_is_drawn(heart):
    data = load_heart_hospitals()
    table = heart.component_sensitivity(data.data, data.metadata, [5, 20])
    result = make_result(heart, sensitivity=table)
    figure = draw_figures(result, head_displays(heart))[-1]
    assert figure.key == "sensitivity"
    assert "hospital: " in figure.alternative
    again = json.loads(json.dumps(result))
    assert draw_figures(again, {})[-1].alternative == figure.alternative
