"""Limits of agreement: formulas, coverage, groups, bad input."""

import numpy as np
import pytest
from scipy import stats

from sklearn_wsca._features.agreement import measure_agreement


def pair(rng, n=40, bias=0.7, noise=2.0):
    first = rng.normal(50, 9, size=n)
    return first, first - bias + rng.normal(scale=noise, size=n)


@pytest.mark.parametrize("seed", range(3))
def test_formulas_without_groups(seed):
    first, second = pair(np.random.default_rng(seed))
    found = measure_agreement(first, second)
    d, n = first - second, 40
    assert found.bias == pytest.approx(d.mean())
    interval = stats.ttest_1samp(d, 0).confidence_interval()
    np.testing.assert_allclose(found.bias_interval, interval)
    half = stats.norm.ppf(0.975) * d.std(ddof=1)
    np.testing.assert_allclose(found.limits, [d.mean() - half, d.mean() + half])
    error = d.std(ddof=1) * np.sqrt(1 / n + stats.norm.ppf(0.975) ** 2 / (2 * (n - 1)))
    width = 2 * stats.t.ppf(0.975, n - 1) * error
    np.testing.assert_allclose(np.ptp(found.limits_intervals, axis=1), width)
    assert found.trend == pytest.approx(np.corrcoef(d, first + second)[0, 1])


def coverage(make, n_seeds=400):
    """Share of the intervals that hold the true bias 0.7, and the true limits."""
    hits = []
    for seed in range(n_seeds):
        *given, groups, spread = make(np.random.default_rng(seed))
        found = measure_agreement(*given, groups)
        truth = 0.7 + stats.norm.ppf(0.975) * spread * np.array([-1, 1])
        low, high = found.limits_intervals.T
        inside = (low <= truth) & (truth <= high)
        on_bias = found.bias_interval[0] <= 0.7 <= found.bias_interval[1]
        hits.append([on_bias, *inside])
    return np.mean(hits, axis=0)


def single(rng):
    return *pair(rng), None, 2.0


def of_patients(rng, named=True):
    """Patients of 2 to 10 images, which differ by more than their images do."""
    patient = np.repeat(np.arange(30), rng.integers(2, 11, size=30))
    first, second = pair(rng, len(patient), noise=1.0)
    second = second + rng.normal(scale=2.0, size=30)[patient]
    return first, second, patient if named else None, np.sqrt(5.0)


@pytest.mark.parametrize("make", [single, of_patients])
def test_intervals_cover_the_truth(make):
    assert (coverage(make) > 0.91).all()


def test_intervals_without_the_names_of_patients():
    """The control of the test above."""
    assert (coverage(lambda rng: of_patients(rng, named=False)) < 0.85).all()


def test_maps_count_with_their_means():
    rng = np.random.default_rng(0)
    maps = 3 + rng.random((20, 4, 5))
    found = measure_agreement(maps, maps.mean((1, 2)) - 0.1)
    assert found.bias == pytest.approx(0.1)
    np.testing.assert_allclose(found.limits, 0.1)
    assert np.isnan(found.trend)


def test_unequal_spread_is_a_trend():
    rng = np.random.default_rng(0)
    first, _ = pair(rng, 100)
    assert measure_agreement(first, first / 2).trend == pytest.approx(1)
    assert abs(measure_agreement(*pair(rng, 400)).trend) < 0.3


@pytest.mark.parametrize(
    ("first", "second", "groups", "message"),
    [
        ([1, 2, 3], [1, 2], None, "second: 2 values for the 3 of first"),
        ([1, 2], [1, 2], None, "first: 2 samples; limits"),
        ([1, 2, 3], [1, 2, 3], list("aab"), "first: 2 groups; limits"),
        ([1, 2, 3], [1, 2, np.nan], None, "second: 1 of 3 samples hold NaN"),
        (["a"] * 3, [1, 2, 3], None, r"first: an array of shape \(3,\)"),
        ([1, 2, 3], [1, 2, 3], [1], "groups: 1 for 3 samples"),
    ],
)
def test_bad_input(first, second, groups, message):
    with pytest.raises(ValueError, match=message):
        measure_agreement(first, second, groups)
