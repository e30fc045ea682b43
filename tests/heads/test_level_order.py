"""Numbers that rise with the levels of a target, and numbers that do not."""

import numpy as np
import pytest

from sklearn_wsca._heads.level_order import falls, means_by_level
from sklearn_wsca._heads.performance import Predictions

N = 300
LABELS = np.repeat([-1.0, 0.0, 1.0], N // 3)


def outputs(means, noise=1.0, seed=0):
    scores = np.repeat(means, N // 3) + noise * np.random.default_rng(seed).normal(
        size=N
    )
    return Predictions(scores[:, None], LABELS, np.ones(N), None)


def test_means_are_those_of_the_rows_at_each_level():
    found = outputs([5.0, -40.0, 7.0])
    for level, mean in means_by_level(found).items():
        assert mean == pytest.approx(found.scores[level == LABELS].mean())
    assert list(means_by_level(found)) == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([0.0, -4.0, 4.0], True),
        ([3.0, 2.0, 1.0], True),
        ([1.0, 2.0, 3.0], False),
        # A small fall beside a large rise is nothing.
        ([0.0, 20.0, 19.0], False),
        ([20.0, 0.0, 19.0], True),
    ],
)
def test_falls(means, expected):
    for scale in (1.0, 0.01, 100.0):
        found = outputs(scale * (np.array(means) + 50.0), scale)
        assert falls(found, np.arange(N), 0.005) == expected


def test_noise_seldom_falls():
    fallen = [falls(outputs([3.0] * 3, seed=i), np.arange(N), 0.05) for i in range(200)]
    assert sum(fallen) <= 20


def test_rows_of_a_unit_are_one_observation():
    means = [0.0, -4.0, 4.0]
    assert not falls(outputs(means), np.arange(N) // 50, 0.005)
    assert falls(outputs(means), np.arange(N) // 5, 0.005)


def test_outputs_without_spread():
    assert not falls(outputs([1.0, 1.0, 1.0], 0.0), np.arange(N), 0.005)
    assert falls(outputs([1.0, 0.0, 3.0], 0.0), np.arange(N), 0.005)
