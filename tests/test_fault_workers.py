"""Workers that are killed or run out of memory: one clear error, or the same result."""

import os
import re
import signal
import sys
import time
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._backend.memory import MemoryShortageError
from sklearn_wsca._backend.progress import watch_progress
from tests.no_context import NoContext

SECONDS = 60
LOST = r"step '{}': a worker process ended .* no result.*n_jobs.*backend='threading'"
MANY = 20_000

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are found in /proc"
)


@pytest.fixture(autouse=True)
def guard():
    """No test waits for ever for a worker that is no more."""

    def stop(*_):
        raise TimeoutError(f"not done after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def loky_workers():
    """Worker processes that this process has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "stat").read_text().rpartition(")")[2].split()
            command = (process / "cmdline").read_bytes()
        except OSError:  # It has ended since.
            continue
        if int(status[1]) == os.getpid() and b"LokyProcess" in command:
            found.append(int(process.name))
    return found


class Killer:
    """Kills workers once, in the middle of a step."""

    def __init__(self, step, find_workers, n_killed=1):
        self.step, self.find_workers, self.n_killed = step, find_workers, n_killed
        self.killed, self.last = [], None

    def __call__(self, name, done, total):
        self.last = name, done, total
        if name == self.step and done == 2 and not self.killed:
            assert total > 2 * done
            self.killed = self.find_workers()[: self.n_killed]
            for number in self.killed:
                os.kill(number, signal.SIGKILL)


def fit(backend, n_permutations=199, **options):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 8)) * np.geomspace(0.1, 100.0, 8) + 5.0
    table = pd.DataFrame({"site": generator.choice(list("abc"), 300)})
    estimator = WeightSpaceCorrelation(
        target_head=np.arange(1.0, 9.0),
        n_permutations=n_permutations,
        n_jobs=2,
        random_state=0,
    )
    with joblib.parallel_config(backend=backend, **options):
        return estimator.fit(X, table)


def assert_same(found, expected):
    pd.testing.assert_frame_equal(found.summary_, expected.summary_)
    pd.testing.assert_frame_equal(found.null_distribution_, expected.null_distribution_)
    assert expected.null_distribution_.std().min() > 0


@pytest.mark.parametrize("step", ["encoding null", "alignment null"])
def test_killed_loky_worker_is_one_clear_error_and_the_next_fit_works(step):
    expected = fit("threading")
    killer = Killer(step, loky_workers)
    lost = pytest.raises(RuntimeError, match=LOST.format(step))
    with lost as caught, watch_progress(killer):
        fit("loky", MANY)
    assert len(killer.killed) == 1
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, BrokenProcessPool)
    name, done, total = killer.last
    assert name == step
    assert done < total
    assert_same(fit("loky"), expected)


def number_of(T, number):
    time.sleep(0.02)
    return number


def run_out(T):
    raise MemoryError("Unable to allocate 3.00 GiB")


def die(T):
    os.kill(os.getpid(), signal.SIGKILL)


def fail(T):
    raise RuntimeError("no such thing")


def run(fault, backend):
    """Run eight jobs, of which the fourth goes wrong."""
    jobs = [partial(number_of, number=i) for i in range(8)]
    if fault is not None:
        jobs[3] = fault
    with joblib.parallel_config(backend=backend):
        return list(JobRunner(None, NoContext(), 2, np.ones((5, 2))).run("test", jobs))


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_worker_without_memory_is_one_clear_error(backend):
    message = r"step 'test': memory .* \(Unable to allocate 3.00 GiB\)\. Use fewer work"
    with pytest.raises(MemoryShortageError, match=message) as caught:
        run(run_out, backend)
    assert isinstance(caught.value.__cause__, MemoryError)
    assert run(None, backend) == list(range(8))


@pytest.mark.parametrize("backend", ["sequential", "loky"])
def test_other_errors_of_a_worker_are_left_alone(backend):
    with pytest.raises(RuntimeError, match=r"^no such thing$"):
        run(fail, backend)


def test_poisonous_job_is_not_run_here():
    with pytest.raises(RuntimeError, match=LOST.format("test")):
        run(die, "loky")
    assert run(None, "loky") == list(range(8))


@pytest.fixture
def dask_client(cluster):
    """The cluster with both workers, of which a test before may have killed some."""
    cluster.wait_for_workers(2)
    return cluster


def dask_workers(client):
    return list(client.run(os.getpid).values())


def test_dask_retries_what_a_killed_worker_had(dask_client):
    """Seldom the worker takes with it what dask cannot restore: a clear error then."""
    expected, outcomes = fit("threading", MANY), []
    while "the same" not in outcomes and len(outcomes) < 3:
        killer = Killer("encoding null", partial(dask_workers, dask_client))
        try:
            with watch_progress(killer):
                found = fit("dask", MANY)
            assert_same(found, expected)
            outcomes.append("the same")
        except RuntimeError as error:
            assert re.search(LOST.format("encoding null"), str(error))
            outcomes.append("a clear error")
        assert len(killer.killed) == 1
        dask_client.wait_for_workers(2)
        assert killer.killed[0] not in dask_workers(dask_client)
    assert "the same" in outcomes, outcomes


def test_dask_without_any_worker_left_is_one_clear_error(dask_client):
    """The rows that were sent to the workers are lost with the last of them."""
    killer = Killer("encoding null", partial(dask_workers, dask_client), n_killed=2)
    lost = pytest.raises(RuntimeError, match=LOST.format("encoding null"))
    with lost as caught, watch_progress(killer):
        fit("dask", MANY)
    assert len(killer.killed) == 2
    assert isinstance(caught.value.__cause__, CancelledError)
    dask_client.wait_for_workers(2)
    assert_same(fit("dask"), fit("threading"))


def test_dask_that_gives_up_is_one_clear_error(dask_client, monkeypatch):
    """joblib would wait for ever for a task that was given up."""
    monkeypatch.setattr(dask_client.cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(RuntimeError, match=LOST.format("test")) as caught:
        run(die, "dask")
    assert type(caught.value.__cause__).__name__ == "KilledWorker"
    dask_client.wait_for_workers(2)
    assert run(None, "dask") == list(range(8))


def test_dask_worker_without_memory_is_one_clear_error(dask_client):
    with pytest.raises(MemoryShortageError, match="step 'test': memory"):
        run(run_out, "dask")
    assert run(None, "dask") == list(range(8))
