"""One concept, one name: nobody says what the glossary refuses."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GLOSSARY = DOCS / "guide" / "glossary.md"
MADE = ("_build", "auto_examples", "generated")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md"] + sorted(
    page
    for page in DOCS.rglob("*.md")
    if page != GLOSSARY and page.relative_to(DOCS).parts[0] not in MADE
)
SOURCES = sorted((ROOT / "sklearn_wsca").rglob("*.py"))
TEMPLATES = sorted((ROOT / "sklearn_wsca" / "_report" / "templates").rglob("*"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# Where a refused word is meant otherwise: what stands around it, and why.
MEANT_OTHERWISE = {
    # What others call their own: a DataLoader, and titles of papers.
    r"loader": {"shuffle"},
    r"interaction studies have not properly": {"controlled for"},
}
# A significance is one at a level, of a test: what must stand in the same sentence.
OF_A_TEST = re.compile(
    r"\d ?%|level|[pq]-value|[pq] =|chance|test|permut|alpha|correct|alignment"
    r"|utilization|interval|verdict|\bWSC\b|\d\.\d"
)


def refused_words():
    """Words of the last column of the glossary, in backticks."""
    tables = GLOSSARY.read_text("utf-8").split("## Verdicts")[0]
    rows = re.findall(r"^\|.+\|.+\|(.*)\|$", tables, re.MULTILINE)
    return [word for cell in rows for word in re.findall(r"`([^`]+)`", cell)]


REFUSED = refused_words()
PATTERN = re.compile(
    r"(?<![\w`-])(" + "|".join(map(re.escape, REFUSED)) + r")(?![\w`=(-])",
    re.IGNORECASE,
)


def prose_of(text):
    """Text of a page without code, formulas and addresses."""
    text = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"``[^`]*``|`[^`]*`|\$[^$]*\$|\]\([^)]*\)", " ", text)
    return " ".join(text.split())


def texts_of(source):
    """Texts of a module: docstrings and messages."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = " ".join(re.sub(r"``[^`]*``|`[^`]*`", " ", node.value).split())
            if " " in text:
                yield text


def is_meant_otherwise(word, around):
    return any(
        re.search(pattern, around, re.IGNORECASE) and word.lower() in words
        for pattern, words in MEANT_OTHERWISE.items()
    )


def refused_in(text):
    """Words of a text that the glossary refuses, with what stands around them."""
    for match in PATTERN.finditer(text):
        around = text[max(0, match.start() - 60) : match.end() + 60]
        if not is_meant_otherwise(match[1], around):
            yield f"{match[1]!r} in: {around}"


def vague_sentences(text):
    """Sentences that call something significant, and do not say by which test."""
    for sentence in re.split(r"(?<=[.;?!]) |\|", text):
        if re.search(r"\bsignificant(ly)?\b", sentence) and not OF_A_TEST.search(
            sentence
        ):
            yield sentence


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_do_without_refused_words(page):
    text = prose_of(page.read_text("utf-8"))
    assert list(refused_in(text)) == []
    if page.parent.name != "evidence":
        assert list(vague_sentences(text)) == []


@pytest.mark.parametrize("path", [*SOURCES, *EXAMPLES], ids=name_of)
def test_docstrings_and_messages_do_without_refused_words(path):
    texts = list(texts_of(path.read_text("utf-8")))
    assert [found for text in texts for found in refused_in(text)] == []


def test_templates_of_the_report_do_without_refused_words():
    read = [path.read_text("utf-8") for path in TEMPLATES if path.is_file()]
    assert len(read) > 2
    assert [found for text in read for found in refused_in(text)] == []


def test_what_the_house_refuses_is_refused():
    """The table of words of the contributing guide, where its words have one sense."""
    assert len(REFUSED) > 30
    assert len(set(REFUSED)) == len(REFUSED)
    words = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## Words")[1]
    rows = re.findall(r"^\| [^|]+ \| [^|]+ \| ([^|]+) \|$", words, re.MULTILINE)
    asked = {word.strip() for cell in rows for word in cell.split(",")}
    assert {"shuffle", "covariate", "feature vector"} <= asked & set(REFUSED)


@pytest.mark.parametrize(
    "text", ["the rows were shuffled", "a P value of 0.03", "We controlled for age."]
)
def test_refused_words_are_found(text):
    assert len(list(refused_in(text))) == 1


@pytest.mark.parametrize(
    "text",
    ["p-values are small", "a DataLoader that does not shuffle", "`shuffle=True`"],
)
def test_other_words_are_not_found(text):
    assert list(refused_in(prose_of(text))) == []


def test_a_significance_without_a_test_is_found():
    assert list(vague_sentences("The scanner has a significant effect. It is large."))
    assert not list(vague_sentences("It is significant at 5 %. The effect is small."))


def test_code_of_a_page_is_not_prose():
    assert prose_of("before\n```python\nshuffle\n```\n`p value` after $x$") == (
        "before after"
    )
