"""Torch files: read right without torch, and refused where they are not whole."""

import sys
import zipfile

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


@pytest.mark.parametrize(
    ("pack", "key"),
    [
        (lambda X: [X], None),
        (lambda X: (X, X[:, 0]), None),
        (lambda X: {"of layers": [X[:, :2], X]}, "of layers.1"),
    ],
)
def test_tensors_in_a_list_have_their_place_for_a_name(tmp_path, pack, key):
    torch = pytest.importorskip("torch")
    torch.save(pack(torch.from_numpy(X)), tmp_path / "X.pt")
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.pt", key=key), X)


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

    for shape, found in [
        ((2**30, 2**20), r"would take 4\.5 PB.*the limit is"),
        ((2**13, 2**13), r"would grow from 4 bytes to 268 MB"),
    ]:
        torch.save(torch.zeros(1).expand(shape), tmp_path / "X.pt")
        assert (tmp_path / "X.pt").stat().st_size < 10_000
        with pytest.raises(FileError, match=found):
            load_embeddings(tmp_path / "X.pt")


def rewritten(file, change, compression=zipfile.ZIP_STORED):
    """Write a zip archive again, with each of its members changed."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members = change(members) or members
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.fixture
def saved(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"X": torch.from_numpy(X)}, tmp_path / "X.pt")
    return tmp_path / "X.pt"


def test_archive_that_was_compressed_again_is_unpacked(saved):
    rewritten(saved, lambda members: None, zipfile.ZIP_DEFLATED)
    np.testing.assert_array_equal(load_embeddings(saved), X)


def test_changed_number_is_found_by_the_checksum(saved):
    content = bytearray(saved.read_bytes())
    content[content.index(X.tobytes()) + 100] ^= 1
    saved.write_bytes(content)
    with pytest.raises(FileError, match=r"Bad CRC-32.*damaged or cut off"):
        load_embeddings(saved)


@pytest.mark.parametrize("change", ["shorter", "longer", "gone"])
def test_record_of_another_size_is_refused(saved, change):
    def apply(members):
        name = next(name for name in members if name.endswith("data/0"))
        content = members.pop(name)
        if change != "gone":
            members[name] = content[:-8] if change == "shorter" else content + bytes(8)

    rewritten(saved, apply)
    with pytest.raises(FileError, match=r"needs 2880 bytes in the record 'data/0'"):
        load_embeddings(saved)


def test_big_endian_records(saved):
    def swap(members):
        for name, content in members.items():
            if name.endswith("byteorder"):
                members[name] = b"big"
            if name.endswith("data/0"):
                members[name] = np.frombuffer(content).byteswap().tobytes()

    rewritten(saved, swap)
    np.testing.assert_array_equal(load_embeddings(saved), X)


def test_torch_is_not_needed_or_run(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    np.testing.assert_array_equal(load_embeddings(saved), X)


def test_nested_names_that_are_the_same_with_dots(tmp_path):
    torch = pytest.importorskip("torch")
    content = {"a.b": torch.from_numpy(X), "a": {"b": torch.from_numpy(X[::-1].copy())}}
    torch.save(content, tmp_path / "X.pt")
    with pytest.raises(FileError, match=r"two arrays that are both named 'a\.b'"):
        load_embeddings(tmp_path / "X.pt")


def test_dicts_within_each_other_end(tmp_path):
    torch = pytest.importorskip("torch")
    content = {"X": torch.zeros(1)}
    for _ in range(7):
        content = {str(i): content for i in range(30)}
    torch.save(content, tmp_path / "X.pt")
    with pytest.raises(FileError, match="more than 20000 arrays"):
        load_embeddings(tmp_path / "X.pt")


OTHERS = {
    "nested": lambda torch: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "sparse": lambda torch: torch.eye(4).to_sparse(),
    "meta": lambda torch: torch.ones(4, 3, device="meta"),
    "negative or conjugate": lambda torch: torch.ones(3, 2, dtype=torch.cfloat).conj(),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("what", OTHERS)
def test_tensors_without_an_array_of_numbers_are_named(tmp_path, what):
    torch = pytest.importorskip("torch")
    torch.save(OTHERS[what](torch), tmp_path / "X.pt")
    with pytest.raises(FileError, match=f"'tensor' is (a|the) .*{what}.*; save"):
        load_embeddings(tmp_path / "X.pt")


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_quantised_tensors_are_what_they_stand_for(tmp_path, axis):
    torch = pytest.importorskip("torch")
    values = torch.from_numpy(X[:5]).float()
    if axis is None:
        codes = torch.quantize_per_tensor(values, 0.25, 3, torch.quint8)
    else:
        n = values.shape[axis]
        steps, zeros = torch.linspace(0.1, 1, n), torch.arange(n)
        codes = torch.quantize_per_channel(values, steps, zeros, axis, torch.qint8)
    torch.save(codes, tmp_path / "X.pt")
    found = load_embeddings(tmp_path / "X.pt")
    np.testing.assert_allclose(found, codes.dequantize().numpy(), rtol=1e-6)
