"""Rows whose products with weighted outputs are effects; many of them are zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Contrasts:
    """Rows (n, m) whose products with weighted outputs are m effects.

    Those of one class of the target are zero in all others: only the rest is held.

    Parameters
    ----------
    at : ndarray of shape (n_used,), dtype int
        Which rows may differ from zero, rising.
    values : ndarray of shape (n_used, m)
        These rows.
    """

    at: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, rows: Any) -> Contrasts:
        """Take all rows (n, m); contrasts as they are."""
        return rows if isinstance(rows, Contrasts) else cls(np.arange(len(rows)), rows)

    @property
    def squares(self) -> np.ndarray:
        """Squared length of each row that is held: (n_used,)."""
        return np.sum(self.values**2, axis=1)

    def times(self, outputs: np.ndarray, which: Any = slice(None)) -> np.ndarray:
        """Effects on outputs (n, C), or on some of them: (m, C)."""
        return self.values.T @ self.take(outputs)[:, which]

    def take(self, outputs: np.ndarray) -> np.ndarray:
        """Rows that are held of others (n, C); these themselves if all are."""
        return outputs if len(self.at) == len(outputs) else outputs[self.at]

    def map(self, turn: np.ndarray | float) -> Contrasts:
        """Return those of the effects times a matrix (m, q), or a number."""
        values = self.values * turn if np.ndim(turn) == 0 else self.values @ turn
        return Contrasts(self.at, values)

    def column(self, number: int) -> Contrasts:
        """Return that of one effect."""
        return Contrasts(self.at, self.values[:, [number]])

    def written_out(self, n: int) -> np.ndarray:
        """All rows: (n, m)."""
        rows = np.zeros((n, self.values.shape[1]))
        rows[self.at] = self.values
        return rows
