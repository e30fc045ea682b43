"""Measures as sums of means, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from sklearn_wsca._performance.measures import Judged, compared_measures, shown_measures


def judge(seed, n_classes, n=160):
    rng = np.random.default_rng(seed)
    labels = rng.choice(
        n_classes,
        n,
        p=np.arange(1, n_classes + 1) / np.sum(np.arange(1, n_classes + 1)),
    )
    scores = np.round(30.0 * rng.standard_normal((n, n_classes)), -1)
    scores[np.arange(n), labels] += 20.0
    if n_classes == 2:
        margin = scores[:, 1] - scores[:, 0] + 5.0
        scores = np.stack([-margin, margin], axis=1)
    probabilities = rng.dirichlet(np.ones(n_classes), n)
    weights = rng.integers(1, 4, n).astype(float)
    names = tuple("abcdef"[:n_classes])
    return Judged.of(
        scores, labels, probabilities, weights, np.arange(n), names
    ), probabilities


def value_of(measure, found):
    means = [np.average(p.values, weights=found.weights[p.rows]) for p in measure.parts]
    return measure.constant + sum(
        p.share * m for p, m in zip(measure.parts, means, strict=True)
    )


@pytest.mark.parametrize("seed, n_classes", [(0, 2), (1, 2), (2, 3), (3, 5)])
def test_measures_are_those_of_scikit_learn(seed, n_classes):
    found, _ = judge(seed, n_classes)
    own = {m.name: value_of(m, found) for m in shown_measures(found)}
    predicted, w = found.scores.argmax(axis=1), {"sample_weight": found.weights}
    recall = metrics.recall_score(found.labels, predicted, average=None, **w)
    areas = [
        metrics.roc_auc_score(found.labels == c, found.scores[:, c], **w)
        for c in range(n_classes)
    ]
    accuracy = metrics.accuracy_score(found.labels, predicted, **w)
    assert own["accuracy"] == pytest.approx(accuracy)
    assert own["balanced_accuracy"] == pytest.approx(recall.mean())
    assert own["auroc"] == pytest.approx(np.mean(areas))
    assert 0.5 < own["auroc"] < 1.0
    if n_classes == 2:
        assert [own["specificity"], own["sensitivity"]] == pytest.approx(recall)


def test_compared_measures_do_not_depend_on_how_frequent_classes_are():
    found, _ = judge(0, 2)
    ill = found.labels == 1
    twice = found.take(np.concatenate([np.arange(len(ill)), np.flatnonzero(ill)]))
    once = [value_of(m, found) for m in compared_measures(found)]
    assert [value_of(m, twice) for m in compared_measures(twice)] == pytest.approx(once)
    accuracies = [value_of(next(shown_measures(f)), f) for f in (found, twice)]
    assert accuracies[0] != pytest.approx(accuracies[1])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_is_of_the_second_or_of_the_decided_class(n_classes):
    found, probabilities = judge(4, n_classes)
    excess = next(m for m in shown_measures(found) if m.name == "calibration")
    decided = found.scores.argmax(axis=1)
    expected = probabilities[np.arange(len(decided)), decided] - (
        decided == found.labels
    )
    if n_classes == 2:
        expected = probabilities[:, 1] - found.labels
    assert value_of(excess, found) == pytest.approx(
        np.average(expected, weights=found.weights)
    )
