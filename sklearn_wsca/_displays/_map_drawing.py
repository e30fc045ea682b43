"""Panels of activation maps: where they stand, and what is drawn in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_wsca._displays.style import (
    INCHES_OF_COLOUR_BAR,
    INK,
    LABEL_SIZE,
    LITERAL,
    POINTS_PER_INCH,
    RISING,
    add_colour_bar,
    axes_points,
    import_pyplot,
    make_label,
    settle,
    text_points,
)

# Opacity of a map's smallest value as a share of that of its largest.
FAINTEST = 1 / 3
# Of the colour bar, and what stands where nothing speaks for or against the class.
TICKS, LEAST_APART, NO_EFFECT = (0.0, 0.25, 0.5, 0.75, 1.0), 0.1, "no effect"
# Longer side of a map, and width and height of a strip, in inches.
USUAL_PANEL, STRIP_WIDTH, STRIP_HEIGHT, SIGNAL_HEIGHT = 1.9, 6.0, 0.3, 0.8
MOST_WIDTH, MOST_HEIGHT = 18.0, 20.0
# Of the titles of panels.
INCHES_OF_TITLE = 0.22
# Points that the label of the colour bar takes.
ROOM_FOR_LABEL = 130.0
LONGEST_TITLE, SHORTEST_TITLE = 60, 3


def make_panels(pictures: list, has_images: bool, columns: int | None) -> np.ndarray:
    """Axes on a new figure that is as large as the maps need."""
    n, flat = len(pictures), pictures[0].ndim == 1
    usual = n if n <= 4 else int(np.ceil(np.sqrt(n)))
    columns = min(n, columns or (1 if flat else usual))
    rows = -(-n // columns)
    if flat:
        width, height = STRIP_WIDTH, SIGNAL_HEIGHT if has_images else STRIP_HEIGHT
    else:
        sides = np.array(pictures[0].shape)
        height, width = USUAL_PANEL * sides / sides.max()
    width = min(width + 0.06, MOST_WIDTH / columns)
    height = min(height + INCHES_OF_TITLE, MOST_HEIGHT / rows)
    around = 0.6 if flat else 0.35
    figure, axes = import_pyplot().subplots(
        rows,
        columns,
        figsize=(max(columns * width + 0.85, 3.2), max(rows * height + around, 1.2)),
        layout="constrained" if flat else "compressed",
        squeeze=False,
    )
    for spare in axes.flat[n:]:
        figure.delaxes(spare)
    return axes.ravel()[:n]


def draw_map(ax: Any, picture: np.ndarray, image: Any, opacity: float) -> Any:
    """Draw one map, over its image if there is one; returns it."""
    look = {"cmap": RISING, "vmin": 0.0, "vmax": 1.0, "interpolation": "none"}
    if image is not None:
        look["alpha"] = opacity * (FAINTEST + (1.0 - FAINTEST) * picture)
    ax.set_yticks([])
    if picture.ndim == 1:
        return _draw_strip(ax, picture, image, look)
    ax.set_xticks([])
    if image is not None:
        ax.imshow(image, cmap="gray", interpolation="none")
    return ax.imshow(picture, **look)


def _draw_strip(ax: Any, strip: np.ndarray, signal: Any, look: dict) -> Any:
    """Draw the map of a signal as a strip of colours behind it."""
    low, high = 0.0, 1.0
    if signal is not None:
        margin = 0.08 * np.ptp(signal) or 1.0
        low, high = signal.min() - margin, signal.max() + margin
        ax.plot(signal, color="black", linewidth=1.0)
    edges = (-0.5, len(strip) - 0.5, low, high)
    if signal is not None:
        look["alpha"] = look["alpha"][None]
    return ax.imshow(strip[None], aspect="auto", extent=edges, **look)


def label_positions(axes: np.ndarray, own: bool) -> None:
    """Name the positions of strips below the lowest of every column."""
    columns = axes[0].get_subplotspec().get_gridspec().ncols if own else 1
    for i, ax in enumerate(axes):
        lowest = i + columns >= len(axes)
        ax.tick_params(labelsize=LABEL_SIZE - 1, labelbottom=lowest, bottom=lowest)
        if lowest:
            ax.set_xlabel("position", fontsize=LABEL_SIZE)


def explain_colours(axes: np.ndarray, norm: Any, own: bool, zero: float | None) -> None:
    """One bar for all maps, in the colours that they have without images."""
    from matplotlib.cm import ScalarMappable

    height = axes_points(axes[0])[1] / POINTS_PER_INCH
    if own:
        height = axes[0].figure.get_figheight()
    shrink = min(1.0, INCHES_OF_COLOUR_BAR / height)
    long = height * shrink * POINTS_PER_INCH > ROOM_FOR_LABEL
    label = "activation on the common scale" if long else "activation"
    place = {"shrink": shrink, "aspect": 20, "pad": 0.02}
    bar = add_colour_bar([*axes], ScalarMappable(norm, RISING), label, **place)
    if zero is not None:
        bar.ax.axhline(zero, color=INK, linewidth=1.2)
        ticks = [t for t in TICKS if abs(t - zero) > LEAST_APART]
        bar.set_ticks([*ticks, zero], labels=[*(f"{t:g}" for t in ticks), NO_EFFECT])


def name_panels(axes: np.ndarray, titles: list) -> None:
    """Name every map, in as many characters as are as wide as the map."""
    look = LITERAL | {"fontsize": LABEL_SIZE, "color": INK, "pad": 3}
    texts = [
        ax.set_title(make_label(title, LONGEST_TITLE), **look)
        for ax, title in zip(axes, titles, strict=True)
    ]
    settle(axes[0])
    for ax, text, title in zip(axes, texts, titles, strict=True):
        room, fitting = axes_points(ax)[0], len(text.get_text())
        while text_points([text])[0] > room and fitting > SHORTEST_TITLE:
            fitting -= 1
            text.set_text(make_label(title, fitting))
