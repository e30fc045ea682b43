"""Intervals of the difference of two utilizations."""

import numpy as np
import pytest

from sklearn_wsca._comparison.interval import difference_limits
from tests.comparison.studies import draw


def test_of_clear_uses_it_is_that_of_two_normal_estimates():
    pair = draw(use_a=0.5, use_b=0.4, n=1000).pair()
    found = difference_limits(pair, 0.05)
    assert found["difference"] == found["utilization_b"] - found["utilization_a"]
    a, b, shared = pair.a.noise.along, pair.b.noise.along, pair.correlation
    error = np.sqrt(a**2 + b**2 - 2.0 * shared * a * b)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * error, rel=0.03)
    middle = (found["high"] + found["low"]) / 2
    assert middle == pytest.approx(found["difference"], abs=0.1 * error)


def test_it_turns_with_the_networks_and_holds_the_estimate():
    for seed in range(5):
        study = draw(seed, use_a=0.2, use_b=0.05)
        found = difference_limits(study.pair(), 0.1)
        study.a, study.b = study.b, study.a
        turned = difference_limits(study.pair(), 0.1)
        assert turned["low"] == pytest.approx(-found["high"])
        assert turned["difference"] == pytest.approx(-found["difference"])
        assert found["low"] <= found["difference"] <= found["high"]


@pytest.mark.parametrize("single", [False, True])
def test_of_a_network_and_itself_it_is_nothing(single):
    study = draw(use_a=0.2)
    study.b = 3.0 * study.a + 1.0
    study.b = study.b.astype(np.float32) if single else study.b
    found = difference_limits(study.pair(), 0.05)
    assert (found["difference"], found["low"], found["high"]) == (0.0, 0.0, 0.0)


def test_a_larger_level_gives_a_narrower_interval():
    pair = draw(use_a=0.2, use_b=0.1).pair()
    wide, narrow = difference_limits(pair, 0.05), difference_limits(pair, 0.1)
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


def test_a_use_that_may_be_none_is_not_called_less():
    """A quiet network beside a noisy one: neither uses the scanner."""
    for seed in range(20):
        pair = draw(seed, separation=(1.0, 30.0), shared=0.9).pair()
        found = difference_limits(pair, 0.05)
        if found["low_a"] == 0.0:
            assert found["high"] >= 0.0


def test_networks_that_do_the_same_have_an_interval_of_no_width():
    study = draw(use_a=0.1)
    study.b = -0.01 * study.a
    study.a = -study.a
    found = difference_limits(study.pair(), 0.05)
    assert found["difference"] == pytest.approx(0.0, abs=1e-9)
    assert found["high"] - found["low"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uses", "options"),
    [
        ((0.3, 0.1), {}),
        ((0.3, 0.3), {"opposite": True}),
        ((0.2, 0.2), {"n_patients": 100}),
        ((0.0, 0.0), {"separation": (1.0, 8.0)}),
    ],
)
def test_it_covers_the_true_difference(uses, options):
    covered = 0
    for seed in range(60):
        study = draw(seed, *uses, **options)
        found = difference_limits(study.pair(groups="n_patients" in options), 0.05)
        covered += found["low"] <= uses[1] - uses[0] <= found["high"]
    # Of 60, fewer than 51 have a probability of 0.2 % at a coverage of 95 %.
    assert covered >= 51
