"""What one layer computes, read while the model runs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch import extract_embeddings  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    N_IMAGES,
    N_MAPS,
    make_images,
    make_loader,
    make_mlp,
    make_vectors,
    train_convnet,
)

nn = torch.nn


@pytest.fixture(scope="module")
def convnet():
    return train_convnet()


def test_a_named_layer_gives_its_output_and_a_linear_one_its_input():
    model, rows = make_mlp(), make_vectors()
    loader = make_loader(rows)
    with torch.no_grad():
        hidden = model[0](rows).numpy()
    assert (hidden < 0).any()
    np.testing.assert_allclose(
        extract_embeddings(model, loader, "1"), hidden.clip(0), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(extract_embeddings(model, loader, "0"), rows.numpy())
    outputs = extract_embeddings(model, loader, model[0], side="output")
    np.testing.assert_allclose(outputs, hidden, rtol=1e-5, atol=1e-4)
    before = extract_embeddings(model, loader, "1", side="input")
    np.testing.assert_allclose(before, hidden, rtol=1e-5, atol=1e-4)


def test_an_output_is_kept_as_it_was_before_the_next_layer_overwrote_it():
    model = make_mlp()
    model[1] = nn.ReLU(inplace=True)
    outputs = extract_embeddings(model, make_loader(make_vectors()), "0", side="output")
    assert (outputs < 0).any()


def test_feature_maps_need_a_pool(convnet):
    loader = make_loader(make_images()[0])
    with pytest.raises(ValueError, match=r"shape \(16, 12, 6, 5\).*pool="):
        extract_embeddings(convnet, loader, "features")
    pooled = extract_embeddings(
        convnet, loader, "features", pool=lambda maps: maps.mean((2, 3))
    )
    np.testing.assert_allclose(
        pooled, extract_embeddings(convnet, loader), rtol=1e-4, atol=1e-5
    )


def test_a_single_position_is_no_dimension(convnet):
    loader = make_loader(make_images()[0])
    pooled = extract_embeddings(convnet, loader, "pool")
    assert pooled.shape == (N_IMAGES, N_MAPS)
    np.testing.assert_array_equal(pooled, extract_embeddings(convnet, loader))


def test_a_layer_that_gives_a_tuple_needs_a_pool():
    torch.manual_seed(0)
    model = nn.LSTM(6, 4, batch_first=True)
    rows = make_vectors(n=50).reshape(10, 5, 6)
    with pytest.raises(ValueError, match="is a tuple, not a tensor"):
        extract_embeddings(model, [rows], "")
    last = extract_embeddings(model, [rows], "", pool=lambda output: output[0][:, -1])
    assert last.shape == (10, 4)
