r"""What an erasure that holds no target fixed does to a head that predicts one.

The erased outputs o have no covariance with the column z. In their regression on the
target t and the column, with coefficients :math:`\beta_t` and :math:`\beta_z`,

.. math:: 0 = \Sigma_{zo} = \Sigma_{zz} \beta_z + \Sigma_{zt} \beta_t
          \quad\Rightarrow\quad \beta_z = -\Sigma_{zz}^+ \Sigma_{zt} \beta_t .

So the outputs of *any* head move with the column at fixed target unless column and
target are not associated (:math:`\Sigma_{zt} = 0`) or the head no longer tells the
target (:math:`\beta_t = 0`), also those of a head that did not move with it before.
How far is computed for a head that predicts the target by least squares, with weights
from one half of the rows on the other half, so that a target that the embeddings do not
tell does not count. In whitened coordinates its weights are the covariance with the
target.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from sklearn_wsca._erasure.erasure import Held, concept_columns, cross_moments
from sklearn_wsca._heads.head import Head, all_outputs
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._linear.subspace import Subspace
from sklearn_wsca._text import quote

# Moves that matter, in standard deviations of the outputs.
MARGIN = 0.1
# Level at which column and target are associated, over all pairs that are looked at.
SIGNIFICANCE = 0.01
# A column of more levels is no target.
MOST_LEVELS = 100
# Squares that are so many times what noise gives on average are more than noise.
CLEAR = 4.0
DETERMINED = 1e-10


class Moves(NamedTuple):
    """How far outputs that predict the target move with the column at fixed target.

    In their standard deviations, before the erasure and after it.
    """

    column: Any
    target: Any
    before: float
    after: float


def worst_moves(
    X: Embeddings,
    weights: np.ndarray,
    subspace: Subspace,
    spread: np.ndarray,
    frame: np.ndarray,
    columns: list[Column],
    targets: list[Column],
) -> Moves | None:
    """The pair of column and target whose moves after the erasure are the largest.

    None if all are below the margin, or column and target are not associated beyond
    chance.
    """
    candidates = [
        (column, target)
        for target in targets
        for column in columns
        if target.n_levels <= MOST_LEVELS
    ]
    pairs = [
        pair
        for pair in candidates
        if association_pvalue(*pair, weights) * len(candidates) <= SIGNIFICANCE
    ]
    if not pairs:
        return None
    told = {target.name: target for _, target in pairs}
    before, after = _predict(X, weights, subspace, spread, frame, [*told.values()])
    places = {name: number for number, name in enumerate(told)}
    found = [
        Moves(
            column.name,
            target.name,
            *(
                measure_move(outputs[places[target.name]], column, target, weights)
                for outputs in (before, after)
            ),
        )
        for column, target in pairs
    ]
    worst = max(found, key=lambda moves: moves.after)
    return worst if worst.after >= MARGIN else None


def _predict(
    X: Embeddings,
    weights: np.ndarray,
    subspace: Subspace,
    spread: np.ndarray,
    frame: np.ndarray,
    targets: list[Column],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Outputs of heads of the targets, before a frame is erased and after: (n, c) each.

    Those of each half of the rows are by weights from the other one.
    """
    half = np.arange(len(weights)) % 2
    factors = [
        Held.of(target, weights * (half == number)).concept(target)
        for number in (0, 1)
        for target in targets
    ]
    widths = [part.shape[1] for part in factors]
    ends = np.cumsum(widths)
    cross = subspace.project(cross_moments(X, subspace.mean, np.hstack(factors)).T)
    whitened = cross.T / spread[:, None]
    both = np.hstack([whitened, whitened - frame @ (frame.T @ whitened)])
    coef = (both / spread[:, None]).T @ subspace.components
    head = Head(coef, -coef @ subspace.mean, None, "ridge")
    parts = np.split(all_outputs(X, [head]), 2, axis=1)
    n_targets = len(targets)
    found = []
    for outputs in parts:
        own = np.split(outputs, ends[:-1], axis=1)
        found.append(
            [_join(own[i], own[i + n_targets], half) for i in range(n_targets)]
        )
    return found[0], found[1]


def _join(by_first: np.ndarray, by_second: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Outputs of each half by the weights of the other; only what both halves have."""
    width = min(by_first.shape[1], by_second.shape[1])
    first, second = by_first[:, :width], by_second[:, :width]
    return np.where((half == 0)[:, None], second, first)


def measure_move(
    outputs: np.ndarray, column: Column, target: Column, weights: np.ndarray
) -> float:
    """Root mean square of the effects of a column on outputs (n, c) at fixed target.

    In standard deviations of the outputs, without what noise alone would give; 0 where
    noise may give it all.
    """
    known = _known(column, target, weights)
    held = Held.of(column, known, [target])
    roots = np.sqrt(held.weights)[:, None]
    scaled = roots * column_values(column, held.weights)
    fixed = scaled - held.basis.explain(scaled)
    centred = outputs - held.weights @ outputs
    total = float(held.weights @ np.sum(centred**2, axis=1))
    if not total > 0.0:
        return 0.0
    solve = np.linalg.pinv(fixed.T @ fixed, rcond=DETERMINED, hermitian=True)
    if column.n_levels:
        solve = solve - solve.mean(axis=0)
    effects = solve @ (fixed.T @ (roots * centred))
    size = max(column.n_levels, 1)
    square = float(np.sum(effects**2)) / (size * total)
    noise = float(np.trace(solve)) / (size * _effective_rows(known))
    return float(np.sqrt(square - noise)) if square > CLEAR * noise else 0.0


def association_pvalue(column: Column, target: Column, weights: np.ndarray) -> float:
    """p-value of Pillai's trace of two columns on the rows that have both."""
    known = _known(column, target, weights)
    if not known.any():
        return 1.0
    first, second = (Held.of(own, known, [own]).basis for own in (column, target))
    # The constant is in both bases.
    trace = np.sum(first.products(second.written_out()) ** 2) - 1.0
    freedom = (first.width - 1) * (second.width - 1)
    statistic = _effective_rows(known) * trace
    return float(stats.chi2.sf(statistic, freedom)) if freedom else 1.0


def _effective_rows(weights: np.ndarray) -> float:
    """Number of rows of equal weight that say as much."""
    return float(weights.sum() ** 2 / np.sum(weights**2))


def _known(column: Column, target: Column, weights: np.ndarray) -> np.ndarray:
    """Weights of the rows on which both are known."""
    rows = np.intersect1d(column.rows, target.rows, assume_unique=True)
    known = np.zeros(len(weights))
    known[rows] = weights[rows]
    return known


def column_values(column: Column, shares: np.ndarray) -> np.ndarray:
    """Indicators of all levels (n, j), or values in their standard deviations (n, 1).

    Rows of share 0 are 0.
    """
    if not column.n_levels:
        return concept_columns(column, shares)
    labels = np.full(len(shares), -1)
    labels[column.rows] = column.labels
    found = labels[:, None] == np.arange(column.n_levels)
    return np.where((shares > 0)[:, None], found, 0.0)


def describe_moves(moves: Moves | None) -> list[str]:
    """That a head of another column moves with what is erased, and what to do."""
    if moves is None:
        return []
    column, target = quote(moves.column), quote(moves.target)
    return [
        f"target: without one, erasing {column} also takes what {target} shares with "
        f"it. The outputs of a linear head that predicts {target} then move with "
        f"{column} at fixed {target} by {moves.after:.2f} of their standard deviation, "
        f"and a head that moves less now is made worse (by least squares: "
        f"{moves.before:.2f}). If {target} is what the network decides, name it: "
        f"target={moves.target!r}."
    ]
