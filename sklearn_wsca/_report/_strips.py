"""Small pictures of one column, drawn from the result alone.

A line with an interval and a mark takes one kilobyte, so that 200 columns stay small;
it follows the colours of the page, and a table or a JSON file is enough to draw it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sklearn_wsca._text import format_number

LEFT, RIGHT = 12.0, 308.0


class Strip(NamedTuple):
    """Mark, ends of the bar and dashed line on a line from 0 to the value `top`.

    Places are in pixels of a picture 320 wide; `label` is its text alternative.
    """

    label: str
    top: float
    value: float
    low: float
    high: float
    guide: float | None
    guide_label: str


def draw_alignment(columns: list[dict]) -> list[Strip | None]:
    """Alignment score beside what permutations give, on one scale for all columns."""
    found = [column["alignment"] for column in columns]
    nulls = [alignment.get("null") or {} for alignment in found]
    tops = [alignment["score"] for alignment in found]
    top = _top([*tops, *(null.get("quantile_0.975") for null in nulls)])
    return [_draw_score(*pair, top) for pair in zip(found, nulls, strict=True)]


def _draw_score(alignment: dict, null: dict, top: float) -> Strip | None:
    """One strip; None where nothing was permuted."""
    if alignment["score"] is None or not null:
        return None
    low, high = null["quantile_0.025"], null["quantile_0.975"]
    label = (
        f"Alignment score {format_number(alignment['score'])}; 95% of permutations "
        f"give {format_number(low)} to {format_number(high)}, half of them more than "
        f"{format_number(null['quantile_0.5'])}."
    )
    ends = alignment["score"], low, high
    return _strip(label, top, ends, null["quantile_0.5"], "half of the permutations")


def _strip(label: str, top: float, ends: Any, guide: float | None, name: str) -> Strip:
    value, low, high = (_place(end, top) for end in ends)
    at = None if guide is None else _place(guide, top)
    return Strip(label, top, value, low, high, at, name)


def _place(value: float, top: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * min(max(value / top, 0.0), 1.0), 1)


def _top(values: list[float | None]) -> float:
    """End of the scale, a little beyond the largest value."""
    return 1.05 * max([value for value in values if value], default=1.0)
