"""Zip archives (npz, xlsx, torch files), checked before anything is unpacked."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca.io._errors import EXAMPLES, file_error, library_errors, listed, quoted
from sklearn_wsca.io._sizes import check_unpacked_size

# What unpacks the other methods does so at once, however large the result.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BLOCK = 2**20
MOST_MEMBERS = 20_000


def check_archive(
    path: Any, file: Path, what: str, max_size: int | None = None, suffix: str = ""
) -> list[zipfile.ZipInfo]:
    """Members of a zip archive, each of which is safe to unpack.

    Names are the same if they are so without the suffix.

    Raises
    ------
    FileError
        If there are too many members, if they share a name, have two, are encrypted or
        compressed in a rare way, or would take more memory than a file may take.
    """
    with library_errors(path, what), zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise file_error(
            path,
            f"its archive has {len(members)} members, and no more than {MOST_MEMBERS} "
            "are read; save what is to be analysed in a file of its own.",
        )
    counts = Counter(member.filename.removesuffix(suffix) for member in members)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise file_error(
            path,
            f"its archive holds {listed(repeated, EXAMPLES)} more than once, as after "
            "writing to a file that was there already; delete it and save it again.",
        )
    for member in members:
        name = f"its member {quoted(member.filename)}"
        if member.flag_bits & 1:
            raise file_error(path, f"{name} is encrypted; save it without a password.")
        if member.compress_type not in METHODS:
            raise file_error(
                path,
                f"{name} is compressed by the method {member.compress_type}; save it "
                "again without compression.",
            )
        check_unpacked_size(
            path, name, member.file_size, member.compress_size, max_size
        )
    with library_errors(path, what), zipfile.ZipFile(file) as archive:
        for member in members:
            # Compares the two places where a member has its name: no checksum does.
            archive.open(member).close()
    return members


def read_member(
    path: Any, file: Path, member: zipfile.ZipInfo, what: str
) -> np.ndarray:
    """Bytes of a member, compared with its checksum and never more than it declares."""
    content = np.empty(member.file_size, np.uint8)
    with (
        library_errors(path, what),
        zipfile.ZipFile(file) as archive,
        archive.open(member) as stream,
    ):
        for start in range(0, len(content), BLOCK):
            part = content[start : start + BLOCK]
            block = stream.read(len(part))
            if len(block) < len(part):
                raise ValueError(f"{quoted(member.filename)} is cut off")
            part[:] = np.frombuffer(block, np.uint8)
        # Of an empty member, too.
        if stream.read(1):
            raise ValueError(f"{quoted(member.filename)} is longer than it declares")
    return content
