"""Independent jobs through joblib, with progress by scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sklearn.utils.parallel import Parallel, delayed


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
    """

    def __init__(self, estimator: Any, context: Any, n_jobs: int | None):
        self.estimator, self.context, self.n_jobs = estimator, context, n_jobs

    def run(self, name: str, jobs: list[Callable]) -> Iterator:
        """Results of the jobs, in their order."""
        context = self.context.subcontext(task_name=name, max_subtasks=len(jobs))
        context.call_on_fit_task_begin(estimator=self.estimator)
        workers = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")
        results = []
        for result in workers(delayed(job)() for job in jobs):
            step = context.subcontext(task_name=name)
            step.call_on_fit_task_begin(estimator=self.estimator)
            step.call_on_fit_task_end(estimator=self.estimator)
            results.append(result)
        context.call_on_fit_task_end(estimator=self.estimator)
        return iter(results)
