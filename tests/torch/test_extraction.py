"""Embeddings of torch models: the head reads the model's own outputs from them."""

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from sklearn_wsca import WeightSpaceCorrelation  # noqa: E402
from sklearn_wsca.torch import extract_embeddings, head_from_module  # noqa: E402
from tests.torch_networks import (  # noqa: E402
    N_IMAGES,
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

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


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


@pytest.mark.parametrize("device", DEVICES)
def test_tensors_stay_where_the_model_runs(convnet, device):
    images, labels = make_images()
    loader = make_loader(images)
    arrays = extract_embeddings(convnet, loader, return_outputs=True, device=device)
    tensors = extract_embeddings(
        convnet, loader, return_outputs=True, device=device, as_tensor=True
    )
    for tensor, array in zip(tensors, arrays, strict=True):
        assert tensor.device.type == device and tensor.dtype == torch.float32
        assert not tensor.is_inference()
        np.testing.assert_array_equal(tensor.cpu().numpy(), array)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": labels.numpy(), "site": rng.integers(0, 2, len(labels))})
    fits = [
        WeightSpaceCorrelation(target="y", n_permutations=19, random_state=0).fit(
            found[0], table.astype(str)
        )
        for found in (tensors, arrays)
    ]
    pvalues = [fit.summary_.filter(like="pvalue").to_numpy(float) for fit in fits]
    assert np.isfinite(pvalues[0]).any()
    np.testing.assert_array_equal(*pvalues)


def test_a_tensor_is_no_file(tmp_path):
    loader = iter([make_vectors()])
    with pytest.raises(ValueError, match=r"^as_tensor and out: .* pass one of them"):
        extract_embeddings(
            make_mlp(), loader, out=tmp_path / "embeddings.npy", as_tensor=True
        )
    assert len(list(loader)) == 1 and list(tmp_path.iterdir()) == []


def test_tensors_that_are_not_finite_are_named_by_batch_and_row():
    rows = make_vectors(n=40)
    rows[37, 2] = float("nan")
    with pytest.raises(ValueError, match=r"batch 2, row 5 of the batch \(row 37 of"):
        extract_embeddings(make_mlp(), make_loader(rows), as_tensor=True)


@pytest.mark.parametrize("empty", [[], iter(())])
def test_a_loader_without_rows(empty):
    with pytest.raises(ValueError, match="loader: it gave no rows"):
        extract_embeddings(make_mlp(), empty)


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
