"""Running out of memory: smaller parts where the work has any, and one clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

# How torch says it, on whatever device; its own error class is not always used.
SIGNS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",
)


class MemoryShortageError(MemoryError):
    """Memory does not suffice; the message says where, and what to do."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of numpy, torch or Python says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in SIGNS)


def in_parts(
    work: Callable[[range], Result], items: range, size: int
) -> Iterator[Result]:
    """Results of `work` on consecutive parts of the items, in order.

    A part for which memory does not suffice is halved and tried again, and the parts
    behind it are no larger; a single item that does not fit raises its error. It is for
    work whose result does not depend on the parts but for rounding.

    Parameters
    ----------
    work : callable
        Called with a part.
    items : range
        What is done in all.
    size : int
        Largest number of items in a part.
    """
    start = items.start
    while start < items.stop:
        part = range(start, min(start + size, items.stop))
        try:
            result = work(part)
        except (MemoryError, RuntimeError) as error:
            if len(part) == 1 or not is_out_of_memory(error):
                raise
            # Tried again below, when the error no longer holds on to half the work.
            size = len(part) // 2
            continue
        yield result
        start = part.stop


@contextmanager
def explain_shortage(where: str, advice: str) -> Iterator[None]:
    """Turn an error for want of memory into one line that says where, and what to do.

    Raises
    ------
    MemoryShortageError
        If memory does not suffice.
    """
    try:
        yield
    except MemoryShortageError:
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise MemoryShortageError(
            f"{where}: memory does not suffice ({reason}). {advice}"
        ) from error


@contextmanager
def explain_lost_workers(message: str) -> Iterator[None]:
    """Say what happened when a back end tells that it lost workers.

    Most often memory ran out, and the system ended them.

    Raises
    ------
    RuntimeError
        With the message, if workers were lost.
    """
    try:
        yield
    except Exception as error:
        lost = isinstance(error, (BrokenProcessPool, CancelledError))
        # That of dask, which need not be installed.
        if not lost and type(error).__name__ != "KilledWorker":
            raise
        raise RuntimeError(message) from error
