"""Labels and their head: its classes, numbers, tables, and what does not fit."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from sklearn_wsca import Head, IntegratedFeatureAnalysis
from sklearn_wsca._features.labels import encode_labels, read_class_head, read_table
from sklearn_wsca._features.maps import FeatureMaps
from tests.reference import make_maps


def study(n_classes=3, seed=0):
    A, labels, weights, intercept = make_maps(seed, n_classes=n_classes)
    return FeatureMaps.of(A), A.mean(axis=(2, 3)), labels, weights, intercept


def linear_layer(weights, intercept):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(weights.shape[1], len(weights)).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        layer.bias.copy_(torch.from_numpy(intercept))
    return layer


def classifier(weights, intercept):
    model = LogisticRegression()
    model.coef_, model.intercept_ = weights, intercept
    model.classes_ = np.array(["a", "b", "c"])[: max(2, len(weights))]
    return model


FORMS = {
    "pair": lambda W, b: (W, b),
    "classifier": classifier,
    "layer": linear_layer,
    "head": lambda W, b: Head(W, b, None, "logistic"),
    "named_head": lambda W, b: Head(W, b, tuple("abc"[: max(2, len(W))]), "logistic"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(2))
def test_every_form_of_head_gives_the_same_rows(form, seed):
    maps, pooled, labels, weights, intercept = study(seed=seed)
    names = pd.Series(np.array(["a", "b", "c"])[labels])
    rows = read_class_head(FORMS[form](weights, intercept), names, maps)
    assert rows.classes is not None and rows.row_names == ("a", "b", "c")
    assert_allclose(rows.outputs(pooled), pooled @ weights.T + intercept, rtol=1e-12)
    assert_array_equal(encode_labels(rows, names), labels)


@pytest.mark.parametrize("form", FORMS)
def test_a_single_row_of_two_classes_becomes_two(form):
    maps, pooled, labels, weights, intercept = study(n_classes=2)
    row, at = weights[1:] - weights[:1], intercept[1:] - intercept[:1]
    names = pd.Series(np.array(["a", "b"])[labels])
    rows = read_class_head(FORMS[form](row, at), names, maps)
    assert rows.row_names == ("a", "b") and rows.coef.shape == (2, 6)
    outputs = rows.outputs(pooled)
    assert_allclose(outputs[:, 1], pooled @ row[0] + at[0], rtol=1e-9)
    assert_allclose(outputs[:, 0], -outputs[:, 1])


def test_arrays_without_an_intercept():
    maps, pooled, labels, weights, _ = study()
    rows = read_class_head(weights, pd.Series(labels), maps)
    assert_allclose(rows.outputs(pooled), pooled @ weights.T)
    rows = read_class_head(np.ones(6), pd.Series(pooled[:, 0]), maps)
    assert rows.classes is None
    assert_allclose(rows.outputs(pooled)[:, 0], pooled.sum(axis=1))


@pytest.mark.parametrize("model", [Ridge(), LinearRegression()])
@pytest.mark.parametrize("n_values", [2, 3, 60])
def test_a_fitted_regressor_predicts_a_number_of_whatever_labels(model, n_values):
    maps, pooled, *_ = study()
    y = pd.Series(np.arange(60) % n_values * 2.5 + 10.0)
    model.fit(pooled, y)
    rows = read_class_head(model, y, maps)
    assert rows.classes is None and rows.coef.shape == (1, 6)
    assert_allclose(rows.outputs(pooled)[:, 0], model.predict(pooled))
    assert_array_equal(encode_labels(rows, y), y)


def test_rows_of_numbers_are_their_codes_where_some_classes_do_not_occur():
    maps, _, labels, weights, _ = study()
    rows = read_class_head(weights, pd.Series(np.minimum(labels, 1)), maps)
    assert rows.row_names == (0, 1, 2)
    others = pd.Series(np.array([1, 4, 7])[labels])
    rows = read_class_head(weights, others, maps)
    assert rows.row_names == (1, 4, 7)
    assert_array_equal(encode_labels(rows, others), labels)


@pytest.mark.parametrize(
    "make",
    [
        pd.Series,
        lambda names: pd.Series(names, dtype="category"),
        lambda names: pd.Series(names, dtype="string"),
        lambda names: pd.Series(names, dtype=object),
    ],
)
def test_types_of_names(make):
    maps, _, labels, weights, intercept = study()
    names = make(np.array(["a", "b", "c"])[labels])
    rows = read_class_head(
        Head(weights, intercept, tuple("abc"), "logistic"), names, maps
    )
    assert_array_equal(encode_labels(rows, names), labels)


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "uint8"])
def test_types_of_codes(dtype):
    maps, _, labels, weights, _ = study()
    codes = pd.Series(labels).astype(dtype)
    rows = read_class_head(weights, codes, maps)
    assert_array_equal(encode_labels(rows, codes), labels)


def test_booleans_are_two_classes():
    maps, _, labels, weights, _ = study(n_classes=2)
    rows = read_class_head(weights, pd.Series(labels == 1), maps)
    assert rows.row_names == (False, True)
    assert_array_equal(encode_labels(rows, pd.Series(labels == 1)), labels)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_without_a_head_one_is_fitted_whatever_the_unit(unit):
    maps, pooled, labels, *_ = study()
    scaled = FeatureMaps.of(maps.array * unit)
    rows = read_class_head(None, pd.Series(labels), scaled)
    outputs = rows.outputs(pooled * unit)
    assert rows.classes is not None and (outputs.argmax(axis=1) == labels).mean() > 0.9
    same = read_class_head(None, pd.Series(labels), maps).outputs(pooled)
    # Each is as near to the solution as the solver's tolerance.
    assert_allclose(outputs, same, atol=5e-3)
    y = 3.0 * pooled[:, 1] + 200.0
    rows = read_class_head(None, pd.Series(y), scaled)
    assert rows.classes is None
    assert np.corrcoef(rows.outputs(pooled * unit)[:, 0], y)[0, 1] > 0.99


def test_one_class_cannot_be_fitted():
    maps, *_ = study()
    with pytest.raises(ValueError, match="y: all samples have the same label, 1 class"):
        read_class_head(None, pd.Series(["a"] * 60), maps)


BAD_HEADS = {
    "width": (np.ones((3, 5)), "head: .* 5 weights per row .* 6 features"),
    "transposed": (np.ones((6, 3)), r"head: .* transposed: pass weights\.T"),
    "not finite": (np.full((3, 6), np.nan), "head: 18 of 18 weights are NaN"),
    "rows": (np.ones((5, 6)), r"head: it has 5 rows and y has 3 .*; pass a head"),
    "single row": (np.ones(6), r"head: a single row .* 3 different .*; pass one row"),
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_heads_that_do_not_fit_are_refused(name):
    maps, _, labels, *_ = study()
    head, message = BAD_HEADS[name]
    with pytest.raises(ValueError, match=f"^{message}"):
        read_class_head(head, pd.Series(np.array(["a", "b", "c"])[labels]), maps)


def test_labels_of_mixed_types_are_refused():
    maps, _, labels, weights, _ = study()
    mixed = pd.Series(np.array([1, "b", "c"], dtype=object)[labels])
    with pytest.raises(ValueError, match=r"^y: .*numbers and text.*; .*"):
        read_class_head(weights, mixed, maps)


def test_labels_that_are_no_class_are_refused_by_name():
    maps, _, labels, weights, intercept = study()
    head = Head(weights, intercept, ("a", "b", "c"), "logistic")
    names = pd.Series(np.array(["a", "b", "cyst"])[labels])
    rows = read_class_head(head, names, maps)
    message = r"^y: 20 of 60 labels .*: 'cyst'; its classes are 'a', 'b', 'c'\. Drop"
    with pytest.raises(ValueError, match=message):
        encode_labels(rows, names)
    with pytest.raises(ValueError, match=r"^target: 20 of 60"):
        encode_labels(rows, names, "target")


def test_numbers_are_needed_for_a_head_that_predicts_one():
    maps, pooled, labels, *_ = study()
    rows = read_class_head(np.ones(6), pd.Series(pooled[:, 0]), maps)
    with pytest.raises(ValueError, match=r"^y: .* predicts a number.*'a'.*; pass"):
        encode_labels(rows, pd.Series(["a"] * 60))
    infinite = pd.Series(np.where(labels == 0, np.inf, 1.0))
    with pytest.raises(ValueError, match=r"^y: 20 of 60 labels are infinite; drop"):
        encode_labels(rows, infinite)


def test_a_head_of_numbers_stays_one_with_two_values():
    maps, pooled, labels, *_ = study()
    two = pd.Series(np.where(labels == 0, 1.5, 3.5))
    assert read_class_head(np.ones(6), two, maps).classes == (1.5, 3.5)
    for source in (Head(np.ones(6), [0.0], None, "ridge"), Ridge().fit(pooled, two)):
        found = read_class_head(source, two, maps)
        assert found.classes is None and found.n_rows == 1


def test_a_head_of_several_numbers_is_refused():
    maps, pooled, labels, *_ = study()
    several = Ridge().fit(pooled, np.stack([labels, labels**2.0], axis=1))
    with pytest.raises(ValueError, match=r"^head: it predicts 2 numbers, .* its row"):
        read_class_head(several, pd.Series(pooled[:, 0]), maps)
    # Before anything is said of columns, of which none would do.
    both = pd.DataFrame({"one": pooled[:, 0], "two": pooled[:, 1]})
    for target in (None, "one"):
        with pytest.raises(ValueError, match=r"^head: it predicts 2 numbers, and one"):
            IntegratedFeatureAnalysis(several, target=target).fit(pooled, both)


def test_a_table_is_split_by_roles():
    table = pd.DataFrame(
        {"disease": list("abab"), "patient": [1, 1, 2, 2], "site": 7, "age": 3.5}
    )
    found = read_table(table, "disease", "patient", None)
    assert found.labels.tolist() == list("abab")
    assert found.groups.tolist() == [1, 1, 2, 2]
    assert list(found.metadata) == ["site", "age"]
    assert list(read_table(table, "disease", None, ["age"]).metadata) == ["age"]
    assert read_table(["a", "b"], None, None, None).labels.tolist() == ["a", "b"]


BAD_TABLES = {
    "no target": ({"target": None}, r"target: y has the columns \['a', 'b'\]; name"),
    "unknown target": ({"target": "c"}, "target: there is no column 'c'"),
    "unknown groups": ({"groups": "c"}, "groups: there is no column 'c'"),
    "unknown metadata": ({"metadata": ["c"]}, "metadata: there is no column 'c'"),
    "missing": ({"target": "b"}, "target: 1 of 2 labels in 'b' are missing; drop"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_tables_that_do_not_fit_are_refused(name):
    table = pd.DataFrame({"a": ["x", "y"], "b": ["u", None]})
    options, message = BAD_TABLES[name]
    options = {"target": "a", "groups": None, "metadata": None, **options}
    with pytest.raises(ValueError, match=f"^{message}"):
        read_table(table, **options)


def test_a_table_without_rows_is_refused():
    A = np.arange(12.0).reshape(4, 3)
    y = pd.DataFrame({"illness": pd.Series([], dtype=object)})
    with pytest.raises(ValueError, match="y: 0 labels for 4 samples of A; pass one"):
        IntegratedFeatureAnalysis(target="illness").fit(A, y)
