"""One fit in a process of its own, for its time and peak memory: prints JSON.

Run by the other benchmarks: ``python -m benchmarks.one_fit --help``.
"""

import json
import tempfile
import time
import warnings
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click
import joblib
import numpy as np
import pandas as pd

from benchmarks.studies import (
    bytes_read,
    make_embeddings,
    make_head,
    make_table,
    peak_memory,
    reset_peak_memory,
    start_cluster,
)
from sklearn_wsca import Head, WeightSpaceCorrelation
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._backend.progress import watch_progress

ROWS_WRITTEN = 50_000
TARGET, PATIENT, AGE = "target", "patient", "age"
BETWEEN = "between steps"


@click.command()
@click.option("--rows", default=8007)
@click.option("--features", default=2048)
@click.option("--permutations", default=999)
@click.option("--workers", default=-1, help="0: the default of Python.")
@click.option("--backend", default="threading")
@click.option("--columns", default=11)
@click.option("--on-disk", is_flag=True, help="Embeddings in a memory map.")
@click.option("--target", is_flag=True, help="With a target, and so all steps.")
@click.option("--classes", default=4, help="Of the target.")
@click.option("--untrained", is_flag=True, help="The head of the target is fitted.")
@click.option("--patients", is_flag=True, help="Rows belong to patients.")
@click.option("--images", default=3, help="Rows per patient, about.")
@click.option("--confounder", is_flag=True, help="A continuous one.")
def main(
    rows,
    features,
    columns,
    on_disk,
    target,
    classes,
    untrained,
    patients,
    images,
    confounder,
    **options,
):
    """Fit once and print seconds, seconds per step, and memory."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        if options["backend"] == "dask":
            stack.enter_context(start_cluster(options["workers"]))
        if on_disk:
            X, table = write_embeddings(Path(folder) / "X.npy", rows, features)
        else:
            X = make_embeddings(rows, features)
            table = make_table(X, n_columns=columns)
        table, head, roles = table.iloc[:, :columns], make_head(features, classes), {}
        if target:
            head, table[TARGET] = make_decision(X, head)
            roles["target"] = TARGET
        roles |= add_roles(table, X, patients and images, confounder)
        fit(X, table, None if untrained else head, roles, **options)


def add_roles(table, X, images, confounder):
    """Add columns of patients and of a confounder that the embeddings encode."""
    rng, roles = np.random.default_rng(5), {}
    if images:
        table[PATIENT] = rng.integers(0, len(X) // images, len(X))
        roles["groups"] = PATIENT
    if confounder:
        first = np.asarray(X[:, 0], dtype=np.float64)
        table[AGE] = first / first.std() + 5.0 * rng.standard_normal(len(X))
        roles["confounders"] = [AGE]
    return roles


def make_decision(X, coef):
    """Make a head with class scores of unit length, and labels that follow them."""
    outputs = X @ coef.T.astype(X.dtype)
    mean, spread = outputs.mean(axis=0), outputs.std()
    names = [f"class {number:04}" for number in range(len(coef))]
    head = Head(coef / spread, -mean / spread, classes=names)
    noise = np.random.default_rng(5).standard_normal(outputs.shape)
    labels = ((outputs - mean) / spread + noise).argmax(axis=1)
    return head, np.array(names)[labels]


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


class TimedJob:
    """A job that returns its own processor seconds besides its result."""

    def __init__(self, job):
        self.job = job

    def __call__(self, T):
        """Run it."""
        start = time.thread_time()
        return self.job(T), time.thread_time() - start


def time_jobs():
    """Seconds of the jobs of each run from now on, in a list that grows."""
    run, lengths = JobRunner.run, []

    def run_timed(runner, name, jobs):
        found = list(run(runner, name, [TimedJob(job) for job in jobs]))
        lengths.append([seconds for _, seconds in found])
        return iter([result for result, _ in found])

    JobRunner.run = run_timed
    return lengths


def fit(X, table, head, roles, permutations, workers, backend):
    """Fit, measure and print."""
    analysis = WeightSpaceCorrelation(
        **roles,
        target_head=head,
        n_permutations=permutations,
        random_state=0,
        n_jobs=workers or None,
    )
    seconds, processor = Counter(), Counter()

    def watch(step, done, _):
        nonlocal last
        now = time.perf_counter(), time.process_time()
        # What comes before the begin of a step belongs to none.
        name = step if done else BETWEEN
        seconds[name] += now[0] - last[0]
        processor[name] += now[1] - last[1]
        last = now

    lengths = time_jobs()
    before, read = reset_peak_memory(), bytes_read()
    start = time.perf_counter()
    last = start, time.process_time()
    with (
        watch_progress(watch),
        joblib.parallel_config(backend=backend),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="n_permutations")
        analysis.fit(X, table)
        watch(BETWEEN, 0, 0)
    total, read = time.perf_counter() - start, bytes_read() - read
    start = time.perf_counter()
    analysis.transform(X)
    result = {
        "seconds": total,
        "steps": seconds,
        "processor_seconds": processor,
        "job_seconds": lengths,
        "transform_seconds": time.perf_counter() - start,
        "memory_before_gb": before,
        "peak_memory_gb": peak_memory(),
        "read_gb": read / 1e9,
        "k": analysis.n_components_,
        "pvalues": analysis.pvalues_.tolist(),
        "scores": analysis.alignment_scores_.tolist(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
