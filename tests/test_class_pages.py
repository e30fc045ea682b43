"""Pages of classes fold long lists, and only these."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")

from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

sys.path.insert(0, str(Path(__file__).parent.parent / "docs" / "_extensions"))
try:
    from short_classes import MOST_ENTRIES, fold_long_lists
finally:
    sys.path.pop(0)


def page(entries, kind="class"):
    """A page with one object that has so many parameters."""
    items = nodes.definition_list()
    for number in range(entries):
        items += nodes.definition_list_item("", nodes.term(text=f"p{number}"))
    field = nodes.field("", nodes.field_name(text="Parameters"))
    field += nodes.field_body("", items)
    document = new_document("page")
    document += addnodes.desc("", nodes.field_list("", field), objtype=kind)
    return document


def html_of(document):
    return [raw.astext() for raw in document.findall(nodes.raw)]


def test_a_long_list_is_folded_whole():
    document = page(MOST_ENTRIES + 1)
    fold_long_lists(None, document)
    assert html_of(document) == [
        f"<details><summary>All {MOST_ENTRIES + 1} parameters</summary>",
        "</details>",
    ]
    (body,) = document.findall(nodes.field_body)
    assert isinstance(body.children[1], nodes.definition_list)


@pytest.mark.parametrize("entries, kind", [(MOST_ENTRIES, "class"), (40, "function")])
def test_what_is_short_or_no_class_stays_open(entries, kind):
    document = page(entries, kind)
    fold_long_lists(None, document)
    assert html_of(document) == []
