"""A process that reads one file for another, with limits of time and memory.

Its answer is a sequence of parts, JSON or plain bytes, so that nothing has to be
unpickled. Where the system cannot limit the memory of a process (Windows, macOS), sizes
that the file declares are checked all the same.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from sklearn_wsca._backend.memory_size import largest_size
from sklearn_wsca._native.refusals import OversizeError, RefusalError

# Reading takes seconds; whatever is not done by then turns in circles.
SECONDS = 60
PROCESSOR_SECONDS = 6
BYTES_PER_SECOND = 1_000_000
# What libraries take besides what they read.
SPARE_MEMORY = 512 * 2**20
COPIES = 2
JSON, BYTES, REFUSED, OVERSIZE, MISSING, FAILED, MEMORY, END = range(8)
# Threads, and allocators that reserve memory ahead, take room that files do not need.
SPARING = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}
START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sklearn_wsca._native.process import serve; serve()"
)


class ReadingError(Exception):
    """The library did not get to the end of the file; the text says why."""


def read_apart(
    task: str, file: Path, max_size: int | None, **arguments: Any
) -> Generator[Any, None, None]:
    """Parts that a generator function yields in a process of its own.

    Parameters
    ----------
    task : str
        Module and name of a generator function, which is called with the file,
        `max_size` and the arguments.
    file : Path
        The file.
    max_size : int or None
        Bytes that its content may take in memory, as in `largest_size`.
    **arguments
        What JSON can hold.

    Yields
    ------
    object
        What JSON holds; bytes-like parts as bytearray.

    Raises
    ------
    RefusalError, OversizeError, ImportError
        As the function raised them.
    MemoryError
        If the process needs more memory than it may take.
    ReadingError
        If the library raised anything else, crashed, or was stopped for its time.
    """
    size = file.stat().st_size
    request = {
        "task": task,
        "arguments": {"file": str(file.resolve()), "max_size": max_size} | arguments,
        "memory": size + SPARE_MEMORY + COPIES * largest_size(max_size, size),
        "seconds": PROCESSOR_SECONDS + size // BYTES_PER_SECOND,
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-c", START, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | SPARING,
    )
    assert process.stdin is not None and process.stdout is not None
    watch = threading.Timer(SECONDS + size / BYTES_PER_SECOND, process.kill)
    watch.daemon = True
    watch.start()
    try:
        with process.stdin as stream:
            stream.write(json.dumps(request).encode())
        yield from _parts(process.stdout, process, watch)
    finally:
        # Also where the reader is interrupted, or wants no more.
        watch.cancel()
        process.kill()
        process.stdout.close()
        process.wait()


def _parts(
    stream: IO[bytes], process: subprocess.Popen, watch: threading.Timer
) -> Iterator[Any]:
    """Parts up to the mark of the end."""
    while True:
        head = stream.read(9)
        kind = head[0] if len(head) == 9 else None
        part = bytearray(int.from_bytes(head[1:], "little"))
        if kind is None or stream.readinto(part) < len(part):  # type: ignore[attr-defined]
            process.wait()
            raise ReadingError(_why_it_ended(process.returncode, watch))
        if kind == BYTES:
            yield part
            continue
        content = json.loads(part)
        if kind == END:
            return
        if kind != JSON:
            raise _error(kind, content)
        yield content


def _error(kind: int, content: Any) -> Exception:
    if kind == OVERSIZE:
        return OversizeError(*content)
    errors = {REFUSED: RefusalError, MISSING: ImportError, MEMORY: MemoryError}
    return errors.get(kind, ReadingError)(content)


def _why_it_ended(code: int, watch: threading.Timer) -> str:
    """Why a process ended without a word."""
    if watch.finished.is_set() or code == -getattr(signal, "SIGXCPU", 0):
        return "its library did not come to an end in reading it and was stopped"
    if code < 0:
        return f"its library crashed in reading it: {signal.Signals(-code).name}"
    return f"the process that reads it ended with exit code {code}"


# --- in the process ------------------------------------------------------------------


def serve() -> None:
    """Read the request, and answer it."""
    request = json.loads(sys.stdin.buffer.read())
    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print must not come between the parts.
    os.dup2(2, 1)
    for kind, part in _answers(request):
        content = part if kind == BYTES else json.dumps(part).encode()
        view = memoryview(content).cast("B")
        answers.write(bytes([kind]) + len(view).to_bytes(8, "little"))
        answers.write(view)
        answers.flush()
    # Libraries that a file has confused may crash in clearing up.
    os._exit(0)


def _answers(request: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    module, _, name = request["task"].partition(":")
    try:
        function = getattr(import_module(module), name)
        limit_process(request["memory"], request["seconds"])
        for part in function(**request["arguments"]):
            is_bytes = isinstance(part, (bytes, bytearray, memoryview))
            yield BYTES if is_bytes else JSON, part
        yield END, None
    except RefusalError as error:
        yield REFUSED, str(error)
    except OversizeError as error:
        yield OVERSIZE, [error.what, error.declared, error.stored]
    except ImportError as error:
        yield MISSING, str(error)
    except MemoryError:
        yield MEMORY, ""
    # A damaged file makes its library raise anything from KeyError to RecursionError.
    except Exception as error:
        yield FAILED, f"{type(error).__name__}: {error}"


def limit_process(memory: int, seconds: int) -> None:
    """Let this process take no more than so much memory and processor time from now."""
    try:
        resource: Any = import_module("resource")
    except ImportError:  # Windows has none.
        return
    used = _address_space()
    limits = [(resource.RLIMIT_CPU, seconds)]
    if used is not None:
        limits.append((resource.RLIMIT_AS, used + memory))
    for kind, limit in limits:
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            limit = min(limit, most)
        resource.setrlimit(kind, (limit, most))


def _address_space() -> int | None:
    """Bytes of address space in use; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
