"""Folds of the encoding score: from the argument `cv` to a partition of the rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_wsca._metadata import Column
from sklearn_wsca._tasks import Task

DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class Folds:
    """A partition of the observed rows of a column into test folds.

    Parameters
    ----------
    fold : ndarray of shape (n_observed,), dtype int
        Test fold of each row.
    note : str
        How it deviates from what was asked for, or "".
    """

    fold: np.ndarray
    note: str = ""

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1


def make_folds(column: Column, cv: Any, seed: int) -> Folds:
    """Split the observed rows of a column, stratified by its levels.

    Raises
    ------
    ValueError
        If a splitter does not put every row into exactly one test fold, or trains
        without one of the levels.
    """
    n = len(column.labels)
    if not isinstance(cv, (int, np.integer)):
        return Folds(_read_splits(column, cv.split(np.zeros((n, 1)), column.labels)))
    if column.kind == "continuous":
        splitter: Any = KFold(int(cv), shuffle=True, random_state=seed)
        return Folds(_read_splits(column, splitter.split(np.zeros((n, 1)))))
    n_folds = min(int(cv), int(np.bincount(column.labels).max()))
    note = f"{n_folds} instead of {cv} folds: its largest level has {n_folds} rows"
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A level with fewer rows than folds is legitimate: it is absent from some.
        warnings.filterwarnings("ignore", message="The least populated class")
        splits = list(splitter.split(np.zeros((n, 1)), column.labels))
    return Folds(_read_splits(column, splits), note if n_folds < cv else "")


def _read_splits(column: Column, splits: Any) -> np.ndarray:
    fold = np.full(len(column.labels), -1)
    for number, (train, test) in enumerate(splits):
        if (fold[test] >= 0).any() or len(train) + len(test) != len(fold):
            fold[:] = -1
            break
        fold[test] = number
        levels_seen = len(np.unique(column.labels[train]))
        if column.n_levels and levels_seen < column.n_levels:
            raise ValueError(
                f"cv: fold {number} trains without one of the {column.n_levels} levels "
                f"of column {column.name!r}; use fewer folds or a stratified splitter."
            )
    if (fold < 0).any():
        raise ValueError(
            "cv: every row must be in exactly one test fold and in the training rows "
            "of all others; pass a number of folds, or a splitter such as KFold."
        )
    if np.bincount(fold).max() < 2:
        raise ValueError(
            "cv: all test folds have one row, and labels are shuffled within test "
            "folds; use fewer folds."
        )
    return fold


def read_cv(cv: Any) -> Any:
    """Bring the argument `cv` to a number of folds, a splitter or a list of splits."""
    if cv is None:
        return DEFAULT_FOLDS
    if isinstance(cv, Integral) or hasattr(cv, "split"):
        return cv
    return list(cv)


def fewest_rows(cv: Any) -> int:
    """Fewest observed rows of a column that the argument `cv` can split."""
    if cv is None:
        return DEFAULT_FOLDS
    return int(cv) if isinstance(cv, Integral) else 2


@dataclass(frozen=True)
class GivenRows:
    """Where the rows of the analysis are in the input.

    Parameters
    ----------
    positions : ndarray of shape (n_rows,), dtype int
        Position in the input of each row in canonical order.
    n_given : int
        Number of rows of the input.
    """

    positions: np.ndarray
    n_given: int


@dataclass(frozen=True)
class GivenSplits:
    """A user's splitter or splits, brought to the rows on which a column is used.

    Parameters
    ----------
    cv : splitter or list of (train, test)
        As given by the user.
    column : Column
        The column, in canonical order of the rows.
    given : GivenRows
        Where these rows come from.
    """

    cv: Any
    column: Column
    given: GivenRows

    def split(self, X: Any, y: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of training and test entries of the column."""
        positions = self.given.positions[self.column.rows]
        entry = np.full(self.given.n_given, -1)
        entry[positions] = np.arange(len(positions))
        splits = self.cv
        if hasattr(self.cv, "split"):
            # Rows of weight 0 count as absent, so the splitter does not see them.
            present = np.sort(self.given.positions)
            entry = entry[present]
            splits = self._ask(entry)
        for train, test in splits:
            yield _entries(entry, train), _entries(entry, test)

    def _ask(self, entry: np.ndarray) -> list:
        """Splits by the splitter, of all rows in the order of the input."""
        absent = -1 if self.column.kind == "categorical" else np.nan
        labels = np.where(entry >= 0, self.column.labels[entry], absent)
        try:
            return list(self.cv.split(np.zeros((len(labels), 1)), labels))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"cv: {self.cv!r} cannot split the rows for column "
                f"{self.column.name!r}: {error}"
            ) from error


def split_columns(
    tasks: list[Task], cv: Any, seed: int, given: GivenRows
) -> dict[Any, Folds]:
    """Folds of every column with labels, by name; deviations go to its notes."""
    cv, folds = read_cv(cv), {}
    for task in tasks:
        if task.column is None:
            continue
        own = cv if isinstance(cv, Integral) else GivenSplits(cv, task.column, given)
        folds[task.name] = make_folds(task.column, own, seed)
        if folds[task.name].note:
            task.notes.append(folds[task.name].note)
    return folds


def _entries(entry: np.ndarray, rows: Any) -> np.ndarray:
    """Entries of a column on the given rows."""
    rows = np.asarray(rows)
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    if rows.size and rows.max() >= len(entry):
        raise ValueError(
            f"cv: a split holds row {rows.max()}, but there are {len(entry)} rows; "
            "count the rows of X from 0."
        )
    found = entry[rows]
    return found[found >= 0]
