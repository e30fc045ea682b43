"""From checked input to rows in canonical order on the principal subspace."""

from __future__ import annotations

import pandas as pd

from sklearn_wsca._backend.jobs import LESS_MEMORY
from sklearn_wsca._backend.memory import explain_shortage
from sklearn_wsca._backend.progress import step
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
) -> tuple[Input, Rows]:
    """Find the subspace, and bring input and tasks to the canonical order of rows."""
    # Read for mean and covariance, and for the coordinates.
    with explain_shortage("X", LESS_MEMORY), step("subspace", n_passes=2):
        subspace = fit_subspace(given.X, given.weights, n_components, min_components)
        precision = batch_precision(len(given.weights))
        T, distance = subspace.coordinates(given.X, precision)
    order = canonical_order(
        distance,
        lambda: row_fingerprints(given.table) + pd.util.hash_array(given.weights),
    )
    given = given.take(order)
    tasks.reorder(order)
    return given, Rows(reorder_rows(T, order), given.weights, subspace)


class NothingLeftError(ValueError):
    """No column can be analysed."""


def check_something_left(tasks: Tasks, argument: str = "y") -> None:
    """Raise if no column can be analysed, with the reason for each.

    Parameters
    ----------
    tasks : Tasks
        The tasks.
    argument : str
        The one that holds the columns.

    Raises
    ------
    NothingLeftError
        If there is none.
    """
    if tasks.metadata:
        return
    if not tasks.dropped:
        target = None if tasks.target is None else tasks.target.name
        raise NothingLeftError(
            f"{argument}: there is no column besides the target {target!r}; pass "
            "metadata columns to analyse."
        )
    reasons = "; ".join(f"{name!r}: {why}" for name, why in tasks.dropped.items())
    raise NothingLeftError(
        f"{argument}: all columns are left out, nothing to analyse. {reasons}."
    )
