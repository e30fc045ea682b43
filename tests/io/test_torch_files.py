"""Tensors of torch and safetensors."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from tests.broken_files import arrays

X = arrays()


def test_nested_checkpoint_by_its_dotted_name(tmp_path):
    torch = pytest.importorskip("torch")

    content = {"epoch": 3, "train": {"X": torch.from_numpy(X)}, "test": torch.eye(2)}
    torch.save(content, tmp_path / "X.pt")
    read = load_embeddings(tmp_path / "X.pt", key="train.X")
    np.testing.assert_array_equal(read, X)


@pytest.mark.parametrize("name", ["X.pt", "X.safetensors"])
def test_half_precision_of_torch(tmp_path, name):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    tensor = torch.from_numpy(X).to(torch.bfloat16)
    if name == "X.pt":
        torch.save(tensor, tmp_path / name)
    else:
        save_file({"X": tensor}, tmp_path / name)
    read = load_embeddings(tmp_path / name)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, tensor.float().numpy())


def test_tensor_that_repeats_one_number_is_not_unfolded(tmp_path):
    torch = pytest.importorskip("torch")

    torch.save(torch.zeros(1).expand(2**30, 2**20), tmp_path / "X.pt")
    assert (tmp_path / "X.pt").stat().st_size < 10_000
    with pytest.raises(FileError, match="would take 4.5 PB.*the limit is"):
        load_embeddings(tmp_path / "X.pt")
