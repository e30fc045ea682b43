"""Warnings as notes: said on standard error, and kept for the report."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import click

from sklearn_wsca._cli._as_typed import as_typed
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
        message = printable(" ".join(as_typed(str(warning.message)).split()))
        notes.append(message)
        say(message)


def say(note: str) -> None:
    """Print a note on standard error."""
    click.echo(f"wsca: note: {note}", err=True)
