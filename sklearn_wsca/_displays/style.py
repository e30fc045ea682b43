"""Looks of all plots: colours, names as labels, figures that fit, room for labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca._text import printable

POINTS_PER_INCH = 72.0
LONGEST_LABEL = 36
LABEL_SIZE = 8.0
# Smaller text is left out.
SMALLEST_LABEL_SIZE = 5.0
# Distance of lines of text, in units of their size.
LINE_HEIGHT = 1.3
# Height of one row of a plot with one row per column, and of all of them.
TALLEST_ROW, LOWEST_ROW, MOST_INCHES = 0.34, 0.17, 21.0
# Largest share of the height of somebody else's axes that a legend may cover.
MOST_LEGEND = 0.2
# Colours of verdicts are in `sklearn_wsca._verdicts.registry`.
INK, FAINT = "#333333", "#999999"
# Series: Okabe and Ito, without yellow, which is faint as a line.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = "osD^vPX"
# Series beyond those that are named, as lines and as points.
OTHER_LINES, OTHER_POINTS = "#cccccc", "#666666"
# What chance gives, and pairs of rows of one head.
NULL_COLOUR, WITHIN_COLOUR = "#b3b3b3", "#56b4e9"
UNKNOWN = "#eeeeee"
DIVERGING = "RdBu_r"
# Its lightness rises evenly, and it has no colours that colour-blind readers mix up.
RISING = "viridis"
# A value of more than this share of the largest has a dark cell and white digits.
DARK, CELL_TEXT_SIZE = 0.6, 6.5
INCHES_OF_COLOUR_BAR = 4.0
# Text from data is shown as it is: a dollar sign starts no formula.
LITERAL = {"parse_math": False}
ON_COLOUR = "on-colour"
_APART = ContextVar("apart from pyplot", default=False)


def import_pyplot() -> Any:
    """matplotlib.pyplot, or one error that says how to get it."""
    needed = "plots need matplotlib, which is not installed. Install it with"
    return import_extra("matplotlib.pyplot", "plot", needed)


def make_label(name: Any, longest: int = LONGEST_LABEL) -> str:
    """Name of a column or class as one short line that the font can show.

    What has no glyph is written as a backslash escape, so that different names stay
    different; long names lose their middle.
    """
    text = " & ".join(map(str, name)) if isinstance(name, tuple) else str(name)
    if not text:
        return "''"
    fonts = _fonts()
    pieces = [_show(character, fonts) for character in text]
    if sum(map(len, pieces)) <= longest:
        return "".join(pieces)
    start = _take(pieces, (longest - 1) // 2)
    end = _take(pieces[::-1], longest - 1 - (longest - 1) // 2)
    return "".join([*start, "…", *end[::-1]])


def _take(pieces: list[str], room: int) -> list[str]:
    """First pieces that fit into so many characters."""
    ends = np.cumsum([len(piece) for piece in pieces])
    return pieces[: int(np.searchsorted(ends, room, side="right"))]


def _show(character: str, fonts: list) -> str:
    shown = printable(character)
    if shown == character and not any(f.get_char_index(ord(character)) for f in fonts):
        shown = character.encode("unicode_escape").decode()
    return shown


def _fonts() -> list:
    """Fonts that matplotlib takes glyphs from, in its present settings."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    default = FontProperties()
    found = [findfont(default)]
    for family in default.get_family():
        try:
            found.append(findfont(FontProperties(family), fallback_to_default=False))
        except ValueError:
            # matplotlib skips families that are not installed.
            continue
    return [get_font(path) for path in dict.fromkeys(found)]


@contextmanager
def apart_from_pyplot() -> Iterator[None]:
    """Make figures that pyplot neither knows nor shows, in this thread."""
    token = _APART.set(True)
    try:
        yield
    finally:
        _APART.reset(token)


def make_axes(width: float, height: float) -> Any:
    """Axes of a new figure, in inches, whose layout makes room for labels."""
    if _APART.get():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure.add_subplot()
    _, ax = import_pyplot().subplots(figsize=(width, height), layout="constrained")
    return ax


def settle(ax: Any) -> None:
    """Have the layout give its room to what was drawn so far, if there is a layout."""
    figure = ax.figure
    while not hasattr(figure, "draw_without_rendering"):
        # A part of a figure.
        figure = figure.figure
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()


def axes_points(ax: Any) -> tuple[float, float]:
    """Width and height of axes in points."""
    box = ax.get_window_extent()
    scale = POINTS_PER_INCH / ax.figure.dpi
    return box.width * scale, box.height * scale


def text_points(texts: Iterable[Any]) -> tuple[float, float]:
    """Largest width and height of texts in points; 0 without any."""
    sizes = [(0.0, 0.0)]
    for text in texts:
        if text.get_text():
            box = text.get_window_extent()
            scale = POINTS_PER_INCH / text.figure.dpi
            sizes.append((box.width * scale, box.height * scale))
    widths, heights = zip(*sizes, strict=True)
    return max(widths), max(heights)


def rows_height(n: int) -> float:
    """Inches for so many rows of a plot with one row per column."""
    pitch = np.clip(MOST_INCHES / max(n, 1), LOWEST_ROW, TALLEST_ROW)
    return float(min(n * pitch, MOST_INCHES))


def label_size(pitch: float) -> float:
    """Size of labels that are `pitch` points apart, or that are thinned out."""
    size = pitch / LINE_HEIGHT
    return float(min(LABEL_SIZE, size)) if size >= SMALLEST_LABEL_SIZE else LABEL_SIZE


def spread_out(positions: Sequence[float], distance: float) -> list[int]:
    """Which of rising positions to keep, so that they are `distance` apart."""
    kept: list[int] = []
    for i, position in enumerate(positions):
        if not kept or position - positions[kept[-1]] >= distance * (1 - 1e-9):
            kept.append(i)
    return kept


def row_scale(ax: Any) -> float:
    """How much smaller marks must be where rows are close together: at most 1."""
    pitch = axes_points(ax)[1] / abs(np.subtract(*ax.get_ylim()))
    return float(min(1.0, pitch / 9.0))


class RowLabels(NamedTuple):
    """Rows of a plot in rising order, and what stands on their left and right."""

    positions: list[float]
    names: list[str]
    sides: list[str]


def label_rows(ax: Any, rows: RowLabels) -> tuple[list[int], float]:
    """Name rows on the left, and say something on the right of each.

    Where rows are too close to each other only some of them get their labels. Returns
    which, and the size of the labels.
    """
    settle(ax)
    pitch = axes_points(ax)[1] / abs(np.subtract(*ax.get_ylim()))
    size = label_size(pitch)
    kept = spread_out(rows.positions, size * LINE_HEIGHT / pitch)
    at, labels = [rows.positions[i] for i in kept], [rows.names[i] for i in kept]
    ax.set_yticks(at, labels, fontsize=size, **LITERAL)
    ax.tick_params(axis="y", length=0, pad=7)
    look = LITERAL | {"va": "center", "fontsize": size, "color": INK}
    for i in kept:
        place = ax.get_yaxis_transform()
        if rows.sides[i]:
            ax.text(1.015, rows.positions[i], rows.sides[i], transform=place, **look)
    settle(ax)
    return kept, size


def set_title(ax: Any, title: str, subtitle: str = "") -> None:
    """Title on the left, with a smaller line below it, broken to the axes' width."""
    from textwrap import fill

    width = axes_points(ax)[0]
    lines = [fill(title, max(int(width / 5.5), 20))]
    if subtitle:
        lines.append(fill(subtitle, max(int(width / 5.5), 20)))
    ax.set_title("\n".join(lines), loc="left", fontsize=9, color=INK, **LITERAL)


def tidy(ax: Any) -> None:
    """Remove the frame that carries no information."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(labelsize=LABEL_SIZE, color=FAINT)
    ax.set_axisbelow(True)


def add_legend(ax: Any, handles: list, labels: list[str], place: str) -> None:
    """Add a legend.

    `place` is "below" or "right" for one outside the axes, on a figure of our own, and
    "inside" or "if room" for axes of somebody else. `labels` come from data, so they
    are set behind matplotlib's back: it leaves out those that begin with an underscore.
    """
    stand_ins = [f"{i}" for i in range(len(labels))]
    look: dict[str, Any] = {
        "fontsize": LABEL_SIZE,
        "frameon": False,
        "handlelength": 1.8,
        # Entries are as large as ever where marks are small.
        "markerscale": 1.0 / row_scale(ax),
    }
    outside = {"below": "outside lower center", "right": "outside right upper"}
    if place in outside:
        columns = max(1, int(ax.figure.get_figwidth() / 1.7))
        look |= {"loc": outside[place], "ncols": columns if place == "below" else 1}
        legend = ax.figure.legend(handles, stand_ins, **look)
    else:
        look |= {"frameon": True, "framealpha": 0.8, "fontsize": 6, "loc": "best"}
        legend = ax.legend(handles, stand_ins, **look)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)
        text.set_parse_math(False)
    if place == "if room":
        share = legend.get_window_extent().height / ax.get_window_extent().height
        if share > MOST_LEGEND:
            legend.remove()


def name_axes(ax: Any, x: str, y: str = "") -> None:
    """Say what the axes show."""
    ax.set_xlabel(x, fontsize=LABEL_SIZE + 1, **LITERAL)
    if y:
        ax.set_ylabel(y, fontsize=LABEL_SIZE + 1, **LITERAL)


def name_places(ax: Any, places: Any, names: Sequence[str], distance: float) -> None:
    """Name rising places of a logarithmic axis, as many as are `distance` apart.

    From the right, where the most important ones are.
    """
    from matplotlib.ticker import NullLocator

    low, high = np.log(ax.get_xlim())
    at = (high - np.log(places)) / (high - low) * axes_points(ax)[0]
    kept = [len(places) - 1 - i for i in spread_out(at[::-1], distance)][::-1]
    shown = [names[i] for i in kept]
    ax.set_xticks([places[i] for i in kept], shown, fontsize=LABEL_SIZE)
    ax.xaxis.set_minor_locator(NullLocator())


def add_colour_bar(axes: Any, drawn: Any, label: str, **place: Any) -> Any:
    """Say what the colours of axes, or of a list of them, stand for."""
    figure = (axes[0] if isinstance(axes, list) else axes).figure
    bar = figure.colorbar(drawn, ax=axes, **place)
    bar.set_label(label, fontsize=LABEL_SIZE)
    bar.ax.tick_params(labelsize=LABEL_SIZE - 1)
    bar.outline.set_visible(False)
    return bar


def write_in_cell(ax: Any, row: int, column: int, text: str, share: float) -> Any:
    """Write into a cell of a matrix; `share` is its value in units of the largest."""
    colour = "white" if abs(share) > DARK else "black"
    look = {"ha": "center", "va": "center", "fontsize": CELL_TEXT_SIZE}
    # By its name in a file a reader of it knows that what is behind it has a colour.
    name = f"{ON_COLOUR}-{row}-{column}"
    return ax.text(column, row, text, color=colour, gid=name, **look)
