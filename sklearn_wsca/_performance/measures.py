r"""Measures of performance as sums of means over rows of one class.

Every measure is

.. math:: \theta = c + \sum_k a_k \bar{x}_k

with :math:`\bar{x}_k` the mean of a value over some of the rows (a part), such as the
share of right decisions in one class. So errors, permutations and differences of all
measures have one form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

ACCURACY, BALANCED, AUROC = "accuracy", "balanced_accuracy", "auroc"
SENSITIVITY, SPECIFICITY = "sensitivity", "specificity"
CALIBRATION = "calibration"
MAE, BIAS, R2 = "mae", "bias", "r2"
OF_CLASSES = (ACCURACY, BALANCED, AUROC)
OF_TWO_CLASSES = (SENSITIVITY, SPECIFICITY)
OF_NUMBERS = (MAE, BIAS, R2)


@dataclass(frozen=True)
class Judged:
    """Decisions beside the labels of their target.

    Parameters
    ----------
    scores : ndarray of shape (n, C) or (n, 1)
        Score of every class, the largest of a row being decided; or predicted numbers.
    labels : ndarray of shape (n,)
        Number of the class of each row; or the values.
    predicted : ndarray of shape (n,) or None
        Probability of what `observed` tells: of the second of two classes, else of the
        class that is decided. None where there are no probabilities.
    observed : ndarray of shape (n,) or None
        Whether that class is the label.
    weights : ndarray of shape (n,)
        Row weights.
    clusters : ndarray of shape (n,), dtype int
        What is independent of others of its kind.
    classes : tuple or None
        Names of the classes; None where a number is predicted.
    """

    scores: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray | None
    observed: np.ndarray | None
    weights: np.ndarray
    clusters: np.ndarray
    classes: tuple | None

    @classmethod
    def of(cls, scores, labels, probabilities, weights, clusters, classes) -> Judged:
        """Take what calibration compares from probabilities (n, c), or None."""
        predicted, observed = None, None
        if probabilities is not None and classes is not None:
            if len(classes) == 2:
                predicted, observed = probabilities[:, -1], labels == 1
            else:
                decided = scores.argmax(axis=1)
                predicted = probabilities[np.arange(len(decided)), decided]
                observed = labels == decided
            observed = observed.astype(float)
        return cls(scores, labels, predicted, observed, weights, clusters, classes)

    @property
    def hits(self) -> np.ndarray:
        """1 where the decision is right, 0 elsewhere."""
        return (self.scores.argmax(axis=1) == self.labels).astype(float)

    def take(self, rows: np.ndarray) -> Judged:
        """Return the same for some of the rows."""
        names = ("scores", "labels", "predicted", "observed", "weights", "clusters")
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        for name, value in values.items():
            values[name] = None if value is None else value[rows]
        return replace(self, **values)


@dataclass(frozen=True)
class Part:
    """Mean of a value over some of the rows, as a part of a measure.

    Parameters
    ----------
    share : float
        What it counts, :math:`a_k`.
    rows : ndarray of shape (m,), dtype int
        The rows.
    values : ndarray of shape (m,)
        Their values.
    """

    share: float
    rows: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Measure:
    """One measure of performance on some rows.

    Parameters
    ----------
    name : str
        Its name.
    parts : list of Part
        The means that it is made of.
    constant : float, default=0
        What is added to them, :math:`c`.
    of_class : object, default=None
        The class that it is the share of right decisions in, of several classes.
    """

    name: str
    parts: list[Part]
    constant: float = 0.0
    of_class: object = None


def shown_measures(found: Judged) -> Iterator[Measure]:
    """Measures of the table by level."""
    everything = np.arange(len(found.labels))
    if found.classes is None:
        yield from number_measures(found.scores[:, 0] - found.labels)
        return
    hits, recalls = found.hits, _recalls(found)
    yield Measure(ACCURACY, [Part(1.0, everything, hits)])
    yield _balanced(recalls)
    yield _area(found)
    if len(found.classes) == 2:
        yield from _two_classes(recalls)
    if found.predicted is not None:
        assert found.observed is not None
        excess = found.predicted - found.observed
        yield Measure(CALIBRATION, [Part(1.0, everything, excess)])


def compared_measures(found: Judged) -> Iterator[Measure]:
    """Measures that do not depend on how frequent the classes are under a level."""
    recalls = _recalls(found)
    if found.classes is not None and len(found.classes) == 2:
        yield from _two_classes(recalls)
        yield _balanced(recalls)
        yield _area(found)
        return
    assert found.classes is not None
    for number, part in recalls.items():
        yield Measure("recall", [replace(part, share=1.0)], 0.0, found.classes[number])
    yield _balanced(recalls)


def number_measures(errors: np.ndarray) -> Iterator[Measure]:
    """Mean absolute error and mean error of predicted numbers."""
    everything = np.arange(len(errors))
    yield Measure(MAE, [Part(1.0, everything, np.abs(errors))])
    yield Measure(BIAS, [Part(1.0, everything, errors)])


def _recalls(found: Judged) -> dict[int, Part]:
    """Right decisions in each class that occurs, with its share in their mean."""
    present, hits = np.unique(found.labels), found.hits
    members = {int(c): np.flatnonzero(found.labels == c) for c in present}
    return {c: Part(1.0 / len(present), m, hits[m]) for c, m in members.items()}


def _balanced(recalls: dict[int, Part]) -> Measure:
    """Mean over the classes that occur; of a single one it is none."""
    parts = list(recalls.values())
    return Measure(BALANCED, parts if len(parts) > 1 else [])


def _two_classes(recalls: dict[int, Part]) -> Iterator[Measure]:
    for number, name in ((1, SENSITIVITY), (0, SPECIFICITY)):
        if number in recalls:
            yield Measure(name, [replace(recalls[number], share=1.0)])


def _area(found: Judged) -> Measure:
    """AUROC: mean over the classes that occur, each against the rest.

    Its parts are placements: the share of the rest that a row of the class has above
    or below itself, and the share of the class for a row of the rest.
    """
    present = np.unique(found.labels)
    if len(present) < 2:
        return Measure(AUROC, [])
    # Of two classes both have the same area.
    numbers = present[1:] if len(present) == 2 else present
    parts, constant = [], 0.0
    for number in numbers:
        inside = found.labels == number
        above, below = _placements(found.scores[:, number], inside, found.weights)
        rows = np.flatnonzero(inside), np.flatnonzero(~inside)
        share = 1.0 / len(numbers)
        parts += [Part(share, rows[0], above), Part(share, rows[1], below)]
        constant -= share * float(np.average(above, weights=found.weights[rows[0]]))
    return Measure(AUROC, parts, constant)


def _placements(
    scores: np.ndarray, inside: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted share of the rest below each row of a class, and of it above the rest.

    Ties count by half.
    """
    _, place = np.unique(scores, return_inverse=True)
    n = int(place.max()) + 1
    masses = [np.bincount(place, weights * own, n) for own in (~inside, inside)]
    lower = [(np.cumsum(mass) - mass / 2) / mass.sum() for mass in masses]
    return lower[0][place[inside]], 1.0 - lower[1][place[~inside]]
