"""Tables by level, against the same measures of single levels."""

import numpy as np
import pytest
from sklearn import metrics

from sklearn_wsca._performance.levels import names_of_measures, tabulate_levels
from sklearn_wsca._performance.measures import Judged
from tests.performance.studies import decisions_of, draw


def test_a_row_of_the_table_is_about_its_level():
    scores, ill, level, patient = draw(0, images=(20, 20, 1))
    judged = decisions_of(scores, ill, patient).judged
    table = tabulate_levels(judged, level, ["a", "b", "c"], 0.05)
    for number, name in enumerate("abc"):
        own, row = level == number, table.loc[name]
        assert row["n_rows"] == own.sum()
        assert row["n_units"] == len(np.unique(patient[own]))
        assert row["auroc"] == pytest.approx(
            metrics.roc_auc_score(ill[own], scores[own])
        )
        assert row["sensitivity"] == pytest.approx(
            np.mean(scores[own & (ill == 1)] > 0)
        )
    for name in names_of_measures(judged):
        assert (table[f"{name}_low"] < table[name]).all()
        assert (table[f"{name}_high"] >= table[name]).all()


def test_patients_and_not_images_are_counted():
    scores, ill, level, patient = draw(1, images=(20, 20, 20))
    together, apart = (
        tabulate_levels(decisions_of(scores, ill, g).judged, level, [*"abc"], 0.05)
        for g in (patient, np.arange(len(ill)))
    )
    width = together["accuracy_high"] - together["accuracy_low"]
    assert (width > 1.3 * (apart["accuracy_high"] - apart["accuracy_low"])).all()


def test_a_class_that_a_level_lacks_has_no_number():
    scores, ill, level, patient = draw(2)
    ill = np.where(level == 2, 0, ill)
    table = tabulate_levels(
        decisions_of(scores, ill, patient).judged, level, [*"abc"], 0.05
    )
    missing = table.loc["c", ["sensitivity", "sensitivity_low", "auroc", "auroc_high"]]
    assert missing.isna().all()
    names = ["balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high"]
    assert table.loc["c", names].isna().all()  # It would be the specificity.
    assert not table.loc[["a", "b"], names].isna().any(axis=None)
    assert table.loc["c", "specificity_low"] < table.loc["c", "specificity"]
    assert table.loc[["a", "b"]].notna().all().all()


def test_numbers_have_errors_in_their_unit():
    rng = np.random.default_rng(0)
    age, level = rng.normal(60.0, 10.0, 200), np.repeat([0, 1], 100)
    predicted = age + 3.0 * level + 2.0 * rng.standard_normal(200)
    judged = Judged.of(
        predicted[:, None], age, None, np.ones(200), np.arange(200), None
    )
    table = tabulate_levels(judged, level, ["old", "new"], 0.05)
    own = level == 1
    assert table.loc["new", "bias"] == pytest.approx(np.mean(predicted[own] - age[own]))
    assert table.loc["new", "mae"] == pytest.approx(
        metrics.mean_absolute_error(age[own], predicted[own])
    )
    assert table.loc["new", "r2"] == pytest.approx(
        metrics.r2_score(age[own], predicted[own])
    )
    assert table.loc["new", "bias_low"] < 3.0 < table.loc["new", "bias_high"]
    assert (
        table.loc["new", "r2_low"]
        < table.loc["new", "r2"]
        < table.loc["new", "r2_high"]
    )
