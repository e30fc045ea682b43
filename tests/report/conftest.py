"""Analyses that several files of tests report on."""

import copy

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._report.figures import draw_figures, head_displays
from sklearn_wsca._report.html import render_html
from sklearn_wsca._report.result import make_result
from sklearn_wsca.datasets import load_heart_hospitals, make_shortcut
from tests.report_studies import HOSTILE, analyse


@pytest.fixture(scope="session")
def heart():
    data = load_heart_hospitals()
    return WeightSpaceCorrelation(
        "disease", target_head=data.head, n_permutations=99, random_state=0
    ).fit(data.data, data.metadata)


@pytest.fixture(scope="session")
def result(heart):
    return make_result(heart)


@pytest.fixture(scope="session")
def heart_figures(heart, result):
    return draw_figures(result, head_displays(heart))


@pytest.fixture(scope="session")
def heart_html(result, heart_figures):
    return render_html(result, heart_figures)


def make_hostile_data(n=200):
    """Embeddings of unequal scales and metadata whose names and levels attack."""
    rng = np.random.default_rng(0)
    X = 3.0 + rng.normal(size=(n, 8)) * np.linspace(1, 9, 8)
    metadata = {
        name: np.where(
            X[:, i % 8] + 5 * rng.normal(size=n) > 3, HOSTILE[i], HOSTILE[i - 1]
        )
        for i, name in enumerate(HOSTILE)
    }
    metadata["<b>target</b>"] = np.where(X[:, 0] > 3, "<i>yes</i>", "no")
    return X, pd.DataFrame(metadata)


@pytest.fixture(scope="session")
def hostile():
    X, metadata = make_hostile_data()
    analysis = WeightSpaceCorrelation(
        "<b>target</b>", n_permutations=299, random_state=0
    )
    return analysis.fit(X, metadata)


@pytest.fixture(scope="session")
def hostile_figures(hostile):
    return draw_figures(make_result(hostile), head_displays(hostile))


@pytest.fixture(scope="session")
def hostile_html(hostile, hostile_figures):
    return render_html(make_result(hostile), hostile_figures)


@pytest.fixture(scope="session")
def data():
    data = make_shortcut(300, 16, random_state=0)
    data.metadata["constant"] = 1
    data.metadata.loc[:20, "age"] = np.nan
    return data


@pytest.fixture(scope="session")
def fitted(data):
    return analyse(data)


@pytest.fixture(scope="session")
def other_rows():
    return make_shortcut(200, 16, random_state=1)


@pytest.fixture
def study(result):
    """A result that may be changed: hospital, sex, age, all of them used."""
    return copy.deepcopy(result)
