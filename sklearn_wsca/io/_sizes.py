"""Sizes that a file declares, looked at before anything is unpacked."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._backend.memory_size import describe_size, fits, largest_size
from sklearn_wsca.io._errors import file_error


def check_unpacked_size(
    path: Any,
    what: str,
    declared: int,
    stored: int | None = None,
    max_size: int | None = None,
) -> None:
    """Refuse content that would take more memory than a file may take.

    Parameters
    ----------
    path : str or path
        The file.
    what : str
        What would be unpacked, such as "its table".
    declared : int
        Bytes that it takes in memory.
    stored : int, default=None
        Bytes that it takes in the file, if it may be compressed.
    max_size : int, default=None
        The limit, if users set one; see `largest_size`.

    Raises
    ------
    FileError
        With both numbers, and the argument that raises the limit.
    """
    if fits(declared, max_size, stored):
        return
    needed = describe_size(declared)
    if declared > largest_size(max_size):
        limit = describe_size(largest_size(max_size))
        reason = " (half of the memory at hand)" if max_size is None else ""
        raise file_error(
            path,
            f"{what} would take {needed} once unpacked, and the limit is "
            f"{limit}{reason}; save embeddings as .npy, which is read from disk, or "
            "fewer rows, or raise the limit max_size (--max-size).",
        )
    held = describe_size(stored or 0)
    raise file_error(
        path,
        f"{what} would grow from {held} to {needed} once unpacked, as in a zip bomb, "
        "and is not unpacked; if the file is yours, raise the limit max_size "
        "(--max-size).",
    )
