"""Held-out skill of ridge probes refitted without each fold, in closed form.

It needs only sums over the rows of each fold: of the rows, of their products, and of
row times response. The first two are the same for all permutations of the labels, so a
permutation costs one product with the rows, however many folds there are, and every
probe is still refitted without the rows that it is tested on. Further penalties cost
one small product per fold each, so that all problems can be tuned alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import linalg

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._linear.design import Design, weighted_moments


@dataclass(frozen=True)
class Penalty:
    """How far the coefficients of a probe are held back.

    Parameters
    ----------
    alpha : float
        Penalty of the leading coordinates.
    size : int
        How many these are; coefficients of all others are 0.
    """

    alpha: float
    size: int


@dataclass(frozen=True)
class Refits:
    """Probes with one penalty, refitted without each fold.

    Parameters
    ----------
    size : int
        Coordinates that they use.
    penalty : array of shape (size,)
        Penalty in the unit of the coordinates.
    inverses : list of array (size, size)
        Inverse penalised Gram matrix of the rows outside of each fold.
    """

    size: int
    penalty: Any
    inverses: list


@dataclass(frozen=True)
class RidgeFolds:
    """Sums over the folds of one column that all of its permutations share.

    Coordinates are centred and divided by `spread`, which makes the Gram matrix close
    to the identity, so that single precision suffices where the design asks for it.

    Parameters
    ----------
    design : Design
        The rows.
    slots : ndarray of shape (n,), dtype int
        Rows of the design by fold.
    bounds : ndarray of shape (n_folds + 1,), dtype int
        Where the folds begin and end among the slots.
    contrasts : ndarray of shape (r, r')
        Class indicators -> orthonormal contrasts of classes; empty for a
        continuous column.
    spread : ndarray of shape (k,)
        Root of the Gram diagonal under the weakest penalty.
    masses : ndarray of shape (n_folds,)
        Weight of each fold.
    sums : array of shape (n_folds, k)
        Weighted sums of the rows.
    gram : array of shape (k,) or (k, k)
        Weighted products of all rows, or their diagonal where there is nothing else.
    refits : list of Refits
        The probes of each penalty.
    """

    design: Design
    slots: np.ndarray
    bounds: np.ndarray
    contrasts: np.ndarray
    spread: np.ndarray
    masses: np.ndarray
    sums: Any
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
        slots = np.argsort(fold, kind="stable")
        bounds = np.append(0, np.cumsum(np.bincount(fold)))
        members = np.split(slots, bounds[1:-1])
        masses = np.array([design.weights[rows].sum() for rows in members])
        found = [weighted_moments(design, rows) for rows in members]
        sums = np.array([total for total, _ in found])
        grams = np.array([gram for _, gram in found])
        weakest = min(penalty.alpha for penalty in penalties)
        spread = np.sqrt(np.einsum("fkk->k", grams) + weakest)
        sums, grams = sums / spread, grams / np.outer(spread, spread)
        gram = grams.sum(axis=0)
        training = [_gram_without(f, masses, sums, grams) for f in range(len(masses))]
        contrasts = np.empty((0, 0))
        if n_levels:
            helmert = linalg.helmert(n_levels).T
            contrasts = helmert[1:] - helmert[:1]
        return cls(
            design,
            slots,
            bounds,
            contrasts,
            spread,
            masses,
            design.array(sums),
            design.array(np.diag(gram) if design.rotation is None else gram),
            [_refit(design, training, spread, penalty) for penalty in penalties],
        )

    def skills(self, labels: np.ndarray) -> np.ndarray:
        """Held-out skill of each problem, under the penalty that is best for it: (p,).

        It is the R2 that predictions of held-out rows have once they are multiplied by
        the number that suits them best, negative where that number is: their squared
        correlation with the labels, both less the mean of the training rows. Without
        that number, probes that overfit could only be told from each other by how far
        their predictions overshoot. Levels count as class indicators, all errors being
        added (Brier). Labels (p, n) are those of the slots.
        """
        if not len(self.contrasts):
            return self.skills_of_responses(labels[None])
        return self._best_skills(
            [
                self._moments_of_levels(slice(start, stop), labels)
                for start, stop in pairwise(self.bounds)
            ]
        )

    def skills_of_responses(self, responses: np.ndarray) -> np.ndarray:
        """Skills of problems with responses (r, p, n) of any values: (p,)."""
        return self._best_skills(
            [
                self._moments(slice(start, stop), responses)
                for start, stop in pairwise(self.bounds)
            ]
        )

    def responses(self, labels: np.ndarray) -> np.ndarray:
        """Labels (p, n) as the responses (r, p, n) that stand for them."""
        if not len(self.contrasts):
            return labels[None]
        # The first level has no indicator.
        rows = np.vstack([np.zeros_like(self.contrasts[:1]), self.contrasts])
        return np.moveaxis(rows[labels], 2, 0)

    def _best_skills(self, moments: list) -> np.ndarray:
        """Skill of each problem under its best penalty, from the sums over folds."""
        found = [self._skills_under(refits, moments) for refits in self.refits]
        return np.max(found, axis=0)

    def _skills_under(self, refits: Refits, moments: list) -> np.ndarray:
        leading = [products[..., : refits.size] for products, _, _ in moments]
        all_products = sum(leading)
        all_totals = sum(totals for _, totals, _ in moments)
        joint = own = chance = 0.0
        for f, (_, totals, squares) in enumerate(moments):
            rest = float(self.masses.sum() - self.masses[f])
            constant = (all_totals - totals) / rest
            found = self._fold_sums(
                refits, f, leading[f], totals, constant, all_products - leading[f]
            )
            joint, own = joint + found[0], own + found[1]
            chance = chance + self._fold_chance(f, totals, squares, constant)
        return _signed_share(*map(to_numpy, (joint, own, chance)))

    def _fold_chance(self, f, totals, squares, constant):
        """Squared error of the constant in one fold: (p,)."""
        mass, xp = float(self.masses[f]), array_namespace(totals)
        return squares - xp.sum(constant * (2.0 * totals - mass * constant), axis=0)

    def _fold_sums(self, refits, f, products, totals, constant, train_products):
        """Sums over a fold of prediction x response, and of prediction squared: (p,).

        Both are taken less the constant of the training rows.
        """
        xp, size = array_namespace(products), refits.size
        mass, row_sum = float(self.masses[f]), self.sums[f, :size]
        rest = float(self.masses.sum()) - mass
        train_sum = xp.sum(self.sums[:, :size], axis=0) - row_sum
        right_side = train_products - constant[..., None] * train_sum
        coef = right_side @ refits.inverses[f]
        centre, of_sum = coef @ (train_sum / rest), coef @ row_sum
        joint = xp.sum(coef * products, axis=2) - constant * of_sum
        joint = joint - centre * (totals - mass * constant)
        own = self._squared_slopes(refits, coef, right_side, train_sum, rest)
        own = own - centre * (2.0 * of_sum - mass * centre)
        return xp.sum(joint, axis=0), xp.sum(own, axis=0)

    def _squared_slopes(self, refits, coef, right_side, train_sum, rest):
        """Sum over the fold of squared products of row and coefficients: (r, p).

        That of all rows less that of the training rows, which the equations that the
        coefficients solve give without a product: what is left of their right side
        after the penalty, and after the mean that they are centred by.
        """
        xp, size = array_namespace(coef), refits.size
        if self.gram.ndim == 1:
            image = coef * self.gram[:size]
        else:
            image = coef @ self.gram[:size, :size]
        image = image + coef * refits.penalty - right_side
        return xp.sum(image * coef, axis=2) - (coef @ train_sum) ** 2 / rest

    def _moments(self, fold: slice, responses: np.ndarray):
        """Sums over a fold: response x row (r, p, k), response (r, p), squares (p,)."""
        design, (r, p, _) = self.design, responses.shape
        xp = array_namespace(design.coordinates)
        products = design.array(np.zeros((r * p, design.shape[1])))
        totals, squares = design.array(np.zeros((r, p))), design.array(np.zeros(p))
        start = fold.start
        for rows, block in design.blocks(r * p, self.slots[fold]):
            own = responses[..., start : start + len(rows)]
            own = cast(to_same_device(own, block), design.precision)
            start += len(rows)
            weighted = own * design.array(design.weights[rows])
            products += weighted.reshape(r * p, -1) @ block
            totals += xp.sum(weighted, axis=2)
            squares += xp.sum(xp.sum(weighted * own, axis=2), axis=0)
        return self._in_unit(products.reshape(r, p, -1), totals), totals, squares

    def _moments_of_levels(self, fold: slice, labels: np.ndarray):
        """The same of the contrasts of levels, from their indicators."""
        design, p, n_outputs = self.design, len(labels), len(self.contrasts)
        xp = array_namespace(design.coordinates)
        products = design.array(np.zeros((n_outputs * p, design.shape[1])))
        totals = design.array(np.zeros((n_outputs, p)))
        start = fold.start
        for rows, block in design.blocks(n_outputs * p, self.slots[fold]):
            weights = design.array(design.weights[rows])
            own = to_same_device(labels[:, start : start + len(rows)], block)
            start += len(rows)
            weighted = self._weighted_indicators(own, weights, block)
            products += weighted.reshape(n_outputs * p, -1) @ block
            totals += xp.sum(weighted, axis=2)
        products = self._in_unit(products.reshape(n_outputs, p, -1), totals)
        turn = design.array(self.contrasts)
        # A row is in one class, so its squared length is that of one row of contrasts.
        squares = xp.sum(turn * turn, axis=1) @ totals
        products = xp.tensordot(turn.T, products, axes=1)
        return products, turn.T @ totals, squares

    def _in_unit(self, products: Any, totals: Any) -> Any:
        """Products with the rows -> with their centred, scaled coordinates."""
        products = products - totals[..., None] * self.design.array(self.design.mean)
        return products / self.design.array(self.spread)

    def _weighted_indicators(self, labels: Any, weights: Any, block: Any) -> Any:
        """Weights x indicators of classes 1, 2, ...: (r, p, b)."""
        xp = array_namespace(block)
        shape = len(self.contrasts), *labels.shape
        responses = xp.empty(shape, dtype=block.dtype, **device_of(block))
        for c in range(len(self.contrasts)):
            responses[c] = (labels == c + 1) * weights
        return responses


def _signed_share(joint, own, chance):
    """Squared correlation with the sign of the correlation; 0 for no predictions."""
    joint, bound = joint.astype(np.float64), own.astype(np.float64) * chance
    share = np.divide(joint * np.abs(joint), bound, np.zeros_like(bound), where=own > 0)
    return np.clip(share, -1.0, 1.0)


def _gram_without(f, masses, sums, grams):
    """Gram matrix of the rows outside fold f, centred there."""
    total = sums.sum(axis=0) - sums[f]
    rest = masses.sum() - masses[f]
    return grams.sum(axis=0) - grams[f] - np.outer(total, total) / rest


def _refit(design, grams, spread, penalty):
    """Probes of one penalty from the Gram matrix of each training part."""
    own = penalty.alpha / spread[: penalty.size] ** 2
    inverses = []
    for gram in grams:
        gram = gram[: penalty.size, : penalty.size] + np.diag(own)
        factor = linalg.cho_factor(gram, lower=True, check_finite=False)
        inverse = linalg.cho_solve(factor, np.eye(len(gram)), check_finite=False)
        inverses.append(design.array(inverse))
    return Refits(penalty.size, design.array(own), inverses)
