"""Tables of feather and parquet files, batch by batch, each of them validated."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca._native.refusals import check_size

ROWS = 65_536
BYTES_PER_VALUE = 8
TABLE = "its table"
OLD_FEATHER = b"FEA1"


def read_feather(file: str, max_size: int | None) -> Iterator[Any]:
    """Bytes of a stream of the table."""
    pyarrow = import_extra("pyarrow", "io")
    with Path(file).open("rb") as stream:
        is_old = stream.read(len(OLD_FEATHER)) == OLD_FEATHER
    if is_old:
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
    held, unpacked = Path(file).stat().st_size, 0
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(sink, mode="w"), schema) as writer:
        for batch in batches:
            batch.validate(full=True)
            unpacked += batch.nbytes
            check_size(f"part of {TABLE}", unpacked, held, max_size)
            writer.write_batch(batch)
            yield from sink.taken()
    yield from sink.taken()


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
