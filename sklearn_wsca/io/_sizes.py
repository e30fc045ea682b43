"""Sizes that a file declares, looked at before anything is unpacked."""

from __future__ import annotations

from typing import Any

from sklearn_wsca._backend.memory_size import describe_size, memory_at_hand
from sklearn_wsca.io._errors import file_error

# What is read is copied once or twice on its way, and analysed in the memory left.
SHARE_OF_MEMORY = 0.5
# Trained embeddings shrink by less than 10, mostly empty ones by up to 100.
LARGEST_RATIO = 500
SMALL = 16 * 2**20


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
    if declared <= largest_size(max_size, stored):
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


def largest_size(max_size: int | None, stored: int | None = None) -> int:
    """Bytes that content may take in memory.

    Users who set a limit mean it. Otherwise it is half of the memory at hand, and for
    what is compressed no more than 16 MiB or 500 times the bytes stored.
    """
    if max_size is not None:
        return max_size
    limit = int(SHARE_OF_MEMORY * memory_at_hand())
    return limit if stored is None else min(limit, max(SMALL, LARGEST_RATIO * stored))
