"""What a head loses when a column is erased from the embeddings, and what by chance.

The column's subspace is erased from the rows of every test fold by the map of the other
folds, and the outputs of the primary head before and after are compared. Columns of
noise, treated alike, say how much of that the erasure of any subspace of that rank
would do. A uniform draw of subspaces would not: columns of noise covary more with
directions of large variance, and less with those that the columns held fixed move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    is_tensor,
    precision_of,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._erasure.erasure import (
    Shrinkage,
    choose_shrinkage,
    concept_frame,
    known_shares,
    whitening_spread,
)
from sklearn_wsca._erasure.noise import Noise, fit_folds
from sklearn_wsca._erasure.trial import Trial
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import as_embeddings
from sklearn_wsca._permutation.plan import permutation_pvalues

# An accelerator takes as many as memory holds.
NUMBERS_PER_BATCH, NUMBERS_PER_BATCH_OF_TENSORS = 2**21, 2**26


class Loss(NamedTuple):
    """One measure of what a head loses by erasing the column; mean of random subspaces.

    The p-value is ``(b + 1) / (m + 1)`` with b of m of these costing at least as much.
    """

    erased: float
    random: float
    pvalue: float


class ErasureCheck(NamedTuple):
    """What the primary head loses when a column is erased.

    The rank is the largest over folds. Among the losses are "output_change", the root
    mean square over rows of the change of the outputs, summed over them, relative to
    the root of their total variance; where the head predicts the target also
    "balanced_accuracy_drop" and, for class scores, "log_loss_rise"; for a number
    "r2_drop".
    """

    rank: int
    n_random: int
    losses: dict[str, Loss]


def whitening(T: Any, weights: np.ndarray, shrinkage: Shrinkage = "auto") -> np.ndarray:
    """Spread (k,) of the coordinates on all rows, without column or target.

    The shrinkage of the covariance is that of Ledoit and Wolf if "auto".
    """
    mean, sums = np.zeros(T.shape[1]), 0.0
    for rows, block in as_embeddings(T).blocks():
        sums = sums + to_same_device(weights[rows], block) @ (block * block)
    variance = to_numpy(sums) / weights.sum()
    shrinkage = choose_shrinkage(shrinkage, T, weights, mean, variance)
    return whitening_spread(variance, shrinkage, len(variance))


def check_erasure(
    T: Any,
    head: Head,
    column: Column,
    fold: np.ndarray,
    weights: np.ndarray,
    spread: np.ndarray,
    generator: np.random.Generator,
    *,
    held: Sequence[Column] = (),
    target: Column | None = None,
    units: np.ndarray | None = None,
    n_random: int = 100,
) -> ErasureCheck:
    """Erase a column out of fold and measure what the primary head loses.

    Parameters
    ----------
    T : array of shape (n, k)
        Principal coordinates of all rows: weighted mean 0, uncorrelated.
    head : Head
        Primary head in these coordinates; its rows in the order of the target's levels
        where there is a `target`.
    column : Column
        What is erased. Nothing is learnt from rows on which it or a column in `held` is
        missing; they are erased and measured as all others.
    fold : ndarray of shape (n,), dtype int
        Test fold of each row.
    weights : ndarray of shape (n,)
        Positive row weights.
    spread : ndarray of shape (k,)
        What `whitening` finds of T.
    generator : Generator
        Source of the random subspaces.
    held : sequence of Column
        Columns held fixed: only what `column` moves then is erased. Without the
        target among them, the erasure of a column that is associated with the target
        costs performance in a head that does not use the column.
    target : Column, default=None
        What the head predicts; None measures the change of the outputs only.
    units : ndarray of shape (n,), dtype int, default=None
        Groups of rows, numbered from 0, in which the column is constant: columns of
        noise then are too. None takes every row for itself.
    n_random : int
        Number of random subspaces, at least 1.

    Raises
    ------
    ValueError
        If there are fewer than two folds.
    """
    tests = [np.flatnonzero(fold == label) for label in np.unique(fold)]
    if len(tests) < 2:
        raise ValueError(
            f"fold: all rows are in {len(tests)} test fold, so nothing is left to fit "
            "an erasure on; pass two or more."
        )
    folds = fit_folds(T, column, held, tests, weights)
    frames = [concept_frame(part.cross, spread) for part in folds]
    ranks = [frame.shape[1] for frame in frames]
    trial = Trial(T, head, weights, spread, folds, target)
    shares = known_shares(column, weights, held)
    noise = Noise(T, shares, folds, ranks, spread, units)
    numbers = NUMBERS_PER_BATCH_OF_TENSORS if is_tensor(T) else NUMBERS_PER_BATCH
    size = max(1, numbers // (len(T) * max(1, *ranks)))
    errors = []
    for start in range(0, n_random, size):
        drawn = noise.frames(generator, min(size, n_random - start))
        if not start:
            drawn = _after_observed(frames, drawn)
        errors.append(trial.errors(drawn))
    rounding = float(np.finfo(precision_of(T)).eps)
    return ErasureCheck(max(ranks), n_random, _compare(errors, rounding))


def _after_observed(frames: list[np.ndarray], drawn: Any) -> Any:
    """Frames of every fold: nothing, that of the column, and those that are drawn."""
    n_folds, _, k, most = drawn.shape
    first = np.zeros((n_folds, 2, k, most))
    for own, frame in zip(first, frames, strict=True):
        own[1, :, : frame.shape[1]] = frame
    first = to_same_device(first, drawn)
    return array_namespace(drawn).concatenate([first, drawn], axis=1)


def _compare(batches: list[dict[str, np.ndarray]], rounding: float) -> dict[str, Loss]:
    """Losses of the column, compared with those of the columns of noise.

    The errors are those without erasure, after that of the column, and the others;
    those that differ by no more than rounding, relatively, are equal.
    """
    losses = {}
    for name in batches[0]:
        base, observed, *null = np.concatenate([batch[name] for batch in batches])
        # Errors are compared, not their differences: equal ones differ by rounding.
        others = np.array(null)
        pvalue = permutation_pvalues(np.array([observed]), others[:, None], rounding)
        random = float((others - base).mean())
        losses[name] = Loss(float(observed - base), random, float(pvalue[0]))
    return losses
