"""Moments of the errors of effects in many classes, against the whole matrix."""

import numpy as np
import pytest

from sklearn_wsca._utilization import class_influence
from sklearn_wsca._utilization.class_influence import ClassInfluence
from sklearn_wsca._utilization.contrast_rows import ClassContrasts, Contrasts
from sklearn_wsca._utilization.influence import Influence
from tests.reference import error_moments

N, T = 90, 6


def draw(clusters, shares=None, n_outputs=4, seed=0):
    """Effects of two shared contrasts, and of two in each class but the last.

    What a class has beyond the shared ones is what these leave of it there.
    """
    rng = np.random.default_rng(seed)
    classes = rng.choice(T, N, p=shares)
    shared = rng.standard_normal((N, 2))
    turns, own = [np.eye(2)], []
    for number in range(T):
        # The last cannot be compared, and has no effects.
        at, width = np.flatnonzero(classes == number), 2 if number < T - 1 else 0
        root = rng.standard_normal((2, width)) / np.sqrt(max(len(at), 1))
        turns.append(-shared[at].T @ shared[at] / N @ root)
        own.append(Contrasts(at, shared[at] @ root))
    contrasts = ClassContrasts(shared, np.hstack(turns), own)
    residuals = rng.standard_normal((N, n_outputs))
    spread = 0.1 * rng.standard_normal(clusters.max() + 2)
    effects = contrasts.times(rng.standard_normal((N, n_outputs)) / N)
    return contrasts, residuals, clusters, spread, effects


CLUSTERS = {
    "rows": np.arange(N),
    "groups in several classes": np.arange(N) // 3,
    "large groups": np.arange(N) % 4,
    # One of them has no rows.
    "groups of all sizes": np.sort(np.random.default_rng(0).integers(1, 25, N)),
}
SHARES = {"even": None, "one class has most rows": [0.9, *[0.1 / (T - 1)] * (T - 1)]}


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize("size", [1, 300, 2**22])
@pytest.mark.parametrize("shares", SHARES)
def test_moments_are_those_of_the_whole_matrix(name, size, shares, monkeypatch):
    given = draw(CLUSTERS[name], SHARES[shares])
    contrasts, *others = given
    direction = given[-1] / np.linalg.norm(given[-1])
    along, expected = error_moments(contrasts.written_out(), *others, direction)
    monkeypatch.setattr(class_influence, "ELEMENTS_PER_BLOCK", size)
    influence = ClassInfluence(*given)
    projected = influence.times(direction)
    np.testing.assert_allclose(projected, along, atol=1e-12)
    for found in (influence.moments(projected), influence._moments_by_class(projected)):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_it_is_taken_where_it_takes_less(monkeypatch):
    """Written out, many classes are many more numbers; few large groups are not."""
    taken = []
    monkeypatch.setattr(
        ClassInfluence, "_moments_by_class", lambda *_: taken.append("by class")
    )
    monkeypatch.setattr(Influence, "moments", lambda *_: taken.append("written out"))
    for name in ("rows", "large groups"):
        ClassInfluence(*draw(CLUSTERS[name])).moments(None)
    assert taken == ["by class", "written out"]
