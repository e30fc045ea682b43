r"""What a head loses when a column is erased from the embeddings, and what by chance.

The column's subspace is erased from the rows of every test fold by the map of the other
folds, and the outputs of the primary head before and after are compared. Columns of
noise, treated alike, say how much of that the erasure of any subspace of that rank
would do. A uniform draw of subspaces would not: columns of noise covary more with
directions of large variance, and less with those that the columns held fixed move.

The outputs of a head move by ``-(T - mean) @ right @ (left.T @ coef.T)``, so no erased
embedding is ever made. They are held as (draws, C, n), a block of draws and rows at a
time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    is_tensor,
    precision_of,
    send_together,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._erasure.erasure import (
    Held,
    Shrinkage,
    choose_shrinkage,
    concept_frame,
    known_shares,
    whitening_spread,
)
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import as_embeddings
from sklearn_wsca._linear.class_basis import send_bases
from sklearn_wsca._permutation.plan import permutation_pvalues

NUMBERS_PER_BATCH = 2**21
# Outputs of a block stay in the cache of a core.
NUMBERS_PER_BLOCK = 2**17
# An accelerator takes as many as memory holds.
NUMBERS_PER_BATCH_OF_TENSORS, NUMBERS_PER_BLOCK_OF_TENSORS = 2**26, 2**26
FEWEST_ROWS_PER_BLOCK = 256


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


def check_erasure(
    T: Any,
    head: Head,
    column: Column,
    fold: np.ndarray,
    weights: np.ndarray,
    generator: np.random.Generator,
    *,
    held: Sequence[Column] = (),
    target: Column | None = None,
    units: np.ndarray | None = None,
    n_random: int = 100,
    shrinkage: Shrinkage = "auto",
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
    shrinkage : float or "auto"
        Shrinkage of the covariance; "auto" is that of Ledoit and Wolf.

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
    spread = _whitening(T, weights, shrinkage)
    folds = _fit_folds(T, column, held, tests, weights)
    frames = [concept_frame(part.cross, spread) for part in folds]
    ranks = [frame.shape[1] for frame in frames]
    frames = send_together(frames, T)
    trial = Trial(T, head, weights, spread, folds, target)
    shares = known_shares(column, weights, held)
    noise = Noise(T, shares, folds, ranks, spread, units)
    numbers = NUMBERS_PER_BATCH_OF_TENSORS if is_tensor(T) else NUMBERS_PER_BATCH
    size = max(1, numbers // (len(T) * max(1, *ranks)))
    errors = []
    for start in range(0, n_random, size):
        drawn = noise.frames(generator, min(size, n_random - start))
        if not start:
            drawn = _with_observed(frames, drawn)
        errors.append(trial.errors(drawn))
    return ErasureCheck(max(ranks), n_random, _compare(errors))


def _with_observed(frames: list, drawn: list) -> list:
    """Frames of every fold: nothing, that of the column, and those of noise."""
    xp = array_namespace(drawn[0])
    return [
        xp.concatenate([xp.zeros_like(frame)[None], frame[None], others])
        for frame, others in zip(frames, drawn, strict=True)
    ]


class Fold(NamedTuple):
    """Rows of a test fold; what is held fixed on the rows outside of it.

    Of those the mean (k,) and the covariances with what is held fixed (k, h) and with
    the column (k, c).
    """

    rows: np.ndarray
    held: Held
    mean: np.ndarray
    fixed: np.ndarray
    cross: np.ndarray


@dataclass(frozen=True)
class Noise:
    """Columns of noise that are erased as the column is, with its rank in each fold.

    `shares` (n,) are those of the rows in the total weight, 0 where the column is not
    known; `units` are groups of rows in which the noise is constant.
    """

    T: Any
    shares: np.ndarray
    folds: list[Fold]
    ranks: list[int]
    spread: np.ndarray
    units: np.ndarray | None

    def frames(self, generator: np.random.Generator, n_draws: int) -> list:
        """Frames of columns of noise, (n_draws, k, rank) for every fold."""
        xp = array_namespace(self.T)
        n = len(self.T) if self.units is None else int(self.units.max()) + 1
        size = (n_draws * max(self.ranks), n)
        noise = generator.standard_normal(size, dtype=np.float32)
        if self.units is not None:
            noise = noise[:, self.units]
        noise = to_same_device(noise, self.T)
        weighted = noise * to_same_device(self.shares, self.T, precision_of(self.T))
        parts = [
            cast(weighted[:, rows] @ self.T[rows], "float64")
            for rows in send_together([fold.rows for fold in self.folds], self.T)
        ]
        spread, noise = to_same_device(self.spread, self.T), self._in_double(noise)
        total, frames = sum(parts), []
        factors = send_bases([fold.held.factors for fold in self.folds], self.T)
        fixed = send_together([fold.fixed for fold in self.folds], self.T)
        for number, (part, rank) in enumerate(zip(parts, self.ranks, strict=True)):
            training = 1.0 - self.shares[self.folds[number].rows].sum()
            held = (fixed[number] @ factors[number].products(noise.T)).T
            whitened = (total - part - float(training) * held) / spread
            drawn = whitened.reshape(n_draws, max(self.ranks), len(self.spread))
            frames.append(xp.linalg.qr(xp.moveaxis(drawn[:, :rank], 1, 2))[0])
        return frames

    @staticmethod
    def _in_double(noise: Any) -> Any:
        """Noise for products in double, which numpy brings it to piece by piece."""
        return cast(noise, "float64") if is_tensor(noise) else noise


@dataclass(frozen=True)
class Trial:
    """A head and its rows, ready to have subspaces erased.

    Coordinates are divided by `spread` to whiten them.
    """

    T: Any
    head: Head
    weights: np.ndarray
    spread: np.ndarray
    folds: list[Fold]
    target: Column | None

    def errors(self, frames: list) -> dict[str, np.ndarray]:
        """Errors of the head after erasures, by name of the loss: (draws,).

        There is one array of frames (draws, k, rank) per fold.
        """
        xp, n_draws = array_namespace(self.T), len(frames[0])
        sums: dict[str, Any] = {}
        pieces: Any = self._pieces(frames)
        numbers = n_draws * self.head.n_rows * len(self.T)
        if is_tensor(self.T) and numbers <= NUMBERS_PER_BLOCK_OF_TENSORS:
            draws, rows, moved = zip(*pieces, strict=True)
            pieces = [(draws[0], xp.concatenate(rows), xp.concatenate(moved, axis=2))]
        for draws, rows, moved in pieces:
            for name, own_sums in self._add_up(moved, rows).items():
                if name not in sums:
                    sums[name] = xp.zeros(n_draws, dtype=xp.float64, **device_of(moved))
                sums[name][draws] += own_sums
        found = to_numpy(xp.stack(list(sums.values())))
        return self._errors(dict(zip(sums, found, strict=True)))

    def _pieces(self, frames: list) -> Iterator[tuple[slice, Any, Any]]:
        """Draws, rows, and how outputs move there (draws, C, n)."""
        members = send_together([fold.rows for fold in self.folds], self.T)
        means = send_together([fold.mean for fold in self.folds], self.T)
        for rows, mean, own in zip(members, means, frames, strict=True):
            read, pushes = self._moves(self.T[rows], mean, own)
            for draws, part in self._blocks(len(own), len(rows)):
                yield draws, rows[part], pushes[draws] @ read[draws, :, part]

    def _there(self, values: np.ndarray) -> Any:
        """Values where the rows are."""
        return to_same_device(values, self.T)

    def _blocks(self, n_draws: int, n: int) -> Iterator[tuple[slice, slice]]:
        """Draws and rows whose outputs stay in the cache of a core."""
        numbers, n_rows = NUMBERS_PER_BLOCK, n
        if is_tensor(self.T):
            numbers = NUMBERS_PER_BLOCK_OF_TENSORS
        size = max(numbers // self.head.n_rows, 1)
        n_rows = min(n, max(FEWEST_ROWS_PER_BLOCK, size // n_draws))
        step = max(size // n_rows, 1)
        for draw in range(0, n_draws, step):
            for row in range(0, n, n_rows):
                yield slice(draw, draw + step), slice(row, row + n_rows)

    def _moves(self, T: Any, mean: Any, frames: Any) -> tuple[Any, Any]:
        """How erasures move the outputs of some rows, by two factors.

        What they read off the rows (draws, r, n), and how outputs move with it
        (draws, C, r).
        """
        xp, spread = array_namespace(T), self._spread
        readers = xp.moveaxis(frames / spread, 1, 2)
        pushes = -self._coef @ (frames * spread)
        if frames.shape[2] > self.head.n_rows:
            # Fewer products with the rows: one per output instead of one per direction.
            readers = pushes @ readers
            eye = self._there(np.eye(self.head.n_rows))
            pushes = xp.broadcast_to(eye, (len(frames), *eye.shape))
        precision = precision_of(T)
        centred = T - cast(mean, precision)
        readers = cast(readers, precision)
        read = readers.reshape(-1, len(spread)) @ centred.T
        read = read.reshape(*readers.shape[:2], len(T))
        return cast(read, "float64") if is_tensor(read) else read, pushes

    def _add_up(self, moved: Any, rows: Any) -> dict[str, Any]:
        """Sums over some rows, of what the errors need: (draws,).

        The moves of their outputs (draws, C, n) are overwritten.
        """
        xp = array_namespace(moved)
        squares = xp.sum(moved * moved, axis=1) @ self._weights[rows]
        sums = {"output_change": squares}
        if self.target is None:
            return sums
        moved += self.outputs[:, rows]
        labels, shares = self._labels[rows], self._shares[rows]
        if not self.target.n_levels:
            return sums | {"r2_drop": (labels - moved[:, 0]) ** 2 @ shares}
        scores = moved
        if scores.shape[1] == 1:
            # A single score is that of the second of two classes.
            scores = xp.concatenate([xp.zeros_like(scores), scores], axis=1)
        at = self._there(np.arange(len(rows)))
        own, largest = scores[:, labels, at], xp.max(scores, axis=1)
        hits = scores == largest[:, None]
        right = hits[:, labels, at]
        if is_tensor(hits) or np.count_nonzero(hits) > largest.size:
            # Among equals the first class is predicted.
            right &= xp.argmax(1 * hits, axis=1) == labels
        sums["balanced_accuracy_drop"] = cast(~right, "float64") @ self._balanced[rows]
        if self.head.kind == "logistic":
            scores -= largest[:, None]
            xp.exp(scores, out=scores)
            losses = xp.log(xp.sum(scores, axis=1)) + largest - own
            sums["log_loss_rise"] = losses @ shares
        return sums

    def _errors(self, sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Errors from the sums over all rows."""
        squares, variance = sums["output_change"], self._variance
        change = np.sqrt(squares / variance) if variance else np.zeros_like(squares)
        return sums | {"output_change": change}

    @cached_property
    def outputs(self) -> Any:
        """Outputs (C, n), of class scores up to a number that all share."""
        T = cast(self.T, "float64") if is_tensor(self.T) else self.T
        return self._coef @ T.T + self._there(self.head.intercept[:, None])

    @cached_property
    def _variance(self) -> float:
        """Variance of the outputs, summed over them, times the weights."""
        shares = self._there(self.weights / self.weights.sum())
        centred = self.outputs - (self.outputs @ shares)[:, None]
        return float((centred**2 @ self._weights).sum())

    @cached_property
    def _coef(self) -> Any:
        return self._there(self.head.centred_coef)

    @cached_property
    def _spread(self) -> Any:
        return self._there(self.spread[:, None])

    @cached_property
    def _weights(self) -> Any:
        return self._there(self.weights)

    @cached_property
    def _labels(self) -> Any:
        """Labels of the target by row; any where it is missing."""
        assert self.target is not None
        labels = np.zeros(len(self.T), self.target.labels.dtype)
        labels[self.target.rows] = self.target.labels
        return self._there(labels)

    @cached_property
    def _shares(self) -> Any:
        """Weights by which squares or log-losses of the rows add up to the error."""
        assert self.target is not None
        rows, labels = self.target.rows, self.target.labels
        shares = np.zeros(len(self.T))
        shares[rows] = self.weights[rows] / self.weights[rows].sum()
        if not self.target.n_levels:
            centred = labels - shares[rows] @ labels
            shares /= shares[rows] @ centred**2
        return self._there(shares)

    @cached_property
    def _balanced(self) -> Any:
        """Weights by which wrong rows add up to the error, all classes alike."""
        assert self.target is not None
        rows, labels = self.target.rows, self.target.labels
        mass = np.bincount(labels, self.weights[rows])
        balanced = np.zeros(len(self.T))
        balanced[rows] = self.weights[rows] / (mass[labels] * np.count_nonzero(mass))
        return self._there(balanced)


def _whitening(T: Any, weights: np.ndarray, shrinkage: Shrinkage) -> np.ndarray:
    """Spread of the coordinates on all rows; that takes neither column nor target."""
    mean, sums = np.zeros(T.shape[1]), 0.0
    for rows, block in as_embeddings(T).blocks():
        sums = sums + to_same_device(weights[rows], block) @ (block * block)
    variance = to_numpy(sums) / weights.sum()
    shrinkage = choose_shrinkage(shrinkage, T, weights, mean, variance)
    return whitening_spread(variance, shrinkage, len(variance))


def _fit_folds(
    T: Any,
    column: Column,
    held: Sequence[Column],
    tests: list[np.ndarray],
    weights: np.ndarray,
) -> list[Fold]:
    """Moments of the training rows of each fold, in one pass over the rows."""
    helds, factors = [], []
    for rows in tests:
        training = weights.copy()
        training[rows] = 0.0
        helds.append(Held.of(column, training, held))
        mean = (training / training.sum())[:, None]
        beside = np.hstack([mean, helds[-1].concept(column)])
        factors.append(helds[-1].factors.add(beside))
    bases, sums = send_bases(factors, T), 0.0
    for rows, block in as_embeddings(T).blocks():
        parts = [basis.take(rows).products(block) for basis in bases]
        sums = sums + array_namespace(block).concatenate(parts)
    ends = np.cumsum([basis.n_vectors for basis in factors])
    found = []
    for rows, own, moments in zip(
        tests, helds, np.split(to_numpy(sums), ends[:-1]), strict=True
    ):
        n_fixed = own.basis.n_vectors
        fixed, mean, cross = np.split(moments.T, [n_fixed, n_fixed + 1], axis=1)
        found.append(Fold(rows, own, mean[:, 0], fixed, cross))
    return found


def _compare(batches: list[dict[str, np.ndarray]]) -> dict[str, Loss]:
    """Losses of the column, compared with those of the columns of noise.

    The errors are those without erasure, after that of the column, and the others.
    """
    losses = {}
    for name in batches[0]:
        base, observed, *null = np.concatenate([batch[name] for batch in batches])
        # Errors are compared, not their differences: equal ones differ by rounding.
        others = np.array(null)
        pvalue = permutation_pvalues(np.array([observed]), others[:, None])
        random = float((others - base).mean())
        losses[name] = Loss(float(observed - base), random, float(pvalue[0]))
    return losses
