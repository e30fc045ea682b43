"""Objective and gradient of a batch of logistic heads, by row blocks.

Shapes: n rows, k coordinates, p problems, r free directions of the class scores.
Parameters are held by problem, (p, r, k + 1), and scores of rows by class, (r, p, n).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    device_of,
    is_tensor,
    multiply_each,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._linear.class_labels import Labels
from sklearn_wsca._linear.design import Design, rows_per_block

# exp of larger scores is taken relative to the largest.
LARGEST_SCORE = 60.0
# A Hessian keeps at most so many numbers for its next product (256 MB).
KEPT_NUMBERS = 2**25
# With more classes the mean curvature is estimated, see `_mean_curvature`.
MANY_CLASSES = 64


class LogisticProblem:
    """Objective, gradient and starting point of a batch of logistic fits.

    Parameters
    ----------
    design : Design
        The shared rows.
    labels : Labels
        Classes of the rows.
    C : float
        Inverse penalty.
    weights : array of shape (p, n) or None
        Weights per problem; None takes those of the design.

    Notes
    -----
    Scores are those of classes 1, 2, ... relative to class 0, so C classes cost
    r = C - 1 products. The solver sees parameters (p, r, k + 1), the last entry being
    the intercept, in a basis of classes and coordinates in which the penalty is the
    identity and the Hessian at the class frequencies is diagonal.

    The labels enter the objective linearly and are used once, for `moments`. At the
    start all rows have the class frequencies, so objective and gradient there cost
    nothing more.
    """

    def __init__(
        self,
        design: Design,
        labels: Labels,
        C: float,
        weights: Any,
    ):
        self.design, self.n_problems, self.n_free = design, len(labels), labels.n_free
        self.xp = array_namespace(design.coordinates)
        self.weights = design.array(
            C * (design.weights if weights is None else weights)
        )
        directions, curvatures = labels.directions()
        present = labels.present()
        self.present = None if present is None else design.array(present)
        curvature = curvatures[labels.column]
        # One basis for all problems, or one for each.
        basis = directions[labels.column if len(directions) > 1 else 0]
        self.basis = self.directions = design.array(basis)
        penalty = np.append(np.ones(len(design.gram)), 0.0)
        self.penalty = design.array(penalty)
        # Less where a problem has fewer rows than the design, such as half of them.
        shares = np.ones(len(labels))
        if weights is not None:
            shares = to_numpy(weights.sum(axis=1)) / design.weights.sum()
        squares = C * np.outer(shares, np.append(design.gram, design.weights.sum()))
        self.squares = design.array(squares[:, None])
        largest = self.xp.max(self.weights, axis=-1) + design.zeros(len(labels))
        self.noise = (4 * design.epsilon) ** 2 * largest[:, None, None] * self.squares
        self.start_curvature = design.array(curvature)
        # The penalty keeps coefficients from flattening by more than this factor. An
        # intercept has none: its curvature vanishes where all rows are certain.
        stiffest = curvature * squares[:, :-1].max(axis=1, keepdims=True) + 1.0
        self.flattest_intercept = design.array(curvature * squares[:, -1:] / stiffest)
        self.set_curvature(self.start_curvature)
        self._space: _Workspace | None = None
        self._read_labels(labels)

    def set_curvature(self, curvature: Any) -> None:
        """Take the mean curvature along the class directions (p, r) for the Hessian."""
        if self.present is not None:
            curvature = self.xp.where(self.present > 0, curvature, 1.0)
        self.hessian = curvature[..., None] * self.squares + self.penalty
        intercepts = self.xp.maximum(self.hessian[..., -1], self.flattest_intercept)
        self.hessian[..., -1] = intercepts
        self.inverse_hessian = 1.0 / self.hessian
        left = self.xp.min(curvature / self.start_curvature, axis=1)
        self.flatness = self.xp.clip(left, self.design.epsilon, 1.0)
        # Squared length of a gradient of rounding errors per problem.
        self.rounding = self.xp.sum(self.noise * self.inverse_hessian, axis=(1, 2))

    def _read_labels(self, labels: Labels) -> None:
        """Starting point with the value and gradient there, and label moments."""
        moments, totals = self._label_moments(labels.codes)
        mass = self.xp.sum(self.weights, axis=-1, dtype=self.xp.float64)
        chances = cast(moments[..., -1], "float64") / mass[..., None]
        first = 1.0 - self.xp.sum(chances, axis=1)
        odds = chances / first[:, None]
        if self.present is not None:
            odds = self.xp.where(self.present > 0, odds, 1.0)
        scores = self._in_basis(self.xp.log(odds), labels.penalties())
        self.start = self.xp.zeros_like(moments)
        self.start[..., -1] = cast(scores, self.design.precision)
        self.moments = self._by_direction(moments)
        slope = cast(chances, self.design.precision)[..., None] * totals[:, None]
        self.gradient_at_start = self._by_direction(slope) - self.moments
        partition = -self.xp.log(first) * mass
        self.value_at_start = self.objective(partition, self.start)

    def _in_basis(self, scores: Any, penalties: np.ndarray) -> Any:
        """Class scores (p, r) along the class directions.

        The basis U satisfies ``U' A U = I`` with A the penalty, so its inverse is U' A.
        """
        shared = to_same_device(penalties, scores) * self.xp.sum(scores, axis=1)
        scores = scores - shared[:, None]
        if self.present is not None:
            scores = self.xp.where(self.present > 0, scores, 0.0)
        turned = self.xp.moveaxis(cast(self.directions, "float64"), -1, -2)
        return multiply_each(turned, scores[..., None])[..., 0]

    def _label_moments(self, codes: Any) -> tuple[Any, Any]:
        """Weighted sums of the rows by class (p, r, k + 1) and over all (p, k + 1)."""
        xp, design, p, n_free = self.xp, self.design, self.n_problems, self.n_free
        own_weights = self.weights.ndim == 2
        n_sums = n_free + own_weights
        smallest = np.min_scalar_type(-n_free - 1)
        if not is_tensor(codes):
            codes = codes.astype(smallest, copy=False)
            codes = to_same_device(codes, design.coordinates)
        gradient, total = self._zero_sums(n_sums * p)
        classes = xp.arange(1, n_free + 1, dtype=codes.dtype, **device_of(codes))
        for rows, block in design.blocks(n_sums * p):
            weights, own = self.weights[..., rows], codes[:, rows]
            shape = n_sums, p, own.shape[1]
            parts = xp.empty(shape, dtype=block.dtype, **device_of(block))
            xp.multiply(own == classes[:, None, None], weights, out=parts[:n_free])
            if own_weights:
                parts[-1] = weights
            stacked = parts.reshape(n_sums * p, -1)
            gradient += stacked @ block
            total += xp.sum(stacked, axis=1)
        sums = self._by_problem(design.from_rows(gradient, total), n_sums)
        if own_weights:
            return sums[:, :-1], sums[:, -1]
        # The rows are centred under the weights of the design.
        centred = xp.zeros_like(sums[:, 0])
        centred[:, -1] = xp.sum(self.weights)
        return sums, centred

    def evaluate(self, x: Any, which: Any = None) -> tuple[Any, Any]:
        """Objective (p,) and gradient (p, r, k + 1) at the parameters.

        `which` tells the problems that `x` belongs to, by index; None takes all.
        """
        value, gradient, _ = self._evaluate(x, which, with_curvature=False)
        return value, gradient

    def evaluate_with_curvature(self, x: Any) -> tuple[Any, Any, Any]:
        """The same for all problems, and the mean curvature (p, r) of their scores."""
        return self._evaluate(x, None, with_curvature=True)

    def _evaluate(self, x: Any, which: Any, with_curvature: bool) -> tuple:
        xp, design = self.xp, self.design
        p, r, _ = x.shape
        coef, intercept = self._class_rows(x, which)
        all_weights, present = self.weights, self._of(self.present, which)
        if all_weights.ndim == 2:
            all_weights = self._of(all_weights, which)
        partition = design.zeros(p, "float64")
        n_sums = 2 if self.many else 1
        squares = design.zeros((n_sums, p, r) if with_curvature else 0, "float64")
        space = self._space_of(r, p)
        gradient: Any = None
        total: Any = None
        for rows, block in design.blocks(r * p):
            weights = all_weights[..., rows]
            scores, chances, sums, logs = space.parts(len(block))
            xp.matmul(coef, block.T, out=scores)
            scores += intercept[:, None]
            self._softmax(chances, weights, sums, logs, present)
            # More exact than a product, and told from a rise by a line search.
            partition += xp.sum(logs * weights, axis=1)
            own = xp.sum(scores, axis=1)
            if gradient is None:
                gradient, total = xp.matmul(scores, block, out=space.gradient), own
            else:
                gradient += xp.matmul(scores, block, out=space.product)
                total += own
            if with_curvature:
                squares += self._squares(chances, weights)
        slope = self._by_problem(design.from_rows(gradient, total), r)
        moments = self._of(self.moments, which)
        gradient = self._by_direction(slope, which) - moments + self.penalty * x
        value = self.objective(partition, x, which)
        if not with_curvature:
            return value, gradient, None
        totals = self._by_problem(total, r)[..., 0]
        return value, gradient, self._mean_curvature(totals, squares)

    def hessian_product(self, x: Any) -> Callable[[Any], Any]:
        """Product of the Hessian at the parameters with others of their shape."""
        (n, k), (p, r, _) = self.design.shape, x.shape
        if n * (r * p + p + k) > KEPT_NUMBERS:
            return lambda direction: self._times(self._chances(x), direction)
        kept = list(self._chances(x))
        return lambda direction: self._times(kept, direction)

    def _chances(self, x: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Row blocks with weights and weighted probabilities (r, p, b)."""
        p, r, _ = x.shape
        coef, intercept = self._class_rows(x)
        for rows, block in self.design.blocks(r * p):
            weights = self.weights[..., rows]
            chances = (coef @ block.T + intercept[:, None]).reshape(r, p, -1)
            sums, logs = (self.xp.empty_like(chances[0]) for _ in "ab")
            self._softmax(chances, weights, sums, logs, self.present)
            yield block, weights, chances

    def _times(self, blocks: Iterable[tuple[Any, Any, Any]], direction: Any) -> Any:
        """Sum over row blocks of the Hessian's terms times a direction."""
        xp, (p, r, _) = self.xp, direction.shape
        coef, intercept = self._class_rows(direction)
        gradient, total = self._zero_sums(r * p)
        for block, weights, chances in blocks:
            scores = (coef @ block.T + intercept[:, None]).reshape(r, p, -1)
            mean = xp.sum(chances * scores, axis=0) / self._safe(weights)
            scores -= mean
            scores *= chances
            change = scores.reshape(r * p, -1)
            gradient += change @ block
            total += xp.sum(change, axis=1)
        slope = self._by_problem(self.design.from_rows(gradient, total), r)
        return self._by_direction(slope) + self.penalty * direction

    def _squares(self, chances: Any, weights: Any) -> Any:
        """Weighted sums of the squared probability along each class direction: (p, r).

        Of many classes those of each class, and of each with all of them: two sums over
        rows instead of one product with all directions for every row.
        """
        if not self.many:
            along = self._by_direction(self.xp.moveaxis(chances, 1, 0))
            safe = self._safe(weights)
            safe = safe if safe.ndim == 1 else safe[:, None]
            return self.xp.sum(along * along / safe, axis=2)[None]
        shares = chances / self._safe(weights)
        total = self.xp.sum(shares, axis=0)
        shares *= chances
        own = self.xp.sum(shares, axis=2).T
        return self.xp.stack([own, self.xp.sum(chances * total, axis=2).T])

    def _safe(self, weights: Any) -> Any:
        """Weights to divide by: rows of weight 0 have weighted probabilities of 0."""
        return self.xp.where(weights > 0, weights, 1.0)

    def _mean_curvature(self, totals: Any, squares: Any) -> Any:
        """Mean over rows of the variance of the class directions under the softmax.

        Of many classes, products of the probabilities of two of them are taken for
        proportional to what each shares with all others. That is right where labels are
        uninformative, and where classes are separate.
        """
        mass = self.xp.sum(self.weights, axis=-1)[..., None]
        squares = cast(squares, self.design.precision)
        if self.many:
            own, shared = squares[0], self.xp.clip(squares[1] - squares[0], 0.0, None)
            product = self._by_direction(shared[..., None])[..., 0] ** 2
            product = product - self._by_direction_squared(shared**2)
            together = self.xp.clip(self.xp.sum(shared, axis=1), 1e-30, None)
            first = self._by_direction_squared(totals - own)
            curvature = (first - product / together[:, None]) / mass
        else:
            curvature = (self._by_direction_squared(totals) - squares[0]) / mass
        # Rounding may leave less than nothing of the curvature of separated classes.
        return self.xp.clip(curvature, 0.0, None)

    @property
    def many(self) -> bool:
        """Whether there are so many classes that curvature is estimated."""
        return self.n_free >= MANY_CLASSES

    def _by_direction_squared(self, class_rows: Any) -> Any:
        squared = self.xp.moveaxis(self.directions * self.directions, -1, -2)
        return multiply_each(squared, class_rows[..., None])[..., 0]

    def objective(self, partition: Any, x: Any, which: Any = None) -> Any:
        """Penalised objective from the weighted sums of the log-partition."""
        moments = self._of(self.moments, which)
        return partition - self.dot(x, moments - self.penalty * x / 2)

    def dot(self, left: Any, right: Any) -> Any:
        """Inner product per problem, summed in double."""
        return self.xp.sum(left * right, axis=(1, 2), dtype=self.xp.float64)

    def label_term(self, x: Any) -> Any:
        """Part of the objective that is linear in the labels: (p,)."""
        return self.dot(x, self.moments)

    def select(self, keep: Any) -> None:
        """Drop the problems that are solved."""
        self.moments, self.noise = self.moments[keep], self.noise[keep]
        self.squares = self.squares[keep]
        self.flattest_intercept = self.flattest_intercept[keep]
        self.start_curvature = self.start_curvature[keep]
        self.flatness, self.rounding = self.flatness[keep], self.rounding[keep]
        self.hessian = self.hessian[keep]
        self.inverse_hessian = self.inverse_hessian[keep]
        if self.weights.ndim == 2:
            self.weights = self.weights[keep]
        if self.directions.ndim == 3:
            self.directions = self.directions[keep]
        if self.present is not None:
            self.present = self.present[keep]

    def class_scores(self, x: Any) -> tuple[Any, Any]:
        """Class rows (p, r, k) and intercepts (p, r) relative to class 0.

        Parameters are those of all problems, also of those that were dropped.
        """
        p, r, _ = x.shape
        rows = multiply_each(self.basis, x)
        coef, intercept = self.design.to_rows(rows.reshape(p * r, -1))
        return coef.reshape(p, r, -1), intercept.reshape(p, r)

    def _class_rows(self, x: Any, which: Any = None) -> tuple[Any, Any]:
        """Class rows (r p, k) and intercepts (r p), by class."""
        rows = multiply_each(self._directions_of(which), x)
        rows = self.xp.moveaxis(rows, 1, 0)
        return self.design.to_rows(rows.reshape(-1, rows.shape[2]))

    def _by_problem(self, by_class: Any, n_sums: int) -> Any:
        """Sums (n_sums p, m) or (n_sums p,) by class: (p, n_sums, m) by problem."""
        p = len(by_class) // n_sums
        return self.xp.moveaxis(by_class.reshape(n_sums, p, -1), 0, 1)

    def _softmax(
        self, scores: Any, weights: Any, sums: Any, logs: Any, present: Any
    ) -> None:
        """Turn scores into weighted probabilities of classes 1, ..., in place.

        `sums` is scratch, `logs` becomes the log-partition, both (p, b).
        """
        xp, largest = self.xp, None
        # An accelerator is not waited for to find out.
        if is_tensor(scores) or float(xp.max(scores)) >= LARGEST_SCORE:
            largest = xp.clip(xp.max(scores, axis=0), 0.0, None)
            scores -= largest
        xp.exp(scores, out=scores)
        if present is not None:
            scores *= present.T[..., None]
        xp.sum(scores, axis=0, out=sums)
        sums += 1.0 if largest is None else xp.exp(-largest)
        xp.log(sums, out=logs)
        if largest is not None:
            logs += largest
        xp.divide(weights, sums, out=sums)
        scores *= sums

    def _by_direction(self, class_rows: Any, which: Any = None) -> Any:
        """Class rows (p, r, m) along the class directions."""
        directions = self._directions_of(which)
        return multiply_each(self.xp.moveaxis(directions, -1, -2), class_rows)

    def _directions_of(self, which: Any) -> Any:
        if self.directions.ndim == 2:
            return self.directions
        return self._of(self.directions, which)

    def _zero_sums(self, q: int) -> tuple[Any, Any]:
        design = self.design
        return design.zeros((q, design.shape[1])), design.zeros(q)

    def _space_of(self, r: int, p: int) -> _Workspace:
        """Workspace of the last evaluation, if it was of as many problems."""
        if self._space is None or (self._space.r, self._space.p) != (r, p):
            self._space = None
            self._space = _Workspace(self.design, r, p)
        return self._space

    @staticmethod
    def _of(array: Any, which: Any) -> Any:
        return array if array is None or which is None else array[which]


class _Workspace:
    """Arrays that the row blocks of one evaluation share, and the next evaluation.

    Fresh ones for every block would be handed back to the system each time where the
    allocator is told to, as in the workers of dask, and take twice the time.
    """

    def __init__(self, design: Design, r: int, p: int):
        self.r, self.p = r, p
        self.size = min(rows_per_block(design.coordinates, r * p), design.shape[0])
        self.scores = design.zeros(r * p * self.size)
        self.sums = design.zeros((2, p * self.size))
        self.gradient = design.zeros((r * p, design.shape[1]))
        self.product = design.zeros((r * p, design.shape[1]))
        self._whole = self._cut(self.size)

    def parts(self, b: int) -> tuple[Any, Any, Any, Any]:
        """Scores (r p, b), the same (r, p, b), and two arrays (p, b), of b rows."""
        return self._whole if b == self.size else self._cut(b)

    def _cut(self, b: int) -> tuple[Any, Any, Any, Any]:
        scores = self.scores[: self.r * self.p * b]
        return (
            scores.reshape(self.r * self.p, b),
            scores.reshape(self.r, self.p, b),
            self.sums[0, : self.p * b].reshape(self.p, b),
            self.sums[1, : self.p * b].reshape(self.p, b),
        )
