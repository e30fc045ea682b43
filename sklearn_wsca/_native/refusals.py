"""What a reading process has to say of a file that it does not read."""

from __future__ import annotations

from sklearn_wsca._backend.memory_size import fits


class RefusalError(Exception):
    """The file cannot be used; the text says what was found and what to do."""


class OversizeError(Exception):
    """Content would take more memory than it may.

    Parameters
    ----------
    what : str
        The content.
    declared : int
        Bytes that it takes in memory.
    stored : int
        Bytes that it takes in the file.
    """

    def __init__(self, what: str, declared: int, stored: int) -> None:
        super().__init__(what, declared, stored)
        self.what, self.declared, self.stored = what, declared, stored


def check_size(what: str, declared: int, stored: int, max_size: int | None) -> None:
    """Raise if content would take more than the limit, or grow like a zip bomb."""
    if not fits(declared, max_size, stored):
        raise OversizeError(what, declared, stored)
