"""Bad input: one line on standard error and exit code 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from sklearn_wsca._wording import printable
from sklearn_wsca.io import FileError

BAD_INPUT = 2
# Ways in which numpy, pandas and scikit-learn refuse what they are given.
REFUSALS = (ValueError, TypeError, OverflowError, OSError, ImportError, MemoryError)


class InputError(click.ClickException):
    """Bad input; the message is one line."""

    exit_code = BAD_INPUT

    def __init__(self, message: str):
        super().__init__(" ".join(printable(message.replace("\n", " ")).split()))

    def show(self, file=None) -> None:
        """Print the line."""
        click.echo(f"wsca: {self.message}", file=file, err=True)


@contextmanager
def refuse(files: dict[str, Path]) -> Iterator[None]:
    """Turn refusals into one line that names the file they are about.

    Parameters
    ----------
    files : dict of str to Path
        File by the argument that it became, which is how messages of the analysis
        begin; the one of "y" stands for every other argument.
    """
    try:
        yield
    except MemoryError as error:
        raise InputError(
            f"the memory of this machine does not suffice ({error}); save embeddings "
            "as .npy, which is read in blocks, or analyse fewer rows."
        ) from error
    except REFUSALS as error:
        message = str(error) or type(error).__name__
        # Readers name their file themselves.
        if not isinstance(error, FileError):
            argument = message.split(":")[0].split("[")[0]
            file = files.get(argument, files.get("y"))
            message = message if file is None else f"{file}: {message}"
        raise InputError(message) from error
