"""Contributions of features to classes, what they amount to, and which matter most."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from sklearn_wsca._heads.head import Head
from sklearn_wsca._text import list_first


def class_head(head: Head, classes: tuple | None) -> Head:
    """Head with a row per class; that of a number as it is.

    A single row of two classes speaks against the first one.
    """
    if classes is None:
        return Head(head.coef, head.intercept, None, "ridge")
    coef, intercept = head.coef, head.intercept
    if head.n_rows == 1:
        signs = np.array([-1.0, 1.0])
        coef, intercept = signs[:, None] * coef, signs * intercept
    return Head(coef, intercept, classes, "logistic")


def predict_rows(head: Head, pooled: np.ndarray) -> np.ndarray:
    """Row of the largest score, which does not hang on the other samples: (n,)."""
    # One product per sample: the rounding of others would depend on their number.
    outputs = (pooled[:, None, :] @ head.coef.T)[:, 0] + head.intercept
    return outputs.argmax(axis=1)


class Importance(NamedTuple):
    """Mean contributions over correctly classified samples.

    By class (K, C), of its own samples, NaN without any; over all of them (C,), each to
    its own class; the difference of both, which for a number is the change of the
    contribution with one standard deviation of the target; their number (K,).
    """

    by_class: np.ndarray
    overall: np.ndarray
    difference: np.ndarray
    n_correct: np.ndarray


def measure_importance(
    head: Head, pooled: np.ndarray, labels: np.ndarray, weighting: str = "equal"
) -> Importance:
    """Mean contribution of every feature, by pooled activations (n, C).

    The contribution of feature c to class k in a sample is the weight w_kc times the
    mean of the feature over the positions. Labels are codes of classes, or numbers.
    Samples count alike, or by the probability of their class ("confidence").
    """
    if head.classes is None:
        return _importance_of_numbers(head.coef, pooled, labels)
    member = _correct_members(head, pooled, labels)
    n_correct = member.sum(axis=1)
    weights = member.astype(np.float64)
    if weighting == "confidence":
        weights *= softmax(head.outputs(pooled), axis=1).T
    _warn_of_empty(head.classes, n_correct, labels)
    with np.errstate(invalid="ignore", divide="ignore"):
        sums, totals = weights @ pooled, weights.sum(axis=1)
        by_class = head.coef * sums / totals[:, None]
        overall = (head.coef * sums).sum(axis=0) / totals.sum()
    return Importance(by_class, overall, by_class - overall, n_correct)


def _correct_members(head: Head, pooled: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which samples are of a class and classified so: (K, n)."""
    correct = head.outputs(pooled).argmax(axis=1) == labels
    return correct & (labels == np.arange(head.n_rows)[:, None])


def _importance_of_numbers(weights, pooled, numbers) -> Importance:
    if np.ptp(numbers) == 0:
        raise ValueError(
            f"y: all {len(numbers)} labels are {numbers[0]:g}; a head that predicts a "
            "number needs labels that differ."
        )
    by_row = weights * pooled.mean(axis=0)
    standard = (numbers - numbers.mean()) / numbers.std()
    slope = standard @ (pooled - pooled.mean(axis=0)) / len(pooled)
    n_correct = np.full(len(weights), len(pooled))
    return Importance(by_row, by_row.mean(axis=0), weights * slope, n_correct)


def _warn_of_empty(names: tuple, n_correct: np.ndarray, labels: np.ndarray) -> None:
    counts = np.bincount(labels, minlength=len(names))
    wrong = [names[k] for k in np.flatnonzero((n_correct == 0) & (counts > 0))]
    absent = [names[k] for k in np.flatnonzero(counts == 0)]
    found = []
    if wrong:
        found.append(
            f"no sample of the classes {list_first(wrong)} is classified "
            "correctly (check the order of the head's classes)"
        )
    if absent:
        found.append(f"there is no sample of the classes {list_first(absent)}")
    if found:
        of_curve = ""
        if absent:
            n_present = len(names) - len(absent)
            of_curve = f" performance_curve_ decides between the {n_present} others."
        if len(absent) == len(names) - 1:
            of_curve = " performance_curve_ is NaN, as there is a single other one."
        warnings.warn(
            f"{' and '.join(found)}, so their importance is NaN.{of_curve}",
            UserWarning,
            stacklevel=5,  # The caller of fit, which scikit-learn wraps.
        )


def own_contributions(head: Head, pooled: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Contribution of every feature to the class of the sample: (n, C)."""
    if head.classes is None:
        return pooled * head.coef.mean(axis=0)
    return pooled * head.coef[labels]


def score_features(
    head: Head,
    pooled: np.ndarray,
    labels: np.ndarray,
    importance: Importance,
    by: str,
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """What features are ranked by: for each row of the head (K, C), and of all (C,).

    Rows of classes of which no sample is classified correctly are NaN.
    """
    if by == "importance":
        return np.abs(importance.by_class), np.abs(importance.overall)
    known = importance.n_correct > 0
    if by == "difference":
        scores = np.abs(importance.difference)
        return scores, scores[known].max(axis=0, initial=0.0)
    scores = np.full(head.coef.shape, np.nan)
    members = np.ones((head.n_rows, len(pooled)), dtype=bool)
    if head.classes is not None:
        members = _correct_members(head, pooled, labels)
    for row in np.flatnonzero(known):
        sizes = np.abs(pooled[members[row]] * head.coef[row])
        scores[row] = sizes.max(axis=0) if by == "largest" else _frequency(sizes, share)
    if by == "largest":
        return scores, scores[known].max(axis=0, initial=0.0)
    counts = importance.n_correct[known, None]
    return scores, (scores[known] * counts).sum(axis=0) / max(counts.sum(), 1)


def _frequency(sizes: np.ndarray, share: float) -> np.ndarray:
    """Share of the samples in which each feature is among the largest: (C,).

    A feature that is silent in a sample is not among its largest.
    """
    n_features = sizes.shape[1]
    n_kept = count_kept(n_features, share)
    first = np.argsort(-sizes, axis=1, kind="stable")[:, :n_kept]
    heard = np.take_along_axis(sizes, first, axis=1) > 0.0
    return np.bincount(first[heard], minlength=n_features) / len(sizes)


def rank_by_class(scores: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Rank of every feature for each row of the head: (K, C).

    Classes of which no sample is classified correctly have the ranks (C,) of all.
    """
    return np.array(
        [ranks if np.isnan(own).any() else rank_features(own) for own in scores]
    )


def rank_features(scores: np.ndarray) -> np.ndarray:
    """Rank 1 for the largest score, ties by position: (C,)."""
    ranks = np.empty(len(scores), dtype=int)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def count_kept(n_features: int, share: float) -> int:
    """How many features are a share of all; at least one."""
    return max(1, int(np.ceil(share * n_features - 1e-9)))


def keep_top(ranks: np.ndarray, share: float) -> np.ndarray:
    """Which features are among the top share of ranks (..., C); at least one: bool."""
    return ranks <= count_kept(ranks.shape[-1], share)
