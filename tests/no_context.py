"""What jobs are run for, where there is no estimator."""


class NoContext:
    """Callbacks of an estimator that has none."""

    def subcontext(self, **_):
        return self

    def call_on_fit_task_begin(self, **_):
        pass

    def call_on_fit_task_end(self, **_):
        pass
