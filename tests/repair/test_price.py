"""Performance before and after a repair: the measures, and what intervals hold."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from sklearn_wsca._heads.performance import Predictions, measure_performance
from sklearn_wsca._repair.price import (
    AUROC,
    BALANCED_ACCURACY,
    R2,
    compare_predictions,
    draw_weights,
    measure_weighted,
    unseen_change,
)


def predict(seed=0, n=200, classes=3, signal=1.5, ties=False, share=None):
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, n, p=share)
    scores = 20.0 + 3.0 * (
        signal * np.eye(classes)[labels] + rng.normal(size=(n, classes))
    )
    if ties:
        scores = np.round(scores / 4.0)
    return Predictions(scores, labels, np.ones(n), tuple(range(classes)))


def predict_number(seed=0, n=150):
    rng = np.random.default_rng(seed)
    values = 400.0 + 30.0 * rng.standard_normal(n)
    outputs = values + 15.0 * rng.standard_normal(n)
    return Predictions(outputs[:, None], values, np.ones(n), None)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_measures_are_those_of_performance(classes, ties):
    found = predict(classes=classes, ties=ties)
    expected = measure_performance(found)
    measured = measure_weighted(found, np.ones((1, 200)))
    for name in (BALANCED_ACCURACY, AUROC):
        assert measured[name][0] == pytest.approx(expected[name])
    number = predict_number()
    measured = measure_weighted(number, np.ones((1, 150)))
    assert measured[R2][0] == pytest.approx(measure_performance(number)["r2"])


def test_weights_are_those_of_scikit_learn():
    found = predict(classes=2, ties=True)
    weights = np.random.default_rng(1).integers(0, 4, (3, 200)).astype(float)
    measured = measure_weighted(found, weights)
    for own, area, recall in zip(
        weights, measured[AUROC], measured[BALANCED_ACCURACY], strict=True
    ):
        expected = metrics.roc_auc_score(
            found.labels, found.scores[:, 1] - found.scores[:, 0] * 0, sample_weight=own
        )
        other = metrics.roc_auc_score(
            1 - found.labels, found.scores[:, 0], sample_weight=own
        )
        assert area == pytest.approx((expected + other) / 2)
        predicted = found.scores.argmax(axis=1)
        assert recall == pytest.approx(
            metrics.balanced_accuracy_score(found.labels, predicted, sample_weight=own)
        )


def test_a_class_that_was_not_drawn_does_not_count():
    found = predict()
    weights = (found.labels != 2).astype(float)[None]
    measured = measure_weighted(found, weights)
    hits = found.scores.argmax(axis=1) == found.labels
    expected = np.mean([hits[found.labels == c].mean() for c in (0, 1)])
    assert measured[BALANCED_ACCURACY][0] == pytest.approx(expected)
    assert np.isfinite(measured[AUROC][0])


def test_units_are_drawn_as_a_whole():
    units = np.array([5, 5, 5, 9, 9, 2])
    (weights,) = draw_weights(units, 3)
    assert weights.shape == (999, 6)
    assert np.ptp(weights[:, :3], axis=1).max() == 0
    assert (weights[:, [0, 3, 5]].sum(axis=1) == 3).all()
    (again,) = draw_weights(units, 3)
    np.testing.assert_array_equal(weights, again)


def test_errors_that_both_share_cancel():
    before = predict()
    noise = np.random.default_rng(5).normal(size=before.scores.shape)
    after = replace(before, scores=before.scores + 0.3 * noise)
    table = compare_predictions(before, after, np.arange(200), 0.05, 0)
    assert table.index.tolist() == [BALANCED_ACCURACY, AUROC]
    width = table["change_high"] - table["change_low"]
    assert (width < 0.5 * (table["after_high"] - table["after_low"])).all()
    assert (table["change_low"] <= table["change"]).all()
    assert (table["before_low"] < table["before"]).all()
    wide = compare_predictions(before, after, np.arange(200) // 5, 0.05, 0)
    assert not np.allclose(wide["change_low"], table["change_low"])


def test_no_change_of_few_patients_is_not_certain():
    before = predict(n=30)
    table = compare_predictions(before, before, np.arange(30), 0.05, 0)
    row = table.loc[BALANCED_ACCURACY]
    assert row["change"] == 0.0
    assert row["change_low"] == -row["change_high"] < -0.2
    more = predict(n=3000)
    assert unseen_change(more, np.arange(3000), 0.05) < 0.005


def test_a_loss_is_found_and_its_size_covered():
    """The truth from very many rows; 40 studies of 80 patients with 3 images each."""

    def draw(seed, n_patients):
        rng = np.random.default_rng([seed, 2])
        unit = np.repeat(np.arange(n_patients), 3)
        labels = rng.choice(2, n_patients, p=[0.8, 0.2])[unit]
        shared = rng.standard_normal(n_patients)[unit]
        own = rng.standard_normal((2, len(unit)))
        first = 2.0 * labels - 1.0 + 0.7 * shared + 0.7 * own[0]
        second = first - 0.6 * labels + 0.5 * own[1]
        pair = [
            Predictions(np.stack([-s, s], 1), labels, np.ones(len(s)), (0, 1))
            for s in (first, second)
        ]
        return *pair, unit

    before, after, units = draw(0, 50_000)
    whole = np.ones((1, len(units)))
    first, second = measure_weighted(before, whole), measure_weighted(after, whole)
    truth = {name: second[name][0] - first[name][0] for name in first}
    covered = dict.fromkeys(truth, 0)
    for seed in range(1, 41):
        table = compare_predictions(*draw(seed, 80), 0.05, seed)
        for name in covered:
            row = table.loc[name]
            covered[name] += row["change_low"] <= truth[name] <= row["change_high"]
    assert max(truth.values()) < -0.03
    assert min(covered.values()) >= 34
