"""Pages of reports as elements and text, and made-up results."""

import copy
from html.parser import HTMLParser

VOID = {"br", "col", "hr", "img", "input", "link", "meta"}
SELF_CLOSED = {"circle", "clipPath", "g", "image", "line", "path", "rect", "use"}
SELF_CLOSED |= {tag.lower() for tag in SELF_CLOSED}


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
