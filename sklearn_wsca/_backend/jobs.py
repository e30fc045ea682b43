"""Independent jobs through joblib, with progress by scikit-learn's callbacks."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from threading import Lock
from typing import Any

from joblib import cpu_count, effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

from sklearn_wsca._backend.dask_rows import large_graphs
from sklearn_wsca._backend.memory import explain_lost_workers, explain_shortage
from sklearn_wsca._backend.namespace import is_tensor
from sklearn_wsca._backend.progress import tell
from sklearn_wsca._compat import get_active_backend

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

# Each of them holds two blocks of rows, copies and moments.
MOST_BLOCKS = 8


def blocks_at_once(n_jobs: int | None) -> int:
    """How many blocks of rows are worked on at the same time where there are no jobs.

    As many as there are workers, or as the linear algebra has threads: these are of
    more use on blocks of their own than in the products of one.
    """
    libraries = ThreadpoolController().select(user_api="blas").info()
    n_threads = max((own["num_threads"] for own in libraries), default=1)
    return min(max(int(effective_n_jobs(n_jobs)), n_threads), cpu_count(), MOST_BLOCKS)


def work_on_several(
    work: Callable[[Any], Any], items: Iterable, n_workers: int
) -> Generator:
    """Results of work on items, in their order.

    The items are made here, a few at a time, while others are worked on by threads with
    one thread of linear algebra each. None of these is left behind by an error: they
    restore what warnings are shown, which must not happen later.
    """

    def try_work(item: Any) -> tuple[Any, Exception | None]:
        try:
            return work(item), None
        except Exception as error:
            return None, error

    items, running = iter(items), deque[Generator]()
    with one_thread_each(ThreadpoolController()):
        try:
            while some := list(islice(items, n_workers)):
                # Items are in memory, and would be copied to processes.
                workers = Parallel(
                    n_workers, backend="threading", return_as="generator"
                )
                running.append(workers(delayed(try_work)(item) for item in some))
                if len(running) > 1:
                    yield from _results_of(running.popleft())
            while running:
                yield from _results_of(running.popleft())
        finally:
            for found in running:
                list(found)


def _results_of(tried: Iterable[tuple[Any, Exception | None]]) -> list:
    """Results of all that were tried; the first error is raised."""
    results = []
    for result, error in list(tried):
        if error is not None:
            raise error
        results.append(result)
    return results


class _Limit:
    """Who wants linear algebra to have one thread, of all that run in this process."""

    def __init__(self) -> None:
        self._lock, self._n_wanted, self._entered = Lock(), 0, ExitStack()

    @contextmanager
    def __call__(self, controller: ThreadpoolController) -> Iterator[None]:
        """Limit the threads until nobody wants it any more."""
        with self._lock:
            if not self._n_wanted:
                _let_this_thread_set(controller)
                limit = controller.limit(limits=1, user_api="blas")
                self._entered.enter_context(limit)
            self._n_wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_wanted -= 1
                if not self._n_wanted:
                    _let_this_thread_set(controller)
                    self._entered.close()


def _let_this_thread_set(controller: ThreadpoolController) -> None:
    """Take from another thread what newer versions of threadpoolctl leave to the first.

    Limits that are set by others would be ignored, and so would their end.
    """
    for library in controller.lib_controllers:
        getattr(library, "clear_controlling_thread", lambda force: None)(force=True)


# The threads belong to the process, and with them the only state of this package that
# does: fits that run side by side would bring back the limits of each other.
one_thread_each = _Limit()


class JobRunner:
    """Runs jobs in order of their number, on any number of workers.

    Workers are the parallelism, with one thread of linear algebra each, a single one
    too: products of jobs are so small that threads wait for each other, above all where
    the machine has other work.

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
        # To look for the libraries takes time.
        self._threads = ThreadpoolController()

    @property
    def n_workers(self) -> int:
        """Number of jobs that run at the same time."""
        return int(effective_n_jobs(self.n_jobs))

    def run(self, name: str, jobs: Sequence[Callable]) -> Iterator:
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
        results: list = []
        if jobs:
            tell(name, 0, len(jobs))
        with ExitStack() as stack:
            stack.enter_context(explain_shortage(f"step {name!r}", LESS_MEMORY))
            stack.enter_context(explain_lost_workers(f"step {name!r}: {LOST_WORKERS}"))
            if not is_tensor(self.T):
                stack.enter_context(one_thread_each(self._threads))
            for result in stack.enter_context(self._results(jobs)):
                step = context.subcontext(task_name=name)
                step.call_on_fit_task_begin(estimator=self.estimator)
                step.call_on_fit_task_end(estimator=self.estimator)
                results.append(result)
                tell(name, len(results), len(jobs))
        context.call_on_fit_task_end(estimator=self.estimator)
        return iter(results)

    @contextmanager
    def _results(self, jobs: Sequence[Callable]) -> Iterator[Generator]:
        """Results as they come; jobs that still run after an error are ended."""
        backend, _ = get_active_backend()
        client = getattr(backend, "client", None)
        if client is not None and not is_tensor(self.T):
            found = self._run_on_dask(client, jobs)
        else:
            # Not every back end gives results as they come.
            as_they_come = getattr(backend, "supports_return_generator", False)
            return_as = "generator" if as_they_come else "list"
            workers = Parallel(self.n_jobs, prefer="threads", return_as=return_as)
            calls = workers(delayed(job)(self.T) for job in jobs)
            found = calls if as_they_come else (result for result in calls)
        try:
            yield found
        except BaseException:
            # joblib advises whoever did not wait for all results to make fewer jobs.
            # Threads that still run may reset the filter meanwhile: the advice is then
            # an error where all warnings are.
            with suppress(UserWarning), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                found.close()
            raise

    def _run_on_dask(self, client: Any, jobs: Sequence[Callable]) -> Generator:
        """Results of the jobs by the client of a dask cluster.

        joblib's back end would wait for ever for a task that dask gave up because its
        workers ended. The rows are sent to all workers, once per fit: dask likes to run
        jobs where their arguments are.
        """
        if self._sent is None:
            self._sent = client.scatter(self.T, broadcast=True)
        with large_graphs():
            futures = [client.submit(job, self._sent, pure=False) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        finally:
            client.cancel(futures)


class SequentialRunner:
    """Runs jobs one after another.

    Parameters
    ----------
    what : str
        What needs the memory, if there is too little.
    T : array of shape (n, k), default=None
        What every job is called with.
    """

    def __init__(self, what: str, T: Any = None):
        self.what, self.T = what, T
        self.n_workers = 1

    def run(self, name: str, jobs: Sequence[Callable]) -> Iterator:
        """Results of the jobs, in their order."""
        advice = "Use fewer rows, or a machine with more memory."
        results: list = []
        with explain_shortage(self.what, advice):
            for job in jobs:
                tell(name, len(results), len(jobs))
                results.append(job(self.T))
        if jobs:
            tell(name, len(jobs), len(jobs))
        return iter(results)
