"""Robustness values: against variables that were left out, and are known here."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import utilization_test
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization.adjusted_effect import prepare
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.inference import infer_utilization, no_utilization
from sklearn_wsca._utilization.robustness import (
    contrast_strength,
    robustness_value,
    robustness_values,
)
from tests.columns import column_of

PLAN, RUNNER = PermutationPlan(0, 0, 1), SequentialRunner("permutations")
OUTPUTS = np.array([1.0, -0.5, 0.3])


def measure(decision, column, *held):
    """Utilization of a column, with further variables held fixed."""
    decision = replace(decision, confounders=list(held))
    return infer_utilization(decision, {"scanner": column}, PLAN, 0.05, RUNNER)


def hide(seed, share, own=0.0, n_outputs=1, n=3000, n_patients=None):
    """A variable that explains a share of what is left of both column and outputs.

    `own` is the slope of the outputs on the column itself.
    """
    rng = np.random.default_rng(seed)
    k = n_patients or n
    ill, hidden, *others = rng.standard_normal((4, k))[:, np.arange(n) % k]
    values = np.sqrt(share) * hidden + np.sqrt(1.0 - share) * others[0]
    moved = own * values + np.sqrt(share) / (1.0 - share) * hidden + others[1]
    moved += ill > 0
    outputs = np.outer(moved, OUTPUTS[:n_outputs])
    if n_outputs > 1:
        outputs += 0.2 * rng.standard_normal(outputs.shape)
    groups = None
    if n_patients:
        outputs += 0.1 * rng.standard_normal(outputs.shape)
        groups = Groups.of(pd.Series(np.arange(n) % k, name="patient"))
    target = column_of((ill > 0).astype(int), "disease")
    decision = Decision(
        outputs, None, np.ones(n), target, [], groups, adjustment="linear"
    )
    return decision, column_of(values), column_of(hidden, "severity")


def levels(seed, use, n=600, n_outputs=3, alike=True):
    """A scanner of three levels that moves the outputs, both classes alike or not."""
    rng = np.random.default_rng(seed)
    ill, scanner = rng.integers(0, 2, n), rng.integers(0, 3, n)
    sign = 1.0 if alike else 1.0 - 2.0 * ill
    outputs = rng.standard_normal((n, n_outputs)) + np.outer(ill, OUTPUTS[:n_outputs])
    outputs += np.outer(use * sign * scanner, OUTPUTS[:n_outputs])
    target = column_of(ill, "disease")
    decision = Decision(outputs, None, np.ones(n), target, [], None)
    return replace(decision, adjustment="linear"), column_of(scanner)


def invent(decision, column, share, seed):
    """A variable with exactly these partial R2s with the contrast and its outputs."""
    model = prepare(decision, column).model
    rows = model.effect_rows()
    direction = np.linalg.svd(rows.T @ model.rows.residuals)[2][0]
    output = model.rows.residuals @ direction
    contrast = model.explain(output[:, None])[:, 0]
    known = np.column_stack([model.design().written_out(), rows, output])
    noise = np.random.default_rng(seed).standard_normal(len(output))
    noise -= known @ np.linalg.lstsq(known, noise, rcond=None)[0]
    parts = [contrast, output - contrast, noise]
    parts = [part / np.linalg.norm(part) for part in parts]
    weights = [share, (1.0 - share) * share, (1.0 - share) ** 2]
    values = np.sqrt(weights) @ np.stack(parts)
    return column_of(values, "severity")


# --- the number itself ---------------------------------------------------------------


@pytest.mark.parametrize("strength", [1e-4, 0.02, 0.3, 1.0, 5.0, 1e4])
def test_a_variable_of_this_strength_takes_away_the_effect(strength):
    value = robustness_value(strength)
    assert 0.0 < value < 1.0
    assert value / np.sqrt(1.0 - value) == pytest.approx(strength)


def test_nothing_is_needed_where_nothing_is_claimed():
    assert robustness_value(0.0) == robustness_value(-1.0) == 0.0
    below = robustness_values(0.3, raw=0.1, estimate=0.08, low=0.0, margin=0.1)
    assert below == {"to_margin": 0.0, "to_zero": 0.0}
    assert robustness_values(0.0, 0.0, 0.0, 0.0, 0.1) == below


def test_values_rise_with_what_must_be_explained():
    low = robustness_values(0.3, raw=0.5, estimate=0.48, low=0.2, margin=0.1)
    high = robustness_values(0.3, raw=0.5, estimate=0.48, low=0.4, margin=0.05)
    assert 0.0 < low["to_zero"] < low["to_margin"] < high["to_margin"]
    assert low["to_zero"] < high["to_zero"] < robustness_value(0.3)


# --- where the truth is known --------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.05, 0.15, 0.3])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_it_is_the_strength_of_the_variable_that_was_left_out(seed, share, n_outputs):
    decision, column, hidden = hide(seed, share, 0.15, n_outputs)
    without, fixed = measure(decision, column), measure(decision, column, hidden)
    truth = float(fixed.table["utilization"].iloc[0])
    assert without.table["low"].iloc[0] > truth
    found = without.robustness(truth).loc["scanner"]
    assert found["to_margin"] == pytest.approx(share, abs=0.03)
    # Whoever asks for less is sure of more.
    assert without.robustness(0.0).loc["scanner", "to_margin"] > found["to_margin"]


@pytest.mark.parametrize("seed", range(3))
def test_a_column_without_use_needs_no_more_than_what_made_it_look_used(seed):
    decision, column, hidden = hide(seed, 0.15)
    found = measure(decision, column).robustness(0.0).loc["scanner"]
    assert 0.0 < found["to_zero"] < found["to_margin"] < 0.18
    assert measure(decision, column, hidden).table["low"].iloc[0] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_patients_of_several_rows_count_by_their_means(seed):
    decision, column, _ = hide(seed, 0.15, n_patients=500)
    noise = np.random.default_rng(seed).standard_normal(decision.outputs.shape)
    decision = replace(decision, outputs=decision.outputs + 2.0 * noise)
    strength = measure(decision, column).examined["scanner"].strength
    means = decision.outputs.reshape(6, 500, -1).mean(axis=0)
    target = column_of(decision.target.labels[:500], "disease")
    once = Decision(means, None, np.ones(500), target, [], None, adjustment="linear")
    alone = measure(once, column_of(column.labels[:500])).examined["scanner"]
    assert strength == pytest.approx(alone.strength, rel=1e-6)
    assert strength > 0.05


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("end", ["to_margin", "to_zero"])
def test_a_variable_as_strong_overturns_a_used_scanner_and_a_weaker_does_not(seed, end):
    decision, column = levels(seed, use=0.5)
    tests = measure(decision, column)
    value = tests.robustness(0.1).loc["scanner", end]
    assert 0.05 < value < 0.5

    def adjusted(share):
        return measure(
            decision, column, invent(decision, column, share, seed)
        ).table.iloc[0]

    entry, goal = {"to_margin": ("utilization", 0.1), "to_zero": ("low", 0.0)}[end]
    assert adjusted(value)[entry] == pytest.approx(goal, abs=0.04)
    assert adjusted(value / 3.0)[entry] > goal + 0.06


@pytest.mark.parametrize("seed", range(3))
def test_what_differs_between_classes_counts(seed):
    decision, column = levels(seed, use=0.6, alike=False)
    found = measure(decision, column).robustness(0.1).loc["scanner"]
    assert found.min() > 0.08
    unused, column = levels(seed, use=0.0)
    assert measure(unused, column).robustness(0.1).loc["scanner"].max() < 0.02


def test_outputs_that_are_the_column_cannot_be_explained_away():
    decision, column = levels(0, use=0.0, n_outputs=1)
    decision = replace(decision, outputs=np.eye(3)[column.labels])
    tests = measure(decision, column)
    model = prepare(decision, column).model
    effects = model.effect_rows().T @ model.rows.residuals
    assert contrast_strength(model, effects) > 1e5
    assert tests.robustness(0.1).loc["scanner", "to_margin"] > 0.99


@pytest.mark.parametrize("seed", range(3))
def test_predictions_alone_have_one_too(seed):
    for use, least, most in ((0.5, 0.15, 0.5), (0.0, 0.0, 0.05)):
        decision, column = levels(seed, use)
        # Scores of several classes are centred over them.
        scores = decision.outputs - decision.outputs.mean(axis=1, keepdims=True)
        tests = measure(replace(decision, outputs=scores), column)
        found = utilization_test(
            decision.outputs,
            np.array(["A", "B", "C"])[column.labels],
            target=decision.target.labels > 0,
            adjustment="linear",
            n_permutations=0,
        )
        assert least <= found.robustness_to_zero <= most
        expected = tests.robustness(0.1).loc["scanner", "to_zero"]
        assert found.robustness_to_zero == pytest.approx(expected)


def test_columns_without_an_estimate_have_none():
    found = no_utilization(["scanner"], "a reason").robustness(0.1)
    assert found.isna().all(axis=None)
    assert list(found) == ["to_margin", "to_zero"]
