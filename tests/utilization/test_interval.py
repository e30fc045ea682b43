"""Intervals of the length of a vector of effects, and the noise they are made from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization import interval as interval_module
from sklearn_wsca._utilization.adjusted_effect import Decision, examine
from sklearn_wsca._utilization.inference import infer_utilization
from sklearn_wsca._utilization.interval import EffectNoise, NoiseSource, _Influence
from tests.columns import column_of
from tests.decision_studies import MEANS, SCALES, Sample
from tests.reference import cluster_robust_effects

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


# --- noise ---------------------------------------------------------------------------


def draw_sample(
    seed,
    sizes,
    column="3 levels",
    target="2 classes",
    effect=0.0,
    within=False,
    weighted=False,
):
    """A sample of groups of these sizes; of single rows without groups if all are 1."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(len(sizes)), sizes)
    n, together = len(unit), len(sizes) < sum(sizes)
    ill = rng.permutation(np.arange(len(sizes)) % 2)[unit]
    labels = rng.permutation(np.arange(len(sizes)) % 3)[unit]
    if within:
        # About as many rows of each level in every group.
        labels = np.concatenate([rng.permutation(np.arange(m) % 3) for m in sizes])
    outputs = rng.standard_normal((n, 3)) * (1.0 + 0.5 * ill[:, None])
    if together:
        outputs += rng.standard_normal((len(sizes), 3))[unit]
    outputs += np.outer(ill, [1.0, 0.5, -1.0])
    outputs += effect * np.outer(labels * (1 + ill), [1.0, -0.4, 0.6])
    if column == "numbers":
        labels = 0.2 + 1e-3 * (labels + rng.random(len(sizes))[unit])
    return Sample(
        outputs * SCALES + MEANS,
        labels,
        None if target is None else ill,
        [],
        rng.uniform(0.3, 2.0, n) if weighted else np.ones(n),
        unit if together else None,
    )


def noise_of(sample):
    """Noise of all effects of the column of a sample."""
    model = sample.model()
    source = NoiseSource.of(model, sample.outputs, sample.weights)
    rows = model.effect_rows()
    return source.noise(rows)


DESIGNS = {
    "rows": {"sizes": [1] * 70},
    "groups": {"sizes": [1, 2, 6, 3] * 5},
    "within groups": {"sizes": [4, 6, 5] * 4, "within": True},
}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("column", ["3 levels", "numbers"])
@pytest.mark.parametrize("target", ["2 classes", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_noise_is_that_of_explicit_hat_matrices(
    design, column, target, weighted, monkeypatch
):
    monkeypatch.setattr(interval_module, "NEGLIGIBLE_LEVERAGE", 0.0)
    sample = draw_sample(
        1,
        column=column,
        target=target,
        effect=0.6,
        weighted=weighted,
        **DESIGNS[design],
    )
    if design == "within groups" and column == "numbers":
        sample.labels = sample.labels + 1e-3 * np.arange(len(sample.labels)) % 7e-3
    model = sample.model()
    assert model.exchange.scheme == {"groups": "between groups"}.get(design, design)
    effects, influence, degrees = cluster_robust_effects(
        sample.outputs,
        sample.labels,
        sample.target,
        sample.clusters,
        sample.weights,
        sample.groups_held,
        sample.share(),
    )
    own = noise_of(sample)
    assert model.observed()[0] == pytest.approx(np.linalg.norm(effects), abs=1e-9)
    covariance = influence.T @ influence
    along = effects / np.linalg.norm(effects)
    across = np.eye(len(along)) - np.outer(along, along)
    across = across @ covariance @ across
    assert own.along**2 == pytest.approx(along @ covariance @ along)
    assert own.across == pytest.approx(np.trace(across))
    assert own.across_degrees == pytest.approx(
        np.trace(across) ** 2 / np.sum(across**2)
    )
    assert own.mean_square == pytest.approx(np.trace(covariance))
    assert own.degrees == pytest.approx(degrees)


@pytest.mark.parametrize("size", [1, 7])
def test_a_group_with_a_class_of_its_own_adds_no_noise(size):
    """Its leverage is 1 in a direction where nothing is left of the residuals."""
    sample = draw_sample(2, [size, *[1, 2, 6, 3] * 5], "numbers", effect=0.4)
    sample.target[:size] = 2
    effects, influence, degrees = cluster_robust_effects(
        sample.outputs,
        sample.labels,
        sample.target,
        sample.groups,
        sample.weights,
        share=sample.share(),
    )
    own = noise_of(sample)
    assert sample.model().observed()[0] == pytest.approx(np.linalg.norm(effects))
    assert own.mean_square == pytest.approx(np.sum(influence**2), rel=1e-3)
    assert own.degrees == pytest.approx(degrees)


@pytest.mark.parametrize("seed", range(3))
def test_clusters_of_little_leverage_need_no_correction(seed, monkeypatch):
    sample = draw_sample(seed, [2, 5, 1] * 100, effect=0.4)
    quick = noise_of(sample)
    monkeypatch.setattr(interval_module, "NEGLIGIBLE_LEVERAGE", 0.0)
    exact = noise_of(sample)
    assert quick.mean_square == pytest.approx(exact.mean_square, rel=0.02)
    assert quick.mean_square != exact.mean_square


@pytest.mark.parametrize("column", ["3 levels", "numbers"])
@pytest.mark.parametrize("sizes", [[1] * 600, [5, 15] * 60])
def test_without_effect_noise_has_the_mean_square_of_permutations(sizes, column):
    ratios = []
    for seed in range(8):
        sample = draw_sample(seed, sizes, column)
        model = sample.model()
        own = noise_of(sample)
        orders = PermutationPlan(seed, 100, len(sample.labels)).orders(range(100))
        null = model.permutations(orders)[:, 0]
        ratios.append(own.mean_square / np.mean(null**2))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)
    assert np.std(ratios) < 0.2


def assert_same_noise(found, expected, tolerance):
    for name in ("along", "across", "across_degrees", "degrees"):
        value = getattr(expected, name)
        assert getattr(found, name) == pytest.approx(value, rel=tolerance)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("size", [1, 1000])
def test_blocks_of_groups_make_no_difference(design, size, monkeypatch):
    sample = draw_sample(4, effect=0.5, **DESIGNS[design])
    expected = noise_of(sample)
    monkeypatch.setattr(interval_module, "ELEMENTS_PER_BLOCK", size)
    assert_same_noise(noise_of(sample), expected, 1e-9)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("size", [1, 300, 2**22])
@pytest.mark.parametrize("n_outputs", [1, 30])
def test_moments_by_sums_and_by_products_are_those_of_the_whole_matrix(
    design, size, n_outputs, monkeypatch
):
    """Which way is taken depends on the numbers of rows, effects and outputs."""
    sample = draw_sample(4, effect=0.5, **DESIGNS[design])
    rng = np.random.default_rng(0)
    sample.outputs = sample.outputs @ rng.standard_normal((3, n_outputs))
    sample.outputs += rng.standard_normal(sample.outputs.shape)
    model = sample.model()
    source = NoiseSource.of(model, sample.outputs, sample.weights)
    rows = model.effect_rows()
    effects = rows.T @ source.outputs
    source = replace(source, spread=np.append(source.spread, 0.01))
    influence = _Influence.of(source, rows, effects)
    spread = source.spread
    matrix = -spread[:, None] * effects.ravel()
    for row, residual, cluster in zip(
        rows, source.residuals, source.clusters, strict=True
    ):
        matrix[cluster] += np.outer(row, residual).ravel()
    direction = effects / np.linalg.norm(effects)
    covariance, along = matrix.T @ matrix, direction.ravel()
    expected = [
        np.trace(covariance),
        np.sum(covariance**2),
        along @ covariance @ covariance @ along,
    ]
    monkeypatch.setattr(interval_module, "ELEMENTS_PER_BLOCK", size)
    projected = influence.times(direction)
    np.testing.assert_allclose(projected, matrix @ along, atol=1e-12)
    for found in (
        influence.moments(projected),
        influence._moments_of_sums(projected),
        influence._moments_of_products(projected),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("design", DESIGNS)
def test_noise_of_a_part_of_the_rows_is_that_of_zeros_elsewhere(design):
    """Rows of one class have zeros in the others, whose clusters are left out."""
    sample = draw_sample(4, effect=0.5, **DESIGNS[design])
    model = sample.model()
    source = NoiseSource.of(model, sample.outputs, sample.weights)
    rows = np.where((sample.target == 1)[:, None], model.common_rows(), 0.0)
    effects = rows.T @ source.outputs
    found = source.noise(rows)
    errors = np.array(
        [
            (rows[own].T @ source.residuals[own]).ravel() - spread * effects.ravel()
            for own, spread in (
                (source.clusters == k, source.spread[k])
                for k in range(len(source.spread))
            )
        ]
    )
    assert found.mean_square == pytest.approx(np.sum(errors**2))
    along = errors @ effects.ravel() / np.linalg.norm(effects)
    assert found.along**2 == pytest.approx(along @ along)
    errors += source.spread[:, None] * effects.ravel()
    np.testing.assert_allclose(
        source.errors(rows).ravel(), np.linalg.norm(errors, axis=0), rtol=1e-9
    )
    found, low, high = source.limits(rows, 0.1)
    np.testing.assert_allclose(found, effects)
    reach = stats.t.ppf(0.95, source.degrees(rows)) * source.errors(rows)
    np.testing.assert_allclose([low, high], [effects - reach, effects + reach])


@pytest.mark.parametrize("design", DESIGNS)
def test_noise_does_not_depend_on_the_unit_or_a_rotation_of_the_outputs(design):
    sample = draw_sample(4, effect=0.5, **DESIGNS[design])
    expected = noise_of(sample)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    moved = replace(sample, outputs=1e3 * sample.outputs @ turn - [7.0, 1e4, 0.0])
    assert_same_noise(noise_of(moved), expected, 1e-6)


def test_outputs_without_noise_give_an_interval_around_their_effect():
    """All rows of a class and level are alike: only the unit is estimated."""
    labels, ill = np.arange(80) % 2, np.arange(80) // 2 % 2
    outputs = np.outer(labels, [1.0, -3.0]) + np.outer(ill, [4.0, 2.0]) + [90.0, 7.0]
    sample = Sample(outputs, labels, ill, [], np.ones(80))
    raw = sample.model().observed()[0]
    own = noise_of(sample)
    low, high = own.interval(raw, 0.95)
    assert 0.0 < low <= raw <= high < 1.5 * raw


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
def test_intervals_cover_the_true_utilization(use, images, n_groups):
    covered = sum(
        covers(*study(seed, use, images, n_groups)) for seed in range(N_STUDIES)
    )
    low, high = stats.binom.interval(0.999, N_STUDIES, 0.95)
    assert low <= covered <= high


@pytest.mark.parametrize("use", [0.2, 0.6])
def test_intervals_that_ignore_patients_do_not_cover(use):
    """Negative control: images of one patient taken for independent."""
    covered = 0
    for seed in range(60):
        decision, column, truth = study(seed, use, 20, 50)
        covered += covers(replace(decision, groups=None), column, truth)
    assert stats.binom.interval(0.999, 60, 0.9)[0] > covered > 5


@pytest.mark.parametrize(("images", "n_groups"), [(1, 200), (20, 50)])
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
def test_the_detectable_effect_is_found_in_80_percent_of_studies(images, n_groups):
    found = share_found(90, images=images, n_groups=n_groups, target=False)
    low, high = stats.binom.interval(0.999, 90, 0.8)
    assert low <= 90 * found <= high


@pytest.mark.parametrize("opposite", [False, True])
def test_with_a_target_about_as_many_are_found(opposite):
    """Effects that the classes share are found more easily than those that cancel."""
    found = share_found(60, opposite, images=1, n_groups=200)
    assert 0.55 <= found <= 0.97
