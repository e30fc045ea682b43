"""The erasure cross-check of all columns, as a table."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._erasure.check import ErasureCheck, check_erasure, whitening
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.table import name_index
from sklearn_wsca._linear.subspace import Subspace
from sklearn_wsca._utilization.decision import Decision

N_FOLDS = 5
N_RANDOM = 100


def erase_columns(
    tasks: Tasks,
    rows: Rows,
    decision: Decision | None,
    seed: int,
    runner: JobRunner,
) -> pd.DataFrame | None:
    """What the primary head loses by the erasure of each column, one row per column.

    What is held fixed in utilization is held fixed here too. None without a decision.
    """
    if decision is None:
        return None
    primary = tasks.primary
    assert primary is not None
    predicting = primary.predicting_head()
    head = predicting or primary.head
    assert head is not None
    head = _in_coordinates(head, rows.subspace)
    fold = _split_rows(len(rows.weights), decision.groups, seed)
    spread = whitening(rows.T, rows.weights)
    erased = [task for task in tasks.metadata if task.column is not None]
    jobs = [
        partial(
            _erase,
            head=head,
            column=task.column,
            fold=fold,
            weights=rows.weights,
            spread=spread,
            seed=seed,
            held=decision.held_fixed(task.labelled()[0]),
            target=None if predicting is None else primary.column,
            units=_constant_units(task, decision.groups),
        )
        for task in erased
    ]
    found = [_flatten(check) for check in runner.run("erasure", jobs)]
    by_name = dict(zip([task.name for task in erased], found, strict=True))
    index = name_index(task.name for task in tasks.metadata)
    return pd.DataFrame([by_name.get(name, {}) for name in index], index)


def _erase(T: Any, seed: int, **settings: Any) -> ErasureCheck:
    generator = np.random.default_rng(seed)
    return check_erasure(T, generator=generator, n_random=N_RANDOM, **settings)


def _in_coordinates(head: Head, subspace: Subspace) -> Head:
    """The head on scaled principal coordinates."""
    return Head(
        subspace.project(head.coef) * subspace.scale,
        head.intercept + head.coef @ subspace.mean,
        head.classes,
        head.kind,
    )


def _split_rows(n: int, groups: Groups | None, seed: int) -> np.ndarray:
    """Test fold of every row; groups stay together."""
    unit = np.arange(n) if groups is None else groups.with_loners().codes
    n_units = int(unit.max()) + 1
    order = np.random.default_rng(seed).permutation(n_units)
    return (order % min(N_FOLDS, n_units))[unit]


def _constant_units(task: Task, groups: Groups | None) -> np.ndarray | None:
    """Groups of all rows, if the column is constant in each."""
    if groups is None or task.units().scheme != "between groups":
        return None
    return groups.with_loners().codes


def _flatten(check: ErasureCheck) -> dict[str, float]:
    """Entries of the table: the loss, that by random subspaces, and its p-value."""
    entries: dict[str, float] = {"rank": check.rank}
    for name, loss in check.losses.items():
        entries[name] = loss.erased
        entries[f"{name}_random"] = loss.random
        entries[f"{name}_pvalue"] = loss.pvalue
    return entries
