"""Whether a head predicts its target better with its classes in another order.

The best of all orders always looks better than the given one, the more so the more
classes there are. It is therefore found on one half of the units and judged on the
other, where no search has taken place. Classes are told apart by ranks of their scores,
not by the predicted class, which a prior or a lost intercept moves from a rare class to
a frequent one.

A weak head, or one at random, can truly be better in another order: what it reads may
go with another class than it was meant for. It then reads the classes far worse than
its own outputs would allow, while a good head with its names exchanged does not. That
is measured by linear discriminants of the outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special
from scipy.optimize import linear_sum_assignment

from sklearn_wsca._backend.namespace import sum_by_code
from sklearn_wsca._heads.performance import (
    ALL_PERMUTATIONS,
    FIRST_PERMUTATIONS,
    WORTH_MORE,
    Predictions,
    draw_orders,
    extreme_pvalue,
)
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.exchangeability import Exchangeability, exchange_units

# Where rounding or a handful of rows would decide, the given order wins.
TIE = 0.02
# AUROC of the classes in their new places, what they gain by it, and the share that
# they must reach of what linear discriminants of the outputs gain over chance.
LEAST_AREA, LEAST_GAIN, LEAST_SHARE = 0.7, 0.1, 0.85
# Both halves must show it, one of them beyond doubt.
OTHER_HALF = 0.05


@dataclass(frozen=True)
class _Exchanged:
    """Classes that exchange their columns, on the rows judged.

    Parameters
    ----------
    exchange : Exchangeability
        How labels are permuted among their rows.
    predictions : Predictions
        Of these rows.
    gain : ndarray of shape (n, C)
        What each row adds to the AUROC of a class in its new place.
    convincing : bool
        Whether the new places are good ones, and not only better.
    """

    exchange: Exchangeability
    predictions: Predictions
    gain: np.ndarray
    convincing: bool

    def permuted_gain(self, orders: np.ndarray) -> np.ndarray:
        """Mean gain where labels are permuted by orders of all rows: (p,)."""
        return self.mean_gain(self.predictions.labels[self.exchange.sources(orders)])

    def mean_gain(self, labels: np.ndarray) -> np.ndarray:
        """Gain, mean over the classes, for several labels (p, n): (p,)."""
        weights, n_classes = self.predictions.weights, self.gain.shape[1]
        own = self.gain[np.arange(len(weights)), labels]
        mass, sums = (
            sum_by_code(labels, values, n_classes)
            for values in (weights, weights * own)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.mean(sums / mass, axis=1, where=mass > 0)


def best_order(predictions: Predictions) -> np.ndarray:
    """Column of the scores that fits each class of the head best: (C,).

    Classes that do not occur take the columns that are left, their own if they can.
    """
    n_classes, present = predictions.scores.shape[1], predictions.present
    if len(present) < 2:
        return np.arange(n_classes)
    areas = predictions.areas()
    areas[np.arange(len(present)), present] += TIE
    order = np.full(n_classes, -1)
    order[present] = linear_sum_assignment(areas, maximize=True)[1]
    left = np.setdiff1d(np.arange(n_classes), order)
    stay = np.intersect1d(left, np.flatnonzero(order < 0))
    order[stay] = stay
    order[order < 0] = np.setdiff1d(left, stay)
    return order


def moved_classes(order: np.ndarray) -> list[np.ndarray]:
    """Classes that exchange their columns with each other, each such set by itself."""
    parts, seen = [], set[int]()
    for first in np.flatnonzero(order != np.arange(len(order))):
        cycle, number = [], int(first)
        while number not in seen:
            seen.add(number)
            cycle.append(number)
            number = int(order[number])
        if cycle:
            parts.append(np.sort(cycle))
    return parts


def compare_orders(
    predictions: Predictions, column: Column, groups: Groups | None, seed: int
) -> float:
    """p-value of the gain by the best order of the classes; 1 where there is none.

    Parameters
    ----------
    predictions : Predictions
        On the rows of the column.
    column : Column
        The target, observed on all rows.
    groups : Groups or None
        What is exchanged, and never split between halves.
    seed : int
        Of halves and permutations.
    """
    if predictions.scores.shape[1] < 3 or not moved_classes(best_order(predictions)):
        return 1.0
    half = _halves(predictions, column, groups, seed)
    pvalues = []
    for number in (0, 1):
        parts = _exchanged(predictions, column, groups, half == number)
        pvalues.append(_gain_pvalue(parts, len(half), seed))
        if pvalues[0] > OTHER_HALF:
            return 1.0
    if max(pvalues) > OTHER_HALF:
        return 1.0
    return min(1.0, 2.0 * min(pvalues))


def _halves(
    predictions: Predictions, column: Column, groups: Groups | None, seed: int
) -> np.ndarray:
    """Half of each entry; units of one class are shared out evenly, at random."""
    units = column.rows if groups is None else groups.codes[column.rows]
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    order = np.random.default_rng([seed, len(first)]).permutation(len(first))
    order = order[np.argsort(predictions.labels[first][order], kind="stable")]
    half = np.empty(len(first), dtype=int)
    half[order] = np.arange(len(first)) % 2
    return half[unit]


def _exchanged(
    predictions: Predictions, column: Column, groups: Groups | None, judged: np.ndarray
) -> list[_Exchanged]:
    """What the best order of the other half exchanges, on the half that is judged."""
    rest = predictions.take(np.flatnonzero(~judged))
    entries = np.flatnonzero(judged)
    here = predictions.take(entries)
    order = best_order(rest)
    ranks, areas, present = here.ranks(), here.areas(), here.present
    mass = np.bincount(here.labels, here.weights, len(order))
    others = np.maximum(1.0 - mass / mass.sum(), np.finfo(float).eps)
    gain = (ranks[:, order] - ranks) / others
    reached = replace(here, scores=_discriminate(rest, here.scores)).areas()
    parts = []
    for classes in moved_classes(order):
        rows = np.flatnonzero(np.isin(present, classes))
        if len(rows) < 2:
            continue
        own = present[rows]
        given, new, best = (
            found[rows, places].mean()
            for found, places in (
                (areas, own),
                (areas, order[own]),
                (reached, own),
            )
        )
        members = np.flatnonzero(np.isin(here.labels, classes))
        part = replace(
            column,
            rows=column.rows[entries[members]],
            labels=column.labels[entries[members]],
        )
        convincing = (
            new >= LEAST_AREA
            and new - given >= LEAST_GAIN
            and new - 0.5 >= LEAST_SHARE * (best - 0.5)
        )
        parts.append(
            _Exchanged(
                exchange_units(part, groups),
                here.take(members),
                gain[members],
                bool(convincing),
            )
        )
    return parts


def _discriminate(known: Predictions, scores: np.ndarray) -> np.ndarray:
    """Log-probabilities of the classes by linear discriminants of the scores: (n, C).

    They are fitted to the rows known, whose classes count alike; one that does not
    occur there has no score above others.
    """
    n_classes, present = known.scores.shape[1], known.present
    members, mass = known.members()
    means = members @ known.scores / mass[:, None]
    centred = known.scores - means[np.searchsorted(present, known.labels)]
    spread = (centred * known.weights[:, None]).T @ centred / known.weights.sum()
    loadings = means @ np.linalg.pinv(spread, rcond=1e-8, hermitian=True)
    values = scores @ loadings.T - 0.5 * np.sum(loadings * means, axis=1)
    found = np.full((len(scores), n_classes), -np.inf)
    found[:, present] = special.log_softmax(values, axis=1)
    return found


def _gain_pvalue(parts: list[_Exchanged], n_rows: int, seed: int) -> float:
    """p-value of the largest gain among convincing parts; max-T over all of them.

    Labels are permuted among the rows of classes that exchange their columns: nothing
    is known of which of them a row belongs to.
    """
    if not any(part.convincing for part in parts):
        return 1.0

    def draw(permutations: range) -> np.ndarray:
        return np.concatenate(
            [
                np.stack([part.permuted_gain(orders) for part in parts], axis=1)
                for orders in draw_orders(n_rows, seed, permutations)
            ]
        )

    def pvalue(null: np.ndarray) -> float:
        observed = [
            part.mean_gain(part.predictions.labels[None])[0]
            if part.convincing
            else null[:, i].min()
            for i, part in enumerate(parts)
        ]
        return extreme_pvalue(np.array([observed]), null)

    null = draw(range(FIRST_PERMUTATIONS))
    found = pvalue(null)
    if found > WORTH_MORE:
        return found
    more = draw(range(FIRST_PERMUTATIONS, ALL_PERMUTATIONS))
    return pvalue(np.concatenate([null, more]))
