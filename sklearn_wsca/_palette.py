"""One look for verdicts everywhere: plots, report and terminal.

The colours are those of Okabe and Ito, which people with any common colour blindness
tell apart; marker and symbol say the same without colour.
"""

from __future__ import annotations

from dataclasses import dataclass

from sklearn_wsca._verdict import (
    INCONCLUSIVE,
    NOT_ENCODED,
    NOT_USED,
    UNTESTABLE,
    USED,
)


@dataclass(frozen=True)
class VerdictStyle:
    """How a verdict looks.

    Parameters
    ----------
    colour : str
        As #rrggbb.
    marker : str
        Marker of matplotlib.
    symbol : str
        One character for text.
    terminal : str
        Style of rich.
    """

    colour: str
    marker: str
    symbol: str
    terminal: str


VERDICT_STYLES = {
    USED: VerdictStyle("#d55e00", "D", "◆", "bold red"),
    NOT_USED: VerdictStyle("#0072b2", "o", "●", "bold blue"),
    INCONCLUSIVE: VerdictStyle("#e69f00", "s", "■", "bold yellow"),
    NOT_ENCODED: VerdictStyle("#56b4e9", "^", "▲", "bold cyan"),
    UNTESTABLE: VerdictStyle("#7f7f7f", "X", "✖", "bold"),
}
