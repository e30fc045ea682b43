"""Values of columns as they may be read."""

import numpy as np
import pandas as pd

from sklearn_wsca._input.typed_columns import read_column
from tests.input_cases import N

CODES = np.arange(N) % 3
NUMBERS = np.random.default_rng(0).normal(size=N).round(3)
TEXT = np.array(["u", "v", "w"])[CODES].tolist()


def column(values, **options):
    """Column "a" of a table with these values."""
    return read_column(pd.Series(values, name="a"), **options)
