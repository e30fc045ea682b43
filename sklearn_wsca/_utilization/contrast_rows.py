"""Rows whose products with weighted outputs are effects; many of them are zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Squared length of rows along a direction, beside that along the longest, that is no
# more than rounding.
NEGLIGIBLE = 1e-13


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
        """Take all rows (n, m), or those of a `ClassContrasts`; others as they are."""
        if isinstance(rows, ClassContrasts):
            rows = rows.written_out()
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

    def condensed(self) -> Contrasts:
        """Turn them to the directions in which they differ from zero: fewer effects.

        Those of all levels add up to zero, so there is one direction less. Lengths of
        effects and of their errors stay what they are.
        """
        return self.map(_directions(self.values))

    def column(self, number: int) -> Contrasts:
        """Return that of one effect."""
        return Contrasts(self.at, self.values[:, [number]])

    def written_out(self, n: int) -> np.ndarray:
        """All rows: (n, m)."""
        rows = np.zeros((n, self.values.shape[1]))
        rows[self.at] = self.values
        return rows


@dataclass(frozen=True)
class ClassContrasts:
    """Contrasts of common effects, and of what is beyond them in each class.

    Those of a class are combinations of a few shared rows, and differ from these among
    the rows of the class only: written out, many classes are many more numbers.

    Parameters
    ----------
    shared : ndarray of shape (n, p)
        Rows of which all contrasts are combinations.
    turn : ndarray of shape (p, m)
        These combinations.
    own : list of Contrasts
        What the last contrasts have beyond them, those of one class after the other.
    """

    shared: np.ndarray
    turn: np.ndarray
    own: list[Contrasts]

    @property
    def parts(self) -> list[tuple[slice, Contrasts]]:
        """Which of the m contrasts have more rows of their own, and these."""
        widths = [own.values.shape[1] for own in self.own]
        ends = self.turn.shape[1] - sum(widths) + np.cumsum(widths)
        found = zip(ends.tolist(), widths, self.own, strict=True)
        return [
            (slice(end - width, end), own)
            for end, width, own in found
            if own.values.size
        ]

    @property
    def at(self) -> np.ndarray:
        """All rows: (n,)."""
        return np.arange(len(self.shared))

    @property
    def squares(self) -> np.ndarray:
        """Squared length of each row: (n,)."""
        found = np.sum((self.shared @ (self.turn @ self.turn.T)) * self.shared, axis=1)
        for columns, own in self.parts:
            beside = 2.0 * self.shared[own.at] @ self.turn[:, columns]
            found[own.at] += np.sum((beside + own.values) * own.values, axis=1)
        return found

    def condensed(self) -> ClassContrasts:
        """Take fewer shared rows if these depend on each other; the same contrasts."""
        turn = _directions(self.shared)
        return ClassContrasts(self.shared @ turn, turn.T @ self.turn, self.own)

    def times(self, outputs: np.ndarray) -> np.ndarray:
        """Effects on outputs (n, C): (m, C)."""
        found = self.turn.T @ (self.shared.T @ outputs)
        for columns, own in self.parts:
            found[columns] += own.times(outputs)
        return found

    def written_out(self) -> np.ndarray:
        """All rows: (n, m)."""
        rows = self.shared @ self.turn
        for columns, own in self.parts:
            rows[own.at, columns] += own.values
        return rows


def _directions(rows: np.ndarray) -> np.ndarray:
    """Orthonormal directions (m, q) in which rows (n, m) differ from zero; or one."""
    squares, turn = np.linalg.eigh(rows.T @ rows)
    kept = squares > NEGLIGIBLE * squares.max(initial=0.0)
    return turn[:, kept] if kept.any() else turn[:, :1]
