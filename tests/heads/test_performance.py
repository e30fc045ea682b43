"""How well a head predicts its target, against scikit-learn and against chance."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.performance import (
    compare_with_chance,
    measure_performance,
    read_predictions,
)
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.exchangeability import exchange_units

N, D = 240, 6


def rows(n_classes, seed=0, n=N):
    """Embeddings with a mean per class, labels, weights."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, n_classes, n)
    X = generator.normal(3.0, 1.0, size=(n, D)) * [1, 5, 0.2, 1, 1, 1]
    X[np.arange(n), labels % D] += 2.0
    return X, labels, generator.exponential(size=n) + 0.1


def head_of(n_classes, kind="logistic", classes=None):
    coef, intercept = np.eye(n_classes, D), np.linspace(-4.0, -2.0, n_classes)
    return Head(coef, intercept, classes or tuple(range(n_classes)), kind)


def predictions(head, X, labels, weights=None, **options):
    column = read_column(pd.Series(labels, name="target"), **options)
    weights = np.ones(len(labels)) if weights is None else weights
    return read_predictions(head.outputs(X), head, column, weights), column


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_are_those_of_scikit_learn(n_classes, weighted):
    X, labels, weights = rows(n_classes)
    weights = weights if weighted else np.ones(N)
    found, _ = predictions(head_of(n_classes), X, labels, weights)
    performance = measure_performance(found)
    outputs = head_of(n_classes).outputs(X)
    chances = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    labelled = (labels, outputs.argmax(axis=1))
    ways = {"multi_class": "ovr", "labels": range(n_classes)} if n_classes > 2 else {}
    scores = chances if n_classes > 2 else chances[:, 1]
    expected = {
        "balanced_accuracy": metrics.balanced_accuracy_score(
            *labelled, sample_weight=weights
        ),
        "accuracy": metrics.accuracy_score(*labelled, sample_weight=weights),
        "chance": 1 / n_classes,
        "n_rows": N,
        "auroc": metrics.roc_auc_score(labels, scores, sample_weight=weights, **ways),
    }
    assert performance == pytest.approx(expected)
    areas = found.areas()[np.arange(n_classes), np.arange(n_classes)]
    assert areas.mean() == pytest.approx(expected["auroc"])


def test_numbers_of_a_regression():
    X, labels, weights = rows(2)
    values = 40.0 + 3.0 * X[:, 0] + labels
    head = Head(np.eye(1, D), np.array([45.0]), None, "ridge")
    found, column = predictions(head, X, values, weights)
    assert column.kind == "continuous"
    predicted = X[:, 0] + 45.0
    performance = measure_performance(found)
    assert performance["r2"] == pytest.approx(
        metrics.r2_score(values, predicted, sample_weight=weights)
    )
    assert performance["mae"] == pytest.approx(
        metrics.mean_absolute_error(values, predicted, sample_weight=weights)
    )
    shares = np.sqrt(weights / weights.sum())
    centred = [v - np.average(v, weights=weights) for v in (values, predicted)]
    expected = np.corrcoef(*[np.append(v * shares, -v * shares) for v in centred])[0, 1]
    assert performance["correlation"] == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_large_outputs_are_not_ties(scale):
    # Probabilities are 0 or 1 here; what lies behind them still ranks the rows.
    X, labels, _ = rows(2)
    head = head_of(2)
    large = Head(head.coef * scale, head.intercept * scale, head.classes, head.kind)
    found, _ = predictions(large, X, labels)
    small, _ = predictions(head, X, labels)
    assert measure_performance(found) == pytest.approx(measure_performance(small))


@pytest.mark.parametrize(
    ("head", "labels", "accuracy"),
    [
        # The second class is the one that a single row speaks for.
        (Head(np.eye(1, D), [-4.0], ("ill", "well"), "logistic"), ("ill", "well"), 1),
        (Head(np.eye(1, D), [-4.0], ("well", "ill"), "logistic"), ("ill", "well"), 0),
        # A regression on 0 and 1 decides at 0.5, one on -1 and 1 at 0.
        (Head(np.eye(1, D), [-3.5], (0, 1), "ridge"), (0, 1), 1),
        (Head(np.eye(1, D), [-4.0], (-1, 1), "ridge"), (-1, 1), 1),
        (Head(np.eye(1, D), [-3.5], ("ill", "well"), "ridge"), ("ill", "well"), 1),
        # Classes without a row, and rows in another order than the levels.
        (
            Head(np.eye(3, D), np.zeros(3), ("well", "ill", "odd"), "logistic"),
            ("ill", "well"),
            1,
        ),
    ],
)
def test_which_class_a_row_stands_for(head, labels, accuracy):
    X = np.full((40, D), 3.9)
    X[::2, 0], X[:, 1:3] = 4.1, [4.0, 0.0]
    target = np.where(np.arange(40) % 2, labels[0], labels[1])
    found, _ = predictions(head, X, target.astype(object))
    performance = measure_performance(found)
    assert performance["accuracy"] == accuracy
    assert performance["chance"] == 0.5


def test_grades_are_numbers_to_a_single_output():
    X, labels, _ = rows(4)
    head = Head(np.eye(1, D), np.zeros(1), None, "ridge")
    found, column = predictions(head, X, labels)
    assert column.levels == (0, 1, 2, 3) and found.classes is None
    np.testing.assert_array_equal(found.labels, labels)
    assert predictions(head, X, labels.astype(str).astype(object))[0] is None


@pytest.mark.parametrize(
    "head",
    [
        Head(np.eye(3, D), np.zeros(3), None, "logistic"),
        Head(np.eye(2, D), np.zeros(2), ("a", "b"), "logistic"),
    ],
)
def test_outputs_that_are_no_predictions(head):
    X, labels, _ = rows(2)
    assert predictions(head, X, labels)[0] is None


def chance(found, column, groups=None, seed=0):
    if groups is not None:
        groups = Groups.of(pd.Series(groups)).with_loners()
    return compare_with_chance(found, exchange_units(column, groups), seed)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_better_and_worse_than_chance(n_classes):
    X, labels, _ = rows(n_classes)
    head = head_of(n_classes)
    worse, better = chance(*predictions(head, X, labels))
    assert worse > 0.9 and better == 1 / 200
    turned = Head(-head.coef, -head.intercept, head.classes, head.kind)
    worse, better = chance(*predictions(turned, X, labels))
    assert worse == 1 / 1000 and better > 0.9


def test_a_threshold_that_lies_elsewhere_hides_nothing():
    X, labels, _ = rows(2)
    head = head_of(2)
    moved = Head(head.coef, [0.0, 100.0], head.classes, head.kind)
    found, column = predictions(moved, X, labels)
    assert measure_performance(found)["balanced_accuracy"] == 0.5
    assert chance(found, column)[1] == 1 / 200
    turned = Head(-head.coef, [0.0, 100.0], head.classes, head.kind)
    assert chance(*predictions(turned, X, labels))[0] == 1 / 1000


@pytest.mark.parametrize("constant", ["output", "target"])
def test_what_never_varies_is_chance(constant):
    X, labels, _ = rows(2)
    head = head_of(2)
    if constant == "output":
        head = Head(np.zeros((2, D)), np.array([0.0, 1.0]), (0, 1), "logistic")
    found, column = predictions(head, X, labels)
    if constant == "target":
        found = found.take(np.flatnonzero(labels == 1))
        assert np.isnan(measure_performance(found)["auroc"])
    assert chance(found, column) == (1.0, 1.0)


def test_few_rows_cannot_condemn_a_head():
    X, labels, _ = rows(2)
    few = np.concatenate([np.flatnonzero(labels == c)[:3] for c in (0, 1)])
    found, column = predictions(head_of(2), -X[few], labels[few])
    worse, _ = chance(found, column)
    assert worse >= 1 / 20


def test_rows_of_one_patient_are_one_observation():
    generator = np.random.default_rng(0)
    low = []
    for seed in range(40):
        patient = np.repeat(np.arange(24), 20)
        labels = (np.arange(24) % 2)[patient]
        X = generator.normal(size=(24, D))[patient] + generator.normal(size=(480, D))
        found, column = predictions(head_of(2), X, labels)
        low.append(
            [min(chance(found, column, g, seed)) <= 0.05 for g in (None, patient)]
        )
    rows_alone, by_patient = np.mean(low, axis=0)
    # Both tails at 5%.
    assert by_patient <= 0.22 < 0.4 < rows_alone
