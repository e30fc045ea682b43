"""Alignment of heads: cosine, output correlation and pattern, and their summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._heads.head import center_rows
from sklearn_wsca._input.embeddings import Embeddings, as_embeddings
from sklearn_wsca._linear.subspace import Subspace

Aggregate = Literal["rms", "max", "mean"]

# Below this share of its length, what is left of a head row is rounding.
ROUNDING = 1e-13


@dataclass(frozen=True)
class Metric:
    """What is compared of two heads: rows times powers of the covariance S.

    Parameters
    ----------
    filter_power : {0, 0.5}
        That of the head which reads the embedding. With 0.5 the length of a row is the
        standard deviation of its output, so what lies outside the retained directions
        counts.
    reference_power : {0, 0.5, 1}
        That of the head which it is compared with. The metric is symmetric where both
        are equal; a pattern S w lies in the retained directions.
    """

    filter_power: float
    reference_power: float

    @property
    def symmetric(self) -> bool:
        """Whether references are the filters themselves."""
        return self.filter_power == self.reference_power


# The only list of metrics; the docstring of the estimator explains them.
METRICS = {
    "weight": Metric(0.0, 0.0),
    "score": Metric(0.5, 0.5),
    "pattern": Metric(0.0, 1.0),
}


def weight_space_correlation(
    coef_a, coef_b, components=None, *, center: bool = True
) -> np.ndarray:
    r"""Cosines between the rows of two linear heads.

    For people who only have weights. The value for row i of head a and row j of
    head b is

    .. math:: \cos_{ij} = \frac{a_i P^T \cdot b_j P^T}{|a_i P^T| \, |b_j P^T|}

    with P the principal directions of the embeddings, or the identity.

    Parameters
    ----------
    coef_a : array-like of shape (C_a, n_features) or (n_features,)
        Weights of the first head, one row per class.
    coef_b : array-like of shape (C_b, n_features) or (n_features,)
        Weights of the second head.
    components : array-like of shape (k, n_features), default=None
        Principal directions to project on, such as ``components_`` of a fitted
        estimator or of a PCA. None compares the weights as they are.
    center : bool, default=True
        Subtract from every row the mean over the rows of its head. One vector added to
        all rows of a softmax head changes no prediction but does change cosines. A
        single row stays as it is. Use False for heads whose rows are separate outputs.

    Returns
    -------
    ndarray of shape (C_a, C_b)
        Cosines between -1 and 1. A head compared with itself gives 1 on the diagonal,
        unrelated heads scatter about 0 with a spread of about one over the square root
        of the number of effective directions.

    Raises
    ------
    ValueError
        If widths differ, a value is not finite, or a row is zero after centring and
        projection, so that it has no direction.

    References
    ----------
    .. [1] C. K. Wong et al., "Weight Space Correlation Analysis: Quantifying Feature
       Utilization in Deep Learning Models", MIDL 2026, PMLR 315:2711-2737,
       arXiv:2512.13144, equations 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import weight_space_correlation
    >>> plane = np.array([3.0, 4.0, 0.0])
    >>> scanners = np.array([[6.0, 8.0, 0.0], [-6.0, -8.0, 0.0]])
    >>> weight_space_correlation(plane, scanners)
    array([[ 1., -1.]])
    """
    rows = []
    for name, coef in (("coef_a", coef_a), ("coef_b", coef_b)):
        coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
        _check_weights(coef, name)
        labels = [f"{i} of {name}" for i in range(len(coef))]
        rows.append(unit_rows(center_rows(coef) if center else coef, labels))
    a, b = rows
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"coef_a has {a.shape[1]} features and coef_b has {b.shape[1]}; both heads "
            "must stand on the same embeddings."
        )
    if components is not None:
        P = np.asarray(components, dtype=np.float64)
        if P.ndim != 2 or P.shape[1] != a.shape[1]:
            raise ValueError(
                f"components has shape {P.shape}; the heads have {a.shape[1]} "
                f"features, so (k, {a.shape[1]}) is needed."
            )
        reach = np.linalg.norm(P, axis=1).max(initial=0.0)
        a, b = (
            unit_rows(
                rows @ P.T,
                [f"{i} of {name}" for i in range(len(rows))],
                ROUNDING * reach,
            )
            for rows, name in ((a, "coef_a"), (b, "coef_b"))
        )
    return np.clip(a @ b.T, -1.0, 1.0)


def _check_weights(coef: np.ndarray, name: str) -> None:
    if coef.ndim != 2:
        raise ValueError(f"{name} has {coef.ndim} dimensions; pass (C, d) or (d,).")
    if not np.isfinite(coef).all():
        raise ValueError(f"{name} holds NaN or infinite weights; export it again.")


def unit_rows(rows: np.ndarray, labels: Sequence, rounding: float = 0.0) -> np.ndarray:
    """Divide rows by their length; one of length 0, or `rounding`, has no direction.

    `labels` names the rows along the second last axis.
    """
    found = unit_or_zero(rows, rounding)
    without = ~found.any(axis=-1)
    if without.any():
        raise no_direction(labels[np.argwhere(without)[0][-1]])
    return found


def unit_or_zero(rows: np.ndarray, rounding: float = 0.0) -> np.ndarray:
    """Divide rows by their length; one of length 0, or `rounding`, becomes zero."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, lengths, where=lengths > rounding, out=np.zeros_like(rows))


def no_direction(label: Any) -> ValueError:
    """Error about a row of a head that nothing is left of."""
    return ValueError(
        f"the head row {label} is zero after centring over classes and projection on "
        "the principal directions, so it has no direction to compare."
    )


@dataclass(frozen=True)
class AlignmentSpace:
    """Turns heads into unit vectors whose products are their alignments.

    Parameters
    ----------
    subspace : Subspace
        Principal directions and variances of the embeddings.
    metric : Metric
        Which alignment.
    projected : bool
        Whether weights are compared after projection. Without projection the part of
        a trained head outside the retained directions counts in its length.
    """

    subspace: Subspace
    metric: Metric
    projected: bool = True

    def filters(self, coef: np.ndarray, X: Embeddings, weights):
        """Unit vectors of heads that read the embedding: (rows, k + extra).

        Rows that nothing is left of have no direction and are zero. The extra
        coordinates carry what lies outside the retained directions where the metric
        counts it; they are zero for heads fitted in the subspace.
        """
        # Heads of different units together: each is judged at its own length.
        coef = unit_or_zero(coef)
        inside = self.subspace.project(coef)
        outside = self._outside(coef, inside, X, weights)
        inside = inside * self.filter_weights()
        rounding = self._rounding(self.metric.filter_power)
        return unit_or_zero(np.hstack([inside, outside]), rounding)

    def references(self, coef: np.ndarray, X: Embeddings, weights):
        """Unit vectors that filters are compared with: (rows, k + extra).

        They are the filters themselves, or patterns.
        """
        if self.metric.symmetric:
            return self.filters(coef, X, weights)
        coef = unit_or_zero(coef)
        inside = self.subspace.project(coef)
        rounding = self._rounding(self.metric.reference_power)
        pattern = unit_or_zero(inside * self.reference_weights(), rounding)
        # Patterns lie in the retained directions, whatever their heads do.
        outside = self._outside(coef, inside, X, weights)
        return np.hstack([pattern, np.zeros_like(outside)])

    def reference_weights(self) -> np.ndarray | float:
        """What the metric multiplies principal coordinates of a reference by."""
        return self._weights(self.metric.reference_power)

    def filter_weights(self) -> np.ndarray | float:
        """What the metric multiplies principal coordinates of a filter by."""
        return self._weights(self.metric.filter_power)

    def _weights(self, power: float) -> np.ndarray | float:
        # A number leaves the precision of a batch of heads as it is.
        return self.subspace.variance**power if power else 1.0

    def _rounding(self, power: float) -> float:
        """Length below which a row of unit weights is rounding after its weighting."""
        return ROUNDING * float(self.subspace.variance[0] ** power)

    def _outside(self, coef, inside, X, weights):
        """Coordinates (rows, extra) of what the retained directions miss of heads.

        They come from the products of the rows with each other, so that they do not
        depend on the basis of the embeddings.
        """
        outside = coef - inside @ self.subspace.components
        is_output = self.metric.filter_power > 0
        counts = is_output or not self.projected
        if not counts or np.abs(outside).max() <= 1e-10 * np.abs(coef).max():
            return np.zeros((len(coef), 0))
        products = outside @ outside.T
        if is_output:
            products = self._output_covariance(outside, X, weights)
        values, vectors = np.linalg.eigh(products)
        return vectors * np.sqrt(np.maximum(values, 0.0))

    def _output_covariance(self, coef, X, weights):
        """Weighted covariance of the outputs of heads."""
        add_up = partial(_add_up_outputs, coef=coef, mean=self.subspace.mean)
        (covariance,) = as_embeddings(X).total(add_up, weights)
        return covariance / weights.sum()


def _add_up_outputs(
    block: Any, weights: np.ndarray, *, coef: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray]:
    """Sum of the products of outputs of heads."""
    centred = block - to_same_device(mean, block)
    outputs = to_numpy(centred @ to_same_device(coef.T, block))
    return ((outputs * weights[:, None]).T @ outputs,)


def fitted_references(coef: Any, center: bool, weights: np.ndarray | float) -> Any:
    """References of permuted heads in scaled principal coordinates: (..., rows, k).

    A permutation that carries no information has a head of zeros. It is aligned with
    nothing, so it stays zero.
    """
    xp = array_namespace(coef)
    coef = center_rows(coef) if center else coef
    if np.ndim(weights):
        coef = coef * to_same_device(weights, coef)
    lengths = xp.sqrt(xp.sum(coef * coef, axis=-1, keepdims=True))
    return coef / xp.where(lengths > 0, lengths, xp.ones_like(lengths))


def aggregate_alignment(alignment: Any, how: Aggregate) -> Any:
    """Column score from the alignments of all rows: over the last two axes.

    "rms" is the root mean square, "max" and "mean" are of absolute values. All lie
    between 0 (no pair of rows aligned) and 1.
    """
    xp = array_namespace(alignment)
    if how == "rms":
        return xp.sqrt(xp.mean(alignment**2, axis=(-2, -1)))
    absolute = xp.abs(alignment)
    if how == "max":
        return xp.max(absolute, axis=(-2, -1))
    return xp.mean(absolute, axis=(-2, -1))
