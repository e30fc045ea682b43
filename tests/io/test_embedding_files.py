"""Embeddings come back from every format as they were written."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from tests.broken_files import IDS, NAMES, N, arrays

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


def test_missing_values_of_nullable_columns_are_found(tmp_path):
    table = pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": [1.5, 2, 3]})
    table.to_parquet(tmp_path / "X.parquet")
    expected = "1 NaN or infinite value, first in row 1, feature 0"
    with pytest.raises(FileError, match=expected):
        load_embeddings(tmp_path / "X.parquet")


def test_links_to_files_are_followed(tmp_path):
    np.save(tmp_path / "X.npy", X)
    (tmp_path / "link.npy").symlink_to("X.npy")
    np.testing.assert_array_equal(load_embeddings(tmp_path / "link.npy"), X)


@pytest.mark.parametrize("name", ["X.csv", "X.tsv", "X.parquet", "X.feather"])
def test_names_of_features(tmp_path, name):
    X = np.array([[1.5, -20.0], [2.25, 30.0], [0.5, 7.0]])
    frame = pd.DataFrame(X, columns=["age", "f1"])
    file = tmp_path / name
    if name.endswith("sv"):
        frame.to_csv(file, index=False, sep="," if name.endswith("csv") else "\t")
    else:
        pytest.importorskip("pyarrow")
        getattr(frame, f"to_{file.suffix[1:]}")(file)
    found = load_embeddings(file, feature_names=True)
    pd.testing.assert_frame_equal(found, frame)
    np.testing.assert_array_equal(load_embeddings(file), X)
    assert isinstance(load_embeddings(file), np.ndarray)


@pytest.mark.parametrize("text", ["0,1\n1.5,2\n", "1.5,2\n3,4.5\n"])
def test_numbers_of_features_are_no_names(tmp_path, text):
    (tmp_path / "X.csv").write_text(text)
    found = load_embeddings(tmp_path / "X.csv", feature_names=True)
    assert isinstance(found, np.ndarray)


SCORES = X[:, 0].astype(float)


def test_a_score_of_each_row_is_a_column_where_scores_may_be(tmp_path):
    files = [tmp_path / name for name in ("a.npy", "a.npz", "ids.npz", "both.npz")]
    np.save(files[0], SCORES)
    np.savez(files[1], logits=SCORES)
    np.savez(files[2], logits=SCORES, sample=IDS)
    np.savez(files[3], logits=X, label=SCORES)
    for file in files[:2]:
        np.testing.assert_array_equal(
            load_embeddings(file, scores=True), SCORES[:, None]
        )
        with pytest.raises(FileError, match=r"shape .* save a 2-D array"):
            load_embeddings(file)
    found = load_embeddings(files[2], id="sample", scores=True)
    assert found.shape == (N, 1)
    assert found.index.tolist() == list(IDS)
    # A matrix is meant where there is one.
    np.testing.assert_array_equal(load_embeddings(files[3], scores=True), X)


def test_scores_of_an_npy_file_stay_on_disk(tmp_path):
    np.save(tmp_path / "a.npy", SCORES)
    found = load_embeddings(tmp_path / "a.npy", scores=True)
    assert isinstance(found, np.memmap)
    assert found.source is not None
