"""Outputs on their rows: what is held fixed for a column, and the order of the rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.decision_studies import MEANS, SCALES, N, grouped, study


def test_a_column_is_not_held_fixed_for_itself():
    decision, columns = study()
    decision = replace(decision, confounders=[columns["age"], columns["view"]])
    names = [c.name for c in decision.held_fixed(columns["scanner"])]
    assert names == ["disease", "age", "view"]
    names = [c.name for c in decision.held_fixed(columns["age"])]
    assert names == ["disease", "view"]
    names = [c.name for c in decision.held_fixed(decision.target)]
    assert names == ["age", "view"]
    untargeted = replace(decision, target=None)
    assert [c.name for c in untargeted.held_fixed(columns["age"])] == ["view"]


def test_outputs_without_names_are_numbered():
    decision, _ = study()
    assert decision.output_names() == [0, 1, 2]
    assert replace(decision, names=["a", "b", "c"]).output_names() == ["a", "b", "c"]


@pytest.mark.parametrize("with_groups", [False, True])
def test_rows_are_ordered_by_how_far_their_outputs_lie_from_the_mean(with_groups):
    decision, columns = study()
    decision = replace(grouped(decision) if with_groups else decision, orders_rows=True)
    weighted = replace(decision, weights=np.arange(1.0, N + 1.0))
    ordered, taken = weighted.in_own_order(columns)
    centred = decision.outputs - decision.outputs.mean(axis=0)
    order = np.argsort((centred**2).sum(axis=1))
    np.testing.assert_array_equal(ordered.outputs, decision.outputs[order])
    np.testing.assert_array_equal(ordered.weights, order + 1.0)
    np.testing.assert_array_equal(ordered.target.labels, decision.target.labels[order])
    np.testing.assert_array_equal(taken["age"].labels, columns["age"].labels[order])
    if with_groups:
        same = pd.factorize(ordered.groups.codes)[0]
        np.testing.assert_array_equal(
            same, pd.factorize(decision.groups.codes[order])[0]
        )


def test_the_order_is_that_of_outputs_turned_moved_and_rescaled():
    decision, columns = study()
    decision = replace(decision, orders_rows=True)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    moved = replace(decision, outputs=0.2 * decision.outputs @ turn + MEANS / SCALES)
    (_, expected), (_, found) = (d.in_own_order(columns) for d in (decision, moved))
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name].labels, column.labels)


def test_others_keep_the_order_in_which_they_came():
    decision, columns = study()
    kept, taken = decision.in_own_order(columns)
    assert kept is decision
    assert taken == columns
