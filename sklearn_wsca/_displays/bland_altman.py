"""Two measurements of the same samples, difference against mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_wsca._displays.display import Display
from sklearn_wsca._displays.style import (
    COLOURS,
    FAINT,
    INK,
    LITERAL,
    make_axes,
    make_label,
    name_axes,
    set_title,
    tidy,
)
from sklearn_wsca._features.agreement import measure_agreement
from sklearn_wsca._features.curve import spread

MOST_POINTS = 20_000
LONGEST_NAME = 24


class BlandAltmanDisplay(Display):
    r"""Do two measurements of the same samples agree? Difference against mean.

    Such as the outputs of two networks, or maps by two methods on one scale. A high
    correlation does not mean agreement: one may be twice the other. Here are the mean
    difference (bias) and the limits between which 95 % of single differences lie if
    they are normal [1]_, each with the interval that is shaded.

    Parameters
    ----------
    first, second : array-like of shape (n_samples,) or (n_samples, \*spatial)
        Both measurements in the same unit; of maps their means over the positions.
    groups : array-like of shape (n_samples,), default=None
        What is independent of others of its kind, such as the patient. Limits are of
        single samples all the same, and intervals count groups.
    names : tuple of two str, default=("first", "second")
        What the measurements are called.

    Attributes
    ----------
    bias_ : float
        Mean of first less second.
    bias_interval_ : ndarray of shape (2,)
        Where the bias lies, at a confidence of 95 %.
    limits_ : ndarray of shape (2,)
        Limits of agreement.
    limits_intervals_ : ndarray of shape (2, 2)
        Interval of the lower and of the upper limit.
    trend_ : float
        Correlation of difference and mean: away from 0 where the two differ in spread,
        and then the limits are too wide at one end and too narrow at the other. NaN
        where there is nothing to correlate.
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    CommonScale : Brings maps of two methods to one scale first.
    ConsistencyDisplay : Means of maps beside outputs, which have another unit.

    References
    ----------
    .. [1] J. M. Bland, D. G. Altman, "Measuring agreement in method comparison
       studies", Statistical Methods in Medical Research 8(2), 1999.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sklearn_wsca import BlandAltmanDisplay
    >>> first = np.random.default_rng(0).normal(5, 2, size=50)
    >>> display = BlandAltmanDisplay(first, first - 0.5, names=("old", "new")).plot()
    >>> round(display.bias_, 6)
    0.5
    >>> display.figure_.clear()
    """

    def __init__(
        self,
        first: Any,
        second: Any,
        *,
        groups: Any = None,
        names: tuple[str, str] = ("first", "second"),
    ):
        self.first = first
        self.second = second
        self.groups = groups
        self.names = names

    def _draw(self, ax: Any) -> Any:
        found = measure_agreement(self.first, self.second, self.groups)
        names = self._check_names()
        self.bias_, self.bias_interval_ = found.bias, found.bias_interval
        self.limits_, self.limits_intervals_ = found.limits, found.limits_intervals
        self.trend_ = found.trend
        ax = make_axes(6.0, 4.2) if ax is None else ax
        tidy(ax)
        n = len(found.means)
        some = spread(n, MOST_POINTS)
        look = {"linestyle": "none", "markeredgewidth": 0, "alpha": 0.6}
        size = 3.5 if n > 100 else 5
        points = found.means[some], found.differences[some]
        ax.plot(*points, marker="o", markersize=size, color=COLOURS[0], **look)
        self._draw_lines(ax)
        ax.axhline(0.0, color=FAINT, linewidth=0.8, linestyle=":")
        name_axes(ax, "mean of both", f"{names[0]} less {names[1]}")
        title = f"Do {names[0]} and {names[1]} agree?"
        set_title(ax, title, self._summarise(found.n_units, n, len(some)))
        return ax

    def _draw_lines(self, ax: Any) -> None:
        """Bias and limits, with their intervals."""
        lines = [(self.bias_, self.bias_interval_, "-")]
        limits = zip(self.limits_, self.limits_intervals_, strict=True)
        lines += [(limit, interval, "--") for limit, interval in limits]
        for value, interval, style in lines:
            ax.axhspan(*interval, color=COLOURS[1], alpha=0.12, linewidth=0)
            ax.axhline(value, color=INK, linewidth=1.0, linestyle=style)
            ax.annotate(
                f"{value:.3g}",
                (1.0, value),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=INK,
                **LITERAL,
            )

    def _summarise(self, n_units: int, n: int, n_shown: int) -> str:
        low, high = self.limits_
        parts = [f"bias {self.bias_:.3g}, limits {low:.3g} to {high:.3g}"]
        if not np.isnan(self.trend_):
            parts.append(f"difference and mean: r = {self.trend_:.2f}")
        if n_units < n:
            parts.append(f"{n_units} groups")
        if n_shown < n:
            parts.append(f"{n_shown} of {n} samples shown")
        return "; ".join(parts)

    def _check_names(self) -> list[str]:
        names = self.names
        if isinstance(names, str) or len(names) != 2:
            raise ValueError(f"names: {names!r}; pass two, such as ('old', 'new').")
        return [make_label(name, LONGEST_NAME) for name in names]
