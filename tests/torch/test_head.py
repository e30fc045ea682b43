"""Heads of torch models: weights, names of classes, kind."""

import numpy as np
import pytest

from sklearn_wsca import Head

torch = pytest.importorskip("torch")

from sklearn_wsca.torch import extract_embeddings, head_from_module  # noqa: E402
from tests.torch_networks import make_mlp, make_vectors  # noqa: E402

nn = torch.nn


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_itself(bias):
    layer = nn.Linear(6, 3, bias=bias)
    head = head_from_module(layer)
    assert isinstance(head, Head)
    expected = layer(make_vectors()).detach().numpy()
    found = head.outputs(make_vectors().numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert (head.classes, head.kind) == (None, "logistic")
    assert (head.intercept == 0).all() != bias


@pytest.mark.parametrize(
    ("n_outputs", "classes", "kind", "names"),
    [
        (1, None, "ridge", None),
        (1, ["healthy", "ill"], "logistic", ("healthy", "ill")),
        (3, np.array([5, 7, 9]), "logistic", (5, 7, 9)),
        (2, ("b", "a"), "logistic", ("b", "a")),
    ],
)
def test_classes_and_kind(n_outputs, classes, kind, names):
    head = head_from_module(nn.Linear(6, n_outputs), classes=classes)
    assert (head.kind, head.classes) == (kind, names)
    if names:
        assert {type(name) for name in head.classes} <= {int, str}


@pytest.mark.parametrize(
    ("n_outputs", "classes", "message"),
    [
        (3, ["a", "b"], "found 2 names, but the head has 3 outputs; pass 3"),
        (1, ["a"], "found 1 names, but the head has 1 output; pass 2"),
        (3, ["a", "b", "a"], "names are repeated"),
    ],
)
def test_classes_that_do_not_fit(n_outputs, classes, message):
    with pytest.raises(ValueError, match=f"classes: {message}"):
        head_from_module(nn.Linear(6, n_outputs), classes=classes)


def test_the_last_of_a_chain_of_layers_is_not_ambiguous():
    """As in VGG: two hidden layers of one width, then the head."""
    model = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    assert head_from_module(model).coef.shape == (3, 8)
    hidden = head_from_module(model, "0")
    np.testing.assert_array_equal(hidden.coef, model[0].weight.detach().numpy())


def test_the_layer_of_a_batch_is_that_of_the_embeddings():
    model, batch = make_mlp(), {"rows": make_vectors(), "label": 3}
    embeddings = extract_embeddings(model, [batch], key="rows")
    by_key = head_from_module(model, batch=batch, key="rows")
    prepared = head_from_module(model, batch=batch, prepare=lambda b: b["rows"])
    np.testing.assert_array_equal(by_key.coef, prepared.coef)
    assert by_key.coef.shape[1] == embeddings.shape[1]
    assert model.training


def test_another_layer_is_no_head():
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 3, 1))
    with pytest.raises(ValueError, match=r"'1' \(ReLU\) is no linear head; name a"):
        head_from_module(model, "1")
    with pytest.raises(ValueError, match=r"1 x 1 convolution.*weight\.flatten\(1\)"):
        head_from_module(model, "2")


def test_weights_that_are_not_finite():
    layer = nn.Linear(6, 3)
    layer.weight.data[1, 2] = float("nan")
    with pytest.raises(
        ValueError, match=r"layer the model \(Linear\): 1 of 18 values of 'weight'"
    ):
        head_from_module(layer)
