"""Progress of the jobs of a fit, as a watcher is told of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier, Event, Thread, current_thread, main_thread

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend import jobs
from sklearn_wsca._backend.jobs import (
    JobRunner,
    SequentialRunner,
    blocks_at_once,
    one_thread_each,
    work_on_several,
)
from sklearn_wsca._backend.progress import watch_progress
from tests.no_context import NoContext

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 4))
TABLE = pd.DataFrame(
    {"site": GENERATOR.choice(list("abc"), 60), "age": GENERATOR.normal(size=60)}
)
NULLS = ["encoding null", "alignment null"]
STEPS = ["subspace", "head check", "fit heads", "comparison", "encoding"]
# Told by the rows that have been read.
READ = ["subspace", "head check", "comparison"]
CHECKED_STEPS = ["cross-fitting", "head check", "erasure", "effects", "utilization"]
CHECKED_STEPS += ["performance", "performance null"]


class Watcher(list):
    """Writes down what it is told."""

    def __call__(self, name, done, total):
        self.append((name, done, total))


def num_threads():
    """Threads of linear algebra at this moment."""
    found = threadpool_info()
    return {own["num_threads"] for own in found if own["user_api"] == "blas"}


def fit(**options):
    parameters = {"target_head": np.ones(4), "n_permutations": 300, "random_state": 0}
    return WeightSpaceCorrelation(**parameters | options).fit(X, TABLE)


def watched(**options):
    """(name, [(done, total), ...]) of each run of jobs of a fit, in order."""
    told, runs = Watcher(), []
    with watch_progress(told):
        fit(**options)
    for name, done, total in told:
        if not done:
            runs.append((name, []))
        assert runs[-1][0] == name
        runs[-1][1].append((done, total))
    return runs


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_watcher_is_told_every_job_in_order(n_jobs):
    runs = watched(n_jobs=n_jobs)
    for name, steps in runs:
        assert steps[0][0] == 0 and steps == sorted(steps)
        if name not in READ:
            total = len(steps) - 1
            assert steps == [(done, total) for done in range(total + 1)]
        assert {total for _, total in steps} == {steps[-1][0]}
    assert dict(runs)["alignment null"][-1][1] > 2


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, [*STEPS, *NULLS, "reliability"]),
        (
            {"target": "site", "target_head": None},
            [*STEPS, *NULLS, "reliability", *CHECKED_STEPS],
        ),
        ({"n_permutations": 0}, [*STEPS, "reliability"]),
    ],
    ids=["without a target", "with a target", "without permutations"],
)
def test_steps_of_a_fit(options, steps):
    assert [name for name, _ in watched(**options)] == steps


def test_every_round_of_a_stopping_rule_reaches_its_total():
    runs = watched(stop_after=20)
    assert len([name for name, _ in runs if name in NULLS]) > len(NULLS)
    assert all(done == total for _, steps in runs for done, total in steps[-1:])


def test_watcher_is_told_of_every_fit_in_its_context():
    told = Watcher()
    with watch_progress(told):
        fit()
        once = list(told)
        fit()
    assert told == once * 2


def test_watcher_is_not_told_outside_its_context():
    told = Watcher()
    fit()
    with watch_progress(told):
        pass
    fit()
    assert not told


def test_inner_context_has_its_own_watcher_and_gives_back_the_outer():
    outer, inner = Watcher(), Watcher()
    with watch_progress(outer):
        with watch_progress(inner):
            fit()
        assert inner
        assert not outer
        fit()
    assert outer == inner


def test_failing_fit_gives_back_the_outer_watcher():
    outer, inner = Watcher(), Watcher()
    with watch_progress(outer):
        with pytest.raises(ValueError, match="nothing"), watch_progress(inner):
            fit(target="nothing")
        fit()
    assert outer
    assert not inner


def test_watching_changes_no_result():
    with watch_progress(Watcher()):
        watched = fit(n_jobs=2)
    pd.testing.assert_frame_equal(watched.summary_, fit().summary_)


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_jobs_have_one_thread_of_linear_algebra(n_jobs):
    """Threads of BLAS that wait for each other would make a single worker slower."""

    def job(T):
        return num_threads()

    context = NoContext()
    with threadpool_limits(2, user_api="blas"):
        before = threadpool_info()
        runner = JobRunner(None, context, n_jobs, np.ones((2, 2)))
        assert list(runner.run("step", [job] * 3)) == [{1}] * 3
        assert threadpool_info() == before


@pytest.mark.parametrize(
    ("n_threads", "n_jobs", "expected"),
    [(1, None, 1), (1, 1, 1), (1, 3, 3), (1, 100, jobs.MOST_BLOCKS), (2, 1, 2)],
)
def test_blocks_at_once_are_as_many_as_workers_or_threads_of_linear_algebra(
    n_threads, n_jobs, expected, monkeypatch
):
    monkeypatch.setattr(jobs, "cpu_count", lambda: 16)
    with threadpool_limits(n_threads, user_api="blas"):
        assert blocks_at_once(n_jobs) == expected
    monkeypatch.setattr(jobs, "cpu_count", lambda: 1)
    assert blocks_at_once(n_jobs) == 1


@pytest.mark.parametrize("n", [0, 1, 7, 40])
def test_items_are_made_here_one_at_a_time_in_their_order(n):
    """As files and connections want it; some items are slow to be worked on."""
    waits = np.random.default_rng(0).uniform(0.0, 0.01, size=n)

    def items():
        for item in range(n):
            assert current_thread() is main_thread()
            yield item

    def work(item):
        time.sleep(waits[item])
        return -item, num_threads()

    with threadpool_limits(2, user_api="blas"):
        found = list(work_on_several(work, items(), 4))
        assert num_threads() == {2}
    assert found == [(-item, {1}) for item in range(n)]


def test_an_item_is_made_while_another_is_worked_on():
    together = Barrier(2, timeout=60.0)

    def items():
        yield from range(2)
        together.wait()
        yield 2

    def work(item):
        if item == 1:
            together.wait()
        return item

    assert list(work_on_several(work, items(), 2)) == [0, 1, 2]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("stage", ["make", "work", "use"])
def test_an_error_ends_the_work_on_several_items(stage):
    made, done = [], []

    def items():
        for item in range(1000):
            if (stage, item) == ("make", 5):
                raise OSError("item 5")
            made.append(item)
            yield item

    def work(item):
        if (stage, item) == ("work", 5):
            raise OSError("item 5")
        done.append(item)
        return item

    with threadpool_limits(2, user_api="blas"):
        with (
            closing(work_on_several(work, items(), 2)) as found,
            pytest.raises(OSError, match="item 5"),
        ):
            for item in found:
                if (stage, item) == ("use", 5):
                    raise OSError("item 5")
        assert num_threads() == {2}
    so_far = made.copy()
    assert {0, 1, 2} <= set(done) and len(made) < 20
    time.sleep(0.05)
    assert made == so_far


def test_limits_of_many_threads_do_not_outlast_them():
    def limited(_):
        for _ in range(20):
            with one_thread_each(ThreadpoolController()):
                assert num_threads() == {1}

    with threadpool_limits(2, user_api="blas"):
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(limited, range(3)))
        assert num_threads() == {2}


def test_limits_of_work_side_by_side_do_not_outlast_it():
    """The limit of the first begins before, and ends within, that of the second."""
    begun, ended = Barrier(2, timeout=60.0), Event()

    def first():
        with one_thread_each(ThreadpoolController()):
            begun.wait()
        ended.set()

    with threadpool_limits(2, user_api="blas"):
        thread = Thread(target=first)
        thread.start()
        begun.wait()
        with one_thread_each(ThreadpoolController()):
            assert ended.wait(60.0)
            assert num_threads() == {1}
        thread.join()
        assert num_threads() == {2}


def test_a_runner_without_workers_tells_its_jobs():
    told = Watcher()
    with watch_progress(told):
        found = SequentialRunner("x", 3).run(
            "step", [lambda T, i=i: i * T for i in (1, 2)]
        )
    assert list(found) == [3, 6]
    assert told == [("step", 0, 2), ("step", 1, 2), ("step", 2, 2)]
