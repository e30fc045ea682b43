"""Sums over clusters, against loops over them."""

import numpy as np
import pytest

from sklearn_wsca._utilization.cluster_sums import Clusters, squares_of_sums

N = 150


@pytest.mark.parametrize("width", [1, 7, 10**9])
@pytest.mark.parametrize("seed", range(2))
def test_parts_hold_whole_clusters_of_one_class_and_size(seed, width):
    rng = np.random.default_rng(seed)
    clusters = np.unique(rng.integers(0, 40, N), return_inverse=True)[1]
    classes = rng.integers(0, 3, N)
    values, residuals = rng.gamma(2.0, size=(N, 4)), rng.standard_normal((N, 3)) + 5.0
    found, sorted_clusters = np.zeros((3, 4, 3)), Clusters.of(clusters, classes)
    met = np.zeros(N, int)
    for part, size, number in sorted_clusters.parts(width):
        rows = sorted_clusters.order[part]
        met[rows] += 1
        assert set(classes[rows]) == {number}
        found[number] += squares_of_sums(values[rows], residuals[rows], size)
    assert (met == 1).all()
    pairs = set(zip(clusters, classes, strict=True))
    assert len(sorted_clusters) == len(pairs)
    expected = np.zeros_like(found)
    for cluster, number in pairs:
        rows = (clusters == cluster) & (classes == number)
        expected[number] += (values[rows].T @ residuals[rows]) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-12)
