"""Batched ridge and multinomial logistic heads in principal coordinates.

A *batch* is a set of problems that share the rows and differ in the labels
(permutations of a metadata column) and possibly in the row weights. All of them
are solved together, so that the work is a few large matrix products.

Shapes: n rows, k coordinates, p problems, r outputs per problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    is_tensor,
    precision_of,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._linear.class_labels import Labels, column_bases
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.logistic import LogisticProblem
from sklearn_wsca._linear.quasi_newton import minimise, ratio

OUTPUTS_PER_BATCH = 640
OUTPUTS_PER_BATCH_OF_TENSORS = 2**14
# How often conjugate gradients ask an accelerator whether they are done.
STEPS_PER_CHECK_OF_TENSORS = 4
SINGLE_PRECISION_ITERATIONS = 40
QUASI_NEWTON_ITERATIONS = 100
DOUBLE_PRECISION_TOLERANCE = 1e-6
FIRST_TOLERANCE = 1e-4


class BatchFit(NamedTuple):
    """Heads of a batch, and which of them reached the stated tolerance.

    Coefficients (p, r, k) and intercepts (p, r) on the rows given to `prepare_design`,
    where these are, in double precision.
    """

    coef: Any
    intercept: Any
    converged: np.ndarray


def fit_ridge(
    design: Design,
    values: Any,
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
    coordinates = design.coordinates
    row_weights = design.weights[None] if weights is None else weights
    row_weights = to_same_device(row_weights, coordinates, "float64")
    values = to_same_device(values, coordinates, "float64")
    total = (values @ row_weights[..., None])[..., 0]
    mean = total / row_weights.sum(axis=1)[:, None]
    moments = _response_moments(design, values, mean, row_weights)
    scale = design.array(np.append(design.gram + alpha, design.weights.sum()))
    if weights is None:
        solution, converged = moments / scale, np.ones(len(values), dtype=bool)
    else:
        penalty = design.array(np.append(np.full(len(design.gram), alpha), 0.0))
        product = partial(_gram_product, design, design.array(row_weights), penalty)
        solution, done = _conjugate_gradients(product, moments, 1.0 / scale)
        converged = np.asarray(to_numpy(done).all(axis=1))
    coef, intercept = _restore(design, solution)
    return BatchFit(coef, intercept + mean, converged)


def fit_logistic(
    design: Design,
    codes: Any,
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
    codes : array of shape (p, n), dtype int
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
    columns = [Permuted(codes, n_classes, weights)]
    return fit_logistic_columns(design, columns, C, tolerance, max_iter)[0]


class Permuted(NamedTuple):
    """Permutations of one column: codes (p, n), weights (p, n) or None."""

    codes: Any
    n_classes: int
    weights: np.ndarray | None


def fit_logistic_columns(
    design: Design,
    columns: Sequence[Permuted],
    C: float,
    tolerance: float,
    max_iter: int = 1000,
) -> list[BatchFit]:
    """Fit logistic heads of several columns on the same rows; see `fit_logistic`.

    All have weights of their own, or none has. On an accelerator several are solved at
    once, those with the most alike numbers of classes: classes that one of them does
    not have are carried along.
    """
    found: list[list[BatchFit]] = [[] for _ in columns]
    all_codes, all_counts, _ = zip(*columns, strict=True)
    bases = column_bases(all_codes, all_counts)
    for numbers, parts in _share_out(design, columns):
        codes, n_classes, weights = zip(*parts, strict=True)
        ends = np.cumsum([0, *map(len, codes)])
        labels = Labels(
            _concatenate(codes),
            n_classes,
            np.repeat(range(len(codes)), np.diff(ends)),
            [bases[number] for number in numbers],
        )
        own = None if weights[0] is None else _concatenate(weights)
        fit = _fit_batch(design, labels, C, own, tolerance, max_iter)
        for number, count, bounds in zip(
            numbers, n_classes, pairwise(ends), strict=True
        ):
            found[number].append(_read_heads(fit, count, slice(*bounds)))
    return [BatchFit(*map(_concatenate, zip(*fits, strict=True))) for fits in found]


def _share_out(
    design: Design, columns: Sequence[Permuted]
) -> Iterator[tuple[list[int], list[Permuted]]]:
    """Batches of parts of columns, and the numbers of these columns."""
    most, together = OUTPUTS_PER_BATCH, is_tensor(design.coordinates)
    if together:
        most = OUTPUTS_PER_BATCH_OF_TENSORS
    numbers: list[int] = []
    parts: list[Permuted] = []
    n_problems = 0
    for number in sorted(range(len(columns)), key=lambda i: columns[i].n_classes):
        codes, n_classes, weights = columns[number]
        n_parts = -(-len(codes) * (n_classes - 1) // most)
        size = -(-len(codes) // n_parts)
        for start in range(0, len(codes), size):
            own = slice(start, start + size)
            part = Permuted(
                codes[own], n_classes, None if weights is None else weights[own]
            )
            n_outputs = (n_problems + len(part.codes)) * (n_classes - 1)
            if parts and not (together and n_outputs <= most):
                yield numbers, parts
                numbers, parts, n_problems = [], [], 0
            numbers, parts = [*numbers, number], [*parts, part]
            n_problems += len(part.codes)
    yield numbers, parts


def _concatenate(arrays: Sequence[Any]) -> Any:
    """One array of several; the same where there is one."""
    if len(arrays) == 1:
        return arrays[0]
    return array_namespace(arrays[0]).concatenate(arrays)


def _fit_batch(design, labels, C, weights, tolerance, max_iter):
    """Solve one batch, in the precision that each problem needs.

    Returns the scores of all classes but the first, (p, r, k) and (p, r) in double
    precision, and what converged.
    """

    def solve(precision, chosen, tolerance, max_iter, first=None, newton=False):
        all_of_them = chosen is None
        problem = LogisticProblem(
            design.in_precision(precision),
            labels if all_of_them else labels.take(chosen),
            C,
            weights if all_of_them or weights is None else _take(weights, chosen),
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
            which, first = hard if chosen is None else chosen[hard], solution[at]
            again = solve("float64", which, tolerance, left, first, newton=True)
            converged = converged.copy()
            solution[at], converged[hard] = again[1:]
        return *_scores(problem, solution), converged

    few = min(max_iter, SINGLE_PRECISION_ITERATIONS)
    if design.precision == "float64":
        first = None
        if precision_of(design.coordinates) == "float32":
            # Most of the way is made at the speed of single precision.
            first = solve("float32", None, FIRST_TOLERANCE, few)[1]
        return solve_in_double(None, tolerance, first)
    problem, solution, converged = solve("float32", None, tolerance, few)
    coef, intercept = _scores(problem, solution)
    if not converged.all():
        (hard,) = np.nonzero(~converged)
        at = design.index(hard)
        again = solve_in_double(hard, min(tolerance, DOUBLE_PRECISION_TOLERANCE))
        coef[at], intercept[at], converged[hard] = again
    return coef, intercept, converged


def _take(weights: Any, which: np.ndarray) -> Any:
    return weights[to_same_device(which, weights)]


def _scores(problem: LogisticProblem, solution: Any) -> Iterator[Any]:
    """Coefficients (p, r, k) and intercepts (p, r) in double precision."""
    return (cast(part, "float64") for part in problem.class_scores(solution))


def _read_heads(fit: tuple, n_classes: int, which: slice) -> BatchFit:
    """Heads of some problems: one row for two classes, or one for each of more."""
    coef, intercept, converged = fit
    parts = [part[which, : n_classes - 1] for part in (coef, intercept)]
    if n_classes > 2:
        parts = [_all_classes(part) for part in parts]
    own, intercepts = parts
    return BatchFit(own, intercepts, converged[which])


def _all_classes(relative: Any) -> Any:
    """Scores relative to class 0 -> scores of all classes, which add up to zero."""
    xp = array_namespace(relative)
    scores = xp.concatenate([xp.zeros_like(relative[:, :1]), relative], axis=1)
    return scores - xp.mean(scores, axis=1, keepdims=True)


def _restore(design: Design, solution: Any) -> tuple[Any, Any]:
    """Parameters (p, r, k + 1) -> coefficients and intercepts on the given rows."""
    p, r, _ = solution.shape
    coef, intercept = design.to_rows(solution.reshape(p * r, -1))
    return (
        cast(coef, "float64").reshape(p, r, -1),
        cast(intercept, "float64").reshape(p, r),
    )


def _response_moments(design, values, mean, weights):
    """Weighted sums of response x row, of centred responses: (p, r, k + 1)."""
    p, r, _ = values.shape
    xp = array_namespace(design.coordinates)
    gradient, total = design.zeros((p * r, design.shape[1])), design.zeros(p * r)
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
    every = STEPS_PER_CHECK_OF_TENSORS if is_tensor(right_side) else 1
    for number in range(4 * right_side.shape[2] + 20):
        image = product(direction)
        step = ratio(energy, xp.sum(direction * image, axis=2))
        solution = solution + step[..., None] * direction
        residual = residual - step[..., None] * image
        scaled = preconditioner * residual
        previous, energy = energy, xp.sum(residual * scaled, axis=2)
        if number % every == every - 1 and bool(xp.all(energy <= target)):
            break
        direction = scaled + ratio(energy, previous)[..., None] * direction
    return solution, energy <= target
