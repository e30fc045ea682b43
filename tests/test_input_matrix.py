"""Every input of `input_cases` where it is read, and some at every place.

Several places pass an argument on to the same reader. What is special about an input
is tried once for each reader; that the other places ask it, by some of the inputs.
"""

from __future__ import annotations

import re

import joblib
import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import (
    IntegratedFeatureAnalysis,
    MetadataEraser,
    WeightSpaceCorrelation,
    utilization_test,
)
from tests.input_cases import DISEASE, SITE, TABLE, N, X
from tests.input_columns import METADATA
from tests.input_embeddings import EMBEDDINGS
from tests.input_heads import HEAD_OBJECTS, HEADS, WEIGHTS
from tests.input_tables import GROUPS, LABELS, NAMES, TABLES

ALL = [
    *EMBEDDINGS,
    *METADATA,
    *TABLES,
    *NAMES,
    *GROUPS,
    *LABELS,
    *HEADS,
    *HEAD_OBJECTS,
    *WEIGHTS,
]
# Words of those who wrote numpy and pandas, not of those who use this package.
INTERNAL = re.compile(
    r"ufunc|unhashable|inhomogeneous|setting an array element|has no attribute|"
    r"could not be promoted|indices imply|not subscriptable|Cannot cast|truth value of"
    r"|missing 1 required|unexpected keyword|\narray|object is not|Traceback"
)
OPTIONS = {"n_permutations": 0, "random_state": 0}


# --- the places: functions of the value, whose result can be compared ----------------


def analyse(X=X, y=TABLE, sample_weight=None, **options):
    estimator = WeightSpaceCorrelation(**({"target": "disease"} | OPTIONS | options))
    return estimator.fit(X, y, sample_weight=sample_weight)


def numbers(table):
    """What a summary says in numbers."""
    numeric = table.drop(columns=["kind", "verdict", "note", "consequence"])
    return numeric.astype(float).to_numpy()


def fit(X=X, y=TABLE, **options):
    return numbers(analyse(X, y, **options).summary_)


def erase(X=X, y=TABLE, sample_weight=None):
    return MetadataEraser(["site"]).fit(X, y, sample_weight).transform(X)


def fit_embeddings(value):
    is_single = isinstance(value, np.ndarray) and value.shape == (1, X.shape[1])
    return fit(value, TABLE[:1] if is_single else TABLE)


def erase_embeddings(value):
    is_single = isinstance(value, np.ndarray) and value.shape == (1, X.shape[1])
    eraser = MetadataEraser(["site"]).fit(value, TABLE[:1] if is_single else TABLE)
    # float32 comes out as float32.
    return np.round(eraser.mean_ / np.abs(eraser.mean_).max(), 5)


def run_outputs(value):
    result = utilization_test(
        value, SITE, target=DISEASE, n_permutations=19, random_state=0
    )
    return [result.utilization, result.raw, result.low, result.high, result.pvalue]


def analyse_features(value):
    found = IntegratedFeatureAnalysis(**OPTIONS).fit(value, DISEASE)
    return [*found.consistency_, *found.ranking_, *found.outlier_scores_]


def with_column(value):
    if isinstance(value, np.ma.MaskedArray):
        value = pd.Series(value)
    return TABLE.assign(site=value)


def fit_column(value):
    return fit(y=with_column(value))


def audit_column(value):
    fitted = analyse(y=with_column(value))
    return [
        *numbers(fitted.audit(X, with_column(value))).ravel(),
        fitted.score(X, with_column(value)),
    ]


def run_column(value):
    if isinstance(value, pd.Series):
        value = value.rename("site")
    found = utilization_test(
        X, value, target=DISEASE, n_permutations=19, random_state=0
    )
    return [found.utilization, found.raw, found.low, found.high, found.pvalue]


def compare_column(value):
    analysis = IntegratedFeatureAnalysis(target="disease", **OPTIONS)
    analysis.fit(X, TABLE[["disease"]])
    found = analysis.compare(X, with_column(value))
    return found[["ks", "explained"]].to_numpy()


def fit_groups(value):
    return fit(y=TABLE.assign(unit=value), groups="unit")


def run_groups(value):
    options = {"groups": pd.Series(value, name="unit"), "random_state": 0}
    found = utilization_test(X, SITE, target=DISEASE, n_permutations=19, **options)
    return [found.raw, found.low, found.pvalue]


def fit_labels(value):
    found = IntegratedFeatureAnalysis(**OPTIONS).fit(X, value)
    return [*np.ravel(found.importance_difference_), *found.outlier_scores_]


def analyse_head(value):
    found = IntegratedFeatureAnalysis(value, **OPTIONS).fit(X, DISEASE)
    return found.importance_difference_


# Argument of a case: names of places, with the name of the argument there.
PLACES = {
    "X": {
        "fit": (fit_embeddings, "X"),
        "transform": (lambda value: analyse().transform(value), "X"),
        "erase": (erase_embeddings, "X"),
        "outputs": (run_outputs, "outputs"),
        "features": (analyse_features, "A"),
    },
    "column": {
        "fit": (fit_column, ""),
        "audit": (audit_column, ""),
        "erase": (lambda value: erase(y=with_column(value)), ""),
        "outputs": (run_column, ""),
        "features": (compare_column, ""),
    },
    "table": {
        "fit": (lambda value: fit(y=value), "y"),
        "erase": (lambda value: erase(y=value), "y"),
    },
    "names": {"fit": (lambda value: fit(**value), "")},
    "groups": {"fit": (fit_groups, "groups"), "outputs": (run_groups, "groups")},
    "labels": {"features": (fit_labels, "y")},
    "head": {
        "target_head": (lambda value: fit(target_head=value), "target_head"),
        "heads": (lambda value: fit(heads={"site": value}), "heads['site']"),
        "head": (analyse_head, "head"),
    },
    "Head": {"Head": (lambda value: value, "Head")},
    "sample_weight": {
        "fit": (lambda value: fit(sample_weight=value), "sample_weight"),
        "score": (lambda value: analyse().score(X, TABLE, value), "sample_weight"),
        "erase": (lambda value: erase(sample_weight=value), "sample_weight"),
    },
}
# Places that read an argument by themselves. One function reads columns, another heads;
# tests/input/test_typed_columns.py and tests/heads/test_head.py try all cases with it.
READERS = {
    "X": {"fit", "outputs", "features"},
    "column": set(),
    "table": {"fit"},
    "head": set(),
    "sample_weight": {"fit"},
}
# Inputs that are tried at every place: one of each kind that a place could spoil or
# overlook before, or instead of, asking the reader.
EVERYWHERE = {
    "X": {"float16 tensor", "nullable frame", "list of lists", "masked values", "NaN"}
    | {"sparse frame", "times 1e300", "three-dimensional", "50 rows"},
    "column": {"Int64", "boolean", "pyarrow dictionary", "unused categories"}
    | {"dates with a zone", "Decimal", "sparse numbers", "bytes", "infinity"}
    | {"integers and strings", "numbers of 1e300", "pyarrow lists"}
    | {"all missing", "constant", "numbers as text"},
    "table": {"polars", "index of two levels", "dict", "59 rows"},
    "head": {"transposed", "NaN", "masked", "pairs of classes", "whole network"}
    | {"name of a file", "unfitted", "float16", "frame", "bfloat16", "times 1e30"},
    "sample_weight": {"negative", "masked", "index of other rows", "truth values"},
}


def is_run(case, place):
    """Whether a case is tried at a place."""
    read_here = READERS.get(case.argument, PLACES[case.argument])
    return place in read_here or case.what in EVERYWHERE.get(case.argument, ())


RUNS = [
    pytest.param(case, place, id=f"{case.id} [{place}]")
    for case in ALL
    for place in case.places or PLACES[case.argument]
    if is_run(case, place)
]


# --- the tests -----------------------------------------------------------------------


def test_the_matrix_is_large_and_has_no_case_twice():
    ids = [case.id for case in ALL]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 60
    for case in ALL:
        outcomes = [bool(case.error), case.plain is not None, bool(case.left_out)]
        assert sum(outcomes) == 1, case.id
    assert {case.argument for case in ALL} == set(PLACES)
    for argument, names in EVERYWHERE.items():
        assert names <= {case.what for case in ALL if case.argument == argument}
        runs = [run.values for run in RUNS if run.values[0].argument == argument]
        assert {place for _, place in runs} == set(PLACES[argument])


@pytest.mark.parametrize(("case", "place"), [r for r in RUNS if r.values[0].error])
def test_one_clear_error(case, place):
    look, argument = PLACES[case.argument][place]
    pattern = case.error_of(argument)
    # scikit-learn asks for a TypeError where a matrix is sparse.
    with pytest.raises((ValueError, TypeError), match=pattern) as caught:
        look(case.make())
    message = str(caught.value)
    assert not INTERNAL.search(message)
    assert len(message) < 600
    if case.argument == "column":
        assert re.search(r"column '(site|column)'", message)


PLAIN_RESULTS: dict[tuple, object] = {}


def plain_result(case, place):
    """Result of the plain form, which many cases share."""
    plain = case.plain()
    key = case.argument, place, joblib.hash(plain)
    if key not in PLAIN_RESULTS:
        PLAIN_RESULTS[key] = PLACES[case.argument][place][0](plain)
    return PLAIN_RESULTS[key]


@pytest.mark.parametrize(("case", "place"), [r for r in RUNS if r.values[0].plain])
def test_the_result_of_the_plain_form(case, place):
    look, _ = PLACES[case.argument][place]
    found, expected = look(case.make()), plain_result(case, place)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(np.asarray(found, dtype=float)).any()


@pytest.mark.parametrize(("case", "place"), [r for r in RUNS if r.values[0].left_out])
def test_columns_that_are_left_out_are_named_with_the_reason(case, place):
    table = with_column(case.make()).assign(age=np.arange(N) ** 1.5)
    if place in ("fit", "audit"):
        fitted = analyse(y=table)
        assert re.match(case.left_out, fitted.dropped_columns_["site"])
        summary = fitted.summary_ if place == "fit" else fitted.audit(X, table)
        row = summary.loc["site"]
        assert row["verdict"] == "untestable"
        assert row["note"].startswith("left out: ")
        assert summary.loc["age", "kind"] == "continuous"
    elif place == "erase":
        with pytest.warns(UserWarning, match=rf"'site': {case.left_out}"):
            eraser = MetadataEraser(["site", "age"]).fit(X, table)
        assert list(eraser.dropped_columns_) == ["site"]
    elif place == "outputs":
        with pytest.raises(
            ValueError, match=rf"'site' cannot be used: {case.left_out}"
        ):
            run_column(table["site"])
    else:
        with pytest.warns(UserWarning, match=rf"left out 'site' \({case.left_out}"):
            compare_column(table["site"])


def test_a_network_that_is_no_head_is_left_as_it_was():
    nn = pytest.importorskip("torch").nn
    network = nn.Sequential(nn.Linear(X.shape[1], 5), nn.ReLU(), nn.Linear(5, 2))
    weights = network[0].weight.detach().clone()
    with pytest.raises(ValueError, match="target_head: the Sequential is no linear"):
        fit(target_head=network)
    assert (network[0].weight == weights).all()
    assert str(network[0].weight.dtype) == "torch.float32"
    assert network.training
