"""A fit on a dask cluster: rows that stay on its workers, and what is fetched."""

import tempfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np

from benchmarks.studies import (
    make_head,
    make_table,
    peak_memory,
    reset_peak_memory,
    seconds_of,
    start_cluster,
)
from sklearn_wsca import WeightSpaceCorrelation

N_FEATURES, N_COMPONENTS = 1024, 30


def write_files(folder, n_files, rows_per_file):
    """Embeddings in several files, and their table."""
    mixing = np.random.default_rng(0).standard_normal((N_COMPONENTS, N_FEATURES))
    hidden = []
    for number in range(n_files):
        rng = np.random.default_rng(number)
        hidden.append(rng.standard_normal((rows_per_file, N_COMPONENTS)))
        rows = hidden[-1] @ mixing / 10 + 0.01 * rng.standard_normal(
            (rows_per_file, N_FEATURES)
        )
        np.save(folder / f"part_{number:03}.npy", (1.0 + rows).astype(np.float32))
    return make_table(np.concatenate(hidden)).iloc[:, :2]


def read_part(path):
    """Rows of one file, read by whoever works on them."""
    return np.load(path)


def on_workers(paths, rows_per_file):
    """One dask array of the files, a chunk each."""
    import dask.array
    from dask import delayed

    shape = (rows_per_file, N_FEATURES)
    parts = [
        dask.array.from_delayed(delayed(read_part)(path), shape, np.float32)
        for path in paths
    ]
    return dask.array.concatenate(parts)


def make_analysis():
    """Two columns, few permutations: what counts here are the rows."""
    return WeightSpaceCorrelation(
        target_head=make_head(N_FEATURES),
        n_components=N_COMPONENTS,
        n_permutations=39,
        random_state=0,
    )


def cluster(quick):
    """Fits on two and four workers, each with less memory than the data take.

    The quick version has two workers only, as each takes seconds to start.
    """
    n_files, rows_per_file = (8, 2_000) if quick else (50, 5_000)
    limit = "900MB" if not quick else "500MB"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = write_files(folder, n_files, rows_per_file)
        paths = sorted(folder.glob("part_*.npy"))
        here = make_analysis().fit(np.concatenate([*map(np.load, paths)]), table)
        gigabytes = n_files * rows_per_file * N_FEATURES * 4e-9
        for n_workers in (2,) if quick else (2, 4):
            with (
                start_cluster(n_workers, memory_limit=limit) as client,
                joblib.parallel_config(backend="dask"),
            ):
                fetched = count_fetched(client)
                X, analysis = on_workers(paths, rows_per_file), make_analysis()
                before = reset_peak_memory()
                seconds = seconds_of(partial(analysis.fit, X, table))
                above = peak_memory() - before
            difference = (analysis.alignment_scores_ - here.alignment_scores_).abs()
            print(
                f"cluster, {n_workers} processes of {limit}: {gigabytes:.2f} GB of "
                f"rows on the workers; fetched {sum(fetched) / 1e9:.3f} GB, the "
                f"largest result {max(fetched) / 1e6:.1f} MB; memory of this process "
                f"grows by {above:.2f} GB; {seconds:.0f} s; p-values "
                f"{'equal' if analysis.pvalues_.equals(here.pvalues_) else 'DIFFER'}, "
                f"statistics to {difference.max():.0e}"
            )


def count_fetched(client):
    """Bytes of every result that the client fetches from now on."""
    from dask.sizeof import sizeof

    fetched, gather = [0], client.gather

    def counting(futures, *arguments, **options):
        found = gather(futures, *arguments, **options)
        if not options.get("asynchronous"):
            fetched.append(sizeof(found))
        return found

    client.gather = counting
    return fetched
