"""Embeddings come back from every format as they were written."""

import re
import resource

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from tests.broken_files import IDS, NAMES, D, N, arrays, npy_bytes, zipped

X = arrays()


def write_csv(file, X, ids=None, **options):
    table = pd.DataFrame(X, columns=NAMES)
    if ids is not None:
        table.insert(2, "sample", ids)
    table.to_csv(file, index=False, **options)


def write_table(file, X, ids=None):
    table = pd.DataFrame(X, columns=NAMES)
    if ids is not None:
        table["sample"] = ids
    getattr(table, f"to_{file.suffix[1:]}")(file)


def write_npy(file, X):
    np.save(file, X)


def write_npz(file, X, ids=None):
    np.savez_compressed(file, embeddings=X, **({} if ids is None else {"sample": ids}))


def write_safetensors(file, X, ids=None):
    from safetensors.numpy import save_file

    parts = {"embeddings": np.ascontiguousarray(X)}
    save_file(parts if ids is None else parts | {"sample": np.arange(N)}, file)


def write_pt(file, X, ids=None):
    torch = pytest.importorskip("torch")

    tensor = torch.from_numpy(X)
    torch.save(tensor if ids is None else {"X": tensor, "sample": list(ids)}, file)


def write_h5ad(file, X, ids=None):
    import h5py
    from anndata.io import write_elem

    obs = pd.DataFrame({"sample": IDS}, index=[f"row {i}" for i in range(N)])
    obs = obs.astype(object).set_axis(obs.index.astype(object), axis=0)
    with h5py.File(file, "w") as content:
        write_elem(content, "obs", obs)
        write_elem(content, "X", X)
        write_elem(content, "obsm/twice", 2 * X)


WRITERS = {
    "X.npy": write_npy,
    "X.npz": write_npz,
    "X.csv": write_csv,
    "X.tsv": lambda file, X, ids=None: write_csv(file, X, ids, sep="\t"),
    "X.parquet": write_table,
    "X.feather": write_table,
    "X.safetensors": write_safetensors,
    "X.pt": write_pt,
    "X.pth": write_pt,
    "X.h5ad": write_h5ad,
}


@pytest.mark.parametrize("name", WRITERS)
def test_round_trip(tmp_path, name):
    WRITERS[name](tmp_path / name, X)
    np.testing.assert_array_equal(load_embeddings(tmp_path / name), X)


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"X.npy", "X.safetensors"}))
def test_round_trip_with_ids(tmp_path, name):
    WRITERS[name](tmp_path / name, X, IDS)
    table = load_embeddings(tmp_path / name, id="sample")
    assert table.index.name == "sample"
    assert table.index.tolist() == IDS
    np.testing.assert_array_equal(table.to_numpy(), X)


def test_ids_of_safetensors_are_numbers(tmp_path):
    write_safetensors(tmp_path / "X.safetensors", X, IDS)
    table = load_embeddings(tmp_path / "X.safetensors", id="sample")
    assert table.index.tolist() == list(range(N))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f4", np.int16])
@pytest.mark.parametrize("name", ["X.npy", "X.npz"])
def test_types_of_numbers(tmp_path, name, dtype):
    WRITERS[name](tmp_path / name, X.astype(dtype))
    read = load_embeddings(tmp_path / name)
    np.testing.assert_array_equal(read, X.astype(dtype))
    # Whole numbers on disk stay what they are until their rows are read.
    assert read.dtype.kind == "f" or name == "X.npy"


def test_fortran_order_and_empty_cells_behind_it(tmp_path):
    np.save(tmp_path / "X.npy", np.asfortranarray(X))
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npy"), X)


def test_key_chooses_an_array(tmp_path):
    np.savez(tmp_path / "X.npz", first=X, second=2 * X, labels=np.arange(N))
    read = load_embeddings(tmp_path / "X.npz", key="second")
    np.testing.assert_array_equal(read, 2 * X)
    expected = r"nothing named 'secnd' \(did you mean 'second'\?\).*'first' \(60, 6\)"
    with pytest.raises(FileError, match=expected):
        load_embeddings(tmp_path / "X.npz", key="secnd")


def test_matrix_beside_vectors_needs_no_key(tmp_path):
    np.savez(tmp_path / "X.npz", labels=np.arange(N), features=X)
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npz"), X)


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


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_the_array_format(tmp_path, version):
    with (tmp_path / "X.npy").open("wb") as stream:
        np.lib.format.write_array(stream, X, version=version)
    read = load_embeddings(tmp_path / "X.npy")
    assert isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, X)


def test_members_that_are_no_arrays_are_ignored(tmp_path):
    members = {"README.txt": b"X: embeddings", "X.npy": npy_bytes(X)}
    (tmp_path / "X.npz").write_bytes(zipped(members))
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npz"), X)
    expected = "nothing named 'README.txt'; it holds 'X' (60, 6): choose with key."
    with pytest.raises(FileError, match=re.escape(expected)):
        load_embeddings(tmp_path / "X.npz", key="README.txt")


def test_objects_are_refused_only_where_they_are_named(tmp_path):
    file = tmp_path / "X.npz"
    np.savez(file, X=X, objects=np.array([[1.5]], dtype=object))
    np.testing.assert_array_equal(load_embeddings(file), X)
    expected = (
        f"{file}: 'objects' holds Python objects, which only unpickling could read and "
        "which are therefore never read; save numbers with np.save('file.npy', "
        "np.asarray(x, dtype='float32')) and text with np.asarray(x, dtype=str)."
    )
    with pytest.raises(FileError, match=f"^{re.escape(expected)}$"):
        load_embeddings(file, key="objects")


def test_tensor_that_repeats_one_number_is_not_unfolded(tmp_path):
    torch = pytest.importorskip("torch")

    torch.save(torch.zeros(1).expand(2**30, 2**20), tmp_path / "X.pt")
    assert (tmp_path / "X.pt").stat().st_size < 10_000
    with pytest.raises(FileError, match="more than this machine has"):
        load_embeddings(tmp_path / "X.pt")


def test_sparse_matrix_and_obsm_of_h5ad(tmp_path):
    import h5py
    from anndata.io import write_elem
    from scipy import sparse

    file = tmp_path / "X.h5ad"
    write_h5ad(file, X)
    with h5py.File(file, "a") as content:
        write_elem(content, "layers/counts", sparse.csr_matrix(X.round()))
    np.testing.assert_array_equal(load_embeddings(file, key="twice"), 2 * X)
    np.testing.assert_array_equal(load_embeddings(file, key="counts"), X.round())
    index = load_embeddings(file, key="twice", id="index").index
    assert index.tolist() == [f"row {i}" for i in range(N)]


def test_sparse_matrix_that_would_not_fit_is_refused(tmp_path):
    import h5py

    file = tmp_path / "X.h5ad"
    write_h5ad(file, X)
    with h5py.File(file, "a") as content:
        del content["X"]
        group = content.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        group.attrs["shape"] = np.array([10**9, 10**9])
        group["data"], group["indices"] = np.ones(1), np.zeros(1, dtype=int)
        group["indptr"] = np.array([0, 1])
    with pytest.raises(FileError, match="'X' would take 8e"):
        load_embeddings(file)


@pytest.mark.parametrize("link", ["external", "virtual"])
def test_h5ad_that_points_into_another_file_is_refused(tmp_path, link):
    import h5py

    write_h5ad(tmp_path / "other.h5ad", X)
    write_h5ad(tmp_path / "X.h5ad", X)
    with h5py.File(tmp_path / "X.h5ad", "a") as content:
        del content["X"]
        if link == "external":
            content["X"] = h5py.ExternalLink("other.h5ad", "/X")
        else:
            layout = h5py.VirtualLayout(shape=(N, D), dtype="f8")
            layout[:] = h5py.VirtualSource("other.h5ad", "X", shape=(N, D))
            content.create_virtual_dataset("X", layout)
    with pytest.raises(FileError, match=r"another file, which is not followed; copy"):
        load_embeddings(tmp_path / "X.h5ad")


def test_text_without_header_as_numpy_writes_it(tmp_path):
    np.savetxt(tmp_path / "X.csv", X, delimiter=",")
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.csv"), X)


def test_header_that_counts_the_columns_is_one(tmp_path):
    pd.DataFrame(X).to_csv(tmp_path / "X.csv", index=False)
    assert len(load_embeddings(tmp_path / "X.csv")) == N


def test_index_that_pandas_wrote_is_no_feature(tmp_path):
    pd.DataFrame(X, columns=NAMES).to_csv(tmp_path / "X.csv")
    with pytest.raises(FileError, match="'Unnamed: 0' looks like ids"):
        load_embeddings(tmp_path / "X.csv")
    table = load_embeddings(tmp_path / "X.csv", id="Unnamed: 0")
    np.testing.assert_array_equal(table.to_numpy(), X)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas(tmp_path, separator):
    write_csv(tmp_path / "X.csv", X, IDS, sep=separator, decimal=",")
    table = load_embeddings(tmp_path / "X.csv", id="sample")
    np.testing.assert_array_equal(table.to_numpy(), X)


def test_labels_with_underscores_are_no_numbers(tmp_path):
    (tmp_path / "X.csv").write_text("a,b\n1,2_000\n")
    with pytest.raises(FileError, match=r"'b' holds '2_000' in line 2"):
        load_embeddings(tmp_path / "X.csv")


def test_missing_values_of_nullable_columns_are_found(tmp_path):
    table = pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": [1.5, 2, 3]})
    table.to_parquet(tmp_path / "X.parquet")
    expected = "1 NaN or infinite value, first in row 1, feature 0"
    with pytest.raises(FileError, match=expected):
        load_embeddings(tmp_path / "X.parquet")


def test_ids_of_a_pandas_index(tmp_path):
    table = pd.DataFrame(X, columns=NAMES, index=pd.Index(IDS, name="sample"))
    table.to_parquet(tmp_path / "X.parquet")
    for name in ("sample", "index"):
        read = load_embeddings(tmp_path / "X.parquet", id=name)
        assert read.index.tolist() == IDS
        np.testing.assert_array_equal(read.to_numpy(), X)


def test_ids_of_another_length_are_refused(tmp_path):
    np.savez(tmp_path / "X.npz", X=X, sample=IDS[:-1])
    with pytest.raises(FileError, match="59 ids in 'sample' for 60 rows"):
        load_embeddings(tmp_path / "X.npz", id="sample")


def test_links_to_files_are_followed(tmp_path):
    np.save(tmp_path / "X.npy", X)
    (tmp_path / "link.npy").symlink_to("X.npy")
    np.testing.assert_array_equal(load_embeddings(tmp_path / "link.npy"), X)


def test_large_array_stays_on_disk(tmp_path):
    file = tmp_path / "X.npy"
    large = np.lib.format.open_memmap(file, "w+", np.float32, (100_000, 1000))
    large[-1, -1] = 3.5
    large.flush()
    del large
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = load_embeddings(file)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert isinstance(read, np.memmap)
    assert read.shape == (100_000, 1000)
    assert read[-1, -1] == 3.5
    # In kilobytes; the whole file has 400 000 of them.
    assert grown < 20_000
