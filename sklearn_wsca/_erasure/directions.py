"""The directions that are erased, and which of them are noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from sklearn_wsca._backend.namespace import precision_of
from sklearn_wsca._erasure.columns import ErasedColumns
from sklearn_wsca._erasure.erasure import (
    TOLERANCE,
    Held,
    Shrinkage,
    choose_shrinkage,
    concept_frame,
    cross_moments,
    whitening_spread,
)
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._linear.subspace import Subspace
from sklearn_wsca._text import format_pvalue, quote

# Level at which embeddings show a column.
SIGNIFICANCE = 0.05
# Levels of which all pairs are compared; the number of pairs grows with the square.
MOST_PAIRED = 6


@dataclass(frozen=True)
class Directions:
    """Directions of the principal coordinates that covary with columns.

    Parameters
    ----------
    shrinkage : float
        Weight of a multiple of the identity in the covariance behind the spread.
    spread : ndarray of shape (k,)
        What coordinates are divided by to whiten them.
    frame : ndarray of shape (k, rank)
        Orthonormal basis of the directions, in whitened coordinates.
    notes : list of str
        Columns that embeddings do not show, and levels that they do not tell.
    """

    shrinkage: float
    spread: np.ndarray
    frame: np.ndarray
    notes: list[str]


@dataclass(frozen=True)
class LevelPair:
    """Two levels of a column that are compared with each other."""

    name: Any
    first: Any
    second: Any


def level_pairs(
    erased: ErasedColumns, weights: np.ndarray
) -> dict[LevelPair, np.ndarray]:
    """Factors (n, 1) of all pairs of levels, where three or more are few enough."""
    target = erased.target
    held = [] if target is None else [target]
    pairs, known = {}, weights > 0
    if target is not None:
        known &= np.isin(np.arange(len(weights)), target.rows)
    for column in erased.columns:
        if not 3 <= column.n_levels <= MOST_PAIRED:
            continue
        for pair in combinations(range(column.n_levels), 2):
            kept = np.isin(column.labels, pair)
            part = replace(column, rows=column.rows[kept], labels=column.labels[kept])
            if not known[part.rows].any():
                continue
            # The indicators of two levels are one another's opposite.
            found = Held.of(part, weights, held).concept(part)[:, :1]
            if found.size:
                names = (column.levels[code] for code in pair)
                pairs[LevelPair(column.name, *names)] = found
    return pairs


def find_directions(
    X: Embeddings,
    weights: np.ndarray,
    subspace: Subspace,
    factors: dict[Any, np.ndarray],
    pairs: dict[LevelPair, np.ndarray],
    shrinkage: Shrinkage,
) -> Directions:
    """Find those of the columns, and test whether they and pairs of levels are noise.

    Factors (n, c) are those by which rows add up to covariances.
    """
    mean, variance = subspace.mean, subspace.variance
    amount = choose_shrinkage(shrinkage, X, weights, mean, variance)
    spread = whitening_spread(variance, amount, X.n_features)
    every = factors | pairs
    moments = cross_moments(X, mean, np.hstack(list(every.values())))
    ends = np.cumsum([part.shape[1] for part in every.values()])
    parts = np.split(subspace.project(moments.T).T, ends[:-1], axis=1)
    cross = dict(zip(every, parts, strict=True))
    frame = concept_frame(
        np.hstack([cross[name] for name in factors]),
        spread,
        TOLERANCE[precision_of(X.array)],
    )
    notes = []
    if frame.size:
        whitened = {name: part / spread[:, None] for name, part in cross.items()}
        notes = _describe_noise(factors, pairs, whitened, variance / spread**2)
    return Directions(amount, spread, frame, notes)


def _describe_noise(
    factors: dict[Any, np.ndarray],
    pairs: dict[LevelPair, np.ndarray],
    whitened: dict[Any, np.ndarray],
    variance: np.ndarray,
) -> list[str]:
    """Columns that embeddings do not show, and levels that they do not tell."""
    notes, unseen = [], set()
    for name in factors:
        pvalue = encoding_pvalue(factors[name], whitened[name], variance)
        if pvalue > SIGNIFICANCE:
            unseen.add(name)
            notes.append(
                f"column {name!r}: the embeddings do not show it beyond chance "
                f"({format_pvalue(pvalue)}), so that noise is erased for it, and what "
                "heads read along that; leave it out."
            )
    for pair in pairs:
        if pair.name in unseen:
            continue
        pvalue = encoding_pvalue(pairs[pair], whitened[pair], variance)
        if pvalue > SIGNIFICANCE:
            notes.append(
                f"column {pair.name!r}: the embeddings do not tell "
                f"{quote(pair.first)} from {quote(pair.second)} beyond chance "
                f"({format_pvalue(pvalue)}), so that noise is erased for this "
                "difference, and what heads read along that; give the two one name."
            )
    return notes


def encoding_pvalue(
    factors: np.ndarray, whitened: np.ndarray, variance: np.ndarray
) -> float:
    r"""p-value of the covariance of embeddings with a column.

    Where there is none, the sum of its squares is that of products of independent
    numbers: about :math:`a \chi^2_b` with the mean
    :math:`\mathrm{tr}(F^T F) \sum_j v_j` and the variance
    :math:`2 |F^T F|^2 \sum_j v_j^2`, with F the factors (n, c) of the column and v the
    variances (k,) of the coordinates; `whitened` (k, c) is the covariance.
    """
    gram = factors.T @ factors
    mean = float(np.trace(gram) * variance.sum())
    spread = 2.0 * float(np.sum(gram**2) * np.sum(variance**2))
    scale, freedom = spread / (2.0 * mean), 2.0 * mean**2 / spread
    return float(stats.chi2.sf(np.sum(whitened**2) / scale, freedom))


def describe_extremes(columns: list, rank: int, rank_of_embeddings: int) -> list[str]:
    """Whether nothing is erased, or everything."""
    if rank == 0:
        return [
            f"X: the embeddings are already uncorrelated with the columns {columns}: "
            "there is nothing to erase, and transform returns them as they are."
        ]
    if rank == rank_of_embeddings:
        return [
            f"X: the columns take all {rank} directions along which the embeddings "
            "vary: all erased embeddings are equal."
        ]
    return []
