"""Rows that are collected, in memory or in a file."""

import numpy as np
import pytest

pytest.importorskip("torch")

from sklearn_wsca._backend.memory import MemoryShortageError
from sklearn_wsca.torch._sinks import RowSink, open_sink


def blocks():
    """Batches of unequal size, of numbers of unequal scale."""
    rng = np.random.default_rng(0)
    return [rng.normal(3.0, [1.0, 40.0], (n, 2)).astype(np.float32) for n in (3, 1, 4)]


@pytest.mark.parametrize("in_file", [False, True])
def test_rows_come_in_the_order_of_their_batches(in_file, tmp_path):
    with open_sink(tmp_path / "rows.npy" if in_file else None, "embeddings") as sink:
        for number, block in enumerate(blocks()):
            sink.append(block, number)
        found = sink.finish()
    assert isinstance(found, np.memmap) == in_file
    np.testing.assert_array_equal(found, np.concatenate(blocks()))


@pytest.mark.parametrize("in_file", [False, True])
def test_a_batch_of_another_width_is_named(in_file, tmp_path):
    out = tmp_path / "rows.npy" if in_file else None
    message = r"batch 1 have the shape \(3,\)"
    with pytest.raises(ValueError, match=message), open_sink(out, "rows") as sink:
        sink.append(blocks()[0], 0)
        sink.append(np.ones((2, 3), np.float32), 1)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_need_not_be_finite():
    sink = RowSink("embeddings", must_be_finite=False)
    sink.append(np.array([[np.nan, 1.0]], np.float32), 0)
    assert np.isnan(sink.finish()[0, 0])


def test_rows_that_do_not_fit_belong_into_a_file():
    sink = RowSink("embeddings", must_be_finite=False)
    sink.append(np.broadcast_to(np.float32(1.0), (2**50, 8)), 0)
    with pytest.raises(MemoryShortageError, match=r"^embeddings: memory .* Pass out="):
        sink.finish()
