"""Reading trained heads from the forms in which users have them."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from sklearn_wsca import Head
from sklearn_wsca._heads.given import is_trained, read_head
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
