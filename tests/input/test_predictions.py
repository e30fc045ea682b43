"""Arguments of people who only have predictions."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.predictions import (
    are_probabilities,
    check_indexes,
    part_of,
    read_outputs,
)


@pytest.mark.parametrize("outputs", [[1, 2, 3], [[1.0], [2.0], [3.0]]])
def test_outputs_are_a_matrix_of_numbers(outputs):
    found = read_outputs(outputs)
    assert found.shape == (3, 1)
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (np.zeros((2, 2, 2)), "outputs has 3 dimensions"),
        ([1.0, np.nan], "outputs"),
        (["a", "b"], "outputs: the outputs are not numeric"),
        ([[1.0], [1.0, 2.0]], "outputs: the rows of the outputs differ in length"),
    ],
)
def test_other_outputs_are_refused(outputs, message):
    with pytest.raises((TypeError, ValueError), match=message):
        read_outputs(outputs)


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([[0.2], [1.0]], True),
        ([[0.2], [1.1]], False),
        ([[0.2, 0.8], [1.0, 0.0]], True),
        ([[0.2, 0.7], [1.0, 0.0]], False),
    ],
)
def test_probabilities_are_told_from_scores(outputs, expected):
    assert are_probabilities(np.array(outputs)) is expected


@pytest.mark.parametrize("argument", ["target", "groups", "level", "unit", "repeats"])
def test_arguments_of_one_column_take_one(argument):
    with pytest.raises(ValueError, match=f"^{argument} has 2 columns; pass one"):
        part_of(np.zeros((4, 2)), argument, 4)
    assert part_of([1, 2], argument, 2).columns.tolist() == [argument]
    with pytest.raises(ValueError, match=f"^{argument} has 2 rows and outputs has 3"):
        part_of([1, 2], argument, 3)


def test_indexes_must_agree():
    outputs = pd.DataFrame(np.zeros((3, 2)))
    check_indexes(outputs, level=pd.Series(list("abc")), unit=[1, 2, 3])
    with pytest.raises(ValueError, match="different order"):
        check_indexes(outputs, level=pd.Series(list("abc"), index=[2, 1, 0]))
