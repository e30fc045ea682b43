"""Contributions of features to classes, what they amount to, and which matter most."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from sklearn_wsca._heads.head import Head


@dataclass(frozen=True)
class ClassRows:
    """One row of weights per class, or per number that is predicted.

    Parameters
    ----------
    weights : ndarray of shape (K, C)
        Weight of each feature.
    intercept : ndarray of shape (K,)
        Intercepts.
    names : tuple
        Classes; one empty name for a number.
    is_class : bool
        Whether rows are scores of classes.
    """

    weights: np.ndarray
    intercept: np.ndarray
    names: tuple
    is_class: bool

    @classmethod
    def of(cls, head: Head, classes: tuple | None) -> ClassRows:
        """Rows of a head; a single row of two classes speaks against the first one."""
        if classes is None:
            return cls(head.coef, head.intercept, head.row_names, False)
        if head.n_rows == 1:
            signs = np.array([-1.0, 1.0])
            return cls(
                signs[:, None] * head.coef, signs * head.intercept, classes, True
            )
        return cls(head.coef, head.intercept, classes, True)

    def outputs(self, pooled: np.ndarray) -> np.ndarray:
        """Scores of pooled activations: (n, K)."""
        return pooled @ self.weights.T + self.intercept

    def predict(self, pooled: np.ndarray) -> np.ndarray:
        """Row of the largest score, which does not hang on the other samples: (n,)."""
        # One product per sample: the rounding of others would depend on their number.
        outputs = (pooled[:, None, :] @ self.weights.T)[:, 0] + self.intercept
        return outputs.argmax(axis=1)


@dataclass(frozen=True)
class Importance:
    """Mean contributions over correctly classified samples.

    Parameters
    ----------
    by_class : ndarray of shape (K, C)
        Per class, of its own samples; NaN without any.
    overall : ndarray of shape (C,)
        Over all of them, each to its own class.
    difference : ndarray of shape (K, C)
        Per class less overall; for a number, the change of the contribution with one
        standard deviation of the target.
    n_correct : ndarray of shape (K,), dtype int
        Correctly classified samples; all of them for a number.
    """

    by_class: np.ndarray
    overall: np.ndarray
    difference: np.ndarray
    n_correct: np.ndarray


def measure_importance(
    rows: ClassRows, pooled: np.ndarray, labels: np.ndarray
) -> Importance:
    """Mean contribution of every feature.

    The contribution of feature c to class k in a sample is the weight w_kc times the
    mean of the feature over the positions.

    Parameters
    ----------
    rows : ClassRows
        The head.
    pooled : ndarray of shape (n, C)
        Means over the positions.
    labels : ndarray of shape (n,)
        Codes of the classes, or numbers.
    """
    if not rows.is_class:
        return _importance_of_numbers(rows, pooled, labels)
    correct = rows.outputs(pooled).argmax(axis=1) == labels
    n_correct = np.bincount(labels[correct], minlength=len(rows.names))
    member = correct[:, None] & (labels[:, None] == np.arange(len(rows.names)))
    sums = member.T.astype(np.float64) @ pooled
    _warn_of_empty(rows.names, n_correct)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_class = rows.weights * sums / n_correct[:, None]
        overall = (rows.weights * sums).sum(axis=0) / n_correct.sum()
    return Importance(by_class, overall, by_class - overall, n_correct)


def _importance_of_numbers(rows, pooled, numbers) -> Importance:
    if np.ptp(numbers) == 0:
        raise ValueError(
            f"y: all {len(numbers)} labels are {numbers[0]:g}; a head that predicts a "
            "number needs labels that differ."
        )
    by_row = rows.weights * pooled.mean(axis=0)
    standard = (numbers - numbers.mean()) / numbers.std()
    slope = standard @ (pooled - pooled.mean(axis=0)) / len(pooled)
    n_correct = np.full(len(rows.weights), len(pooled))
    return Importance(by_row, by_row.mean(axis=0), rows.weights * slope, n_correct)


def _warn_of_empty(names: tuple, n_correct: np.ndarray) -> None:
    empty = [names[k] for k in np.flatnonzero(n_correct == 0)]
    if empty:
        warnings.warn(
            f"no sample of the classes {empty} is classified correctly, so their "
            "importance is NaN; check the order of the head's classes, or add samples.",
            UserWarning,
            stacklevel=6,  # The caller of fit, which scikit-learn wraps.
        )


def own_contributions(
    rows: ClassRows, pooled: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Contribution of every feature to the class of the sample: (n, C)."""
    if not rows.is_class:
        return pooled * rows.weights.mean(axis=0)
    return pooled * rows.weights[labels]


def rank_features(scores: np.ndarray) -> np.ndarray:
    """Rank 1 for the largest score, ties by position: (C,)."""
    ranks = np.empty(len(scores), dtype=int)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def keep_top(ranks: np.ndarray, share: float) -> np.ndarray:
    """Which features are among the top share; always at least one: (C,), bool."""
    return ranks <= max(1, int(np.ceil(share * len(ranks) - 1e-9)))
