"""The HTML page as text: escaping, structure, size and what it says."""

import base64
import copy
import json
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._report._figures import draw_figures, head_displays
from sklearn_wsca._report._page import MOST_LEVELS_SHOWN, MOST_OPEN_ANSWERS
from sklearn_wsca._report.html import readable_on, relative_luminance, render_html
from sklearn_wsca._report.result import make_result
from sklearn_wsca._verdict import VERDICTS
from sklearn_wsca.datasets import load_heart_hospitals
from sklearn_wsca.report import to_html

pytest.importorskip("jinja2")
matplotlib = pytest.importorskip("matplotlib")

VOID = {"br", "col", "hr", "img", "input", "link", "meta"}
SELF_CLOSED = {"circle", "line", "rect"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "new\nline",
    "turned\u202earound",
    "{{7*7}}",
    "{% include 'x' %}",
    "javascript:alert(1)",
    "a & b &amp; c",
    "' onclick='alert(1)",
    "$x_{1}$",
    "病院 Zürich القاهرة",
    "-->",
    "__proto__",
]


class Page(HTMLParser):
    """Elements with attributes and text; raises where tags do not nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        self.elements.append((tag, dict(attrs), list(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SELF_CLOSED, tag
        self.elements.append((tag, dict(attrs), list(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]

    @property
    def text(self):
        words = [data for tag, data in self.texts if tag not in {"script", "style"}]
        return " ".join("".join(words).split())


@pytest.fixture(scope="module")
def heart():
    data = load_heart_hospitals()
    return WeightSpaceCorrelation(
        "disease", target_head=data.head, n_permutations=99, random_state=0
    ).fit(data.data, data.metadata)


@pytest.fixture(scope="module")
def result(heart):
    return make_result(heart)


@pytest.fixture(scope="module")
def heart_figures(heart, result):
    return draw_figures(result, head_displays(heart))


@pytest.fixture(scope="module")
def heart_html(result, heart_figures):
    return render_html(result, heart_figures)


def make_hostile_data(n=200):
    """Embeddings of unequal scales and metadata whose names and levels attack."""
    rng = np.random.default_rng(0)
    X = 3.0 + rng.normal(size=(n, 8)) * np.linspace(1, 9, 8)
    metadata = {
        name: np.where(
            X[:, i % 8] + 5 * rng.normal(size=n) > 3, HOSTILE[i], HOSTILE[i - 1]
        )
        for i, name in enumerate(HOSTILE)
    }
    metadata["<b>target</b>"] = np.where(X[:, 0] > 3, "<i>yes</i>", "no")
    return X, pd.DataFrame(metadata)


@pytest.fixture(scope="module")
def hostile():
    X, metadata = make_hostile_data()
    analysis = WeightSpaceCorrelation(
        "<b>target</b>", n_permutations=299, random_state=0
    )
    return analysis.fit(X, metadata)


@pytest.fixture(scope="module")
def hostile_figures(hostile):
    return draw_figures(make_result(hostile), head_displays(hostile))


@pytest.fixture(scope="module")
def hostile_html(hostile, hostile_figures):
    return render_html(make_result(hostile), hostile_figures)


def replicate(result, n):
    """A result of n columns, from those of a smaller one."""
    many = copy.deepcopy(result)
    pool = many["columns"]
    many["columns"] = [
        copy.deepcopy(pool[i % len(pool)]) | {"name": f"column {i + 1}"}
        for i in range(n)
    ]
    return many


def with_verdicts(result, verdicts):
    """The result with one column per verdict."""
    changed = replicate(result, len(verdicts))
    for column, verdict in zip(changed["columns"], verdicts, strict=True):
        column["verdict"] = verdict
    return changed


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
    assert [image["src"][:26] for image in page.all("img")] == [
        "data:image/svg+xml;base64,"
    ] * len(page.all("img"))


def test_no_element_has_a_handler_or_style(hostile_html):
    page = Page(hostile_html)
    for tag, attributes, _ in page.elements:
        for name in attributes:
            assert not name.startswith("on") and name != "style", (tag, name)


def test_names_in_pictures_are_text(hostile_figures, hostile_html):
    assert len(hostile_figures) == 4
    for figure in hostile_figures:
        root = ElementTree.fromstring(figure.svg)
        tags = {element.tag.split("}")[-1] for element in root.iter()}
        assert "script" not in tags and "foreignObject" not in tags
    alternatives = [image["alt"] for image in Page(hostile_html).all("img")]
    assert any("<script>alert(1)</script>" in text for text in alternatives)
    assert not any("\n" in text for text in alternatives)


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


def test_size_of_thirty_columns(heart_figures, result):
    many = replicate(result, 30)
    # Many levels and classes, as large as tables of counts may get.
    for column in many["columns"]:
        levels = [{"level": f"level {i}", "n_samples": 40} for i in range(60)]
        column["labels"] = {"levels": levels}
        column["counts_by_target"] = [[20, 20] for _ in range(60)]
    page = render_html(many, [*draw_figures(many, {}), *heart_figures])
    assert len(page.encode()) < 2e6


def test_rare_levels_are_counted_only(result):
    many = replicate(result, 1)
    levels = [{"level": f"level {i}", "n_samples": i + 1} for i in range(40)]
    many["columns"][0] |= {"labels": {"levels": levels}, "counts_by_target": None}
    text = Page(render_html(many, [])).text
    n_hidden = 40 - MOST_LEVELS_SHOWN
    n_rows = sum(range(1, n_hidden + 1))
    assert f"{n_hidden} rarer levels with {n_rows} rows in all" in text
    assert "level 39" in text and "level 2 " not in text


def test_two_runs_are_identical(heart, heart_html):
    assert to_html(heart) == heart_html
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", heart_html)


def test_drawing_leaves_matplotlib_as_it_was(result):
    plt = pytest.importorskip("matplotlib.pyplot")
    before, n_figures = dict(matplotlib.rcParams), len(plt.get_fignums())
    plain = draw_figures(result, {})
    assert dict(matplotlib.rcParams) == before
    assert len(plt.get_fignums()) == n_figures
    with plt.style.context("dark_background"):
        assert draw_figures(result, {}) == plain


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


def test_few_columns_are_all_answered(result):
    page = Page(render_html(result, []))
    assert "3 of 3 columns are used." in page.text
    for column in result["columns"]:
        assert page.text.count(column["answer"]) == 2
    assert not [a for a in page.all("details") if a["class"] == "more"]


def test_many_columns_are_folded_but_for_used_ones(result):
    verdicts = ["inconclusive"] * 30 + ["used"] * 3 + ["untestable"] * 20
    text = render_html(with_verdicts(result, verdicts), [])
    page = Page(text)
    assert "3 of 53 columns are used. For 30 the question stays open." in page.text
    folded = text.index('class="more"')
    for i in range(31, 34):
        assert text.index(f'href="#column-{i}"') < folded
    assert text.index('href="#column-1"') > folded
    assert "30 columns are inconclusive" in page.text
    assert "20 columns are untestable" in page.text
    assert len(verdicts) > MOST_OPEN_ANSWERS


def test_no_used_column(result):
    page = Page(render_html(with_verdicts(result, ["not used"] * 2), []))
    assert "None of 2 columns was found to be used." in page.text


def test_a_table_without_rows(heart):
    assert "No column was analysed." in Page(to_html(heart.summary_.iloc[:0])).text


def test_a_number_without_a_spread_is_a_dash(result):
    changed = copy.deepcopy(result)
    (age,) = [c for c in changed["columns"] if c["name"] == "age"]
    cell = '<th scope="row">Minimum</th><td class="number">{}</td>'
    assert cell.format("-") not in render_html(changed, [])
    age["labels"]["minimum"] = None
    assert render_html(changed, []).count(cell.format("-")) == 1


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


def test_a_fitted_head_is_announced_first(hostile_html):
    text = Page(hostile_html).text
    assert "No trained head was given" in text
    assert text.index("No trained head was given") < text.index("The answer:")


def test_numbers_of_the_table_sort_as_numbers(result):
    changed = copy.deepcopy(result)
    changed["columns"][1]["encoding"]["score"] = None
    page = Page(render_html(changed, []))
    rows = [a for a in page.all("tr") if "data-verdict" in a]
    assert len(rows) == 3
    values = [a["data-value"] for a in page.all("td") if "data-value" in a]
    expected = [c["encoding"]["score"] for c in result["columns"]]
    assert repr(expected[0]) in values and repr(expected[2]) in values
    assert repr(expected[1]) not in values and "" in values
    assert all(value == "" or np.isfinite(float(value)) for value in values)


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
    assert len(table.all("img")) == 1
    assert "Forest plot of the utilization of 3 columns" in table.all("img")[0]["alt"]


def test_a_dict_is_enough(result):
    again = json.loads(json.dumps(result))
    page = Page(to_html(again))
    assert len(page.all("img")) == 1
    assert "All settings" in page.text


def test_a_table_without_description(heart):
    table = heart.summary_.copy()
    table.attrs = {}
    page = Page(to_html(table))
    assert not page.all("img")
    assert "3 of 3 columns are used." in page.text
    assert not re.search(r"\b(None|nan|NaN)\b", page.text)


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
    column |= {"answer": "Nothing can be said: constant.", "kind": None, "labels": None}
    column["utilization"] = dict.fromkeys(column["utilization"])
    column["alignment"] = dict.fromkeys(("score", "pvalue", "pvalue_fwer", "qvalue"))
    column["encoding"] = {"score": None, "pvalue": None}
    column["erasure"] = column["n_samples"] = column["n_levels"] = None
    page = Page(to_html(changed))
    assert "Nothing can be said: constant." in page.text
    assert not page.all("img") and not page.all("svg")


def test_a_dict_of_another_version_is_refused(result):
    with pytest.raises(ValueError, match="schema_version 99"):
        to_html(result | {"schema_version": 99})


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_extra(package, heart, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'pip install "sklearn_wsca\[cli\]"'):
        to_html(heart)


def test_pictures_can_be_read(heart_figures):
    for figure in heart_figures:
        encoded = figure.data_uri.split(",", 1)[1]
        root = ElementTree.fromstring(base64.b64decode(encoded))
        assert root.tag.endswith("svg")
        assert figure.width > 300 and figure.height > 100
        assert b"<dc:date>" not in figure.svg


def test_sensitivity_is_drawn(heart):
    data = load_heart_hospitals()
    table = heart.component_sensitivity(data.data, data.metadata, [5, 20])
    result = make_result(heart, sensitivity=table)
    figure = draw_figures(result, head_displays(heart))[-1]
    assert figure.key == "sensitivity"
    assert "hospital: " in figure.alternative
    again = json.loads(json.dumps(result))
    assert draw_figures(again, {})[-1].alternative == figure.alternative
