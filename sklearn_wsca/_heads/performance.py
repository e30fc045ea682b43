"""How well a head predicts its target: the numbers, and whether they are chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse, stats

from sklearn_wsca._backend.namespace import sum_by_code
from sklearn_wsca._heads.head import Head, log_probability
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.class_basis import sum_matrix
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._permutation.plan import ROUNDING, split

# A head that is not worse than chance by these is not looked at any longer.
FIRST_PERMUTATIONS, ALL_PERMUTATIONS = 199, 999
WORTH_MORE = 0.05
NUMBERS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Predictions:
    """Outputs of a head beside the labels of its target.

    Parameters
    ----------
    scores : ndarray of shape (n, C) or (n, 1)
        Score of every class of the head, the largest of a row being the predicted one;
        or the predicted values.
    labels : ndarray of shape (n,)
        Number of the class of each row among those of the head; or the values.
    weights : ndarray of shape (n,)
        Row weights.
    classes : tuple or None
        Classes of the head, None where a number is predicted.
    """

    scores: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    classes: tuple | None

    @property
    def present(self) -> np.ndarray:
        """Numbers of the classes that occur, rising."""
        return np.unique(self.labels)

    def take(self, entries: np.ndarray) -> Predictions:
        """Return the same for some of the rows."""
        return Predictions(
            self.scores[entries],
            self.labels[entries],
            self.weights[entries],
            self.classes,
        )

    def reorder(self, order: np.ndarray) -> Predictions:
        """Return the same with column ``order[j]`` of the scores as that of class j."""
        return Predictions(
            self.scores[:, order], self.labels, self.weights, self.classes
        )

    def ranks(self) -> np.ndarray:
        """Weighted share of the rows with a lower score, ties by half: (n, C)."""
        return np.stack([_shares_below(s, self.weights) for s in self.scores.T], axis=1)

    def areas(self) -> np.ndarray:
        """AUROC of each class that occurs, in each column of the scores: (present, C).

        Those of a class in its own column are the AUROC of the class against the rest.
        """
        members, mass = self.members()
        means = members @ self.ranks() / mass[:, None]
        return _area(means, (mass / self.weights.sum())[:, None])

    def own_areas(self) -> np.ndarray:
        """AUROC of each class that occurs against the rest, in its own column."""
        order = np.argsort(self.labels, kind="stable")
        counts = np.unique(self.labels, return_counts=True)[1]
        means, mass = np.empty(len(counts)), self.members()[1]
        parts = np.split(order, np.cumsum(counts)[:-1])
        for i, (number, rows) in enumerate(zip(self.present, parts, strict=True)):
            below = _shares_below(self.scores[:, number], self.weights)[rows]
            means[i] = below @ self.weights[rows]
        return _area(means / mass, mass / self.weights.sum())

    def members(self) -> tuple[sparse.csr_array, np.ndarray]:
        """Matrix that sums weighted rows by class that occurs, and these weights."""
        number = np.searchsorted(self.present, self.labels)
        return sum_matrix(number, self.weights), np.bincount(number, self.weights)


def read_predictions(
    outputs: np.ndarray, head: Head, column: Column, weights: np.ndarray
) -> Predictions | None:
    """Outputs of all rows (n, n_rows) beside the target, where that is known.

    None where the outputs of the head are no predictions of the target: it does not
    know a class, or has several outputs for a number.
    """
    outputs, weights = outputs[column.rows], weights[column.rows]
    if predicts_number(head, column):
        values = column.labels
        if column.levels:
            values = np.asarray(column.levels, dtype=float)[column.labels]
        return Predictions(outputs, values, weights, None)
    classes = head.classes
    if classes is None or not set(column.levels) or set(column.levels) - set(classes):
        return None
    numbers = np.array([classes.index(level) for level in column.levels])
    scores = _class_scores(outputs, head)
    return Predictions(scores, numbers[column.labels], weights, classes)


def match_outputs(
    width: int, levels: tuple, names: list | None
) -> tuple[tuple, list[int]] | None:
    """Classes, those of a target first, and the output of each; or None.

    A single output is about the second of two classes, and stands for both.

    Parameters
    ----------
    width : int
        Number of outputs.
    levels : tuple
        Levels of the target.
    names : list or None
        Names of the outputs.
    """
    if names is not None and set(levels) <= set(names):
        classes = (*levels, *(name for name in names if name not in levels))
        return classes, [names.index(name) for name in classes]
    if len(levels) == (2 if width == 1 else width):
        return levels, list(range(width))
    return None


def predicts_number(head: Head, column: Column) -> bool:
    """Whether a single output stands for a number rather than for a class."""
    if head.n_rows > 1 or head.classes is not None:
        return False
    return not column.levels or all_numbers(column.levels)


def all_numbers(levels: tuple) -> bool:
    """Whether levels are numbers, such as grades."""
    return all(isinstance(level, (int, float)) for level in levels)


def _class_scores(outputs: np.ndarray, head: Head) -> np.ndarray:
    """Score of every class: (n, C)."""
    assert head.classes is not None
    if outputs.shape[1] == 1:
        margin = outputs[:, 0] - _threshold(head)
        return np.stack([-margin, margin], axis=1)
    if outputs.shape[1] == 2:
        # Without a softmax, in which large margins would all become 1.
        margin = outputs[:, 1] - outputs[:, 0]
        return np.stack([-margin, margin], axis=1)
    if head.kind == "ridge":
        return outputs
    return log_probability(outputs, len(head.classes))


def _threshold(head: Head) -> float:
    """Output above which the second of two classes is predicted."""
    if head.kind == "logistic":
        return 0.0
    assert head.classes is not None
    # A regression on the codes of the classes, or on an indicator of the second.
    return float(np.mean(head.classes)) if all_numbers(head.classes) else 0.5


def _area(means: Any, share: Any) -> Any:
    """AUROC from the mean share of rows below those of a class, and its own share."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 0.5 + (means - 0.5) / (1.0 - share)


def _shares_below(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    _, place = np.unique(values, return_inverse=True)
    mass = np.bincount(place, weights)
    return ((np.cumsum(mass) - mass / 2) / mass.sum())[place]


def measure_performance(predictions: Predictions) -> dict[str, float]:
    """Performance on the rows.

    Returns
    -------
    dict
        balanced_accuracy (mean over the classes that occur), accuracy, auroc (mean over
        them, each against the rest) and chance (of the balanced accuracy: one over
        their number); or r2, mae (mean absolute error) and correlation. n_rows in any
        case.
    """
    found = predictions
    measured = (
        _measure_number(found) if found.classes is None else _measure_class(found)
    )
    return measured | {"n_rows": len(found.labels)}


def _measure_class(found: Predictions) -> dict[str, float]:
    from sklearn import metrics  # Late: it takes longer than this package.

    weights, present = found.weights, found.present
    predicted = found.scores.argmax(axis=1)
    recall = metrics.recall_score(
        found.labels,
        predicted,
        labels=present,
        average="macro",
        sample_weight=weights,
        zero_division=0.0,
    )
    area = float(found.own_areas().mean()) if len(present) > 1 else np.nan
    accuracy = metrics.accuracy_score(found.labels, predicted, sample_weight=weights)
    return {
        "balanced_accuracy": float(recall),
        "accuracy": float(accuracy),
        "auroc": area,
        "chance": 1.0 / len(present),
    }


def _measure_number(found: Predictions) -> dict[str, float]:
    from sklearn import metrics  # Late: it takes longer than this package.

    values, predicted, weights = found.labels, found.scores[:, 0], found.weights
    r2 = np.nan
    if np.ptp(values) > 0:
        r2 = metrics.r2_score(values, predicted, sample_weight=weights)
    error = metrics.mean_absolute_error(values, predicted, sample_weight=weights)
    together = _correlations(predicted, values[None], weights)[0]
    return {"r2": float(r2), "mae": float(error), "correlation": float(together)}


def _correlations(
    a: np.ndarray, several: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Weighted correlations of (n,) with (p, n): (p,); 0 where one is constant."""
    shares = weights / weights.sum()
    a = a - shares @ a
    b = several - (several @ shares)[:, None]
    spread = np.sqrt((shares @ a**2) * (b**2 @ shares))
    together = b @ (shares * a)
    return np.divide(together, spread, out=np.zeros_like(spread), where=spread > 0)


def compare_with_chance(
    predictions: Predictions, exchange: Exchangeability, seed: int
) -> tuple[float, float]:
    """p-values of being worse, and of being better, than a head that knows nothing.

    Labels are permuted by their units. The statistic is the balanced accuracy or the
    AUROC, whichever is the more extreme; of numbers, the rank correlation.
    """
    if len(np.unique(predictions.labels)) < 2:
        return 1.0, 1.0
    measure = _number_statistic if predictions.classes is None else _class_statistics
    ranks, labels = predictions.ranks(), predictions.labels
    observed = measure(predictions, ranks, labels[None])

    def draw(permutations: range) -> np.ndarray:
        sources = draw_sources(exchange, len(labels), seed, permutations)
        return np.concatenate([measure(predictions, ranks, labels[s]) for s in sources])

    null = draw(range(FIRST_PERMUTATIONS))
    worse, better = (extreme_pvalue(sign * observed, sign * null) for sign in (-1, 1))
    if worse <= WORTH_MORE:
        more = draw(range(FIRST_PERMUTATIONS, ALL_PERMUTATIONS))
        worse = extreme_pvalue(-observed, -np.concatenate([null, more]))
    return worse, better


def draw_sources(
    exchange: Exchangeability, n_rows: int, seed: int, permutations: range
) -> Iterator[np.ndarray]:
    """Where each entry takes its label from, in batches of permutations: (p, n)."""
    return map(exchange.sources, draw_orders(n_rows, seed, permutations))


def draw_orders(n_rows: int, seed: int, permutations: range) -> Iterator[np.ndarray]:
    """Orders of all rows, in batches of permutations: (p, n_rows)."""
    size = max(1, NUMBERS_AT_ONCE // n_rows)
    for batch in split(permutations, size):
        # Each has its own generator, so that they do not depend on batches.
        generators = (np.random.default_rng([seed, number]) for number in batch)
        yield np.stack([generator.permutation(n_rows) for generator in generators])


def extreme_pvalue(observed: np.ndarray, null: np.ndarray) -> float:
    """p-value of the largest of several statistics (1, q) among permuted ones (m, q).

    Each counts in its standard deviations over the permutations; one that never varies
    does not count.
    """
    pool = np.concatenate([observed, null])
    spread = pool.std(axis=0)
    deviations = pool - pool.mean(axis=0)
    deviations = np.divide(
        deviations, spread, out=np.zeros_like(pool), where=spread > ROUNDING
    )
    largest = deviations.max(axis=1)
    return float(np.mean(largest >= largest[0] - ROUNDING * (1 + abs(largest[0]))))


def _class_statistics(
    found: Predictions, ranks: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Balanced accuracy and AUROC under several labels (p, n): (p, 2)."""
    n_classes, weights = found.scores.shape[1], found.weights
    hits = found.scores.argmax(axis=1) == labels
    own = ranks[np.arange(len(weights)), labels]
    mass, right, below = (
        sum_by_code(labels, values, n_classes)
        for values in (weights, weights * hits, weights * own)
    )
    occurs = mass > 0
    share = mass / mass.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = right / mass
        areas = (below / mass - 0.5) / (1.0 - share)
    return np.stack(
        [np.mean(part, axis=1, where=occurs) for part in (recall, areas)], axis=1
    )


def _number_statistic(
    found: Predictions, ranks: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Rank correlation with several targets (p, n): (p, 1)."""
    by_rank = stats.rankdata(values, axis=1)
    return _correlations(ranks[:, 0], by_rank, found.weights)[:, None]
