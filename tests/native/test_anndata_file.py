"""Elements of h5ad files: read as anndata reads them, or refused for what is wrong."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_wsca.io import FileError, load_embeddings, load_metadata
from tests.native.h5ad_files import SPARSE, N, annotation, write_h5ad

h5py = pytest.importorskip("h5py")
anndata_io = pytest.importorskip("anndata.io")


@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_sparse_matrices_become_dense(kind, tmp_path):
    read = load_embeddings(write_h5ad(tmp_path / "X.h5ad", kind))
    np.testing.assert_array_equal(read, SPARSE)
    assert read.dtype == SPARSE.dtype


def test_annotation_is_what_anndata_reads(tmp_path):
    file = write_h5ad(tmp_path / "y.h5ad")
    read = load_metadata(file, id="index")
    with h5py.File(file) as content:
        expected = anndata_io.read_elem(content["obs"])
    assert read.index.tolist() == expected.index.tolist()
    assert list(read) == list(annotation())
    for name in read:
        assert read[name].isna().tolist() == expected[name].isna().tolist(), name
        assert read[name].dropna().tolist() == expected[name].dropna().tolist(), name
    assert read["stage"].cat.ordered and not read["site"].cat.ordered


def replace(content, name, values):
    attributes = dict(content[name].attrs)
    del content[name]
    content[name] = values
    content[name].attrs.update(attributes)


def change_one(name, place, value):
    def change(content):
        values = content[name][()]
        values[place] = value
        replace(content, name, values)

    return change


def shape(*sizes):
    return lambda content: content["X"].attrs.__setitem__("shape", np.array(sizes))


def shorten(name):
    return lambda content: replace(content, name, content[name][:-1])


def without_var(content):
    del content["var"]
    shape(N, 8)(content)


def twice(content):
    indices = content["X/indices"][()]
    starts = content["X/indptr"][()]
    row = np.flatnonzero(np.diff(starts) > 1)[0]
    indices[starts[row] + 1] = indices[starts[row]]
    replace(content, "X/indices", indices)


MATRICES = {
    "index far out of range": (
        change_one("X/indices", 3, 2**31 - 1),
        "2147483647, bey",
    ),
    "negative index": (change_one("X/indices", 3, -1), "indices hold -1, beyond"),
    "index twice": (twice, "gives a value of the matrix twice"),
    "falling indptr": (change_one("X/indptr", 5, 0), "its indptr falls"),
    "start behind 0": (change_one("X/indptr", 0, 1), "goes from 1 to"),
    "end beyond the values": (change_one("X/indptr", -1, 10**6), "to 1000000 instead"),
    "short indptr": (shorten("X/indptr"), "its indptr has 60 numbers instead of 61"),
    "short values": (shorten("X/data"), "values and"),
    "short indices": (shorten("X/indices"), "values and"),
    "more rows": (shape(N + 1, 6), "and its obs has 60 rows"),
    "more columns": (shape(N, 8), "and its var has 6 rows"),
    "fewer columns": (shape(N, 5), "and its var has 6 rows"),
    "more columns, and no var": (without_var, "the last columns of its shape"),
    "15 GB": (shape(N, 32_000_000), "and its var has 6 rows"),
    "indices that are no integers": (
        lambda content: replace(content, "X/indices", content["X/indices"][()] * 1.0),
        "'X/indices' holds no whole numbers",
    ),
    "indices of two dimensions": (
        lambda content: replace(content, "X/indices", content["X/indices"][()][None]),
        "'X/indices' has the shape",
    ),
    "index beyond 63 bits": (
        lambda content: replace(
            content,
            "X/indices",
            content["X/indices"][()].astype("u8") + np.uint64(2**63),
        ),
        "which is out of range",
    ),
}


@pytest.mark.parametrize("name", MATRICES)
def test_sparse_matrices_that_lie_are_refused(name, tmp_path):
    change, message = MATRICES[name]
    file = write_h5ad(tmp_path / "X.h5ad", "csr")
    with h5py.File(file, "a") as content:
        change(content)
    with pytest.raises(FileError, match=message):
        load_embeddings(file)


@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_last_columns_of_obsm_may_be_empty(kind, tmp_path):
    """No annotation says how many columns it has."""
    file = write_h5ad(tmp_path / "X.h5ad")
    matrix = np.hstack([SPARSE, np.zeros((N, 4))])
    made = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix}[kind](matrix)
    with h5py.File(file, "a") as content:
        anndata_io.write_elem(content, "obsm/Z", made)
    np.testing.assert_array_equal(load_embeddings(file, key="Z"), matrix)


def rename_column(content):
    content["obs"].attrs["column-order"] = ["age", "nothing"]


TABLES = {
    "code beyond the levels": (
        change_one("obs/site/codes", 3, 100),
        "column 'site' of its obs has the code 100 for 2 levels",
    ),
    "code below -1": (change_one("obs/site/codes", 3, -2), "has the code -2"),
    "level twice": (
        change_one("obs/stage/categories", 0, 2),
        "column 'stage' of its obs has a level twice",
    ),
    "short column": (shorten("obs/age"), "60 rows, and 59 in the column 'age'"),
    "short codes": (shorten("obs/site/codes"), "60 rows, and 59 in the column 'site'"),
    "short mask": (shorten("obs/visits/mask"), "mask of its 'obs/visits' does not fit"),
    "mask of numbers": (
        lambda content: replace(content, "obs/visits/mask", np.arange(N)),
        "mask of its 'obs/visits' does not fit",
    ),
    "no such column": (rename_column, "'obs' lacks the column 'nothing'"),
    "column of two dimensions": (
        lambda content: replace(content, "obs/age", np.zeros((N, 2))),
        "'obs/age' has the shape",
    ),
    "no levels": (
        lambda content: content["obs/site"].__delitem__("categories"),
        "column 'site' of its obs has the form 'categorical', which is not read",
    ),
    "unknown form": (
        lambda content: content["obs/site"].attrs.__setitem__("encoding-type", "odd"),
        "column 'site' of its obs has the form 'odd', which is not read",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_annotation_that_does_not_fit_together_is_refused(name, tmp_path):
    change, message = TABLES[name]
    file = write_h5ad(tmp_path / "y.h5ad")
    with h5py.File(file, "a") as content:
        change(content)
    with pytest.raises(FileError, match=message):
        load_metadata(file)


def test_levels_of_anndata_0_7(tmp_path):
    file = write_h5ad(tmp_path / "y.h5ad")
    expected = load_metadata(file)["site"].tolist()
    with h5py.File(file, "a") as content:
        codes, levels = (content[f"obs/site/{p}"][()] for p in ("codes", "categories"))
        del content["obs/site"]
        content["obs/__categories/site"] = levels
        content["obs/site"] = codes
        reference = content["obs/__categories/site"].ref
        content["obs/site"].attrs["categories"] = reference
    assert load_metadata(file)["site"].tolist() == expected


def test_matrix_with_other_rows_than_the_annotation_is_refused(tmp_path):
    file = write_h5ad(tmp_path / "X.h5ad")
    with h5py.File(file, "a") as content:
        replace(content, "X", np.ones((N + 1, 6)))
    with pytest.raises(FileError, match=r"shape \(61, 6\), and its obs has 60 rows"):
        load_embeddings(file)
