"""From checked input to rows in canonical order on the principal subspace."""

from __future__ import annotations

import pandas as pd

from sklearn_wsca._backend.jobs import LESS_MEMORY
from sklearn_wsca._backend.memory import explain_shortage
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import batch_precision
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._linear.subspace import fit_subspace, reorder_rows
from sklearn_wsca._permutation.plan import canonical_order


def find_subspace(
    given: Input,
    tasks: Tasks,
    n_components: float | int | None,
    min_components: int,
    adjust_for_target: bool,
) -> tuple[Input, Tasks, Rows]:
    """Find the subspace; input and tasks come back in the order of its rows.

    Labels are balanced in that order, where that is asked for.

    Raises
    ------
    NothingLeftError
        If no column can be analysed.
    """
    with explain_shortage("X", LESS_MEMORY):
        subspace = fit_subspace(given.X, given.weights, n_components, min_components)
        precision = batch_precision(len(given.weights))
        T, distance = subspace.coordinates(given.X, precision)
    order = canonical_order(
        distance,
        lambda: row_fingerprints(given.table) + pd.util.hash_array(given.weights),
    )
    given, tasks = given.take(order), tasks.take(order)
    tasks.assign_units(given.roles.groups)
    tasks.balance(given.roles, given.weights, adjust_for_target)
    _check_something_left(tasks)
    return given, tasks, Rows(reorder_rows(T, order), given.weights, subspace)


class NothingLeftError(ValueError):
    """No column can be analysed."""


def _check_something_left(tasks: Tasks) -> None:
    """Raise if no column can be analysed, with the reason for each."""
    if tasks.metadata:
        return
    if not tasks.dropped:
        target = None if tasks.target is None else tasks.target.name
        raise NothingLeftError(
            f"y: there is no column besides the target {target!r}; pass metadata "
            "columns to analyse."
        )
    reasons = "; ".join(f"{name!r}: {why}" for name, why in tasks.dropped.items())
    raise NothingLeftError(
        f"y: all columns are left out, nothing to analyse. {reasons}."
    )
