"""Gaps between levels: intervals, and size and power under odd designs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._performance.gaps import exchange_at_target
from sklearn_wsca._performance.inference import infer_performance
from sklearn_wsca._performance.levels import correlations
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.performance.studies import column_of, compare, decisions_of, draw

RUNNER = SequentialRunner("permutations")


def test_a_level_of_few_units_is_not_compared():
    found = compare(n=100, shares=(0.5, 0.47, 0.03))
    assert not found.compared[2].all() and found.compared[:2].all()


# At 10 % more than 10 rejections of 40 studies have a chance of 0.5 %.
@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"noise": 3.0},
        {"images": (20, 20, 1)},
        {"images": "within", "n": 60},
        {"rate": 0.1, "n": 800, "shares": (0.4, 0.4, 0.2)},
    ],
    ids=["even", "noisier", "fewer images", "within patients", "rare positives"],
)
def test_size_and_power(odd):
    def pvalue(seed, **more):
        scores, ill, level, patient = draw(seed, **odd, **more)
        plan = PermutationPlan(seed, 19, len(ill))
        own = decisions_of(scores, ill, patient)
        found = infer_performance(own, {"c": column_of(level)}, plan, 0.05, RUNNER)
        return found.pvalues.loc["c", "pvalue"]

    null = np.array([pvalue(seed) for seed in range(40)])
    assert np.sum(null <= 0.1) <= 10
    moved = [pvalue(seed, loss=4.0 * odd.get("noise", 1.0)) for seed in range(8)]
    assert np.sum(np.array(moved) <= 0.05) >= 6


def test_strata_keep_the_target_of_rows_within_patients():
    _, ill, level, patient = draw(0, n=60, images="within")
    ill = np.random.default_rng(1).integers(0, 2, len(ill))
    column, groups = column_of(level), Groups.of(pd.Series(patient, name="patient"))
    target = replace(column, labels=ill, levels=(0, 1))
    exchange = exchange_at_target(exchange_units(column, groups), target)
    orders = np.stack([np.random.default_rng(0).permutation(len(ill))])
    sources = exchange.unit_sources(orders)[0]
    assert (ill[sources] == ill).all() and (patient[sources] == patient).all()
    assert (sources != np.arange(len(ill))).any()


def difference_of_one_pair(found, measure, high, low, significance):
    """Its interval by Newcombe's method, from the limits of two levels."""
    icc = correlations([e for own in found.estimates for e in own])
    (a, a_low, a_high), (b, b_low, b_high) = (
        (e.value, *e.limits(icc, significance / 2))
        for e in (found.estimates[high][measure], found.estimates[low][measure])
    )
    return (
        a - b - np.hypot(a - a_low, b_high - b),
        a - b + np.hypot(a_high - a, b - b_low),
    )


@pytest.mark.parametrize("images", [None, (20, 20, 1), "within"])
@pytest.mark.parametrize("critical", [0.0, 2.0, 3.5])
def test_the_interval_is_that_of_the_test_and_at_least_that_of_one_pair(
    images, critical
):
    found = compare(images=images)
    gap = found.gap(critical, 0.05)
    measure, first, second = found.place
    high, low = first, second
    if gap.higher != found.levels[first]:
        high, low = second, first
    one = difference_of_one_pair(found, measure, high, low, 0.05)
    reach = critical * gap.size / found.observed
    assert gap.low == pytest.approx(max(min(one[0], gap.size - reach), -1.0))
    assert gap.high == pytest.approx(min(max(one[1], gap.size + reach), 1.0))
    assert gap.low < gap.size < gap.high <= gap.unseen <= 1.0


def test_an_interval_where_nothing_is_wrong_has_a_width():
    _, ill, level, patient = draw(0)
    decisions = decisions_of(np.where(ill, 1.0, -1.0), ill, patient)
    plan = PermutationPlan(0, 19, len(ill))
    tested = {"c": column_of(level)}
    tests = infer_performance(decisions, tested, plan, 0.05, RUNNER)
    gap = tests.gap_of("c")
    assert gap["size"] == 0.0 and gap["low"] < -0.02 and gap["high"] > 0.02


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"images": (20, 20, 20), "n": 150},
        {"rate": 0.03, "n": 1500, "shares": (0.4, 0.3, 0.3)},
    ],
    ids=["even", "patients", "rare positives"],
)
def test_the_interval_of_the_largest_gap_holds_the_truth(odd):
    def holds(seed):
        scores, ill, level, patient = draw(seed + 500, **odd)
        plan = PermutationPlan(seed, 99, len(ill))
        own = decisions_of(scores, ill, patient)
        tested = {"c": column_of(level)}
        gap = infer_performance(own, tested, plan, 0.2, RUNNER).gap_of("c")
        return gap["low"] <= 0.0 <= gap["high"]

    # At 80 % fewer than 32 or all of 50 have a chance of less than 0.3 %.
    assert 32 <= sum(map(holds, range(50))) < 50
