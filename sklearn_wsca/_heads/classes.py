"""Which class each row of a trained head stands for, and whether the target has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from sklearn_wsca._heads.head import MOST_NAMED, Head
from sklearn_wsca._heads.performance import predicts_number
from sklearn_wsca._input.column import Column
from sklearn_wsca._text import list_first, plain_text, quote, suggest

GO_ON = "To go on all the same: check_head=False (--no-check-head)."
NAME_THEM = (
    "name the class of each row, in order: Head(coef, intercept, classes=...) or "
    "head_from_module(..., classes=...)"
)


class HeadMismatchError(ValueError):
    """A trained head cannot be that of the target and the rows."""


def levels_to_name(n_rows: int, column: Column, series: pd.Series) -> tuple | None:
    """Levels of a target for the rows of a head that names no classes.

    Where they are not as many, those that are too rare to be used are counted too, and
    categories that a table declares without a row of them.
    """
    if not column.levels:
        return None
    for levels in (column.levels, _all_levels(series), _declared_levels(series)):
        if len(levels) == n_rows or (len(levels), n_rows) == (2, 1):
            return levels
    return column.levels


def _all_levels(series: pd.Series) -> tuple:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return tuple(series.cat.remove_unused_categories().cat.categories.tolist())
    labels = pd.Index(series.dropna().astype(object), dtype=object)
    return tuple(pd.Index(pd.factorize(labels, sort=True)[1]).tolist())


def _declared_levels(series: pd.Series) -> tuple:
    declared = isinstance(series.dtype, pd.CategoricalDtype)
    return tuple(series.cat.categories.tolist()) if declared else ()


def match_classes(head: Head, column: Column) -> Head:
    """Head whose classes are written as the levels that have the same text."""
    if head.classes is None or set(column.levels) <= set(head.classes):
        return head
    levels = {plain_text(level): level for level in column.levels}
    classes = tuple(levels.get(plain_text(name), name) for name in head.classes)
    unique = len(set(classes)) == len(classes)
    return replace(head, classes=classes) if unique else head


def describe_assumption(head: Head) -> list[str]:
    """What was assumed of a head that names no classes, unless they are 0, 1, 2, ..."""
    if head.classes is None or head.classes == tuple(range(len(head.classes))):
        return []
    named = list_first(head.classes, MOST_NAMED, quote)
    what = "its rows are taken for"
    if head.n_rows == 1:
        named, what = quote(head.classes[1]), "its output is taken for the score of"
    return [
        f"the trained head names no classes: {what} {named}, in the sorted order of "
        "the levels"
    ]


def check_classes(head: Head, column: Column) -> None:
    """Raise if the outputs of a trained head are no predictions of a target.

    Raises
    ------
    HeadMismatchError
        With the classes of the head and the levels of the target.
    """
    if predicts_number(head, column):
        return
    if head.classes is None:
        outputs = f"{head.n_rows} row{'s' if head.n_rows > 1 else ''}, without classes"
    else:
        shown = list_first(head.classes, MOST_NAMED, quote)
        outputs = f"the {len(head.classes)} classes {shown}"
    name = quote(column.name)
    if not column.levels:
        raise HeadMismatchError(
            f"target_head: the head has {outputs}, and the target {name} is "
            "continuous, which takes a single row. If its numbers are codes of "
            f"classes, say so: kinds={{{column.name!r}: 'categorical'}}."
            f"{_ask_for_output(head, column)} {GO_ON}"
        )
    shown = list_first(column.levels, MOST_NAMED, quote)
    found = (
        f"target_head: the head has {outputs}, and the target {name} has the "
        f"{len(column.levels)} levels {shown}"
    )
    if head.classes is None:
        raise HeadMismatchError(
            f"{found}. Which row is which cannot be told: {NAME_THEM}; classes that do "
            f"not occur in these rows too.{_ask_for_output(head, column)} {GO_ON}"
        )
    unknown = [level for level in column.levels if level not in head.classes]
    if unknown:
        first = quote(unknown[0])
        near = suggest(unknown[0], set(head.classes) - set(column.levels), quote)
        raise HeadMismatchError(
            f"{found}; {first} is none of its classes{near}. Is it the head of "
            f"this target? If so, {NAME_THEM}; rows of levels that it does not know "
            f"must be missing in {name}.{_ask_for_output(head, column)} {GO_ON}"
        )


def _ask_for_output(head: Head, column: Column) -> str:
    """How the one output of several that stands for a target is chosen."""
    if head.n_rows == 1:
        return ""
    output = f"its number, from 0 to {head.n_rows - 1}"
    if head.classes is not None:
        names = {plain_text(name): name for name in head.row_names}
        likely = names.get(plain_text(column.name), head.row_names[0])
        output = f"its name, such as {quote(likely)}"
    return (
        " If its outputs are several findings or tasks, say which one stands for "
        f"{quote(column.name)} by target_output: {output}."
    )


def missing_classes(head: Head, column: Column) -> list[Any]:
    """Classes of a head that do not occur in the target."""
    return [c for c in head.classes or () if c not in column.levels]
