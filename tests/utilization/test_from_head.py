"""Outputs of a head as utilization takes them, and what is held fixed for them."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.roles import Roles
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._utilization.from_head import make_decision, read_outputs

CLASSES = {1: ("well", "ill"), 3: ("a", "b", "c")}


def make_head(n_rows, kind):
    rng = np.random.default_rng(n_rows)
    classes = CLASSES[n_rows] if kind == "logistic" else None
    coef = rng.standard_normal((n_rows, 4)) * [1.0, 10.0, 0.1, 1.0]
    return Head(coef, rng.standard_normal(n_rows), classes, kind)


@pytest.mark.parametrize("n_rows", [1, 3])
@pytest.mark.parametrize("kind", ["logistic", "ridge"])
def test_outputs_are_centred_scores_and_have_probabilities_for_classes(n_rows, kind):
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((20, n_rows)) * 3.0 + np.arange(n_rows) - 5.0
    outputs, probabilities = read_outputs(scores, make_head(n_rows, kind))
    if kind == "ridge":
        assert probabilities is None
        np.testing.assert_array_equal(outputs, scores)
    elif n_rows == 1:
        np.testing.assert_array_equal(outputs, scores)
        np.testing.assert_allclose(probabilities, 1.0 / (1.0 + np.exp(-scores)))
    else:
        np.testing.assert_allclose(outputs.sum(axis=1), 0.0, atol=1e-12)
        np.testing.assert_allclose(np.diff(outputs), np.diff(scores))
        weights = np.exp(scores)
        expected = weights / weights.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected)


def test_a_decision_is_made_of_the_outputs_in_canonical_order():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30, 4)) * [1.0, 0.1, 5.0, 1.0] + [7.0, 1.0, -50.0, 0.0]
    order, head = rng.permutation(30), make_head(3, "logistic")
    target = read_column(pd.Series(rng.integers(0, 2, 30), name="disease"))
    groups = Groups.of(pd.Series(rng.integers(0, 9, 30), name="patient"))
    weights, table = rng.uniform(0.5, 2.0, 30), pd.DataFrame(index=order)
    given = Input(
        Embeddings(X).take(order), table, weights, 30, Roles(groups, [target])
    )
    found = make_decision(head, given, target)
    expected = X[order] @ head.coef.T + head.intercept
    np.testing.assert_allclose(
        found.outputs, expected - expected.mean(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(found.probabilities, special.softmax(expected, axis=1))
    np.testing.assert_array_equal(found.weights, weights)
    assert (found.target, found.groups) == (target, groups)
    assert found.confounders == [target]


@pytest.mark.parametrize("missing", ["head", "target"])
def test_without_a_head_or_a_target_there_is_no_decision(missing):
    head, target = make_head(1, "ridge"), read_column(pd.Series([1.5, 2.0, 7.0, 0.1]))
    given = Input(Embeddings(np.eye(4)), pd.DataFrame(index=range(4)), np.ones(4), 4)
    found = {"head": head, "target": target, missing: None}
    assert make_decision(found["head"], given, found["target"]) is None
