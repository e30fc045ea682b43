"""Terms of a linear model for all that is held fixed when a column is examined."""

from __future__ import annotations

from itertools import combinations, islice

import numpy as np

from sklearn_wsca._input.column import Column
from sklearn_wsca._utilization.regression import (
    KNOTS_OF_COLUMN,
    Adjustment,
    HeldTerms,
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
) -> HeldTerms:
    """A constant and all that is held fixed.

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

    n_knots, n_others = count_knots(n_units), int(classes.max())
    codes, found, n_levels = np.zeros(len(weights), dtype=int), [], 0
    if target is not None and target.n_levels:
        codes, n_levels = target.labels.astype(int), target.n_levels
    elif target is not None:
        found.append(terms_of(target, n_knots))

    def units_for(terms: list[np.ndarray], n_more: int = 0) -> int:
        return UNITS_PER_TERM * (n_levels + n_more + sum(t.shape[1] for t in terms))

    own = [terms_of(column, n_knots) for column in confounders]
    coarse = [terms_of(column, KNOTS_OF_COLUMN) for column in (*parts, *confounders)]
    found += own
    if parts:
        others = _other_classes(classes)
        bent = [bent_terms(part, weights, adjustment) for part in parts]
        found += [*bent, *(terms_of(part, n_knots) for part in parts)]
        moderators = _along(target, others, weights)
        found += [products(terms, moderators) for terms in bent]
        curved = [products(terms, moderators) for terms in coarse[: len(parts)]]
        found += curved if units_for([*found, *curved]) < n_units else []
    n_crossed = n_others * sum(terms.shape[1] for terms in own)
    if n_crossed and units_for(found, n_crossed) < n_units:
        found += [products(terms, _other_classes(classes)) for terms in own]
    pairs = combinations(coarse, 2)
    # The first pair is what is examined.
    for first, second in islice(pairs, 1 if parts else 0, None):
        n_terms = first.shape[1] * second.shape[1]
        enough = units_for(found, n_terms) < n_units
        if enough and n_terms <= MOST_PRODUCTS:
            found.append(products(first, second))
    return HeldTerms(codes, np.hstack([np.empty((len(weights), 0)), *found]))


def _along(target: Column | None, others: np.ndarray, weights: np.ndarray):
    """What effects may change with: classes, and a continuous target itself."""
    if target is None or target.n_levels:
        return others
    return np.hstack([others, column_terms(target, weights)])


def _other_classes(classes: np.ndarray) -> np.ndarray:
    """Indicators of all classes but the first: (n, n_classes - 1)."""
    return np.eye(int(classes.max()) + 1)[classes][:, 1:]
