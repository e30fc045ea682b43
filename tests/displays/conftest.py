"""Figures are closed, and an analysis that several files of tests draw."""

import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut
from tests.pictures import plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def data():
    return make_shortcut(200, 16, random_state=0)


@pytest.fixture(scope="session")
def fitted(data):
    return WeightSpaceCorrelation(
        "target", target_head=data.head, n_permutations=79, random_state=0
    ).fit(data.data, data.metadata)
