"""Batched ridge and multinomial logistic heads in principal coordinates.

A *batch* is a set of problems that share the rows and differ in the labels
(permutations of a metadata column) and possibly in the row weights. All of them
are solved together, so that the work is a few large matrix products.

Shapes: n rows, k coordinates, p problems, r outputs per problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from sklearn_wsca._quasi_newton import dot, minimise


@dataclass(frozen=True)
class Design:
    """Rows prepared for many fits: centred and rotated to a diagonal Gram matrix.

    Parameters
    ----------
    coordinates : ndarray of shape (n, k)
        Weighted-centred coordinates, rotated by `rotation`.
    weights : ndarray of shape (n,)
        Row weights.
    gram : ndarray of shape (k,)
        Diagonal of ``coordinates.T @ diag(weights) @ coordinates``.
    mean : ndarray of shape (k,)
        What was subtracted.
    rotation : ndarray of shape (k, k)
        Orthogonal matrix: ``coordinates = (T - mean) @ rotation``.
    """

    coordinates: np.ndarray
    weights: np.ndarray
    gram: np.ndarray
    mean: np.ndarray
    rotation: np.ndarray

    @property
    def dtype(self) -> np.dtype:
        """Precision in which the batches run."""
        return self.coordinates.dtype

    def restore(
        self, coef: np.ndarray, intercept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Heads on the rotated rows -> heads on the rows as they were given."""
        coef = coef.astype(np.float64) @ self.rotation.T
        return coef, intercept.astype(np.float64) - coef @ self.mean


@dataclass(frozen=True)
class BatchFit:
    """Heads of a batch.

    Parameters
    ----------
    coef : ndarray of shape (p, r, k)
        Coefficients on the rows given to `prepare_design`.
    intercept : ndarray of shape (p, r)
        Intercepts.
    converged : ndarray of shape (p,), dtype bool
        Whether the stated tolerance was reached.
    """

    coef: np.ndarray
    intercept: np.ndarray
    converged: np.ndarray


def prepare_design(
    T: np.ndarray, weights: np.ndarray, dtype: type = np.float64
) -> Design:
    """Centre and rotate rows so that their weighted Gram matrix is diagonal."""
    mean = weights @ T / weights.sum()
    centred = T - mean
    gram, rotation = linalg.eigh((centred * weights[:, None]).T @ centred)
    coordinates = (centred @ rotation).astype(dtype)
    return Design(coordinates, weights, np.maximum(gram, 0.0), mean, rotation)


def fit_ridge(
    design: Design,
    values: np.ndarray,
    alpha: float,
    weights: np.ndarray | None = None,
) -> BatchFit:
    """Fit ridge heads of a batch.

    Minimises ``sum_i w_i |y_i - t_i B - b|^2 + alpha |B|^2`` over B and b.

    Parameters
    ----------
    design : Design
        The shared rows.
    values : ndarray of shape (p, r, n)
        Responses.
    alpha : float
        Penalty.
    weights : ndarray of shape (p, n), default=None
        Weights per problem; None takes those of the design.
    """
    if weights is not None:
        return _fit_ridge_reweighted(design, values, alpha, weights)
    # Centred before single precision, which a large mean would use up.
    mean = values @ (design.weights / design.weights.sum())
    weighted = ((values - mean[..., None]) * design.weights).astype(design.dtype)
    moments = _matmul_rows(weighted, design.coordinates).astype(np.float64)
    coef, intercept = design.restore(moments / (design.gram + alpha), mean)
    return BatchFit(coef, intercept, np.ones(len(values), dtype=bool))


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
        Class of each row in each problem; every class occurs in every problem.
    n_classes : int
        Number of classes, at least 2.
    C : float
        Inverse penalty.
    weights : ndarray of shape (p, n), default=None
        Weights per problem; None takes those of the design.
    tolerance : float
        Stops when the gradient, in the norm of the inverse Hessian at zero, has
        fallen to this share of its value at zero.
    max_iter : int
        Largest number of iterations.

    Notes
    -----
    Limited-memory quasi-Newton steps that start from the Hessian at zero,
    ``C M x diag(gram) + I`` with ``M = diag(pi) - pi pi^T``. It is diagonal in the
    rotated coordinates and the eigenvectors of M. For uninformative labels it is
    close to the true Hessian, so a permuted problem takes a handful of steps. A
    step is taken only where it does not increase the objective.
    """
    problem = _LogisticProblem(design, codes, n_classes, C, weights)
    solution, converged = minimise(problem, tolerance, max_iter)
    # Class rows from the free directions: a binary head keeps its one weight vector.
    rows = solution if n_classes == 2 else np.tensordot(problem.basis, solution, axes=1)
    rows = np.moveaxis(rows, 0, 1)
    coef, intercept = design.restore(rows[..., :-1], rows[..., -1])
    return BatchFit(coef, intercept, converged)


class _LogisticProblem:
    """Objective, gradient and starting point of a batch of logistic fits.

    Parameters have shape (r, p, k + 1): r free directions of the class scores (one
    for two classes, C - 1 else), the last entry being the intercept. The labels enter
    the objective linearly, so they are used once, for `moments`; the iterations see
    class probabilities only.
    """

    def __init__(self, design, codes, n_classes, C, weights):
        dtype = design.dtype
        if weights is None:
            weights = np.broadcast_to(design.weights, codes.shape)
        self.weights = (C * weights).astype(dtype, copy=False)
        self.rows = np.hstack(
            [design.coordinates, np.ones((len(design.coordinates), 1), dtype)]
        )
        self.penalty = np.append(np.ones(len(design.gram)), 0.0).astype(dtype)
        priors = _class_priors(codes, weights, n_classes)
        basis, curvature = _class_basis(priors.mean(axis=0))
        self.basis = basis.astype(dtype)
        gram = np.append(design.gram, design.weights.sum())
        self.squares = (C * gram).astype(dtype)
        hessian = C * np.multiply.outer(curvature, gram) + self.penalty
        self.inverse_hessian = (1.0 / hessian)[:, None, :].astype(dtype)
        self.start = np.zeros((len(curvature), len(codes), len(gram)), dtype)
        self.start[..., -1] = np.linalg.pinv(basis) @ np.log(priors).T
        self.moments = self._label_moments(codes)

    def _label_moments(self, codes: np.ndarray) -> np.ndarray:
        """Sum over rows of weight x class direction x row: (r, p, k + 1)."""
        by_class = [
            (self.weights * (codes == c)) @ self.rows for c in range(len(self.basis))
        ]
        return np.tensordot(self.basis.T, np.array(by_class), axes=1)

    def rounding(self) -> np.ndarray:
        """Squared length of a gradient of rounding errors per problem."""
        largest = self.weights.max(axis=1)[:, None]
        errors = 4 * np.finfo(self.rows.dtype).eps * np.sqrt(largest * self.squares)
        errors = np.broadcast_to(errors, self.start.shape)
        return dot(errors, self.inverse_hessian * errors)

    def select(self, keep: np.ndarray) -> None:
        """Drop the problems that are solved."""
        self.weights, self.moments = self.weights[keep], self.moments[:, keep]

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Free directions of the class scores: (r, p, n)."""
        return _matmul_rows(x, self.rows.T)

    def partition(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted sum of log sum exp per problem, and its derivative by the scores."""
        logits = np.tensordot(self.basis, scores, axes=1)
        largest = logits.max(axis=0)
        logits -= largest
        probability = np.exp(logits, out=logits)
        total = probability.sum(axis=0)
        largest += np.log(total)
        log_partition = np.einsum(
            "pn,pn->p", self.weights, largest, dtype=np.float64, casting="same_kind"
        )
        probability *= self.weights / total
        return log_partition, np.tensordot(self.basis.T, probability, axes=1)

    def gradient(self, slope: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Gradient of the penalised objective: (r, p, k + 1)."""
        return _matmul_rows(slope, self.rows) - self.moments + self.penalty * x

    def objective(self, log_partition: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Penalised objective per problem."""
        return log_partition - dot(x, self.moments - self.penalty * x / 2)


def _matmul_rows(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(a, b, c) @ (c, d) as one matrix product instead of a loop over a."""
    a, b, c = left.shape
    return (left.reshape(a * b, c) @ right).reshape(a, b, right.shape[1])


def _class_priors(codes, weights, n_classes):
    """Weighted class frequencies per problem: (p, C)."""
    totals = [np.sum(weights * (codes == c), axis=1) for c in range(n_classes)]
    counts = np.stack(totals, axis=1).astype(np.float64)
    return counts / counts.sum(axis=1, keepdims=True)


def _class_basis(priors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Free directions of the class scores and the curvature along them.

    Two classes have one free direction with scores (-f/2, f/2), which is the binary
    objective. More have the C - 1 eigenvectors of diag(pi) - pi pi^T that are
    orthogonal to the vector of ones.
    """
    if len(priors) == 2:
        return np.array([[-0.5], [0.5]]), np.array([priors[0] * priors[1]])
    contrasts = linalg.helmert(len(priors))
    middle = np.diag(priors) - np.outer(priors, priors)
    curvature, vectors = linalg.eigh(contrasts @ middle @ contrasts.T)
    return contrasts.T @ vectors, np.maximum(curvature, 0.0)


def _fit_ridge_reweighted(design, values, alpha, weights):
    """Ridge with row weights per problem: preconditioned conjugate gradients.

    The Gram matrix of the design preconditions; with weights near those of the
    design a few steps suffice, and k + 1 always do in exact arithmetic.
    """
    mean = np.einsum("pn,prn->pr", weights, values)
    mean = mean / weights.sum(axis=1, keepdims=True)
    centred = (values - mean[..., None]).astype(design.dtype)
    weights = weights.astype(design.dtype, copy=False)[:, None, :]
    total = weights.sum(axis=2)

    def gram_product(B: np.ndarray) -> np.ndarray:
        outputs = _matmul_rows(B, design.coordinates.T)
        outputs = outputs - ((weights * outputs).sum(axis=2) / total)[..., None]
        return _matmul_rows(weights * outputs, design.coordinates) + alpha * B

    moments = _matmul_rows(weights * centred, design.coordinates)
    preconditioner = (1.0 / (design.gram + alpha)).astype(design.dtype)
    coef, converged = _conjugate_gradients(gram_product, moments, preconditioner)
    centre = np.einsum("prn,nk->prk", weights, design.coordinates) / total[..., None]
    intercept = mean - (coef * centre).sum(axis=2)
    coef, intercept = design.restore(coef, intercept)
    return BatchFit(coef, intercept, np.all(converged, axis=1))


def _conjugate_gradients(
    product: Callable[[np.ndarray], np.ndarray],
    right_side: np.ndarray,
    preconditioner: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve ``product(B) = right_side`` for each problem and output."""
    tolerance = 64 * np.finfo(right_side.dtype).eps
    solution, residual = np.zeros_like(right_side), right_side
    scaled = preconditioner * residual
    direction, energy = scaled, (residual * scaled).sum(axis=2)
    target = tolerance**2 * energy
    for _ in range(4 * right_side.shape[2] + 20):
        image = product(direction)
        curvature = (direction * image).sum(axis=2)
        step = np.divide(
            energy, curvature, where=curvature > 0, out=np.zeros_like(energy)
        )
        solution = solution + step[..., None] * direction
        residual = residual - step[..., None] * image
        scaled = preconditioner * residual
        previous, energy = energy, (residual * scaled).sum(axis=2)
        if (energy <= target).all():
            break
        growth = np.divide(
            energy, previous, where=previous > 0, out=np.zeros_like(energy)
        )
        direction = scaled + growth[..., None] * direction
    return solution, energy <= target
