"""Pages of other commands: text of the data stays text, nothing is loaded."""

import pytest

from sklearn_wsca._report._level_bars import Bar, Bars
from sklearn_wsca._report.short_page import (
    MOST_OPEN_ANSWERS,
    Answer,
    Block,
    Picture,
    ShortPage,
    render_short_page,
)
from tests.report_pages import Page

pytest.importorskip("jinja2")

HOSTILE = "<script>alert(1)</script>"


def make_page(**more):
    bar = Bar(HOSTILE, "+1", 100.0, 50.0, 150.0, False, True)
    parts = {
        "question": f"What of {HOSTILE}?",
        "headline": "Nothing.",
        "answers": [
            Answer(HOSTILE, "used", ["One.", "Two."], Bars("T", [bar], 2, 9.0, None))
        ],
        "caveats": ["Careful."],
        "next_steps": ["Go on."],
        "pictures": [Picture("Title", "What it shows", "<svg><g/></svg>")],
        "blocks": [Block("Numbers", ["Column", "p"], [[HOSTILE, "0.1"]])],
        "facts": {"Files": HOSTILE},
    }
    return ShortPage(**parts | more)


def test_names_are_text_and_nothing_is_loaded():
    text = render_short_page(make_page())
    page = Page(text)
    assert not page.all("script") and page.text.count(HOSTILE) >= 5
    for tag, attributes, _ in page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), tag
        assert "style" not in attributes
    (picture,) = [a for a in page.all("div") if a.get("role") == "img"]
    assert picture["aria-label"] == "What it shows"
    assert "<svg><g/></svg>" in text
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "2 more levels are not shown." in page.text


def test_what_there_is_not_leaves_no_heading():
    page = Page(
        render_short_page(
            make_page(caveats=[], next_steps=["Go on."], pictures=[], blocks=[])
        )
    )
    for words in ("Keep in mind", "Pictures", "Numbers"):
        assert words not in page.text
    assert "What to do next" in page.text
    assert not [a for a in page.all("div") if a.get("class") == "caveats"]


def test_many_answers_are_folded():
    answers = [Answer(f"column {i}", "same", ["Equal."]) for i in range(20)]
    text = render_short_page(make_page(answers=answers))
    folded = text.index('class="more"')
    assert text.index(f"column {MOST_OPEN_ANSWERS - 1}<") < folded
    assert text.index(f"column {MOST_OPEN_ANSWERS}<") > folded
    assert f"{20 - MOST_OPEN_ANSWERS} more" in Page(text).text
