"""Which layer is meant: found from what the model computes, or named."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch import extract_embeddings, head_from_module  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    Behind,
    TwoHeads,
    make_loader,
    make_mlp,
    make_vectors,
)

nn = torch.nn


@dataclass
class Output:
    logits: Any
    loss: Any = None


class Pair(NamedTuple):
    first: Any
    second: Any


@pytest.fixture
def loader():
    return make_loader(make_vectors())


def hidden(model, loader):
    """Embeddings of the network inside, by the name of its last layer."""
    return extract_embeddings(model, loader, model.network[2])


@pytest.mark.parametrize(
    "function",
    [
        lambda logits: logits.softmax(dim=1),
        lambda logits: logits.log_softmax(dim=1),
        torch.sigmoid,
        torch.tanh,
        torch.relu_,
        lambda logits: logits.double().clone(),
        lambda logits: {"logits": logits, "class": logits.argmax(dim=1)},
        lambda logits: (None, [logits.reshape(-1, 3, 1)]),
        Output,
        lambda logits: Pair("name", Output(3 * logits, logits)),
    ],
)
def test_the_head_is_found_behind_what_the_model_makes_of_it(loader, function):
    model = Behind(make_mlp(), function)
    found = extract_embeddings(model, loader)
    np.testing.assert_array_equal(found, hidden(model, loader))


def test_a_head_that_is_defined_first_is_found_by_running_the_model(loader):
    class HeadFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.trunk = nn.Linear(8, 3), nn.Linear(6, 8)

        def forward(self, rows):
            return self.head(self.trunk(rows).relu())

    model = HeadFirst()
    assert extract_embeddings(model, loader).shape[1] == 8
    head = head_from_module(model, batch=next(iter(loader)))
    np.testing.assert_array_equal(head.coef, model.head.weight.detach().numpy())
    # The order of definition misleads; that is documented.
    assert head_from_module(model).coef.shape == (8, 6)


def test_a_model_that_returns_its_embedding_as_well(loader):
    class WithEmbedding(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.head = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, rows):
            features = self.trunk(rows).relu()
            return self.head(features), features

    model = WithEmbedding()
    with torch.no_grad():
        expected = torch.cat([model(rows)[1] for rows in loader]).numpy()
    np.testing.assert_array_equal(extract_embeddings(model, loader), expected)


@pytest.mark.parametrize(
    "form",
    [
        lambda digit, scanner: (digit, scanner),
        lambda digit, scanner: {"digit": digit, "scanner": scanner},
        lambda digit, scanner: [digit.softmax(1), scanner.softmax(1)],
    ],
)
def test_several_heads_have_to_be_named(loader, form):
    model = TwoHeads(form)
    names = r"several outputs, given by 'digit' \(Linear\), 'scanner' \(Linear\)"
    for run in (
        lambda: extract_embeddings(model, loader),
        lambda: head_from_module(model, batch=next(iter(loader))),
    ):
        with pytest.raises(ValueError, match=names):
            run()
    by_digit = extract_embeddings(model, loader, layer="digit")
    by_scanner = extract_embeddings(model, loader, layer=model.scanner)
    np.testing.assert_array_equal(by_digit, by_scanner)
    with pytest.raises(ValueError, match="several linear layers may be the last"):
        head_from_module(model)


@pytest.mark.parametrize(
    "form",
    [lambda digit, scanner: digit + scanner, lambda *both: torch.cat(both, dim=1)],
)
def test_no_layer_is_guessed_where_none_gives_the_output(loader, form):
    names = r"no linear layer gives the output.*'digit' \(Linear\)"
    with pytest.raises(ValueError, match=names):
        extract_embeddings(TwoHeads(form), loader)


def test_a_model_without_linear_layers():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match=r"ran through no torch.nn.Linear"):
        extract_embeddings(model, [torch.rand(4, 1, 5, 5)])
    with pytest.raises(ValueError, match=r"has no torch.nn.Linear"):
        head_from_module(model)


class Twice(nn.Module):
    """Calls one layer twice, another never."""

    def __init__(self):
        super().__init__()
        self.shared, self.unused = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, rows):
        return self.shared(self.shared(rows).relu())


@pytest.mark.parametrize("layer", [None, "shared"])
def test_a_layer_that_is_called_twice(loader, layer):
    with pytest.raises(ValueError, match=r"calls 'shared' \(Linear\) 2 times"):
        extract_embeddings(Twice(), loader, layer)


def test_a_layer_that_is_not_called(loader):
    with pytest.raises(ValueError, match=r"did not call 'unused' \(Linear\)"):
        extract_embeddings(Twice(), loader, "unused")


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ("trunks", ValueError, "no layer 'trunks'; did you mean 'trunk'"),
        ("digits", ValueError, "did you mean 'digit'"),
        ("xyz", ValueError, "the last ones are .*'digit', 'scanner'"),
        (nn.Linear(8, 3), ValueError, "the Linear is not part of the model"),
        (3, TypeError, "layer: found a int"),
    ],
)
def test_a_wrong_layer(loader, layer, error, message):
    model = TwoHeads(lambda *both: both)
    with pytest.raises(error, match=message):
        extract_embeddings(model, loader, layer)
    with pytest.raises(error, match=message):
        head_from_module(model, layer)


def test_the_wrapper_of_parallel_execution_is_taken_off(loader):
    model = make_mlp()
    expected = extract_embeddings(model, loader)
    wrapped = nn.DataParallel(model)
    for layer in (None, "2", "module.2", model[2]):
        found = extract_embeddings(wrapped, loader, layer)
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        head_from_module(wrapped).coef, head_from_module(model).coef
    )


# torch warns of this one version of Python.
compiles = pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")


@compiles
@pytest.mark.parametrize("layer", [None, "2", "_orig_mod.2"])
def test_a_compiled_model(loader, layer):
    """Compiled code that has run already ignores hooks."""
    model = make_mlp()
    expected = extract_embeddings(model, loader)
    compiled = torch.compile(model, backend="eager")
    compiled(make_vectors())
    np.testing.assert_array_equal(extract_embeddings(compiled, loader, layer), expected)
    assert head_from_module(compiled, layer).coef.shape == (3, 8)


@compiles
@pytest.mark.skipif(
    not hasattr(torch.compiler, "set_stance"), reason="torch < 2.6 runs compiled code"
)
def test_a_model_that_is_compiled_in_place_or_in_part(loader):
    """Code of earlier runs of the same kind is there, and knows of no hooks."""

    def run(model):
        model.eval()
        with torch.no_grad():
            for part in (*loader, make_vectors()[:4]):
                model(part)

    model = make_mlp()
    expected = extract_embeddings(model, loader, "1")
    model.compile(backend="eager")
    run(model)
    np.testing.assert_array_equal(extract_embeddings(model, loader, "1"), expected)
    plain = make_mlp()
    trunk = torch.compile(plain[:2], backend="eager")
    model = nn.Sequential(trunk, plain[2])
    run(model)
    for name in ("0.1", "0._orig_mod.1"):
        np.testing.assert_array_equal(extract_embeddings(model, loader, name), expected)


@pytest.mark.filterwarnings(
    # TorchScript is deprecated; it is what people have.
    "ignore:`?torch.jit:DeprecationWarning"
)
def test_torch_script_is_refused(loader):
    traced = torch.jit.trace(make_mlp(), make_vectors())
    with pytest.raises(TypeError, match="TorchScript module"):
        extract_embeddings(traced, loader)


@pytest.mark.parametrize("model", [{"weight": 1}, make_mlp, None])
def test_what_is_no_model(loader, model):
    with pytest.raises(TypeError, match=r"model: found a .*; pass a torch.nn.Module"):
        extract_embeddings(model, loader)
