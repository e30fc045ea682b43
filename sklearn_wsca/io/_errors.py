"""What is said about a file that cannot be used: one line, with its name and a fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sklearn_wsca._text import list_first, shorten

EXAMPLES = 3
NAMES = 10
LONGEST_REASON = 160


class FileError(ValueError):
    """A file cannot be used as it is.

    The message is a single line: the path as it was given, what was found in the file
    and what to do about it.
    """


def file_error(path: Any, problem: str) -> FileError:
    """Error about a file, on one line whatever the file or its name holds."""
    return FileError(f"{path_text(path)}: {one_line(problem)}")


def path_text(path: Any) -> str:
    """Return the path as given; with escapes where it would break a line."""
    text = str(path)
    if text.isprintable():
        return text
    return text.encode("unicode_escape", "backslashreplace").decode("ascii")


def one_line(text: str) -> str:
    """Text without line breaks and other control characters."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def quoted(value: Any) -> str:
    """Value from a file as it may stand in a message: escaped and shortened."""
    return shorten(quoted_whole(value))


def quoted_whole(value: Any) -> str:
    """Value from a file for a list that shortens, or a suggestion that must not."""
    return one_line(repr(value))


def listed(values: Iterable[Any], most: int = NAMES) -> str:
    """First few values of a collection from a file, and how many more there are."""
    return list_first(values, most, quoted_whole)


def refuse_repeated(path: Any, names: Sequence[Any]) -> None:
    """Raise if there are names that several columns have."""
    if len(names):
        raise file_error(
            path,
            f"has several columns named {listed(names, EXAMPLES)}; rename them so that "
            "every name is unique.",
        )


@contextmanager
def library_errors(path: Any, what: str) -> Iterator[None]:
    """Turn whatever a library raises on a broken file into one line about the file."""
    try:
        yield
    except (FileError, ImportError):
        raise
    except MemoryError as error:
        raise file_error(
            path, f"this {what} does not fit into memory; save a smaller part of it."
        ) from error
    # A damaged file makes its library raise anything from KeyError to RecursionError.
    except Exception as error:
        reason = one_line(str(error))[:LONGEST_REASON] or "no reason given"
        raise file_error(
            path,
            f"cannot be read as {what} ({type(error).__name__}: {reason}); it may be "
            "damaged or cut off: write it again.",
        ) from error
