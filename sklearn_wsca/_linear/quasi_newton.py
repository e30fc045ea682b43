"""Safeguarded quasi-Newton and Newton steps for a whole batch of problems.

Shapes: parameters and gradients are (r, p, k) with p problems.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    precision_of,
    to_same_device,
)

LINE_SEARCH_STEPS = 12
SUFFICIENT_DECREASE = 1e-4
# A promised fall of the objective below so many rounding errors of it counts as none.
SPENT = 1000.0
# Tolerances are not tightened below this where an objective is flat.
TIGHTEST = 1e-9
MEMORY = 8
# Residual of the Newton equations: at most this share of the gradient, less near the
# solution, and not worth many steps below the tolerance.
LARGEST_RESIDUAL = 0.5
RESIDUAL_BELOW_TOLERANCE = 0.1
CONJUGATE_GRADIENT_STEPS = 500


def minimise(
    problem: Any,
    tolerance: float,
    max_iter: int,
    first: Any = None,
    newton: bool = False,
) -> tuple[Any, Any]:
    """Minimise a batch of smooth convex objectives.

    Parameters
    ----------
    problem : LogisticProblem
        Objective, gradient, starting point and the Hessian there, which is diagonal.
    tolerance : float
        Relative gradient tolerance: a problem is solved when the gradient, in the norm
        of the inverse Hessian, is at most this share of the way from the start, in the
        norm of the Hessian, *and* so is the next step, which is still taken. For a
        quadratic objective that is the share of the gradient at the start. The Hessian
        is the diagonal one of the problem, brought up to date. Where it has become
        flatter than at the start, as for separable labels, the tolerance is tightened
        by the same factor.
    max_iter : int
        Largest number of iterations, of two matrix products each unless `newton`.
    first : array of shape (r, p, k), default=None
        Parameters to begin with, where better ones than the start are known.
    newton : bool, default=False
        Solve the Newton equations by conjugate gradients for every step, which costs
        many products, instead of learning from the last steps.

    Returns
    -------
    solution : array of shape (r, p, k)
        Parameters.
    converged : array of shape (p,), dtype bool
        Which problems were solved.

    Notes
    -----
    A step is taken only where the objective falls by a share of what its slope
    promises, else it is shortened; where no step does, the problem stays where it is
    and is reported as not converged.
    """
    xp, dot = array_namespace(problem.start), problem.dot
    solution, x, origin = problem.start + 0.0, problem.start, problem.start
    value, gradient = problem.value_at_start, problem.gradient_at_start
    if first is not None:
        x = first
        value, gradient, curvature = problem.evaluate_with_curvature(x)
        problem.set_curvature(curvature)
    active = to_same_device(np.arange(x.shape[1]), x)
    converged, stuck, spent = active < 0, active < 0, active < 0
    double = precision_of(x) == "float64"
    history = _History(dot)
    for iteration in range(max_iter):
        size = dot(gradient, problem.inverse_hessian * gradient)
        way = x - origin
        way = dot(way, problem.hessian * way)
        share = xp.clip(tolerance * problem.flatness, min(tolerance, TIGHTEST), None)
        limit = share**2 * way
        if newton:
            step = _newton_step(problem, x, gradient, size, way, limit)
        else:
            step = history.direction(gradient, problem.inverse_hessian)
        rounding = problem.rounding()
        small = (size <= limit) & (dot(step, problem.hessian * step) <= limit)
        # Labels that tell nothing have a gradient of rounding errors from the start.
        # Later, single precision that can do no better is no proof of a solution.
        if iteration == 0 or double:
            solved = small | (size <= rounding) | spent
        else:
            solved = small & (limit >= rounding)
        done = solved | stuck
        if bool(xp.any(done)):
            last = xp.where(small[None, :, None], x + step, x)
            solution[:, active[done]] = last[:, done]
            converged[active[solved]] = True
            keep = ~done
            if not bool(xp.any(keep)):
                return solution, converged
            active, value = active[keep], value[keep]
            x, origin = x[:, keep], origin[:, keep]
            gradient, step = gradient[:, keep], step[:, keep]
            problem.select(keep)
            history.select(keep)
        new_x, value, new_gradient, taken, stuck, spent = _line_search(
            problem, x, value, gradient, step, newton or _refreshes(iteration)
        )
        if not newton:
            history.append(new_x - x, new_gradient - gradient, taken)
        x, gradient = new_x, new_gradient
        # What was remembered may have misled: a second chance without it.
        stuck = history.forget(stuck & ~spent) | spent
    solution[:, active] = x
    return solution, converged


def _refreshes(iteration: int) -> bool:
    """Whether the Hessian is brought up to date: at iterations 1, 4, 8, 16, ..."""
    return iteration == 1 or (iteration >= 4 and iteration & (iteration - 1) == 0)


def _line_search(problem, x, value, gradient, step, refresh):
    """Shorten the step of each problem until its objective falls enough.

    Also tells the share that is taken, the problems that no step helps, and those among
    them that have nothing left to gain.
    """
    xp = array_namespace(x)
    slope = problem.dot(gradient, step)
    # Differences below the rounding error of the objective count as no increase. Its
    # terms grow with the scores, where labels are nearly separable.
    epsilon = float(xp.finfo(x.dtype).eps)
    rounding = 4 * epsilon * (xp.abs(value) + xp.abs(problem.label_term(x)))
    allowed = value + rounding
    new_x = x + step
    if refresh:
        new_value, new_gradient, curvature = problem.evaluate_with_curvature(new_x)
        problem.set_curvature(curvature)
    else:
        new_value, new_gradient = problem.evaluate(new_x)
    size = xp.ones_like(slope)
    downhill = slope < 0
    accepted = downhill & (new_value <= allowed + SUFFICIENT_DECREASE * slope)
    for _ in range(LINE_SEARCH_STEPS):
        if bool(xp.all(accepted)):
            break
        (which,) = xp.nonzero(~accepted)
        size[which] = size[which] * _shrinkage(
            new_value[which] - value[which], size[which] * slope[which]
        )
        trial = x[:, which] + _spread(size[which], step[:, which])
        new_x[:, which] = trial
        new_value[which], new_gradient[:, which] = problem.evaluate(trial, which)
        enough = allowed + SUFFICIENT_DECREASE * size * slope
        accepted = downhill & (new_value <= enough)
    stuck = ~accepted
    if bool(xp.any(stuck)):
        new_x[:, stuck], new_gradient[:, stuck] = x[:, stuck], gradient[:, stuck]
        new_value[stuck] = value[stuck]
    # What the slope still promises is lost in the rounding of the objective.
    spent = stuck & (slope < 0) & (-slope <= SPENT * rounding)
    return new_x, new_value, new_gradient, size, stuck, spent


def _shrinkage(rise, slope):
    """Share of a step at the minimum of the parabola through value, slope and end."""
    xp = array_namespace(rise)
    curvature = rise - slope
    share = -slope / xp.where(curvature > 0, 2 * curvature, xp.ones_like(curvature))
    # An objective that overflowed tells nothing but to go back.
    share = xp.where(xp.isfinite(share), share, xp.zeros_like(share))
    return xp.clip(share, 0.1, 0.5)


class _History:
    """The last steps and gradient changes, and the direction that they give."""

    def __init__(self, dot):
        self.dot = dot
        self.steps, self.changes, self.curvatures = [], [], []
        self.shortened: Any = False

    def append(self, step, change, taken):
        """Remember a step; one that rounding has spoilt is given no weight."""
        xp = array_namespace(step)
        self.shortened = self.shortened | (taken < 1)
        curvature = self.dot(step, change)
        usable = curvature > xp.finfo(step.dtype).eps * self.dot(step, step)
        safe = xp.where(usable, curvature, xp.ones_like(curvature))
        self.steps.append(step)
        self.changes.append(change)
        self.curvatures.append(xp.where(usable, 1.0 / safe, xp.zeros_like(safe)))
        if len(self.steps) > MEMORY:
            for entries in (self.steps, self.changes, self.curvatures):
                del entries[0]

    def forget(self, which):
        """Forget the steps of some problems; returns those that had none left."""
        xp = array_namespace(which)
        none_left = which
        if not bool(xp.any(which)):
            return none_left
        for curvature in self.curvatures:
            none_left = none_left & (curvature == 0)
            curvature[which] = 0.0
        return none_left

    def select(self, keep):
        """Drop the problems that are solved."""
        self.steps = [step[:, keep] for step in self.steps]
        self.changes = [change[:, keep] for change in self.changes]
        self.curvatures = [curvature[keep] for curvature in self.curvatures]
        if self.steps:
            self.shortened = self.shortened[keep]

    def direction(self, gradient, inverse_hessian):
        """Two-loop recursion: descent direction from the remembered curvature."""
        direction, factors = -gradient, []
        past = list(zip(self.steps, self.changes, self.curvatures, strict=True))
        for step, change, inverse in reversed(past):
            factor = inverse * self.dot(step, direction)
            factors.append(factor)
            direction = direction - _spread(factor, change)
        direction = inverse_hessian * direction
        if past and bool(array_namespace(gradient).any(self.shortened)):
            direction = _spread(self._correction(inverse_hessian), direction)
        for (step, change, inverse), factor in zip(
            past, reversed(factors), strict=True
        ):
            correction = factor - inverse * self.dot(change, direction)
            direction = direction + _spread(correction, step)
        return direction

    def _correction(self, inverse_hessian):
        """Factor that brings the inverse Hessian down to the last change: (p,).

        The mean curvature of the rows is too small where those near a boundary decide.
        Without this every step would have to be shortened.
        """
        xp, change = array_namespace(inverse_hessian), self.changes[-1]
        length = self.dot(change, inverse_hessian * change) * self.curvatures[-1]
        factor = 1.0 / xp.clip(length, 1.0, None)
        return xp.where(self.shortened, factor, xp.ones_like(factor))


def _newton_step(problem, x, gradient, size, way, limit):
    """Newton's step for each problem, by preconditioned conjugate gradients.

    `size` and `way` are the squared lengths of the gradient and of the way so far: the
    residual falls faster than the gradient does, so that the last steps are exact.
    """
    xp, dot = array_namespace(x), problem.dot
    share = (size / xp.where(way > 0, way, xp.ones_like(way))) ** 0.25
    share = xp.clip(share, None, LARGEST_RESIDUAL)
    least = RESIDUAL_BELOW_TOLERANCE**2 * limit
    target = xp.where(way > 0, xp.maximum(share**2 * size, least), size / 4)
    product = problem.hessian_product(x)
    step, residual = xp.zeros_like(x), -gradient
    scaled = problem.inverse_hessian * residual
    direction, energy = scaled, size
    for _ in range(CONJUGATE_GRADIENT_STEPS):
        if bool(xp.all(energy <= target)):
            break
        image = product(direction)
        length = ratio(energy, dot(direction, image))
        step = step + _spread(length, direction)
        residual = residual - _spread(length, image)
        scaled = problem.inverse_hessian * residual
        previous, energy = energy, dot(residual, scaled)
        direction = scaled + _spread(ratio(energy, previous), direction)
    return step


def ratio(numerator: Any, denominator: Any) -> Any:
    """Quotient, or 0 where the denominator is not positive."""
    xp = array_namespace(numerator)
    positive = denominator > 0
    safe = xp.where(positive, denominator, xp.ones_like(denominator))
    return xp.where(positive, numerator / safe, xp.zeros_like(numerator))


def _spread(factor: Any, array: Any) -> Any:
    """Multiply each problem's slice by its factor, keeping the precision."""
    return cast(factor[None, :, None], precision_of(array)) * array
