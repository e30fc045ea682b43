"""Outputs and a column, made ready for permutations at fixed other columns.

Here it is decided what is permuted (the column, or what is left of it), which rows or
units stand for the data, and what each row weighs beside others of its group.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._linear.class_basis import DEPENDENT, sum_matrix
from sklearn_wsca._permutation.exchangeability import (
    Exchangeability,
    constant_in_units,
    target_strata,
)
from sklearn_wsca._utilization.held_fixed import held_terms
from sklearn_wsca._utilization.interaction_terms import code_interaction
from sklearn_wsca._utilization.output_model import OutputModel
from sklearn_wsca._utilization.regression import (
    Adjustment,
    Coding,
    HeldTerms,
    centre_within,
    classes_of,
    regress,
    unit_means,
)


def prepare_outputs(
    outputs: np.ndarray,
    column: Column,
    target: Column | None,
    confounders: list[Column],
    weights: np.ndarray,
    exchange: Exchangeability,
    adjustment: Adjustment = "spline",
) -> OutputModel:
    """Regress outputs on what is held fixed, and prepare the column that is tested.

    Outputs (n, C) are those of the primary head, class scores centred over classes; all
    columns are observed on the same n rows. Units are exchanged without strata of the
    target.

    Raises
    ------
    LeftOutError
        If the outputs do not vary, or levels of the column cannot be told apart from
        what is held fixed.
    """
    total_variance = _total_variance(outputs, weights)
    held = [c for c in (target, *confounders, *column.parts) if c is not None]
    classes, clusters = classes_of(target, weights), exchange.clusters
    code = code_interaction if column.parts else Coding.of
    coding = code(column, weights, adjustment)
    n_units = int(clusters.max()) + 1
    fixed = held_terms(
        target, confounders, weights, classes, n_units, adjustment, column.parts
    )
    groups = clusters if exchange.scheme == "within groups" else None
    if groups is None:
        beside = fixed.add(coding.values)
        weights = weights * _independent_share(outputs, beside, weights, clusters)
    many_terms = bool(column.parts)
    rows = regress(outputs, fixed, weights, classes, clusters, groups, many_terms)
    exact = _keeps_what_is_held(exchange, target, held)
    strata = target_strata(exchange, target)
    exchange = exchange.within(strata, of_target=strata is not None)
    between = exchange.scheme == "between groups"
    values = coding.values[exchange.first] if between else coding.values
    fitted = np.zeros_like(values)
    if not exact:
        fitted = _explained_by(
            fixed, values, weights, groups, exchange if between else None
        )
    units, expand, alike = rows, None, None
    if between and all(constant_in_units(exchange, c.labels) for c in held):
        units = rows.collapse(exchange.unit)
    elif between:
        expand, alike = exchange.unit, _number_alike(exchange.unit, held)
    model = OutputModel(
        exchange,
        coding,
        rows,
        units,
        expand,
        alike,
        fitted,
        values - fitted,
        total_variance,
        not exact,
        target is not None and not target.n_levels,
        exact and exchange.scheme == "rows" and bool(np.ptp(weights) == 0.0),
    )
    _check_separable(model, held)
    return model


def _independent_share(outputs, held, weights, clusters) -> np.ndarray:
    """What each row adds to what is known, given the other rows of its cluster.

    With n rows that are correlated at ICC, that is 1 / (1 + (n - 1) ICC). The ICC is
    that of the residuals, over all outputs together.
    """
    sizes = np.bincount(clusters)
    if len(sizes) == len(clusters):
        return np.ones(len(clusters))
    constant = np.zeros(len(clusters), dtype=int)
    left = regress(outputs, held, weights, constant, clusters, None).residuals
    own = float(np.sum(left**2))
    sums = sum_matrix(clusters, np.ones(len(clusters))) @ left
    shared = float(np.sum(sums**2)) - own
    n_pairs = float(np.sum(sizes * (sizes - 1.0)))
    icc = np.clip(shared / n_pairs / max(own / len(clusters), 1e-300), 0.0, 1.0)
    return 1.0 / (1.0 + (sizes[clusters] - 1.0) * icc)


def _number_alike(unit: np.ndarray, held: list[Column]) -> np.ndarray:
    """Numbers of the rows of one unit with the same labels of all that is held."""
    alike = unit
    for column in held:
        labels = np.unique(column.labels, return_inverse=True)[1]
        pairs = alike * (labels.max() + 1) + labels
        alike = np.unique(pairs, return_inverse=True)[1]
    return alike


def _explained_by(
    held: HeldTerms, values, weights, groups, exchange: Exchangeability | None
) -> np.ndarray:
    """What is held explains of values, both centred within groups that are held fixed.

    Where units are exchanged that `exchange` tells, values are of these, and of what is
    held their means count.
    """
    if exchange is not None and not constant_in_units(exchange, held.codes):
        terms = unit_means(held.written_out(), exchange.unit)
        held = HeldTerms(np.zeros(len(values), dtype=int), terms)
    elif exchange is not None:
        terms = unit_means(held.terms, exchange.unit)
        held = HeldTerms(held.codes[exchange.first], terms)
    if groups is None:
        return held.basis(np.ones(len(values))).explain(values)
    terms = centre_within(held.written_out(), weights, groups)
    own = centre_within(values, weights, groups)
    # Indicators of several columns depend on each other.
    return terms @ linalg.lstsq(terms, own, cond=DEPENDENT)[0]


def _keeps_what_is_held(exchange, target, held) -> bool:
    """Whether plain permutations keep all associations with what is held fixed."""
    if exchange.scheme == "within groups":
        return all(constant_in_units(exchange, column.labels) for column in held)
    if any(column is not target for column in held):
        return False
    return target is None or target_strata(exchange, target) is not None


def _total_variance(outputs: np.ndarray, weights: np.ndarray) -> float:
    """Variance summed over outputs.

    Raises
    ------
    LeftOutError
        If the outputs do not vary.
    """
    centred = outputs - np.average(outputs, axis=0, weights=weights)
    variance = float(np.average(np.sum(centred**2, axis=1), weights=weights))
    if variance <= (1e-12 * np.abs(outputs).max()) ** 2:
        raise LeftOutError("the outputs of the primary head do not vary on its rows")
    return variance


def _check_separable(model: OutputModel, held: list[Column]) -> None:
    """Raise unless all levels can be compared at fixed other columns."""
    # The other terms of a curve may be gone, and its slope left.
    leading, n_degrees = model.coding.n_specific, model.coding.n_degrees
    adjusted = model.adjusted[:, :leading]
    # Indicators of all levels add up to the constant, so one direction is always gone.
    left = np.linalg.eigvalsh(adjusted.T @ adjusted)[leading - n_degrees]
    if left > DEPENDENT * np.sum(model.rows.roots**2):
        return
    names = " and ".join(repr(column.name) for column in held) or "its groups"
    reason = "it is determined by them"
    if model.coding.categorical:
        reason = "some of its levels never occur together with the others"
    raise LeftOutError(f"at fixed {names} nothing is left to compare: {reason}")
