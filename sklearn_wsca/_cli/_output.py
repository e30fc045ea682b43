"""Files of an analysis: all complete, or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sklearn_wsca._cli._errors import InputError
from sklearn_wsca._report._picture import import_matplotlib

REPORT, SUMMARY, RESULT = "report.html", "summary.csv", "result.json"


def check_directory(directory: Path) -> None:
    """Raise before a long analysis if its files could not be written."""
    if directory.exists() and not directory.is_dir():
        raise InputError(
            f"--out: {directory} is a file; name a directory, which is made if need be."
        )
    existing = directory.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"--out: {directory} cannot be written to, {existing} does not allow it; "
            "name another directory."
        )


def open_no_window() -> None:
    """Have matplotlib draw into files only: a command shows nothing."""
    import_matplotlib().use("Agg")


def write_files(directory: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Write files by name, and return their paths.

    They are written under temporary names and renamed when all are complete, so that
    nobody finds half a file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wsca-", dir=directory) as draft:
        for name, content in contents.items():
            if isinstance(content, str):
                content = content.encode("utf-8")
            (Path(draft) / name).write_bytes(content)
        for name in contents:
            (Path(draft) / name).replace(directory / name)
    return [directory / name for name in contents]
