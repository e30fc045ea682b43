"""JSON, Markdown and HTML of one result, and what is refused."""

import json
import re
import sys

import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._report.words import tell_held_out
from sklearn_wsca.report import to_dict, to_html, to_json, to_markdown
from tests.report_pages import Page


class TestFormats:
    def test_json_is_the_dict_without_nan(self, fitted):
        text = to_json(fitted)

        def refuse(token):
            raise AssertionError(token)

        assert json.loads(text, parse_constant=refuse) == to_dict(fitted)

    def test_markdown_has_every_column_verdict_and_limit(self, fitted):
        text, result = to_markdown(fitted), to_dict(fitted)
        table = [line for line in text.splitlines() if line.startswith("| ")]
        assert len(table) == 2 + len(result["columns"])
        assert len({line.count(" | ") for line in table}) == 1
        for column in result["columns"]:
            assert f"**{column['name']}: {column['verdict']}.**" in text
        for limit in result["limits"]:
            assert limit in text.replace("\\_", "_")
        assert text.index(tell_held_out(result["analysis"])[:40]) < text.index("| ---")

    def test_the_first_caveat_is_that_rows_may_not_be_held_out(self, fitted):
        result = to_dict(fitted)
        known = result | {"analysis": result["analysis"] | {"head_rows": "held out"}}
        notice = "<li>These rows are not known to be held"
        page = to_html(result)
        first = page.index('id="caveats-title"')
        assert first < page.index(notice) < page.index("</li>", first)
        told = to_html(known).split('id="guide"')[0]
        assert notice not in told

    def test_methods_are_the_functions(self, fitted, other_rows):
        audit = fitted.audit(other_rows.data, other_rows.metadata)
        assert fitted.to_dict() == to_dict(fitted)
        assert fitted.to_dict(audit=audit) == to_dict(fitted, audit=audit)
        assert fitted.to_json(audit=audit) == to_json(fitted, audit=audit)
        assert fitted.to_markdown(audit=audit) == to_markdown(fitted, audit=audit)
        assert fitted.to_markdown(audit=audit) != fitted.to_markdown()

    def test_a_table_has_no_notes(self, fitted):
        assert f"\n- {to_dict(fitted)['notes'][0]}\n" in to_markdown(fitted)
        assert "## What was done\n\n" in to_markdown(fitted.summary_)
        assert to_dict(fitted.summary_)["notes"] == []

    def test_markdown_escapes_names(self, data):
        name = "<b>|*`\n\x1b[31m\u202e"
        metadata = data.metadata[["target"]].assign(**{name: data.metadata["scanner"]})
        analysis = WeightSpaceCorrelation("target", n_permutations=0)
        text = to_markdown(analysis.fit(data.data, metadata))
        assert r"\<b\>\|\*\`\\n\\x1b\[31m\\u202e" in text
        assert "\x1b" not in text and "\u202e" not in text
        pipes = [line.replace(r"\|", "").count("|") for line in text.splitlines()]
        assert set(pipes) == {0, 8}


def test_two_runs_are_identical(heart, heart_html):
    assert to_html(heart) == heart_html
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", heart_html)


def test_a_dict_is_enough(result):
    again = json.loads(json.dumps(result))
    page = Page(to_html(again))
    assert not page.all("figure") and "All columns side by side" in page.text
    assert "All settings" in page.text


def test_a_table_without_description(heart):
    table = heart.summary_.copy()
    table.attrs = {}
    page = Page(to_html(table))
    assert not page.all("img")
    assert "3 of 3 columns are used." in page.text
    assert not re.search(r"\b(None|nan|NaN)\b", page.text)


def test_a_dict_of_another_version_is_refused(result):
    with pytest.raises(ValueError, match="schema_version 99"):
        to_html(result | {"schema_version": 99})


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_extra(package, heart, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    message = rf'report needs {package}.*: pip install "\.\[cli\]"$'
    with pytest.raises(ImportError, match=message):
        to_html(heart)


def test_what_is_not_utf8_is_escaped_in_every_format(heart):
    result = to_dict(heart) | {"inputs": {"embeddings": "a\udcff.npy"}}
    text = to_json(result)
    assert text.isascii() or text.encode("utf-8")
    assert json.loads(text)["inputs"] == {"embeddings": "a\udcff.npy"}
    assert "a\\udcff.npy" in to_html(result).encode("utf-8").decode()
    to_markdown(result).encode("utf-8")
