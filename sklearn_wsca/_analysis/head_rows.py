"""Whether the primary head has seen the rows on which its outputs are judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sklearn_wsca._encoding.cross_fitting import CrossFit
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._text import list_names

Relation = Literal["held out", "cross-fitted", "unknown"]
HELD_OUT: Relation = "held out"
CROSS_FITTED: Relation = "cross-fitted"
UNKNOWN: Relation = "unknown"


@dataclass(frozen=True)
class HeadRows:
    """What is known of the rows that a primary head was fitted on.

    Parameters
    ----------
    relation : {"held out", "cross-fitted", "unknown"} or None
        "held out": it has not seen the rows judged. "cross-fitted": each of them is
        judged by a head that was fitted without its unit. "unknown": it is a trained
        head, and nobody said. None without outputs to judge.
    withheld : str
        Why these rows cannot show that a column is not used; "" if they can.
    """

    relation: Relation | None
    withheld: str = ""


def relate_head(
    tasks: Tasks, n_features: int, cross_fit: CrossFit | None, held_out: bool
) -> HeadRows:
    """Tell what the primary head has seen, and what cannot be said therefore.

    Parameters
    ----------
    tasks : Tasks
        The tasks with their heads.
    n_features : int
        Width of the embeddings.
    cross_fit : CrossFit or None
        Held-out outputs, where the primary head is not trained.
    held_out : bool
        Whether the user says that a trained head has not seen the rows.
    """
    if tasks.primary is None or tasks.primary.column is None:
        return HeadRows(None)
    size = _describe_size(tasks.primary, n_features)
    if cross_fit is not None:
        return HeadRows(CROSS_FITTED, size and _some_fitted(cross_fit, size))
    if held_out:
        return HeadRows(HELD_OUT)
    return HeadRows(UNKNOWN, size and _may_be_fitted(size))


def _describe_size(task: Task, n_features: int) -> str:
    """Numbers of features and units, if a head can hide a use in the rows it saw."""
    n_units = int(task.units().clusters.max()) + 1
    what = "rows" if task.units().scheme == "rows" else "groups"
    if 2 * n_features <= n_units:
        return ""
    return f"{n_features} features are more than half of {n_units} {what}"


def _may_be_fitted(size: str) -> str:
    return (
        f"the trained head may have been fitted on these rows, and as {size}, its "
        "outputs there can hide a use; if it has not seen them, say so by "
        "held_out=True (--rows-are-held-out), otherwise judge rows that it has not seen"
    )


def _some_fitted(cross_fit: CrossFit, size: str) -> str:
    if not cross_fit.n_fitted:
        return ""
    target = list_names([cross_fit.column.name])
    return (
        f"{cross_fit.n_fitted} rows could not be held out from the head of {target}, "
        f"and as {size}, its outputs there can hide a use; add units of the rare "
        "classes, or leave these classes out"
    )
