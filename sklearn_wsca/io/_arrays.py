"""Arrays of numpy: .npy, which stays on disk, and .npz."""

from __future__ import annotations

import math
import sys
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from sklearn_wsca._backend.file_rows import FileArray, FileSource
from sklearn_wsca._text import plural
from sklearn_wsca.io._archives import check_archive
from sklearn_wsca.io._array_file import ArrayFile
from sklearn_wsca.io._errors import file_error, library_errors, quoted
from sklearn_wsca.io._sizes import check_unpacked_size

MAGIC = b"\x93NUMPY"
# Headers of arrays of numbers have 128 bytes; numpy itself stops at this length too.
LONGEST_HEADER = 10_000
HEADER_KEYS = (b"'descr':", b"'fortran_order':", b"'shape':")
VERSIONS = ((1, 0), (2, 0), (3, 0))
# numpy cannot count further.
LARGEST_DIMENSION = np.iinfo(np.intp).max
RESAVE_OBJECTS = (
    "holds Python objects, which only unpickling could read and which are therefore "
    "never read; save numbers with np.save('file.npy', np.asarray(x, dtype='float32')) "
    "and text with np.asarray(x, dtype=str)"
)
WITHOUT_CHARACTERS = "holds text without characters; save numbers"


class Header(NamedTuple):
    """What an array in npy format declares."""

    shape: tuple[int, ...]
    dtype: np.dtype
    n_bytes: int
    fortran: bool


def open_npy(path: Any, file: Path) -> np.ndarray:
    """Memory map of an array; nothing but its header is read."""
    source = FileSource(path, file)
    with file.open("rb") as stream:
        header = _read_header(path, stream, "its array")
        start = stream.tell()
    held = source.state.n_bytes - start
    if header.n_bytes > held:
        raise file_error(
            path,
            f"is cut off: its header promises {header.n_bytes} bytes (shape "
            f"{header.shape}, {header.dtype}) and {held} follow; copy or export it "
            "again.",
        )
    if header.n_bytes < held:
        raise file_error(
            path,
            f"holds {plural(held - header.n_bytes, 'byte')} behind its array (shape "
            f"{header.shape}, {header.dtype}), as if several arrays were written to "
            "it; save one array with np.save, several with np.savez.",
        )
    if 0 in header.shape:
        return np.empty(header.shape, header.dtype)
    with library_errors(path, "npy file"):
        array = FileArray(
            file, header.dtype, "r", start, header.shape, "F" if header.fortran else "C"
        )
    # The header is hashed with what follows.
    source.read([(0, start)])
    array.source = source
    return array


def open_npz(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Arrays of an npz archive; only their headers are read."""
    members = check_archive(path, file, "npz archive", max_size, suffix=".npy")
    shapes, unreadable, names = {}, {}, {}
    with library_errors(path, "npz archive"), zipfile.ZipFile(file) as archive:
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                continue
            names[name] = member
            with archive.open(member) as stream:
                header = _read_header(path, stream, quoted(name), objects=True)
                if header.dtype.hasobject:
                    unreadable[name] = f"{RESAVE_OBJECTS}."
                    continue
                if not header.dtype.itemsize:
                    unreadable[name] = f"{WITHOUT_CHARACTERS}."
                    continue
                _check_member(
                    path, name, header, member.file_size - stream.tell(), max_size
                )
            shapes[name] = header.shape

    def read(name: str) -> np.ndarray:
        with (
            library_errors(path, "npz archive"),
            zipfile.ZipFile(file) as archive,
            archive.open(names[name]) as stream,
        ):
            array = np.lib.format.read_array(stream, allow_pickle=False)
        _check_text(path, name, array)
        return array

    return ArrayFile(path, shapes, read, unreadable)


def _check_text(path: Any, name: str, array: np.ndarray) -> None:
    """Raise if numbers that stand for characters stand for none, or for half of one."""
    if array.dtype.kind != "U" or not array.size or not array.itemsize:
        return
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    codes = native.reshape(-1).view(np.uint32)
    wrong = (codes > sys.maxunicode) | ((codes >= 0xD800) & (codes <= 0xDFFF))
    if wrong.any():
        raise file_error(
            path,
            f"{quoted(name)} holds the character {codes[wrong][0]:#x}, which Unicode "
            "does not have; export it again.",
        )


def _check_member(
    path: Any, name: str, header: Header, held: int, max_size: int | None
) -> None:
    """Compare what an array declares with what its member of the archive holds."""
    check_unpacked_size(path, quoted(name), header.n_bytes, None, max_size)
    if header.n_bytes != held:
        raise file_error(
            path,
            f"{quoted(name)} promises {header.n_bytes} bytes (shape {header.shape}, "
            f"{header.dtype}) and holds {held}; export it again.",
        )


def _read_header(
    path: Any, stream: IO[bytes], name: str, objects: bool = False
) -> Header:
    """Header of an array; the stream stands at its numbers afterwards."""
    start = stream.read(len(MAGIC) + 2)
    if not start.startswith(MAGIC):
        raise file_error(path, _not_npy(start))
    version = tuple(start[len(MAGIC) :])
    width = 2 if version == (1, 0) else 4
    length = stream.read(width)
    n_header = int.from_bytes(length, "little")
    text = stream.read(min(n_header, LONGEST_HEADER))
    repeated = any(text.count(key) > 1 for key in HEADER_KEYS)
    if version not in VERSIONS or len(text) < n_header or repeated:
        raise file_error(
            path, f"the header of {name} is damaged or cut off; export it again."
        )
    stream.seek(0)
    with library_errors(path, "npy file"):
        # Reads the magic bytes again and checks what follows.
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    if min(shape, default=0) < 0 or max(shape, default=0) > LARGEST_DIMENSION:
        raise file_error(path, f"{name} has the shape {shape}; export it again.")
    if dtype.hasobject and not objects:
        raise file_error(path, f"{RESAVE_OBJECTS}.")
    if not dtype.itemsize and not objects:
        raise file_error(path, f"{WITHOUT_CHARACTERS}.")
    return Header(shape, dtype, math.prod(shape) * dtype.itemsize, fortran)


def _not_npy(start: bytes) -> str:
    """What a file that is named .npy is instead."""
    if start.startswith(b"PK"):
        return "is a zip archive and no npy file; name it .npz if np.savez wrote it."
    if start.startswith(b"\x80"):
        return f"is a pickle: it {RESAVE_OBJECTS}."
    return (
        f"is no npy file (it begins with {start[:8]!r}); write it with np.save, or "
        "give it the suffix of its format."
    )
