"""Intervals of the length of a vector of effects."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization.adjusted_effect import (
    examine,
)
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.inference import infer_utilization
from sklearn_wsca._utilization.interval import EffectNoise, limits
from tests.columns import column_of

# Noise in one direction, in few, and in many.
NOISES = {
    "one": EffectNoise(0.1, 0.0, 0.0, 8.0),
    "few": EffectNoise(0.1, 0.02, 1.5, 50.0),
    "many": EffectNoise(0.02, 0.3, 30.0, 400.0),
    "one degree": EffectNoise(0.05, 0.004, 4.0, 1.0),
}
EFFECTS = (0.0, 0.15, 0.7)
RAWS = (0.001, 0.05, 0.2, 0.56, 1.3)


@pytest.fixture(params=NOISES)
def noise(request):
    return NOISES[request.param]


def draw_raw(noise, effect, n=100_000, seed=0):
    """Raw utilizations by the model: a length with noise along and across."""
    rng = np.random.default_rng(seed)
    along = effect + noise.along * rng.standard_t(noise.degrees, n)
    across = np.zeros(n)
    if noise.across_degrees:
        across = noise.across * rng.chisquare(noise.across_degrees, n)
        across /= noise.across_degrees
    return np.sqrt(along**2 + across)


# --- distribution --------------------------------------------------------------------


@pytest.mark.parametrize("effect", EFFECTS)
def test_the_distribution_is_that_of_simulated_lengths(noise, effect):
    raw = draw_raw(noise, effect)
    for share in (0.02, 0.2, 0.5, 0.8, 0.98):
        found = noise.cdf(np.quantile(raw, share), effect)
        # Five standard errors of a quantile, and the rounding of the 200 nodes.
        assert found == pytest.approx(share, abs=5 * np.sqrt(0.25 / len(raw)) + 0.002)


def test_the_mean_square_is_that_of_lengths_without_effect():
    noise = replace(NOISES["few"], degrees=1e6)
    assert np.mean(draw_raw(noise, 0.0) ** 2) == pytest.approx(
        noise.mean_square, rel=0.03
    )


def test_the_distribution_rises_with_the_length_and_falls_with_the_effect(noise):
    grid = np.linspace(0.0, 3.0, 61)
    for effect in EFFECTS:
        by_raw = np.array([noise.cdf(raw, effect) for raw in grid])
        assert (np.diff(by_raw) >= -1e-12).all()
        assert by_raw[0] == 0.0
    for raw in RAWS:
        by_effect = np.array([noise.cdf(raw, effect) for effect in grid])
        assert (np.diff(by_effect) <= 1e-12).all()
    assert 0.5 < noise.cdf(3.0, 0.15) <= 1.0


# --- interval ------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_interval_inverts_the_distribution(noise, level):
    tail = (1.0 - level) / 2.0
    inside = 0
    for raw in RAWS:
        low, high = noise.interval(raw, level)
        assert 0.0 <= low <= high
        if low > 0.0:
            assert noise.cdf(raw, low) == pytest.approx(1.0 - tail, abs=1e-6)
            inside += 1
        else:
            assert noise.cdf(raw, 0.0) <= 1.0 - tail
        if high > 0.0:
            assert noise.cdf(raw, high) == pytest.approx(tail, abs=1e-6)
        else:
            assert noise.cdf(raw, 0.0) <= tail
    assert 0 < inside < len(RAWS)


def test_the_interval_rises_with_the_length_and_shrinks_with_the_level(noise):
    intervals = np.array([noise.interval(raw, 0.9) for raw in RAWS])
    assert (np.diff(intervals, axis=0) >= 0.0).all()
    assert (intervals[-1] > intervals[0]).all()
    for raw in RAWS:
        wide, narrow = noise.interval(raw, 0.95), noise.interval(raw, 0.8)
        assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]
    assert noise.interval(1.3, 0.95)[1] > noise.interval(1.3, 0.8)[1]


@pytest.mark.parametrize("unit", [1e-3, 20.0])
def test_limits_are_in_the_unit_of_the_noise(noise, unit):
    def limits(noise, raw):
        interval, upper = noise.interval(raw, 0.95), noise.upper_limit(raw, 0.95)
        return np.array([*interval, upper, noise.detectable(0.05)])

    scaled = replace(noise, along=unit * noise.along, across=unit**2 * noise.across)
    for raw in RAWS:
        found, expected = limits(scaled, unit * raw), unit * limits(noise, raw)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * unit)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_one_sided_limit_is_never_below_that_of_a_typical_sample(noise, level):
    """Else it is the end of the two-sided interval with the same tail."""
    typical = np.median(draw_raw(noise, 0.0))
    least = noise.upper_limit(0.0, level)
    assert least > 0.0
    assert noise.cdf(typical, least) == pytest.approx(1.0 - level, abs=0.01)
    above = 0
    for raw in RAWS:
        limit = noise.upper_limit(raw, level)
        high = noise.interval(raw, 2.0 * level - 1.0)[1]
        assert limit >= max(high, least) - 1e-9
        if raw > 1.02 * typical:
            assert limit == pytest.approx(high, abs=1e-9)
            above += 1
        elif raw < 0.98 * typical:
            assert limit == least > high
    assert 0 < above < len(RAWS)


# The 200 nodes of the noise across are coarse beyond its 99 % quantile.
@pytest.mark.parametrize(("significance", "accuracy"), [(0.05, 0.02), (0.01, 0.07)])
@pytest.mark.parametrize("power", [0.5, 0.8])
@pytest.mark.parametrize("name", ["one", "few", "many"])
def test_the_detectable_effect_exceeds_the_null_with_its_power(
    name, significance, accuracy, power
):
    noise = NOISES[name]
    found = noise.detectable(significance, power)
    critical = np.quantile(draw_raw(noise, 0.0, 400_000), 1.0 - significance)
    reached = np.mean(draw_raw(noise, found, seed=2) > critical)
    assert reached == pytest.approx(power, abs=accuracy)
    assert noise.detectable(significance, power + 0.1) > found
    assert noise.detectable(significance / 2, power) > found


# --- limits --------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [0.01, 0.2, 0.8])
@pytest.mark.parametrize("mean_square", [1e-4, 0.05])
def test_an_estimate_lies_in_its_interval(raw, mean_square):
    noise = EffectNoise(0.1, 0.02, 1.5, 50.0)
    found = limits(raw, noise, mean_square, 0.05)
    assert list(found) == ["utilization", "low", "high", "upper"]
    expected = np.sqrt(max(raw**2 - mean_square, 0.0))
    assert found["utilization"] == pytest.approx(expected)
    low, high = noise.interval(raw, 0.95)
    assert found["low"] == min(low, expected)
    assert found["upper"] == max(noise.upper_limit(raw, 0.95), expected)
    assert found["high"] == max(high, found["upper"])


# --- coverage and power --------------------------------------------------------------


N_STUDIES = 120


def study(seed, use, images, n_groups, target=True, opposite=False):
    """Two scores moved by target, scanner, patient and image; and true utilization."""
    rng = np.random.default_rng([seed, 3])
    unit = np.repeat(np.arange(n_groups), images)
    ill = rng.permutation(np.arange(n_groups) % 2)[unit] * 2.0 - 1.0
    # Half of the scanners follow the target.
    scanner = np.where(
        rng.permutation(np.arange(n_groups) % 2)[unit] > 0,
        ill,
        rng.permutation(np.arange(n_groups) % 4 // 2)[unit] * 2.0 - 1.0,
    )
    if not target:
        scanner = rng.permutation(np.arange(n_groups) % 2)[unit] * 2.0 - 1.0
    outputs = rng.standard_normal((len(unit), 2))
    variance = np.array([1.0, 1.0])
    if images > 1:
        outputs += rng.standard_normal((n_groups, 2))[unit]
        variance += 1.0
    direction = np.array([0.6, -0.8])
    outputs += use * np.outer(scanner * (ill if opposite else 1.0), direction)
    effects = use * direction
    if target:
        outputs += np.outer(ill, [1.0, 0.5])
        # Target and scanner agree by 0.5, and then their effects add up.
        shared = 0.0 if opposite else 0.5
        variance += np.array([1.0, 0.5]) ** 2 + 2 * shared * effects * [1.0, 0.5]
    truth = use / np.sqrt(np.sum(variance + effects**2))
    groups = Groups.of(pd.Series(unit)) if images > 1 else None
    decision = Decision(
        outputs + [40.0, -3.0],
        None,
        np.ones(len(unit)),
        column_of((ill > 0).astype(int), "disease") if target else None,
        [],
        groups,
    )
    return decision, column_of((scanner > 0).astype(int)), truth


def covers(decision, column, truth):
    examined = examine(decision, column, 0.05)
    low, high = examined.noise.interval(examined.raw, 0.95)
    return low <= truth <= high


@pytest.mark.parametrize(
    ("use", "images", "n_groups"), [(0.2, 1, 200), (0.2, 20, 50), (0.6, 20, 50)]
)
@pytest.mark.slow
def test_intervals_cover_the_true_utilization(use, images, n_groups):
    covered = sum(
        covers(*study(seed, use, images, n_groups)) for seed in range(N_STUDIES)
    )
    low, high = stats.binom.interval(0.999, N_STUDIES, 0.95)
    assert low <= covered <= high


@pytest.mark.parametrize("use", [0.2, 0.6])
@pytest.mark.slow
def test_intervals_that_ignore_patients_do_not_cover(use):
    """Negative control: images of one patient taken for independent."""
    covered = 0
    for seed in range(60):
        decision, column, truth = study(seed, use, 20, 50)
        covered += covers(replace(decision, groups=None), column, truth)
    assert stats.binom.interval(0.999, 60, 0.9)[0] > covered > 5


@pytest.mark.parametrize(("images", "n_groups"), [(1, 200), (20, 50)])
@pytest.mark.slow
def test_limits_cover_the_absence_of_an_effect(images, n_groups):
    excluded = limited = 0
    for seed in range(N_STUDIES):
        decision, column, _ = study(seed, 0.0, images, n_groups)
        examined = examine(decision, column, 0.05)
        excluded += examined.noise.interval(examined.raw, 0.95)[0] > 0.0
        limited += examined.noise.upper_limit(examined.raw, 0.95) > 0.0
    assert excluded <= stats.binom.ppf(0.999, N_STUDIES, 0.05)
    assert limited == N_STUDIES


def share_found(n_studies, opposite=False, **design):
    """Share of studies with p <= 0.05 at the effect that they call detectable."""
    detectable = np.median(
        [
            examine(*study(seed, 0.2, **design)[:2], 0.05).noise.detectable(0.05)
            for seed in range(20)
        ]
    )
    truth = study(0, 0.2, opposite=opposite, **design)[2]
    use = 0.2 * detectable / truth
    # The unit grows with the use.
    use *= detectable / study(0, use, opposite=opposite, **design)[2]
    assert study(0, use, opposite=opposite, **design)[2] == pytest.approx(
        detectable, rel=0.01
    )
    hits = 0
    for seed in range(n_studies):
        decision, column, _ = study(seed, use, opposite=opposite, **design)
        plan = PermutationPlan(seed, 99, len(decision.weights))
        runner = SequentialRunner("permutations")
        tests = infer_utilization(decision, {"scanner": column}, plan, 0.05, runner)
        hits += tests.row("scanner")["pvalue"] <= 0.05
    return hits / n_studies


@pytest.mark.parametrize(("images", "n_groups"), [(1, 160), (4, 60)])
@pytest.mark.slow
def test_the_detectable_effect_is_found_in_80_percent_of_studies(images, n_groups):
    found = share_found(90, images=images, n_groups=n_groups, target=False)
    low, high = stats.binom.interval(0.999, 90, 0.8)
    assert low <= 90 * found <= high


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.slow
def test_with_a_target_about_as_many_are_found(opposite):
    """Effects that the classes share are found more easily than those that cancel."""
    found = share_found(60, opposite, images=1, n_groups=200)
    assert 0.55 <= found <= 0.97
