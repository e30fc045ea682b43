"""What the page shows: answers in their order, facts, levels and numbers."""

import copy
import re

import numpy as np
import pytest

from sklearn_wsca._report._page import (
    MOST_LEVELS_SHOWN,
    MOST_OPEN_ANSWERS,
    join_brief,
    number_columns,
)
from sklearn_wsca._report.first_screen import MOST_IN_FULL
from sklearn_wsca._report.html import render_html
from sklearn_wsca.report import to_html
from tests.report_pages import Page, replicate, with_verdicts

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")


def test_rare_levels_are_counted_only(result):
    many = replicate(result, 1)
    levels = [{"level": f"level {i}", "n_samples": i + 1} for i in range(40)]
    many["columns"][0] |= {"labels": {"levels": levels}, "counts_by_target": None}
    text = Page(render_html(many, [])).text
    n_hidden = 40 - MOST_LEVELS_SHOWN
    n_rows = sum(range(1, n_hidden + 1))
    assert f"{n_hidden} rarer levels with {n_rows} rows in all" in text
    assert "level 39" in text and "level 2 " not in text


def test_few_columns_are_all_answered(result):
    page = Page(render_html(result, []))
    assert "3 of 3 columns are used." in page.text
    for column in result["columns"]:
        assert page.text.count(column["lead"]) == 2
    assert not [a for a in page.all("details") if a.get("class") == "more"]


def test_many_columns_are_folded_but_for_used_ones(result):
    verdicts = ["inconclusive"] * 30 + ["used"] * 3 + ["untestable"] * 20
    text = render_html(with_verdicts(result, verdicts), [])
    page = Page(text)
    assert "3 of 53 columns are used. For 30 the question stays open." in page.text
    folded = text.index('class="more"')
    for i in range(1, 4):
        assert text.index(f'href="#column-{i}"') < folded
    assert text.index('href="#column-4"') > folded
    assert "30 columns are inconclusive" in page.text
    assert "20 columns are untestable" in page.text
    assert len(verdicts) > MOST_OPEN_ANSWERS


def test_of_several_columns_only_what_differs_is_shown_in_full(result):
    verdicts = ["used", "inconclusive", "not used", "not encoded", "untestable"]
    study = with_verdicts(result, verdicts)
    for column in study["columns"]:
        column["performance"]["case"] = "neither"
    study["columns"][3]["performance"]["case"] = "differs only"
    page = Page(render_html(study, []))
    brief = [a for a in page.all("li") if a.get("class") == "brief"]
    assert len(brief) == 2 < MOST_IN_FULL < len(verdicts)
    few = Page(render_html(with_verdicts(result, verdicts[-2:]), []))
    assert not [a for a in few.all("li") if a.get("class") == "brief"]


def test_columns_with_the_same_line_share_it(result):
    verdicts = ["used", "not encoded", "not encoded", "not encoded", "untestable"]
    study = with_verdicts(result, verdicts)
    for i, column in enumerate(study["columns"]):
        column["performance"]["case"] = "neither"
        column["lead"] = f"Line of {verdicts[i]}."
    text = render_html(study, [])
    page = Page(text)
    brief = [a for a in page.all("li") if a.get("class") == "brief"]
    assert len(brief) == 2
    columns = number_columns(study)
    names = ", ".join(column["name"] for column in columns[1:4])
    assert f"{names}. Line of not encoded." in page.text
    found = [(brief, len(own)) for brief, own in join_brief(columns, columns)]
    assert found == [(False, 1), (True, 3), (True, 1)]


def test_no_used_column(result):
    page = Page(render_html(with_verdicts(result, ["not used"] * 2), []))
    assert "None of 2 columns was found to be used." in page.text


def test_a_table_without_rows(heart):
    assert "No column was analysed." in Page(to_html(heart.summary_.iloc[:0])).text


def test_what_was_done_is_said(heart_html, result):
    text = Page(heart_html).text
    for words in (
        "920, the same that the linear models were fitted on",
        "trained head of the network; classes absent, present",
        "99 per column, so no p-value is below 0.01; seed 0",
        f"sklearn_wsca {result['software']['sklearn_wsca']}",
        "MIDL 2026, PMLR 315:2711–2737",
        *result["limits"],
        *result["description"],
        *result["notes"],
    ):
        assert words in text
    assert "No trained head was given" not in text
    assert not re.search(r"\bproves?\b", text)


def test_numbers_of_the_table_sort_as_numbers(result):
    changed = copy.deepcopy(result)
    changed["columns"][1]["encoding"] |= {"score": None, "skill": None}
    page = Page(render_html(changed, []))
    rows = [a for a in page.all("tr") if "data-verdict" in a]
    assert len(rows) == 3
    values = [a["data-value"] for a in page.all("td") if "data-value" in a]
    expected = [c["encoding"]["skill"] for c in result["columns"]]
    assert repr(expected[0]) in values and repr(expected[2]) in values
    assert repr(expected[1]) not in values and "" in values
    assert all(value == "" or np.isfinite(float(value)) for value in values)
