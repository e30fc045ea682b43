"""The matrix of input: what users pass, and what must come of it.

A case is an argument, what is special about it, a function that makes the value, and
what must happen: one error with a certain text, a column that is left out with a
reason, or the result of the same input in its plain form. `test_input_matrix` runs
every case at all the places that take such an argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

N, D = 60, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) * [1.0, 2.0, 0.5, 3.0] + [5.0, -2.0, 0.0, 1.0]
DISEASE = np.where(X[:, 0] + RNG.normal(size=N) > 5.0, "ill", "well")
CODES = RNG.integers(0, 3, N)
SITE = np.array(["north", "south", "west"])[CODES]
AGE = (60.0 + 10.0 * RNG.normal(size=N)).round(2)
DAYS = pd.date_range("2020-01-01", periods=N, freq="36h")
TABLE = pd.DataFrame({"disease": DISEASE, "site": SITE})
# Its classes are told apart by the sign of the second feature.
HEAD = np.array([[0.1, 1.0, 0.2, -0.3], [0.2, -0.9, 0.3, 0.1]])
GAPS = [4, 7]


@dataclass(frozen=True)
class Case:
    """One input.

    Parameters
    ----------
    argument : str
        What is passed: see the tables below.
    what : str
        What is special about it.
    make : function
        The value.
    error : str
        Pattern of the error after the name that the argument has where it is passed;
        of the whole error where it starts with "^".
    plain : function, default=None
        Plain form of the value, which gives the same result.
    left_out : str
        Why the column is not analysed.
    places : tuple of str
        Where it is passed; empty for all that take such an argument.
    """

    argument: str
    what: str
    make: Callable[[], Any]
    error: str = ""
    plain: Callable[[], Any] | None = None
    left_out: str = ""
    places: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Name of the case."""
        return f"{self.argument}: {self.what}"

    def error_of(self, argument: str) -> str:
        """Pattern of the error where the argument has this name, or none."""
        pattern = self.error.replace("{argument}", re.escape(argument))
        if argument and not pattern.startswith("^"):
            pattern = f"^{re.escape(argument)}: {pattern}"
        return f"(?s){pattern}"


def refused(argument, entries, *places):
    """Cases that end in an error, by what is special about them."""
    return [
        Case(argument, what, make, error, places=places)
        for what, (make, error) in entries.items()
    ]


def same_as_plain(argument, entries, *places):
    """Cases that give the result of a plain form, by what is special about them."""
    return [
        Case(argument, what, make, plain=plain, places=places)
        for what, (make, plain) in entries.items()
    ]


def needs(module: str):
    """A module that not every installation has."""
    return pytest.importorskip(module)


def arrow(values, make_type):
    """Series of a pyarrow type."""
    kind = make_type(needs("pyarrow"))
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


def tensor(make):
    """Something made of the embeddings as a tensor."""
    return make(needs("torch").tensor(X))


def with_gaps(values, gap=None):
    """The values with two of them missing."""
    values = list(values)
    for row in GAPS:
        values[row] = gap
    return values


def with_value(value, dtype=np.float64):
    """The embeddings with another value in row 3."""
    changed = X.astype(dtype)
    changed[3, 1] = value
    return changed


def as_objects(values):
    """Series of Python objects."""
    return pd.Series(list(values), dtype=object)


def read_only():
    changed = X.copy()
    changed.setflags(write=False)
    return changed


def decimals():
    return [Decimal(str(age)) for age in AGE]


def rounded(dtype):
    """The embeddings as a smaller type holds them, in double precision."""
    return X.astype(dtype).astype(np.float64)
