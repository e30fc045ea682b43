"""Bad input: one line on standard error and exit code 2."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sklearn_wsca._backend.file_rows import FileChangedError
from sklearn_wsca._backend.memory import MemoryShortageError
from sklearn_wsca._cli._wording import as_typed
from sklearn_wsca._text import printable
from sklearn_wsca.io import FileError

BAD_INPUT = 2
# What a file says of itself may be of any length; what to do about it comes last.
LONGEST_START, LONGEST_END = 1200, 400
OPTION = re.compile(r"--[a-z][\w-]*")
# In brackets, or a sentence of its own.
ADVICE = r" \([^()]*--[a-z][^()]*\)| To go on all the same: [^.]*\."
# Ways in which numpy, pandas and scikit-learn refuse what they are given.
REFUSALS = (ValueError, TypeError, OverflowError, OSError, ImportError, MemoryError)


def _cut(text: str, times: int = 1) -> str:
    """Start and end of a text that is longer than so many times what is shown."""
    start, end = times * LONGEST_START, times * LONGEST_END
    return text if len(text) <= start + end else f"{text[:start]} [...] {text[-end:]}"


def _in_words(message: str, key: str = "") -> str:
    """Message as typed, without the middle of a very long one.

    Its patterns take the square of the length of a word.
    """
    return as_typed(_cut(message, times=4), key)


def _possible(message: str) -> str:
    """Message without advice by options that the command does not have."""
    context = click.get_current_context(silent=True)
    if context is None:
        return message
    known = {name for option in context.command.params for name in option.opts}

    def keep(found: re.Match) -> str:
        return found[0] if known.issuperset(OPTION.findall(found[0])) else ""

    return re.sub(ADVICE, keep, message)


class InputError(click.ClickException):
    """Bad input; the message is one line."""

    exit_code = BAD_INPUT

    def __init__(self, message: str):
        message = _possible(_in_words(message.replace("\n", " ")))
        super().__init__(_cut(" ".join(printable(message).split())))

    def show(self, file=None) -> None:
        """Print the line."""
        click.echo(f"wsca: {self.message}", file=file, err=True)


@contextmanager
def _usage_in_one_line() -> Iterator[None]:
    """Turn what click says of options and arguments into one line."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        command = "wsca" if error.ctx is None else error.ctx.command_path
        # Several proposals stand in brackets, one does not.
        reason = re.sub(
            r"\.? \((Did you mean |Possible options)(.*)\)$",
            r". \1\2",
            error.format_message().strip(),
        )
        stop = "" if reason.endswith((".", "?")) else "."
        raise InputError(f"{reason}{stop} See {command} --help.") from error


class OneLineGroup(click.Group):
    """Commands that end with one line where they, or the system, refuse something."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options before the name of a command."""
        with _usage_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            with _usage_in_one_line():
                return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # Nobody reads on: click ends quietly.
                raise
            raise InputError(
                f"the system refused to read or write ({error}); check disk space, "
                "permissions, and where the output goes."
            ) from error


@contextmanager
def refuse(files: Mapping[str, Path | str], key: str = "") -> Iterator[None]:
    """Turn refusals into one line that names the files they are about.

    Parameters
    ----------
    files : dict of str to Path or str
        File, or the words for several, by the argument that it became, which is how
        messages of the analysis begin; the one of "y" stands for every other argument.
        The first one is the largest.
    key : str
        Option that names an array of the file.
    """
    try:
        yield
    except MemoryShortageError as error:
        raise InputError(str(error)) from error
    except MemoryError as error:
        # Only what is allocated in one piece has its size in the error.
        reason = f" ({error})" if str(error) else ""
        raise InputError(
            f"{next(iter(files.values()))}: the memory of this machine does not suffice"
            f"{reason}; save embeddings as .npy, which is read in blocks, or analyse "
            "fewer rows."
        ) from error
    except REFUSALS as error:
        message, start = str(error) or type(error).__name__, ""
        # Readers name their file themselves.
        if not isinstance(error, (FileError, FileChangedError)):
            start = _name_files(message, files)
        raise InputError(start + _in_words(message, key)) from error


def _name_files(message: str, files: Mapping[str, Path | str]) -> str:
    """Files of the arguments that a message begins with, or says what they have."""
    first = re.match(r"\w*", message)
    found = [files.get(first[0] if first else "", files.get("y"))]
    found += [files.get(name) for name in re.findall(r"\b(\w+) has\b", message)]
    names = dict.fromkeys(str(file) for file in found if file is not None)
    return f"{' and '.join(names)}: " if names else ""
