"""Stop a build whose pages load anything from the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from sphinx.errors import ExtensionError

# What a browser fetches to show a page; links that a reader follows are no part of it.
FETCHED = {"src", "srcset", "poster", "data", "background"}
LINKED = {"link": "href", "image": "href", "use": "href"}
# Of the element `link`: names what other programs may look for, and is not fetched.
NOT_FETCHED = {"canonical", "search", "index", "next", "prev", "author", "license"}
IN_STYLE = re.compile(
    r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""", re.IGNORECASE
)


class _Addresses(HTMLParser):
    """Collects the addresses that a page fetches."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag, attributes):
        """Keep what the attributes of an element fetch."""
        values = {name: value or "" for name, value in attributes}
        self.in_style = tag == "style"
        self.found += IN_STYLE.findall(values.get("style", ""))
        names = FETCHED | {LINKED[tag]} if tag in LINKED else FETCHED
        if tag == "link" and NOT_FETCHED & set(values.get("rel", "").split()):
            return
        for name in names & set(values):
            parts = values[name].split(",") if name == "srcset" else [values[name]]
            self.found += [p.split()[0] for p in parts if is_remote(p.strip())]

    def handle_data(self, data):
        """Keep what a style sheet within the page fetches."""
        if self.in_style:
            self.found += IN_STYLE.findall(data)


def is_remote(address: str) -> bool:
    """Whether an address leads out of the folder that the page is in."""
    return bool(re.match(r"(https?:|wss?:)?//", address, re.IGNORECASE))


def fetched_by(text: str, suffix: str) -> list[str]:
    """Addresses on the network that a page (.html) or a style sheet (.css) loads."""
    if suffix == ".css":
        return IN_STYLE.findall(text)
    parser = _Addresses()
    parser.feed(text)
    return parser.found


def list_fetched(folder: Path) -> Iterator[str]:
    """Lines of page and address, of all pages and style sheets of a folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".css"):
            for address in fetched_by(path.read_text("utf-8"), path.suffix):
                yield f"{path.relative_to(folder)}: {address}"


def check_build(app, exception) -> None:
    """Refuse a finished build that is not complete without the network."""
    if exception is None and app.builder.format == "html":
        found = list(list_fetched(Path(app.outdir)))
        if found:
            raise ExtensionError("\n".join(["loaded from the network:", *found]))


def setup(app):
    """Check when a build is finished."""
    app.connect("build-finished", check_build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
