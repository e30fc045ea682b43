"""Intervals against closed forms, and their coverage with known truth."""

import numpy as np
import pytest
from scipy import stats

from sklearn_wsca._performance.limits import (
    Sums,
    area_limits,
    calibration_limits,
    intraclass_correlation,
    linear_limits,
    mean_limits,
    share_limits,
    wilson,
)

TAIL = 0.025


def sums_of(values, clusters=None, weights=None):
    values = np.asarray(values, dtype=float)
    clusters = np.arange(len(values)) if clusters is None else clusters
    weights = np.ones(len(values)) if weights is None else weights
    return Sums.of(values, weights, clusters)


@pytest.mark.parametrize("hits, n", [(0, 8), (8, 8), (3, 11), (98, 100)])
def test_shares_of_independent_rows_have_the_interval_of_wilson(hits, n):
    part = sums_of(np.arange(n) < hits)
    expected = stats.binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert share_limits(part, 1.0, TAIL) == pytest.approx((expected.low, expected.high))


def test_rows_of_a_patient_that_are_all_alike_count_once():
    right = np.array([1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1.0])
    once = sums_of(right)
    five = sums_of(np.repeat(right, 5), np.repeat(np.arange(12), 5))
    assert intraclass_correlation([five]) == 1.0
    assert 1.0 / five.relative_variance(1.0) <= 12.0
    assert 1.0 / five.relative_variance(1.0) == pytest.approx(12.0, rel=0.1)
    low, high = share_limits(five, 1.0, TAIL)
    assert low < share_limits(once, 1.0, TAIL)[0] and high > five.mean


def test_rows_of_patients_that_are_unrelated_count_all():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(300), 4)
    part = sums_of(rng.random(1200) < 0.7, patients)
    icc = intraclass_correlation([part])
    assert icc < 0.1
    assert 1.0 / part.relative_variance(icc) == pytest.approx(1200, rel=0.25)


def test_nothing_that_varies_is_taken_for_one_row_per_patient():
    part = sums_of(np.ones(50), np.repeat(np.arange(10), 5))
    assert intraclass_correlation([part]) == 1.0
    low, high = share_limits(part, 1.0, TAIL)
    assert high == 1.0 and low < wilson(1.0, 10, 1.96)[0] + 0.01


def test_weights_of_rows_count_as_fewer_rows():
    values = np.tile([0.0, 1.0, 1.0], 20)
    even = sums_of(values, weights=np.full(60, 7.0))
    odd = sums_of(values, weights=np.tile([1.0, 1.0, 30.0], 20))
    assert share_limits(even, 0.0, TAIL) == pytest.approx(
        share_limits(sums_of(values), 0.0, TAIL)
    )
    assert 1.0 / odd.relative_variance(0.0) < 30


@pytest.mark.parametrize("p, n", [(0.5, 20), (0.9, 40), (0.98, 60)])
def test_coverage_of_the_mean_of_two_shares(p, n):
    rng = np.random.default_rng([n, 1])
    inside = []
    for _ in range(400):
        parts = [sums_of(rng.random(n) < p), sums_of(rng.random(3 * n) < p)]
        low, high = linear_limits(np.array([0.5, 0.5]), parts, [0.0, 0.0], TAIL)
        inside.append(low <= p <= high)
    assert 0.92 <= np.mean(inside) <= 0.995


@pytest.mark.parametrize("distance", [0.1, 2.0, 4.0])
def test_coverage_of_areas(distance):
    rng = np.random.default_rng(7)
    truth, inside = stats.norm.cdf(distance / np.sqrt(2)), []
    for _ in range(300):
        ill, well = rng.standard_normal(15) + distance, rng.standard_normal(60)
        above = np.mean(ill[:, None] > well, axis=1)
        below = np.mean(ill[:, None] > well, axis=0)
        pair = sums_of(above), sums_of(below)
        variance = above.var() / 15 + below.var() / 60
        low, high = area_limits(above.mean(), [pair], [(0.0, 0.0)], variance, TAIL)
        assert 0.0 <= low <= above.mean() <= high <= 1.0
        inside.append(low <= truth <= high)
    assert 0.91 <= np.mean(inside) <= 0.99


def test_calibration_without_an_event_is_not_certain():
    predicted, observed = np.full(50, 0.001), np.zeros(50)
    found = calibration_limits(
        sums_of(predicted - observed), sums_of(observed), 0.0, TAIL
    )
    # 2 % may have the event: nothing is against it.
    assert found[0] < 0.001 - 0.02 < found[1]


def test_means_have_the_interval_of_student():
    values = 400.0 + 30.0 * np.random.default_rng(0).standard_normal(17)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean_limits(sums_of(values), 0.0, TAIL) == pytest.approx(
        (expected.low, expected.high)
    )
