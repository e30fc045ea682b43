"""The HTML page as text: escaping, structure, size and what it says."""

import copy
import re

import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._report.figures import draw_figures
from sklearn_wsca._report.html import readable_on, relative_luminance, render_html
from sklearn_wsca._verdicts.registry import VERDICTS
from sklearn_wsca.datasets import load_heart_hospitals
from sklearn_wsca.report import to_html
from tests.report_pages import Page, replicate, with_verdicts
from tests.report_studies import HOSTILE

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")


def test_names_and_levels_are_text(hostile_html):
    page = Page(hostile_html)
    assert "<script>alert(1)</script>" in page.text
    assert '"><img src=x onerror=alert(1)>' in page.text
    assert "{{7*7}}" in page.text and "{% include 'x' %}" in page.text
    assert r"new\nline" in page.text and r"turned\u202earound" in page.text
    assert "a & b &amp; c" in page.text and "病院 Zürich القاهرة" in page.text
    assert "\u202e" not in hostile_html
    assert len(page.all("script")) == 1
    assert not page.all("b") and not page.all("i")
    assert not page.all("img")


def test_no_element_has_a_handler_or_style(hostile_html):
    page = Page(hostile_html)
    for tag, attributes, _ in page.elements:
        for name in attributes:
            assert not name.startswith("on") and name != "style", (tag, name)


def test_nothing_is_loaded(heart_html):
    page = Page(heart_html)
    for tag, attributes, _ in page.elements:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            address = attributes.get(name, "#")
            citation = tag == "a" and address.startswith("https://arxiv.org/")
            assert citation or address.startswith(("#", "data:")), (tag, address)
    style = "".join(data for tag, data in page.texts if tag == "style")
    assert "url(" not in style and "@import" not in style
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_links_lead_somewhere(hostile_html):
    page = Page(hostile_html)
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids
    for _, attributes, _ in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert attributes.get(name, ids[0]) in ids
    assert [f"column-{i + 1}" for i in range(len(HOSTILE))] == [
        i for i in ids if i.startswith("column-")
    ]


def test_headings_in_order_and_landmarks(heart_html):
    page = Page(heart_html)
    levels = [int(t[1]) for t, _, _ in page.elements if re.fullmatch("h[1-6]", t)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert page.all("html")[0]["lang"] == "en"
    for tag in ("header", "nav", "main", "footer"):
        assert len(page.all(tag)) == 1


def test_size_of_thirty_columns(heart_figures, result):
    many = replicate(result, 30)
    # Many levels and classes, as large as tables of counts may get.
    for column in many["columns"]:
        levels = [{"level": f"level {i}", "n_samples": 40} for i in range(60)]
        column["labels"] = {"levels": levels}
        column["counts_by_target"] = [[20, 20] for _ in range(60)]
    page = render_html(many, [*draw_figures(many, {}), *heart_figures])
    assert len(page.encode()) < 2e6


def test_every_verdict_has_word_symbol_and_colour(result):
    page = render_html(with_verdicts(result, list(VERDICTS)), [])
    table = page[page.index('id="columns-table"') :]
    for verdict, style in VERDICTS.items():
        badge = f"badge-{verdict.replace(' ', '-')}"
        assert f".{badge} {{ background: {style.colour};" in page
        assert re.search(
            f'class="badge {badge}"><span aria-hidden="true">{style.symbol}</span> '
            f"{verdict}</span>",
            table,
        )


@pytest.mark.parametrize("style", VERDICTS.values(), ids=list(VERDICTS))
def test_badges_are_readable(style):
    luminances = [
        relative_luminance(c) for c in (style.colour, readable_on(style.colour))
    ]
    darker, lighter = sorted(luminances)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_luminance_of_known_colours():
    assert relative_luminance("#ffffff") == pytest.approx(1.0)
    assert relative_luminance("#000000") == 0.0
    assert relative_luminance("#ff0000") == pytest.approx(0.2126)
    assert readable_on("#ffff00") == "#000000"
    assert readable_on("#000080") == "#ffffff"


def test_a_number_without_a_spread_is_a_dash(result):
    changed = copy.deepcopy(result)
    (age,) = [c for c in changed["columns"] if c["name"] == "age"]
    cell = '<th scope="row">Minimum</th><td class="number">{}</td>'
    assert cell.format("-") not in render_html(changed, [])
    age["labels"]["minimum"] = None
    assert render_html(changed, []).count(cell.format("-")) == 1


def test_a_fitted_head_is_announced_first(hostile_html):
    text = Page(hostile_html).text
    assert "No trained head was given" in text
    assert text.index("No trained head was given") < text.index("The answer:")


def test_audit_is_judged(heart):
    data = load_heart_hospitals()
    half = np.arange(len(data.data)) % 2 == 0
    analysis = WeightSpaceCorrelation(
        "disease", target_head=data.head, n_permutations=99, random_state=0
    ).fit(data.data[half], data.metadata[half])
    audit = analysis.audit(data.data[~half], data.metadata[~half])
    text = Page(to_html(analysis, audit=audit)).text
    assert (
        "460, held out from the linear models; they were fitted on 460 others" in text
    )
    table = Page(to_html(audit))
    assert "460, held out from the linear models" in table.text
    assert not table.all("figure")
    assert "Utilization, in standard deviations of the output" in table.text


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"target": "disease", "n_permutations": 0}, "there are no p-values"),
        ({"target": None, "n_permutations": 99}, "There was no decision to judge."),
        ({"target": None, "target_head": "given"}, "untestable"),
    ],
)
def test_what_is_missing_is_left_out(parameters, said):
    data = load_heart_hospitals()
    if "target_head" in parameters:
        parameters = parameters | {"target_head": data.head, "n_permutations": 99}
    columns = ["hospital", "sex", "age"]
    analysis = WeightSpaceCorrelation(columns=columns, random_state=0, **parameters)
    analysis.fit(data.data, data.metadata)
    page = Page(to_html(analysis))
    assert said in page.text
    report, _ = page.text.split("All settings")
    assert not re.search(r"\bNone\b(?! of \d)|\b(nan|NaN)\b", report)


def test_only_untestable_columns():
    data = load_heart_hospitals()
    metadata = data.metadata.assign(copy=data.metadata["disease"])
    analysis = WeightSpaceCorrelation(
        "disease", target_head=data.head, n_permutations=99, columns=["copy"]
    ).fit(data.data, metadata)
    assert list(analysis.verdicts_) == ["untestable"]
    page = Page(to_html(analysis))
    assert "None of 1 column was found to be used." in page.text
    assert page.text.count("Nothing can be said: ") == 2


def test_untestable_columns_have_reasons(result):
    changed = with_verdicts(result, ["untestable"])
    column = changed["columns"][0]
    column |= {"lead": "Nothing can be said: constant.", "kind": None, "labels": None}
    column["utilization"] = dict.fromkeys(column["utilization"])
    column["alignment"] = dict.fromkeys(("score", "pvalue", "pvalue_fwer", "qvalue"))
    column["encoding"] = dict.fromkeys(column["encoding"])
    column["performance"] |= {"by_level": [], "gap": None}
    column["outputs"] = None
    column["erasure"] = column["n_samples"] = column["n_levels"] = None
    page = Page(to_html(changed))
    assert "Nothing can be said: constant." in page.text
    assert not page.all("figure") and not page.all("svg")
