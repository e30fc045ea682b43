"""Safeguarded limited-memory quasi-Newton steps for a whole batch of problems.

Shapes: parameters and gradients are (r, p, k) with p problems, scores (r, p, n).
"""

from __future__ import annotations

import numpy as np

LINE_SEARCH_STEPS = 30
MEMORY = 8


def dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Inner product per problem, accumulated in float64."""
    return np.einsum("rpk,rpk->p", left, right, dtype=np.float64, casting="same_kind")


def minimise(problem, tolerance, max_iter):
    """Safeguarded limited-memory quasi-Newton iteration over a whole batch.

    The scores are linear in the parameters, so the line search costs no matrix
    product: an iteration costs one product for the scores of the step and one for
    the new gradient. A problem is done when its gradient is small, or, not converged,
    when no step along the direction lowers its objective.
    """
    solution = problem.start.copy()
    active = np.arange(solution.shape[1])
    converged = np.zeros(len(active), dtype=bool)
    x = problem.start
    scores = problem.scores(x)
    log_partition, slope = problem.partition(scores)
    gradient = problem.gradient(slope, x)
    value = problem.objective(log_partition, x)
    largest_term = np.abs(log_partition)
    target = tolerance**2 * dot(gradient, problem.inverse_hessian * gradient)
    # Labels that tell nothing have a gradient of rounding errors from the start.
    target = np.maximum(target, problem.rounding())
    stuck = np.zeros(len(active), dtype=bool)
    history = _History()
    for _ in range(max_iter):
        solved = dot(gradient, problem.inverse_hessian * gradient) <= target
        done = solved | stuck
        if done.any():
            solution[:, active[done]] = x[:, done]
            converged[active[solved]] = True
            keep = ~done
            if not keep.any():
                break
            active, value, target = active[keep], value[keep], target[keep]
            largest_term = largest_term[keep]
            x, scores, gradient = x[:, keep], scores[:, keep], gradient[:, keep]
            problem.select(keep)
            history.select(keep)
        step = history.direction(gradient, problem.inverse_hessian)
        # Differences below the rounding error of the objective count as no increase.
        # Its terms grow with the scores, where labels are nearly separable.
        largest_term = np.maximum(largest_term, np.abs(dot(x, problem.moments)))
        rounding = 4 * np.finfo(x.dtype).eps * largest_term
        size, scores, value, slope, stuck = _line_search(
            problem, x, step, scores, value + rounding, dot(gradient, step)
        )
        step *= size[None, :, None].astype(step.dtype)
        x = x + step
        new_gradient = problem.gradient(slope, x)
        history.append(step, new_gradient - gradient)
        gradient = new_gradient
    solution[:, active] = x
    return solution, converged


def _line_search(problem, x, step, scores, value, descent):
    """Halve the step of each problem until its objective falls enough below `value`."""
    step_scores = problem.scores(step)
    size = np.ones(len(value))
    for _ in range(LINE_SEARCH_STEPS):
        shrunk = size[None, :, None].astype(x.dtype)
        trial_scores = scores + shrunk * step_scores
        log_partition, trial_slope = problem.partition(trial_scores)
        trial_value = problem.objective(log_partition, x + shrunk * step)
        accepted = trial_value <= value + 1e-4 * size * descent
        if accepted.all():
            break
        size = np.where(accepted, size, size / 2)
    else:
        # No step helps: these problems stay where they are.
        size = np.where(accepted, size, 0.0)
        trial_scores = scores + size[None, :, None].astype(x.dtype) * step_scores
        log_partition, trial_slope = problem.partition(trial_scores)
        trial_value = np.where(accepted, trial_value, value)
    return size, trial_scores, trial_value, trial_slope, ~accepted


class _History:
    """The last steps and gradient changes, and the direction that they give."""

    def __init__(self):
        self.steps, self.changes, self.curvatures = [], [], []

    def append(self, step, change):
        """Remember a step; one that rounding has spoilt is given no weight."""
        curvature = dot(step, change)
        usable = curvature > np.finfo(step.dtype).eps * dot(step, step)
        inverse = np.divide(1.0, curvature, where=usable, out=np.zeros_like(curvature))
        self.steps.append(step)
        self.changes.append(change)
        self.curvatures.append(inverse)
        if len(self.steps) > MEMORY:
            for entries in (self.steps, self.changes, self.curvatures):
                del entries[0]

    def select(self, keep):
        """Drop the problems that are solved."""
        self.steps = [step[:, keep] for step in self.steps]
        self.changes = [change[:, keep] for change in self.changes]
        self.curvatures = [curvature[keep] for curvature in self.curvatures]

    def direction(self, gradient, inverse_hessian):
        """Two-loop recursion: descent direction from the remembered curvature."""
        direction, factors = -gradient, []
        past = list(zip(self.steps, self.changes, self.curvatures, strict=True))
        for step, change, inverse in reversed(past):
            factor = inverse * dot(step, direction)
            factors.append(factor)
            direction = direction - _spread(factor, change)
        direction = inverse_hessian * direction
        for (step, change, inverse), factor in zip(
            past, reversed(factors), strict=True
        ):
            correction = factor - inverse * dot(change, direction)
            direction = direction + _spread(correction, step)
        return direction


def _spread(factor: np.ndarray, array: np.ndarray) -> np.ndarray:
    """Multiply each problem's slice by its factor, keeping the precision."""
    return factor[None, :, None].astype(array.dtype) * array
