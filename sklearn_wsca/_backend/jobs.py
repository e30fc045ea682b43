"""Independent jobs through joblib, with progress by scikit-learn's callbacks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from sklearn_wsca._backend.memory import explain_shortage
from sklearn_wsca._backend.namespace import is_tensor
from sklearn_wsca._compat import get_active_backend

# Told the name of a step, the number of jobs done, and their total.
Watcher = Callable[[str, int, int], None]
LESS_MEMORY = (
    "Use fewer workers (n_jobs=1), fewer components (n_components) or rows, or a "
    "machine with more memory."
)
LOST_WORKERS = (
    "a worker process ended before its work was done, most often because memory ran "
    "out. There is no result. Use fewer workers (n_jobs), or threads, which share "
    "memory (joblib.parallel_config(backend='threading')), or give the workers more "
    "memory; then call this again."
)
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)
# Runs jobs, which are called with the coordinates of all rows; yields their results.
Run = Callable[[list], Iterator]


@contextmanager
def watch_progress(watcher: Watcher) -> Iterator[None]:
    """Have `watcher` told about the jobs of every fit in this context."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class JobRunner:
    """Runs jobs in order of their number, on any number of workers.

    Parameters
    ----------
    estimator : estimator
        The one whose callbacks are told.
    context : callback context
        Its root context.
    n_jobs : int or None
        joblib workers; threads unless a joblib context says otherwise, because the work
        between the matrix products releases the interpreter lock.
    T : array of shape (n, k)
        What every job is called with. It is an argument of its own, so that back ends
        that copy arguments send it once per worker rather than once per job. Jobs on
        tensors run one after another: an accelerator is busy with one.
    """

    def __init__(self, estimator: Any, context: Any, n_jobs: int | None, T: Any):
        self.estimator, self.context, self.T = estimator, context, T
        self.n_jobs = 1 if is_tensor(T) else n_jobs
        self._sent: Any = None

    @property
    def n_workers(self) -> int:
        """Number of jobs that run at the same time."""
        return int(effective_n_jobs(self.n_jobs))

    def run(self, name: str, jobs: list[Callable]) -> Iterator:
        """Results of the jobs, in their order.

        Raises
        ------
        MemoryShortageError
            If memory does not suffice.
        RuntimeError
            If workers were lost, such as processes that were killed. Their jobs are not
            done again here: what ended a worker would then end this process.
        """
        context = self.context.subcontext(task_name=name, max_subtasks=len(jobs))
        context.call_on_fit_task_begin(estimator=self.estimator)
        watcher, results = _watcher.get(), []
        with ExitStack() as stack:
            stack.enter_context(explain_shortage(f"step {name!r}", LESS_MEMORY))
            stack.enter_context(_explain_lost_workers(name))
            if self.n_workers > 1:
                # Workers are the parallelism: one thread of linear algebra in each.
                stack.enter_context(threadpool_limits(1, user_api="blas"))
            stack.enter_context(self._rows_on_all_workers())
            workers = Parallel(self.n_jobs, prefer="threads", return_as="generator")
            found = workers(delayed(job)(self.T) for job in jobs)
            stack.push(partial(_stop, found))
            for result in found:
                step = context.subcontext(task_name=name)
                step.call_on_fit_task_begin(estimator=self.estimator)
                step.call_on_fit_task_end(estimator=self.estimator)
                results.append(result)
                if watcher is not None:
                    watcher(name, len(results), len(jobs))
        context.call_on_fit_task_end(estimator=self.estimator)
        return iter(results)

    @contextmanager
    def _rows_on_all_workers(self) -> Iterator[None]:
        """Send the rows to all workers of a dask cluster, once per fit.

        Left to itself joblib sends them to one worker, and dask then likes to run the
        jobs where they are.
        """
        backend, _ = get_active_backend()
        known = getattr(backend, "data_futures", None)
        if known is None:
            yield
            return
        if self._sent is None:
            (self._sent,) = backend.client.scatter([self.T], broadcast=True)
        known[id(self.T)] = self._sent
        try:
            with _given_up_tasks_are_errors(backend):
                yield
        finally:
            del known[id(self.T)]


@contextmanager
def _given_up_tasks_are_errors(backend: Any) -> Iterator[None]:
    """Have joblib told of tasks that dask gives up, for which it would wait for ever.

    dask gives a task up when several workers ended while they had it. joblib's back end
    then fails the future of the task, but does not call back; errors that a task raises
    come by another way.
    """
    # The second is its name before joblib 1.5.
    name = "submit" if hasattr(type(backend), "submit") else "apply_async"
    submit = getattr(backend, name)

    def submit_and_call_back(job: Callable, callback: Callable) -> Any:
        def tell(future: Any) -> None:
            if future.exception() is not None:
                callback(future.exception())

        future = submit(job, callback)
        future.add_done_callback(tell)
        return future

    setattr(backend, name, submit_and_call_back)
    try:
        yield
    finally:
        delattr(backend, name)


@contextmanager
def _explain_lost_workers(step: str) -> Iterator[None]:
    """Say what happened when a back end tells that it lost workers."""
    try:
        yield
    except Exception as error:
        lost = isinstance(error, (BrokenProcessPool, CancelledError))
        # That of dask, which need not be installed.
        if not lost and type(error).__name__ != "KilledWorker":
            raise
        raise RuntimeError(f"step {step!r}: {LOST_WORKERS}") from error


def _stop(found: Any, error: type | None, *_: Any) -> None:
    """End the jobs that are still running after an error or an interrupt."""
    if error is None:
        return
    # joblib advises whoever did not wait for all results to make fewer jobs. Threads
    # that still run may reset the filter meanwhile: the advice is then an error where
    # all warnings are.
    with suppress(UserWarning), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found.close()
