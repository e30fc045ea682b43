"""Held-out skill of ridge probes refitted without each fold, in closed form.

It needs only sums over the rows of each fold: of the rows, of their products, and of
row times response. The first two are the same for all permutations of the labels, so a
permutation costs one product with the rows, however many folds there are, and every
probe is still refitted without the rows that it is tested on. Further penalties cost
one small product per fold each, so that all problems can be tuned alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    is_tensor,
    multiply_each,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.folds_at_once import (
    NUMBERS_AT_ONCE,
    FoldRows,
    rows_of_folds,
    sums_of_rows,
)
from sklearn_wsca._linear.ridge_refits import (
    Penalty,
    Refits,
    penalties_at_once,
    refit_without_folds,
)


class Moments(NamedTuple):
    """Sums over the rows of every fold.

    Response x row (n_folds, r, p, k), response (n_folds, r, p), and squares of
    responses (n_folds, p).
    """

    products: Any
    totals: Any
    squares: Any


@dataclass(frozen=True)
class RidgeFolds:
    """Sums over the folds of one column that all of its permutations share.

    Coordinates are centred and divided by `spread`, which makes the Gram matrix close
    to the identity, so that single precision suffices where the design asks for it.
    All but the slots is where the rows are.

    Parameters
    ----------
    design : Design
        The rows.
    slots : ndarray of shape (n,), dtype int
        Rows of the design by fold.
    rows : list of FoldRows
        Those of every fold in turn; on accelerators of all folds at once.
    contrasts : array of shape (r, r'), dtype float64
        Class indicators -> orthonormal contrasts of classes; empty for a
        continuous column.
    mean : array of shape (k,)
        That of the rows.
    spread : array of shape (k,)
        Root of the Gram diagonal under the weakest penalty.
    masses, left : array of shape (n_folds, 1, 1)
        Weight of each fold, and of the rows outside.
    train_sums : array of shape (n_folds, 1, 1, k)
        Weighted sums of the rows outside of each fold.
    readers : array of shape (n_folds, 1, k, 2)
        Means of these, and weighted sums of the rows of each fold.
    gram : array of shape (k,) or (k, k)
        Weighted products of all rows, or their diagonal where there is nothing else.
    refits : list of Refits
        The probes of all penalties.
    """

    design: Design
    slots: np.ndarray
    rows: list[FoldRows]
    mean: Any
    contrasts: Any
    spread: Any
    masses: Any
    left: Any
    train_sums: Any
    readers: Any
    gram: Any
    refits: list[Refits]

    @classmethod
    def prepare(
        cls,
        design: Design,
        fold: np.ndarray,
        n_levels: int,
        penalties: Sequence[Penalty],
    ) -> RidgeFolds:
        """Sum over the rows of each fold (n,); a continuous column has 0 levels."""
        # Given folds may hold no row on which this column is known.
        fold = np.unique(fold, return_inverse=True)[1]
        slots = np.argsort(fold, kind="stable")
        rows = rows_of_folds(design, slots, np.bincount(fold))
        sums, grams = sums_of_rows(design, rows)
        xp = array_namespace(sums)
        masses = to_same_device(np.bincount(fold, design.weights), sums)
        left = xp.sum(masses) - masses
        gram, k = xp.sum(grams, axis=0), design.shape[1]
        at = xp.arange(k, **device_of(gram))
        spread = xp.sqrt(gram[at, at] + min(penalty.alpha for penalty in penalties))
        unit = spread[:, None] * spread
        sums, grams, gram = sums / spread, grams / unit, gram / unit
        contrasts = np.empty((0, 0))
        if n_levels:
            helmert = linalg.helmert(n_levels).T
            contrasts = helmert[1:] - helmert[:1]
        training, rest = gram - grams, xp.sum(sums, axis=0) - sums
        means = rest / left[:, None]
        training -= rest[:, :, None] * means[:, None, :]
        readers = xp.stack([means, sums], axis=2)
        return cls(
            design,
            slots,
            rows,
            design.array(design.mean),
            to_same_device(contrasts, sums),
            design.array(spread),
            design.array(masses)[:, None, None],
            design.array(left)[:, None, None],
            design.array(rest)[:, None, None],
            design.array(readers)[:, None],
            design.array(gram[at, at] if design.rotation is None else gram),
            [
                refit_without_folds(design, training, spread, own)
                for own in penalties_at_once(penalties, sums)
            ],
        )

    def moments(self, labels: Any) -> Moments:
        """Sums of labels (p, n) of the slots; levels count as class indicators."""
        labels = to_same_device(labels, self.readers)
        if not len(self.contrasts):
            return self.moments_of_responses(labels[None])
        return self._moments_of_levels(labels)

    def skills(self, *parts: Moments) -> np.ndarray:
        """Held-out skill of each problem, under the penalty that is best for it: (p,).

        It is the R2 that predictions of held-out rows have once they are multiplied by
        the number that suits them best, negative where that number is: their squared
        correlation with the labels, both less the mean of the training rows. Without
        that number, probes that overfit could only be told from each other by how far
        their predictions overshoot. Of class indicators all errors are added (Brier).
        """
        xp, moments = array_namespace(self.readers), parts[0]
        if len(parts) > 1:
            products, totals, squares = zip(*parts, strict=True)
            moments = Moments(
                xp.concatenate(products, axis=2),
                xp.concatenate(totals, axis=2),
                xp.concatenate(squares, axis=1),
            )
        found = [
            xp.max(self._skills_under(own, moments), axis=0) for own in self.refits
        ]
        best = found[0] if len(found) == 1 else xp.max(xp.stack(found), axis=0)
        return to_numpy(best)

    def responses(self, labels: Any) -> Any:
        """Labels (p, n) as the responses (r, p, n) that stand for them, in double."""
        labels = to_same_device(labels, self.readers)
        if not len(self.contrasts):
            return labels[None]
        # The first level has no indicator.
        xp, contrasts = array_namespace(self.readers), self.contrasts
        rows = xp.concatenate([xp.zeros_like(contrasts[:1]), contrasts])
        # Torch takes no smaller integers as indices.
        labels = labels.long() if is_tensor(labels) else labels
        return xp.moveaxis(rows[labels], 2, 0)

    def _skills_under(self, refits: Refits, moments: Moments) -> Any:
        """Skills under each of a few penalties: (n_penalties, p)."""
        xp = array_namespace(self.readers)
        products, totals, squares = moments
        products = products[..., : refits.size]
        constants = (xp.sum(totals, axis=0) - totals) / self.left
        together = xp.sum(products, axis=0)
        joint: Any = 0.0
        own: Any = 0.0
        for folds in self._lots(refits, products):
            found = self._fold_sums(
                refits,
                folds,
                products[folds],
                together,
                totals[folds],
                constants[folds],
            )
            joint, own = joint + found[0], own + found[1]
        # Squared error of the constants.
        errors = xp.sum(constants * (2.0 * totals - self.masses * constants), axis=1)
        return _signed_share(joint, own, xp.sum(squares - errors, axis=0))

    def _lots(self, refits: Refits, products: Any) -> Iterator[slice]:
        """Folds whose sums are made at once; on accelerators as many as fit."""
        n_folds, size = len(products), 1
        if is_tensor(products):
            numbers = len(refits.penalties) * math.prod(products.shape[1:])
            size = max(1, NUMBERS_AT_ONCE // numbers)
        for start in range(0, n_folds, size):
            yield slice(start, start + size)

    def _fold_sums(self, refits, folds, products, together, totals, constants):
        """Sums over folds of prediction x response, and of prediction squared.

        Both are taken less the constant of the training rows: (n_penalties, p).
        """
        xp, size = array_namespace(products), refits.size
        masses, train_sums = self.masses[folds], self.train_sums[folds, ..., :size]
        # Axes: penalties, folds, outputs, problems, coordinates.
        right_side = together - products - constants[..., None] * train_sums
        coef = right_side @ refits.inverses[:, folds]
        both = coef @ self.readers[folds, :, :size]
        centre, of_sum = both[..., 0], both[..., 1]
        joint = xp.sum(coef * products, axis=4) - constants * of_sum
        joint = joint - centre * (totals - masses * constants)
        own = self._squared_slopes(refits, coef, right_side)
        # The second term is the square of the mean of the training rows.
        own = own - centre * (2.0 * of_sum + (self.left[folds] - masses) * centre)
        return xp.sum(joint, axis=(1, 2)), xp.sum(own, axis=(1, 2))

    def _squared_slopes(self, refits, coef, right_side):
        """Sum over folds of squared products of row and coefficients.

        That of all rows less that of the training rows about their mean, which the
        equations that the coefficients solve give without a product: what is left of
        their right side after the penalty.
        """
        size = refits.size
        if self.gram.ndim == 1:
            image = coef * self.gram[:size]
        else:
            image = coef @ self.gram[:size, :size]
        image = image + coef * refits.penalties - right_side
        return array_namespace(coef).sum(image * coef, axis=4)

    def moments_of_responses(self, responses: Any) -> Moments:
        """Sums of responses (r, p, n) of any values."""
        responses = to_same_device(responses, self.readers)
        xp, (r, p, _) = array_namespace(self.readers), responses.shape

        def weigh(slots: Any, weights: Any) -> tuple[Any, ...]:
            own = cast(responses[..., slots], self.design.precision)
            own = own.reshape(r, p, *weights.shape)
            weighted = own * weights
            return weighted, xp.sum(weighted * own, axis=(0, 3)).T

        products, totals, squares = self._add_up(r, p, weigh)
        return Moments(self._in_unit(products, totals), totals, squares)

    def _moments_of_levels(self, labels: Any) -> Moments:
        """The same of the contrasts of levels, from their indicators."""
        design, xp = self.design, array_namespace(self.readers)
        r, p = len(self.contrasts), len(labels)
        where = device_of(labels)
        classes = xp.arange(1, r + 1, dtype=labels.dtype, **where)[:, None, None, None]

        def weigh(slots: Any, weights: Any) -> tuple[Any, ...]:
            return ((labels[:, slots].reshape(p, *weights.shape) == classes) * weights,)

        products, totals = self._add_up(r, p, weigh)
        products = self._in_unit(products, totals)
        turn, n_folds = design.array(self.contrasts), len(totals)
        # A row is in one class, so its squared length is that of one row of contrasts.
        squares = xp.sum(turn * turn, axis=1) @ totals
        products = multiply_each(turn.T, products.reshape(n_folds, r, -1))
        products = products.reshape(n_folds, -1, p, design.shape[1])
        return Moments(products, multiply_each(turn.T, totals), squares)

    def _add_up(
        self, r: int, p: int, weigh: Callable[[Any, Any], tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        """Sums over every fold of weighted responses x row, of these, and others.

        `weigh` gives the weighted responses (r, p, f, b) in some slots of folds with
        these weights, and what else is summed over the folds.
        """
        xp, folds = array_namespace(self.readers), []
        for own in self.rows:
            sums: list[Any] = []
            for slots, weights, block in own.blocks(self.design, r * p):
                weighted, *others = weigh(slots, weights)
                by_fold = xp.moveaxis(weighted.reshape(r * p, *weights.shape), 1, 0)
                products = multiply_each(by_fold, block)
                parts = [products, xp.sum(by_fold, axis=2), *others]
                for whole, part in zip(sums, parts, strict=False):
                    whole += part
                sums = sums or parts
            folds.append(sums)
        products, totals, *others = (
            xp.concatenate(parts) for parts in zip(*folds, strict=True)
        )
        n_folds = len(totals)
        products = products.reshape(n_folds, r, p, -1)
        return products, totals.reshape(n_folds, r, p), *others

    def _in_unit(self, products: Any, totals: Any) -> Any:
        """Products with the rows -> with their centred, scaled coordinates."""
        products -= totals[..., None] * self.mean
        products /= self.spread
        return products


def _signed_share(joint: Any, own: Any, chance: Any) -> Any:
    """Squared correlation with the sign of the correlation; 0 for no predictions."""
    xp = array_namespace(joint)
    joint, bound = cast(joint, "float64"), cast(own, "float64") * chance
    share = joint * xp.abs(joint) / xp.where(own > 0, bound, xp.ones_like(bound))
    return xp.where(own > 0, xp.clip(share, -1.0, 1.0), xp.zeros_like(share))
