"""How alignment scores depend on the dimension k of the principal subspace."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from sklearn_wsca._alignment.comparison import compare_heads
from sklearn_wsca._alignment.metrics import AlignmentSpace
from sklearn_wsca._heads.fit import Rows, fit_heads
from sklearn_wsca._linear.subspace import Subspace, choose_n_components

# Those of the paper, besides the width of the embeddings.
DIMENSIONS = (5, 10, 20, 50, 100, 200, 500, 1000)
EXPLAINED = 0.99
LEVELS = ("k", "explained_variance", "projected", "chosen")


def measure_component_sensitivity(
    estimator: Any,
    X: Any,
    y: Any,
    n_components: Sequence[int] | None = None,
    sample_weight: Any = None,
) -> pd.DataFrame:
    """Alignment scores for several dimensions of the principal subspace.

    See `WeightSpaceCorrelation.component_sensitivity`. The principal directions are
    found once, and the heads are fitted on the first k of them for every k. There is no
    cross-validation and there are no permutations. The estimator is left as it is.
    """
    _check_dimensions(n_components)
    # Not a clone, which would lose the fit of a trained scikit-learn head.
    scratch = copy(estimator).set_params(n_components=None, n_permutations=0)
    if estimator.target is None and estimator.target_head is None:
        raise ValueError(
            "component_sensitivity: columns have no alignment score without a primary "
            "head; set target or target_head."
        )
    prepared = scratch._prepare(X, y, sample_weight)
    subspace = prepared.rows.subspace
    ratio = subspace.variance / subspace.total_variance
    chosen = choose_n_components(
        ratio, estimator.n_components, estimator.min_components
    )
    explaining = choose_n_components(ratio, EXPLAINED, 0)
    ks = _list_dimensions(n_components, subspace.rank, {chosen, explaining})
    sweep = _Sweep(estimator, prepared)
    everything = [(k, True) for k in ks] + [(subspace.rank, False)]
    scores = list(sweep.scores(everything))
    sweep.warn()
    own = (chosen, estimator.n_components is not None)
    index = [
        (k, float(ratio[:k].sum()), projected, (k, projected) == own)
        for k, projected in everything
    ]
    return pd.DataFrame(
        np.array(scores),
        pd.MultiIndex.from_tuples(index, names=LEVELS),
        scores[0].index,
    )


class _Sweep:
    """Fits and compares heads for one dimension after another."""

    def __init__(self, estimator: Any, prepared: Any):
        self.estimator, self.prepared = estimator, prepared
        self.not_converged: dict[int, list] = {}

    def scores(self, everything: list[tuple[int, bool]]) -> Iterator[pd.Series]:
        """Column scores for dimensions in rising order, projected or not."""
        fitted_on = None
        for k, projected in everything:
            subspace = keep_directions(self.prepared.rows.subspace, k)
            if k != fitted_on:
                self._fit(subspace)
                fitted_on = k
            yield self._compare(subspace, projected)

    def warn(self) -> None:
        """Say which heads did not converge, if any."""
        if self.not_converged:
            found = "; ".join(f"k={k}: {v}" for k, v in self.not_converged.items())
            warnings.warn(
                f"component_sensitivity: heads of columns did not reach the tolerance "
                f"of the solver ({found}); lower C, or merge rare levels.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _fit(self, subspace: Subspace) -> None:
        rows, k = self.prepared.rows, subspace.n_components
        tasks = [self.prepared.primary, *self.prepared.tasks]
        fitted = [task for task in tasks if task and not task.trained]
        T = rows.T[:, :k] * (rows.subspace.scale / subspace.scale)
        failed = fit_heads(fitted, Rows(T, rows.weights, subspace), partial(_run_on, T))
        if failed:
            self.not_converged[k] = failed

    def _compare(self, subspace: Subspace, projected: bool) -> pd.Series:
        given, primary = self.prepared.given, self.prepared.primary
        tasks = self.prepared.tasks
        comparison = compare_heads(
            {primary.name: primary.head},
            {task.name: task.head for task in tasks if task.head is not None},
            AlignmentSpace(subspace, self.estimator.metric, projected),
            given.X,
            given.weights,
        )
        refused = [bool(task.refusal) for task in tasks]
        return comparison.scores(self.estimator.aggregate).mask(refused)


def keep_directions(subspace: Subspace, k: int) -> Subspace:
    """Return the subspace of the first k directions."""
    return replace(
        subspace, components=subspace.components[:k], variance=subspace.variance[:k]
    )


def _run_on(T: Any, jobs: list) -> Iterator:
    return (job(T) for job in jobs)


def _list_dimensions(asked: Sequence[int] | None, rank: int, added: set) -> list[int]:
    """Dimensions in rising order, none above the rank."""
    wanted = {*DIMENSIONS, rank} if asked is None else set(map(int, asked))
    return sorted({k for k in wanted if k <= rank} | added)


def _check_dimensions(n_components: Sequence[int] | None) -> None:
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
