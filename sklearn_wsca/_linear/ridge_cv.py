"""Held-out skill of ridge probes refitted without each fold, in closed form.

It needs only sums over the rows of each fold: of the rows, of their products, and of
row times response. The first two are the same for all permutations of the labels, so a
permutation costs one product with the rows, however many folds there are, and every
probe is still refitted without the rows that it is tested on.
"""

from __future__ import annotations

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
    contrasts : ndarray of shape (r, r') or None
        Class indicators -> orthonormal contrasts of classes; None for a
        continuous column.
    spread : ndarray of shape (k,)
        Root of the penalised Gram diagonal.
    masses : ndarray of shape (n_folds,)
        Weight of each fold.
    sums : array of shape (n_folds, k)
        Weighted sums of the rows.
    gram : array of shape (k,) or (k, k)
        Weighted products of all rows, or their diagonal where there is nothing else.
    penalty : array of shape (k,)
        Penalty in the unit of the coordinates.
    inverses : list of array (k, k)
        Inverse penalised Gram matrix of the rows outside of each fold.
    """

    design: Design
    slots: np.ndarray
    bounds: np.ndarray
    contrasts: np.ndarray | None
    spread: np.ndarray
    masses: np.ndarray
    sums: Any
    gram: Any
    penalty: Any
    inverses: list

    @classmethod
    def prepare(
        cls, design: Design, fold: np.ndarray, n_levels: int, alpha: float
    ) -> RidgeFolds:
        """Sum over the rows of each fold (n,); a continuous column has 0 levels."""
        slots = np.argsort(fold, kind="stable")
        bounds = np.append(0, np.cumsum(np.bincount(fold)))
        members = np.split(slots, bounds[1:-1])
        masses = np.array([design.weights[rows].sum() for rows in members])
        found = [weighted_moments(design, rows) for rows in members]
        sums = np.array([total for total, _ in found])
        grams = np.array([gram for _, gram in found])
        spread = np.sqrt(np.einsum("fkk->k", grams) + alpha)
        sums, grams = sums / spread, grams / np.outer(spread, spread)
        penalty, gram = alpha / spread**2, grams.sum(axis=0)
        inverses = [
            _inverse_without(f, masses, sums, grams, penalty)
            for f in range(len(masses))
        ]
        contrasts = None
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
            design.array(penalty),
            [design.array(inverse) for inverse in inverses],
        )

    def skills(self, labels: np.ndarray) -> np.ndarray:
        """Held-out R2 of each problem: (p,).

        For levels this is the Brier skill: one minus the sum of squared errors of all
        class indicators over that of the class frequencies. Labels (p, n) are those of
        the slots.
        """
        moments = [
            self._response_moments(slice(start, stop), labels)
            for start, stop in pairwise(self.bounds)
        ]
        all_products = sum(products for products, _, _ in moments)
        all_totals = sum(totals for _, totals, _ in moments)
        loss = chance = 0.0
        for f, (products, totals, squares) in enumerate(moments):
            fold_loss, fold_chance = self._fold_losses(
                f, products, totals, squares, all_products, all_totals
            )
            loss, chance = loss + fold_loss, chance + fold_chance
        return to_numpy(1.0 - loss / chance).astype(np.float64)

    def _fold_losses(self, f, products, totals, squares, all_products, all_totals):
        """Squared error of the probe and of the constant in one fold: (p,) each."""
        xp = array_namespace(products)
        mass, row_sum = float(self.masses[f]), self.sums[f]
        rest = float(self.masses.sum()) - mass
        train_sum = xp.sum(self.sums, axis=0) - row_sum
        constant = (all_totals - totals) / rest
        right_side = all_products - products - constant[..., None] * train_sum
        coef = right_side @ self.inverses[f]
        intercept = constant - coef @ (train_sum / rest)
        cross = intercept * totals + xp.sum(coef * products, axis=2)
        own = intercept * (mass * intercept + 2.0 * (coef @ row_sum))
        own = own + self._squared_slopes(coef, right_side, train_sum, rest)
        loss = squares - xp.sum(2.0 * cross - own, axis=0)
        chance = squares - xp.sum(constant * (2.0 * totals - mass * constant), axis=0)
        return loss, chance

    def _squared_slopes(self, coef, right_side, train_sum, rest):
        """Sum over the fold of squared products of row and coefficients: (r, p).

        That of all rows less that of the training rows, which the equations that the
        coefficients solve give without a product: what is left of their right side
        after the penalty, and after the mean that they are centred by.
        """
        xp = array_namespace(coef)
        image = coef * self.gram if self.gram.ndim == 1 else coef @ self.gram
        image = image + coef * self.penalty - right_side
        return xp.sum(image * coef, axis=2) - (coef @ train_sum) ** 2 / rest

    def _response_moments(self, fold: slice, labels: np.ndarray):
        """Sums over a fold: response x row (r, p, k), response (r, p), squares (p,)."""
        design, p = self.design, len(labels)
        n_outputs = 1 if self.contrasts is None else len(self.contrasts)
        xp = array_namespace(design.coordinates)
        products = design.array(np.zeros((n_outputs * p, design.shape[1])))
        totals = design.array(np.zeros((n_outputs, p)))
        squares = design.array(np.zeros(p))
        start = fold.start
        for rows, block in design.blocks(n_outputs * p, self.slots[fold]):
            weights = design.array(design.weights[rows])
            own = to_same_device(labels[:, start : start + len(rows)], block)
            start += len(rows)
            weighted = self._weighted_responses(own, weights, block)
            products += weighted.reshape(n_outputs * p, -1) @ block
            totals += xp.sum(weighted, axis=2)
            if self.contrasts is None:
                squares += xp.sum(weighted[0] * cast(own, design.precision), axis=1)
        products = products.reshape(n_outputs, p, -1)
        products = products - totals[..., None] * design.array(design.mean)
        products = products / design.array(self.spread)
        if self.contrasts is None:
            return products, totals, squares
        turn = design.array(self.contrasts)
        # A row is in one class, so its squared length is that of one row of contrasts.
        squares = xp.sum(turn * turn, axis=1) @ totals
        products = xp.tensordot(turn.T, products, axes=1)
        return products, turn.T @ totals, squares

    def _weighted_responses(self, labels: Any, weights: Any, block: Any) -> Any:
        """Weights x indicators of classes 1, 2, ..., or x values: (r, p, b)."""
        xp = array_namespace(block)
        if self.contrasts is None:
            return (cast(labels, self.design.precision) * weights)[None]
        shape = len(self.contrasts), *labels.shape
        responses = xp.empty(shape, dtype=block.dtype, **device_of(block))
        for c in range(len(self.contrasts)):
            responses[c] = (labels == c + 1) * weights
        return responses


def _inverse_without(f, masses, sums, grams, penalty):
    """Inverse penalised Gram matrix of the rows outside fold f, centred there."""
    total = sums.sum(axis=0) - sums[f]
    rest = masses.sum() - masses[f]
    gram = grams.sum(axis=0) - grams[f] - np.outer(total, total) / rest
    gram += np.diag(penalty)
    factor = linalg.cho_factor(gram, lower=True, check_finite=False)
    return linalg.cho_solve(factor, np.eye(len(gram)), check_finite=False)
