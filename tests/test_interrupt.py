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
from sklearn_wsca._backend.progress import watch_progress

SECONDS_TO_END = 20.0
needs_proc = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are found in /proc"
)

# A process that was started in the background may have been told to ignore SIGINT.
WATCHED = """
import signal, sys
import joblib, numpy as np, pandas as pd
from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend.progress import watch_progress

def watcher(name, done, total):
    if name == "encoding null" and done:
        print(name, done, total, flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)
generator = np.random.default_rng(0)
X = generator.normal(size=(300, 8))
y = pd.DataFrame({"site": generator.choice(list("abc"), 300)})
"""
LONG_FIT = f"""{WATCHED}
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


LONG_COMMAND = f"""{WATCHED}
from sklearn_wsca._cli import commands
from sklearn_wsca._cli.commands import wsca

commands.progress = lambda quiet: watch_progress(watcher)
wsca(prog_name="wsca")
"""

DASK_FIT = f"""{WATCHED}
import distributed

def make(n_permutations):
    return WeightSpaceCorrelation(
        target_head=np.ones(8), n_permutations=n_permutations, random_state=0
    )

if __name__ == "__main__":
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True,
            dashboard_address="127.0.0.1:0", host="127.0.0.1",
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        try:
            with watch_progress(watcher):
                make(10**6).fit(X, y)
        except KeyboardInterrupt:
            again = make(99).fit(X, y).null_distribution_
            here = make(99).set_params(n_jobs=1)
            with joblib.parallel_config(backend="sequential"):
                here = here.fit(X, y).null_distribution_
            print("interrupted", abs(again - here).to_numpy().max() < 1e-12)
"""


@pytest.fixture
def start():
    """Start long work in a session of its own, which ends with the test."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        # Closes the pipes, which workers hold too, so that no test waits for ever.
        guard = Timer(90.0, os.killpg, (process.pid, signal.SIGKILL))
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


def first_progress(process):
    """Jobs that are done and their number, as soon as it tells."""
    told = process.stdout.readline().split()
    if not told:
        pytest.fail(process.stderr.read())
    return tuple(map(int, told[-2:]))


def what_follows(process, seconds=SECONDS_TO_END):
    """The rest of what it prints, and its errors, which must end in some seconds.

    `communicate` would lose what `readline` has read beyond the first line.
    """
    before = time.monotonic()
    output, errors = process.stdout.read(), process.stderr.read()
    process.wait()
    assert time.monotonic() - before < seconds
    return output, errors


def wait_for_the_end(process):
    """Wait until nothing of its session is left."""
    before = time.monotonic()
    while living_processes(process.pid) and time.monotonic() < before + SECONDS_TO_END:
        time.sleep(0.05)
    assert living_processes(process.pid) == {}


@needs_proc
@pytest.mark.parametrize(
    ("backend", "interrupt"),
    [
        pytest.param("loky", os.killpg, id="loky, signal from the terminal"),
        pytest.param("loky", os.kill, id="loky, signal to the main process"),
        pytest.param("threading", os.killpg, id="threading"),
    ],
)
def test_interrupt_ends_the_fit_and_all_worker_processes(start, backend, interrupt):
    process = start("-c", LONG_FIT, backend)
    done, total = first_progress(process)
    assert done == 1
    assert total > 100
    workers = [c for c in living_processes(process.pid).values() if "LokyProcess" in c]
    assert len(workers) == (2 if backend == "loky" else 0)
    interrupt(process.pid, signal.SIGINT)
    output, errors = what_follows(process)
    assert process.returncode == -signal.SIGINT
    assert "\nKeyboardInterrupt" in errors
    assert len(output.splitlines()) < total - 1
    # What remains for a moment are the trackers of shared memory, which clean up.
    wait_for_the_end(process)


@needs_proc
def test_interrupt_of_a_fit_on_dask_leaves_a_usable_cluster(start, tmp_path):
    """The signal goes to the main process; the workers of a cluster are elsewhere."""
    pytest.importorskip("distributed")
    script = tmp_path / "fit_on_dask.py"
    script.write_text(DASK_FIT)
    process = start(script)
    assert first_progress(process)[1] > 100
    os.kill(process.pid, signal.SIGINT)
    output, errors = what_follows(process, 2 * SECONDS_TO_END)
    assert process.returncode == 0, errors
    assert output.splitlines()[-1] == "interrupted True"
    wait_for_the_end(process)


@pytest.fixture
def audited(tmp_path):
    """Embeddings, metadata and an older report."""
    generator = np.random.default_rng(0)
    np.save(tmp_path / "embeddings.npy", generator.normal(size=(300, 8)) + 2.0)
    table = pd.DataFrame({name: generator.choice(list("abc"), 300) for name in "xy"})
    table.to_csv(tmp_path / "metadata.csv", index=False)
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "result.json").write_text('{\n  "schema_version": 1}')
    return tmp_path


@needs_proc
@pytest.mark.parametrize(("out", "jobs"), [("older", 1), ("new", 2)])
def test_interrupt_of_the_command_is_one_line_and_leaves_no_file(
    start, audited, out, jobs
):
    for package in ("click", "rich", "jinja2", "matplotlib"):
        pytest.importorskip(package)
    before = {path: path.is_file() and path.read_bytes() for path in audited.rglob("*")}
    files = [audited / "embeddings.npy", audited / "metadata.csv"]
    options = ["--target", "x", "--permutations", 10**6, "--jobs", jobs]
    command = ["audit", *files, *options, "--out", audited / out]
    process = start("-c", LONG_COMMAND, *command)
    assert first_progress(process)[1] > 100
    os.killpg(process.pid, signal.SIGINT)
    output, errors = what_follows(process)
    # What click does: neither bad input (2) nor a finding (3), and no traceback.
    assert process.returncode == 1
    assert errors.strip() == "Aborted!"
    # No answer either.
    told = output.splitlines()
    assert [line for line in told if not line.startswith("encoding null")] == []
    after = {path: path.is_file() and path.read_bytes() for path in audited.rglob("*")}
    assert after == before
    wait_for_the_end(process)


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
