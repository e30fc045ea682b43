"""Probes: the recipes by which a metadata head is fitted, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import has_fit_parameter

from sklearn_wsca._backend.namespace import Precision, array_namespace, is_tensor
from sklearn_wsca._heads.head import log_probability
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import Design
from sklearn_wsca._linear.solvers import (
    BatchFit,
    Permuted,
    fit_logistic,
    fit_logistic_columns,
    fit_ridge,
)

Kind = Literal["logistic", "ridge"]

HEAD_TOLERANCE = 1e-9
FOLD_TOLERANCES = {"float64": 1e-6, "float32": 1e-5}
# Coefficients of permutations are then off by about 1e-3 of their length, which moves a
# score by far less than one permutation differs from the next.
BATCH_TOLERANCES = {"float64": 1e-6, "float32": 5e-3}
TIE_TOLERANCES = {"float64": 1e-5, "float32": 1e-4}
FEWEST_ROWS_FOR_SINGLE = 2000


@dataclass(frozen=True)
class Probe:
    """A recipe for the head of one column.

    Parameters
    ----------
    kind : {"logistic", "ridge"}
        Log-loss on class scores, or squared error on continuous values or class
        indicators.
    n_levels : int
        Levels of the column, 0 for a continuous one.
    C : float
        Inverse penalty of logistic heads.
    alpha : float
        Penalty of ridge heads.
    estimator : scikit-learn estimator, default=None
        Fitted instead, one problem at a time, on the principal coordinates.
    """

    kind: Kind
    n_levels: int
    C: float = 1.0
    alpha: float = 1.0
    estimator: Any = None

    @property
    def n_outputs(self) -> int:
        """Rows that the head will have."""
        if self.kind == "logistic" and self.n_levels == 2:
            return 1
        return max(self.n_levels, 1)

    def fit(
        self,
        design: Design,
        labels: Any,
        weights: np.ndarray | None = None,
        tolerance: float | None = None,
    ) -> BatchFit:
        """Fit the heads of a batch with labels (p, n) on the rows of the design.

        Weights (p, n) are by default those of the design, the tolerance of the solver
        is that of batches in its precision.
        """
        if self.estimator is not None:
            return self._fit_estimator(design, labels, weights)
        if self.kind == "ridge":
            return fit_ridge(design, self._responses(labels), self.alpha, weights)
        if tolerance is None:
            tolerance = BATCH_TOLERANCES[design.precision]
        return fit_logistic(
            design, labels, self.n_levels, self.C, weights, tolerance=tolerance
        )

    def losses(
        self, outputs: np.ndarray, labels: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Weighted log-loss or squared error of outputs (p, rows, n): (p,)."""
        if self.kind == "logistic":
            chances = log_probability(outputs, self.n_levels, axis=1)
            picked = np.take_along_axis(chances, labels[:, None, :], axis=1)
            return -picked[:, 0] @ weights
        errors = outputs - self._responses(labels)
        return np.sum(errors**2, axis=1) @ weights

    def baseline(self, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Outputs (p, rows) of the best heads that ignore the embeddings."""
        mean = self._responses(labels) @ weights / weights.sum()
        if self.kind == "ridge":
            return mean
        with np.errstate(divide="ignore"):
            scores = np.log(mean)
        return scores[:, 1:] - scores[:, :1] if self.n_levels == 2 else scores

    def _responses(self, labels: Any) -> Any:
        """Regression targets (p, r, n): values, or one indicator per level."""
        if not self.n_levels:
            return labels[:, None, :]
        levels = [labels == c for c in range(self.n_levels)]
        return array_namespace(labels).stack(levels, axis=1) * 1.0

    def _fit_estimator(self, design, labels, weights):
        rows = design.whole_rows()
        if weights is None:
            weights = np.broadcast_to(design.weights, labels.shape)
        coefs, intercepts = [], []
        for values, row_weights in zip(labels, weights, strict=True):
            used = row_weights > 0
            fitted = self._fit_one(rows[used], values[used], row_weights[used])
            coefs.append(np.atleast_2d(fitted.coef_))
            intercept = np.atleast_1d(getattr(fitted, "intercept_", 0.0))
            intercepts.append(np.broadcast_to(intercept, len(coefs[-1])))
        done = np.ones(len(labels), dtype=bool)
        return BatchFit(np.array(coefs), np.array(intercepts), done)

    def _fit_one(self, rows, values, weights):
        weighted = has_fit_parameter(self.estimator, "sample_weight")
        if not weighted and np.ptp(weights) > 0:
            raise ValueError(
                f"heads: {type(self.estimator).__name__} takes no sample_weight, which "
                "sample_weight and adjust_for_target need; use another estimator."
            )
        extra = {"sample_weight": weights} if weighted else {}
        fitted = clone(self.estimator).fit(rows, values, **extra)
        if not hasattr(fitted, "coef_"):
            raise ValueError(
                f"heads: {type(fitted).__name__} has no coef_ after fit; a head "
                "must be linear, such as LogisticRegression or Ridge."
            )
        return fitted


class ProbeFit(NamedTuple):
    """A probe, and what its `fit` is called with."""

    probe: Any
    design: Design
    labels: Any
    weights: np.ndarray | None
    tolerance: float

    @property
    def rows(self) -> Any:
        """What fits have in common that are solved at once; None for other fits."""
        if not is_tensor(self.design.coordinates):
            return None
        if self.probe.kind == "ridge" or self.probe.estimator is not None:
            return None
        rows = self.design.rows
        used = None if rows is None else rows.tobytes()
        settings = self.probe.C, self.design.precision, self.tolerance
        return used, *settings, self.weights is None


def fit_probes(fits: list[ProbeFit]) -> list[BatchFit]:
    """Fit the probes of several columns; on an accelerator at once where they can be.

    These are logistic ones on the same rows of one analysis.
    """
    found: list[Any] = [None] * len(fits)
    alike: dict[Any, list[int]] = {}
    for number, fit in enumerate(fits):
        if fit.rows is None:
            found[number] = fit.probe.fit(*fit[1:])
        else:
            alike.setdefault(fit.rows, []).append(number)
    for numbers in alike.values():
        probe, design, _, _, tolerance = fits[numbers[0]]
        columns = [
            Permuted(fits[i].labels, fits[i].probe.n_levels, fits[i].weights)
            for i in numbers
        ]
        solved = fit_logistic_columns(design, columns, probe.C, tolerance)
        for number, heads in zip(numbers, solved, strict=True):
            found[number] = heads
    return found


def make_probe(recipe: Any, column: Column, C: float, alpha: float) -> Probe:
    """Probe of a column from an entry of `heads`: a name or an unfitted estimator.

    Raises
    ------
    ValueError
        If a continuous column has a classifier, or a categorical one a regressor.
    """
    by_kind: Kind = "logistic" if column.n_levels else "ridge"
    if isinstance(recipe, str):
        kind: Kind = "ridge" if recipe == "ridge" else by_kind
        return Probe(kind, column.n_levels, C, alpha)
    if is_classifier(recipe) != bool(column.n_levels):
        wants = "categorical" if is_classifier(recipe) else "continuous"
        raise ValueError(
            f"heads: {type(recipe).__name__} predicts {wants} columns, but "
            f"{column.name!r} is {column.kind}; use another estimator, or n_bins to "
            "make classes of a continuous column."
        )
    return Probe(by_kind, column.n_levels, estimator=recipe)


def batch_precision(n: int) -> Precision:
    """Precision of batches: double for small tables, where ties are possible."""
    return "float32" if n >= FEWEST_ROWS_FOR_SINGLE else "float64"


def tie_tolerance(n: int) -> float:
    """Relative difference that the iterative solvers may leave in a statistic."""
    return TIE_TOLERANCES[batch_precision(n)]
