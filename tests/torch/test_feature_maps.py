"""Feature maps: the mean over positions is the embedding."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch import extract_embeddings, extract_feature_maps  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    N_IMAGES,
    N_MAPS,
    Functional,
    make_images,
    make_loader,
    make_pooled,
    train_convnet,
)

nn, functional = torch.nn, torch.nn.functional


@pytest.fixture(scope="module")
def loader():
    return make_loader(make_images()[0])


def assert_means_are_embeddings(model, loader):
    maps = extract_feature_maps(model, loader)
    embeddings = extract_embeddings(model, loader)
    assert maps[0, 0].size > 1
    assert maps.std(axis=tuple(range(2, maps.ndim))).max() > 1e-3
    means = maps.mean(axis=tuple(range(2, maps.ndim)))
    tolerance = 1e-5 * np.abs(embeddings).max()
    np.testing.assert_allclose(means, embeddings, rtol=0, atol=tolerance)
    return maps


def test_maps_of_a_trained_network(loader):
    """Behind batch norm and activation, which works in place."""
    model = train_convnet()
    maps = assert_means_are_embeddings(model, loader)
    assert maps.shape == (N_IMAGES, N_MAPS, 6, 5)
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps, extract_feature_maps(model, loader, "features"))
    np.testing.assert_array_equal(
        maps, extract_feature_maps(model, loader, "pool", side="input")
    )


def test_maps_of_a_named_layer_are_those_before_the_activation(loader):
    model = train_convnet()
    before = extract_feature_maps(model, loader, "features.5")
    maps = extract_feature_maps(model, loader)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(before / (1 + np.exp(-before)), maps, atol=1e-4)
    assert np.abs(before - maps).max() > 0.1


def test_an_activation_that_overwrites_the_maps(loader):
    """As in DenseNet: no module gives the maps that are pooled."""
    model = Functional(functional.relu_)
    maps = assert_means_are_embeddings(model, loader)
    assert maps.min() == 0
    assert extract_feature_maps(model, loader, "second").min() < 0


@pytest.mark.parametrize(
    "model",
    [
        Functional(functional.relu),
        Functional(lambda maps: maps, lambda maps: maps.amax(dim=(2, 3))),
    ],
)
def test_other_ways_have_to_be_named(loader, model):
    names = r"no layer gives feature maps.*'first' \(Conv2d\), 'second' \(Conv2d\)"
    with pytest.raises(ValueError, match=names):
        extract_feature_maps(model, loader)
    assert extract_feature_maps(model, loader, "second").shape == (N_IMAGES, 6, 8, 6)


def test_a_residual_network_that_shares_its_activation(loader):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.stem, self.conv = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 6, 3, padding=1)
            self.relu, self.pool = nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
            self.head = nn.Linear(6, 3)

        def forward(self, images):
            maps = self.relu(self.stem(images / 50 - 0.5))
            change = self.conv(maps)
            change += maps
            return self.head(self.pool(self.relu(change)).flatten(1))

    assert assert_means_are_embeddings(Residual(), loader).min() == 0


@pytest.mark.parametrize("n_dimensions", [1, 3])
def test_signals_and_volumes(n_dimensions):
    maps = assert_means_are_embeddings(*make_pooled(n_dimensions))
    assert maps.shape == (9, 5, *[5] * n_dimensions)


def test_maps_with_one_position_only():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.Flatten(), nn.Linear(5, 2))
    assert extract_feature_maps(model, [torch.rand(9, 1, 3, 3)]).shape == (9, 5, 1, 1)


def test_a_layer_without_positions(loader):
    with pytest.raises(ValueError, match=r"shape \(16, 12\) in batch 0, not feature"):
        extract_feature_maps(train_convnet(), loader, "dropout")


def test_the_side_has_no_automatic_choice(loader):
    with pytest.raises(ValueError, match=r"side: found 'auto'; .*'input', 'output'"):
        extract_feature_maps(train_convnet(), loader, side="auto")
