"""Heads of torch: the weights are what the layer computes, not what it holds."""

import numpy as np
import pytest

from sklearn_wsca._heads.given import read_head

torch = pytest.importorskip("torch")

from torch.nn.utils import parametrizations, prune  # noqa: E402

from sklearn_wsca._heads import module_head  # noqa: E402
from tests.torch_layers import (  # noqa: E402
    Beside,
    Capped,
    Cosine,
    MergingLinear,
    Replaced,
    Single,
    Wrapped,
)

nn = torch.nn
D = 6
SCALES = np.array([1.0, 20.0, 0.1, 3.0, 0.5, 7.0])
ROWS = np.random.default_rng(0).standard_normal((40, D)) * SCALES + 2 * SCALES


def pruned(layer):
    prune.l1_unstructured(layer, "weight", amount=7)
    return layer


def normed():
    norm = nn.BatchNorm1d(D)
    norm(torch.from_numpy(ROWS).float())
    return nn.Sequential(norm, nn.Dropout(0.5), nn.Linear(D, 3))


def hooked(layer):
    layer.register_forward_hook(lambda module, args, output: 2 * output)
    return layer


def scaled(layer):
    layer.forward = lambda rows: 16 * nn.functional.linear(rows, layer.weight)
    return layer


LAYERS = {
    "plain": lambda: nn.Linear(D, 3),
    "no intercepts": lambda: nn.Linear(D, 3, bias=False),
    "half precision": lambda: nn.Linear(D, 3).bfloat16(),
    "weight norm, old": lambda: nn.utils.weight_norm(nn.Linear(D, 3)),
    "weight norm, new": lambda: parametrizations.weight_norm(nn.Linear(D, 3)),
    "spectral norm, old": lambda: nn.utils.spectral_norm(nn.Linear(D, 3)),
    "spectral norm, new": lambda: parametrizations.spectral_norm(nn.Linear(D, 3)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(D, 3)),
    "pruned": lambda: pruned(nn.Linear(D, 3)),
    "merging adapter": lambda: MergingLinear(D, 3),
    "wrapping adapter": lambda: Wrapped(nn.Linear(D, 3)),
    "adapter beside": lambda: Beside(nn.Linear(D, 3)),
    "replaced": lambda: Replaced(nn.Linear(D, 3)),
    "norm before it": normed,
    "hook": lambda: hooked(nn.Linear(D, 3)),
    "forward of its own": lambda: scaled(nn.Linear(D, 3)),
    "single precision": lambda: Single(D, 1),
}
old_weight_norm = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")


def read(module, n_features=D):
    return read_head(
        module, argument="target_head", n_features=n_features, levels=("a", "b", "c")
    )


def with_other_weights(layer):
    """Loaded from a checkpoint, after which an attribute `weight` may be stale."""
    torch.manual_seed(1)
    state = {
        name: values + 0.5 * torch.rand_like(values)
        if values.is_floating_point() and not name.endswith("mask")
        else values
        for name, values in layer.state_dict().items()
    }
    layer.load_state_dict(state)
    return layer


def outputs_of(layer):
    """What a copy of the layer gives in evaluation mode."""
    layer = layer.eval()
    kind = next(layer.parameters()).dtype
    with torch.no_grad():
        outputs = layer(torch.from_numpy(ROWS).to(kind)).float()
    return outputs.numpy().reshape(len(ROWS), -1)


def attributes_of(layer):
    """Every attribute of every module, and every number."""
    return (
        [{n: id(v) for n, v in vars(part).items()} for part in layer.modules()],
        [(id(v), v.dtype, v.requires_grad) for v in layer.parameters()],
        {
            name: values.float().numpy().tobytes()
            for name, values in layer.state_dict().items()
        },
    )


@old_weight_norm
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_head_is_what_the_layer_computes(kind, training):
    torch.manual_seed(0)
    layer = with_other_weights(LAYERS[kind]()).train(training)
    before, random = attributes_of(layer), torch.get_rng_state()
    with torch.autocast("cpu"):
        head = read(layer)
    assert attributes_of(layer) == before
    assert torch.equal(torch.get_rng_state(), random)
    expected = outputs_of(layer)
    tolerance = 0.02 if kind == "half precision" else 1e-5
    error = np.abs(head.outputs(ROWS) - expected).max() / np.abs(expected).max()
    assert error < tolerance
    assert head.coef.dtype == np.float64


def test_single_precision_of_weights_is_kept_to_the_last_bit():
    torch.manual_seed(0)
    layer = nn.Linear(D, 3)
    np.testing.assert_allclose(read(layer).coef, layer.weight.detach(), rtol=1e-12)


class Unsteady(nn.Linear):
    """Dropout that is never switched off."""

    def forward(self, rows):
        return super().forward(nn.functional.dropout(rows, 0.5, training=True))


class WithLabels(nn.Linear):
    """Needs the labels, as heads with a margin do."""

    def forward(self, rows, labels):
        return super().forward(rows) - labels


NOT_LINEAR = "is no linear head: what it gives is not weights times input plus"
REFUSED = {
    "cosine": (lambda: Cosine(D, 3, bias=False), f"the Cosine {NOT_LINEAR}"),
    "capped": (lambda: Capped(D, 3), f"the Capped {NOT_LINEAR}"),
    "softmax": (
        lambda: nn.Sequential(nn.Linear(D, 3), nn.Softmax(dim=1)),
        f"the Sequential {NOT_LINEAR}",
    ),
    "two layers": (
        lambda: nn.Sequential(nn.Linear(D, 9), nn.ReLU(), nn.Linear(9, 3)),
        f"{NOT_LINEAR}.*pass the linear layer itself",
    ),
    "norm of rows": (
        lambda: nn.Sequential(nn.LayerNorm(D), nn.Linear(D, 3)),
        f"{NOT_LINEAR}.*utilization_test",
    ),
    "random": (lambda: Unsteady(D, 3), "gives other outputs each time it is run"),
    "with labels": (
        lambda: WithLabels(D, 3),
        r"cannot be run on rows of 6 numbers \(.*'labels'\)",
    ),
    "several outputs": (
        lambda: nn.LSTM(D, 3, batch_first=True),
        "cannot be run on rows of 6 numbers .*it gives tuple instead of numbers",
    ),
    "maps": (
        lambda: nn.Unflatten(1, (2, 3)),
        r"cannot be run on rows .*it gives the shape \(2, 2, 3\) for 2 rows",
    ),
    "convolution": (lambda: nn.Conv2d(D, 3, 1), "cannot be run on rows of 6 numbers"),
    "wrong width": (
        lambda: nn.Linear(5, 3),
        "the head has 5 weights per row and the embeddings have 6 features",
    ),
    "no values": (lambda: nn.LazyLinear(3), "'weight' has no values yet"),
    "no device": (lambda: nn.Linear(D, 3, device="meta"), "on the device 'meta'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_linear_is_refused_and_stays_as_it_was(kind):
    make, message = REFUSED[kind]
    torch.manual_seed(0)
    layer = make()
    attributes = [dict(vars(part)) for part in layer.modules()]
    with pytest.raises(ValueError, match=f"^target_head: .*{message}"):
        read(layer)
    assert [dict(vars(part)) for part in layer.modules()] == attributes


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantised_layer_rounds_its_input():
    quantize = torch.ao.quantization.quantize_dynamic
    (layer,) = quantize(nn.Sequential(nn.Linear(D, 3)), {nn.Linear}, torch.qint8)
    with pytest.raises(ValueError, match=r"^target_head: the Linear is no linear"):
        read(layer)


@pytest.mark.parametrize(("bad", "n_bad"), [(float("nan"), 2), (float("inf"), 1)])
def test_weights_that_are_not_finite_are_counted(bad, n_bad):
    layer = nn.Linear(D, 3)
    layer.weight.data[1, :n_bad] = bad
    expected = f"target_head: {n_bad} of 18 values of 'weight' are NaN or infinite"
    with pytest.raises(ValueError, match=expected):
        read(layer)


@pytest.mark.parametrize(("d", "n_rows"), [(3000, 40), (500, 1)])
def test_a_wide_layer_is_run_in_blocks(d, n_rows):
    layer, sizes = nn.Linear(d, n_rows), []
    layer.register_forward_hook(lambda m, args, output: sizes.append(len(args[0])))
    head = read(layer, d)
    np.testing.assert_allclose(head.coef, layer.weight.detach(), rtol=1e-12)
    assert max(sizes) * (d + n_rows) <= module_head.NUMBERS_PER_RUN
    assert sum(sizes) >= d
