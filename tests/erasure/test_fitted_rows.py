"""Rows are recognised by their embeddings."""

import numpy as np
import pytest

from sklearn_wsca._erasure.fitted_rows import row_hashes


def draw(seed, n=2000, d=5):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equal_rows_have_one_number_and_others_their_own(seed):
    X, others = draw(seed), draw(seed + 10)
    found = row_hashes(X)
    order = np.random.default_rng(seed).permutation(len(X))
    np.testing.assert_array_equal(row_hashes(X[order].astype(float)), found[order])
    assert len(np.unique(np.concatenate([found, row_hashes(others)]))) == 4000


def test_order_of_features_and_last_bits_count_and_signs_of_zero_do_not():
    X = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0], [0.0, np.nextafter(1.0, 2.0)]])
    first, same, turned, near = row_hashes(X)
    assert first == same
    assert len({first, turned, near}) == 3
