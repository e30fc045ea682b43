"""Data of the benchmarks, and how they are measured."""

import ctypes
import json
import os
import platform
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn

# 11 columns with 44 levels, as many as the metadata of the fetal ultrasound study have.
LEVELS = (2, 2, 3, 3, 4, 4, 4, 5, 5, 6, 6)
# By default the workers of dask hand back freed memory at once: that costs page faults.
ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": 2**30,
    "MALLOC_MMAP_THRESHOLD_": 2**25,
    "OMP_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
}
LETTERS = np.array(list("ABCDEF"))


def make_embeddings(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Single-precision embeddings of which a quarter of the directions carry 99 %."""
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(rng.standard_normal((d, d)))[0].astype(np.float32)
    scales = np.geomspace(1.0, 1e-4, d).astype(np.float32)
    means = rng.standard_normal(d).astype(np.float32)
    X = rng.standard_normal((n, d), dtype=np.float32)
    X *= scales
    return X @ mixing + means


def make_table(
    X: np.ndarray, seed: int = 1, n_columns: int = len(LEVELS)
) -> pd.DataFrame:
    """Columns with even levels; every second one is weakly encoded."""
    rng = np.random.default_rng(seed)
    table = {}
    n_columns = max(n_columns, len(LEVELS))
    for i, levels in zip(range(n_columns), cycle(LEVELS)):
        values = rng.standard_normal(len(X))
        if i % 2:
            values += X @ rng.standard_normal(X.shape[1]) / X.std() / 10
        bins = pd.qcut(values, levels, labels=False)
        table[f"column {i + 1} ({levels} levels)"] = LETTERS[bins]
    return pd.DataFrame(table)


def make_head(d: int, n_classes: int = 4, seed: int = 2) -> np.ndarray:
    """Weights of a trained head."""
    return np.random.default_rng(seed).standard_normal((n_classes, d))


def product_rate(size: int = 4096, repeats: int = 3) -> float:
    """Best rate of single-precision matrix products now, in GFLOP/s."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((size, size), dtype=np.float32)
    seconds = min(seconds_of(lambda: A @ A) for _ in range(repeats))
    return 2e-9 * size**3 / seconds


def seconds_of(work) -> float:
    """Wall-clock seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def one_fit(*options, n_threads=None) -> dict:
    """Run a fit in a process of its own, with so many threads of linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    threads = {} if n_threads is None else dict.fromkeys(names, str(n_threads))
    command = [sys.executable, "-m", "benchmarks.one_fit", *map(str, options)]
    output = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | threads
    )
    return json.loads(output.stdout)


def describe_machine() -> str:
    """Processor, cores, memory and versions."""
    model = platform.processor() or "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB; Python "
        f"{platform.python_version()}, numpy {np.__version__}, scipy "
        f"{scipy.__version__}, scikit-learn {sklearn.__version__}"
    )


def reset_peak_memory() -> float:
    """Start a new measurement of peak memory; GB resident now."""
    # Freed blocks of the inputs' making must not hide what a fit needs.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak_memory() -> float:
    """Largest resident memory since `reset_peak_memory`, in GB."""
    return _status("VmHWM")


def bytes_read() -> int:
    """Bytes that this process has read from files so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def _status(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / 1e9
    raise LookupError(field)


@contextmanager
def start_cluster(n_workers, **options):
    """Start worker processes with one thread each; yields their client."""
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": ENVIRONMENT}),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            **options,
        ) as local,
        Client(local) as client,
    ):
        yield client
