"""Notes on a fit as a whole."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._analysis.notes import describe_subspace, list_failures
from sklearn_wsca._linear.subspace import fit_subspace


def subspace_of(n_components, d=5, rank=3):
    """Of embeddings that vary along fewer directions than they have features."""
    rng = np.random.default_rng(0)
    X = (
        rng.standard_normal((40, rank))
        * [9.0, 3.0, 1.0]
        @ rng.standard_normal((rank, d))
    )
    return fit_subspace(X - 30.0, np.ones(40), n_components, 0)


NOTHING_REMOVED = (
    "The 3 principal directions are all along which the embeddings vary: the "
    "projection removes nothing."
)
TOO_MANY = (
    "n_components={} was asked for, but the embeddings vary along 3 directions only: "
    "k = 3."
)


@pytest.mark.parametrize(
    ("n_components", "expected"),
    [
        (None, []),
        (2, []),
        (0.5, []),
        (3, [NOTHING_REMOVED]),
        (1.0, [NOTHING_REMOVED]),
        (4, [TOO_MANY.format(4), NOTHING_REMOVED]),
        (np.int64(50), [TOO_MANY.format(50), NOTHING_REMOVED]),
    ],
)
def test_dimensions_that_are_not_what_they_seem_are_noted(n_components, expected):
    assert describe_subspace(subspace_of(n_components), n_components) == expected


def failures(heads=(), cross_validated=(), permuted=None, crossed=None):
    used = pd.Series({"site": 39, "age": 17})
    tests = SimpleNamespace(not_converged=permuted or {}, used=used)
    encoding = SimpleNamespace(not_converged=list(cross_validated))
    alignment = SimpleNamespace(tests=tests)
    return list(list_failures(list(heads), encoding, alignment, crossed))


def test_fits_that_converge_are_not_mentioned():
    assert failures() == []


def test_each_kind_of_fit_has_one_sentence_that_names_the_columns():
    found = failures(["disease", "site"], ["site"], {"site": 2, "age": 17})
    rest = " did not reach the tolerance of the solver; lower C, or merge rare levels."
    assert found == [
        "heads of columns ['disease', 'site']" + rest,
        "cross-validated heads of columns ['site']" + rest,
        "permuted heads of columns ['site (2 of 39)', 'age (17 of 17)']" + rest,
    ]
    crossed = SimpleNamespace(not_converged=["disease"])
    assert failures(crossed=crossed) == [
        "cross-fitted heads of columns ['disease']" + rest
    ]
    assert failures(permuted={"age": 1}) == [
        "permuted heads of columns ['age (1 of 17)']" + rest
    ]
