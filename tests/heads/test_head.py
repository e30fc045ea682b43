"""Heads: reading trained ones, their rows and their outputs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from sklearn_wsca import Head
from sklearn_wsca._heads.head import center_rows, is_trained, log_probability, read_head
from tests.input_heads import HEADS

COEF = np.array([[1.0, -20.0, 3.0], [0.5, 4.0, -6.0]])
INTERCEPT = np.array([100.0, -7.0])
X = np.array([[1.0, 20.0, -3.0], [5.0, 70.0, 2.0], [0.0, -10.0, 9.0]])


def read(source, levels=("a", "b"), n_features=3):
    return read_head(
        source, argument="target_head", n_features=n_features, levels=levels
    )


@pytest.mark.parametrize(
    ("source", "intercept"),
    [
        (COEF, 0.0),
        (COEF.tolist(), 0.0),
        ((COEF, INTERCEPT), INTERCEPT),
        ([COEF, INTERCEPT], INTERCEPT),
        ((COEF, None), 0.0),
        (Head(COEF, INTERCEPT, ("a", "b"), "logistic"), INTERCEPT),
    ],
)
def test_forms_of_a_head(source, intercept):
    head = read(source)
    np.testing.assert_allclose(head.outputs(X), X @ COEF.T + intercept)
    assert head.classes == ("a", "b")
    assert head.kind == "logistic"


def test_one_row_is_the_second_class_or_a_number():
    binary = read(COEF[0])
    assert binary.coef.shape == (1, 3)
    assert (binary.row_names, binary.kind) == (("b",), "logistic")
    number = read(COEF[0], levels=None)
    assert (number.row_names, number.kind) == (("",), "ridge")


def test_rows_that_do_not_fit_the_levels_are_numbered():
    head = read(COEF, levels=("a", "b", "c"))
    assert head.classes is None
    assert head.row_names == (0, 1)
    # Several unnamed rows are class scores: one vector added to all changes nothing.
    np.testing.assert_allclose(head.centred_coef.sum(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", [LogisticRegression(), LinearSVC()])
def test_fitted_classifiers(model, n_classes):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 3)) * [1.0, 5.0, 0.2] + 3.0
    labels = np.array(["x", "y", "z"])[np.arange(60) % n_classes]
    fitted = model.fit(rows, labels)
    head = read(fitted, levels=None)
    outputs = fitted.decision_function(rows).reshape(60, -1)
    np.testing.assert_allclose(head.outputs(rows), outputs)
    assert head.classes == ("x", "y", "z")[:n_classes]
    assert head.kind == "logistic"


@pytest.mark.parametrize("model", [Ridge(), LinearRegression(fit_intercept=False)])
def test_fitted_regressors(model):
    rng = np.random.default_rng(1)
    rows, values = rng.standard_normal((30, 3)) + 2.0, 50.0 + rng.standard_normal(30)
    head = read(model.fit(rows, values), levels=None)
    np.testing.assert_allclose(head.outputs(rows)[:, 0], model.predict(rows))
    assert (head.classes, head.kind) == (None, "ridge")


@pytest.mark.parametrize("bias", [True, False])
def test_torch_linear(bias):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(3, 2, bias=bias)
    head = read(layer)
    expected = layer(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(head.outputs(X), expected, rtol=1e-4, atol=1e-4)
    parameters = (layer.weight, layer.bias if bias else None)
    np.testing.assert_allclose(read(parameters).coef, head.coef)
    # Half precision, which numpy does not have.
    brief = read((layer.weight.bfloat16(), None))
    np.testing.assert_allclose(brief.coef, head.coef, rtol=1e-2)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.what) for case in HEADS if case.error]
)
def test_heads_that_cannot_be_read(case):
    with pytest.raises(ValueError, match=case.error_of("target_head")):
        read(case.make(), n_features=4)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.what) for case in HEADS if case.plain]
)
def test_heads_of_other_types_are_read_as_their_plain_form(case):
    found, expected = (read(m(), n_features=4) for m in (case.make, case.plain))
    scale = np.linalg.norm(found.coef) / np.linalg.norm(expected.coef)
    np.testing.assert_allclose(found.coef, scale * expected.coef)
    assert found.coef.dtype == np.float64


def test_weights_of_three_dimensions_are_refused():
    with pytest.raises(ValueError, match="target_head: the weights have 3 dimensions"):
        read(np.ones((1, 2, 3)))


@pytest.mark.parametrize(
    ("source", "trained"),
    [
        ("ridge", False),
        (None, False),
        (Ridge(), False),
        (Ridge().fit(X, [1.0, 2.0, 3.0]), True),
        (COEF, True),
        ((COEF, INTERCEPT), True),
        (Head(COEF, INTERCEPT, None, "ridge"), True),
    ],
)
def test_recipes_are_told_from_trained_heads(source, trained):
    assert is_trained(source) == trained


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


def test_weights_of_one_row_with_one_intercept_in_an_array():
    head = read((np.array([1.0, 2.0, 3.0]), np.array([0.5])))
    np.testing.assert_array_equal(head.coef, [[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(head.intercept, [0.5])


@pytest.mark.parametrize(("n_rows", "n_features"), [(3, 3), (1, 1), (1, 2), (2, 1)])
def test_outputs_in_place_of_embeddings_are_named(n_rows, n_features):
    with pytest.raises(ValueError, match=r"enter this head\. These look like its out"):
        read_head(
            np.ones((n_rows, 8)), argument="head", n_features=n_features, levels=None
        )


@pytest.mark.parametrize(("shape", "hint"), [((8, 3), "transposed"), ((3, 9), "$")])
def test_other_widths_are_no_outputs(shape, hint):
    with pytest.raises(ValueError, match="enter this head.*" + hint) as error:
        read_head(np.ones(shape), argument="head", n_features=8, levels=None)
    assert "outputs" not in str(error.value)


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


@pytest.mark.parametrize("shape", [(1000, 2048), (2, 3), (1, 2048), (30, 2), (7, 7)])
@pytest.mark.parametrize("named", [False, True])
def test_repr_is_short(shape, named):
    names = [f"class {i}" for i in range(max(shape[0], 2))] if named else None
    head = Head(np.random.default_rng(0).normal(size=shape), np.zeros(shape[0]), names)
    text = repr(head)
    assert len(text.splitlines()) <= 10 and len(text) < 1500
    assert text.startswith("Head(coef=array") and text.endswith(f"{head.kind!r})")


def test_repr_of_a_small_head_is_whole():
    head = Head(np.array([[2.0, -1.0]]), np.array([0.5]), ["a", "b"])
    assert eval(repr(head), {"Head": Head, "array": np.array}).classes == ("a", "b")
