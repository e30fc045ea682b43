"""Safeguarded quasi-Newton and Newton steps for a whole batch of problems.

Shapes: parameters and gradients are (r, p, k) with p problems.
"""

from __future__ import annotations

from typing import Any

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    is_tensor,
    precision_of,
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
    x, origin = problem.start, problem.start
    value, gradient = problem.value_at_start, problem.gradient_at_start
    if first is not None:
        x = first
        value, gradient, curvature = problem.evaluate_with_curvature(x)
        problem.set_curvature(curvature)
    double = precision_of(x) == "float64"
    outcome, history = _Outcome(problem.start), _History(problem)
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
            value, x, origin = value[keep], x[:, keep], origin[:, keep]
            gradient, step = gradient[:, keep], step[:, keep]
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
        self._active = xp.arange(start.shape[1], **device_of(start))
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
            last = xp.where(small[None, :, None], x + step, x)
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
        xp = array_namespace(step)
        return xp.where(self.done[None, :, None], xp.zeros_like(step), step)

    def end(self, x: Any) -> None:
        """Keep where the others are too."""
        self._write(self._with_last(x))

    def _with_last(self, x: Any) -> Any:
        if self.done is None:
            return x
        return array_namespace(x).where(self.done[None, :, None], self._last, x)

    def _write(self, x: Any) -> None:
        self.solution[:, self._active] = x
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
        trial = x[:, which] + _spread(size[which], step[:, which])
        new_x[:, which] = trial
        new_value[which], new_gradient[:, which] = problem.evaluate(trial, which)
        enough = allowed + SUFFICIENT_DECREASE * size * slope
        accepted = downhill & (new_value <= enough)
        accepted = accepted if done is None else accepted | done
        if bool(xp.all(accepted)):
            return new_x, new_value, new_gradient, size, None, None
    stuck = ~accepted
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
    """The last steps and gradient changes, and the direction that they give.

    With S and Y the steps and changes as columns, in the order of time, and H the
    inverse Hessian of the problem, the two-loop recursion is

        a = R^-1 S'g,  z = H (g - Y a),  b = R^-T (D a - Y'z),  -(z + S b)

    for a gradient g, where R is the upper triangle of S'Y and D its diagonal. A step
    that is not used has zeros in R^-1.

    Parameters
    ----------
    problem : LogisticProblem
        The problems.
    """

    def __init__(self, problem: Any):
        self.problem, self.n_seen = problem, 0
        self.shortened: Any = None
        self.steps: Any = None
        self.changes: Any = None
        self.inverse: Any = None
        self.curvatures: Any = None

    @property
    def n_used(self) -> int:
        """Slots that hold a step."""
        return min(self.n_seen, MEMORY)

    def append(self, step, change, taken):
        """Remember a step; one that rounding has spoilt is given no weight.

        `taken` (p,) is the share of it that was taken, None for all of it.
        """
        xp, slot = array_namespace(step), self.n_seen % MEMORY
        if not self.n_seen:
            self._make_room(step)
        if taken is not None:
            short = taken < 1
            self.shortened = short if self.shortened is None else self.shortened | short
        self.steps[slot], self.changes[slot] = step, change
        self.n_seen += 1
        products = self._products(self.steps, change)
        curvature = products[:, slot]
        least = xp.finfo(step.dtype).eps * self.problem.dot(step, step)
        usable = curvature > least
        scale = xp.where(usable, curvature, xp.ones_like(curvature))
        scale = xp.where(usable, 1.0 / scale, xp.zeros_like(scale))
        own = self.inverse[:, : self.n_used, : self.n_used]
        own[:, slot], own[:, :, slot] = 0.0, 0.0
        own[:, :, slot] = -scale[:, None] * (own @ products[..., None])[..., 0]
        own[:, slot, slot] = scale
        self.curvatures[:, slot] = curvature

    def _make_room(self, like):
        """Slots, which are taken in turn: the order of time goes round."""
        xp, where = array_namespace(like), device_of(like)
        p, shape = like.shape[1], (MEMORY, *like.shape)
        self.steps = xp.empty(shape, dtype=like.dtype, **where)
        self.changes = xp.empty(shape, dtype=like.dtype, **where)
        self.inverse = xp.zeros((p, MEMORY, MEMORY), dtype=xp.float64, **where)
        self.curvatures = xp.zeros((p, MEMORY), dtype=xp.float64, **where)

    def forget(self, which):
        """Forget the steps of some problems; returns those that had none left."""
        if not self.n_seen:
            return which
        xp = array_namespace(which)
        remembered = xp.any(xp.any(self.inverse != 0.0, axis=2), axis=1)
        self.inverse = xp.where(
            which[:, None, None], xp.zeros_like(self.inverse), self.inverse
        )
        return which & ~remembered

    def select(self, keep):
        """Drop the problems that are solved."""
        if not self.n_seen:
            return
        used = slice(0, self.n_used)
        self.steps = _keep(self.steps, used, keep)
        self.changes = _keep(self.changes, used, keep)
        self.inverse, self.curvatures = self.inverse[keep], self.curvatures[keep]
        if self.shortened is not None:
            self.shortened = self.shortened[keep]

    def direction(self, gradient):
        """Two-loop recursion: descent direction from the remembered curvature."""
        inverse_hessian = self.problem.inverse_hessian
        if not self.n_seen:
            return -(inverse_hessian * gradient)
        used = slice(0, self.n_used)
        inverse, curvatures = self.inverse[:, used, used], self.curvatures[:, used]
        first = (inverse @ self._products(self.steps, gradient)[..., None])[..., 0]
        turned = inverse_hessian * (gradient - self._combine(self.changes, first))
        if self.shortened is not None:
            turned = _spread(self._correction(inverse_hessian), turned)
        left = curvatures * first - self._products(self.changes, turned)
        second = (left[:, None] @ inverse)[:, 0]
        return -(turned + self._combine(self.steps, second))

    def _products(self, remembered, array):
        """Products of what is remembered with an array (r, p, k): (p, slots)."""
        xp = array_namespace(array)
        past = xp.moveaxis(remembered[: self.n_used], 0, 2)
        return xp.sum((past @ array[..., None])[..., 0], axis=0, dtype=xp.float64)

    def _combine(self, remembered, factors):
        """Sums (r, p, k) of what is remembered times factors (p, slots)."""
        xp = array_namespace(remembered)
        past = xp.moveaxis(remembered[: self.n_used], 0, 2)
        factors = cast(factors, precision_of(remembered))
        return (factors[None, :, None] @ past)[:, :, 0]

    def _correction(self, inverse_hessian):
        """Factor that brings the inverse Hessian down to the last change: (p,).

        The mean curvature of the rows is too small where those near a boundary decide.
        Without this every step would have to be shortened.
        """
        xp, last = array_namespace(inverse_hessian), (self.n_seen - 1) % MEMORY
        change = self.changes[last]
        length = self.problem.dot(change, inverse_hessian * change)
        length = length * self.inverse[:, last, last]
        factor = 1.0 / xp.clip(length, 1.0, None)
        return xp.where(self.shortened, factor, xp.ones_like(factor))


def _keep(remembered, used, keep):
    """What is remembered of some problems, with room for more."""
    kept = remembered[used][:, :, keep]
    xp, (n, *shape) = array_namespace(kept), kept.shape
    found = xp.empty((MEMORY, *shape), dtype=kept.dtype, **device_of(kept))
    found[:n] = kept
    return found


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
