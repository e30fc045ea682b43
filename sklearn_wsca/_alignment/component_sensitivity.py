"""How alignment scores depend on the dimension k of the principal subspace."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from sklearn_wsca._alignment.comparison import Comparison, compare_heads
from sklearn_wsca._alignment.metrics import METRICS, Aggregate, AlignmentSpace
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._heads.fit import Rows, fit_heads
from sklearn_wsca._heads.task import Tasks
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.table import level_index
from sklearn_wsca._linear.subspace import Subspace, choose_n_components

# Those of the paper, besides the width of the embeddings.
DIMENSIONS = (5, 10, 20, 50, 100, 200, 500, 1000)
EXPLAINED = 0.99
LEVELS = ("k", "explained_variance", "projected", "chosen")
PAIR = ("column", "level", "output")


def measure_component_sensitivity(
    given: Input,
    tasks: Tasks,
    rows: Rows,
    *,
    dimensions: Sequence[int] | None,
    n_components: float | int | None,
    min_components: int,
    metric: str,
    aggregate: Aggregate,
    pairs: bool,
) -> pd.DataFrame:
    """Alignment scores, or of pairs of rows, for several dimensions of the subspace.

    See `WeightSpaceCorrelation.component_sensitivity`. Heads are fitted on the first k
    coordinates of `rows`, which hold all directions, for every k. There is no
    cross-validation and there are no permutations.
    """
    ratio = rows.subspace.variance / rows.subspace.total_variance
    chosen = choose_n_components(ratio, n_components, min_components)
    explaining = choose_n_components(ratio, EXPLAINED, 0)
    ks = _list_dimensions(dimensions, rows.subspace.rank, {chosen, explaining})
    compared = [(k, True) for k in ks] + [(rows.subspace.rank, False)]
    index, found, not_converged = [], [], {}
    for k, projected in compared:
        subspace = keep_directions(rows.subspace, k)
        if k not in not_converged:
            not_converged[k] = _fit_on_first(tasks, rows, subspace)
        space = AlignmentSpace(subspace, METRICS[metric], projected)
        comparison = compare_heads(tasks, given, space, aggregate)
        scores = comparison.scores().mask(tasks.refused)
        found.append(_pairs(comparison) if pairs else scores)
        is_chosen = (k, projected) == (chosen, n_components is not None)
        index.append((k, float(ratio[:k].sum()), projected, is_chosen))
    _warn_of_failures(not_converged)
    return pd.DataFrame(
        np.array(found),
        pd.MultiIndex.from_tuples(index, names=LEVELS),
        found[0].index,
    )


def _pairs(comparison: Comparison) -> pd.Series:
    """Signed alignment of every row of the primary head with every metadata row."""
    table = comparison.alignment
    names = [
        (column, level, output)
        for output in table.index.get_level_values(1)
        for column, level in table.columns
    ]
    index = level_index(list(zip(*names, strict=True)) or [[]] * len(PAIR), PAIR)
    return pd.Series(table.to_numpy(dtype=float).ravel(), index)


def _fit_on_first(tasks: Tasks, rows: Rows, subspace: Subspace) -> list:
    """Fit the heads on the first k coordinates; returns those that failed."""
    T = rows.T[:, : subspace.n_components]
    T = T * (rows.subspace.scale / subspace.scale)
    runner = SequentialRunner("component_sensitivity", T)
    return fit_heads(tasks.all, Rows(T, rows.weights, subspace), runner)


def _warn_of_failures(not_converged: dict[int, list]) -> None:
    """Say which heads did not converge, if any."""
    found = "; ".join(f"k={k}: {v}" for k, v in not_converged.items() if v)
    if found:
        warnings.warn(
            f"component_sensitivity: heads of columns did not reach the tolerance "
            f"of the solver ({found}); lower C, or merge rare levels.",
            ConvergenceWarning,
            stacklevel=4,
        )


def keep_directions(subspace: Subspace, k: int) -> Subspace:
    """Return the subspace of the first k directions."""
    return replace(
        subspace, components=subspace.components[:k], variance=subspace.variance[:k]
    )


def _list_dimensions(asked: Sequence[int] | None, rank: int, added: set) -> list[int]:
    """Dimensions in rising order, none above the rank."""
    wanted = {*DIMENSIONS, rank} if asked is None else set(map(int, asked))
    return sorted({k for k in wanted if k <= rank} | added)


def check_dimensions(n_components: Sequence[int] | None) -> None:
    """Raise if these are not dimensions."""
    if n_components is None:
        return
    if np.ndim(n_components) != 1 or not len(n_components):
        raise ValueError(
            f"n_components: {n_components!r} is no list of dimensions; pass one such "
            "as [5, 10, 50], or None for those of the paper."
        )
    bad = [k for k in n_components if not isinstance(k, Integral) or k < 1]
    if bad:
        raise ValueError(
            f"n_components: {bad[0]!r} is no dimension; pass whole numbers from 1 on."
        )
