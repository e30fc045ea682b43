"""Speed and memory of feature maps on disk, side by side with reading and summing.

Run from the repository: ``python -m benchmarks.feature_maps``. It writes 2 GB to a
temporary file and takes one to two minutes; ``--quick`` takes 20 MB and seconds.
"""

import tempfile
import time
from pathlib import Path

import click
import numpy as np

from benchmarks.studies import describe_machine, peak_memory, reset_peak_memory
from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._features.activation_scale import common_ranges
from sklearn_wsca._features.contributions import measure_importance, predict_rows
from sklearn_wsca._features.maps import FeatureMaps, survey_maps

N_FEATURES, SPATIAL, N_CLASSES = 256, (14, 14), 10
ROWS_WRITTEN = 250
ROWS_SUMMED = 100
REPEATS = 7
AIM, MEGABYTES_OF_THE_AIM = 2.0, 500


def write_maps(path, n):
    """Write rectified maps of unequal scales, of which each class has its own."""
    rng = np.random.default_rng(0)
    shape = (N_FEATURES, *SPATIAL)
    A = np.lib.format.open_memmap(path, "w+", np.float32, (n, *shape))
    labels = np.arange(n) % N_CLASSES
    scale = np.geomspace(0.1, 10.0, N_FEATURES).astype(np.float32)[:, None, None]
    own = np.arange(N_FEATURES) % N_CLASSES
    for start in range(0, n, ROWS_WRITTEN):
        rows = slice(start, min(start + ROWS_WRITTEN, n))
        block = rng.standard_normal((rows.stop - start, *shape), dtype=np.float32)
        block += 0.3 * (labels[rows, None] == own)[:, :, None, None]
        A[rows] = scale * np.maximum(block, 0.0)
    A.flush()
    noise = 0.05 * rng.standard_normal((N_CLASSES, N_FEATURES))
    weights = ((np.arange(N_CLASSES)[:, None] == own) + noise) / scale[:, 0, 0]
    return labels, weights


def read_and_sum(A, *_):
    """What everything is compared with: one thread, as numpy does it."""
    starts = range(0, len(A), ROWS_SUMMED)
    return sum(float(A[start : start + ROWS_SUMMED].sum()) for start in starts)


def contributions_importance_and_scale(A, labels, weights):
    """What the aim is about."""
    head = Head(weights, np.zeros(N_CLASSES), tuple(range(N_CLASSES)), "logistic")
    survey = survey_maps(FeatureMaps.of(A), weights)
    measure_importance(head, survey.pooled, labels)
    decided = predict_rows(head, survey.pooled)
    return survey, common_ranges(survey, (1, 99), "all", decided)


def whole_fit(A, labels, weights):
    """All of `IntegratedFeatureAnalysis.fit`."""
    return IntegratedFeatureAnalysis(weights, random_state=0).fit(A, labels)


STEPS = {
    "reading and summing": read_and_sum,
    "contributions, importance, common scale": contributions_importance_and_scale,
    "whole fit": whole_fit,
}


def measure(work, path, *arguments):
    """Seconds on the clock, seconds of processors, and megabytes above what was."""
    A = np.load(path, mmap_mode="r")
    before = reset_peak_memory()
    start, busy = time.perf_counter(), time.process_time()
    work(A, *arguments)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return seconds, busy, 1e3 * (peak_memory() - before)


def measure_side_by_side(path, labels, weights, repeats):
    """Table (step, repeat, quantity), the steps by turns."""
    found = [
        [measure(work, path, labels, weights) for work in STEPS.values()]
        for _ in range(repeats + 1)
    ]
    # The first turn brings the file into the page cache.
    return np.array(found[1:]).transpose(1, 0, 2)


def check_agreement(path, labels, weights):
    """Largest difference from double-precision numpy on stored maps of some samples."""
    A = np.load(path, mmap_mode="r")
    survey, _ = contributions_importance_and_scale(A, labels, weights)
    rows = np.arange(0, len(A), max(1, len(A) // 50))
    maps = np.einsum("kc,ncp->nkp", weights, A[rows].reshape(len(rows), N_FEATURES, -1))
    pooled = A[rows].mean(axis=(2, 3), dtype=np.float64)
    ends = survey.highest[rows] - maps.max(axis=2), survey.lowest[rows] - maps.min(2)
    return (
        np.abs(survey.pooled[rows] - pooled).max() / pooled.max(),
        np.abs(ends).max() / np.ptp(maps),
    )


@click.command()
@click.option("--quick", is_flag=True, help="Small data: whether everything runs.")
def main(quick):
    """Print time, memory and agreement."""
    n, repeats = (100, 2) if quick else (10_000, REPEATS)
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "A.npy"
        labels, weights = write_maps(path, n)
        size = path.stat().st_size / 1e9
        print(f"{n} maps of {N_FEATURES} x 14 x 14 float32 on disk, {size:.2f} GB")
        found = measure_side_by_side(path, labels, weights, repeats)
        of_pooled, of_ends = check_agreement(path, labels, weights)
    base = found[0]
    for name, own in zip(STEPS, found, strict=True):
        times = np.median(own[:, 0] / base[:, 0])
        work = np.median(own[:, 1] / base[:, 1])
        print(
            f"{name}: {np.median(own[:, 0]):.2f} s (best {own[:, 0].min():.2f}), "
            f"{times:.1f} times reading, processor time {np.median(own[:, 1]):.2f} s "
            f"({work:.1f} times); peak memory {own[:, 2].max():.0f} MB above the start"
        )
    print(f"aim for contributions ...: {AIM:g} times, {MEGABYTES_OF_THE_AIM} MB")
    print(
        f"differences from double precision: {of_pooled:.0e} of the largest mean, "
        f"{of_ends:.0e} of the range of the maps"
    )


if __name__ == "__main__":
    main()
