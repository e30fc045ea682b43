"""The child: reads one file after the other, and says what came of each.

It takes lines of JSON (reader, path) on standard input and answers each with one line.
"""

import hashlib
import importlib
import json
import os
import resource
import sys
import warnings

import numpy as np
import pandas as pd

from sklearn_wsca.io import FileError, load_embeddings, load_head, load_metadata

GIGABYTE = 1024**3
# More than what is counted as too much, so that it is counted and not prevented.
ROOM = 4 * GIGABYTE
READERS = {
    "embeddings": lambda path: load_embeddings(path),
    "metadata": lambda path: load_metadata(path),
    "head": lambda path: load_head(path, n_features=5),
}


def main(readers):
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    known = importlib.import_module(readers).READERS
    warnings.simplefilter("ignore")
    limit_memory()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        case = json.loads(line)
        reset_peak()
        answer = read(known[case["reader"]], case["path"])
        answer["peak"] = peak()
        print(json.dumps(answer), file=answers, flush=True)


def read(reader, path):
    """Outcome of one file: accepted with a digest of its content, or not."""
    try:
        return {"outcome": "accepted", "detail": digest(reader(path))}
    except (FileError, MemoryError) as error:
        text = str(error)
        if text.isprintable() and isinstance(error, FileError):
            return {"outcome": "refused", "detail": text}
        return {"outcome": "traceback", "detail": repr(error)[:200]}
    except Exception as error:  # What else a reader raises is what is looked for.
        return {"outcome": "traceback", "detail": repr(error)[:200]}


def digest(value):
    """Hash of what was read: numbers to the bit, text and names."""
    found = hashlib.sha256()
    for part in _parts(value):
        found.update(part)
        found.update(b"\0")
    return found.hexdigest()


def _parts(value):
    if isinstance(value, pd.DataFrame):
        for name in value:
            yield repr(name).encode()
            yield from _parts(value[name].to_numpy(dtype=object, na_value=None))
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype} {value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.ndarray):
        yield repr(value.tolist()).encode("utf-8", "backslashreplace")
    elif hasattr(value, "coef"):
        yield from _parts((value.coef, value.intercept))
        yield repr(value.classes).encode()
    elif isinstance(value, tuple):
        for part in value:
            yield from _parts(part)
    else:
        yield repr(value).encode()


def limit_memory():
    """Have the system refuse what would take the machine down."""
    used = int(_status("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def reset_peak():
    """Count the peak from here on."""
    with open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123
        file.write("5")


def peak():
    """Most bytes that this process, or one that it started, held in memory."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return max(int(_status("VmHWM")), started)


def _status(name):
    with open("/proc/self/status") as file:  # noqa: PTH123
        for line in file:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
