"""Folds side by side, against their own members."""

import numpy as np
import pytest

from sklearn_wsca._linear.padding import pad_folds

FOLDS = [np.array([4, 1]), np.array([7]), np.array([0, 2, 9])]


def test_one_fold_after_the_other():
    found = pad_folds(FOLDS, np.empty(0))
    for (members, filled), own in zip(found, FOLDS, strict=True):
        np.testing.assert_array_equal(members, own[None])
        assert filled.all() and filled.shape == members.shape


def test_all_folds_at_once_on_an_accelerator():
    torch = pytest.importorskip("torch")
    ((members, filled),) = pad_folds(FOLDS, torch.empty(0))
    np.testing.assert_array_equal(members, [[4, 1, 1], [7, 7, 7], [0, 2, 9]])
    np.testing.assert_array_equal(filled, [[1, 1, 0], [1, 0, 0], [1, 1, 1]])
