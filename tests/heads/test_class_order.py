"""Is there a better order of the classes? Size under honest heads, and power."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_wsca._heads.class_order import best_order, compare_orders, moved_classes
from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.performance import Predictions, read_predictions
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column

LEVEL = 0.005
D = 8


def study(seed, n_classes, n, separation, prior=None, n_trained=200, n_patients=0):
    """Rows, labels, patients, and a head trained on other rows."""
    generator = np.random.default_rng(seed)
    means = separation * generator.normal(size=(n_classes, D))
    prior = np.full(n_classes, 1.0) if prior is None else np.asarray(prior)
    prior = prior / prior.sum()
    trained = generator.choice(n_classes, n_trained, p=prior)
    trained[: 2 * n_classes] = np.tile(np.arange(n_classes), 2)
    X = means[trained] + generator.normal(size=(n_trained, D))
    fitted = LogisticRegression(max_iter=500).fit(X, trained)
    labels, patients = generator.choice(n_classes, n, p=prior), None
    noise = generator.normal(size=(n, D))
    if n_patients:
        patients = generator.integers(0, n_patients, n)
        labels = generator.choice(n_classes, n_patients, p=prior)[patients]
        noise = 0.7 * noise + generator.normal(size=(n_patients, D))[patients]
    names = tuple(f"class {c:02d}" for c in range(n_classes))
    head = Head(fitted.coef_, fitted.intercept_, names, "logistic")
    return means[labels] + noise, np.array(names, dtype=object)[labels], patients, head


def judge(X, labels, patients, head, seed=0, weights=None):
    column = read_column(pd.Series(labels, name="target"))
    weights = np.ones(len(labels)) if weights is None else weights
    found = read_predictions(head.outputs(X), head, column, weights)
    groups = None
    if patients is not None:
        groups = Groups.of(pd.Series(patients)).with_loners()
    return compare_orders(found, column, groups, seed)


def renamed(head, order):
    classes = tuple(head.classes[c] for c in order)
    return Head(head.coef, head.intercept, classes, head.kind)


# Honest heads, from those that know nothing to those that know much.
WORLDS = {
    "nothing": {"n_classes": 5, "n": 300, "separation": 0.0},
    "hardly anything": {"n_classes": 10, "n": 400, "separation": 0.15},
    "few rows": {"n_classes": 6, "n": 60, "separation": 0.3},
    "a rare class": {
        "n_classes": 3,
        "n": 600,
        "separation": 0.3,
        "prior": (80, 15, 5),
    },
    "patients": {"n_classes": 4, "n": 400, "separation": 0.2, "n_patients": 40},
    "much": {"n_classes": 4, "n": 400, "separation": 1.0},
}


@pytest.mark.parametrize("world", WORLDS)
def test_honest_heads_are_left_alone(world):
    found = [judge(*study(seed, **WORLDS[world]), seed) for seed in range(25)]
    assert sum(pvalue <= LEVEL for pvalue in found) == 0


@pytest.mark.parametrize(
    ("n_classes", "order"),
    [
        (3, (1, 2, 0)),
        (4, (0, 2, 1, 3)),
        (10, (1, 0, 2, 3, 4, 5, 6, 7, 8, 9)),
        (10, tuple(range(10))[::-1]),
        (20, (19, *range(1, 19), 0)),
    ],
)
def test_another_order_is_found(n_classes, order):
    for seed in range(2):
        X, labels, patients, head = study(seed, n_classes, 1000, 1.2, n_trained=800)
        assert judge(X, labels, patients, head, seed) > LEVEL
        wrong = renamed(head, order)
        assert judge(X, labels, patients, wrong, seed) <= LEVEL
        column = read_column(pd.Series(labels, name="target"))
        found = read_predictions(wrong.outputs(X), wrong, column, np.ones(len(X)))
        best = best_order(found)
        # Names in the order of the rows of the head are the true ones again.
        assert [wrong.classes[c] for c in np.argsort(best)] == list(head.classes)


def test_another_order_of_classes_of_which_one_is_absent():
    X, labels, _, head = study(0, 4, 800, 1.2)
    kept = labels != "class 03"
    wrong = renamed(head, (1, 0, 2, 3))
    assert judge(X[kept], labels[kept], None, head) > LEVEL
    assert judge(X[kept], labels[kept], None, wrong) <= LEVEL
    # The names of the absent class and of one that is there.
    shifted = renamed(head, (3, 0, 1, 2))
    assert judge(X[kept], labels[kept], None, shifted) <= LEVEL


def test_patients_and_weights_count():
    X, labels, patients, head = study(1, 4, 800, 1.0, n_patients=80)
    wrong = renamed(head, (1, 0, 2, 3))
    assert judge(X, labels, patients, head) > LEVEL
    assert judge(X, labels, patients, wrong) <= LEVEL
    # Of two samples, the one that has the weight decides which names are right.
    both = np.concatenate([X, X]), np.concatenate([labels, labels])
    two = np.concatenate([patients, patients + 80])
    swap = {"class 00": "class 01", "class 01": "class 00"}
    both[1][800:] = [swap.get(name, name) for name in labels]
    heavy = np.repeat([1.0, 1e-3], 800)
    assert judge(*both, two, head, weights=heavy) > LEVEL
    assert judge(*both, two, head, weights=heavy[::-1]) <= LEVEL


def test_two_classes_have_no_order_to_look_for():
    X, labels, _, head = study(0, 2, 300, 1.0)
    assert judge(X, labels, None, renamed(head, (1, 0))) == 1.0


def test_a_rare_class_that_is_never_predicted_is_not_another_order():
    # Most rows of the rare class are predicted as the middle one. Names the other way
    # round would raise the balanced accuracy, though the head is an honest one.
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [800, 400, 40])
    severity = np.array([0.0, 1.0, 2.2])[labels] + 0.8 * generator.normal(size=1240)
    severity = severity[:, None]
    fitted = LogisticRegression().fit(severity, labels)
    head = Head(fitted.coef_, fitted.intercept_, ("a", "b", "c"), "logistic")
    names = np.array(["a", "b", "c"], dtype=object)[labels]
    assert (fitted.predict(severity)[labels == 2] == 1).mean() > 0.5
    assert judge(severity, names, None, head) > 0.5


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((0, 1, 2, 3), []),
        ((1, 0, 2, 3), [[0, 1]]),
        ((1, 0, 3, 2), [[0, 1], [2, 3]]),
        ((1, 2, 0, 3), [[0, 1, 2]]),
    ],
)
def test_classes_that_exchange_their_columns(order, expected):
    found = moved_classes(np.array(order))
    assert [part.tolist() for part in found] == expected


@pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 2], [3], [1, 2, 3]])
def test_the_best_order_is_one_of_all_classes(present):
    generator = np.random.default_rng(len(present))
    labels = generator.choice(present, 50)
    found = Predictions(
        generator.normal(size=(50, 4)), labels, np.ones(50), tuple("abcd")
    )
    order = best_order(found)
    assert sorted(order) == [0, 1, 2, 3]
    if len(present) == 1:
        assert order.tolist() == [0, 1, 2, 3]
