"""Folds: from the argument `cv` to a partition of the rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._encoding.group_folds import GroupSplit, fold_groups
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._permutation.exchangeability import Exchangeability

DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class Folds:
    """A partition of the observed rows of a column into test folds.

    Parameters
    ----------
    fold : ndarray of shape (n_observed,), dtype int
        Test fold of each row; -1 where it is in none.
    note : str
        How it deviates from what was asked for, or "".
    """

    fold: np.ndarray
    note: str = ""

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1


class Split(NamedTuple):
    """A partition that is wanted: a column, its units, and how many folds or what."""

    column: Column
    exchange: Exchangeability
    cv: Any
    seed: int


def draw_folds(splits: Sequence[Split]) -> list[Folds]:
    """Split the observed rows of columns, stratified by their levels.

    Groups stay together. Where they are exchanged, they are what is split; where rows
    are exchanged within groups, no exchange changes the levels of a group, so folds
    that are stratified by them are those of every permutation too.

    Raises
    ------
    ValueError
        If a splitter does not put every row into exactly one test fold, or splits a
        group. Whether all levels can be trained: see `check_folds`.
    """
    found: list[Any] = [None] * len(splits)
    grouped = []
    for i, (column, exchange, cv, seed) in enumerate(splits):
        if not isinstance(cv, (int, np.integer)):
            n = len(column.labels)
            fold = _assign_folds(n, cv.split(np.zeros((n, 1)), column.labels))
            _check_groups_together(fold, exchange)
            found[i] = Folds(fold)
        elif exchange.varies_within_groups:
            grouped.append(i)
        else:
            fold, note = _split_units(_of_units(column, exchange), int(cv), seed)
            found[i] = Folds(fold[exchange.unit], note)
    # Many at a time are hardly more work than one.
    drawn = _split_groups([splits[i] for i in grouped])
    for i, folds in zip(grouped, drawn, strict=True):
        found[i] = folds
    return found


def check_folds(split: Split, folds: Folds) -> None:
    """Raise ValueError if folds train without a level, or cannot be permuted within."""
    column, exchange, cv, _ = split
    if not isinstance(cv, (int, np.integer)) or exchange.varies_within_groups:
        _check_training(column, folds.fold)
    else:
        _check_training(_of_units(column, exchange), folds.fold[exchange.first])


def _of_units(column: Column, exchange: Exchangeability) -> Column:
    """The column with one label for each unit."""
    return replace(column, labels=column.labels[exchange.first])


def make_training_folds(
    column: Column, exchange: Exchangeability, cv: Any, seed: int
) -> Folds:
    """Split a column to predict every row by a head fitted without its unit.

    As `draw_folds` with a number of folds (a splitter stands for the default one), but
    what cannot be held out is in no fold: the rows of a level that lies in one fold as
    a whole, without which a head could not know it, and all of them where there is a
    single unit, or a unit per level.
    """
    cv = int(cv) if isinstance(cv, Integral) else DEFAULT_FOLDS
    units = _of_units(column, exchange)
    counts = np.bincount(units.labels) if column.n_levels else [len(units.labels)]
    if max(counts) < 2 or exchange.clusters.max() == 0:
        return Folds(np.full(len(column.labels), -1))
    (folds,) = draw_folds([Split(column, exchange, cv, seed)])
    return replace(folds, fold=_train_with_all_levels(column, folds.fold))


def _train_with_all_levels(column: Column, fold: np.ndarray) -> np.ndarray:
    """The same folds, but without the levels that lie in one of them as a whole."""
    if not column.n_levels:
        return fold
    counts = np.zeros((column.n_levels, fold.max() + 1), dtype=int)
    np.add.at(counts, (column.labels, fold), 1)
    is_alone = counts.max(axis=1) == counts.sum(axis=1)
    return np.where(is_alone[column.labels], -1, fold)


def _split_units(column: Column, cv: int, seed: int) -> tuple[np.ndarray, str]:
    """Folds of units that each have one label."""
    # Late: with the metrics, it takes longer than this package.
    from sklearn.model_selection import StratifiedKFold

    X = np.zeros((len(column.labels), 1))
    if column.kind == "continuous":
        n_folds = min(cv, len(X))
        if n_folds == len(X):
            # Labels are permuted within folds, so some must hold more than one.
            n_folds = max(2, len(X) // 2)
        note = f"{n_folds} instead of {cv} folds: there are {len(X)} units"
        return _fold_evenly(len(X), n_folds, seed), note if n_folds < cv else ""
    n_folds = min(cv, int(np.bincount(column.labels).max()))
    note = f"{n_folds} instead of {cv} folds: its largest level has {n_folds} units"
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A level with fewer units than folds is legitimate: it is absent from some.
        warnings.filterwarnings("ignore", message="The least populated class")
        splits = list(splitter.split(X, column.labels))
    return _assign_folds(len(X), splits), note if n_folds < cv else ""


def _split_groups(splits: Sequence[Split]) -> list[Folds]:
    """Folds of whole groups in which the columns vary."""
    found: list[Any] = [None] * len(splits)
    wanted, notes = {}, {}
    for i, (column, exchange, cv, seed) in enumerate(splits):
        groups, n_groups = exchange.clusters, int(exchange.clusters.max()) + 1
        largest = np.bincount(column.labels).max() if column.n_levels else n_groups
        n_folds, why = min(cv, n_groups), f"there are {n_groups} groups"
        if largest < n_folds:
            n_folds, why = int(largest), f"its largest level has {largest} rows"
        note = f"{n_folds} instead of {cv} folds: {why}" if n_folds < cv else ""
        if column.n_levels:
            wanted[i] = GroupSplit(column.labels, groups, n_folds, seed)
            notes[i] = note
        else:
            found[i] = Folds(_fold_evenly(n_groups, n_folds, seed)[groups], note)
    drawn = fold_groups(list(wanted.values()))
    for i, fold in zip(wanted, drawn, strict=True):
        found[i] = Folds(fold, notes[i])
    return found


def _fold_evenly(n: int, n_folds: int, seed: int) -> np.ndarray:
    """Random folds of n units, of equal size."""
    from sklearn.model_selection import KFold  # Late, as above.

    splitter = KFold(n_folds, shuffle=True, random_state=seed)
    return _assign_folds(n, splitter.split(np.zeros((n, 1))))


def _check_groups_together(fold: np.ndarray, exchange: Exchangeability) -> None:
    together = fold[np.unique(exchange.clusters, return_index=True)[1]]
    if (together[exchange.clusters] != fold).any():
        raise ValueError(
            "cv: a group is in the training and in the test rows of a fold, so "
            "held-out performance would be too good; pass a number of folds, or a "
            "splitter such as GroupKFold."
        )


def _assign_folds(n: int, splits: Any) -> np.ndarray:
    """Test fold of each of n entries."""
    fold = np.full(n, -1)
    for number, (train, test) in enumerate(splits):
        if (fold[test] >= 0).any() or len(train) + len(test) != n:
            fold[:] = -1
            break
        fold[test] = number
    if (fold < 0).any():
        raise ValueError(
            "cv: every row must be in exactly one test fold and in the training rows "
            "of all others; pass a number of folds, or a splitter such as KFold."
        )
    return fold


def _check_training(column: Column, fold: np.ndarray) -> None:
    """Raise if a fold trains without a level, or labels cannot be permuted in any."""
    for number in range(fold.max() + 1):
        levels_seen = len(np.unique(column.labels[fold != number]))
        if column.n_levels and levels_seen < column.n_levels:
            raise ValueError(
                f"cv: fold {number} trains without one of the {column.n_levels} levels "
                f"of column {column.name!r}; use fewer folds or a stratified splitter."
            )
    if np.bincount(fold).max() < 2:
        raise ValueError(
            "cv: all test folds have one row or group, and labels are permuted within "
            "test folds; use fewer folds."
        )


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
class GivenSplits:
    """A user's splitter or splits, brought to the rows on which a column is used.

    Parameters
    ----------
    cv : splitter or list of (train, test)
        As given by the user.
    column : Column
        The column, in canonical order of the rows.
    given : Input
        The rows in that order.
    """

    cv: Any
    column: Column
    given: Input

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
        groups = None
        if self.given.roles.groups is not None:
            groups = np.full(self.given.n_given, -1)
            groups[self.given.positions] = self.given.roles.groups.codes
            groups = groups[np.sort(self.given.positions)]
        try:
            with warnings.catch_warnings():
                # Whether groups are kept together is checked afterwards.
                warnings.filterwarnings("ignore", message="The groups parameter is")
                warnings.filterwarnings("ignore", message="invalid value encountered")
                return list(self.cv.split(np.zeros((len(labels), 1)), labels, groups))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"cv: {self.cv!r} cannot split the rows for column "
                f"{self.column.name!r}: {error}"
            ) from error


def split_columns(
    tasks: list[Task], cv: Any, seed: int, given: Input
) -> dict[Any, Folds]:
    """Folds of every column with labels, by name; deviations go to its notes."""
    cv, splits = read_cv(cv), []
    for task in tasks:
        column, own = task.labelled()[0], cv
        if not isinstance(cv, Integral):
            own = GivenSplits(cv, column, given)
        splits.append(Split(column, task.units(), own, seed))
    folds = {}
    for task, split, found in zip(tasks, splits, draw_folds(splits), strict=True):
        check_folds(split, found)
        folds[task.name] = found
        if found.note:
            task.notes.append(found.note)
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
