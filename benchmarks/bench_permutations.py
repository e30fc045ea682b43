"""Speed and memory of the permutation engine, side by side with scikit-learn.

Run from the repository: ``python -m benchmarks.bench_permutations [SECTION ...]``. All
sections take about half an hour on two cores, ``--quick`` a minute (smaller data, for
a test that everything runs).
"""

import sys
import time
from functools import partial
from unittest.mock import Mock

import click
import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks.agreement import agreement, unit
from benchmarks.cluster import cluster
from benchmarks.studies import (
    LEVELS,
    describe_machine,
    make_embeddings,
    make_table,
    one_fit,
    product_rate,
    seconds_of,
)
from benchmarks.traffic import traffic
from benchmarks.workers import workers
from sklearn_wsca._alignment.comparison import Primary
from sklearn_wsca._alignment.null import PERMUTATIONS_PER_BATCH, RefitNull, refit_scores
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._heads.fit import Rows
from sklearn_wsca._heads.probe import Probe, batch_precision
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._linear import logistic as logistic_module
from sklearn_wsca._linear.subspace import fit_subspace
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan, split

SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky")
# The rate at which the aim for the whole fit, 12 seconds, is stated.
RATE_OF_THE_AIM, SECONDS_OF_THE_AIM = 350.0, 12.0
SMALL = ("--rows", 999, "--features", 64, "--columns", 3, "--permutations", 49)
# What is exchanged and held fixed: options of a fit, and what it may cost beside rows.
UNITS = {
    "rows": ((), 1.0),
    "patients": (("--patients",), 1.3),
    "a confounder": (("--confounder",), 1.5),
    "patients and a confounder": (("--patients", "--confounder"), 1.5),
}


def run_jobs(T, jobs, workers=2):
    """Run jobs as an estimator does."""
    silent = Mock(**{"subcontext.return_value": Mock()})
    return list(JobRunner(None, silent, workers, T).run("benchmark", jobs))


class ProductCounter:
    """Counts the operations of the matrix products that logistic fits need."""

    def __init__(self):
        self.operations = 0
        self._methods = {}

    def __enter__(self):
        for name in ("_evaluate", "_label_moments"):
            method = getattr(logistic_module.LogisticProblem, name)
            self._methods[name] = method
            setattr(logistic_module.LogisticProblem, name, self._counting(name, method))
        return self

    def __exit__(self, *_):
        for name, method in self._methods.items():
            setattr(logistic_module.LogisticProblem, name, method)

    def _counting(self, name, method):
        def counted(problem, *arguments, **options):
            n, k = problem.design.shape
            if name == "_evaluate":
                p, r, _ = arguments[0].shape
                self.operations += 2 * 2 * n * k * r * p
            else:
                n_sums = problem.n_free + (problem.weights.ndim == 2)
                self.operations += 2 * n * k * n_sums * problem.n_problems
            return method(problem, *arguments, **options)

        return counted


def environment(quick):
    """Machine and rate of matrix products."""
    print(describe_machine())
    with threadpool_limits(1, "blas"):
        one = product_rate(1024 if quick else 4096)
    both = product_rate(1024 if quick else 4096)
    print(f"single-precision products: {both:.0f} GFLOP/s, one thread {one:.0f}")


def make_rows(quick):
    """Coordinates, their subspace and the columns of the study."""
    n, d = (2500, 256) if quick else (8007, 2048)
    X = make_embeddings(n, d)
    table = make_table(X)
    weights = np.ones(n)
    subspace = fit_subspace(X, weights, 0.99, 50)
    T, _ = subspace.coordinates(X, batch_precision(n))
    columns = [read_column(table[name]) for name in table]
    return Rows(T, weights, subspace), columns


def permutations(quick):
    """The permutation stage per column: refits, scikit-learn's solvers, products.

    Four copies of a column share the permutations, as eleven columns do in a fit.
    """
    rows, columns = make_rows(quick)
    n, k = rows.T.shape
    print(f"permutation stage, {n} x {k} coordinates, refits of permuted columns:")
    rng = np.random.default_rng(3)
    primary = Primary(unit(rng.standard_normal((4, k))), 1.0, "rms")
    copies, m = 4, 2 * PERMUTATIONS_PER_BATCH
    plan = PermutationPlan(0, m, n)
    batches = list(split(range(m), PERMUTATIONS_PER_BATCH))
    timed, total, operations, rates = {}, 0.0, 0, []
    for column in columns:
        levels = column.n_levels
        probe = Probe("logistic", levels)
        null = RefitNull(
            rows.design(column.rows), column, probe, None, exchange_units(column, None)
        )
        jobs = [
            partial(
                refit_scores, nulls=[null] * copies, batch=b, plan=plan, primary=primary
            )
            for b in batches
        ]
        rates.append(product_rate(1024 if quick else 3072, 2))
        with ProductCounter() as counter:
            seconds = min(seconds_of(lambda j=jobs: run_jobs(rows.T, j)) for _ in "ab")
        # Both repeats were counted.
        own = counter.operations / 2
        total, operations = total + seconds, operations + own
        if levels not in timed:
            timed[levels] = time_scikit_learn(rows.T, column, quick)
        fastest = min(timed[levels], key=timed[levels].get)
        ours = seconds / (copies * m)
        print(
            f"  {levels} levels: {1e3 * ours:.2f} ms; {fastest} "
            f"{timed[levels][fastest]:.3f} s, {timed[levels][fastest] / ours:.0f} "
            f"times; default {timed[levels]['lbfgs float64']:.3f} s, "
            f"{timed[levels]['lbfgs float64'] / ours:.0f} times; "
            f"{own / (copies * m) / (2 * n * k * (levels - 1)):.1f} products, "
            f"{own / seconds / 1e9 / rates[-1]:.0%} of the product rate"
        )
    print(
        f"  all {len(columns)}: {1e3 * total / (copies * m):.1f} ms per permutation, "
        f"{operations / total / 1e9:.0f} GFLOP/s in products, "
        f"{operations / total / 1e9 / np.mean(rates):.0%} of {np.mean(rates):.0f}"
    )


def time_scikit_learn(T, column, quick):
    """Seconds per fit of a permuted column by solver and precision."""
    labels = np.random.default_rng(4).permutation(column.labels)
    seconds = {}
    for solver in SOLVERS:
        if solver == "newton-cholesky" and column.n_levels > 3:
            continue  # Its Hessian has (levels x k)^2 entries: seconds per fit.
        for precision in ("float64", "float32"):
            rows = np.asarray(T, precision)
            fit = partial(LogisticRegression(solver=solver).fit, rows, labels)
            times = [seconds_of(fit) for _ in range(1 if quick else 3)]
            seconds[f"{solver} {precision}"] = min(times)
    return seconds


def ridge(quick):
    """Ridge heads of 12 columns x 1,000 permutations against the bare product."""
    n, k, n_columns, m = (1000, 128, 12, 100) if quick else (5000, 1024, 12, 1000)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, k), dtype=np.float32)
    subspace = fit_subspace(X, np.ones(n), None, 0)
    rows = Rows(subspace.coordinates(X, "float32")[0], np.ones(n), subspace)
    T, design = rows.T, rows.design(np.arange(n)).in_precision("float32")
    primary = Primary(unit(rng.standard_normal((4, k))), 1.0, "rms")
    numbers = [
        Column(f"c{i}", "continuous", np.arange(n), rng.normal(50.0, 9.0, n))
        for i in range(n_columns)
    ]
    nulls = [
        RefitNull(design, column, Probe("ridge", 0), None, exchange_units(column, None))
        for column in numbers
    ]
    plan = PermutationPlan(0, m, n)
    jobs = [
        partial(refit_scores, nulls=nulls, batch=b, plan=plan, primary=primary)
        for b in split(range(m), PERMUTATIONS_PER_BATCH)
    ]
    values = rng.standard_normal((n_columns * m, n), dtype=np.float32)
    bare = min(seconds_of(lambda: values @ T) for _ in range(3))
    ours = min(seconds_of(lambda: run_jobs(T, jobs)) for _ in range(3))
    print(
        f"ridge, {n_columns} columns x {m} permutations at {n} x {k}: {ours:.2f} s, "
        f"bare product {bare:.2f} s, {ours / bare:.2f} times (aim: 2)"
    )


def whole_fit(quick):
    """Seconds of the whole fit, by step, and scaled to the rate of the aim."""
    size = ["--rows", "2500", "--features", "256"] if quick else []
    rate = product_rate(1024 if quick else 4096)
    result = one_fit(*size)
    rate = (rate + product_rate(1024 if quick else 4096)) / 2
    scaled = result["seconds"] * rate / RATE_OF_THE_AIM
    steps = ", ".join(f"{name} {s:.1f}" for name, s in result["steps"].items())
    print(
        f"whole fit, {len(LEVELS)} columns, 999 permutations, k = {result['k']}: "
        f"{result['seconds']:.1f} s at {rate:.0f} GFLOP/s ({steps}); scaled to "
        f"{RATE_OF_THE_AIM:.0f} GFLOP/s {scaled:.1f} s (aim: {SECONDS_OF_THE_AIM:.0f})"
    )


def units(quick):
    """Seconds of fits with patients and confounders, beside those of rows alone."""
    size = SMALL if quick else ()
    first = None
    for name, (options, aim) in UNITS.items():
        found = one_fit("--target", *options, *size, n_threads=1)
        first = first or found["seconds"]
        steps = ", ".join(f"{step} {s:.1f}" for step, s in found["steps"].items())
        print(
            f"units, {name}: {found['seconds']:.1f} s, {found['seconds'] / first:.2f} "
            f"times (aim: {aim}; {steps})"
        )


def memory(quick):
    """Peak memory above the inputs for three numbers of permutations."""
    size = ["--rows", "2500", "--features", "256"] if quick else []
    for m in (99, 999) if quick else (99, 999, 9999):
        result = one_fit("--permutations", m, *size)
        above = result["peak_memory_gb"] - result["memory_before_gb"]
        print(
            f"memory, {m} permutations: {above:.2f} GB above the inputs (aim: 1), "
            f"{result['seconds']:.0f} s"
        )


def large_input(quick, rows=1_000_000):
    """A memory map on disk, read in blocks."""
    rows = 20_000 if quick else rows
    features = 256 if quick else 2048
    start = time.perf_counter()
    result = one_fit(
        *("--rows", rows, "--features", features, "--on-disk", "--columns", 2),
        *("--permutations", 9),
    )
    size = rows * features * 4e-9
    steps = ", ".join(
        f"{name} {seconds:.1f}" for name, seconds in result["processor_seconds"].items()
    )
    print(
        f"{rows} x {features} float32 on disk ({size:.1f} GB), 2 columns, 9 "
        f"permutations: {result['read_gb'] / size:.2f} passes, peak memory "
        f"{result['peak_memory_gb']:.2f} GB (aim: 4), fit {result['seconds']:.0f} s "
        f"(processor: {steps}), transform {result['transform_seconds']:.0f} s, with "
        f"writing {time.perf_counter() - start:.0f} s"
    )


def accelerator(quick):
    """The permutation stage on a CUDA device, where there is one."""
    import torch

    if not torch.cuda.is_available():
        print("accelerator: no CUDA device here, not measured")
        return
    rows, columns = make_rows(quick)
    n, k = rows.T.shape
    primary = Primary(
        unit(np.random.default_rng(3).standard_normal((4, k))), 1.0, "rms"
    )
    plan = PermutationPlan(0, 256, n)
    T = torch.tensor(rows.T, device="cuda")
    for column in columns[::4]:
        probe = Probe("logistic", column.n_levels)
        null = RefitNull(
            rows.design(column.rows), column, probe, None, exchange_units(column, None)
        )
        jobs = [
            partial(refit_scores, nulls=[null], batch=b, plan=plan, primary=primary)
            for b in split(range(256), PERMUTATIONS_PER_BATCH)
        ]
        seconds = {}
        for name, where in (("CPU", rows.T), ("GPU", T)):
            scores = run_jobs(where, jobs)
            seconds[name] = min(
                seconds_of(lambda w=where, j=jobs: run_jobs(w, j)) for _ in "abc"
            )
            if name == "CPU":
                expected = scores
        difference = max(
            np.abs(a[0][0] - b[0][0]).max()
            for a, b in zip(scores, expected, strict=True)
        )
        print(
            f"accelerator {torch.cuda.get_device_name()}, {column.n_levels} levels: "
            f"{1e3 * seconds['GPU'] / 256:.2f} ms per refit, CPU "
            f"{1e3 * seconds['CPU'] / 256:.2f}, {seconds['CPU'] / seconds['GPU']:.1f} "
            f"times; scores differ by at most {difference:.0e}"
        )


SECTIONS = {
    "environment": environment,
    "agreement": agreement,
    "permutations": permutations,
    "ridge": ridge,
    "fit": whole_fit,
    "units": units,
    "memory": memory,
    "large-input": large_input,
    "workers": workers,
    "cluster": cluster,
    "traffic": traffic,
    "accelerator": accelerator,
}


@click.command()
@click.argument("sections", nargs=-1, type=click.Choice(list(SECTIONS)))
@click.option("--quick", is_flag=True, help="Small data: whether everything runs.")
@click.option("--rows", default=1_000_000, help="Rows of the large input.")
def main(sections, quick, rows):
    """Print environment, agreement, speed and memory of the permutation engine."""
    for name in sections or SECTIONS:
        options = {"rows": rows} if name == "large-input" else {}
        SECTIONS[name](quick, **options)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
