"""Limited memory of a quasi-Newton method: the last steps of a batch of problems.

Shapes: parameters and gradients are (p, r, k) with p problems; m is r k.
"""

from __future__ import annotations

from typing import Any

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    multiply_each,
    precision_of,
)

MEMORY = 8


class StepHistory:
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
        self.steps[:, slot], self.changes[:, slot] = _flat(step), _flat(change)
        self.n_seen += 1
        products = self._products(self.steps, change)
        curvature = products[:, slot, 0]
        least = xp.finfo(step.dtype).eps * self.problem.dot(step, step)
        usable = curvature > least
        scale = usable / xp.where(usable, curvature, 1.0)
        own = self.inverse[:, : self.n_used, : self.n_used]
        if self.n_seen > MEMORY:
            own[:, slot], own[:, :, slot] = 0.0, 0.0
        own[:, :, slot] = multiply_each(own, products)[..., 0] * -scale[:, None]
        own[:, slot, slot] = scale
        self.curvatures[:, slot] = curvature

    def _make_room(self, like):
        """Slots, which are taken in turn: the order of time goes round."""
        xp, where = array_namespace(like), device_of(like)
        p, r, k = like.shape
        shape = p, MEMORY, r * k
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
        first = multiply_each(inverse, self._products(self.steps, gradient))
        turned = inverse_hessian * (gradient - self._combine(self.changes, first))
        if self.shortened is not None:
            turned = spread(self._correction(inverse_hessian), turned)
        left = curvatures[..., None] * first - self._products(self.changes, turned)
        second = multiply_each(inverse.swapaxes(1, 2), left)
        return -(turned + self._combine(self.steps, second))

    def _products(self, remembered, array):
        """Products of what is remembered with an array (p, r, k): (p, slots, 1)."""
        column = array.reshape(len(array), -1, 1)
        return cast(multiply_each(remembered[:, : self.n_used], column), "float64")

    def _combine(self, remembered, factors):
        """Sums (p, r, k) of what is remembered times factors (p, slots, 1)."""
        row = cast(factors, precision_of(remembered)).swapaxes(1, 2)
        sums = multiply_each(row, remembered[:, : self.n_used])
        return sums.reshape(self.problem.inverse_hessian.shape)

    def _correction(self, inverse_hessian):
        """Factor that brings the inverse Hessian down to the last change: (p,).

        The mean curvature of the rows is too small where those near a boundary decide.
        Without this every step would have to be shortened.
        """
        xp, last = array_namespace(inverse_hessian), (self.n_seen - 1) % MEMORY
        change = self.changes[:, last].reshape(inverse_hessian.shape)
        length = self.problem.dot(change, inverse_hessian * change)
        length = length * self.inverse[:, last, last]
        factor = 1.0 / xp.clip(length, 1.0, None)
        return xp.where(self.shortened, factor, xp.ones_like(factor))


def _keep(remembered, used, keep):
    """What is remembered of some problems, with room for more."""
    kept = remembered[keep, used]
    xp, (p, n, m) = array_namespace(kept), kept.shape
    found = xp.empty((p, MEMORY, m), dtype=kept.dtype, **device_of(kept))
    found[:, :n] = kept
    return found


def _flat(array: Any) -> Any:
    """Parameters (p, r, k) of every problem in a row: (p, m)."""
    return array.reshape(len(array), -1)


def spread(factor: Any, array: Any) -> Any:
    """Multiply each problem's slice by its factor, keeping the precision."""
    return cast(factor[:, None, None], precision_of(array)) * array
