"""Performance for people who have predictions only."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import performance_test
from tests.performance.studies import LEVELS, draw

NAMES = np.array(["healthy", "ill"])


def study(seed=0, **odd):
    scores, ill, level, patient = draw(seed, **odd)
    return scores, np.array(LEVELS)[level], NAMES[ill], patient


def test_a_loss_of_sensitivity_is_found_and_named():
    scores, level, ill, _ = study(n=900, loss=2.0)
    found = performance_test(scores, level, ill, n_permutations=99, random_state=0)
    assert found.measure == "sensitivity" and found.lower == "west"
    assert found.pvalue == 0.01 and found.scheme == "rows within levels of the target"
    assert "performance differs: sensitivity is" in found.to_text()
    json.dumps(found.to_dict(), allow_nan=False)


def test_probabilities_logits_and_two_columns_decide_alike():
    scores, level, ill, _ = study()
    probability = 1 / (1 + np.exp(-scores / 40.0))
    several = {
        "logits": scores,
        "probabilities": probability,
        "both": np.stack([1 - probability, probability], axis=1),
        "named": pd.DataFrame({"ill": scores, "healthy": -scores}),
    }
    tables = {
        name: performance_test(outputs, level, ill, n_permutations=0).by_level
        for name, outputs in several.items()
    }
    shown = ["accuracy", "sensitivity_low", "auroc", "specificity_high"]
    for table in tables.values():
        pd.testing.assert_frame_equal(table[shown], tables["logits"][shown])
    np.testing.assert_allclose(
        tables["both"]["calibration"], tables["probabilities"]["calibration"]
    )


def test_rows_may_come_in_any_order():
    scores, level, ill, patient = study(images=(20, 20, 1))
    order = np.random.default_rng(1).permutation(len(ill))
    given = {"n_permutations": 99, "random_state": 3}
    one = performance_test(scores, level, ill, groups=patient, **given)
    other = performance_test(
        scores[order], level[order], ill[order], groups=patient[order], **given
    )
    assert one.pvalue == other.pvalue and one.gap == pytest.approx(other.gap)
    assert one.scheme == "groups within levels of the target"


def test_several_classes_and_columns():
    rng = np.random.default_rng(0)
    level, label = rng.integers(0, 3, (2, 600))
    outputs = 3.0 * np.eye(3)[label] + rng.standard_normal((600, 3))
    outputs[(level == 2) & (label == 1)] -= [0.0, 4.0, 0.0]
    table = pd.DataFrame(
        {"site": np.array(LEVELS)[level], "age": rng.normal(60, 9, 600)}
    )
    found = performance_test(
        outputs, table, np.array(["a", "b", "c"])[label], n_permutations=99
    )
    assert list(found) == ["site", "age"]
    site = found["site"]
    assert (site.measure, site.of_class, site.lower) == ("recall", "b", "west")
    assert found["age"].qvalue > 0.05
    assert "in class 'b'" in site.to_text("site")


def test_a_number_is_judged_by_its_errors():
    rng = np.random.default_rng(0)
    level, age = rng.integers(0, 3, 300), rng.normal(60.0, 10.0, 300)
    predicted = age + 4.0 * (level == 2) + 2.0 * rng.standard_normal(300)
    found = performance_test(predicted, np.array(LEVELS)[level], age, n_permutations=99)
    assert (found.measure, found.higher) == ("bias", "west")
    assert found.gap_low < 4.0 < found.gap_high
    assert list(found.by_level)[2::3] == ["mae", "bias", "r2"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"target": None}, "target is None"),
        ({"outputs": np.ones((300, 3))}, "3 columns and target has the 2 classes"),
        ({"target": np.arange(300.0) ** 1.1, "outputs": np.ones((300, 2))}, "a number"),
        ({"target": np.arange(300) % 4}, "kinds={'target': 'continuous'}"),
        ({"column": np.zeros(300)}, "column"),
        ({"column": np.zeros(7)}, "column has 7 rows"),
    ],
)
def test_what_cannot_be_used_is_said(change, message):
    scores, level, ill, _ = study()
    given = {"outputs": scores, "column": level, "target": ill} | change
    shown = message.replace("{", r"\{")
    with warnings.catch_warnings(), pytest.raises(ValueError, match=shown):
        warnings.simplefilter("ignore")
        performance_test(**given, n_permutations=0)


def few_positives(n=120, n_positive=4):
    """Scores that miss every positive of level B; `n_positive` of each level."""
    level = np.repeat(["A", "B"], n // 2)
    target = np.where(np.arange(n) % (n // 2) < n_positive, "yes", "no")
    scores = np.random.default_rng(0).normal(-3.0, 1.0, n)
    scores[(target == "yes") & (level == "A")] += 9.0
    return scores, level, target


def test_measures_that_few_units_of_a_class_keep_from_comparison_are_named():
    found = performance_test(*few_positives(), n_permutations=99, random_state=0)
    names = "sensitivity, balanced accuracy, AUROC for 'A', 'B'"
    assert found.not_compared == names and found.to_dict()["not_compared"] == names
    assert f"; too few units to compare {names})." in found.to_text()
    enough = performance_test(
        *few_positives(n_positive=15), n_permutations=99, random_state=0
    )
    assert enough.not_compared == ""
    assert "higher under 'A' than under 'B'" in enough.to_text()


@pytest.mark.parametrize("share", [1.0, 0.98])
def test_intervals_without_an_error_have_a_width(share):
    """No permutation shows a difference then, which says nothing of the next sample."""
    covered = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        level, ill = rng.integers(0, 2, (2, 120))
        right = rng.random(120) < share
        scores = np.where(right, 1.0, -1.0) * (2 * ill - 1) * rng.uniform(0.5, 3.0, 120)
        found = performance_test(
            scores,
            level.astype(str),
            ill.astype(str),
            n_permutations=19,
            random_state=0,
        )
        assert found.gap_high - found.gap_low > 0.01
        if share == 1.0:
            assert found.unseen > 0.03
        covered.append(found.gap_low <= 0.0 <= found.gap_high)
    assert np.mean(covered) >= 0.9


@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_logits_are_calibrated_as_their_probabilities_are(n_classes):
    rng = np.random.default_rng(n_classes)
    logits = 2.0 * rng.standard_normal((600, n_classes))
    level = np.array(["a", "b"])[rng.integers(0, 2, 600)]
    if n_classes == 1:
        odds = np.exp(logits)
        probability = odds / (1.0 + odds)
        target = (rng.random(600) < probability[:, 0]).astype(int)
    else:
        odds = np.exp(logits)
        probability = odds / odds.sum(axis=1, keepdims=True)
        target = (probability.cumsum(axis=1) < rng.random((600, 1))).sum(axis=1)
    # Under b the network is too sure of one class.
    target[(level == "b") & (rng.random(600) < 0.3)] = 0
    names = np.array(["x", "y", "z"])
    tables = [
        performance_test(own, level, names[target], n_permutations=0).by_level
        for own in (logits, probability)
    ]
    names = ["calibration", "calibration_low", "calibration_high"]
    np.testing.assert_allclose(*(table[names] for table in tables), rtol=1e-9)
    honest = tables[0].loc["a", ["calibration_low", "calibration_high"]]
    assert honest.iloc[0] < 0.0 < honest.iloc[1]
    if n_classes < 3:
        assert tables[0].loc["b", "calibration_low"] > 5.0


def test_measures_that_are_not_compared_name_the_levels_that_lack_units():
    scores, level, ill, _ = study()
    ill = np.where(level == np.unique(level)[-1], np.unique(ill)[0], ill)
    found = performance_test(scores, level, ill, n_permutations=19, random_state=0)
    names = "sensitivity, balanced accuracy, AUROC"
    assert found.not_compared == f"{names} for {str(np.unique(level)[-1])!r}"


def test_rows_without_a_level_or_target_are_noted():
    scores, level, ill, _ = study()
    level, ill = level.astype(object), ill.astype(object)
    level[:30], level[30], ill[35:40] = None, "lone", None
    found = performance_test(scores, level, ill, n_permutations=19, random_state=0)
    n = len(level)
    missing, rare, target = found.notes
    assert missing == f"30 of {n} rows are missing"
    assert rare.startswith("1 rows of 1 rare levels ('lone'")
    assert target == f"target: 5 of {n} rows are missing"
    assert found.by_level["n_rows"].sum() == n - 36
