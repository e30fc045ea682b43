"""What tests of plots look at: where texts end up, and the bytes of a picture."""

from io import BytesIO
from itertools import combinations

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import PolyCollection

MOST_INCHES = 24
TOLERATED_PIXELS = 0.5


def shown(texts):
    """Words of texts that are not empty, in their order."""
    return [text.get_text() for text in texts if text.get_text()]


def title_of(display):
    """Title above the left end of the axes, on one line."""
    return " ".join(display.ax_.get_title(loc="left").split())


def violins(display):
    return [c for c in display.ax_.collections if isinstance(c, PolyCollection)]


def assert_apart(texts):
    """No two texts overlap."""
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert len(boxes) > 1
    for a, b in combinations(boxes, 2):
        beside = min(a.x1, b.x1) - max(a.x0, b.x0) <= TOLERATED_PIXELS
        below = min(a.y1, b.y1) - max(a.y0, b.y0) <= TOLERATED_PIXELS
        assert beside or below


def assert_whole(display):
    """Nothing reaches beyond the figure, and the figure is not too large."""
    figure = display.figure_
    figure.canvas.draw()
    assert max(figure.get_size_inches()) <= MOST_INCHES
    drawn = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -0.02 and drawn.y0 >= -0.02
    assert drawn.x1 <= width + 0.02 and drawn.y1 <= height + 0.02


def picture(display, kind):
    """Bytes of the figure without its date."""
    stream = BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    with plt.rc_context({"svg.hashsalt": "fixed"}):
        display.figure_.savefig(stream, format=kind, metadata=metadata, dpi=50)
    return stream.getvalue()
