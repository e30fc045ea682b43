"""Files of an analysis: all complete, or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path

from sklearn_wsca._cli._errors import InputError
from sklearn_wsca._report.picture import import_for_report

REPORT, SUMMARY, RESULT = "report.html", "summary.csv", "result.json"


def check_directory(directory: Path) -> None:
    """Raise before a long analysis if its files could not be written."""
    with refuse_directory(directory):
        if directory.exists() and not directory.is_dir():
            raise InputError(
                f"--out: {directory} is a file; name a directory, which is made if "
                "need be."
            )
        existing = directory.absolute()
        while not existing.exists():
            existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"--out: {directory} cannot be written to, {existing} does not allow it; "
            "name another directory."
        )


@contextmanager
def refuse_directory(directory: Path) -> Iterator[None]:
    """Turn what the system says of a directory, or of its disk, into one line."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"--out: {directory} cannot be written to ({error.strerror or error}), and "
            "nothing in it was changed; make room on that disk, or name another "
            "directory."
        ) from error


def open_no_window() -> None:
    """Have matplotlib draw into files only: a command shows nothing."""
    import_for_report("matplotlib").use("Agg")


def write_files(directory: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Write files by name, and return their paths.

    They are written under temporary names and renamed when all are complete, so that
    nobody finds half a file.

    Raises
    ------
    InputError
        If the directory does not allow it, or its disk is full.
    """
    paths = [directory / name for name in contents]
    with refuse_directory(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for path in paths:
            if path.is_dir():
                raise IsADirectoryError(EISDIR, f"{path.name} in it is a directory")
        with tempfile.TemporaryDirectory(prefix=".wsca-", dir=directory) as draft:
            for name, content in contents.items():
                if isinstance(content, str):
                    content = content.encode("utf-8")
                made = Path(draft) / name
                made.parent.mkdir(parents=True, exist_ok=True)
                made.write_bytes(content)
            for name, path in zip(contents, paths, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                (Path(draft) / name).replace(path)
    return paths
