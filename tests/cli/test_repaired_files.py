"""Repaired heads and embeddings are read like the files that they come from."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head, MetadataEraser
from sklearn_wsca._cli._inputs import AuditRows
from sklearn_wsca._cli._repaired_files import embeddings_content, head_bytes
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.io import load_embeddings, load_head

STUDY = make_shortcut(60, 6, random_state=0)


def eraser_of(X):
    table = STUDY.metadata.set_index(X.index) if hasattr(X, "index") else STUDY.metadata
    return MetadataEraser(["scanner"], target="target").fit(X, table)


ERASER = eraser_of(STUDY.data)
IDS = pd.Index([f"{i:03d}" for i in range(60)], name="file")


def written(folder, X, suffix):
    """What is read from the file that is written."""
    files = {"X": Path(f"x{suffix}"), "y": Path("y.csv")}
    rows = AuditRows(X, STUDY.metadata, files)
    name, content = embeddings_content(eraser_of(X), rows)
    path = folder / name
    if callable(content):
        with path.open("wb") as file:
            content(file)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_become_npy(tmp_path, suffix, dtype):
    X = STUDY.data.astype(dtype)
    path = written(tmp_path, X, suffix)
    assert path.name == "repaired_embeddings.npy"
    found = load_embeddings(path)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, ERASER.transform(X), rtol=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".feather", ".npz"])
@pytest.mark.parametrize("ids", [True, False])
def test_tables_keep_their_format_ids_and_names(tmp_path, suffix, ids):
    if suffix in (".parquet", ".feather"):
        pytest.importorskip("pyarrow")
    frame = pd.DataFrame(STUDY.data, columns=[f"f{i}" for i in range(6)])
    frame = frame.set_index(IDS) if ids else frame
    path = written(tmp_path, frame, suffix)
    assert path.suffix == suffix
    found = load_embeddings(path, id="file" if ids else None, feature_names=True)
    np.testing.assert_allclose(np.asarray(found), ERASER.transform(STUDY.data))
    if ids:
        assert found.index.tolist() == IDS.tolist()
    if suffix != ".npz":
        assert found.columns.tolist() == frame.columns.tolist()


@pytest.mark.parametrize(
    "head",
    [
        Head(np.eye(2, 6), np.array([1.0, -2.0]), ["ill", "well"]),
        Head(np.ones((1, 6)), np.array([3.0]), ["no", "yes"]),
        Head(np.eye(3, 6), np.zeros(3), [1, 2, 4]),
    ],
)
def test_heads(tmp_path, head):
    (tmp_path / "head.npz").write_bytes(head_bytes(head))
    found = load_head(tmp_path / "head.npz", n_features=6)
    np.testing.assert_array_equal(found.coef, head.coef)
    np.testing.assert_array_equal(found.intercept, head.intercept)
    assert found.classes == head.classes
    assert head_bytes(head) == head_bytes(head)
    with np.load(BytesIO(head_bytes(head)), allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["bias", "classes", "weight"]
