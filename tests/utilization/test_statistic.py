"""Studentised statistics, against loops over terms, outputs, classes and clusters."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sklearn_wsca import utilization_test
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization import cluster_sums as cluster_sums_module
from sklearn_wsca._utilization.statistic import N_STATISTICS, Scorer
from tests.decision_studies import Sample
from tests.reference import least_squares_utilization

N = 150
SCALES = np.array([1.0, 100.0, 1e-3])


def draw(seed=0, n_levels=3, target="classes", noise=1.0, n=N, n_outputs=3):
    """Levels of unequal frequency; outputs are `noise` times as noisy in the last."""
    rng = np.random.default_rng(seed)
    ill = rng.integers(0, 3, n)
    labels = np.minimum(rng.integers(0, n_levels + 3, n), n_levels - 1)
    labels = n_levels - 1 - labels
    spread = np.where(labels == n_levels - 1, noise, 1.0)[:, None]
    outputs = rng.standard_normal((n, n_outputs)) * spread
    outputs[:, 0] += ill
    held = {"classes": ill, "numbers": ill + rng.random(n), None: None}[target]
    return Sample(outputs, labels, held, [], np.ones(n))


def orders_of(n, m=5, seed=0):
    return PermutationPlan(seed, m, n).orders(range(m))


# --- against loops -------------------------------------------------------------------


@pytest.mark.parametrize("target", ["classes", "numbers", None])
@pytest.mark.parametrize("n_levels", [2, 4])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_statistics_are_those_of_loops(target, n_levels, grouped):
    """Rows, groups that stand for their rows, and groups in which the target varies."""
    study = draw(1, n_levels, target, noise=2.0)
    study.outputs = study.outputs * SCALES + 7.0
    if grouped:
        study.groups = np.arange(N) // 3
        study.labels = study.labels[study.groups]
    found = study.model().observed()
    assert found.shape == (1 + N_STATISTICS,)
    np.testing.assert_allclose(found[1:], study.statistics(), rtol=1e-8)
    assert found[1:].min() > 0.1
    assert found[0] == pytest.approx(study.reference().raw)


@pytest.mark.parametrize("n_levels", [2, 3, 6])
@pytest.mark.parametrize("target", ["classes", None])
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_sums_over_cells_are_sums_over_rows(n_levels, target, weight):
    """Of rows of equal weight that are exchanged within classes, levels are counted."""
    study = draw(2, n_levels, target, noise=2.0)
    study.weights = np.full(N, weight)
    # A level that one class lacks.
    if target and n_levels > 2:
        study.labels[(study.target == 1) & (study.labels == 2)] = 0
    model = study.model()
    assert model.keeps_sums
    by_rows, orders = replace(model, keeps_sums=False), orders_of(N)
    np.testing.assert_allclose(model.observed(), by_rows.observed(), rtol=1e-9)
    found = model.permutations(orders)
    np.testing.assert_allclose(found, by_rows.permutations(orders), rtol=1e-8)
    assert np.ptp(found, axis=0).min() > 0.01


@pytest.mark.parametrize("target", ["classes", None])
@pytest.mark.parametrize("adjustment", ["spline", "linear"])
def test_a_continuous_column_is_adjusted_once(target, adjustment):
    """Exchanges of rows of equal weight within classes leave it adjusted."""
    study = draw(2, 3, target, noise=2.0)
    study.labels = 50.0 + 9.0 * np.random.default_rng(0).gamma(2.0, size=N)
    model = study.model(adjustment)
    assert model.keeps_sums
    each_time = replace(model, keeps_sums=False)
    found = model.permutations(orders_of(N))
    np.testing.assert_allclose(found, each_time.permutations(orders_of(N)), rtol=1e-8)
    assert np.ptp(found, axis=0).min() > 0.01


@pytest.mark.parametrize("n_levels", [2, 4])
@pytest.mark.parametrize("target", ["classes", None])
def test_with_equal_weights_raw_values_are_those_of_permuted_labels(n_levels, target):
    """Exchanges within classes leave the spread of the column as it is in the data."""
    study, orders = draw(3, n_levels, target), orders_of(N)
    model = study.model()
    for order, found in zip(orders, model.permutations(orders)[:, 0], strict=True):
        source = model.exchange.sources(order[None])[0]
        expected = least_squares_utilization(
            study.outputs, study.labels[source], study.target
        )
        assert found == pytest.approx(expected.raw)
    study.weights = np.random.default_rng(0).uniform(0.2, 2.0, N)
    assert not study.model().keeps_sums


def patients_with_many_images(images, held=()):
    """A scanner of the patient, and a disease of the image."""
    study, rng = draw(5, 3, n=40 * images), np.random.default_rng(5)
    study.groups = rng.permutation(np.repeat(np.arange(40), images))
    study.labels = rng.integers(0, 3, 40)[study.groups]
    study.weights = rng.uniform(0.2, 2.0, len(study.labels))
    study.held = [draw(rng) for draw in held]
    return study


def side(rng):
    return rng.integers(0, 2, 40 * 30)


def depth(rng):
    return 70.0 + 9.0 * rng.standard_normal(40 * 30)


@pytest.mark.parametrize(
    ("held", "most"), [([], 40 * 3), ([side], 40 * 3 * 2), ([depth], 40 * 30)]
)
def test_images_of_a_patient_that_are_alike_are_scored_as_one(held, most, monkeypatch):
    """What a permutation costs does not depend on their number."""
    model = patients_with_many_images(30, held).model()
    made, of = [], Scorer.of
    monkeypatch.setattr(Scorer, "of", lambda *args: made.append(of(*args)) or made[-1])
    found = model.permutations(orders_of(40 * 30))
    assert 0.9 * most < len(made[0].regression.roots) <= most
    assert len(made[0].regression.fixed.codes) == len(made[0].regression.roots)
    alone = replace(model, alike=np.arange(40 * 30))
    np.testing.assert_allclose(found, alone.permutations(orders_of(1200)), rtol=1e-9)
    assert len(made[1].regression.roots) == 40 * 30
    assert np.ptp(found, axis=0).min() > 0.01


@pytest.mark.parametrize("images", [1, 30])
def test_parts_make_no_difference(images, monkeypatch):
    model = patients_with_many_images(images).model()
    expected = model.permutations(orders_of(40 * images))
    monkeypatch.setattr(cluster_sums_module, "NUMBERS_PER_PART", 1)
    found = model.permutations(orders_of(40 * images))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# --- limiting cases ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_one_output_and_two_levels_give_twice_a_squared_t(seed):
    """The t of Welch without its correction for degrees of freedom: HC0."""
    study = draw(seed, 2, None, noise=3.0, n_outputs=1)
    a, b = (study.outputs[study.labels == k, 0] for k in (0, 1))
    error = a.var() / len(a) + b.var() / len(b)
    # Residuals are taken about the common mean, as under the null.
    shift = a.mean() - b.mean()
    error += shift**2 * (len(b) ** 2 / len(a) + len(a) ** 2 / len(b)) / N**2
    _, slope, common, _ = study.model().observed()
    assert slope == common == pytest.approx(2.0 * shift**2 / error)


def test_without_effects_statistics_have_the_mean_of_their_squares():
    """Terms times outputs, and in each of three classes times these."""
    found = [draw(seed, 3, noise=1.0, n=300).model().observed() for seed in range(80)]
    _, _, common, by_class = np.mean(found, axis=0)
    assert common == pytest.approx(9.0, rel=0.1)
    assert by_class == pytest.approx(27.0, rel=0.1)


def test_outputs_that_are_explained_add_nothing():
    study = draw(4)
    expected = study.model().observed()
    explained = 5.0 + 2.0 * study.target
    study.outputs = np.column_stack([study.outputs, explained])
    found = study.model().observed()
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-9)
    # The unit grows with them.
    assert found[0] < 0.95 * expected[0]


def test_a_level_in_one_row_of_a_class_does_not_decide_there():
    """The variance of its score is its square, whatever it is."""
    study = draw(5, 3)
    lonely = np.flatnonzero((study.target == 1) & (study.labels == 2))
    study.labels[lonely[1:]] = 0
    expected = study.model().observed()[3]
    for far in (3.0, 30.0):
        study.outputs[lonely[0]] += far
        found = study.model().observed()[3]
        assert found < expected + 6.0


# --- invariances ---------------------------------------------------------------------


@pytest.mark.parametrize("target", ["classes", "numbers", None])
@pytest.mark.parametrize("seed", range(3))
def test_neither_unit_nor_order_nor_names_matter(target, seed):
    study = draw(seed, target=target)
    expected = study.model().observed()
    rng = np.random.default_rng(seed)
    rows, outputs = rng.permutation(N), rng.permutation(3)
    moved = Sample(
        (study.outputs * SCALES - [3.0, 5e4, 0.0])[np.ix_(rows, outputs)],
        np.array(list("zka"))[study.labels[rows]],
        None if target is None else study.target[rows],
        [],
        np.full(N, 40.0),
    )
    found = moved.model().observed()
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-8)
    # The raw value is in the unit of all outputs together.
    assert abs(found[0] - expected[0]) > 1e-4
    # Outputs are compared in units of their noise, so a rotation is another question.
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turned = replace(study, outputs=study.outputs @ turn).model().observed()
    assert turned[0] == pytest.approx(expected[0])
    assert np.abs(turned - expected)[1:].max() > 1e-3


# --- size and power ------------------------------------------------------------------


def share_found(n_seeds, noise, use=0.0, n_outputs=1, n_levels=2, share=0.15):
    """Share of p <= 0.05 where a rare level is `noise` times as noisy."""
    found = 0
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        ill = rng.integers(0, 2, 200)
        scanner = (rng.random(200) < share).astype(int)
        outputs = rng.standard_normal((200, n_outputs))
        outputs *= np.where(scanner > 0, noise, 1.0)[:, None]
        outputs += (ill + use * scanner)[:, None]
        model = Sample(outputs, scanner, ill, [], np.ones(200)).model()
        null = model.permutations(orders_of(200, 39, seed))
        # One output and two levels: the statistic of common effects is Welch's.
        found += np.sum(null[:, 2] >= model.observed()[2] - 1e-9) < 2
    return found / n_seeds


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_a_level_that_is_only_noisier_is_not_found_too_often(noise):
    alarms = 100 * share_found(100, noise)
    assert alarms <= stats.binom.ppf(0.999, 100, 0.05)


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_a_level_that_moves_the_outputs_is_found(noise):
    assert share_found(30, noise, use=noise + 0.4) >= 0.8


def test_raw_values_alone_would_find_a_noisier_level():
    """Negative control: without studentising, a third of these are false alarms."""
    alarms = 0
    for seed in range(60):
        study = draw(seed, 2, None, noise=4.0, n_outputs=1)
        null = study.model().permutations(orders_of(N, 39, seed))[:, 0]
        alarms += np.sum(null >= study.model().observed()[0]) < 2
    assert alarms > stats.binom.ppf(0.999, 60, 0.05)


@pytest.mark.slow
def test_a_noisier_level_is_not_called_used():
    """The whole test, over all statistics."""
    alarms = 0
    for seed in range(60):
        study = draw(seed, 2, noise=3.0, n_outputs=1)
        found = utilization_test(
            study.outputs,
            study.labels,
            target=study.target.astype(str),
            n_permutations=39,
            random_state=seed,
        )
        alarms += found.pvalue <= 0.05 and found.low > 0.0
    assert alarms <= stats.binom.ppf(0.999, 60, 0.05)


# --- several networks side by side ---------------------------------------------------


@pytest.mark.parametrize("target", ["classes", "numbers", None])
@pytest.mark.parametrize("n_levels", [2, 4])
def test_outputs_side_by_side_have_the_statistics_that_they_have_alone(
    target, n_levels
):
    study = draw(1, n_levels, target, noise=2.0, n_outputs=5)
    study.outputs = study.outputs * 30.0 - 7.0
    together = study.model()
    sources = together.exchange.unit_sources(orders_of(N))
    scores = together.scoring()(sources)
    for own in (slice(0, 2), slice(2, 5)):
        alone = replace(study, outputs=study.outputs[:, own]).model()
        expected = alone.statistics(sources)[:, 1:]
        found = scores.of_outputs(own).studentised()
        np.testing.assert_allclose(found, expected, rtol=1e-8)
        assert np.ptp(expected[:, 0]) > 0.01
