"""Which file is meant, and whether it is one that can be read."""

from __future__ import annotations

import difflib
import errno
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sklearn_wsca.io._errors import EXAMPLES, file_error, listed

PICKLES = (".pkl", ".pickle", ".joblib", ".p", ".dill")
SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def regular_file(path: Any) -> Path:
    """Path of a file that can be opened; links to such files are followed.

    Raises
    ------
    FileError
        If there is no such file, or it is a directory, a device, a pipe, a link to
        nowhere, or may not be read.
    """
    file = Path(path)
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        raise file_error(path, _unreachable(file, error)) from error
    if stat.S_ISDIR(mode):
        raise file_error(path, f"is a directory{_files_in(file)}; name a file.")
    for is_special, what in SPECIAL:
        if is_special(mode):
            raise file_error(path, f"is {what}; name a regular file.")
    try:
        file.open("rb").close()
    except PermissionError as error:
        raise file_error(
            path, "may not be read by you; change its permissions (chmod u+r)."
        ) from error
    if file.stat().st_size == 0:
        raise file_error(path, "is empty (0 bytes); write it again.")
    return file


def known_suffix(path: Any, suffixes: Iterable[str], what: str, resave: str) -> str:
    """Suffix of a file in lower case; an error if it is none of those that are read.

    `resave` is a line of code that saves what the file should hold without pickles.
    """
    suffixes = list(suffixes)
    suffix = Path(path).suffix.lower()
    # Checkpoints of torch are often named so, and are no archives of tar.
    double = "".join(Path(path).suffixes[-2:]).lower()
    for known in (double, suffix):
        if known in suffixes:
            return known
    if suffix in PICKLES:
        raise file_error(
            path,
            "is a pickle, which can run any code when it is read and is therefore "
            f"never opened; save it again with {resave}",
        )
    if suffix in (".gz", ".zip", ".bz2", ".xz", ".zst"):
        raise file_error(path, "is compressed; unpack it first.")
    found = f"the suffix {suffix!r}" if suffix else "no suffix"
    raise file_error(
        path,
        f"has {found}, so its format is unknown; {what} can be read from "
        f"{', '.join(suffixes)}.",
    )


def _unreachable(file: Path, error: OSError | ValueError) -> str:
    code = getattr(error, "errno", None)
    if code == errno.ELOOP:
        return "is a symbolic link that leads back to itself; name the file itself."
    if code == errno.EACCES:
        return "lies in a directory that you may not enter; change its permissions."
    if code == errno.ENAMETOOLONG:
        return "this name is too long for a file; name the file, not its content."
    if code is None:
        return "this is no valid file name; name a file."
    if file.is_symlink():
        target = str(file.readlink())
        return f"is a symbolic link to {target!r}, which does not exist; name the file."
    return f"there is no such file{_near(file)}; check the path."


def _near(file: Path) -> str:
    """Name in the same directory that looks like the missing one."""
    folder = file.parent
    if not folder.is_dir():
        return ", nor its directory"
    try:
        names = [entry.name for entry in folder.iterdir()]
    except PermissionError:
        return ""
    near = difflib.get_close_matches(file.name, names, n=EXAMPLES)
    return f" (there is {listed(near)})" if near else ""


def _files_in(folder: Path) -> str:
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except PermissionError:
        return ""
    return f" that holds {listed(names, EXAMPLES)}" if names else ""
