"""Tasks: the target and the metadata columns, with the heads they have or will get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklearn_wsca._heads.balancing import Balance, balance_against, describe_balance
from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._input.column import Column, Kind, LeftOutError, common_rows
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.roles import Roles
from sklearn_wsca._permutation.exchangeability import (
    Exchangeability,
    constant_in_units,
    exchange_units,
)


@dataclass
class Task:
    """One task: a column, or the target, with its head and how that is fitted.

    Parameters
    ----------
    name : object
        Name of the column.
    column : Column or None
        Labels in canonical order; None for a trained head without labels.
    probe : Probe or None
        How a probe of the column is fitted; None without labels.
    head : Head or None
        The trained head, or the fitted one once `fit_heads` was called.
    exchange : Exchangeability or None
        What of the column is permuted; None without labels, and before the rows have
        their canonical order.
    balance : Balance or None
        Balancing weights of the fit.
    balanced_column : Column or None
        Labels on the rows that also have what the fit is balanced against.
    balanced_exchange : Exchangeability or None
        What of these is permuted.
    refusal : str
        Why the column cannot be balanced, so that its alignment is not judged; or "".
    trained : bool
        Whether the head was given rather than fitted.
    notes : list of str
        What a reader of the table must know.
    guessed : bool
        Whether the kind of the column was told by its looks.
    outputs : ndarray of shape (n, n_rows) or None
        Of a trained head, where they were found with the coordinates.
    """

    name: Any
    column: Column | None = None
    probe: Probe | None = None
    head: Head | None = None
    exchange: Exchangeability | None = None
    balance: Balance | None = None
    balanced_column: Column | None = None
    balanced_exchange: Exchangeability | None = None
    refusal: str = ""
    trained: bool = False
    notes: list[str] = field(default_factory=list)
    guessed: bool = False
    outputs: np.ndarray | None = None

    def take_outputs(self) -> np.ndarray | None:
        """Outputs that were found with the coordinates; it then holds none."""
        found, self.outputs = self.outputs, None
        return found

    def labelled(self) -> tuple[Column, Probe]:
        """Column and probe of a task that has labels."""
        assert self.column is not None and self.probe is not None
        return self.column, self.probe

    def to_fit(self) -> tuple[Column, Probe]:
        """Labels on the rows that the head is fitted on, and the probe."""
        column, probe = self.labelled()
        return self.balanced_column or column, probe

    def units(self) -> Exchangeability:
        """What of the labels is permuted."""
        assert self.exchange is not None
        return self.exchange

    def units_to_fit(self) -> Exchangeability:
        """What is permuted of the labels that the head is fitted on."""
        return self.balanced_exchange or self.units()

    def predicting_head(self) -> Head | None:
        """Head with rows in the order of the levels; None if it predicts no labels."""
        if self.column is None or self.head is None:
            return None
        head, levels = self.head, self.column.levels
        if not levels:
            return head if head.n_rows == 1 and head.classes is None else None
        if head.classes is None or set(head.classes) != set(levels):
            return None
        if head.n_rows == len(levels):
            order = [head.classes.index(level) for level in levels]
            return Head(head.coef[order], head.intercept[order], levels, head.kind)
        if head.kind != "logistic":
            return None
        # One row scores the second class.
        sign = 1.0 if head.classes[1] == levels[1] else -1.0
        return Head(sign * head.coef, sign * head.intercept, levels, head.kind)


@dataclass(frozen=True)
class Tasks:
    """All tasks of an analysis; the steps of `fit` fill them in place.

    Parameters
    ----------
    primary : Task or None
        That of the target, or of a trained head alone.
    metadata : list of Task
        Those of the columns, and of trained heads without a column.
    names : list
        All columns asked for.
    dropped : dict of name to str
        Why the others of them are left out.
    interactions : dict of name to Column
        Interactions of columns, which have no heads.
    """

    primary: Task | None
    metadata: list[Task]
    names: list
    dropped: dict[Any, str]
    interactions: dict[Any, Column] = field(default_factory=dict)

    @property
    def all(self) -> list[Task]:
        """The primary task first."""
        return self.metadata if self.primary is None else [self.primary, *self.metadata]

    @property
    def target(self) -> Column | None:
        """Column of the target."""
        return None if self.primary is None else self.primary.column

    @property
    def columns(self) -> dict[Any, Column | None]:
        """Columns by name; None for trained heads without labels."""
        return {task.name: task.column for task in self.metadata}

    @property
    def examined(self) -> dict[Any, Column | None]:
        """Columns and interactions by name: what the outputs may move with."""
        return self.columns | self.interactions

    @property
    def refused(self) -> list[bool]:
        """Which columns cannot be balanced, so that their alignment is not judged."""
        return [bool(task.refusal) for task in self.metadata]

    @property
    def target_head(self) -> Head | None:
        """Primary head; None without one, or before it is fitted."""
        return None if self.primary is None else self.primary.head

    @property
    def judged_head(self) -> Head | None:
        """Trained head of the target, whose outputs at all rows are judged, if any."""
        task = self.primary
        if task is None or task.column is None or not task.trained:
            return None
        return task.head

    def guessed(self) -> list:
        """Names of the columns whose kind was told by their looks."""
        return [task.name for task in self.all if task.guessed]

    def kinds(self) -> dict[Any, Kind]:
        """Kinds of the metadata columns by name."""
        columns = self.columns.items()
        return {name: column.kind for name, column in columns if column is not None}

    def primary_head(self) -> dict[Any, Head]:
        """Primary head by name; empty without one."""
        if self.primary is None or self.primary.head is None:
            return {}
        return {self.primary.name: self.primary.head}

    def heads(self) -> dict[Any, Head]:
        """Metadata heads by name."""
        return {task.name: task.head for task in self.metadata if task.head is not None}

    def describe_target(self) -> list[str]:
        """Notes on the target, for the analysis as a whole."""
        if self.primary is None:
            return []
        return [f"target {self.primary.name!r}: {n}" for n in self.primary.notes]

    def reorder(self, order: np.ndarray) -> None:
        """Bring the labels to rows of which row i was row ``order[i]``."""
        for task in self.all:
            if task.column is not None:
                task.column = task.column.take(order)
        for name, column in self.interactions.items():
            self.interactions[name] = column.take(order)

    def assign_units(self, groups: Groups | None) -> None:
        """Settle for every column what of it is permuted and what is kept together."""
        # Metadata columns are restricted to rows with a group; a target is not.
        groups = None if groups is None else groups.with_loners()
        for task in self.all:
            if task.column is not None:
                task.exchange = exchange_units(task.column, groups)

    def balance(
        self, roles: Roles, weights: np.ndarray, adjust_for_target: bool
    ) -> None:
        """Balance the fits of all columns against the columns held fixed."""
        held = list(roles.confounders)
        if adjust_for_target:
            held = [self._target_to_adjust_for(), *held]
        if held:
            _balance(self.metadata, held, weights, roles.groups)

    def _target_to_adjust_for(self) -> Column:
        if self.target is None:
            raise ValueError(
                "adjust_for_target=True needs the target: name its column in target."
            )
        return self.target


def _balance(
    tasks: list[Task], held: list[Column], weights: np.ndarray, groups: Groups | None
) -> None:
    """Balance the fits of all columns against the columns held fixed."""
    for task in tasks:
        others = [column for column in held if column.name != task.name]
        if task.trained or task.column is None:
            names = " and ".join(repr(column.name) for column in others)
            task.notes.append(f"trained head: not balanced against {names}")
        elif others:
            try:
                _balance_task(task, others, weights, groups)
            except LeftOutError as reason:
                task.refusal = str(reason)
                task.notes.append(f"no alignment: {reason}")


def _balance_task(
    task: Task, held: list[Column], weights: np.ndarray, groups: Groups | None
) -> None:
    column, held = common_rows(task.labelled()[0], held)
    found = balance_against(column, held, weights[column.rows])
    task.balance, task.balanced_column = found, column
    exchange = exchange_units(column, groups)
    if constant_in_units(exchange, found.strata):
        exchange = exchange.within(found.strata[exchange.first], of_target=True)
    else:
        task.notes.append(
            "alignment: permuted without regard to what it is balanced against, which "
            "varies within groups"
        )
    task.balanced_exchange = exchange
    balanced = found.weights(found.cells[None])[0]
    note = describe_balance(balanced, held)
    if not column.n_levels:
        note += f", values in {found.cells.max() + 1} classes"
    task.notes.append(note)
