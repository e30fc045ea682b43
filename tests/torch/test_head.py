"""Heads of torch models: weights, names of classes, kind."""

import numpy as np
import pandas as pd
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
        (3, "abc", "found 'abc'; pass a list of names, in the order of the outputs"),
        (1, 2, "found 2; pass a list of names"),
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


def test_the_mode_of_the_whole_model_counts():
    """A model may change its layers where it is told to evaluate."""

    class Merging(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            if not mode and not getattr(self, "merged", False):
                self[2].weight.data.mul_(3)
                self.merged = True
            return self

    model = Merging(*make_mlp())
    weights = model[2].weight.detach().clone()
    head = head_from_module(model)
    np.testing.assert_allclose(head.coef, 3 * weights, rtol=1e-6)
    assert torch.equal(model[2].weight, weights)
    assert not hasattr(model, "merged")


def test_a_trained_head_of_torch_is_what_it_computes():
    """As `target_head` of the estimator, too."""
    from sklearn_wsca import WeightSpaceCorrelation

    torch.manual_seed(0)
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 2))
    layer.load_state_dict({n: 2 * v for n, v in layer.state_dict().items()})
    rows = make_vectors().numpy()
    with torch.no_grad():
        expected = layer.eval()(make_vectors()).numpy()
    margin = expected[:, 1] - expected[:, 0]
    table = {"label": margin > np.median(margin), "side": np.arange(len(rows)) % 2}
    analysis = WeightSpaceCorrelation("label", target_head=layer, n_permutations=0)
    head = analysis.fit(rows, pd.DataFrame(table)).target_head_
    np.testing.assert_allclose(head.outputs(rows), expected, rtol=1e-3, atol=1e-4)
