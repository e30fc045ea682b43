"""Heads: their rows, their outputs and how they are shown."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head
from sklearn_wsca._heads.head import center_rows, log_probability

COEF = np.array([[1.0, -20.0, 3.0], [0.5, 4.0, -6.0]])
INTERCEPT = np.array([100.0, -7.0])


def test_only_class_rows_are_centred():
    mean = COEF.mean(axis=0)
    logistic, ridge = (Head(COEF, INTERCEPT, None, k) for k in ("logistic", "ridge"))
    np.testing.assert_allclose(logistic.centred_coef, COEF - mean)
    np.testing.assert_array_equal(ridge.centred_coef, COEF)
    np.testing.assert_array_equal(center_rows(COEF[:1]), COEF[:1])
    equal = np.tile([0.1, 0.2, 0.7], (3, 1))
    assert np.abs(equal - equal.mean(axis=0)).max() > 0
    np.testing.assert_array_equal(center_rows(equal), 0.0)
    batch = np.stack([COEF, 3.0 * COEF + 50.0])
    np.testing.assert_allclose(center_rows(batch)[1], 3.0 * (COEF - mean))


@pytest.mark.parametrize(
    "outputs", [[[-800.0], [0.3], [900.0]], [[-800.0, 3.0, 900.0]]]
)
def test_log_probabilities_do_not_overflow(outputs):
    outputs = np.array(outputs)
    found = log_probability(outputs, max(outputs.shape[1], 2))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0)
    moderate = np.array([[0.3]])
    np.testing.assert_allclose(
        np.exp(log_probability(moderate, 2)),
        [[1 / (1 + np.exp(0.3)), 1 / (1 + np.exp(-0.3))]],
    )


@pytest.mark.parametrize(
    ("coef", "classes", "kind"),
    [
        ([[1.0, 2.0], [3.0, -40.0]], ["ill", "well"], "logistic"),
        (np.array([[1.0, 2.0], [3.0, -40.0]]), np.array([4, 7]), "logistic"),
        ([1.0, 200.0], ("ill", "well"), "logistic"),
        ([1.0, 200.0], None, "ridge"),
        ([[1.0, 2.0], [3.0, -40.0]], None, "logistic"),
    ],
)
def test_weights_and_classes_are_enough(coef, classes, kind):
    """As arrays or lists, names in any sequence; the kind follows."""
    intercept = [5.0] * len(np.atleast_2d(coef))
    head = Head(coef, intercept, classes)
    assert head.kind == kind
    assert head.classes == (None if classes is None else tuple(np.asarray(classes)))
    assert head.coef.shape == (len(intercept), 2)
    X = np.array([[1.0, 0.5], [-3.0, 20.0]])
    np.testing.assert_allclose(
        head.outputs(X), X @ np.atleast_2d(coef).T + np.array(intercept)
    )
    assert Head(coef, intercept, classes=classes, kind=kind).kind == kind


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        (["benign", "benign"], "classes name 'benign' twice"),
        ([1, 1.0], "classes name 1 twice"),
        ([np.nan, "yes"], "a missing value"),
        ([None, "yes"], "a missing value"),
        ([pd.NaT, "yes"], "a missing value"),
        ([pd.NA, "yes"], "a missing value"),
    ],
)
def test_classes_need_names_of_their_own(classes, problem):
    with pytest.raises(ValueError, match=f"^Head: .*{problem}"):
        Head(np.eye(2), np.zeros(2), classes)


@pytest.mark.parametrize(
    "shape", [(1000, 2048), (2, 3), (1, 10), (1, 2048), (30, 2), (7, 7)]
)
@pytest.mark.parametrize("named", [False, True])
def test_repr_is_short(shape, named):
    names = [f"class {i}" for i in range(max(shape[0], 2))] if named else None
    head = Head(np.random.default_rng(0).normal(size=shape), np.zeros(shape[0]), names)
    text = repr(head)
    assert len(text.splitlines()) == 1 and len(text) < 1000
    assert text.startswith("Head(coef=array") and text.endswith(f"{head.kind!r})")


def test_repr_of_a_small_head_is_whole():
    head = Head(np.array([[2.0, -1.0]]), np.array([0.5]), ["a", "b"])
    assert eval(repr(head), {"Head": Head, "array": np.array}).classes == ("a", "b")
