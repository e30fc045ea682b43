"""Batched ridge and multinomial logistic heads in principal coordinates.

A *batch* is a set of problems that share the rows and differ in the labels
(permutations of a metadata column) and possibly in the row weights. All of them
are solved together, so that the work is a few large matrix products.

Shapes: n rows, k coordinates, p problems, r outputs per problem.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    is_tensor,
    precision_of,
    to_numpy,
)
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.logistic import LogisticProblem
from sklearn_wsca._linear.quasi_newton import minimise, ratio

OUTPUTS_PER_BATCH = 640
OUTPUTS_PER_BATCH_OF_TENSORS = 8192
SINGLE_PRECISION_ITERATIONS = 40
QUASI_NEWTON_ITERATIONS = 100
DOUBLE_PRECISION_TOLERANCE = 1e-6
FIRST_TOLERANCE = 1e-4


class BatchFit(NamedTuple):
    """Heads of a batch, and which of them reached the stated tolerance.

    Coefficients (p, r, k) and intercepts (p, r) on the rows given to `prepare_design`.
    """

    coef: np.ndarray
    intercept: np.ndarray
    converged: np.ndarray


def fit_ridge(
    design: Design,
    values: np.ndarray,
    alpha: float,
    weights: np.ndarray | None = None,
) -> BatchFit:
    """Fit ridge heads of a batch.

    Minimises ``sum_i w_i |y_i - t_i B - b|^2 + alpha |B|^2`` over B and b, for
    responses (p, r, n), with the weights of the design or own ones (p, n).

    Notes
    -----
    With the weights of the design the Gram matrix is diagonal and the heads are one
    matrix product. Otherwise it preconditions conjugate gradients; with weights near
    those of the design a few steps suffice, and k + 1 always do in exact arithmetic.
    """
    if weights is None:
        row_weights, total = design.weights[None], values @ design.weights
    else:
        row_weights, total = weights, np.einsum("pn,prn->pr", weights, values)
    mean = total / row_weights.sum(axis=1, keepdims=True)
    moments = _response_moments(design, values, mean, row_weights)
    scale = design.array(np.append(design.gram + alpha, design.weights.sum()))
    if weights is None:
        solution, converged = moments / scale, np.ones(len(values), dtype=bool)
    else:
        penalty = design.array(np.append(np.full(len(design.gram), alpha), 0.0))
        product = partial(_gram_product, design, design.array(weights), penalty)
        solution, done = _conjugate_gradients(product, moments, 1.0 / scale)
        converged = np.asarray(to_numpy(done).all(axis=1))
    coef, intercept = _restore(design, solution)
    return BatchFit(coef, intercept + mean, converged)


def fit_logistic(
    design: Design,
    codes: np.ndarray,
    n_classes: int,
    C: float,
    weights: np.ndarray | None = None,
    tolerance: float = 1e-8,
    max_iter: int = 1000,
) -> BatchFit:
    """Fit logistic heads of a batch with scikit-learn's objectives.

    Minimises ``C sum_i w_i loss_i + |W|^2 / 2`` with unpenalised intercepts: one
    weight vector for two classes, one per class (softmax) for more.

    Parameters
    ----------
    design : Design
        The shared rows.
    codes : ndarray of shape (p, n), dtype int
        Class of each row in each problem; all rows are permutations of each other, and
        every class has a positive weight in every problem.
    n_classes : int
        Number of classes, at least 2.
    C : float
        Inverse penalty.
    weights : ndarray of shape (p, n), default=None
        Weights per problem; None takes those of the design.
    tolerance : float
        Relative gradient tolerance, see `minimise`.
    max_iter : int
        Largest number of iterations.

    Notes
    -----
    Limited-memory quasi-Newton steps that start from the Hessian at the class
    frequencies, ``C M x diag(gram) + I`` with ``M = diag(pi) - pi pi^T``. For
    uninformative labels it is close to the true Hessian, so a permuted problem takes a
    handful of steps. A step is taken only where it lowers the objective. Problems that
    single precision does not solve in a few steps, such as separable labels with
    hardly any penalty, are solved in double precision, and what a hundred steps do not
    solve there, such as many overlapping classes with hardly any penalty, by Newton's.
    """
    n_parts = -(-len(codes) * (n_classes - 1) // outputs_per_batch(design))
    size, parts = -(-len(codes) // n_parts), []
    for start in range(0, len(codes), size):
        batch = slice(start, start + size)
        own = None if weights is None else weights[batch]
        arguments = n_classes, C, own, tolerance, max_iter
        parts.append(_fit_batch(design, codes[batch], *arguments))
    return BatchFit(*map(np.concatenate, zip(*parts, strict=True)))


def outputs_per_batch(design: Design) -> int:
    """Outputs that are solved together, so that memory stays bounded."""
    if is_tensor(design.coordinates):
        return OUTPUTS_PER_BATCH_OF_TENSORS
    return OUTPUTS_PER_BATCH


def _fit_batch(design, codes, n_classes, C, weights, tolerance, max_iter):
    """Solve one batch, in the precision that each problem needs."""

    def solve(precision, chosen, tolerance, max_iter, first=None, newton=False):
        problem = LogisticProblem(
            design.in_precision(precision),
            codes[chosen],
            n_classes,
            C,
            None if weights is None else weights[chosen],
        )
        if first is not None:
            first = cast(first, precision)
        solution, converged = minimise(problem, tolerance, max_iter, first, newton)
        return problem, solution, to_numpy(converged)

    def solve_in_double(chosen, tolerance, first=None):
        few = min(max_iter, QUASI_NEWTON_ITERATIONS)
        problem, solution, converged = solve("float64", chosen, tolerance, few, first)
        if not converged.all() and max_iter > few:
            (hard,) = np.nonzero(~converged)
            at, left = design.index(hard), max_iter - few
            which, first = np.arange(len(codes))[chosen][hard], solution[:, at]
            again = solve("float64", which, tolerance, left, first, newton=True)
            solution[:, at], converged[hard] = again[1:]
        return _read_solution(problem, solution, converged)

    everything = slice(None)
    single = partial(solve, "float32", everything)
    few = min(max_iter, SINGLE_PRECISION_ITERATIONS)
    if design.precision == "float64":
        first = None
        if precision_of(design.coordinates) == "float32":
            # Most of the way is made at the speed of single precision.
            first = single(FIRST_TOLERANCE, few)[1]
        return solve_in_double(everything, tolerance, first)
    fit = _read_solution(*single(tolerance, few))
    if not fit.converged.all():
        (hard,) = np.nonzero(~fit.converged)
        again = solve_in_double(hard, min(tolerance, DOUBLE_PRECISION_TOLERANCE))
        fit.coef[hard], fit.intercept[hard] = again.coef, again.intercept
        fit.converged[hard] = again.converged
    return fit


def _read_solution(problem, solution, converged) -> BatchFit:
    """Heads with one row for two classes, or one for each of more."""
    coef, intercept = (
        to_numpy(part).astype(np.float64) for part in problem.class_scores(solution)
    )
    if problem.n_classes > 2:
        coef, intercept = _all_classes(coef), _all_classes(intercept)
    return BatchFit(
        np.moveaxis(coef, 0, 1).copy(), np.moveaxis(intercept, 0, 1).copy(), converged
    )


def _all_classes(relative: np.ndarray) -> np.ndarray:
    """Scores relative to class 0 -> scores of all classes, which add up to zero."""
    scores = np.concatenate([np.zeros_like(relative[:1]), relative])
    return scores - scores.mean(axis=0)


def _restore(design: Design, solution: Any) -> tuple[np.ndarray, np.ndarray]:
    """Parameters (p, r, k + 1) -> coefficients and intercepts on the given rows."""
    p, r, _ = solution.shape
    coef, intercept = design.to_rows(solution.reshape(p * r, -1))
    return (
        to_numpy(coef).astype(np.float64).reshape(p, r, -1),
        to_numpy(intercept).astype(np.float64).reshape(p, r),
    )


def _response_moments(design, values, mean, weights):
    """Weighted sums of response x row, of centred responses: (p, r, k + 1)."""
    p, r, _ = values.shape
    xp = array_namespace(design.coordinates)
    gradient = design.array(np.zeros((p * r, design.shape[1])))
    total = design.array(np.zeros(p * r))
    for rows, block in design.blocks(p * r):
        # Centred before single precision, which a large mean would use up.
        centred = (values[..., rows] - mean[..., None]) * weights[:, None, rows]
        centred = design.array(centred.reshape(p * r, -1))
        gradient += centred @ block
        total += xp.sum(centred, axis=1)
    return design.from_rows(gradient, total).reshape(p, r, -1)


def _gram_product(design: Design, weights: Any, penalty: Any, heads: Any) -> Any:
    """Product of the penalised, reweighted Gram matrix with heads (p, r, k + 1)."""
    xp, (p, r, _) = array_namespace(heads), heads.shape
    coef, intercept = design.to_rows(heads.reshape(p * r, -1))
    gradient, total = xp.zeros_like(coef), xp.zeros_like(intercept)
    for rows, block in design.blocks(p * r):
        outputs = (coef @ block.T + intercept[:, None]).reshape(p, r, -1)
        outputs = outputs * weights[:, None, rows]
        outputs = outputs.reshape(p * r, -1)
        gradient += outputs @ block
        total += xp.sum(outputs, axis=1)
    return design.from_rows(gradient, total).reshape(p, r, -1) + penalty * heads


def _conjugate_gradients(
    product: Callable[[Any], Any], right_side: Any, preconditioner: Any
) -> tuple[Any, Any]:
    """Solve ``product(B) = right_side`` for each problem and output."""
    xp = array_namespace(right_side)
    tolerance = 64 * float(xp.finfo(right_side.dtype).eps)
    solution, residual = xp.zeros_like(right_side), right_side
    scaled = preconditioner * residual
    direction, energy = scaled, xp.sum(residual * scaled, axis=2)
    target = tolerance**2 * energy
    for _ in range(4 * right_side.shape[2] + 20):
        image = product(direction)
        step = ratio(energy, xp.sum(direction * image, axis=2))
        solution = solution + step[..., None] * direction
        residual = residual - step[..., None] * image
        scaled = preconditioner * residual
        previous, energy = energy, xp.sum(residual * scaled, axis=2)
        if bool(xp.all(energy <= target)):
            break
        direction = scaled + ratio(energy, previous)[..., None] * direction
    return solution, energy <= target
