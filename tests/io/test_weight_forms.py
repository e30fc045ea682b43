"""Weights of several arrays are those that torch computes with."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_head

torch = pytest.importorskip("torch")

from torch.nn.utils import parametrizations, prune  # noqa: E402

nn = torch.nn
N_FEATURES = 6
# torch deprecates its older weight norm, which is what checkpoints have.
old_weight_norm = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")

old_quantisation = pytest.mark.filterwarnings(
    "ignore:torch.quantize_per_tensor, torch.quantize_per_channel:UserWarning"
)


def rows():
    scales = np.array([1.0, 20.0, 0.1, 3.0, 0.5, 7.0])
    return np.random.default_rng(0).standard_normal((40, N_FEATURES)) * scales + scales


def pruned(layer):
    prune.l1_unstructured(layer, "weight", amount=0.5)
    return layer


def pruned_intercepts(layer):
    prune.l1_unstructured(pruned(layer), "bias", amount=0.4)
    return layer


COMPUTED = {
    "weight norm, old": nn.utils.weight_norm,
    "weight norm, old, of all": lambda layer: nn.utils.weight_norm(layer, dim=None),
    "weight norm, old, of columns": lambda layer: nn.utils.weight_norm(layer, dim=1),
    "weight norm, new": parametrizations.weight_norm,
    "spectral norm, old": nn.utils.spectral_norm,
    "spectral norm, new": parametrizations.spectral_norm,
    "pruned": pruned,
    "pruned intercepts": pruned_intercepts,
}


def trained(make, n_rows=3, bias=True):
    """A layer of which the attribute `weight` is not what it computes with."""
    torch.manual_seed(0)
    layer = make(nn.Linear(N_FEATURES, n_rows, bias=bias)).train()
    for _ in range(20):
        layer(torch.randn(4, N_FEATURES))
    with torch.no_grad():
        for values in layer.parameters():
            values.mul_(2).add_(0.3 * torch.randn_like(values))
    return layer.eval()


def save(layer, folder, prefix="model.fc"):
    """Checkpoint with a body of other width, and this layer."""
    state = {f"{prefix}.{name}": values for name, values in layer.state_dict().items()}
    body = {"model.body.weight": torch.ones(4, 5), "model.body.bias": torch.zeros(4)}
    torch.save({"epoch": 3, "state_dict": {**body, **state}}, folder / "checkpoint.pt")
    return folder / "checkpoint.pt"


def outputs_of(head):
    coef, intercept = head if isinstance(head, tuple) else (head.coef, head.intercept)
    return rows() @ coef.T + intercept


@old_weight_norm
@pytest.mark.parametrize("n_rows", [1, 3])
@pytest.mark.parametrize("form", COMPUTED)
def test_the_head_is_what_the_layer_computes(tmp_path, form, n_rows):
    layer = trained(COMPUTED[form], n_rows)
    file = save(layer, tmp_path)
    with torch.no_grad():
        expected = layer.double()(torch.from_numpy(rows())).numpy()
    for options in ({}, {"key": "fc"}, {"key": "model.fc"}):
        head = load_head(file, n_features=N_FEATURES, **options)
        np.testing.assert_allclose(outputs_of(head), expected, rtol=1e-6, atol=1e-6)
    assert np.ptp(expected) > 1


@old_weight_norm
def test_a_factor_is_never_the_head_even_by_its_name(tmp_path):
    layer = trained(nn.utils.weight_norm)
    head = load_head(save(layer, tmp_path), key="fc.weight_v")
    np.testing.assert_allclose(
        head.coef, torch.nn.functional.normalize(layer.weight_v).detach()
        * layer.weight_g.detach(), rtol=1e-5,
    )  # fmt: skip


def int8(n_rows=3, zero=None, scale_shape=(-1, 1)):
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(-127, 127, (n_rows, N_FEATURES), generator=generator)
    scale = torch.tensor([0.5, 0.002, 0.1])[:n_rows]
    parts = {"weight": codes.to(torch.int8), "weight_scale": scale.reshape(scale_shape)}
    if zero is not None:
        parts["weight_zero_point"] = torch.tensor(zero)
    return parts, scale


@old_quantisation
@pytest.mark.parametrize("zero", [None, [0, 0, 0], [5, -20, 3]])
@pytest.mark.parametrize("scale_shape", [(-1,), (-1, 1)])
def test_8_bit_codes_times_the_scale_of_their_row(tmp_path, zero, scale_shape):
    parts, scale = int8(3, zero, scale_shape)
    torch.save({f"fc.{name}": part for name, part in parts.items()}, tmp_path / "q.pt")
    codes, zeros = parts["weight"], torch.tensor(zero or [0, 0, 0])
    expected = torch._make_per_channel_quantized_tensor(codes, scale, zeros, 0)
    found = load_head(tmp_path / "q.pt", n_features=N_FEATURES).coef
    np.testing.assert_allclose(found, expected.dequantize().numpy(), rtol=1e-6)


def test_one_scale_for_all_rows(tmp_path):
    parts, _ = int8()
    state = {"fc.weight": parts["weight"], "fc.weight_scale": torch.tensor(0.25)}
    torch.save(state, tmp_path / "q.pt")
    found = load_head(tmp_path / "q.pt").coef
    np.testing.assert_array_equal(found, 0.25 * parts["weight"].numpy())


@pytest.mark.parametrize("layout", [None, 0])
def test_8_bit_codes_with_the_largest_weight_of_their_row(tmp_path, layout):
    """As bitsandbytes saves them: 127 stands for the largest."""
    weights = torch.tensor([[1.0, -20.0, 0.3], [0.5, 4.0, 60.0]])
    largest = weights.abs().amax(dim=1)
    codes = (weights / largest[:, None] * 127).round().to(torch.int8)
    state = {"head.weight": codes, "head.SCB": largest, "head.bias": torch.ones(2)}
    if layout is not None:
        state["head.weight_format"] = torch.tensor(layout, dtype=torch.uint8)
    torch.save(state, tmp_path / "q.pt")
    head = load_head(tmp_path / "q.pt", n_features=3)
    np.testing.assert_allclose(head.coef, weights, atol=float(largest.max() / 254))
    np.testing.assert_array_equal(head.coef.argmax(axis=1), [0, 2])


@old_quantisation
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated:UserWarning")
@pytest.mark.parametrize("by_row", [True, False])
def test_a_quantised_tensor_of_torch_knows_its_scale(tmp_path, by_row):
    weights = torch.tensor([[1.0, -20.0, 0.3], [0.5, 4.0, 60.0]])
    quantised = torch.quantize_per_tensor(weights, 0.5, 3, torch.qint8)
    if by_row:
        scales, zeros = torch.tensor([0.2, 0.5]), torch.zeros(2, dtype=torch.int64)
        quantised = torch.quantize_per_channel(weights, scales, zeros, 0, torch.qint8)
    torch.save({"fc.weight": quantised, "fc.bias": torch.ones(2)}, tmp_path / "q.pt")
    head = load_head(tmp_path / "q.pt", n_features=3)
    np.testing.assert_array_equal(head.coef, quantised.dequantize().numpy())


WEIGHTS = torch.tensor([[1.0, -20.0, 0.3], [0.5, 4.0, 60.0]])
CODES = torch.tensor([[1, -20, 3], [5, 4, 60]], dtype=torch.int8)
UNKNOWN = {
    "codes alone": ({"weight": CODES}, "int8 codes without their scale"),
    "codes of 4 bits": (
        {"weight": CODES.to(torch.uint8), "weight_scale": torch.ones(2, 1)},
        "a scale of uint8 numbers",
    ),
    "numbers of 8 bits": (
        {"weight": WEIGHTS.to(torch.float8_e4m3fn), "weight_scale": torch.ones(2, 1)},
        "a scale of float32 numbers",
    ),
    "scale by block": (
        {"weight": CODES, "weight_scale": torch.ones(2, 3)},
        "with a scale per block",
    ),
    "layout of a device": (
        {"weight": CODES, "SCB": torch.ones(2), "weight_format": torch.tensor(2)},
        "in the layout of a device",
    ),
    "spectral norm along columns": (
        {
            "weight_orig": WEIGHTS,
            "weight_u": torch.ones(3),
            "weight_v": torch.ones(2),
        },
        "spectral norm along columns",
    ),
    "two parts that are no weight norm": (
        {
            "parametrizations.weight.original0": torch.ones(2, 2),
            "parametrizations.weight.original1": WEIGHTS,
        },
        "no weight norm",
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_a_form_that_is_not_known_is_refused(tmp_path, what):
    parts, reason = UNKNOWN[what]
    torch.save({f"fc.{name}": part for name, part in parts.items()}, tmp_path / "x.pt")
    expected = rf"layer 'fc' cannot be told from its 'fc\..*{reason}.*head_from_mod"
    for options in ({"n_features": 3}, {"key": "fc"}):
        with pytest.raises(FileError, match=expected):
            load_head(tmp_path / "x.pt", **options)
