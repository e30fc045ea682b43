"""Fixtures: one per axis, with the skipping of what is not installed."""

from __future__ import annotations

import os

# scikit-learn's dispatch on torch tensors asks for it, before scipy is first imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import pandas as pd
import pytest


@pytest.fixture(params=["pandas", "polars"])
def make_frame(request):
    """Make a data frame of either library from a dict of columns."""
    if request.param == "pandas":
        return pd.DataFrame
    return pytest.importorskip("polars").DataFrame
