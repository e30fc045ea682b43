"""From the arguments of the estimator and the metadata table to tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.base import is_classifier

from sklearn_wsca._heads.classes import (
    check_classes,
    describe_assumption,
    levels_to_name,
    match_classes,
    missing_classes,
)
from sklearn_wsca._heads.given import Weights, is_trained, name_head, read_weights
from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.output import choose_output
from sklearn_wsca._heads.performance import predicts_number
from sklearn_wsca._heads.probe import make_probe
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._input.binning import Binning
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.copies import describe_copy
from sklearn_wsca._input.crossed_columns import about, cross
from sklearn_wsca._input.groups import restrict_to_groups
from sklearn_wsca._input.persons import find_names
from sklearn_wsca._input.roles import refuse_roles
from sklearn_wsca._input.table import list_columns, require_columns
from sklearn_wsca._input.typed_columns import count_values, read_column
from sklearn_wsca._text import WORDS_FOR_MISSING, list_first, quote

UNNAMED_PRIMARY = "primary"
RECIPES = ("auto", "logistic", "ridge")


@dataclass(frozen=True)
class TaskReader:
    """Reads tasks from the metadata table under the settings of the estimator.

    Parameters
    ----------
    given : Input
        Embeddings and metadata.
    kinds : dict of name to {"categorical", "continuous"}
        Kinds that are not told by the looks of a column.
    heads : str or dict
        As in the estimator.
    n_bins : int or None
        As in the estimator.
    C, alpha : float
        Penalties.
    min_rows : int
        Fewest observed rows of a column.
    check_head : bool
        Whether the classes of the primary head must be those of the target.
    target_output : object or None
        Name or number of the output of the primary head that stands for the target.
    other_targets : sequence or None
        Other targets of the same call, which are no metadata. Of a list of targets each
        is judged by the output of the head that has its name; None without a list.
    binning : {"quantile", "uniform"}
        As in the estimator.
    """

    given: Input
    kinds: Mapping[Any, Any]
    heads: Any
    n_bins: int | None
    C: float
    alpha: float
    min_rows: int
    check_head: bool = False
    target_output: Any = None
    other_targets: Sequence | None = None
    binning: Binning = "quantile"

    def read(
        self,
        target: Any,
        target_head: Any,
        columns: Any,
        groups: Any,
        pairs: Mapping[Any, tuple] | None = None,
    ) -> Tasks:
        """Read all tasks, and the interactions of `pairs` of columns by their names.

        Raises
        ------
        ValueError
            If an argument names what is not there, the target cannot be analysed, or
            a trained head cannot be read.
        """
        _check_recipes(self.heads)
        labelled, unlabelled = _select_columns(
            self.given.table,
            target,
            groups,
            columns,
            self.heads,
            self.other_targets or (),
        )
        primary = self._primary(target, target_head)
        asked = self._asked_for(columns)
        metadata, dropped = self._metadata(labelled, asked)
        if primary is not None and primary.column is not None:
            metadata = _leave_out_copies(metadata, primary.column, asked, dropped)
        interactions = self._interactions(pairs or {}, metadata, dropped)
        names = [*labelled, *unlabelled, *(pairs or {})]
        dropped = {name: dropped[name] for name in names if name in dropped}
        metadata += self._unlabelled(unlabelled)
        return Tasks(primary, metadata, names, dropped, interactions)

    def _primary(self, target: Any, target_head: Any) -> Task | None:
        """Primary task; None if there is neither a target nor a trained head."""
        if target is None and target_head is None:
            return None
        task = Task(self._unused_name() if target is None else target)
        # A common recipe for the metadata heads does not bind the primary head.
        recipe = "auto" if isinstance(self.heads, str) else self._source(target)
        weights = None
        if target_head is not None:
            # Once: a module is run for that, and so are the steps of a Pipeline.
            weights = self._weights(target_head, "target_head")
            task.head, task.trained = name_head(weights, None), True
        if target is not None:
            kind = self._kind_of_target(target, recipe, task.head)
            task.column = self._target_column(target, recipe, kind, task.head)
            task.guessed = kind is None
            task.notes = list(task.column.notes)
            task.probe = make_probe(recipe, task.column, self.C, self.alpha)
        if weights is not None:
            output = self._output_of(target, task.head)
            if output is not None:
                self._choose_output(task, output)
            elif task.column is not None:
                self._name_classes(task, task.column, weights)
        elif self.target_output is not None:
            raise ValueError(
                f"target_output={self.target_output!r} names an output of a trained "
                "head; pass the head in target_head."
            )
        return task

    def _output_of(self, target: Any, head: Head | None) -> Any:
        """Output that stands for the target; of several targets that of its name."""
        named = () if head is None or head.classes is None else head.classes
        by_name = self.target_output is None and self.other_targets is not None
        return target if by_name and target in named else self.target_output

    def _choose_output(self, task: Task, output: Any) -> None:
        """Keep the one output of the trained head that stands for the target."""
        assert task.head is not None
        n_rows, column = task.head.n_rows, task.column
        if column is not None:
            task.head = match_classes(task.head, column)
        task.head = choose_output(task.head, output, column)
        task.notes.append(f"judged by output {quote(output)} alone, of {n_rows}")
        task.notes += _describe_rows(task)

    def _name_classes(self, task: Task, column: Column, weights: Weights) -> None:
        """Tell which class of the target each row of its trained head stands for."""
        assert task.head is not None
        if task.head.classes is None:
            series = self.given.table[column.name]
            levels = levels_to_name(task.head.n_rows, column, series)
            task.head = name_head(weights, levels)
            task.notes += describe_assumption(task.head)
        else:
            task.head = match_classes(task.head, column)
        # Who says that a target is continuous knows what the rows of the head are.
        if self.check_head and (column.levels or task.guessed):
            check_classes(task.head, column)
        absent = missing_classes(task.head, column)
        if absent and set(column.levels) <= set(task.head.classes or ()):
            task.notes.append(
                f"classes of the trained head without rows: {list_first(absent)}"
            )
        else:
            task.notes += _describe_rows(task)

    def _asked_for(self, columns: Any) -> set:
        """Columns that the user names, rather than all that there are."""
        entries = () if isinstance(self.heads, str) else self.heads
        return {*self.kinds, *entries, *([] if columns is None else columns)}

    def _metadata(self, names: list, asked: set) -> tuple[list[Task], dict[Any, str]]:
        """Tasks of metadata columns, and the reasons of those left out.

        Columns that name rows or patients are analysed only if they are asked for.
        """
        others = [name for name in names if name not in asked]
        tasks, left_out = [], find_names(self.given.table, others)
        for name in names:
            if name in left_out:
                continue
            try:
                tasks.append(self._labelled(name))
            except LeftOutError as reason:
                left_out[name] = str(reason)
        return tasks, left_out

    def _interactions(
        self, pairs: Mapping[Any, tuple], tasks: list[Task], left_out: dict[Any, str]
    ) -> dict[Any, Column]:
        """Interactions by name; `left_out` gets the reasons of those that are not.

        A column of a pair need not be analysed itself.
        """
        analysed = {task.name: task.column for task in tasks}
        found: dict[Any, Column] = {}
        for name, pair in pairs.items():
            parts = []
            try:
                for part in pair:
                    with about(part):
                        column = analysed.get(part) or self._labelled(part).column
                    assert column is not None
                    parts.append(column)
                found[name] = cross(parts[0], parts[1], name)
            except LeftOutError as reason:
                left_out[name] = str(reason)
        return found

    def _unlabelled(self, names: list) -> list[Task]:
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
        while name in self.given.table.columns or name in trained:
            name += "_"
        return name

    def _kind_of(self, name: Any, recipe: Any) -> Any:
        """Kind that the user says, by itself or by a recipe; None if neither."""
        said, implied = self.kinds.get(name), _kind(recipe)
        if said == "continuous" and recipe == "logistic":
            raise ValueError(
                f"kinds[{name!r}]='continuous' and heads[{name!r}]='logistic' "
                "contradict each other; drop one of them."
            )
        return said or implied

    def _kind_of_target(self, target: Any, recipe: Any, head: Head | None) -> Any:
        """The same; a trained head with a row per class has a categorical target."""
        kind = self._kind_of(target, recipe)
        if kind is not None or head is None or self.target_output is not None:
            return kind
        n_values = count_values(self.given.table[target])
        is_class_head = head.kind == "logistic" and 2 <= n_values <= head.n_rows
        return "categorical" if is_class_head else None

    def _target_column(
        self, target: Any, recipe: Any, kind: Any, head: Head | None
    ) -> Column:
        if is_trained(recipe):
            raise ValueError(
                f"heads[{target!r}]: the trained head of the target goes into "
                "target_head."
            )
        try:
            return read_column(
                self.given.table[target],
                kind=kind or "auto",
                may_identify=head is not None and kind == "categorical",
            )
        except LeftOutError as reason:
            raise ValueError(
                f"target={target!r} cannot be the primary task: {reason}. Choose "
                f"another column, or rows on which it varies.{_explain_words(head)}"
            ) from reason

    def _labelled(self, name: Any) -> Task:
        source = self._source(name)
        recipe = "auto" if is_trained(source) else source
        binned = None if recipe == "ridge" else self.n_bins
        kind = self.kinds.get(name) if binned else self._kind_of(name, recipe)
        column = read_column(
            self.given.table[name],
            kind=kind or "auto",
            n_bins=binned,
            binning=self.binning,
            min_rows=self.min_rows,
        )
        if self.given.roles.groups is not None:
            column = restrict_to_groups(column, self.given.roles.groups)
        probe = make_probe(recipe, column, self.C, self.alpha)
        # A recipe for all columns alike says nothing of a single one.
        common = isinstance(self.heads, str)
        guessed = name not in self.kinds if common else kind is None
        task = Task(name, column, probe, notes=list(column.notes), guessed=guessed)
        if is_trained(source):
            levels = column.levels or None
            task.head = self._trained(source, f"heads[{name!r}]", levels)
            task.trained = True
            task.notes.append("trained head; the encoding score is that of a probe")
            task.notes += [f"{n}: not in score" for n in _describe_rows(task)]
        return task

    def _trained(self, source: Any, argument: str, levels: tuple | None) -> Head:
        return name_head(self._weights(source, argument), levels)

    def _weights(self, source: Any, argument: str) -> Weights:
        return read_weights(
            source,
            argument=argument,
            n_features=self.given.X.n_features,
            feature_names=self.given.feature_names,
        )


def _leave_out_copies(
    tasks: list[Task], target: Column, asked: set, left_out: dict[Any, str]
) -> list[Task]:
    """Tasks without copies of the target, unless asked for or nothing else is left."""
    found = {task.name: describe_copy(task.labelled()[0], target) for task in tasks}
    copies = {name: reason for name, reason in found.items() if reason is not None}
    kept = [task for task in tasks if task.name in asked or task.name not in copies]
    if not kept:
        kept = tasks
    for task in tasks:
        if task.name in copies:
            task.notes.append(copies[task.name])
    names = {task.name for task in kept}
    left_out |= {name: why for name, why in copies.items() if name not in names}
    return kept


def _explain_words(head: Head | None) -> str:
    """What may have become of classes that are called by a word for missing values."""
    classes = () if head is None else head.classes or ()
    words = [name for name in classes if str(name).strip().lower() in WORDS_FOR_MISSING]
    if not words:
        return ""
    return (
        f" Its head has the class {quote(words[0])}: files are read with this word as "
        "a missing value, so call that class otherwise, in the table and in the head."
    )


def _describe_rows(task: Task) -> list[str]:
    """Say where the outputs of a trained head are no predictions of its column."""
    if task.column is None or task.head is None or task.predicting_head():
        return []
    rows = f"{task.head.n_rows} row{'s' if task.head.n_rows > 1 else ''}"
    if predicts_number(task.head, task.column):
        return ["the trained head predicts a number, so it has no score by levels"]
    classes = set(task.head.classes or ())
    if task.head.kind == "ridge" and classes and classes == set(task.column.levels):
        return ["the trained head is a regression, so it has no score by levels"]
    if task.head.classes is not None:
        rows = f"classes {', '.join(map(repr, task.head.classes))}"
    wanted = "is continuous"
    if task.column.levels:
        wanted = f"has the levels {', '.join(map(repr, task.column.levels))}"
    return [
        f"the trained head has {rows} and the column {wanted}, so its outputs are not "
        "taken for predictions of the column"
    ]


def _kind(recipe: Any) -> Any:
    """Kind that a recipe reads numbers as; None leaves it to their looks."""
    if isinstance(recipe, str):
        kinds = {"auto": None, "logistic": "categorical", "ridge": "continuous"}
        return kinds[recipe]
    # A classifier is not told to take many numbers for categories: that is an error.
    is_number = hasattr(recipe, "fit") and not is_classifier(recipe)
    return "continuous" if is_number else None


def _check_recipes(heads: Any) -> None:
    """Raise if an entry of `heads` is neither a recipe nor a trained head."""
    entries = heads if isinstance(heads, dict) else {}
    for name, source in entries.items():
        known = source in RECIPES if isinstance(source, str) else source is not None
        if not known or isinstance(source, type):
            raise ValueError(
                f"heads[{name!r}]: {source!r} is not known; pass 'auto', 'logistic', "
                "'ridge', an estimator or a trained head."
            )


def _select_columns(
    table: pd.DataFrame,
    target: Any,
    groups: Any,
    columns: Any,
    heads: Any,
    others: Sequence,
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
    apart = [*unlabelled, *others]
    require_columns([name for name in entries if name not in apart], table, "heads")
    if columns is None:
        roles = (target, groups, *others)
        return [name for name in table.columns if name not in roles], unlabelled
    names = list_columns(columns)
    require_columns([n for n in names if n not in unlabelled], table, "columns")
    refuse_roles(names, target, groups)
    used = {*names, target, *others}
    unused = [name for name in entries if name not in used]
    if unused:
        raise ValueError(
            f"heads: {unused} are not among columns; add them there or drop them here."
        )
    labelled = [name for name in names if name not in unlabelled]
    return labelled, [name for name in names if name in unlabelled]
