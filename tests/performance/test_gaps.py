"""Studentised gaps: the same by either way of summing, and size under odd designs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._performance.gaps import (
    ComparedLevels,
    exchange_at_target,
    largest_difference,
    score_estimates,
)
from sklearn_wsca._performance.inference import infer_performance
from sklearn_wsca._performance.levels import correlations
from sklearn_wsca._performance.measures import compared_measures
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.performance.studies import column_of, decisions_of, draw

RUNNER = SequentialRunner("permutations")


def compare(seed=0, **odd):
    scores, ill, level, patient = draw(seed, **odd)
    found = decisions_of(scores, ill, patient)
    column = column_of(level)
    exchange = exchange_at_target(exchange_units(column, found.groups), found.target)
    return ComparedLevels.of(
        column,
        found.judged,
        lambda rows: list(compared_measures(found.judged.take(rows))),
        exchange,
    )


def recalls_only(compared):
    """Without the AUROC, whose placements are others in permutations."""
    compared = compared.copy()
    compared[:, 3] = False
    return compared


@pytest.mark.parametrize("images", [None, (20, 20, 1), "within"])
def test_the_statistic_of_the_data_is_that_of_no_permutation(images):
    found = compare(images=images)
    compared = recalls_only(found.compared)
    assert compared.any()
    scored = found.cells
    codes = found.codes[None]
    if scored.clusters is not None:
        codes = codes[:, np.argsort(found.exchange.clusters, kind="stable")]
    unmoved = scored.largest(codes, compared)
    parts = score_estimates(found.estimates, scored, compared)
    assert unmoved == pytest.approx(largest_difference(*parts, compared)[0], abs=1e-6)
    assert unmoved[0] > 0.5


def test_levels_of_whole_patients_may_be_summed_by_patient_or_by_row():
    found = compare(images=(20, 20, 1))
    scores, ill, level, patient = draw(0, images=(20, 20, 1))
    own = decisions_of(scores, ill, patient)
    exchange = replace(
        exchange_units(column_of(level), own.groups), scheme="within groups"
    )
    rows = ComparedLevels.of(
        column_of(level),
        own.judged,
        lambda r: list(compared_measures(own.judged.take(r))),
        exchange,
    )
    drawn = np.random.default_rng(0).permutation(len(found.codes))[None]
    by_patient = found.cells.largest(found.codes[drawn], found.compared)
    moved = found.codes[drawn][:, found.exchange.unit]
    order = np.argsort(exchange.clusters, kind="stable")
    by_row = rows.cells.largest(moved[:, order], found.compared)
    assert by_row == pytest.approx(by_patient, rel=1e-5)


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
