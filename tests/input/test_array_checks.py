"""Arrays that numpy would read otherwise than they are meant.

tests/test_input_matrix.py tries many more of them, at every argument.
"""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.array_checks import (
    check_array_like,
    explain_bad_array,
    is_no_array,
)

ROWS = np.arange(12.0).reshape(4, 3) * [1.0, 50.0, 0.1] - 7.0


@pytest.mark.parametrize(
    "values",
    [ROWS, ROWS.tolist(), pd.DataFrame(ROWS), pd.Series(ROWS[:, 0]), np.ma.array(ROWS)],
    ids=lambda values: type(values).__name__,
)
def test_arrays_of_numbers_pass(values):
    assert not is_no_array(values)
    check_array_like(values, "X")


@pytest.mark.parametrize("values", [None, "a", b"a", {}, set(), 3.0, iter(ROWS)])
def test_what_has_no_rows_is_no_array(values):
    assert is_no_array(values)
    with pytest.raises(ValueError, match=r"^A: .* is no array; pass an array of num"):
        check_array_like(values, "A")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ma.masked_less(ROWS, 0.0), r"^A: \d values are masked, .* pass A\.data"),
        (np.zeros(4, [("x", float)]), r"^A: the elements are records .*\['x'\]"),
        (ROWS.astype("M8[D]"), r"^A: the elements are dates .*datetime64\[D\]"),
        (pd.DataFrame(ROWS, columns=list("xyx")), "^A: several columns are named 'x'"),
    ],
)
def test_what_numpy_would_change_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        check_array_like(values, "A")


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (
            "could not convert string to float: 'a'",
            "^A: the maps are not numeric .could",
        ),
        ("Complex data not supported\n[[1j]]", r"^A: Complex .*np\.hstack\(\[A\.real"),
        ("inhomogeneous shape", "^A: the rows of the maps differ in length"),
        (
            "Expected 2D array, got 1D array instead:",
            r"^A: Expected 2D .* Rows only\. ",
        ),
        ("Found array with dim 3.", "^A: Found array with dim 3. Rows only."),
        ("A: it says so itself", "^A: it says so itself$"),
    ],
)
@pytest.mark.parametrize("kind", [ValueError, TypeError])
def test_messages_of_others_name_the_argument(raised, message, kind):
    with (
        pytest.raises(kind, match=message),
        explain_bad_array("A", "maps", "Rows only. "),
    ):
        raise kind(raised)
