"""Folds side by side, against their own members."""

import numpy as np
import pytest

from sklearn_wsca._linear import design as design_module
from sklearn_wsca._linear import folds_at_once as folds_module
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.folds_at_once import pad_folds, rows_of_folds, sums_of_rows
from tests.linear.problems import make_rows, make_weights

FOLDS = [np.array([4, 1]), np.array([7]), np.array([0, 2, 9])]


WEIGHTS = np.arange(20.0).reshape(2, 10) + 1.0


def test_one_fold_after_the_other():
    found = pad_folds(FOLDS, WEIGHTS, np.empty(0))
    for (members, weights), own in zip(found, FOLDS, strict=True):
        np.testing.assert_array_equal(members, own[None])
        np.testing.assert_array_equal(weights, WEIGHTS[:, None, own])


def test_all_folds_at_once_on_an_accelerator(monkeypatch):
    there = pytest.importorskip("torch").empty(0)
    monkeypatch.setattr(folds_module, "NUMBERS_AT_ONCE", 30)
    assert len(pad_folds(FOLDS, WEIGHTS, there, 4)) == 3
    ((members, weights),) = pad_folds(FOLDS, WEIGHTS, there, 3)
    np.testing.assert_array_equal(members, [[4, 1, 1], [7, 7, 7], [0, 2, 9]])
    filled = [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    np.testing.assert_array_equal(weights, WEIGHTS[:, members] * filled)


KINDS = ["rows", "blocks", "tensor", "blocks of tensors", "single folds of tensors"]


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_those_of_the_rows_of_each_fold(kind, monkeypatch):
    T, weights = make_rows(0), make_weights(0, 90)
    fold = np.minimum(np.arange(90) // 13, 3)
    monkeypatch.setattr(design_module, "FEWEST_ROWS_PER_BLOCK", 5)
    if kind.startswith("single"):
        monkeypatch.setattr(folds_module, "NUMBERS_AT_ONCE", 50)
    if kind.startswith("blocks"):
        for name in ("ELEMENTS_PER_BLOCK", "ELEMENTS_PER_BLOCK_OF_TENSORS"):
            monkeypatch.setattr(design_module, name, 150)
    coordinates = T
    if "tensor" in kind:
        pytest.importorskip("array_api_compat")
        coordinates = pytest.importorskip("torch").tensor(T)
    design = prepare_design(coordinates, weights)
    slots = np.argsort(fold, kind="stable")
    sums, products = sums_of_rows(
        design, rows_of_folds(design, slots, np.bincount(fold))
    )
    for number in range(4):
        own = weights * (fold == number)
        centred = T - design.mean
        np.testing.assert_allclose(sums[number], own @ centred, atol=1e-9)
        expected = (centred * own[:, None]).T @ centred
        np.testing.assert_allclose(products[number], expected, atol=1e-9)
