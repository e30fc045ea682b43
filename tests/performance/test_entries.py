"""Variances and covariances of permuted levels, row by row."""

import numpy as np
import pytest

from sklearn_wsca._backend.namespace import send_parts
from sklearn_wsca._performance.entries import Entries

N, N_LEVELS, N_PARTS = 60, 3, 3


def study(n_clusters):
    """Rows of parts that overlap, in clusters; two mixtures of parts."""
    rng = np.random.default_rng(n_clusters)
    clusters = np.sort(rng.integers(0, n_clusters, N))
    present = rng.random((N, N_PARTS)) < [0.9, 0.4, 0.2]
    mixed = [np.array([0.2, 0.0, 0.8]), np.array([0.3, 0.5, 0.2])]
    return rng, clusters, present, mixed


def slow(errors, levels, clusters, present, shares):
    """Covariances (b, J, J) of one sum, and its clusters of each level (b, J)."""
    b = len(levels)
    sums = np.zeros((b, N_LEVELS, clusters.max() + 1))
    seen = np.zeros(sums.shape, dtype=bool)
    for p in range(b):
        for row, part in zip(*np.nonzero(present & (shares != 0)), strict=True):
            place = p, levels[p, row], clusters[row]
            sums[place] += shares[part] * errors[p, row, part]
            seen[place] = True
    return sums @ sums.swapaxes(1, 2), seen.sum(axis=2)


@pytest.mark.parametrize("n_clusters", [1, 12, 70, 100_000])
@pytest.mark.parametrize("as_tensor", [False, True], ids=["array", "tensor"])
def test_sums_of_parts_are_those_of_all_rows_of_a_cluster(n_clusters, as_tensor):
    rng, clusters, present, mixed = study(n_clusters)
    errors = rng.standard_normal((4, N, N_PARTS)) * [1.0, 30.0, 0.1] + 2.0
    levels = rng.integers(0, N_LEVELS, (4, N))
    entries = Entries.of(present, clusters, mixed)
    own = errors[:, entries.rows, entries.part], levels[:, entries.rows]
    if as_tensor:
        torch = pytest.importorskip("torch")
        own = [torch.from_numpy(part) for part in own]
        entries = send_parts(entries, own[0])
    found, n_units = entries.covariances(*own, N_LEVELS)
    assert len(found) == N_PARTS + len(mixed)
    for number, shares in enumerate([*np.eye(N_PARTS), *mixed]):
        expected, seen = slow(errors, levels, clusters, present, shares)
        variances, covariances = (np.asarray(part) for part in found[number])
        np.testing.assert_allclose(
            variances, np.diagonal(expected, axis1=1, axis2=2), rtol=1e-9
        )
        apart = ~np.eye(N_LEVELS, dtype=bool)
        np.testing.assert_allclose(
            covariances[:, apart], expected[:, apart], rtol=1e-9, atol=1e-9
        )
        if number < N_PARTS:
            np.testing.assert_array_equal(n_units[..., number], seen)
