r"""Terms of a linear model for the interaction of two columns.

An interaction is a surface over two columns, less what a function of each column alone
explains. Its squared size is the mean square of what is left: over the combinations of
levels, each counted alike; over the levels and, within each, over its rows; or over the
rows, for two continuous columns.
"""

from __future__ import annotations

import numpy as np

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.crossed_columns import left_beside_levels
from sklearn_wsca._linear.class_basis import orthonormal_basis
from sklearn_wsca._utilization.regression import (
    Adjustment,
    Coding,
    bent_terms,
    orthonormalise,
    products,
)

# Lines are bent where so many rows stand for each term.
ROWS_PER_TERM = 20


def code_interaction(
    column: Column, weights: np.ndarray, adjustment: Adjustment
) -> Coding:
    """Code an interaction under row weights."""
    first, second = column.parts
    if first.n_levels and second.n_levels:
        return _code_cells(column)
    if first.n_levels or second.n_levels:
        levelled, number = (first, second) if first.n_levels else (second, first)
        return _code_slopes(levelled, number, weights, adjustment)
    return _code_surface(first, second, weights, adjustment)


def _code_cells(column: Column) -> Coding:
    """Indicators of the combinations; their effects are what main effects leave."""
    first, second = (part.labels for part in column.parts)
    at = np.unique(column.labels, return_index=True)[1]
    cells = np.stack([first[at], second[at]], axis=1)
    values, n_cells = np.eye(column.n_levels)[column.labels], column.n_levels
    free = float(left_beside_levels(cells).sum()) / n_cells
    return Coding(values, 1.0 / n_cells, n_cells, free, True)


def _code_slopes(
    levelled: Column, number: Column, weights: np.ndarray, adjustment: Adjustment
) -> Coding:
    """The slope in each level, then the bends, standardised within the level.

    Effects of smallest mean square are then those that no common line explains.
    """
    terms = bent_terms(number, weights, adjustment)
    n, n_levels = len(weights), levelled.n_levels
    slopes, bends = np.zeros((n, n_levels)), []
    for level in range(n_levels):
        own = np.flatnonzero(levelled.labels == level)
        enough = len(own) >= ROWS_PER_TERM * terms.shape[1]
        found = orthonormalise(terms[own, : None if enough else 1], weights[own])
        slopes[own, level] = found[:, 0]
        bends.append(np.zeros((n, found.shape[1] - 1)))
        bends[-1][own] = found[:, 1:]
    values = np.hstack([slopes, *bends])
    return Coding(values, 1.0 / n_levels, n_levels, 1.0 - 1.0 / n_levels, False)


def _code_surface(
    first: Column, second: Column, weights: np.ndarray, adjustment: Adjustment
) -> Coding:
    """The product of two slopes, then those of bends, less what each column explains.

    They are orthonormal over the rows.
    """
    alone = [bent_terms(part, weights, adjustment) for part in (first, second)]
    n_terms = alone[0].shape[1] * alone[1].shape[1]
    if len(weights) < ROWS_PER_TERM * n_terms:
        alone = [terms[:, :1] for terms in alone]
    roots = np.sqrt(weights)[:, None]
    basis = orthonormal_basis(np.hstack([np.ones_like(roots), *alone]) * roots)
    beyond = products(*alone) * roots
    beyond -= basis @ (basis.T @ beyond)
    return Coding(orthonormalise(beyond / roots, weights), 1.0, 1, 1.0, False)
