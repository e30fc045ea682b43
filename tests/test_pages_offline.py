"""Pages need no network: formulas are MathML, and nothing is fetched."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("latex2mathml")
pytest.importorskip("sphinx")

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
try:
    from mathml import to_mathml
    from offline import fetched_by, list_fetched
finally:
    sys.path.pop(0)

PAGES = sorted((ROOT / "docs" / "guide").rglob("*.md"))


def formulas_of(text):
    """Formulas of a page, outside of code: in lines, and on lines of their own."""
    text = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    of_blocks = re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)
    rest = re.sub(r"\$\$.+?\$\$|`[^`]*`", "", text, flags=re.DOTALL)
    return of_blocks + re.findall(r"\$([^$\s][^$]*)\$", rest)


def test_every_formula_of_the_guide_becomes_mathml():
    formulas = [f for page in PAGES for f in formulas_of(page.read_text("utf-8"))]
    assert len(formulas) > 60
    for formula in formulas:
        assert to_mathml(formula, "block").startswith("<math")


def test_a_formula_keeps_its_parts():
    found = to_mathml(r"\sqrt{\frac{a_j}{\bar x}}", "inline")
    for element in ("msqrt", "mfrac", "msub", "mover"):
        assert f"<{element}>" in found


@pytest.mark.parametrize("formula", [r"\nosuchcommand{x}", r"\left( x", "{"])
def test_what_cannot_be_read_stops_the_build(formula):
    with pytest.raises(ValueError, match="formula"):
        to_mathml(formula, "block")


@pytest.mark.parametrize(
    "html",
    [
        '<script async src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
        '<img srcset="a.png 1x, https://cdn.example/b.png 2x">',
        "<style>@import 'https://cdn.example/x.css';</style>",
        '<p style="background: url(http://cdn.example/x.png)">',
        '<svg><image href="https://cdn.example/x.png"/></svg>',
    ],
)
def test_what_a_page_fetches_is_found(html):
    (found,) = fetched_by(html, ".html")
    assert "cdn.example/" in found


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.org">a link</a>',
        '<script src="_static/x.js"></script>',
        '<link rel="canonical" href="https://example.org/page">',
        '<math xmlns="http://www.w3.org/1998/Math/MathML"></math>',
        "<p>url(https://example.org)</p>",
    ],
)
def test_what_a_reader_follows_is_not_fetched(html):
    assert fetched_by(html, ".html") == []


def test_a_whole_folder_is_searched(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "page.html").write_text("<p>nothing</p>", "utf-8")
    style = tmp_path / "inside" / "style.css"
    style.write_text("@font-face {src: url(https://cdn.example/font)}", "utf-8")
    assert list(list_fetched(tmp_path)) == [
        "inside/style.css: https://cdn.example/font"
    ]
