"""One page for commands that have less to say than an audit, in its style.

The answers come first, each with a picture, then what to keep in mind and what is next,
pictures, tables, and how it was done.
"""

from __future__ import annotations

from typing import NamedTuple

from sklearn_wsca._report._level_bars import Bars
from sklearn_wsca._report.html import TEMPLATES, hash_of, make_environment
from sklearn_wsca._version import __version__

MOST_OPEN_ANSWERS = 12


class Answer(NamedTuple):
    """What is said of one column.

    Parameters
    ----------
    name, word : str
        What it is about, and a word on it; or "".
    sentences : list of str
        What was found.
    bars : Bars or None
        A picture beside them.
    """

    name: str
    word: str
    sentences: list[str]
    bars: Bars | None = None


class Picture(NamedTuple):
    """A picture with its title, and what it shows for those who cannot see it."""

    title: str
    alternative: str
    svg: str


class Block(NamedTuple):
    """A table with its title."""

    title: str
    header: list[str]
    rows: list[list[str]]


class ShortPage(NamedTuple):
    """All that stands on a page.

    Parameters
    ----------
    question, headline : str
        What was asked, and the answer in a sentence.
    answers : list of Answer
        The answers one by one.
    caveats, next_steps : list of str
        What limits them, and what to do next.
    pictures : list of Picture
        Pictures of the whole.
    blocks : list of Block
        Tables.
    facts : dict of str to str
        How it was done, as terms and texts.
    """

    question: str
    headline: str
    answers: list[Answer]
    caveats: list[str]
    next_steps: list[str]
    pictures: list[Picture]
    blocks: list[Block]
    facts: dict[str, str]


def render_short_page(page: ShortPage) -> str:
    """The page as HTML; it needs the extra ``cli``."""
    environment, markup = make_environment()
    style = (TEMPLATES / "report.css").read_text("utf-8")
    return environment.get_template("short_page.html").render(
        page=page,
        question=page.question,
        headline=page.headline,
        version=__version__,
        pictures=[(picture, markup(picture.svg)) for picture in page.pictures],
        shown=page.answers[:MOST_OPEN_ANSWERS],
        folded=page.answers[MOST_OPEN_ANSWERS:],
        style=markup(style),
        style_hash=hash_of(style),
    )
