"""What is said on standard error: warnings as notes, and progress."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import click

from sklearn_wsca._cli._wording import as_typed
from sklearn_wsca._progress import show_progress
from sklearn_wsca._text import printable


@contextmanager
def collect_warnings(notes: list[str]) -> Iterator[None]:
    """Turn warnings into notes, and say them on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if not issubclass(warning.category, (UserWarning, RuntimeWarning)):
            continue
        message = printable(as_typed(" ".join(str(warning.message).split())))
        # What was said of a file need not be said of its column again.
        if not any(note.endswith(message) for note in notes):
            notes.append(message)
            say(message)


def say(note: str) -> None:
    """Print a note on standard error."""
    click.echo(f"wsca: note: {note}", err=True)


def progress(quiet: bool) -> AbstractContextManager[None]:
    """Progress of what is done in this context, unless nobody wants to see it."""
    return nullcontext() if quiet else show_progress()
