"""Decisions of a head on rows whose target is known."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups, clusters_of
from sklearn_wsca._performance.from_head import judge_head
from sklearn_wsca._utilization.decision import Decision


def decide(classes, kind="auto", labels=(0, 1, 1, 0)):
    n = 6
    rows = np.array([0, 1, 3, 5])
    target = Column("disease", "categorical", rows, np.array(labels), ("ill", "well"))
    groups = Groups.of(pd.Series(["a", "a", None, "b", "b", None], name="patient"))
    outputs = np.array([[-3.0], [4.0], [0.5], [-1.0], [2.0], [7.0]])
    own = Decision(outputs, 1 / (1 + np.exp(-outputs)), np.ones(n), target, [], groups)
    return own, Head(np.ones((1, 2)), np.zeros(1), classes, kind)


@pytest.mark.parametrize("classes", [("ill", "well"), ("well", "ill")])
def test_labels_are_numbers_of_the_classes_of_the_head(classes):
    found = judge_head(*decide(classes)).judged
    sign = 1 if classes[1] == "well" else 0
    assert found.labels.tolist() == [1 - sign, sign, sign, 1 - sign]
    assert found.scores[:, 1].tolist() == [-3.0, 4.0, -1.0, 7.0]
    assert found.predicted == pytest.approx(1 / (1 + np.exp([3.0, -4.0, 1.0, -7.0])))
    assert found.observed.tolist() == found.labels.tolist()


def test_rows_without_a_group_are_units_of_their_own():
    decision, _ = decide(("ill", "well"))
    codes = clusters_of(decision.groups, decision.target)
    assert codes[0] == codes[1] and len(set(codes)) == 3


def test_no_predictions_of_a_target():
    decision, head = decide(("other", "well"))
    assert judge_head(decision, head) is None
    assert judge_head(None, head) is None and judge_head(decision, None) is None
