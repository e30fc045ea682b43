"""The output of a multi-label or multi-task head that stands for the target."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._heads.head import MOST_NAMED, Head
from sklearn_wsca._input.column import Column
from sklearn_wsca._text import list_first, plain_text, quote, suggest


def choose_output(head: Head, output: Any, column: Column | None) -> Head:
    """Head of one row: that with the name or index `output`.

    For a target of two levels the output is the score of the level that has its name,
    or else of the second. That of a head whose classes are those of the target is
    taken as it is told by a softmax: less the mean over classes.

    Raises
    ------
    ValueError
        If there is no such output.
    """
    row = _find_row(head, output)
    levels = () if column is None else column.levels
    is_softmax = bool(levels) and set(levels) <= set(head.classes or ())
    coef, intercept = head.coef, head.intercept
    if is_softmax and head.n_rows > 1:
        coef, intercept = head.centred_coef, intercept - intercept.mean()
    coef, intercept = coef[[row]], intercept[[row]]
    if len(levels) != 2:
        return Head(coef, intercept, None, "ridge")
    first, second = levels
    if head.classes is not None and head.row_names[row] == first:
        first, second = second, first
    return Head(coef, intercept, (first, second), "logistic")


def _find_row(head: Head, output: Any) -> int:
    names = [plain_text(name) for name in head.row_names]
    text = plain_text(output)
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < head.n_rows:
        return int(text)
    near = suggest(output, head.row_names, quote)
    raise ValueError(
        f"target_output: {quote(output)} is no output of the head{near}; "
        f"{describe_outputs(head)}."
    )


def describe_outputs(head: Head) -> str:
    """Outputs of a head, by which one is chosen."""
    if head.n_rows == 1:
        return "it has a single output, so leave out target_output"
    if head.classes is None:
        return f"its outputs have no names, only numbers from 0 to {head.n_rows - 1}"
    return f"its outputs are {list_first(head.row_names, MOST_NAMED, quote)}"
