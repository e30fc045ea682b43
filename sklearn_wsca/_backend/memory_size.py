"""How much memory there is, and sizes as users write and read them."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

MEMORY_IF_UNKNOWN = 16 * 2**30
# What is read is copied once or twice on its way, and analysed in the memory left.
SHARE_OF_MEMORY = 0.5
# Trained embeddings shrink by less than 10, mostly empty ones by up to 100.
LARGEST_RATIO = 500
SMALL = 16 * 2**20
# In three digits.
ROUNDED_TO_1000 = 999.5
UNITS = {"b": 1} | {
    f"{prefix}{unit}": base**power
    for power, prefix in enumerate("kmgt", start=1)
    for unit, base in (("b", 1000), ("ib", 1024))
}
SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?([a-z]{1,3})", re.IGNORECASE)
CGROUP = Path("/proc/self/cgroup")
# Of version 2 and of version 1.
CGROUP_LIMITS = (
    ("/sys/fs/cgroup", "memory.max"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
)


def read_size(size: int | str | None) -> int | None:
    """Bytes of a limit as users write it, such as 2_000_000_000 or "2GB"; None stays.

    Raises
    ------
    ValueError
        If it is no positive number of bytes, or text without a unit.
    """
    if size is None:
        return None
    if isinstance(size, str):
        match = SIZE.fullmatch(size.strip())
        unit = UNITS.get(match[2].lower()) if match else None
        n_bytes = int(float(match[1]) * unit) if match and unit else 0
    else:
        n_bytes = 0 if isinstance(size, bool) else int(size)
    if n_bytes <= 0:
        raise ValueError(
            f"max_size: {size!r} is no size; write a number of bytes, or text with a "
            "unit, such as '8GB' or '500MB'."
        )
    return n_bytes


def describe_size(n_bytes: int) -> str:
    """Size for a message, such as 3.6 GB."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < ROUNDED_TO_1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} PB"


def largest_size(max_size: int | None, stored: int | None = None) -> int:
    """Bytes that content may take in memory.

    Users who set a limit mean it. Otherwise it is half of the memory at hand, and for
    what is compressed no more than 16 MiB or 500 times the bytes stored.
    """
    if max_size is not None:
        return max_size
    limit = int(SHARE_OF_MEMORY * memory_at_hand())
    return limit if stored is None else min(limit, max(SMALL, LARGEST_RATIO * stored))


def fits(declared: int, max_size: int | None, stored: int | None = None) -> bool:
    """Whether content of so many bytes may be held; see `largest_size`."""
    # Files have thousands of small parts; asking the system for each takes long.
    if max_size is None and declared <= SMALL:
        return True
    return declared <= largest_size(max_size, stored)


def memory_at_hand() -> int:
    """Bytes of memory that this process may use: of the machine, container, ulimit."""
    return min([_memory_of_machine(), *_container_limits(), *_process_limits()])


def _memory_of_machine() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return MEMORY_IF_UNKNOWN


def _container_limits() -> list[int]:
    """Limits of the control groups that this process is in, and of those around."""
    try:
        groups = [line.split(":", 2)[2] for line in CGROUP.read_text().splitlines()]
    except (OSError, IndexError):
        return []
    limits = []
    for root, name in CGROUP_LIMITS:
        for group in {"/", *groups}:
            inner = PurePosixPath(group.strip("/"))
            for folder in (inner, *inner.parents):
                try:
                    limits.append(int(Path(root, folder, name).read_text()))
                except (OSError, ValueError):  # Not there, or "max".
                    continue
    return limits


def _process_limits() -> list[int]:
    try:
        resource: Any = import_module("resource")
    except ImportError:  # Windows has none.
        return []
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    limits = [resource.getrlimit(kind)[0] for kind in kinds]
    return [limit for limit in limits if limit != resource.RLIM_INFINITY]
