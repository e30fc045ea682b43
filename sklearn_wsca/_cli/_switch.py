"""A folder that is switched as a whole: there is the old one or the new one.

The new one is made in a hidden working folder beside it, and changes places with the
old one in a single step of the system (``renameat2`` with RENAME_EXCHANGE on Linux,
``renamex_np`` with RENAME_SWAP on macOS). A lock tells working folders in use from what
a killed run left.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX, LOCK, OLD = ".wsca-", "lock", "old"
AT_CURRENT_FOLDER, EXCHANGE = -100, 2
# There is something in the place already; what Windows says of it comes last.
TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.EACCES}
NOT_SUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
# Files that file managers make, and make again.
OF_FILE_MANAGERS = {".DS_Store", "Thumbs.db", "desktop.ini"}


@contextmanager
def working_folder(parent: Path, removable: Collection[str]) -> Iterator[Path]:
    """A hidden folder of our own, which is gone afterwards.

    What killed runs left in `parent` is removed first. Of all such folders only files
    with names in `removable` are deleted.
    """
    remove_leftovers(parent, removable)
    folder, lock = _make_locked(parent)
    try:
        yield folder
    finally:
        _remove(folder, lock, removable)


def remove_leftovers(parent: Path, removable: Collection[str]) -> None:
    """Remove working folders that no process holds; old results go back first."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            lock = (folder / LOCK).open("r+b")
        except OSError:
            # In the making or nearly gone, or no folder of ours.
            with suppress(OSError):
                folder.rmdir()
            continue
        if _hold(lock):
            _restore(folder, parent)
            _remove(folder, lock, removable)
        lock.close()


def switch(new: Path, place: Path) -> bool:
    """Put the folder `new` of a working folder in its place.

    Returns
    -------
    bool
        Whether that was a single step. Where a file system cannot exchange folders, it
        takes two, and `remove_leftovers` puts the old folder back if there is none.
    """
    with suppress(FileNotFoundError):
        _copy_access(place, new)
    while True:
        try:
            new.rename(place)
            return True
        except OSError as error:
            if error.errno not in TAKEN or not place.is_dir():
                raise
        # Somebody may have removed the old one meanwhile.
        with suppress(FileNotFoundError):
            if exchange(new, place):
                return True
            _switch_in_two_steps(new, place)
            return False


def exchange(one: Path, other: Path) -> bool:
    """Have two folders change places in one step; False where that is unknown."""
    call = None
    if sys.platform != "win32":
        system = ctypes.CDLL(None, use_errno=True)
        name = "renamex_np" if sys.platform == "darwin" else "renameat2"
        call = getattr(system, name, None)
    if call is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    at = ctypes.c_int(AT_CURRENT_FOLDER)
    flag = ctypes.c_uint(EXCHANGE)
    if sys.platform == "darwin":
        failed = call(*paths, flag)
    else:
        failed = call(at, paths[0], at, paths[1], flag)
    number = ctypes.get_errno()
    if failed and number not in NOT_SUPPORTED:
        raise OSError(number, os.strerror(number), str(other))
    return not failed


def _switch_in_two_steps(new: Path, place: Path) -> None:
    """Put the old folder aside, and back if the new one cannot take its place."""
    aside = new.parent / OLD / place.name
    aside.parent.mkdir(exist_ok=True)
    place.rename(aside)
    try:
        new.rename(place)
    except BaseException:
        aside.rename(place)
        raise


def _restore(folder: Path, parent: Path) -> None:
    """Put back what was aside when a run was killed between two steps."""
    for aside in (folder / OLD).glob("*"):
        if not os.path.lexists(parent / aside.name):
            with suppress(OSError):
                aside.rename(parent / aside.name)


def _make_locked(parent: Path) -> tuple[Path, IO[bytes]]:
    """New working folder with its lock."""
    while True:
        folder = parent / f"{PREFIX}{secrets.token_hex(6)}"
        folder.mkdir()
        try:
            lock = (folder / LOCK).open("xb")
        except FileNotFoundError:
            # Taken for a leftover before it had a lock.
            continue
        except BaseException:
            folder.rmdir()
            raise
        _hold(lock, wait=True)
        if (folder / LOCK).exists():
            return folder, lock
        lock.close()


def _hold(file: IO[bytes], wait: bool = False) -> bool:
    """Lock a file until it is closed; whether that is possible."""
    try:
        if sys.platform == "win32":
            import msvcrt

            how = msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK
            msvcrt.locking(file.fileno(), how, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _remove(folder: Path, lock: IO[bytes], removable: Collection[str]) -> None:
    """Remove a working folder; what is not ours stays, and keeps its folder."""
    for where, folders, names in os.walk(folder, topdown=False):
        for name in names:
            if name in removable or name in OF_FILE_MANAGERS:
                with suppress(OSError):
                    Path(where, name).unlink()
        for name in folders:
            with suppress(OSError):
                Path(where, name).rmdir()
    # While it is held, so that nobody holds a lock that is gone; not on Windows.
    with suppress(OSError):
        (folder / LOCK).unlink()
    lock.close()
    with suppress(OSError):
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()


def _copy_access(place: Path, new: Path) -> None:
    """Give the new folder the permissions and the group of the old one."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(new, -1, place.stat().st_gid)
    shutil.copymode(place, new)
