"""Tables of feather and parquet files, batch by batch, each of them validated."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca._native.refusals import RefusalError, check_size

ROWS = 65_536
BYTES_PER_VALUE = 8
TABLE = "its table"
OLD_FEATHER = b"FEA1"
START_OF_STREAM = b"\xff\xff\xff\xff"
# Types of which a few stored bytes stand for any number of values: said of all, and of
# those that are read where they are no part of another type.
REPEATING = ("run_end_encoded", "list_view", "string_view", "binary_view")
VIEWS = ("string_view", "binary_view")


def read_feather(file: str, max_size: int | None) -> Iterator[Any]:
    """Bytes of a stream of the table."""
    pyarrow = import_extra("pyarrow", "io")
    with Path(file).open("rb") as stream:
        start = stream.read(len(OLD_FEATHER))
    if start == START_OF_STREAM:
        raise RefusalError(
            "is a stream of Arrow and no feather file; write it with "
            "pyarrow.feather.write_feather."
        )
    if start == OLD_FEATHER:
        feather = import_extra("pyarrow.feather", "io")
        table = feather.read_table(file, memory_map=True, use_threads=False)
        yield from _stream(file, max_size, table.schema, table.to_batches())
        return
    with pyarrow.memory_map(file) as source, pyarrow.ipc.open_file(source) as content:
        batches = map(content.get_batch, range(content.num_record_batches))
        yield from _stream(file, max_size, content.schema, batches)


def read_parquet(file: str, max_size: int | None) -> Iterator[Any]:
    """Bytes of a stream of the table."""
    parquet = import_extra("pyarrow.parquet", "io")
    with parquet.ParquetFile(file, pre_buffer=False) as content:
        check_size(
            TABLE, _declared(content.metadata), Path(file).stat().st_size, max_size
        )
        batches = content.iter_batches(ROWS, use_threads=False)
        yield from _stream(file, max_size, content.schema_arrow, batches)


def _declared(metadata: Any) -> int:
    """Bytes that the values take, of which nested columns have more than rows."""
    total = 0
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for k in range(group.num_columns):
            column = group.column(k)
            values = column.num_values * BYTES_PER_VALUE
            total += max(column.total_uncompressed_size, values)
    return total


def _stream(
    file: str, max_size: int | None, schema: Any, batches: Any
) -> Iterator[bytes]:
    """Stream of Arrow, a piece per batch."""
    pyarrow = import_extra("pyarrow", "io")
    sink = _Pieces()
    for column in schema:
        if _repeats(column.type):
            raise RefusalError(
                f"its column {column.name!r} has the type {str(column.type)[:80]}, in "
                "which a few bytes may stand for any number of values; write plain "
                "numbers or text."
            )
    held, unpacked = Path(file).stat().st_size, 0
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(sink, mode="w"), schema) as writer:
        for batch in batches:
            # Lengths of buffers; every value only if there are not too many.
            batch.validate()
            unpacked += sum(map(_bytes_of, batch.columns))
            check_size(f"part of {TABLE}", unpacked, held, max_size)
            batch.validate(full=True)
            writer.write_batch(batch)
            yield from sink.taken()
    yield from sink.taken()


def _repeats(type_: Any) -> bool:
    """Whether values, or parts of them, are stored once and stand for many."""
    name = str(type_)
    return name not in VIEWS and any(word in name for word in REPEATING)


def _bytes_of(array: Any) -> int:
    """Bytes that the values of a column take once each has its own."""
    name = str(array.type)
    if name == "null":
        return len(array) * BYTES_PER_VALUE
    if name not in VIEWS:
        return array.nbytes
    # The first of the four numbers of a view is its length.
    views = np.frombuffer(array.buffers()[1], np.int32).reshape(-1, 4)
    lengths = views[array.offset : array.offset + len(array), 0].astype(np.int64)
    known = array.is_valid().to_numpy(zero_copy_only=False)
    return array.nbytes + int(lengths[known].sum())


class _Pieces(io.RawIOBase):
    """What was written and not yet taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Whether it can be written to."""
        return True

    def write(self, piece: Any) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> list[bytes]:
        """Pieces since this was asked last."""
        pieces, self._pieces = self._pieces, []
        return pieces
