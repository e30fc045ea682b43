"""Activation maps: equal to those of other packages, and no trace is left."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch import (  # noqa: E402
    extract_activation_maps,
    extract_contributions,
)
from tests.torch_networks import (  # noqa: E402
    MAP_LAYERS,
    Grouped,
    Tokens,
    make_colour_images,
    make_loader,
    make_pooled,
    state_of,
    train_convnet,
)

METHODS = ["grad-cam", "grad-cam++", "xgrad-cam", "hirescam", "score-cam"]


@pytest.fixture(scope="module")
def stored():
    """What scripts/make_reference_maps.py wrote: networks, images, and maps."""
    with np.load(Path(__file__).with_name("grad_cam_maps.npz")) as file:
        return dict(file)


def restore(make, stored):
    """The network that the stored maps are of."""
    model, start = make(), f"{make.__name__}/"
    state = {k: stored[k] for k in stored if k.startswith(start)}
    model.load_state_dict(
        {k.removeprefix(start): torch.tensor(v) for k, v in state.items()}
    )
    return model


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MAP_LAYERS)
def test_equal_to_those_of_grad_cam(stored, name, method):
    """Grouped convolutions and transformers too, before the package stretches maps."""
    make, layer, grid = MAP_LAYERS[name]
    loader = make_loader(torch.tensor(stored["images"]), batch_size=4)
    how = {"method": method, "reshape": grid}
    found = extract_activation_maps(restore(make, stored), loader, layer, **how)
    expected = stored[f"{name}/{method}"]
    assert found.dtype == np.float32 and (np.ptp(expected, axis=(1, 2)) > 0).any()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("layer", ["first", "last"])
def test_equal_to_those_of_captum(layer):
    attr = pytest.importorskip("captum.attr")
    model, images = Grouped().eval(), make_colour_images()
    module, target = model.get_submodule(layer), torch.arange(6) % 3
    expected = {
        "grad-cam": attr.LayerGradCam(model, module).attribute(images, target),
        "hirescam": attr.LayerGradientXActivation(model, module)
        .attribute(images, target)
        .sum(dim=1, keepdim=True),
    }
    for method, maps in expected.items():
        how = {"method": method, "target": target.numpy()}
        found = extract_activation_maps(model, make_loader(images), layer, **how)
        np.testing.assert_allclose(found, maps[:, 0].detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n_dimensions", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_of_signals_and_volumes(n_dimensions, method):
    model, loader = make_pooled(n_dimensions)
    found = extract_activation_maps(model, loader, "1", method=method)
    assert found.shape == (9, *[5] * n_dimensions)
    assert np.isfinite(found).all() and (np.ptp(found.reshape(9, -1), axis=1) > 0).all()


def test_of_a_pooled_head_without_a_layer():
    """The published class activation map, whose mean is the score but for the bias."""
    model, loader = make_pooled(3)
    maps, scores = extract_activation_maps(
        model, loader, method="hirescam", return_scores=True
    )
    bias = model[-1].bias.detach().numpy()[scores.argmax(axis=1)]
    sums = maps.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sums + bias, scores.max(axis=1), rtol=1e-4)
    contributions = extract_contributions(model, loader)
    np.testing.assert_allclose(contributions.sum(1) / 5**3, maps, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["grad-cam", "score-cam"])
def test_of_a_wanted_class_and_into_a_file(tmp_path, method):
    loader = make_loader(make_colour_images(), batch_size=4)
    model, target = Grouped(), [0, 1, 2, 2, 1, 0]
    how = {"method": method, "layer": "act"}
    path = tmp_path / "maps.npy"
    found = extract_activation_maps(model, loader, target=target, out=path, **how)
    assert isinstance(found, np.memmap)
    for row, column in enumerate(target):
        own = extract_activation_maps(model, loader, target=column, **how)
        np.testing.assert_array_equal(found[row], own[row])
    assert not np.allclose(found, own)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_alone(method):
    model = train_convnet()
    before = state_of(model)
    loader = make_loader(torch.rand(5, 1, 12, 10))
    extract_activation_maps(model, loader, "features.4", method=method)
    assert str(state_of(model)) == str(before)


def test_a_function_may_lay_out_the_tokens():
    loader = make_loader(make_colour_images())
    by_grid = extract_activation_maps(Tokens(), loader, "norm", reshape=(4, 4))
    by_function = extract_activation_maps(
        Tokens(),
        loader,
        "norm",
        reshape=lambda tokens: tokens[:, 1:].mT.unflatten(2, (4, 4)),
    )
    np.testing.assert_array_equal(by_grid, by_function)


@pytest.mark.parametrize("method", METHODS)
def test_tokens_without_a_grid_are_refused(method):
    loader = make_loader(make_colour_images())
    with pytest.raises(ValueError, match=r"^reshape: 'norm' \(LayerNorm\) gives"):
        extract_activation_maps(Tokens(), loader, "norm", method=method)


def test_a_function_may_say_that_channels_come_first():
    loader = make_loader(make_colour_images())
    maps = extract_activation_maps(Tokens(), loader, "norm", reshape=lambda maps: maps)
    assert maps.shape == (6, 8)


class LateTokens(Tokens):
    """With a normalisation behind the last attention, of which the class is read."""

    def __init__(self):
        super().__init__()
        self.last = torch.nn.LayerNorm(8)

    def forward(self, images):
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = self.norm(
            torch.cat([self.token.expand(len(images), -1, -1), patches], 1)
        )
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.head(self.last(tokens + 3 * mixed)[:, 0])


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++", "xgrad-cam", "hirescam"])
def test_maps_that_show_nothing_are_told(method):
    loader = make_loader(make_colour_images(), batch_size=2)
    how = {"reshape": (4, 4), "method": method}
    with pytest.warns(UserWarning, match=r"all maps of 'last' .* are 0") as said:
        maps = extract_activation_maps(LateTokens(), loader, "last", **how)
    assert said[0].filename == __file__ and not maps.any()
    assert extract_activation_maps(LateTokens(), loader, "norm", **how).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "cam"}, "method: found 'cam'; it must be one of 'grad-cam'"),
        ({"side": "auto"}, "side: found 'auto'"),
        ({"reshape": (5, 5)}, r"reshape: the layer gives the shape \(6, 6, 6, 6\)"),
        ({"reshape": "grid"}, "reshape: found 'grid'; pass the grid"),
        ({"reshape": (0, 4)}, r"reshape: found \(0, 4\)"),
        ({"layer": "hidden"}, r"layer: it gives the shape \(6, 5\)"),
        ({"target": [0, 1]}, "target: 2 columns, but the loader has at least 6"),
    ],
)
def test_bad_arguments(options, message):
    loader = make_loader(make_colour_images())
    with pytest.raises(ValueError, match=message):
        extract_activation_maps(Grouped(), loader, **({"layer": "act"} | options))


def test_score_cam_needs_an_image():
    model = torch.nn.Sequential(
        torch.nn.Embedding(9, 6), torch.nn.Conv1d(5, 3, 2), torch.nn.Flatten()
    )
    loader = make_loader(torch.zeros(4, 5, dtype=torch.long))
    with pytest.raises(ValueError, match="'score-cam' masks the input, and batch 0"):
        extract_activation_maps(model, loader, "1", method="score-cam")
