"""Utilization within classes of the target, against separate fits of each."""

import numpy as np
import pytest
from scipy import stats

from sklearn_wsca import utilization_test
from sklearn_wsca._utilization.by_class import utilization_by_class
from sklearn_wsca._utilization.noise import NoiseSource
from tests.decision_studies import Sample

N = 300
SCALES = np.array([1.0, 200.0])


def draw(seed=0, moves=(0.0, 0.0, 1.0), shares=(0.4, 0.4, 0.2), column="levels"):
    """Two outputs that the scanner moves by `moves` in the classes of the target."""
    rng = np.random.default_rng(seed)
    ill, labels = rng.choice(3, N, p=shares), rng.integers(0, 2, N)
    if column == "numbers":
        labels = rng.standard_normal(N)
    outputs = rng.standard_normal((N, 2))
    outputs += np.outer(np.array(moves)[ill] * labels, [1.0, 0.5])
    outputs += np.outer(ill, [1.0, -0.5])
    return Sample(outputs * SCALES + 4.0, labels, ill, [], np.ones(N))


def examine(sample, significance=0.05):
    model = sample.model()
    noise = NoiseSource.of(model, sample.outputs, sample.weights)
    found = utilization_by_class(model, noise, list("abc"), significance)
    return model, noise, *found


# --- against separate fits -----------------------------------------------------------


@pytest.mark.parametrize("column", ["levels", "numbers"])
@pytest.mark.parametrize("seed", range(3))
def test_each_class_is_a_study_of_its_own(column, seed):
    sample = draw(seed, column=column)
    model, noise, table, balanced = examine(sample)
    assert list(table.index) == list("abc")
    squares = []
    for number, name in enumerate("abc"):
        own = sample.target == number
        alone = Sample(
            sample.outputs[own], sample.labels[own], None, [], np.ones(own.sum())
        ).model()
        raw = alone.observed()[0] * np.sqrt(alone.total_variance / model.total_variance)
        if column == "numbers":
            # Of one standard deviation in all rows.
            raw *= sample.labels.std() / sample.labels[own].std()
        rows = model.class_rows(number).map(np.sqrt(model.coding.mean_square))
        effects = rows.times(noise.outputs)
        assert np.linalg.norm(effects) == pytest.approx(raw)
        spread = noise.noise(rows)
        found = table.loc[name]
        expected = np.sqrt(max(raw**2 - spread.mean_square, 0.0))
        assert found["utilization"] == pytest.approx(expected)
        assert found["upper"] == pytest.approx(spread.upper_limit(raw, 0.95))
        assert found["low"] == pytest.approx(min(spread.interval(raw, 0.95)[0], raw))
        assert found["stands_out"] == (spread.interval(raw, 1 - 0.05 / 3)[0] > 0)
        squares.append([raw**2, spread.mean_square])
        # Its noise is that of its own rows.
        source = NoiseSource.of(alone, sample.outputs[own], np.ones(own.sum()))
        unit = alone.total_variance / model.total_variance
        if column == "levels":
            rows = alone.effect_rows()
            separate = source.noise(rows).mean_square * unit
            # Residuals are those of common effects, so it may be larger.
            assert 0.9 * separate < spread.mean_square < 2.0 * separate
    # Classes know nothing of each other, and all weigh the same.
    raw, spread = np.mean(squares, axis=0)
    assert balanced["utilization"] == pytest.approx(
        np.sqrt(max(raw - spread, 0.0)), rel=0.02
    )
    assert balanced["low"] <= balanced["utilization"] <= balanced["high"]


def test_the_class_that_moves_stands_out():
    rates = np.mean(
        [examine(draw(seed, (0.0, 0.0, 2.0)))[2]["stands_out"] for seed in range(40)],
        axis=0,
    )
    assert rates[2] > 0.7
    # Corrected over classes.
    assert 40 * rates[:2].sum() <= stats.binom.ppf(0.999, 40, 0.05)


def test_a_class_with_one_value_of_the_column_cannot_be_compared():
    sample = draw()
    sample.labels[sample.target == 1] = 0
    model, _, table, balanced = examine(sample)
    np.testing.assert_array_equal(model.compared_classes(), [True, False, True])
    assert table.loc["b"].isna().all()
    assert table.loc[["a", "c"]].notna().all(axis=None)
    squares = table.loc[["a", "c"], "utilization"] ** 2
    assert balanced["utilization"] == pytest.approx(np.sqrt(squares.mean()), rel=0.1)


# --- rare classes --------------------------------------------------------------------


def rare(seed, moves):
    """4 % positives, whose score one scanner lowers."""
    rng = np.random.default_rng(seed)
    ill = (rng.permutation(1500) < 60).astype(int)
    scanner = rng.integers(0, 2, 1500)
    score = 4.0 * ill + rng.standard_normal(1500) - moves * scanner * ill
    return utilization_test(
        score,
        scanner.astype(str),
        target=ill.astype(str),
        n_permutations=99,
        random_state=seed,
    )


@pytest.mark.parametrize("seed", range(3))
def test_rare_positives_are_found_in_the_balanced_utilization(seed):
    found = rare(seed, 2.0)
    assert found.pvalue <= 0.05
    assert found.balanced_low > 0.2
    assert found.balanced > 2.0 * found.utilization
    by_class = found.by_class["utilization"]
    assert by_class["1"] > 0.5 > 0.2 > by_class["0"]


@pytest.mark.slow
def test_rare_positives_that_do_not_move_are_left_alone():
    tests = [rare(seed, 0.0) for seed in range(40)]
    for alarms in (
        sum(found.pvalue <= 0.05 for found in tests),
        sum(found.balanced_low > 0.0 for found in tests),
    ):
        assert alarms <= stats.binom.ppf(0.999, 40, 0.05)
    # But what they would have to move by to be seen is said to be large.
    wide = [found.by_class.loc["1", "high"] for found in tests]
    sharp = [found.by_class.loc["0", "high"] for found in tests]
    assert np.median(wide) > 2.0 * np.median(sharp)
