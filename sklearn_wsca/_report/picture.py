"""A display of this package as SVG that is the same in every run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from threading import RLock
from typing import Any
from xml.etree import ElementTree

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca._displays.style import ON_COLOUR, apart_from_pyplot

PIXELS_PER_INCH = 96
FONTS = ("font.family", "font.sans-serif", "font.serif", "font.monospace")
ONE_AT_A_TIME = RLock()
# What stands on the page takes the colour of its text; what is white shows the page.
INK_OF_PAGE = {
    "#000000": "currentColor",
    "#333333": "currentColor",
    "#ffffff": "var(--paper)",
}
NAMESPACES = {
    "": "http://www.w3.org/2000/svg",
    "xlink": "http://www.w3.org/1999/xlink",
}
CAPTIONS = {
    "alignment": (
        "Every head against every other: red for the same direction, blue for the "
        "opposite one, white for neither."
    ),
    "pairs": (
        "The cosines of the decision with each column, beside those of all pairs of "
        "rows within one head and between different heads, as in the publication. This "
        "is a comparison, not a test."
    ),
    "sensitivity": (
        "Whether the alignment scores depend on how many principal directions of the "
        "embeddings are compared. The dashed line marks 99% of the variance."
    ),
}


@dataclass(frozen=True)
class Figure:
    """A picture of the report.

    Parameters
    ----------
    key : str
        What it shows: a key of `CAPTIONS`.
    title : str
        Its title.
    svg : str
        The picture, as part of a page whose colour of text it takes.
    alternative : str
        What it shows, with the main numbers, for those who cannot see it.
    width, height : int
        Its size in pixels.
    """

    key: str
    title: str
    svg: str
    alternative: str
    width: int
    height: int

    @property
    def caption(self) -> str:
        """How to read it."""
        return CAPTIONS[self.key]


def import_for_report(package: str) -> Any:
    """jinja2 or matplotlib, or one error that says how to get it."""
    needed = f"the HTML report needs {package}, which is not installed. Install it with"
    return import_extra(package, "cli", needed)


@contextmanager
def draw_plainly() -> Iterator[None]:
    """Draw in one style, whatever that of the user; but with the user's fonts.

    One thread at a time, because matplotlib has one style for all of them. Afterwards
    it is that of the user again.
    """
    matplotlib = import_for_report("matplotlib")
    from matplotlib.style import context

    # Equal pictures get equal bytes, and need no font where they are looked at.
    settings: Any = {"svg.hashsalt": "sklearn_wsca", "svg.fonttype": "path"}
    with ONE_AT_A_TIME, apart_from_pyplot():
        settings |= {name: matplotlib.rcParams[name] for name in FONTS}
        with context("default"), matplotlib.rc_context(settings):
            yield


def save_display(display: Any, key: str, title: str, alternative: str) -> Figure:
    """Take the picture out of a display."""
    size = display.figure_.get_size_inches()
    width, height = (round(PIXELS_PER_INCH * i) for i in size)
    svg = to_svg(display.figure_, key)
    return Figure(key, title, svg, alternative, width, height)


def to_svg(figure: Any, key: str) -> str:
    """A figure of matplotlib as part of a page; the key tells its ids from others."""
    drawn = BytesIO()
    nothing = dict.fromkeys(("Date", "Creator"))
    figure.savefig(drawn, format="svg", metadata=nothing)
    return fit_into_page(drawn.getvalue(), key)


def fit_into_page(svg: bytes, key: str) -> str:
    """SVG of matplotlib as part of a page: its colours of text, ids of its own.

    A page that allows no foreign styles takes colours from attributes only.
    """
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style", "}title")):
                parent.remove(child)
    _take_ink(root, key, INK_OF_PAGE)
    # What has no colour is black otherwise, such as the labels of an axis.
    root.set("fill", INK_OF_PAGE["#000000"])
    # The height follows the width, which a page may change.
    root.attrib.pop("height", None)
    for prefix, address in NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    return ElementTree.tostring(root, encoding="unicode")


def _take_ink(element: Any, key: str, ink: dict[str, str]) -> None:
    """Styles as attributes, in the colours of the page; ids begin with the key.

    What stands on a colour of its own keeps the one that is readable there.
    """
    if element.get("id", "").startswith(ON_COLOUR):
        ink = {}
        element.set("fill", "#000000")
    style = element.attrib.pop("style", "")
    for name, value in (r.split(":", 1) for r in style.split(";") if ":" in r):
        element.set(name.strip(), ink.get(value.strip(), value.strip()))
    for name, value in element.attrib.items():
        element.set(name, _rename(name, value, key))
    for child in element:
        _take_ink(child, key, ink)


def _rename(name: str, value: str, key: str) -> str:
    """Ids of one picture begin with its key, and so do links to them."""
    if name == "id":
        return f"{key}-{value}"
    if name.endswith("href") and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    return re.sub(r"url\(#", f"url(#{key}-", value)
