"""Sampling noise of effects, against explicit hat matrices and permutations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sklearn_wsca import utilization_test
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization import class_influence, influence, leverage
from sklearn_wsca._utilization.contrast_rows import Contrasts
from sklearn_wsca._utilization.noise import NoiseSource
from tests.decision_studies import MEANS, SCALES, Sample
from tests.reference import cluster_robust_effects


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
    monkeypatch.setattr(leverage, "NEGLIGIBLE_LEVERAGE", 0.0)
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
    monkeypatch.setattr(leverage, "NEGLIGIBLE_LEVERAGE", 0.0)
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
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.06)
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
    for module in (influence, class_influence):
        monkeypatch.setattr(module, "ELEMENTS_PER_BLOCK", size)
    assert_same_noise(noise_of(sample), expected, 1e-9)


@pytest.mark.parametrize("design", DESIGNS)
def test_noise_of_a_part_of_the_rows_is_that_of_zeros_elsewhere(design):
    """Rows of one class have zeros in the others, whose clusters are left out."""
    sample = draw_sample(4, effect=0.5, **DESIGNS[design])
    model = sample.model()
    source = NoiseSource.of(model, sample.outputs, sample.weights)
    at = np.flatnonzero(sample.target == 1)
    own = Contrasts(at, model.common_rows()[at])
    rows = own.written_out(len(sample.target))
    effects = rows.T @ source.outputs
    found = source.noise(own)
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:outputs. row")
@pytest.mark.parametrize("n", [300, 1000])
def test_noise_that_grows_along_a_skewed_column_is_no_effect(n):
    """Few extreme values decide the curve, and they are the noisiest."""
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        dose = np.exp(rng.standard_normal(n))
        ill = rng.integers(0, 2, n)
        outputs = 5.0 + 2.0 * ill + (0.3 + dose) * rng.standard_normal(n)
        target = np.array(["no", "yes"])[ill]
        found = utilization_test(outputs, dose, target=target, n_permutations=0)
        covered += found.low == 0.0
    # Of 40 with the correction for even noise: 29 and 30.
    assert covered >= 33
