"""The functions for users are the methods of the estimator."""

import inspect

import pytest

from sklearn_wsca import WeightSpaceCorrelation, report


@pytest.mark.parametrize("name", report.__all__)
def test_methods_are_the_functions(name):
    function = getattr(report, name)
    assert getattr(WeightSpaceCorrelation, name) is function
    assert str(inspect.signature(function)).startswith("(source: ")
    method = inspect.signature(getattr(WeightSpaceCorrelation(), name))
    assert list(method.parameters) == ["audit"]
    assert method.parameters["audit"].kind is inspect.Parameter.KEYWORD_ONLY
    assert method.parameters["audit"].default is None
