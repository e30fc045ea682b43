"""Moments of the errors of effects, against the whole matrix of them."""

import numpy as np
import pytest

from sklearn_wsca._utilization import influence as influence_module
from sklearn_wsca._utilization.contrast_rows import Contrasts
from sklearn_wsca._utilization.influence import Influence, costs
from tests.reference import error_moments

# Of 40 rows: clusters of one row each, of several, and of classes of their own.
CLUSTERS = {
    "rows": np.arange(40),
    "groups": np.repeat(np.arange(12), [1, 2, 6, 3, 1, 7] * 2),
}


def draw(clusters, n_effects=4, n_outputs=3, seed=0):
    """Rows, residuals, spread of one cluster more than there are, and effects."""
    rng = np.random.default_rng(seed)
    n = len(clusters)
    rows, outputs = (rng.standard_normal((n, m)) for m in (n_effects, n_outputs))
    spread = 0.1 * rng.standard_normal(clusters.max() + 2)
    # That of all that have no rows is a length.
    spread[-1] = abs(spread[-1])
    return rows, outputs, spread, rows.T @ outputs


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize("size", [1, 300, 2**22])
@pytest.mark.parametrize("n_outputs", [1, 30])
def test_moments_by_sums_and_by_products_are_those_of_the_whole_matrix(
    name, size, n_outputs, monkeypatch
):
    """Which way is taken depends on the numbers of rows, effects and outputs."""
    clusters = CLUSTERS[name]
    rows, residuals, spread, effects = draw(clusters, n_outputs=n_outputs)
    influence = Influence.of(Contrasts.of(rows), residuals, clusters, spread, effects)
    direction = effects / np.linalg.norm(effects)
    along, expected = error_moments(
        rows, residuals, clusters, spread, effects, direction
    )
    monkeypatch.setattr(influence_module, "ELEMENTS_PER_BLOCK", size)
    projected = influence.times(direction)
    np.testing.assert_allclose(projected, along, atol=1e-12)
    for found in (
        influence.moments(projected),
        influence._moments_of_sums(projected),
        influence._moments_of_products(projected),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_cheaper_way_is_taken():
    few, many = costs(10_000, 3, 10_000, 2), costs(100, 40, 100, 40)
    assert few[0] < few[1]
    assert many[0] > many[1]
