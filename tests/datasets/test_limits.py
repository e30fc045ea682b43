"""Limits of the arguments of functions that make data."""

import numpy as np
import pytest

from sklearn_wsca.datasets._limits import check_limits

LIMITS = {"n": (int, 1, 26), "noise": ((int, float), 0.0, None)}


@pytest.mark.parametrize("arguments", [{"n": 1, "noise": 0.0}, {"n": 26, "noise": 9.0}])
def test_limits_themselves_are_allowed(arguments):
    check_limits(LIMITS, arguments)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("n", 0, ValueError),
        ("n", 27, ValueError),
        ("noise", -1e-9, ValueError),
        ("noise", np.inf, ValueError),
        ("noise", np.nan, ValueError),
        ("n", 2.5, TypeError),
        ("noise", "0", TypeError),
    ],
)
def test_an_argument_outside_is_named(name, value, error):
    with pytest.raises(error, match=f"^{name}"):
        check_limits(LIMITS, {"n": 3, "noise": 0.5} | {name: value})
