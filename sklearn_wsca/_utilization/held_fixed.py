"""Terms of a linear model for all that is held fixed when a column is examined."""

from __future__ import annotations

from itertools import combinations, islice

import numpy as np

from sklearn_wsca._input.column import Column
from sklearn_wsca._utilization.regression import (
    KNOTS_OF_COLUMN,
    Adjustment,
    bent_terms,
    column_terms,
    count_knots,
    products,
    spline_terms,
)

# Terms of what is held fixed in each class are used where so many units stand for one.
UNITS_PER_TERM = 5
# Two columns of more levels than this together are held fixed one by one only.
MOST_PRODUCTS = 100


def held_terms(
    target: Column | None,
    confounders: list[Column],
    weights: np.ndarray,
    classes: np.ndarray,
    n_units: int,
    adjustment: Adjustment,
    parts: tuple[Column, ...] = (),
) -> np.ndarray:
    """A constant and the terms of all that is held fixed: (n, p).

    Confounders are held fixed in each class of the target, too, and together with each
    other, where there are enough units for that. So are the `parts` of an interaction:
    in each class in any case, and together with confounders [1]_, but not with each
    other.

    References
    ----------
    .. [1] M. C. Keller, "Gene x environment interaction studies have not properly
       controlled for potential confounders", Biological Psychiatry 75(1), 2014.
    """

    def terms_of(column: Column, n_knots: int) -> np.ndarray:
        if column.n_levels or adjustment == "linear":
            return column_terms(column, weights)
        return spline_terms(column, weights, n_knots)

    n_knots = count_knots(n_units)
    held = [] if target is None else [terms_of(target, n_knots)]
    own = [terms_of(column, n_knots) for column in confounders]
    coarse = [terms_of(column, KNOTS_OF_COLUMN) for column in (*parts, *confounders)]
    others = np.eye(int(classes.max()) + 1)[classes][:, 1:]
    found = [*held, *own]
    if parts:
        bent = [bent_terms(part, weights, adjustment) for part in parts]
        found += [*bent, *(terms_of(part, n_knots) for part in parts)]
        moderators = _along(target, others, weights)
        found += [products(terms, moderators) for terms in bent]
        curved = [products(terms, moderators) for terms in coarse[: len(parts)]]
        found += curved if _units_for([*found, *curved]) < n_units else []
    if _units_for(found) + others.shape[1] * _units_for(own) < n_units:
        found += [products(terms, others) for terms in own]
    pairs = combinations(coarse, 2)
    # The first pair is what is examined.
    for first, second in islice(pairs, 1 if parts else 0, None):
        n_terms = first.shape[1] * second.shape[1]
        enough = _units_for(found) + UNITS_PER_TERM * n_terms < n_units
        if enough and n_terms <= MOST_PRODUCTS:
            found.append(products(first, second))
    return np.hstack([np.ones((len(weights), 1)), *found])


def _along(target: Column | None, others: np.ndarray, weights: np.ndarray):
    """What effects may change with: classes, and a continuous target itself."""
    if target is None or target.n_levels:
        return others
    return np.hstack([others, column_terms(target, weights)])


def _units_for(parts: list[np.ndarray]) -> int:
    """Units that terms take."""
    return UNITS_PER_TERM * sum(part.shape[1] for part in parts)
