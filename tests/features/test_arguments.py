"""Arguments of the feature analysis that cannot be meant."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_wsca import IntegratedFeatureAnalysis
from tests.features.test_integrated_feature_analysis import SPATIAL, fitted
from tests.reference import make_maps

BAD_FITS = {
    "length": ({}, {"y": ["a"] * 59}, "y: 59 labels for 60 samples of A; pass"),
    "no labels": ({}, {"y": None}, ".* requires y to be passed"),
    "percentiles": ({"percentiles": (99, 1)}, {}, r"percentiles: \(99, 1\) .*; pass"),
    "percentile": ({"percentiles": (1, 101)}, {}, r"percentiles: .* 0 to 100; pass"),
    "one percentile": ({"percentiles": (5,)}, {}, r"percentiles: \(5,\) .*; pass"),
    "no percentile": ({"percentiles": ("a", "b")}, {}, r"percentiles: .*; pass"),
    "no share": ({"ratio": 0.0}, {}, ".*'ratio' parameter .* in the range"),
    "large share": ({"ratio": 1.5}, {}, ".*'ratio' parameter .* in the range"),
    "ranking": ({"ranking": "size"}, {}, ".*'ranking' parameter"),
    "target": ({"target": "disease"}, {}, "target: there is no column 'disease'"),
    "scale": ({"scale": "log"}, {}, ".*'scale' parameter"),
}


@pytest.mark.parametrize("name", BAD_FITS)
def test_what_cannot_be_fitted_is_refused(name):
    analysis, A, y = fitted()
    parameters, given, message = BAD_FITS[name]
    with pytest.raises(ValueError, match=f"^{message}"):
        clone(analysis).set_params(**parameters).fit(A, given.get("y", y))


@pytest.mark.parametrize("spatial", SPATIAL)
def test_non_finite_maps_are_refused(spatial):
    analysis, A, y = fitted(options={"spatial": spatial})
    A[[3, 50], 2] = np.nan
    rows = r"^A: .*in the rows 3, 50 .*Drop" if spatial else "NaN"
    with pytest.raises(ValueError, match=rows):
        clone(analysis).fit(A, y)
    kept = analysis.set_params(ratio=1.0)
    with pytest.raises(ValueError, match=rows):
        kept.transform(A)


@pytest.mark.parametrize("target", [None, "b"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_maps_are_not_drawn(target, bad):
    analysis, A, _ = fitted()
    A[[3, 50], 2, 1, 1] = bad
    with pytest.raises(ValueError, match=r"^A: .*in the rows 3, 50 .*Drop"):
        analysis.activation_maps(A, target)


def test_samples_of_different_shape_are_refused():
    analysis, A, y = fitted()
    samples = [A[0], A[1, :, :3]]
    message = r"^A: .* differ in shape \(\[\(6, 3, 4\), \(6, 5, 4\)\]\); bring"
    with pytest.raises(ValueError, match=message):
        clone(analysis).fit(samples, y[:2])
    with pytest.raises(ValueError, match=message):
        analysis.activation_maps(samples)


BAD_MAPS = {
    "pooled": ((0, {}), r"A: activation maps need .* \*spatial\), .* pooled"),
    "width": ((1, {}), r"A: the feature maps have 5 features, .* 6; pass maps"),
    "class": ((2, {"target": "d"}), "target: 60 of 60 labels .*'d'; its classes"),
    "classes": ((2, {"target": ["a", "b"]}), "target: 2 classes for 60 samples; pass"),
    "zero": ((2, {"ratio": 0}), r"ratio: 0 is no share; pass 0 < ratio <= 1"),
    "above": ((2, {"ratio": 1.01}), r"ratio: 1\.01 is no share"),
    "nan": ((2, {"ratio": np.nan}), r"ratio: nan is no share"),
    "text": ((2, {"ratio": "half"}), r"ratio: 'half' is no share"),
    "both": ((2, {"ratio": 0.5, "features": [1]}), "ratio and features exclude each"),
    "features": (
        (2, {"features": [1, 6]}),
        r"features: \[1, 6\] are no features; pass",
    ),
    "none": ((2, {"features": []}), r"features: \[\] are no features; .* from 0 to 5,"),
    "mask": ((2, {"features": [True]}), r"features: \[True\] .* a mask of 6 truth"),
}


@pytest.mark.parametrize("name", BAD_MAPS)
def test_what_cannot_be_drawn_is_refused(name):
    analysis, A, _ = fitted()
    (which, options), message = BAD_MAPS[name]
    maps = [A.mean(axis=(2, 3)), A[:, :5], A][which]
    with pytest.raises(ValueError, match=f"^{message}"):
        analysis.activation_maps(maps, **options)


def test_features_are_named_by_numbers_or_a_mask():
    analysis, A, _ = fitted()
    mask = np.isin(np.arange(6), [1, 4])
    by_number = analysis.activation_maps(A, features=[4, 1])
    assert_array_equal(analysis.activation_maps(A, features=mask), by_number)
    assert np.abs(by_number - analysis.activation_maps(A)).max() > 0.01


def test_pooled_activations_do_not_tell_the_range_of_maps():
    analysis, A, y = fitted()
    analysis.fit(A.mean(axis=(2, 3)), y)
    with pytest.raises(ValueError, match=r"^A: fit was given pooled .*; fit on"):
        analysis.activation_maps(A)


def test_before_fit_there_is_nothing():
    A, labels, *_ = make_maps(0)
    calls = {"transform": (A,), "activation_maps": (A,), "compare": (A, labels)}
    for method, arguments in calls.items():
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(IntegratedFeatureAnalysis(), method)(*arguments)


def test_tables_of_other_rows_are_refused():
    analysis, A, y = fitted()
    table = pd.DataFrame(A.mean(axis=(2, 3)))
    table.columns = list("uvwxyz")
    with pytest.raises(ValueError, match="the indexes of A and y have the same labels"):
        analysis.fit(table, pd.Series(y, name="disease").iloc[::-1])
