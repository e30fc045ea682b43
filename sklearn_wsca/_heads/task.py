"""Tasks: the target and the metadata columns, with the heads they have or will get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from sklearn_wsca._heads.balancing import Balance, balance_against, describe_balance
from sklearn_wsca._heads.head import Head, is_trained, read_head
from sklearn_wsca._heads.probe import Probe, make_probe
from sklearn_wsca._input.column import Column, LeftOutError, common_rows, read_column
from sklearn_wsca._input.groups import Groups, restrict_to_groups
from sklearn_wsca._input.table import list_columns, require_columns
from sklearn_wsca._permutation.exchangeability import (
    Exchangeability,
    constant_in_units,
    exchange_units,
)

UNNAMED_PRIMARY = "primary"
RECIPES = ("auto", "logistic", "ridge")


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
        The trained head, or the fitted one once `fit_head` was called.
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

    def labelled(self) -> tuple[Column, Probe]:
        """Column and probe of a task that has labels."""
        assert self.column is not None and self.probe is not None
        return self.column, self.probe

    def fitted(self) -> tuple[Column, Probe]:
        """Labels on the rows that the head is fitted on, and the probe."""
        column, probe = self.labelled()
        return self.balanced_column or column, probe

    def units(self) -> Exchangeability:
        """What of the labels is permuted."""
        assert self.exchange is not None
        return self.exchange

    def fitted_units(self) -> Exchangeability:
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
class TaskReader:
    """Reads tasks from the metadata table under the settings of the estimator.

    Parameters
    ----------
    table : DataFrame
        The metadata.
    n_features : int
        Width of the embeddings.
    heads : str or dict
        As in the estimator.
    n_bins : int or None
        As in the estimator.
    C, alpha : float
        Penalties.
    min_rows : int
        Fewest observed rows of a column.
    groups : Groups or None
        Which rows belong together, in the order of the table.
    """

    table: pd.DataFrame
    n_features: int
    heads: Any
    n_bins: int | None
    C: float
    alpha: float
    min_rows: int
    groups: Groups | None = None

    def primary(self, target: Any, target_head: Any) -> Task | None:
        """Primary task; None if there is neither a target nor a trained head.

        Raises
        ------
        ValueError
            If the target cannot be analysed or the head cannot be read.
        """
        if target is None and target_head is None:
            return None
        task = Task(self._unused_name() if target is None else target)
        # A common recipe for the metadata heads does not bind the primary head.
        recipe = "auto" if isinstance(self.heads, str) else self._source(target)
        if target is not None:
            task.column = self._target_column(target, recipe)
            task.notes = list(task.column.notes)
            task.probe = make_probe(recipe, task.column, self.C, self.alpha)
        if target_head is not None:
            levels = task.column.levels or None if task.column else None
            task.head = self._trained(target_head, "target_head", levels)
            task.trained = True
            task.notes += _describe_rows(task)
        return task

    def metadata(self, names: list) -> tuple[list[Task], dict[Any, str]]:
        """Tasks of metadata columns, and the reasons of those left out."""
        tasks, left_out = [], {}
        for name in names:
            try:
                tasks.append(self._labelled(name))
            except LeftOutError as reason:
                left_out[name] = str(reason)
        return tasks, left_out

    def unlabelled(self, names: list) -> list[Task]:
        """Tasks of trained heads without a column in the table."""
        return [
            Task(
                name,
                head=self._trained(self.heads[name], f"heads[{name!r}]", None),
                trained=True,
                notes=["trained head without labels: no encoding"],
            )
            for name in names
        ]

    def _source(self, name: Any) -> Any:
        """Entry of `heads` for a column."""
        return (
            self.heads if isinstance(self.heads, str) else self.heads.get(name, "auto")
        )

    def _unused_name(self) -> str:
        """Name of a primary task without a column, which no column may share."""
        name = UNNAMED_PRIMARY
        trained = () if isinstance(self.heads, str) else self.heads
        while name in self.table.columns or name in trained:
            name += "_"
        return name

    def _target_column(self, target: Any, recipe: Any) -> Column:
        if is_trained(recipe):
            raise ValueError(
                f"heads[{target!r}]: the trained head of the target goes into "
                "target_head."
            )
        try:
            return read_column(self.table[target], kind=_kind(recipe))
        except LeftOutError as reason:
            raise ValueError(
                f"target={target!r} cannot be the primary task: {reason}. Choose "
                "another column, or rows on which it varies."
            ) from reason

    def _labelled(self, name: Any) -> Task:
        source = self._source(name)
        recipe = "auto" if is_trained(source) else source
        binned = None if recipe == "ridge" else self.n_bins
        column = read_column(
            self.table[name],
            kind="auto" if binned else _kind(recipe),
            n_bins=binned,
            min_rows=self.min_rows,
        )
        if self.groups is not None:
            column = restrict_to_groups(column, self.groups)
        probe = make_probe(recipe, column, self.C, self.alpha)
        task = Task(name, column, probe, notes=list(column.notes))
        if is_trained(source):
            levels = column.levels or None
            task.head = self._trained(source, f"heads[{name!r}]", levels)
            task.trained = True
            task.notes.append("trained head; the encoding score is that of a probe")
            task.notes += [f"{n}: not in score" for n in _describe_rows(task)]
        return task

    def _trained(self, source: Any, argument: str, levels: tuple | None) -> Head:
        return read_head(
            source, argument=argument, n_features=self.n_features, levels=levels
        )


def _describe_rows(task: Task) -> list[str]:
    """Say where the outputs of a trained head are no predictions of its column."""
    if task.column is None or task.head is None or task.predicting_head():
        return []
    rows = f"{task.head.n_rows} rows"
    if task.head.classes is not None:
        rows = f"classes {', '.join(map(repr, task.head.classes))}"
    wanted = "is a number"
    if task.column.levels:
        wanted = f"has the levels {', '.join(map(repr, task.column.levels))}"
    return [
        f"the trained head has {rows} and the column {wanted}, so its outputs are not "
        "taken for predictions of the column"
    ]


def reorder(tasks: list[Task], order: np.ndarray) -> None:
    """Bring the labels of all tasks to another order of the rows."""
    for task in tasks:
        if task.column is not None:
            task.column = task.column.take(order)


def assign_units(tasks: list[Task], groups: Groups | None) -> None:
    """Settle for every column what of it is permuted and what is kept together."""
    # Metadata columns are restricted to rows with a group; a target is not.
    groups = None if groups is None else groups.with_loners()
    for task in tasks:
        if task.column is not None:
            task.exchange = exchange_units(task.column, groups)


def target_to_adjust_for(primary: Task | None) -> Column:
    """Column of the target.

    Raises
    ------
    ValueError
        If there is none.
    """
    if primary is None or primary.column is None:
        raise ValueError(
            "adjust_for_target=True needs the target: name its column in target."
        )
    return primary.column


def balance(
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
    classes = "" if column.n_levels else f", numbers in {found.cells.max() + 1} classes"
    task.notes.append(describe_balance(balanced, held) + classes)


def _kind(recipe: Any) -> Any:
    """How numbers are to be read for a recipe."""
    if isinstance(recipe, str):
        kinds = {"auto": "auto", "logistic": "categorical", "ridge": "continuous"}
        return kinds[recipe]
    # A classifier is not told to take many numbers for levels: that is an error.
    return "auto" if is_classifier(recipe) else "continuous"


def check_recipes(heads: Any) -> None:
    """Raise if an entry of `heads` is neither a recipe nor a trained head."""
    entries = heads if isinstance(heads, dict) else {}
    for name, source in entries.items():
        known = source in RECIPES if isinstance(source, str) else source is not None
        if not known or isinstance(source, type):
            raise ValueError(
                f"heads[{name!r}]: {source!r} is not known; pass 'auto', 'logistic', "
                "'ridge', an estimator or a trained head."
            )


def select_columns(
    table: pd.DataFrame, target: Any, groups: Any, columns: Any, heads: Any
) -> tuple[list, list]:
    """Names of the columns to analyse, and of trained heads without a column.

    Raises
    ------
    ValueError
        For unknown or repeated names, the target or the groups among the columns, or
        none at all.
    """
    if target is not None:
        require_columns([target], table, "target")
    entries = heads if isinstance(heads, dict) else {}
    unlabelled = [
        name
        for name, source in entries.items()
        if name not in table.columns and is_trained(source)
    ]
    require_columns(
        [name for name in entries if name not in unlabelled], table, "heads"
    )
    if columns is None:
        roles = (target, groups)
        return [name for name in table.columns if name not in roles], unlabelled
    names = list_columns(columns)
    require_columns([n for n in names if n not in unlabelled], table, "columns")
    if target in names and target is not None:
        raise ValueError(
            f"columns: the target {target!r} is among them; it is the primary task, so "
            "leave it out of columns."
        )
    if groups in names and groups is not None:
        raise ValueError(
            f"columns: {groups!r} is among them; it names the groups that are "
            "exchanged, so leave it out of columns."
        )
    unused = [name for name in entries if name not in names and name != target]
    if unused:
        raise ValueError(
            f"heads: {unused} are not among columns; add them there or drop them here."
        )
    labelled = [name for name in names if name not in unlabelled]
    return labelled, [name for name in names if name in unlabelled]
