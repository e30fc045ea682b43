"""The page of a feature analysis: what is said, drawn and listed."""

from types import SimpleNamespace

import pandas as pd
import pytest

from sklearn_wsca._cli._feature_page import PICTURES, make_feature_page
from sklearn_wsca._cli._output import FEATURE_FIGURES
from tests.report_pages import Page

pytest.importorskip("jinja2")


class Fitted(SimpleNamespace):
    """As much of an analysis as the page asks for."""

    def get_params(self):
        return {"ratio": 0.25, "head": object()}


def make_page(share=0.5, drawn=None):
    features = pd.DataFrame(
        {
            "rank": [1, 2],
            "importance": [0.123, 0.1],
            "share of utilization by scanner": [0.7, 0.3],
        },
        index=[7, 3],
    )
    fitted = Fitted(smallest_share_=share, decomposition="shared", head=None)
    found = SimpleNamespace(features=features, analysis=fitted)
    sentences = ["Maps and head agree.", "50% of the features keep 99% of the "]
    sentences[1] += "performance."
    text = make_feature_page(found, sentences, drawn or {}, {"maps": "<b>A</b>.npy"})
    return Page(text)


def test_the_headline_is_said_once_and_the_most_important_feature_first():
    page = make_page()
    assert page.text.count("50% of the features keep 99% of the performance.") == 2
    assert "Maps and head agree." in page.text and "<b>A</b>.npy" in page.text
    rows = page.text[page.text.index("Feature importance") :]
    assert rows.index("7 0.12 0.7") < rows.index("3 0.1 0.3")
    assert "Ratio0.25" in page.text and "object" not in page.text


def test_pictures_are_those_that_were_drawn():
    assert set(PICTURES) == FEATURE_FIGURES
    page = make_page(drawn={"maps.png": "<svg></svg>", "curve.png": "<svg></svg>"})
    assert [a["aria-label"] for a in page.all("div") if a.get("role") == "img"] == [
        PICTURES["curve.png"][1],
        PICTURES["maps.png"][1],
    ]
    assert len(page.all("svg")) == 2
