"""Tables of Arrow: what is damaged or too large, however it says otherwise."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings, load_metadata

pyarrow = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
parquet = pytest.importorskip("pyarrow.parquet")

RNG = np.random.default_rng(0)
N = 200


def text_column(offsets, content):
    """Text whose offsets are as they are given."""
    buffers = [
        None,
        pyarrow.py_buffer(np.array(offsets, "i4")),
        pyarrow.py_buffer(content),
    ]
    return pyarrow.Array.from_buffers(pyarrow.string(), len(offsets) - 1, buffers)


def dictionary_column(codes, levels):
    indices = pyarrow.array(codes, pyarrow.int8())
    return pyarrow.DictionaryArray.from_arrays(indices, levels, safe=False)


DAMAGED = {
    "offset beyond the text": text_column([0, 2**30, 6], b"abcdef"),
    "falling offsets": text_column([0, 5, 2], b"abcdef"),
    "text that is not UTF-8": text_column([0, 1, 2], b"\xff\xfe"),
    "code beyond the levels": dictionary_column([0, 99], ["a", "b"]),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("compression", ["uncompressed", "zstd"])
def test_damaged_columns_of_feather_are_refused(name, compression, tmp_path):
    table = pyarrow.table({"n": [1, 2], "damaged": DAMAGED[name]})
    feather.write_feather(table, tmp_path / "y.feather", compression)
    with pytest.raises(FileError, match="cannot be read as feather file") as caught:
        load_metadata(tmp_path / "y.feather")
    assert str(caught.value).isprintable()


def test_text_of_parquet_that_is_not_utf_8_is_refused(tmp_path):
    table = pyarrow.table({"n": [1, 2], "site": DAMAGED["text that is not UTF-8"]})
    parquet.write_table(table, tmp_path / "y.parquet")
    with pytest.raises(FileError, match="Invalid UTF8 sequence"):
        load_metadata(tmp_path / "y.parquet")


def zeros(tmp_path):
    feather.write_feather(
        pd.DataFrame({"x": np.zeros(2**23)}), tmp_path / "X.feather", "zstd"
    )
    return tmp_path / "X.feather"


def one_long_list(tmp_path):
    flat = pyarrow.array(np.zeros(2**23))
    table = pyarrow.table({"x": pyarrow.ListArray.from_arrays([0, 2**23], flat)})
    parquet.write_table(table, tmp_path / "X.parquet", compression="zstd")
    return tmp_path / "X.parquet"


def one_long_text(tmp_path):
    table = pyarrow.table({"x": ["a" * 2**20] * 100})
    parquet.write_table(table, tmp_path / "X.parquet", compression="zstd")
    return tmp_path / "X.parquet"


@pytest.mark.parametrize("write", [zeros, one_long_list, one_long_text])
def test_small_files_that_grow_are_refused_and_can_be_allowed(write, tmp_path):
    file = write(tmp_path)
    assert file.stat().st_size < 100_000
    with pytest.raises(FileError, match=r"would grow from .*kB|bytes .*max_size"):
        load_metadata(file)
    with pytest.raises(FileError, match=r"would take .* and the limit is 50 MB; "):
        load_metadata(file, max_size="50MB")
    assert len(load_metadata(file, max_size="1GB"))


def aliased_text(n, length):
    """Texts that all are the same bytes of the file."""
    views = np.zeros((n, 4), "i4")
    views[:, 0] = length
    views[:, 1] = np.frombuffer(b"xxxx", "i4")
    views[n // 2] = [2, np.frombuffer(b"ab\0\0", "i4")[0], 0, 0]
    parts = [None, pyarrow.py_buffer(views.tobytes()), pyarrow.py_buffer(b"x" * length)]
    return pyarrow.Array.from_buffers(pyarrow.string_view(), n, parts)


@pytest.mark.skipif(not hasattr(pyarrow, "string_view"), reason="views are newer")
def test_views_count_what_they_show(tmp_path):
    file = tmp_path / "y.feather"
    feather.write_feather(pyarrow.table({"x": aliased_text(20, 30)}), file)
    assert (
        load_metadata(file)["x"].tolist() == ["x" * 30] * 10 + ["ab"] + ["x" * 30] * 9
    )
    feather.write_feather(pyarrow.table({"x": aliased_text(2000, 10**6)}), file)
    with pytest.raises(FileError, match=r"would grow from .* to 2 GB"):
        load_metadata(file)


def test_missing_values_count(tmp_path):
    file = tmp_path / "y.feather"
    feather.write_feather(pyarrow.table({"x": pyarrow.nulls(10**9)}), file)
    with pytest.raises(FileError, match=r"would grow from .* to .* once unpacked"):
        load_metadata(file)


REPEATING = {
    "run-ends": lambda: pyarrow.RunEndEncodedArray.from_arrays(
        pyarrow.array([2**31 - 1], pyarrow.int32()), ["a"]
    ),
    "within a list": lambda: pyarrow.array(
        [["a"]], pyarrow.list_(pyarrow.string_view())
    ),
    "list of views": lambda: pyarrow.array([[1]], pyarrow.list_view(pyarrow.int64())),
}


@pytest.mark.parametrize("name", REPEATING)
def test_types_that_repeat_are_refused(name, tmp_path):
    if not hasattr(pyarrow, "string_view"):
        pytest.skip("types are newer")
    feather.write_feather(
        pyarrow.table({"x": REPEATING[name]()}), tmp_path / "y.feather"
    )
    with pytest.raises(FileError, match=r"column 'x' has the type .*; write plain num"):
        load_metadata(tmp_path / "y.feather")


def test_stream_of_arrow_is_named(tmp_path):
    table = pyarrow.table({"x": [1.5, 2.5]})
    with pyarrow.ipc.new_stream(tmp_path / "y.feather", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(FileError, match="is a stream of Arrow and no feather file"):
        load_metadata(tmp_path / "y.feather")


@pytest.mark.parametrize("suffix", ["feather", "parquet"])
def test_tables_of_several_batches_come_over_whole(suffix, tmp_path):
    y = pd.DataFrame(
        {
            "age": RNG.normal(60, 9, 150_000),
            "n": RNG.integers(0, 2**53, 150_000),
            "site": pd.Categorical(RNG.choice(["north", "south"], 150_000)),
            "name": [f"\u00d8 {i % 100}" for i in range(150_000)],
        }
    )
    file = tmp_path / f"y.{suffix}"
    getattr(y, f"to_{suffix}")(file)
    read = load_metadata(file)
    for name in y:
        assert read[name].tolist() == y[name].tolist(), name


def test_embeddings_keep_their_precision(tmp_path):
    X = pd.DataFrame(RNG.normal(5, 3, (N, 3)).astype("f4"), columns=["a", "b", "c"])
    X.to_parquet(tmp_path / "X.parquet", row_group_size=7)
    read = load_embeddings(tmp_path / "X.parquet")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, X)


# Writing it is deprecated; such files are still around.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_feather_of_the_first_version(tmp_path):
    y = pd.DataFrame(
        {"age": RNG.normal(60, 9, N), "site": ["north", "south"] * (N // 2)}
    )
    feather.write_feather(y, tmp_path / "y.feather", version=1)
    read = load_metadata(tmp_path / "y.feather")
    assert read["site"].tolist() == y["site"].tolist()
    np.testing.assert_array_equal(read["age"], y["age"])
