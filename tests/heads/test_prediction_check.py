"""What is found of good scores, of exchanged ones, and of rows that are mixed up."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._heads.performance import Predictions, measure_performance
from sklearn_wsca._heads.prediction_check import (
    BETTER,
    CHANCE,
    OTHER_ORDER,
    WORSE,
    describe_score,
    is_far_below,
    judge_predictions,
    sample_units,
)
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column


def scores_of(n_classes, seed, order):
    """Good scores whose columns stand in another order, and their target."""
    rng = np.random.default_rng([seed, 2])
    y = rng.integers(0, n_classes, 300)
    scores = 2.0 * np.eye(n_classes)[y] + rng.standard_normal((300, n_classes))
    found = Predictions(scores[:, order], y, np.ones(300), tuple(range(n_classes)))
    return found, read_column(pd.Series(y, name="y"), kind="categorical")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("order", "finding"),
    [
        ([0, 1], BETTER),
        ([1, 0], WORSE),
        ([0, 1, 2], BETTER),
        ([0, 2, 1], OTHER_ORDER),
    ],
)
def test_the_finding(order, finding, seed):
    found, target = scores_of(len(order), seed, order)
    below = is_far_below(measure_performance(found))
    judged, better = judge_predictions(found, target, None, below, seed)
    assert judged["finding"] == finding
    if finding != BETTER:
        assert better.tolist() == order  # An exchange of two is its own inverse.


def test_rows_that_are_mixed_up_are_at_chance():
    """But for one in twenty."""
    findings = []
    for seed in range(20):
        found, target = scores_of(2, seed, [0, 1])
        mixed = np.random.default_rng(seed).permutation(found.scores)
        found = Predictions(mixed, found.labels, found.weights, found.classes)
        judged, _ = judge_predictions(found, target, None, False, seed)
        findings.append(judged["finding"])
    assert findings.count(CHANCE) >= 17


def test_whole_units_are_drawn(monkeypatch):
    monkeypatch.setattr("sklearn_wsca._heads.prediction_check.MOST_ROWS", 100)
    found, target = scores_of(3, 0, [0, 1, 2])
    groups = Groups.of(pd.Series(np.arange(300) // 3, name="patient"))
    kept, column, units = sample_units(found, target, groups, 0)
    sizes = np.unique(units.codes, return_counts=True)[1]
    assert len(kept.labels) == len(column.labels) == 102  # Of units of three rows.
    assert set(sizes) == {3}


def test_the_score_in_words():
    found, _ = scores_of(2, 0, [0, 1])
    measured = measure_performance(found)
    expected = f"balanced accuracy {measured['balanced_accuracy']:.2f} (chance 0.50)"
    assert describe_score(measured) == expected
    number = measure_performance(
        Predictions(found.scores[:, :1], found.scores[:, 0], found.weights, None)
    )
    assert describe_score(number) == "R2 1.00 and correlation 1.00 (chance 0)"
