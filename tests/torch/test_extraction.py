"""Embeddings of torch models: the head reads the model's own outputs from them."""

from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca.torch import extract_embeddings, head_from_module  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    N_IMAGES,
    N_MAPS,
    Behind,
    assert_same_outputs,
    make_images,
    make_loader,
    make_mlp,
    make_vectors,
    reference_run,
    train_convnet,
)

nn = torch.nn


@pytest.fixture(scope="module")
def convnet():
    return train_convnet()


def test_head_and_embeddings_give_the_outputs_of_a_network_on_vectors():
    model, rows = make_mlp(), make_vectors()
    embeddings = extract_embeddings(model, make_loader(rows))
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (N_IMAGES, 8)
    outputs = head_from_module(model).outputs(embeddings)
    assert_same_outputs(outputs, reference_run(model, rows))


def test_head_and_embeddings_give_the_outputs_of_a_trained_network(convnet):
    """In training mode the same network gives others: dropout and batch norm."""
    images, labels = make_images()
    expected = reference_run(convnet, images)
    assert (expected.argmax(axis=1) == labels.numpy()).mean() > 0.8
    embeddings, outputs = extract_embeddings(
        convnet, make_loader(images), return_outputs=True
    )
    assert_same_outputs(outputs, expected)
    assert_same_outputs(head_from_module(convnet).outputs(embeddings), expected)
    assert convnet.training
    state = {name: values.clone() for name, values in convnet.state_dict().items()}
    with torch.no_grad():
        in_training = convnet(images).numpy()
    convnet.load_state_dict(state)
    assert np.abs(in_training - expected).max() > 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("batch_size", [1, 7, N_IMAGES, 1000])
def test_size_of_the_batches_is_irrelevant(convnet, batch_size):
    images, _ = make_images()
    embeddings = extract_embeddings(convnet, make_loader(images, batch_size))
    whole = extract_embeddings(convnet, [images])
    np.testing.assert_allclose(embeddings, whole, rtol=1e-4, atol=1e-5)
    assert np.abs(whole).max() > 0.1


def test_a_file_holds_the_same_rows_and_is_mapped(tmp_path):
    model, path = make_mlp(), tmp_path / "embeddings.npy"
    expected = extract_embeddings(model, make_loader(make_vectors()))
    mapped = extract_embeddings(model, make_loader(make_vectors()), out=path)
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, expected)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), expected)
    assert [entry.name for entry in tmp_path.iterdir()] == ["embeddings.npy"]


@pytest.mark.parametrize("in_file", [False, True])
def test_a_generator_of_unknown_length(tmp_path, in_file):
    model, rows = make_mlp(), make_vectors(n=1234)
    out = str(tmp_path / "embeddings.npy") if in_file else None
    embeddings = extract_embeddings(model, (part for part in rows.split(100)), out=out)
    assert_same_outputs(
        head_from_module(model).outputs(embeddings), reference_run(model, rows)
    )


def test_an_error_leaves_no_file_and_keeps_the_one_that_was_there(tmp_path):
    path = tmp_path / "embeddings.npy"
    path.write_bytes(b"before")
    rows = make_vectors()
    with pytest.raises(ValueError, match="batch 1"):
        extract_embeddings(make_mlp(), [rows, rows * float("nan")], out=path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["embeddings.npy"]
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embeddings.csv", "must end in .npy"),
        ("nowhere/embeddings.npy", "folder .*nowhere' does not exist"),
        ("folder.npy", "is a folder"),
    ],
)
def test_a_bad_file_name_is_refused_before_anything_runs(tmp_path, name, message):
    (tmp_path / "folder.npy").mkdir()
    loader = iter([make_vectors()])
    with pytest.raises(ValueError, match=f"^out: .*{message}"):
        extract_embeddings(make_mlp(), loader, out=tmp_path / name)
    assert len(list(loader)) == 1


def test_values_that_are_not_finite_are_named_by_batch_and_row():
    rows = make_vectors(n=40)
    rows[37, 2] = float("inf")
    with pytest.raises(ValueError, match=r"batch 2, row 5 of the batch \(row 37 of"):
        extract_embeddings(make_mlp(), make_loader(rows))


@pytest.mark.parametrize("empty", [[], iter(()), make_loader(make_vectors(n=1))])
def test_a_loader_without_rows(empty):
    if isinstance(empty, torch.utils.data.DataLoader):
        assert extract_embeddings(make_mlp(), empty).shape == (1, 8)
        return
    with pytest.raises(ValueError, match="loader: it gave no rows"):
        extract_embeddings(make_mlp(), empty)


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


def test_tokens_that_are_rows_of_their_own_are_refused():
    model = nn.Sequential(nn.Flatten(0, 1), nn.Linear(6, 8), nn.Unflatten(0, (-1, 5)))
    tokens = make_vectors(n=50).reshape(10, 5, 6)
    with pytest.raises(ValueError, match="gives 50 rows for the 10 of batch 0"):
        extract_embeddings(model, [tokens], "0")


def test_a_layer_that_gives_a_tuple_needs_a_pool():
    torch.manual_seed(0)
    model = nn.LSTM(6, 4, batch_first=True)
    rows = make_vectors(n=50).reshape(10, 5, 6)
    with pytest.raises(ValueError, match="is a tuple, not a tensor"):
        extract_embeddings(model, [rows], "")
    last = extract_embeddings(model, [rows], "", pool=lambda output: output[0][:, -1])
    assert last.shape == (10, 4)


class ByName(nn.Module):
    """Takes keyword arguments only, and gives a dict."""

    def __init__(self):
        super().__init__()
        self.network = make_mlp()

    def forward(self, *, rows, offset):
        return OrderedDict(logits=self.network(rows + offset), unused=None)


def test_dicts_are_passed_as_keyword_arguments():
    model, rows = ByName(), make_vectors()
    batches = [{"rows": part, "offset": 1.0} for part in rows.split(16)]
    embeddings, outputs = extract_embeddings(model, batches, return_outputs=True)
    expected = reference_run(model.network, rows + 1)
    assert_same_outputs(outputs, expected)
    assert_same_outputs(head_from_module(model).outputs(embeddings), expected)


@pytest.mark.parametrize(
    ("pack", "settings"),
    [
        (lambda rows: (rows, torch.zeros(len(rows))), {}),
        (lambda rows: [rows], {}),
        (lambda rows: ("id", rows), {"key": 1}),
        (lambda rows: {"image": rows, "id": "a"}, {"key": "image"}),
        (lambda rows: {"id": [1], "image": rows}, {"prepare": lambda b: b["image"]}),
        (lambda rows: rows.numpy(), {"prepare": torch.from_numpy}),
        (lambda rows: ((rows,), "label"), {}),
        (lambda rows: {"x": rows}, {"prepare": lambda b: {"input": b["x"]}}),
    ],
)
def test_forms_of_a_batch(pack, settings):
    model, rows = make_mlp(), make_vectors()
    batches = [pack(part) for part in rows.split(16)]
    embeddings = extract_embeddings(model, batches, **settings)
    expected = extract_embeddings(model, make_loader(rows))
    np.testing.assert_array_equal(embeddings, expected)


def test_return_outputs_needs_one_tensor():
    model = Behind(make_mlp(), lambda logits: (logits, logits.softmax(dim=1)))
    loader = make_loader(make_vectors())
    assert extract_embeddings(model, loader).shape == (N_IMAGES, 8)
    with pytest.raises(ValueError, match="return_outputs: the model returns 2 tensors"):
        extract_embeddings(model, loader, return_outputs=True)


def test_double_precision_is_returned_as_single():
    model, rows = make_mlp().double(), make_vectors().double()
    embeddings = extract_embeddings(model, make_loader(rows))
    assert embeddings.dtype == np.float32
    assert_same_outputs(
        head_from_module(model).outputs(embeddings), reference_run(model, rows)
    )


def test_inputs_of_several_sizes_cannot_be_stacked():
    """The number of features of a named layer follows the size of the images."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
    batches = [torch.rand(4, 1, 5, 5), torch.rand(4, 1, 6, 5)]
    with pytest.raises(ValueError, match=r"batch 1 have the shape \(24,\)"):
        extract_embeddings(model, batches, "1")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"side": "both"}, "side: found 'both'"),
        ({"prepare": len, "key": 0}, "prepare and key"),
    ],
)
def test_arguments_that_cannot_be_used(settings, message):
    with pytest.raises(ValueError, match=message):
        extract_embeddings(make_mlp(), make_loader(make_vectors()), **settings)
