"""How the characters of a text file are encoded."""

from __future__ import annotations

import codecs
import warnings
from pathlib import Path
from typing import IO, Any

from sklearn_wsca.io._errors import file_error, path_text, quoted

BLOCK = 2**20
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY = (
    (b"PK\x03\x04", "a zip archive, such as xlsx or npz"),
    (b"\x93NUMPY", "an array of numpy (.npy)"),
    (b"PAR1", "a parquet file"),
    (b"\x89HDF", "an HDF5 file, such as h5ad"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls)"),
)


def find_encoding(path: Any, file: Path) -> str:
    """Encoding by byte order mark, else UTF-8, else Windows-1252 with a warning."""
    with file.open("rb") as stream:
        start = stream.read(8)
        for mark, encoding in BYTE_ORDER_MARKS:
            if start.startswith(mark):
                return encoding
        for magic, what in BINARY:
            if start.startswith(magic):
                raise file_error(
                    path, f"is {what}, and no text; give it the suffix of its format."
                )
        stream.seek(0)
        try:
            _decode(path, stream, "utf-8")
        except UnicodeDecodeError as error:
            found = error.object[error.start : error.start + 20]
        else:
            return "utf-8"
        stream.seek(0)
        try:
            _decode(path, stream, "cp1252")
        except UnicodeDecodeError as error:
            raise file_error(
                path,
                f"is text in an unknown encoding (it holds {found[:8]!r}); save it as "
                "UTF-8.",
            ) from error
    read = found.decode("cp1252", "replace")
    warnings.warn(
        f"{path_text(path)}: is not UTF-8 and was read as Windows-1252, so that "
        f"{quoted(found)} became {quoted(read)}; if that is wrong, save it as UTF-8.",
        UserWarning,
        stacklevel=2,
    )
    return "cp1252"


def _decode(path: Any, stream: IO[bytes], encoding: str) -> None:
    """Decode a whole file block by block, to see whether that is possible."""
    decoder = codecs.getincrementaldecoder(encoding)()
    while block := stream.read(BLOCK):
        if b"\0" in block:
            raise file_error(
                path,
                "holds zero bytes: it is no text, or UTF-16 without a byte order mark; "
                "save it as UTF-8.",
            )
        decoder.decode(block)
    decoder.decode(b"", final=True)
