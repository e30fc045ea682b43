"""One fit in a process of its own, for its time and peak memory: prints JSON.

Run by the other benchmarks: ``python -m benchmarks.one_fit --help``.
"""

import json
import tempfile
import time
import warnings
from pathlib import Path

import click
import joblib
import numpy as np
import pandas as pd

from benchmarks.studies import (
    make_embeddings,
    make_head,
    make_table,
    peak_memory,
    reset_peak_memory,
)
from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend.progress import watch_progress

ROWS_WRITTEN = 50_000


@click.command()
@click.option("--rows", default=8007)
@click.option("--features", default=2048)
@click.option("--permutations", default=999)
@click.option("--workers", default=2)
@click.option("--backend", default="threading")
@click.option("--columns", default=11)
@click.option("--on-disk", is_flag=True, help="Embeddings in a memory map.")
def main(rows, features, permutations, workers, backend, columns, on_disk):
    """Fit once and print seconds, seconds per step, and memory."""
    with tempfile.TemporaryDirectory() as folder:
        if on_disk:
            X, table = write_embeddings(Path(folder) / "X.npy", rows, features)
        else:
            X = make_embeddings(rows, features)
            table = make_table(X)
        fit(X, table.iloc[:, :columns], permutations, workers, backend)


def write_embeddings(path: Path, rows: int, features: int):
    """Write embeddings to disk piece by piece, and map them."""
    X = np.lib.format.open_memmap(path, "w+", np.float32, (rows, features))
    tables = []
    for start in range(0, rows, ROWS_WRITTEN):
        piece = make_embeddings(min(ROWS_WRITTEN, rows - start), features, 0)
        # One mixing for all, other rows in each.
        piece = np.random.default_rng(start).permutation(piece)
        X[start : start + len(piece)] = piece
        tables.append(make_table(piece, start))
    X.flush()
    del X
    return np.load(path, mmap_mode="r"), pd.concat(tables, ignore_index=True)


def fit(X, table, permutations, workers, backend):
    """Fit, measure and print."""
    analysis = WeightSpaceCorrelation(
        target_head=make_head(X.shape[1]),
        n_permutations=permutations,
        random_state=0,
        n_jobs=workers,
    )
    seconds, last = {}, time.perf_counter()

    def watch(step, *_):
        nonlocal last
        now = time.perf_counter()
        seconds[step] = seconds.get(step, 0.0) + now - last
        last = now

    before = reset_peak_memory()
    start = last = time.perf_counter()
    with (
        watch_progress(watch),
        joblib.parallel_config(backend=backend),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="n_permutations")
        analysis.fit(X, table)
    total = time.perf_counter() - start
    start = time.perf_counter()
    analysis.transform(X)
    result = {
        "seconds": total,
        "steps": seconds,
        "transform_seconds": time.perf_counter() - start,
        "memory_before_gb": before,
        "peak_memory_gb": peak_memory(),
        "k": analysis.n_components_,
        "pvalues": analysis.pvalues_.tolist(),
        "scores": analysis.alignment_scores_.tolist(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
