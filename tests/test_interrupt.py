"""Ctrl-C in the middle of a fit: nothing runs on, and the next fit works."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Timer

import joblib
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._jobs import watch_progress

SECONDS_TO_END = 20.0

# A process that was started in the background may have been told to ignore SIGINT.
LONG_FIT = """
import signal, sys
import joblib, numpy as np, pandas as pd
from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._jobs import watch_progress

def watcher(name, done, total):
    if name == "encoding null":
        print(name, done, total, flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)
generator = np.random.default_rng(0)
X = generator.normal(size=(300, 8))
y = pd.DataFrame({"site": generator.choice(list("abc"), 300)})
estimator = WeightSpaceCorrelation(
    target_head=np.ones(8), n_permutations=10**6, n_jobs=2, random_state=0
)
with joblib.parallel_config(backend=sys.argv[1]), watch_progress(watcher):
    estimator.fit(X, y)
"""


def living_processes(session):
    """Command lines of the processes of a session, by their number."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "stat").read_text()
            command = (process / "cmdline").read_bytes()
        except OSError:  # It has ended since.
            continue
        # The name before the last bracket may contain anything.
        state, _, _, its_session = status.rpartition(")")[2].split()[:4]
        if int(its_session) == session and state not in "ZX":
            found[int(process.name)] = command.replace(b"\0", b" ").decode()
    return found


@pytest.fixture
def start():
    """Start the long fit in a session of its own, which ends with the test."""
    started = []

    def start(backend):
        process = subprocess.Popen(
            [sys.executable, "-c", LONG_FIT, backend],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        # Closes the pipes, so that no test waits for ever.
        guard = Timer(90.0, process.kill)
        guard.start()
        started.append((process, guard))
        return process

    yield start
    for process, guard in started:
        guard.cancel()
        process.kill()
        for number in living_processes(process.pid):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize(
    ("backend", "interrupt"),
    [
        pytest.param("loky", os.killpg, id="loky, signal from the terminal"),
        pytest.param("loky", os.kill, id="loky, signal to the main process"),
        pytest.param("threading", os.killpg, id="threading"),
    ],
)
def test_interrupt_ends_the_fit_and_all_worker_processes(start, backend, interrupt):
    process = start(backend)
    first = process.stdout.readline().split()
    if not first:
        pytest.fail(process.communicate()[1])
    done, total = map(int, first[-2:])
    assert done == 1
    assert total > 100
    workers = [c for c in living_processes(process.pid).values() if "LokyProcess" in c]
    assert len(workers) == (2 if backend == "loky" else 0)
    before = time.monotonic()
    interrupt(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == -signal.SIGINT
    assert "\nKeyboardInterrupt" in errors
    assert len(output.splitlines()) < total - 1
    # What remains for a moment are the trackers of shared memory, which clean up.
    while living_processes(process.pid) and time.monotonic() < before + SECONDS_TO_END:
        time.sleep(0.05)
    assert living_processes(process.pid) == {}


def fit(backend, n_permutations=100):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60, 4))
    y = pd.DataFrame({"site": generator.choice(list("abc"), 60)})
    estimator = WeightSpaceCorrelation(
        target_head=np.ones(4), n_permutations=n_permutations, n_jobs=2, random_state=0
    )
    with joblib.parallel_config(backend=backend):
        return estimator.fit(X, y)


def blas_threads():
    return [
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_session_goes_on_after_an_interrupt(backend):
    expected = fit(backend)
    before, told, during = threadpool_info(), [], []

    def watcher(name, done, total):
        told.append((name, done, total))
        if (name, done) == ("encoding null", 3):
            during.extend(blas_threads())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watch_progress(watcher):
        fit(backend, n_permutations=100_000)
    name, done, total = told[-1]
    assert (name, done) == ("encoding null", 3)
    assert total > 10
    assert set(during) == {1}
    assert threadpool_info() == before
    again = fit(backend)
    assert told[-1] == (name, done, total)
    pd.testing.assert_frame_equal(again.summary_, expected.summary_)
