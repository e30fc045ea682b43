"""Fixtures: one per axis, with the skipping of what is not installed."""

from __future__ import annotations

import os

# scikit-learn's dispatch on torch tensors asks for it, before scipy is first imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pandas as pd
import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """What has no `random_state` draws from this generator; a test tells it once."""
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(params=["pandas", "polars"])
def make_frame(request):
    """Make a data frame of either library from a dict of columns."""
    if request.param == "pandas":
        return pd.DataFrame
    return pytest.importorskip("polars").DataFrame


@pytest.fixture(scope="module")
def cluster():
    """Client of a dask cluster with two worker processes."""
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    # Dask gives a worker up if, 15 seconds after it was killed, another one of its name
    # has just been killed too: as tests do.
    patient = {"distributed.deploy.lost-worker-timeout": "1 hour"}
    with (
        dask.config.set(patient),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.fixture
def few_groups_are_enough(monkeypatch):
    """Of small studies a few groups are exchanged with their rows, too."""
    monkeypatch.setattr("sklearn_wsca._permutation.exchangeability.FEWEST_UNITS", 2)
