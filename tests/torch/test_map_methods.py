"""Formulas of activation maps, written out with loops."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch._linear import Layer  # noqa: E402
from sklearn_wsca.torch._map_methods import (  # noqa: E402
    METHODS,
    mask_of,
    read_reshape,
    refuse_features_last,
    score_cam,
)


def loop_weight(method, A, g):
    """Weight of one feature from its activations and gradients, by position."""
    total = A.sum()
    if method == "grad-cam":
        return g.mean()
    if method == "xgrad-cam":
        return sum(g_p * A_p / (total + 1e-7) for g_p, A_p in zip(g, A, strict=True))
    shares = [
        g_p**2 / (2 * g_p**2 + g_p**3 * total + 1e-6) if g_p else 0.0 for g_p in g
    ]
    return sum(s * max(g_p, 0) for s, g_p in zip(shares, g, strict=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spatial", [(7,), (3, 4), (2, 3, 2)])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_formulas(seed, spatial, method, unit):
    rng = np.random.default_rng(seed)
    A = 3 * rng.random((4, 5, *spatial)) + 1
    g = unit * (5 * rng.normal(size=A.shape) + 2)
    g[0, 0] = 0
    found = METHODS[method](torch.tensor(A), torch.tensor(g)).numpy()
    flat = A.reshape(4, 5, -1), g.reshape(4, 5, -1)
    if method == "hirescam":
        expected = (flat[0] * flat[1]).sum(axis=1)
    else:
        weights = [
            [loop_weight(method, a, b) for a, b in zip(*pair, strict=True)]
            for pair in zip(*flat, strict=True)
        ]
        expected = (np.array(weights)[:, :, None] * flat[0]).sum(axis=1)
    np.testing.assert_allclose(found.reshape(4, -1), expected, rtol=1e-8, atol=1e-12)


def test_score_cam_weighs_by_the_softmax_of_scores():
    activation = torch.rand(2, 3, 4)
    scores = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    found = score_cam(activation, scores)
    weights = np.exp([1.0, 2.0, 4.0]) / np.exp([1.0, 2.0, 4.0]).sum()
    expected = sum(w * row for w, row in zip(weights, activation[0], strict=True))
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    np.testing.assert_allclose(found[1], activation[1].mean(0), rtol=1e-5)


@pytest.mark.parametrize("shape", [(9,), (5, 9), (3, 5, 9)])
def test_masks_are_stretched_to_the_input(shape):
    feature = 7 + 3 * torch.rand(2, 1, *[3] * len(shape))
    mask = mask_of(feature, shape).flatten(1)
    assert mask.shape == (2, np.prod(shape))
    np.testing.assert_allclose(mask.amin(1), 0, atol=1e-6)
    np.testing.assert_allclose(mask.amax(1), 1, atol=1e-6)


@pytest.mark.parametrize("n_leading", [0, 1, 5])
def test_tokens_in_front_of_the_grid_are_left_out(n_leading):
    tokens = torch.arange(2 * (n_leading + 42) * 3).reshape(2, -1, 3)
    maps = read_reshape((6, 7))(tokens)
    assert maps.shape == (2, 3, 6, 7)
    for row, column in np.ndindex(6, 7):
        token = tokens[:, n_leading + 7 * row + column]
        assert torch.equal(maps[:, :, row, column], token)


@pytest.mark.parametrize(
    ("n_tokens", "grid"), [(17, (3, 3)), (257, (15, 15)), (18, (9,)), (2 + 4, (2, 2))]
)
def test_a_grid_that_leaves_out_patches_is_refused(n_tokens, grid):
    with pytest.raises(ValueError, match="are too many for tokens of the class"):
        read_reshape(grid)(torch.rand(2, n_tokens, 3))


def block(*parts):
    return Layer("block", torch.nn.Sequential(*parts))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Layer("norm", torch.nn.LayerNorm(12)), (4, 17, 12)),
        (block(torch.nn.Linear(12, 48), torch.nn.Linear(48, 12)), (4, 17, 12)),
        (Layer("mix", torch.nn.MultiheadAttention(12, 2)), (4, 17, 12)),
        (Layer("norm", torch.nn.LayerNorm(12)), (4, 7, 7, 12)),
    ],
)
def test_features_on_the_last_axis_are_told(layer, shape):
    with pytest.raises(ValueError, match=r"^reshape: .* gives the shape .*last axis"):
        refuse_features_last(layer, shape)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Layer("conv", torch.nn.Conv1d(3, 17, 3)), (4, 17, 12)),
        # A normalisation of channels that come first, as in ConvNeXt.
        (Layer("norm", torch.nn.LayerNorm(12)), (4, 12, 7, 7)),
        # Squeeze and excitation, with maps as wide as the squeezed.
        (block(torch.nn.Linear(32, 8), torch.nn.Linear(8, 32)), (4, 32, 8, 8)),
        (Layer("norm", torch.nn.LayerNorm(12)), (4, 12)),
    ],
)
def test_channels_that_come_first_are_taken(layer, shape):
    refuse_features_last(layer, shape)
