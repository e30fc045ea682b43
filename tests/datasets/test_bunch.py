"""What all data sets give: a Bunch, frames, or rows and metadata."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from sklearn_wsca.datasets import (
    load_heart_hospitals,
    load_sentiment_sources,
    make_scanner_digits,
    make_shortcut,
)

# loader, rows, columns, float type, metadata columns
DATASETS = {
    "heart": (
        load_heart_hospitals,
        (920, 62),
        np.float32,
        ["disease", "hospital", "sex", "age"],
    ),
    "sentiment": (
        load_sentiment_sources,
        (4000, 64),
        np.float32,
        ["sentiment", "source", "rating", "n_words"],
    ),
    "digits": (
        lambda **options: make_scanner_digits(random_state=0, **options),
        (1797, 64),
        np.float64,
        ["target", "scanner"],
    ),
    "shortcut": (
        lambda **options: make_shortcut(60, 9, random_state=0, **options),
        (60, 9),
        np.float64,
        ["target", "scanner", "age", "batch"],
    ),
    "shortcut with patients": (
        lambda **options: make_shortcut(
            60, 9, rows_per_group=4, random_state=0, **options
        ),
        (60, 9),
        np.float64,
        ["target", "scanner", "age", "batch", "patient"],
    ),
}

FIELDS = {
    "data",
    "metadata",
    "target",
    "target_name",
    "feature_names",
    "frame",
    "DESCR",
}
EXTRA_FIELDS = {
    "heart": {"head", "split"},
    "sentiment": set(),
    "digits": {"images", "rendered"},
    "shortcut": {"head", "true_utilization"},
    "shortcut with patients": {"head", "true_utilization"},
}


@pytest.fixture(params=list(DATASETS))
def dataset(request):
    return request.param, *DATASETS[request.param]


def test_bunch(dataset):
    name, load, shape, dtype, columns = dataset
    bunch = load()
    assert isinstance(bunch, Bunch)
    assert set(bunch) == FIELDS | EXTRA_FIELDS[name]
    assert isinstance(bunch.data, np.ndarray)
    assert bunch.data.shape == shape
    assert bunch.data.dtype == dtype
    assert np.isfinite(bunch.data).all()
    assert len(set(bunch.feature_names)) == shape[1]
    assert bunch.metadata.columns.tolist() == columns
    assert bunch.metadata.index.equals(pd.RangeIndex(shape[0]))
    assert not bunch.metadata.isna().any().any()
    assert bunch.target_name == columns[0]
    assert bunch.target.dtype.kind == "U"
    np.testing.assert_array_equal(bunch.target, bunch.metadata[columns[0]])
    assert bunch.frame is None
    assert len(bunch.DESCR.splitlines()) > 5


def test_as_frame(dataset):
    _, load, shape, dtype, columns = dataset
    plain, framed = load(), load(as_frame=True)
    assert isinstance(framed.data, pd.DataFrame)
    assert framed.data.columns.tolist() == plain.feature_names
    assert (framed.data.dtypes == dtype).all()
    np.testing.assert_array_equal(framed.data, plain.data)
    assert isinstance(framed.target, pd.Series)
    assert framed.target.name == plain.target_name
    assert framed.data.index.equals(framed.metadata.index)
    assert framed.frame.shape == (shape[0], shape[1] + len(columns))
    pd.testing.assert_frame_equal(framed.frame[columns], plain.metadata)


@pytest.mark.parametrize("as_frame", [False, True])
def test_return_X_y(dataset, as_frame):
    _, load, _, _, _ = dataset
    bunch = load(as_frame=as_frame)
    data, metadata = load(return_X_y=True, as_frame=as_frame)
    assert type(data) is type(bunch.data)
    np.testing.assert_array_equal(data, bunch.data)
    pd.testing.assert_frame_equal(metadata, bunch.metadata)


def test_options_are_keyword_only():
    for load in (load_heart_hospitals, load_sentiment_sources, make_scanner_digits):
        with pytest.raises(TypeError):
            load(4)


def test_results_do_not_share_memory(dataset):
    _, load, _, _, columns = dataset
    first = load()
    first.data[:] = -1.0
    # pandas 2 warns here if the table were a view of a larger one.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first.metadata.loc[:, columns[0]] = "changed"
    second = load()
    assert not (second.data == -1.0).all()
    assert "changed" not in set(second.target)


@pytest.mark.parametrize(
    "name", [name for name, fields in EXTRA_FIELDS.items() if "head" in fields]
)
def test_binary_head_has_one_row_per_output(name):
    load, shape, _, _ = DATASETS[name]
    coef, intercept = load().head
    assert coef.shape == (1, shape[1])
    assert intercept.shape == (1,)
    assert np.abs(coef).min() > 0
