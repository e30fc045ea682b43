"""Files of an analysis: all of one run, or none."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sklearn_wsca._cli._errors import InputError
from sklearn_wsca._cli._notes import say
from sklearn_wsca._cli._switch import OF_FILE_MANAGERS, switch, working_folder
from sklearn_wsca._report.picture import import_for_report

REPORT, SUMMARY, RESULT = "report.html", "summary.csv", "result.json"
NETWORKS, NETWORKS_TABLE = "networks.json", "networks.csv"
AUDIT_FILES = frozenset({REPORT, SUMMARY, RESULT, NETWORKS, NETWORKS_TABLE})
COMPARISON_FILES = frozenset({REPORT, SUMMARY, RESULT})
FEATURE_TABLES = frozenset({"features.csv", "shifts.csv", "samples.csv", "curve.csv"})
FEATURE_FIGURES = frozenset(
    {"importance.png", "curve.png", "consistency.png", "maps.png"}
)
FEATURE_PAGE = "features.html"
FEATURE_FILES = FEATURE_TABLES | FEATURE_FIGURES | {FEATURE_PAGE}
INTERVENTION, EFFECTS, UNITS = "intervention.json", "effects.csv", "units.csv"
INTERVENTION_PAGE = "intervention.html"
INTERVENTION_FILES = frozenset({INTERVENTION, EFFECTS, UNITS, INTERVENTION_PAGE})
REPAIRED_HEAD, REPAIRED_EMBEDDINGS = "repaired_head.npz", "repaired_embeddings"
REPAIRED_SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".parquet", ".feather")
REPAIR_FILES = frozenset(
    {REPORT, RESULT, SUMMARY, REPAIRED_HEAD}
    | {REPAIRED_EMBEDDINGS + suffix for suffix in REPAIRED_SUFFIXES}
)
SCREEN, LEVELS, PAIRS = "screen.json", "levels.csv", "confusable.csv"
SCREEN_PAGE = "screen.html"
SCREEN_FILES = frozenset({SUMMARY, LEVELS, PAIRS, SCREEN, SCREEN_PAGE})
PAGES = (REPORT, FEATURE_PAGE, INTERVENTION_PAGE, SCREEN_PAGE)
ALL_FILES = (
    AUDIT_FILES | FEATURE_FILES | INTERVENTION_FILES | REPAIR_FILES | SCREEN_FILES
)
# How the file begins that tells a folder of ours from one with files of the same names.
SIGNATURES = {
    RESULT: b'{\n  "schema_version"',
    NETWORKS: b'{\n  "schema_version"',
    INTERVENTION: b'{\n  "schema_version"',
    SCREEN: b'{\n  "schema_version"',
    "features.csv": b'"feature","rank","kept",',
}
NEW = "new"
Content = str | bytes | Callable[[BinaryIO], None]
FULL = (errno.ENOSPC, errno.EDQUOT)


def check_directory(
    directory: Path, files: frozenset[str] = AUDIT_FILES, *, trial: bool = True
) -> None:
    """Raise before a long analysis if its files could not be written.

    Parameters
    ----------
    directory : Path
        What --out names.
    files : frozenset of str
        Names of files that the command writes; a folder that holds nothing else, and
        one that the package has written, is replaced, any other is not.
    trial : bool
        Whether to try out if such a folder can be made.
    """
    with refuse_directory(directory):
        place = directory.resolve()
        if directory.is_dir():
            _check_existing(directory, files)
        elif os.path.lexists(place):
            raise InputError(
                f"--out: {directory} is a file; name a directory, which is made if "
                "need be."
            )
        existing, missing = _split(place)
        if not existing.is_dir():
            raise _refusal(directory, f"{existing} is a file", "another directory")
        if trial:
            with working_folder(existing, ALL_FILES) as folder:
                folder.joinpath(NEW, *missing).mkdir(parents=True)
                _remove_folders(folder / NEW, missing)


def _check_existing(directory: Path, files: frozenset[str]) -> None:
    """Raise if an existing folder cannot be replaced as a whole."""
    place, found = directory.resolve(), _find_other(directory, files)
    inside = (
        "another directory, which is then replaced as a whole by each run, such as "
        f"{directory / 'wsca-report'}"
    )
    if found is not None:
        raise _refusal(directory, found, inside)
    if os.path.ismount(place):
        reason = "it is a disk or a mounted folder, which cannot be replaced"
        raise _refusal(directory, reason, inside)
    if Path.cwd().is_relative_to(place):
        raise _refusal(directory, "it is the current folder", inside)
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK) or _is_kept(place):
        raise _refusal(directory, "it does not allow it", "another directory")


def _refusal(directory: Path, reason: str, instead: str) -> InputError:
    """Why the folder that --out names is not written to."""
    return InputError(
        f"--out: {directory} cannot be written to: {reason}; name {instead}."
    )


def _find_other(directory: Path, files: frozenset[str]) -> str | None:
    """What is in a folder but results of this command, in words."""
    results: list[Path] = []
    for where, folders, names in os.walk(directory, onerror=_raise):
        for name in sorted(folders):
            path = Path(where, name)
            if name in files:
                return f"{name} in it is a directory"
            if path.is_symlink() or not any(path.iterdir()):
                return f"it holds {path.relative_to(directory)}, which is not ours"
        for name in sorted({*names} - files - OF_FILE_MANAGERS):
            other = Path(where, name).relative_to(directory)
            if name in ALL_FILES:
                return f"it holds {other} of another command"
            return f"it holds {other}, which is not ours"
        results += [Path(where, name) for name in sorted({*names} & files)]
    if results and not any(map(_is_signed, results)):
        signed = " or ".join(sorted({*SIGNATURES} & files))
        found = results[0].relative_to(directory)
        return f"it holds {found} without a {signed} of wsca, so it may be yours"
    return None


def _is_signed(file: Path) -> bool:
    """Whether a file shows that the package wrote its folder."""
    signature = SIGNATURES.get(file.name)
    if signature is None or not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(signature)) == signature


def _raise(error: OSError) -> None:
    raise error


def _is_kept(place: Path) -> bool:
    """Whether only somebody else may rename it, as in /tmp."""
    if not hasattr(os, "geteuid"):
        return False
    above, user = place.parent.stat(), os.geteuid()
    owners = {0, place.stat().st_uid, above.st_uid}
    return bool(above.st_mode & stat.S_ISVTX) and user not in owners


def _split(place: Path) -> tuple[Path, list[str]]:
    """Deepest folder above a place that exists, and the names that are missing."""
    existing, missing = place.parent, [place.name]
    while not os.path.lexists(existing):
        missing.insert(0, existing.name)
        existing = existing.parent
    return existing, missing


def _remove_folders(start: Path, names: list[str]) -> None:
    """Remove nested folders that are empty, the innermost first."""
    with suppress(OSError):
        for end in range(len(names), 0, -1):
            start.joinpath(*names[:end]).rmdir()


@contextmanager
def refuse_directory(directory: Path) -> Iterator[None]:
    """Turn what the system says of a directory, or of its disk, into one line."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # Of links that lead in a circle, Python before 3.13 raises RuntimeError.
        reason = getattr(error, "strerror", None) or error
        is_full = getattr(error, "errno", None) in FULL
        advice = "make room on that disk, or name" if is_full else "name"
        raise InputError(
            f"--out: {directory} cannot be written to ({reason}), and nothing in it "
            f"was changed; {advice} another directory."
        ) from error


def open_no_window() -> None:
    """Have matplotlib draw into files only: a command shows nothing."""
    import_for_report("matplotlib").use("Agg")


def write_files(
    directory: Path,
    contents: Mapping[str, Content],
    files: frozenset[str] = AUDIT_FILES,
) -> list[Path]:
    """Write the files of a run, and return their paths.

    They are written into a hidden folder beside `directory`, which changes places with
    it when all are complete: whoever looks finds those of one run, also if this one is
    killed or another one ends at the same time.

    Parameters
    ----------
    directory : Path
        What --out names.
    contents : mapping of str to str, bytes or callable
        Files by name; a slash in it puts a file into a folder of this one. What is
        large is written by a function that takes the open file.
    files : frozenset of str
        As in `check_directory`.

    Raises
    ------
    InputError
        If the directory does not allow it, or its disk is full.
    """
    check_directory(directory, files, trial=False)
    with refuse_directory(directory):
        place = directory.resolve()
        existing, missing = _split(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with working_folder(place.parent, ALL_FILES) as folder:
                for name, content in contents.items():
                    _write(folder / NEW / name, content)
                at_once = switch(folder / NEW, place)
        except BaseException:
            _remove_folders(existing, missing[:-1])
            raise
    if not at_once:
        say(
            f"the file system of {directory} cannot exchange folders in one step: had "
            "the command been killed between two, the folder would have been gone "
            "until the next run put the older results back."
        )
    return [directory / name for name in contents]


def _write(path: Path, content: Content) -> None:
    """Write a file to the disk; what is no text of Unicode as backslash escapes."""
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
