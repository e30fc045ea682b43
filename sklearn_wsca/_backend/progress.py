"""How far long work has come, told to whoever watches.

A step is told when it begins, with nothing done, and whenever a part of it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Told the name of a step, what is done of it, and what there is to do; 0 of 0 where
# nobody knows.
Watcher = Callable[[str, int, int], None]
PARTS_PER_PASS = 1000

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)
_passes: ContextVar[_Passes | None] = ContextVar("passes", default=None)


@contextmanager
def watch_progress(watcher: Watcher) -> Iterator[None]:
    """Have `watcher` told about every step in this context."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def is_watched() -> bool:
    """Whether anybody watches in this context."""
    return _watcher.get() is not None


def tell(name: str, done: int, total: int) -> None:
    """Tell what is done of a step."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(name, done, total)


@contextmanager
def step(name: str, n_passes: int = 0) -> Iterator[None]:
    """Tell the begin and the end of a step, and between them of passes over the rows.

    Parameters
    ----------
    name : str
        The step.
    n_passes : int
        How often the embeddings are read in it, by `count_rows`; 0 where that tells
        little of what remains.
    """
    passes = _Passes(name, n_passes)
    token = _passes.set(passes)
    tell(name, 0, passes.total)
    try:
        yield
    finally:
        _passes.reset(token)
    tell(name, passes.total, passes.total)


def count_rows(share: float) -> None:
    """Tell that a share of the rows has been read, if a step counts that."""
    passes = _passes.get()
    if passes is not None:
        passes.advance(share)


class _Passes:
    """A step that reads the rows a number of times."""

    def __init__(self, name: str, n_passes: int) -> None:
        self.name, self.n_passes = name, n_passes
        self.read, self.told = 0.0, 0
        self.total = PARTS_PER_PASS * max(n_passes, 1)

    def advance(self, share: float) -> None:
        """Tell of a share of the rows; the end is told by the step itself."""
        self.read += share * bool(self.n_passes)
        done = min(round(PARTS_PER_PASS * self.read), self.total - 1)
        if done > self.told:
            self.told = done
            tell(self.name, done, self.total)
