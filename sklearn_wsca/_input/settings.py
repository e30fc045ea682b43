"""Numbers that an analysis is made with: finite, and in their range."""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real
from typing import Any

from sklearn.utils import check_scalar


def check_number(value: Any, name: str, kind: type = Real, **limits: Any) -> None:
    """Raise if an argument is no finite number of its range.

    NaN is in every range, and infinity in those without an end.

    Parameters
    ----------
    value : object
        The argument.
    name : str
        Its name.
    kind : type, default=numbers.Real
        Real or Integral.
    **limits : object
        Those of `sklearn.utils.check_scalar`.

    Raises
    ------
    TypeError, ValueError
        The message begins with the name.
    """
    check_scalar(value, name, kind, **limits)
    if not isinstance(value, Integral) and not isfinite(value):
        raise ValueError(f"{name} == {value}, must be a finite number.")


def check_test_settings(
    n_permutations: Any,
    significance: Any,
    min_effect: Any = 0.0,
    *,
    most_significance: float = 1.0,
    positive_effect: bool = False,
) -> None:
    """Raise if the numbers that a test is made with are out of their range.

    `positive_effect` is for claims of absence: nothing is below an effect of 0.
    """
    check_number(n_permutations, "n_permutations", Integral, min_val=0)
    ends = "neither" if positive_effect else "left"
    check_number(min_effect, "min_effect", min_val=0, include_boundaries=ends)
    check_number(
        significance,
        "significance",
        min_val=0,
        max_val=most_significance,
        include_boundaries="neither",
    )
