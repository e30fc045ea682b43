"""Answers of the process that reads a file, and what is said where it gives none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sklearn_wsca._backend.memory_size import describe_size, largest_size
from sklearn_wsca._native.process import ReadingError, read_apart
from sklearn_wsca._native.refusals import OversizeError, RefusalError
from sklearn_wsca.io._errors import LONGEST_REASON, file_error, one_line
from sklearn_wsca.io._sizes import check_unpacked_size


@contextmanager
def parts_of(
    path: Any, what: str, task: str, file: Path, max_size: int | None, **arguments: Any
) -> Iterator[Iterator[Any]]:
    """What a function of `_native` yields; its errors are about the file."""
    try:
        with closing(read_apart(task, file, max_size, **arguments)) as parts:
            yield parts
    except RefusalError as error:
        raise file_error(path, str(error)) from error
    except OversizeError as error:
        sizes = error.declared, error.stored, max_size
        check_unpacked_size(path, error.what, *sizes)
        raise
    except MemoryError as error:
        limit = describe_size(largest_size(max_size, file.stat().st_size))
        raise file_error(
            path,
            f"this {what} would take more than {limit} once unpacked, which is the "
            "limit; save embeddings as .npy, which is read from disk, or fewer rows, "
            "or raise the limit max_size (--max-size).",
        ) from error
    except ReadingError as error:
        reason = one_line(str(error))[:LONGEST_REASON]
        raise file_error(
            path,
            f"cannot be read as {what} ({reason}); it may be damaged or cut off: write "
            "it again.",
        ) from error
