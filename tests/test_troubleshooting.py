"""The messages of the page on troubleshooting are those of the source."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "guide" / "troubleshooting.md").read_text("utf-8")
ENTRIES = re.findall(r"^`(.+)`\n: (\S.+)$", PAGE, re.MULTILINE)
SOURCES = [
    *(ROOT / "sklearn_wsca").rglob("*.py"),
    ROOT / "scripts" / "require_extra.py",
]
# What stands for a name or number: on the page, and in what is read of the source.
GAP = "…"


def read_literal(node):
    """Text of a literal, with a gap for what is filled in; None of other nodes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (read_literal(part) or GAP for part in node.values)
        return re.sub(f"{GAP}+", GAP, "".join(parts))
    return None


def literals():
    """All texts of the source, those of parts of longer ones too."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = read_literal(node)
            if text:
                yield " ".join(text.split())


LITERALS = list(literals())


def is_said(message):
    """Whether one text of the source has these words in this order, gaps aside."""
    words = [re.escape(part.strip()) for part in message.split(GAP) if part.strip(" .")]
    pattern = re.compile(".*?".join(words))
    return any(pattern.search(text) for text in LITERALS)


def test_entries_are_found():
    assert len(ENTRIES) > 35
    assert len({message for message, _ in ENTRIES}) == len(ENTRIES)
    assert PAGE.count("\n: ") == len(ENTRIES)


@pytest.mark.parametrize("message", [message for message, _ in ENTRIES])
def test_the_package_says_so(message):
    assert is_said(message)


def test_every_message_has_words_enough_to_be_told_from_others():
    for message, _ in ENTRIES:
        parts = message.split(GAP)
        assert max(len(part.split()) for part in parts) >= 3, message


@pytest.mark.parametrize(
    "message",
    [
        "X has … rows and y has … columns: inconsistent",
        "nobody ever says this of a head",
    ],
)
def test_what_nobody_says_is_found(message):
    assert not is_said(message)


def test_options_that_it_names_exist():
    pytest.importorskip("click")
    from sklearn_wsca._cli.commands import wsca

    known = {o for c in wsca.commands.values() for p in c.params for o in p.opts}
    known |= {o for parameter in wsca.params for o in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE))
    assert len(named) > 8
    assert named - known == set()
