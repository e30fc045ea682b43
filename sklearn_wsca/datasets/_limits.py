"""Arguments of the functions that make data: numbers within limits."""

from math import isfinite

from sklearn.utils.validation import check_scalar


def check_limits(limits, arguments):
    """Fail with the name of the argument that is outside (type, smallest, largest)."""
    for name, (kind, low, high) in limits.items():
        value = arguments[name]
        check_scalar(value, name, kind, min_val=low, max_val=high)
        if not isfinite(value):
            raise ValueError(f"{name} == {value}, must be finite.")
