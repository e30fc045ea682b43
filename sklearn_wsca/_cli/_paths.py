"""Where the files of a command are, and what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sklearn_wsca._cli._output import (
    INTERVENTION,
    NETWORKS,
    NETWORKS_TABLE,
    PAGES,
    REPAIRED_HEAD,
    RESULT,
    SUMMARY,
)
from sklearn_wsca._text import printable

FILE_WORDS = {
    **dict.fromkeys(PAGES, "Report, to open in a browser"),
    SUMMARY: "Table",
    NETWORKS_TABLE: "Means and standard deviations",
    **dict.fromkeys((RESULT, NETWORKS, INTERVENTION), "Result, for programs"),
    "importance.png": "What features add to a class beyond others (red), by rank",
    "curve.png": "What a part of the features keeps; dashed: random ones",
    "consistency.png": "Means of maps against outputs: on a line if they explain them",
    "maps.png": "Where the predicted class comes from; the bar marks no effect",
    REPAIRED_HEAD: "Repaired head",
}


def say_where(
    console: Console, paths: list[Path], own: Mapping[str, str] | None = None
) -> None:
    """Print the paths of files, with what they are for where that has words.

    `own` are words for this result, in place of the general ones.
    """
    console.print()
    known = FILE_WORDS | dict(own or {})
    for path in paths:
        words = f"{known[path.name]}: " if path.name in known else ""
        # Without wrapping, so that a long path can be copied.
        console.print(
            Text(f"{words}{printable(path)}"), soft_wrap=True, highlight=False
        )
