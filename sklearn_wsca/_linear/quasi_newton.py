"""Safeguarded quasi-Newton and Newton steps for a whole batch of problems.

Shapes: parameters and gradients are (p, r, k) with p problems.
"""

from __future__ import annotations

from typing import Any

from sklearn_wsca._backend.namespace import (
    array_namespace,
    device_of,
    is_tensor,
    precision_of,
)
from sklearn_wsca._linear.step_history import StepHistory, spread

LINE_SEARCH_STEPS = 12
SUFFICIENT_DECREASE = 1e-4
# A promised fall of the objective below so many rounding errors of it counts as none.
SPENT = 1000.0
# Tolerances are not tightened below this where an objective is flat.
TIGHTEST = 1e-9
# Residual of the Newton equations: at most this share of the gradient, less near the
# solution, and not worth many steps below the tolerance.
LARGEST_RESIDUAL = 0.5
RESIDUAL_BELOW_TOLERANCE = 0.1
CONJUGATE_GRADIENT_STEPS = 500
# Share of a batch that must be done before it is left out of the rest. An accelerator
# has to wait for that, and carries it along as fast.
SHARE_LEFT_OUT, SHARE_LEFT_OUT_OF_TENSORS = 0.0, 0.5
# How often conjugate gradients ask an accelerator whether they are done.
STEPS_PER_CHECK_OF_TENSORS = 8


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
    first : array of shape (p, r, k), default=None
        Parameters to begin with, where better ones than the start are known.
    newton : bool, default=False
        Solve the Newton equations by conjugate gradients for every step, which costs
        many products, instead of learning from the last steps.

    Returns
    -------
    solution : array of shape (p, r, k)
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
    x, origin = problem.start, problem.start
    value, gradient = problem.value_at_start, problem.gradient_at_start
    if first is not None:
        x = first
        value, gradient, curvature = problem.evaluate_with_curvature(x)
        problem.set_curvature(curvature)
    double = precision_of(x) == "float64"
    outcome, history = _Outcome(problem.start), StepHistory(problem)
    stuck: Any = None
    spent: Any = None
    for iteration in range(max_iter):
        size = dot(gradient, problem.inverse_hessian * gradient)
        way = x - origin
        way = dot(way, problem.hessian * way)
        share = xp.clip(tolerance * problem.flatness, min(tolerance, TIGHTEST), None)
        limit = share**2 * way
        if newton:
            step = _newton_step(problem, x, gradient, size, way, limit)
        else:
            step = history.direction(gradient)
        small = (size <= limit) & (dot(step, problem.hessian * step) <= limit)
        # Labels that tell nothing have a gradient of rounding errors from the start.
        # Later, single precision that can do no better is no proof of a solution.
        if iteration == 0 or double:
            solved = small | (size <= problem.rounding)
        else:
            solved = small & (limit >= problem.rounding)
        done = solved
        if stuck is not None:
            solved = solved | spent if double else solved
            done = solved | stuck
        keep = outcome.settle(done, solved, small, x, step)
        if keep is not None:
            if not len(keep):
                return outcome.solution, outcome.converged
            value, x, origin = value[keep], x[keep], origin[keep]
            gradient, step = gradient[keep], step[keep]
            problem.select(keep)
            history.select(keep)
        step = outcome.hold(step)
        refresh = newton or _refreshes(iteration)
        new_x, value, new_gradient, taken, stuck, spent = _line_search(
            problem, x, value, gradient, step, refresh, outcome.done
        )
        if not newton:
            history.append(new_x - x, new_gradient - gradient, taken)
        x, gradient = new_x, new_gradient
        if stuck is not None:
            # What was remembered may have misled: a second chance without it.
            stuck = history.forget(stuck & ~spent) | spent
    outcome.end(x)
    return outcome.solution, outcome.converged


class _Outcome:
    """Solutions of a batch, from which problems that are done leave.

    They wait until they are a share of those that are left: meanwhile they are `done`,
    and stay where they are.
    """

    def __init__(self, start: Any):
        self.solution = start + 0.0
        xp = array_namespace(start)
        self._active = xp.arange(len(start), **device_of(start))
        self.converged = self._active < 0
        tensor = is_tensor(start)
        self._share = SHARE_LEFT_OUT_OF_TENSORS if tensor else SHARE_LEFT_OUT
        self.done, self._n_done = None, 0
        self._last = self._solved = None

    def settle(self, done, solved, small, x, step) -> Any:
        """Keep what is done; returns which problems go on if the others leave.

        A last `small` step is still taken.
        """
        xp = array_namespace(x)
        done = done if self.done is None else done | self.done
        n_done = int(xp.sum(done))
        if n_done > self._n_done:
            last = xp.where(small[:, None, None], x + step, x)
            if self.done is not None:
                solved = xp.where(self.done, self._solved, solved)
            self._last, self._solved = self._with_last(last), solved
            self.done, self._n_done = done, n_done
        if not n_done or n_done < self._share * len(done):
            return None
        self._write(self._last)
        (keep,) = xp.nonzero(~done)
        self._active = self._active[keep]
        self.done, self._n_done = None, 0
        return keep

    def hold(self, step: Any) -> Any:
        """Steps, none for problems that are done."""
        if self.done is None:
            return step
        return array_namespace(step).where(self.done[:, None, None], 0.0, step)

    def end(self, x: Any) -> None:
        """Keep where the others are too."""
        self._write(self._with_last(x))

    def _with_last(self, x: Any) -> Any:
        if self.done is None:
            return x
        return array_namespace(x).where(self.done[:, None, None], self._last, x)

    def _write(self, x: Any) -> None:
        self.solution[self._active] = x
        if self.done is not None:
            self.converged[self._active] = self._solved


def _refreshes(iteration: int) -> bool:
    """Whether the Hessian is brought up to date: at iterations 1, 4, 8, 16, ..."""
    return iteration == 1 or (iteration >= 4 and iteration & (iteration - 1) == 0)


def _line_search(problem, x, value, gradient, step, refresh, done):
    """Shorten the step of each problem until its objective falls enough.

    Also tells the share that is taken, the problems that no step helps, and those among
    them that have nothing left to gain: None where all steps are taken as they are.
    Problems that are `done` have none.
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
    downhill = slope < 0
    accepted = downhill & (new_value <= allowed + SUFFICIENT_DECREASE * slope)
    accepted = accepted if done is None else accepted | done
    if bool(xp.all(accepted)):
        return new_x, new_value, new_gradient, None, None, None
    size = xp.ones_like(slope)
    for _ in range(LINE_SEARCH_STEPS):
        (which,) = xp.nonzero(~accepted)
        size[which] = size[which] * _shrinkage(
            new_value[which] - value[which], size[which] * slope[which]
        )
        trial = x[which] + spread(size[which], step[which])
        new_x[which] = trial
        new_value[which], new_gradient[which] = problem.evaluate(trial, which)
        enough = allowed + SUFFICIENT_DECREASE * size * slope
        accepted = downhill & (new_value <= enough)
        accepted = accepted if done is None else accepted | done
        if bool(xp.all(accepted)):
            return new_x, new_value, new_gradient, size, None, None
    stuck = ~accepted
    new_x[stuck], new_gradient[stuck] = x[stuck], gradient[stuck]
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
    every = STEPS_PER_CHECK_OF_TENSORS if is_tensor(x) else 1
    for number in range(CONJUGATE_GRADIENT_STEPS):
        if number % every == 0 and bool(xp.all(energy <= target)):
            break
        image = product(direction)
        length = ratio(energy, dot(direction, image))
        step = step + spread(length, direction)
        residual = residual - spread(length, image)
        scaled = problem.inverse_hessian * residual
        previous, energy = energy, dot(residual, scaled)
        direction = scaled + spread(ratio(energy, previous), direction)
    return step


def ratio(numerator: Any, denominator: Any) -> Any:
    """Quotient, or 0 where the denominator is not positive."""
    xp = array_namespace(numerator)
    positive = denominator > 0
    safe = xp.where(positive, denominator, xp.ones_like(denominator))
    return xp.where(positive, numerator / safe, xp.zeros_like(numerator))
