"""The one place that imports what other packages do not promise."""

import pytest

from sklearn_wsca import _compat


@pytest.mark.parametrize("name", _compat.__all__)
def test_every_name_is_there(name):
    assert getattr(_compat, name) is not None


def test_fits_without_callbacks_have_a_context_that_does_nothing():
    class Estimator(_compat.CallbackSupportMixin):
        pass

    made = getattr(Estimator(), "_init_callback_context", None)
    if "sklearn_wsca" not in _compat.CallbackSupportMixin.__module__:
        pytest.skip("this scikit-learn has callbacks of its own")
    context = made(task_name="fit", max_subtasks=2)
    assert context.call_on_fit_task_begin(estimator=None) is context
    assert context.subcontext(task_name="heads").call_on_fit_task_end() is False
