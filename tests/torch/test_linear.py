"""Linear layers are found as a whole, and never by a factor of them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.utils import parametrizations  # noqa: E402

from sklearn_wsca.torch import extract_embeddings, head_from_module  # noqa: E402
from sklearn_wsca.torch._layers import find_last_linear  # noqa: E402
from sklearn_wsca.torch._linear import linear_layers  # noqa: E402
from tests.torch_layers import Beside, MergingLinear, Replaced, Wrapped  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    assert_close,
    make_loader,
    make_mlp,
    make_vectors,
)

nn = torch.nn


@pytest.fixture
def loader():
    return make_loader(make_vectors())


ADAPTED = {
    "wrapped": (lambda: Wrapped(nn.Linear(8, 3)), "2"),
    "beside": (lambda: Beside(nn.Linear(8, 3)), "2"),
    "replaced": (lambda: Replaced(nn.Linear(8, 3)), "2"),
    "merging": (lambda: MergingLinear(8, 3), "2"),
    "parametrized": (lambda: parametrizations.weight_norm(nn.Linear(8, 3)), "2"),
    "wrapped twice": (lambda: Wrapped(Wrapped(nn.Linear(8, 3))), "2"),
}


@pytest.mark.parametrize("kind", ADAPTED)
def test_a_layer_with_an_adapter_is_one_layer(loader, kind):
    """And never one of its factors, which are linear layers too."""
    make, name = ADAPTED[kind]
    torch.manual_seed(0)
    model = make_mlp()
    model[2] = make()
    assert find_last_linear(model).name == name
    assert [layer.name for layer in linear_layers(model)] == ["0", name]
    embeddings, outputs = extract_embeddings(model, loader, return_outputs=True)
    assert embeddings.shape[1] == 8
    for found in (
        head_from_module(model),
        head_from_module(model, batch=next(iter(loader))),
        head_from_module(model, name),
    ):
        assert_close(found.outputs(embeddings), outputs)


@pytest.mark.parametrize("part", ["2.base_layer", "2.lora_A.default", "2.lora_A"])
def test_a_part_of_a_layer_is_no_head(part):
    model = make_mlp()
    model[2] = Wrapped(nn.Linear(8, 3))
    expected = rf"layer: '{part}' \(.*\) is only a part of '2' \(Wrapped\).*name '2'"
    with pytest.raises(ValueError, match=expected):
        head_from_module(model, part)


def test_names_of_networks_and_of_factors():
    head = Wrapped(nn.Linear(8, 3))
    network = nn.ModuleDict({"lora": nn.Sequential(nn.Linear(6, 8), head)})
    assert [layer.name for layer in linear_layers(network)] == ["lora.0", "lora.1"]
    attention = nn.ModuleDict({n: nn.Linear(8, 8) for n in ("q", "k", "lora_A")})
    assert [layer.name for layer in linear_layers(attention)] == ["q", "k"]


def test_the_only_layer_may_be_the_model_itself():
    layer = Wrapped(nn.Linear(8, 3))
    assert find_last_linear(layer).module is layer
    assert head_from_module(layer).coef.shape == (3, 8)


def test_a_network_that_tells_its_widths_is_no_layer():
    """Its layers are looked at, not the numbers that it keeps."""

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.in_features, self.out_features = 6, 3
            self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, rows):
            return self.last(self.first(rows).relu())

    assert find_last_linear(Network()).name == "last"


def test_a_layer_that_is_only_like_a_linear_one(loader):
    """Its input is the embedding, but no weights stand for it."""

    class Centres(nn.Module):
        def __init__(self):
            super().__init__()
            self.in_features, self.out_features = 8, 3
            self.weight = nn.Parameter(torch.randn(3, 8))

        def forward(self, rows):
            return -torch.cdist(rows, self.weight)

    model = make_mlp()
    expected = extract_embeddings(model, loader)
    model[2] = Centres()
    np.testing.assert_array_equal(extract_embeddings(model, loader), expected)
    with pytest.raises(ValueError, match=r"'2' \(Centres\): .* is no linear head"):
        head_from_module(model)


def test_a_part_that_is_affine_may_be_named():
    model = nn.Sequential(nn.Linear(6, 8), nn.Sequential(nn.Dropout(), nn.Linear(8, 3)))
    head = head_from_module(model, "1")
    expected = model[1][1].weight.detach()
    np.testing.assert_allclose(head.coef, expected, rtol=1e-12)
    model[1].append(nn.Softmax(dim=1))
    with pytest.raises(ValueError, match=r"'1' \(Sequential\): .* is no linear head"):
        head_from_module(model, "1")


def test_a_broken_layer_is_named_and_not_its_search(loader):
    model = make_mlp()
    model[2].weight.data[0, 0] = float("nan")
    assert extract_embeddings(model, loader).shape[1] == 8
    with pytest.raises(ValueError, match=r"'2' \(Linear\): 1 of 24 values of 'weight'"):
        head_from_module(model, batch=next(iter(loader)))


@pytest.mark.filterwarnings("ignore:`?torch.jit:DeprecationWarning")
def test_a_scripted_part_is_no_hindrance(loader):
    model = make_mlp()
    expected = extract_embeddings(model, loader)
    model[0] = torch.jit.script(model[0])
    np.testing.assert_allclose(extract_embeddings(model, loader), expected, rtol=1e-5)
    assert [layer.name for layer in linear_layers(model)] == ["2"]
