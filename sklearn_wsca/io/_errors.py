"""What is said about a file that cannot be used: one line, with its name and a fix."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

EXAMPLES = 3
NAMES = 10
LONGEST_VALUE = 60
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
    text = repr(value)
    if len(text) > LONGEST_VALUE:
        text = text[:LONGEST_VALUE] + "..."
    return one_line(text)


def listed(values: Iterable[Any], most: int = NAMES) -> str:
    """First few values of a collection, and how many more there are."""
    values = list(values)
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(quoted(value) for value in values[:most]) + more


def suggestion(name: Any, known: Iterable[Any]) -> str:
    """Known name that looks like a given one, as a question; empty if there is none."""
    by_text = {str(other).casefold(): other for other in known}
    near = difflib.get_close_matches(str(name).casefold(), by_text, n=1)
    return f" (did you mean {quoted(by_text[near[0]])}?)" if near else ""


def plural(count: int, noun: str) -> str:
    """Count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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


def import_extra(module: str, extra: str) -> Any:
    """Import a module of an optional dependency.

    Raises
    ------
    ImportError
        If it is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(
            f"This file is read with {package}, which is not installed: "
            f'pip install "sklearn_wsca[{extra}]"'
        ) from error
