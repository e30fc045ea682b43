"""Repaired heads and embeddings as files that are read like those they come from."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import Any, BinaryIO
from zipfile import ZipFile, ZipInfo

import numpy as np
import pandas as pd

from sklearn_wsca._backend.file_rows import read_rows
from sklearn_wsca._cli._inputs import AuditRows
from sklearn_wsca._cli._output import REPAIRED_EMBEDDINGS, Content
from sklearn_wsca._erasure.metadata_eraser import MetadataEraser
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.embeddings import row_blocks

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def head_bytes(head: Head) -> bytes:
    """File with weights, intercepts and classes."""
    arrays = {"weight": head.coef, "bias": head.intercept}
    if head.classes is not None:
        arrays["classes"] = np.array(list(head.classes))
    return _archive(arrays)


def embeddings_content(eraser: MetadataEraser, rows: AuditRows) -> tuple[str, Content]:
    """Name and content of the file of repaired embeddings.

    Tables stay tables of the same format, with ids and names; others are npy, or npz
    where they have ids.
    """
    suffix, X = rows.files["X"].suffix.lower(), rows.X
    if not hasattr(X, "iloc"):
        return f"{REPAIRED_EMBEDDINGS}.npy", partial(_write_npy, eraser, rows)
    erased = np.asarray(eraser.transform(X, metadata=rows.metadata))
    table = pd.DataFrame(erased, index=X.index, columns=X.columns)
    has_ids = X.index.name is not None
    if suffix in SEPARATORS:
        text = table.to_csv(index=has_ids, sep=SEPARATORS[suffix], lineterminator="\n")
        return REPAIRED_EMBEDDINGS + suffix, text
    if suffix in (".parquet", ".feather"):
        flat = table.reset_index() if has_ids else table.reset_index(drop=True)
        flat.columns = [str(name) for name in flat.columns]
        return REPAIRED_EMBEDDINGS + suffix, _table_bytes(flat, suffix)
    arrays = {"embeddings": erased}
    if has_ids:
        arrays[X.index.name] = X.index.to_numpy().astype(str)
    return f"{REPAIRED_EMBEDDINGS}.npz", _archive(arrays)


def _archive(arrays: dict[str, Any]) -> bytes:
    """File .npz; arrays may have any name, such as that of an argument of savez."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            with archive.open(ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def _table_bytes(table: pd.DataFrame, suffix: str) -> bytes:
    buffer = BytesIO()
    if suffix == ".parquet":
        table.to_parquet(buffer, index=False)
    else:
        table.to_feather(buffer)
    return buffer.getvalue()


def _write_npy(eraser: MetadataEraser, rows: AuditRows, file: BinaryIO) -> None:
    """Write erased embeddings block by block, so that they may exceed the memory."""
    X = rows.X
    dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": tuple(X.shape),
    }
    np.lib.format.write_array_header_1_0(file, header)
    for part in row_blocks(*X.shape):
        block = np.asarray(read_rows(X, part))
        erased = eraser.transform(block, metadata=rows.metadata.iloc[part])
        file.write(np.ascontiguousarray(erased, dtype).tobytes())
