"""Held-out skill of ridge probes in closed form, against probes fitted one by one."""

import numpy as np
import pytest

from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.ridge_cv import RidgeFolds
from sklearn_wsca._linear.ridge_refits import Penalty
from tests.linear.problems import make_rows, make_weights, permutations_of
from tests.reference import scaled_skill

FOLDS = np.arange(90) % 4
ALPHA = 2.5
ONE = [Penalty(ALPHA, 6)]
SEVERAL = [Penalty(ALPHA, 6), Penalty(40.0, 6), Penalty(900.0, 2)]


def make_labels(n_levels, T):
    """The labels and two permutations of them."""
    labels = 70.0 + 40.0 * T[:, 0] + 30.0 * np.random.default_rng(1).normal(size=len(T))
    if n_levels:
        labels = np.argsort(np.argsort(labels)) * n_levels // len(T)
    return permutations_of(labels, 3)


def skills(
    T, labels, n_levels, weights, fold=FOLDS, precision="float64", penalties=ONE
):
    design = prepare_design(T, weights, precision)
    folds = RidgeFolds.prepare(design, fold, n_levels, penalties)
    return folds.skills(folds.moments(labels[:, folds.slots]))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_levels", [0, 2, 4])
def test_skill_is_that_of_probes_refitted_without_each_fold(n_levels, weighted):
    T = make_rows(0)
    weights = make_weights(0, len(T)) if weighted else np.ones(len(T))
    labels = make_labels(n_levels, T)
    expected = [
        [scaled_skill(T, own, FOLDS, p.alpha, p.size, weights) for own in labels]
        for p in SEVERAL
    ]
    for penalty, alone in zip(SEVERAL, expected, strict=True):
        found = skills(T, labels, n_levels, weights, penalties=[penalty])
        np.testing.assert_allclose(found, alone, atol=1e-8)
    found = skills(T, labels, n_levels, weights, penalties=SEVERAL)
    np.testing.assert_allclose(found, np.max(expected, axis=0), atol=1e-8)
    assert found[0] > found[1:].max() + 0.1


@pytest.mark.parametrize("n_levels", [0, 4])
def test_a_problem_does_not_know_of_the_others(n_levels):
    T = make_rows(1)
    labels, ones = make_labels(n_levels, T), np.ones(len(T))
    together = skills(T, labels, n_levels, ones)
    alone = [skills(T, own[None], n_levels, ones)[0] for own in labels]
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_numbers_of_folds_and_unit_and_origin_of_labels_do_not_matter():
    T = make_rows(2)
    labels, ones = make_labels(0, T), np.ones(len(T))
    expected = skills(T, labels, 0, ones)
    moved = skills(T, 1e-3 * labels + 0.5, 0, ones, fold=np.array([2, 0, 7, 4])[FOLDS])
    np.testing.assert_allclose(moved, expected, atol=1e-9)


@pytest.mark.parametrize("n_levels", [0, 4])
def test_responses_of_any_values_are_tested_like_labels(n_levels):
    T = make_rows(4)
    design = prepare_design(T, make_weights(4, len(T)))
    folds = RidgeFolds.prepare(design, FOLDS, n_levels, SEVERAL)
    labels = make_labels(n_levels, T)[:, folds.slots]
    levels = folds.moments(labels)
    responses = folds.moments_of_responses(folds.responses(labels))
    found, expected = np.split(folds.skills(responses, levels), 2)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(found, folds.skills(levels), atol=1e-10)
    assert found[0] > found[1:].max() + 0.1


def test_a_probe_that_predicts_nothing_has_no_skill():
    T = make_rows(5)
    found = skills(0.0 * T, make_labels(0, T), 0, np.ones(len(T)))
    np.testing.assert_array_equal(found, 0.0)


def test_single_precision_is_close_to_double():
    T = make_rows(3, n=2400)
    labels, ones, fold = make_labels(4, T), np.ones(2400), np.arange(2400) % 5
    single, double = (
        skills(T, labels, 4, ones, fold, precision)
        for precision in ("float32", "float64")
    )
    np.testing.assert_allclose(single, double, atol=1e-5)
    assert double[0] > 0.1


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("n_levels", [0, 2, 4])
def test_all_folds_and_penalties_at_once_on_an_accelerator(n_levels, precision):
    torch = pytest.importorskip("torch")
    pytest.importorskip("array_api_compat")
    T = make_rows(6)
    weights, labels = make_weights(6, len(T)), make_labels(n_levels, T)
    uneven = np.minimum(np.arange(len(T)) // 7, 4)
    settings = n_levels, weights, uneven, precision, SEVERAL
    expected = skills(T, labels, *settings)
    found = skills(torch.tensor(T), labels, *settings)
    tolerance = 1e-9 if precision == "float64" else 1e-4
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert np.ptp(expected) > 0.1
