"""Arrays on disk: their rows come by reads of the file, which must stay what it was.

A page of a memory map whose file has shrunk cannot be read: the system ends the
process. A read of the file ends in an error.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

HASHED_BLOCK = 2**20
SHORTER = ": it is shorter now"


class FileChangedError(ValueError):
    """A file is no longer what it was; the message is one line that begins with it."""

    def __init__(self, path: Any, found: str = "") -> None:
        super().__init__(
            f"{path}: has changed while it was in use{found}, so that its parts may "
            "not belong together; run this again when nothing writes to it."
        )


class FileState(NamedTuple):
    """What tells whether a file was changed or replaced: which, how long and when."""

    device: int
    number: int
    n_bytes: int
    modified: int
    changed: int

    @classmethod
    def of(cls, file: Path | BinaryIO) -> FileState:
        """State of a path or of an open file."""
        found = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
        times = (found.st_mtime_ns, found.st_ctime_ns)
        return cls(found.st_dev, found.st_ino, found.st_size, *times)


class FileArray(np.memmap):
    """Memory map of an array, with the file that its rows are read from.

    Its slices are memory maps and nothing else.
    """

    source: FileSource | None = None


class FileSource:
    """A file that is read in parts, and hashed in the pass that does so.

    Parameters
    ----------
    path : str or path
        As it was given, for messages.
    file : Path
        The file.
    """

    def __init__(self, path: Any, file: Path) -> None:
        self.path = path
        self.file = file
        self.state = FileState.of(file)
        self._hash = hashlib.sha256()
        self._n_hashed = 0

    def read(self, places: list[tuple[int, int]]) -> np.ndarray:
        """Bytes at some places, each a start and a length, one behind the other.

        Raises
        ------
        FileChangedError
            If the file is not what it was when it was opened.
        """
        content = np.empty(sum(length for _, length in places), np.uint8)
        filled = 0
        with self._opened() as stream:
            self._check(FileState.of(stream))
            for start, length in places:
                part = content.data[filled : filled + length]
                stream.seek(start)
                if stream.readinto(part) < length:
                    raise FileChangedError(self.path, SHORTER)
                if start == self._n_hashed:
                    self._hash.update(part)
                    self._n_hashed += length
                filled += length
            self._check(FileState.of(stream))
        return content

    def digest(self) -> str:
        """SHA-256 of the file; what was not read in order so far is read now."""
        while (left := self.state.n_bytes - self._n_hashed) > 0:
            self.read([(self._n_hashed, min(left, HASHED_BLOCK))])
        self.read([])
        return self._hash.hexdigest()

    def _opened(self) -> BufferedReader:
        try:
            return self.file.open("rb")
        except OSError as error:
            raise FileChangedError(self.path, f" ({error.strerror})") from error

    def _check(self, state: FileState) -> None:
        if state == self.state:
            return
        before, now = self.state.n_bytes, state.n_bytes
        found = f" ({before} bytes before, {now} now)" if now != before else ""
        raise FileChangedError(self.path, found)


def read_rows(array: Any, rows: slice) -> Any:
    """Rows of an array; those of a memory map by reading its file.

    Raises
    ------
    FileChangedError
        If the file of a memory map has shrunk, or has changed since it was opened.
    """
    pages = memory_map(array)
    if pages is None:
        return array[rows]
    numbers = range(array.shape[0])[rows]
    places = _places(array, pages, numbers)
    source = getattr(array, "source", None)
    # Whoever replaces a file leaves the map of the one before as it is.
    if places is None or (source is None and not _is_at_its_path(array)):
        if _has_shrunk(pages):
            raise FileChangedError(getattr(array, "filename", "X"), SHORTER)
        return np.array(array[rows])
    if source is None:
        source = FileSource(array.filename, Path(array.filename))
        if source.state.n_bytes < pages.size():
            raise FileChangedError(array.filename, SHORTER)
    stored = source.read(places).view(array.dtype)
    if array.flags.c_contiguous:
        return stored.reshape(len(numbers), *array.shape[1:])
    return stored.reshape(len(numbers), *array.shape[1:], order="F")


def take_rows(array: Any, taken: np.ndarray, size: int) -> np.ndarray:
    """Rows of an array that a mask takes, read in blocks of some size."""
    starts = range(0, len(taken), size)
    blocks = [read_rows(array, slice(start, start + size)) for start in starts]
    kept = [taken[start : start + size] for start in starts]
    return np.concatenate([b[k] for b, k in zip(blocks, kept, strict=True)])


def memory_map(array: Any) -> mmap.mmap | None:
    """Memory map behind an array of numpy, if there is one."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array


def _has_shrunk(pages: mmap.mmap) -> bool:
    """Whether the file behind a memory map is shorter now; there may be none."""
    try:
        return pages.size() < len(pages)
    except OSError:
        return False


def _is_at_its_path(array: Any) -> bool:
    """Whether the file behind a memory map still has its name, as far as is known."""
    try:
        named = Path(array.filename).stat().st_ino
    except OSError:
        return False
    return _mapped_file(array.ctypes.data) in (named, None)


def _mapped_file(address: int) -> int | None:
    """Number of the file that is mapped at an address; None where nobody tells."""
    try:
        maps = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    for line in maps:
        span, _, _, _, number, *_ = line.split(maxsplit=5)
        start, stop = (int(end, 16) for end in span.split("-"))
        if start <= address < stop:
            return int(number)
    return None


def _places(
    array: Any, pages: mmap.mmap, numbers: range
) -> list[tuple[int, int]] | None:
    """Where rows lie in the file of an array; None if they are read by the map."""
    whole = isinstance(array, np.memmap) and array.base is pages
    if not whole or array.filename is None or array.mode not in ("r", "r+"):
        return None
    start, n = array.offset, len(array)
    if array.flags.c_contiguous:
        width = array.nbytes // n
        if numbers.step == 1:
            return [(start + numbers.start * width, len(numbers) * width)]
        return [(start + number * width, width) for number in numbers]
    if not array.flags.f_contiguous or numbers.step != 1:
        return None
    size, n_columns = array.itemsize, array.size // n
    first, length = start + numbers.start * size, len(numbers) * size
    return [(first + column * n * size, length) for column in range(n_columns)]
