"""The null: both networks use the column alike, in whatever direction."""

import numpy as np
import pytest

from sklearn_wsca._backend.progress import watch_progress
from sklearn_wsca._comparison import null as null_module
from sklearn_wsca._comparison.null import null_statistics, observed_statistic
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._progress import STEPS
from tests.comparison.studies import draw


def pvalue(pair, m=99, seed=0):
    plan = PermutationPlan(seed, m, int(pair.first_rows.max()) + 1)
    null = null_statistics([pair], plan)[:, 0]
    return (np.sum(null >= observed_statistic(pair)) + 1.0) / (m + 1.0)


def test_a_difference_is_that_of_squared_utilizations_turned_by_signs():
    pair = draw(use_a=0.3, use_b=0.1).pair()
    plan = PermutationPlan(3, 20, 300)
    signs = plan.signs(range(20), 300)[:, pair.first_rows]
    squares = []
    for own in (pair.a, pair.b):
        errors = np.stack([errors for errors, _ in own.blocks()], axis=1)
        turned = np.tensordot(signs, errors, 1)
        effects = pair.common_length * own.direction + turned
        squares.append(np.sum(effects**2, axis=(1, 2)) - own.noise.mean_square)
    scale = pair.a.raw**2 + pair.b.raw**2
    np.testing.assert_allclose(
        null_statistics([pair], plan)[:, 0],
        np.abs(squares[1] - squares[0]) / scale,
        atol=6e-7,
    )
    expected = abs(pair.b.square - pair.a.square) / scale
    assert observed_statistic(pair) == pytest.approx(expected, abs=6e-7)


def test_columns_share_their_signs_and_batches_change_nothing(monkeypatch):
    pair = draw(use_a=0.2).pair()
    plan = PermutationPlan(0, 30, 300)
    both = null_statistics([pair, pair], plan)
    np.testing.assert_array_equal(both[:, 0], both[:, 1])
    monkeypatch.setattr(null_module, "NUMBERS_PER_BATCH", 7 * 300)
    np.testing.assert_array_equal(null_statistics([pair], plan)[:, 0], both[:, 0])
    assert null_statistics([], plan).shape == (0, 0)
    assert null_statistics([pair], PermutationPlan(0, 0, 300)).shape == (0, 1)


ALIKE = {
    "none": {},
    "equal": {"use_a": 0.3, "use_b": 0.3},
    "opposite": {"use_a": 0.3, "use_b": 0.3, "opposite": True},
    "quieter": {"separation": (1.0, 20.0)},
    "better": {"use_a": 0.2, "use_b": 0.2, "separation": (1.0, 6.0)},
    "patients": {"use_a": 0.2, "use_b": 0.2, "opposite": True, "n_patients": 80},
    "noisy level": {"use_a": 0.2, "use_b": 0.2, "noisy": 3.0},
}


@pytest.mark.parametrize("name", ALIKE)
def test_networks_that_use_it_alike_are_rarely_told_apart(name):
    groups = "n_patients" in ALIKE[name]
    found = [
        pvalue(draw(seed, n=200, **ALIKE[name]).pair(groups=groups), 59)
        for seed in range(40)
    ]
    # Of 40 studies, more than 7 have a probability of 0.1 % at a size of 5 %.
    assert sum(p <= 0.05 for p in found) <= 7


def test_a_repair_is_found_in_500_rows():
    found = [
        pvalue(draw(seed, 0.3, 0.1, n=500, separation=(1.5, 1.5)).pair(), 59)
        for seed in range(20)
    ]
    assert sum(p <= 0.05 for p in found) >= 17


def test_it_tells_how_far_it_is():
    told = []
    with watch_progress(lambda *step: told.append(step)):
        null_statistics([draw(n=40).pair()], PermutationPlan(0, 19, 40))
    assert told[0] == ("network null", 0, 19) and told[-1] == ("network null", 19, 19)
    assert STEPS["network null"]
