"""Sizes that a file declares, looked at before anything is unpacked."""

from __future__ import annotations

import os
from typing import Any

from sklearn_wsca.io._errors import file_error

MEMORY_IF_UNKNOWN = 16 * 2**30
# Trained embeddings shrink by less than 10, mostly empty ones by up to 100.
LARGEST_RATIO = 500
SMALL = 16 * 2**20
GIGABYTE = 1e9


def check_unpacked_size(
    path: Any, what: str, declared: int, stored: int | None = None
) -> None:
    """Refuse content that is larger than memory, or suspiciously large when unpacked.

    Raises
    ------
    FileError
        If the declared bytes exceed the memory of the machine, or 16 MiB and 500 times
        the stored ones.
    """
    if declared > memory_of_machine():
        raise file_error(
            path,
            f"{what} would take {declared / GIGABYTE:.3g} GB, more than this machine "
            f"has ({memory_of_machine() / GIGABYTE:.3g} GB), and is not unpacked; save "
            "embeddings as .npy, which is read from disk, or fewer rows.",
        )
    if stored is not None and declared > max(SMALL, LARGEST_RATIO * stored):
        raise file_error(
            path,
            f"{what} would grow from {stored} to {declared} bytes, as in a zip bomb, "
            "and is not unpacked; if the file is yours, save it without compression "
            "(np.save, np.savez).",
        )


def memory_of_machine() -> int:
    """Bytes of physical memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return MEMORY_IF_UNKNOWN
