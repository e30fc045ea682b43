"""Pages of classes: methods have pages of their own, and long lists are folded."""

from docutils import nodes
from sphinx import addnodes

# Parameters or attributes that are seen without unfolding them.
MOST_ENTRIES = 15


def skip_other_members(app, what, name, member, skip, options) -> bool | None:
    """Leave out what is no property; None leaves the decision to others."""
    if what == "class" and not isinstance(member, property):
        return True
    return None


def fold_long_lists(app, doctree) -> None:
    """Fold the parameters and attributes of a class that has many of them."""
    for described in doctree.findall(addnodes.desc):
        if described["objtype"] == "class":
            for field in described.findall(nodes.field):
                name, body = field.children
                entries = len(list(body.findall(nodes.definition_list_item)))
                if entries > MOST_ENTRIES:
                    fold(body, f"All {entries} {name.astext().lower()}")


def fold(body, summary: str) -> None:
    """Put the content of a field behind a line that unfolds it."""
    start = f"<details><summary>{summary}</summary>"
    body.insert(0, nodes.raw("", start, format="html"))
    body.append(nodes.raw("", "</details>", format="html"))


def setup(app):
    """Ask before a member is shown, and look at every page."""
    app.setup_extension("sphinx.ext.autodoc")  # has the event
    app.connect("autodoc-skip-member", skip_other_members)
    app.connect("doctree-read", fold_long_lists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
