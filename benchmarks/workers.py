"""Speed-up of the whole fit from one worker to as many as there are cores."""

import heapq

import joblib

from benchmarks.studies import one_fit

SMALL = ("--rows", 999, "--features", 64, "--columns", 3, "--permutations", 49)
NULLS = ("encoding null", "alignment null", "utilization")
# Steps without jobs; the linear algebra of the first has threads of its own.
ALONE = ("subspace", "head check", "comparison", "between steps")
FORESEEN = 16
AIM_OF_TWO = 1.8


def workers(quick):
    """Seconds of fits with 1, 2, 4, ... workers, and what runs outside of jobs.

    One worker has one thread of linear algebra; the default of Python (None) has as
    many as the machine has cores. Results must be equal. Where the machine has other
    work, the forecast by the lengths of jobs tells more than the clock.
    """
    size = (*(SMALL if quick else ()), "--target")
    measured = {n: one_fit(*size, "--workers", n, n_threads=n) for n in counts()}
    one = measured[1]
    for n, found in measured.items():
        aim = f" (aim: {AIM_OF_TWO})" if n == 2 else ""
        print(
            f"workers, {n}: whole fit {found['seconds']:.1f} s, "
            f"{one['seconds'] / found['seconds']:.2f} times{aim}; permutations "
            f"{nulls(found):.1f} s, {nulls(one) / nulls(found):.2f} times; p-values "
            f"{'equal' if found['pvalues'] == one['pvalues'] else 'DIFFER'}; by the "
            f"lengths of its jobs {forecast(found, n):.1f} s, "
            f"{forecast(one, 1) / forecast(found, n):.2f} times"
        )
    for backend in ("loky", "dask"):
        found = one_fit(*size, "--workers", 2, "--backend", backend, n_threads=1)
        print(
            f"workers, 2 of {backend}: permutations {nulls(found):.1f} s, "
            f"{nulls(one) / nulls(found):.2f} times"
        )
    default = one_fit(*size, "--workers", 0)
    print(
        f"workers, n_jobs=None, all threads of linear algebra: "
        f"{default['seconds']:.1f} s, {one['seconds'] / default['seconds']:.2f} times "
        f"one worker with one"
    )
    describe_alone(one)


def counts():
    """1, 2, 4, ... and the number of cores."""
    n_cores = joblib.cpu_count()
    powers = [2**i for i in range(n_cores.bit_length()) if 2**i < n_cores]
    return [*powers, n_cores]


def nulls(found):
    """Seconds of the stages of permutations."""
    return sum(found["steps"][name] for name in NULLS)


def forecast(found, n_workers):
    """Seconds that a fit takes if its workers have a core each, and nobody else does.

    Jobs take their processor seconds, in their order; what is outside of jobs, blocks
    of rows too, is counted as if it were done by one.
    """
    jobs = found["job_seconds"]
    alone = sum(found["processor_seconds"].values()) - sum(map(sum, jobs))
    return alone + sum(makespan(lengths, n_workers) for lengths in jobs)


def makespan(lengths, n_workers):
    """Seconds until the last of some jobs is done, each taken by who is free first."""
    ends = [0.0] * n_workers
    for length in lengths:
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)


def describe_alone(one):
    """Processor seconds of one worker outside of jobs, and what they allow of more."""
    spent = one["processor_seconds"]
    total = sum(spent.values())
    alone = {name: spent.get(name, 0.0) for name in ALONE}
    names = ", ".join(f"{name} {seconds:.2f}" for name, seconds in alone.items())
    share = sum(alone.values()) / total
    serial = share - alone["subspace"] / total
    bounds = [1.0 / (part + (1.0 - part) / FORESEEN) for part in (share, serial)]
    print(
        f"outside of jobs {share:.1%} of {total:.1f} processor seconds ({names}); "
        f"without the subspace {serial:.1%}. {FORESEEN} workers are at most "
        f"{bounds[0]:.1f} times as fast as one, {bounds[1]:.1f} where threads of "
        f"linear algebra make the subspace so much faster too"
    )
