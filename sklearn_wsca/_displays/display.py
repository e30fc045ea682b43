"""What all plots have in common: data that are computed, and one way to draw them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

from sklearn_wsca._displays.style import import_pyplot


class Display(ABC):
    """A plot of computed data, which is drawn by `plot` and not before."""

    ax_: Any
    figure_: Any

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        Display
            This display, with the attributes that end in an underscore.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the data cannot be drawn.
        """
        import_pyplot()
        self.ax_ = self._draw(ax)
        self.figure_ = self.ax_.figure
        return self

    @abstractmethod
    def _draw(self, ax: Any) -> Any:
        """Draw on axes, or on new ones if None; returns the axes."""


def check_choice(argument: str, value: Any, known: Sequence[str]) -> None:
    """Raise if a value is none of the known ones."""
    if value not in known:
        *others, last = map(repr, known)
        raise ValueError(
            f"{argument} must be {', '.join(others)} or {last}, got {value!r}."
        )


def check_count(argument: str, value: Any, what: str) -> None:
    """Raise if a value is no number of things."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(
            f"{argument}: {value!r} is no number of {what}; pass 1 or more."
        )
