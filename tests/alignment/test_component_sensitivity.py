import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

import sklearn_wsca._alignment.component_sensitivity as module
import sklearn_wsca._analysis.prepare as prepare
import sklearn_wsca._weight_space_correlation as estimator
from sklearn_wsca import WeightSpaceCorrelation

N, D = 160, 24


@pytest.fixture(scope="module")
def study():
    """Embeddings of unequal scales, one column with gaps, and a trained head."""
    generator = np.random.default_rng(3)
    scales = np.logspace(1, -1.5, D)
    mixing = np.linalg.qr(generator.normal(size=(D, D)))[0]
    coordinates = generator.normal(size=(N, D))
    X = 5.0 + coordinates * scales @ mixing
    table = pd.DataFrame(
        {
            "target": np.where(coordinates[:, 0] + coordinates[:, 3] > 0.2, "b", "a"),
            "site": np.array(["x", "y", "z"])[generator.integers(0, 3, N)],
            "age": 50 + 9 * coordinates[:, 1] + generator.normal(size=N),
            "sex": np.where(generator.random(N) < 0.1, None, "f"),
        }
    )
    table.loc[coordinates[:, 2] > 0, "sex"] = "m"
    return X, table, generator.normal(size=(1, D))


def assert_equals_fits(analysis, X, y, sample_weight=None, **fitted):
    """Every row is what a fit with that k gives."""
    found = analysis.component_sensitivity(X, y, sample_weight=sample_weight, **fitted)
    for (k, _, projected, _), row in found.iterrows():
        chosen = int(k) if projected else None
        alone = clone(analysis).set_params(n_components=chosen, n_permutations=0)
        alone.fit(X, y, sample_weight)
        assert_allclose(row, alone.alignment_scores_, rtol=0, atol=1e-6)
    assert found.iloc[0].notna().any() and found.iloc[0].max() > 0.01
    return found


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
@pytest.mark.parametrize("trained", [True, False])
def test_every_score_is_that_of_a_fit(study, metric, trained):
    X, table, coef = study
    head = coef if trained else None
    analysis = WeightSpaceCorrelation("target", target_head=head, metric=metric)
    found = assert_equals_fits(analysis, X, table)
    assert list(found.columns) == ["site", "age", "sex"]
    # The part of a trained head outside the subspace counts without projection only.
    assert found.iloc[0].sub(found.iloc[-1]).abs().max() > 0.01


def test_pairs_are_those_of_the_alignment(study):
    X, table, coef = study
    head = np.vstack([coef, coef[:, ::-1], 2.0 * coef + 1.0])
    y = table.assign(target=np.array(["a", "b", "c"])[np.arange(N) % 3])
    analysis = WeightSpaceCorrelation("target", target_head=(head, np.zeros(3)))
    analysis.set_params(check_head=False, n_permutations=0)
    found = analysis.component_sensitivity(X, y, [7, 20], pairs=True)
    assert found.columns.names == ["column", "level", "output"]
    fitted = clone(analysis).set_params(n_components=7).fit(X, y).alignment_
    row = found.xs(7, level="k").iloc[0]
    for (column, level, output), value in row.items():
        assert_allclose(
            value, fitted.loc[("target", output), (column, level)], atol=1e-6
        )
    assert (found.to_numpy() < 0).any() and found.shape[1] == fitted.size


def test_weights_pairs_confounders_and_groups(study):
    X, table, _ = study
    generator = np.random.default_rng(0)
    weights = generator.integers(0, 3, N).astype(float)
    analysis = WeightSpaceCorrelation(
        "target",
        columns=["age", ("site", "sex")],
        confounders=["site"],
        adjust_for_target=True,
        groups="patient",
        heads={"age": Ridge(2.0)},
        aggregate="max",
    )
    y = table.assign(patient=np.arange(N) // 2)
    found = assert_equals_fits(analysis, X, y, weights, n_components=[3, 7])
    assert list(found.columns) == ["age", ("site", "sex")]


def test_more_features_than_rows(study):
    X, table, _ = study
    few = slice(0, 18)
    analysis = WeightSpaceCorrelation("target", columns=["age", "site"])
    found = assert_equals_fits(analysis, X[few], table[few])
    assert found.index.get_level_values("k").max() == 17


def test_single_precision_of_many_rows():
    generator = np.random.default_rng(1)
    X = 3.0 + generator.normal(size=(2100, 12)) * np.logspace(1, -1, 12)
    y = pd.DataFrame(
        {"t": np.where(X[:, 0] > 3, "a", "b"), "u": generator.normal(size=2100)}
    )
    assert_equals_fits(WeightSpaceCorrelation("t"), X, y)


def test_index_names_the_rows(study):
    X, table, _ = study
    analysis = WeightSpaceCorrelation("target", n_components=0.9, min_components=0)
    found = analysis.component_sensitivity(X, table)
    assert found.index.names == ["k", "explained_variance", "projected", "chosen"]
    index = found.index.to_frame(index=False)
    fitted = clone(analysis).set_params(n_permutations=0).fit(X, table)
    assert {5, 10, 20, D, fitted.n_components_} <= set(index["k"])
    assert index["k"].max() == D and index["k"].is_monotonic_increasing
    assert index["projected"].tolist() == [True] * (len(index) - 1) + [False]
    assert index.loc[index["chosen"], "k"].tolist() == [fitted.n_components_]
    wide = clone(analysis).set_params(n_components=D, n_permutations=0).fit(X, table)
    explained = np.cumsum(wide.explained_variance_ratio_)
    assert_allclose(index["explained_variance"], explained[index["k"] - 1])
    smallest = np.argmax(explained >= 0.99) + 1
    assert smallest in index["k"].tolist() and smallest < D


def test_no_projection_can_be_the_choice(study):
    X, table, _ = study
    analysis = WeightSpaceCorrelation("target", n_components=None)
    found = analysis.component_sensitivity(X, table, [4, 4000])
    index = found.index.to_frame(index=False)
    assert index["chosen"].tolist() == [False] * (len(index) - 1) + [True]
    assert 4 in index["k"].tolist() and index["k"].max() == D


@pytest.mark.parametrize("fit_first", [True, False])
def test_the_estimator_is_left_alone(study, fit_first):
    X, table, _ = study
    analysis = WeightSpaceCorrelation("target", n_permutations=0)
    if fit_first:
        analysis.fit(X, table)
    before = dict(vars(analysis))
    notes = list(getattr(analysis, "notes_", []))
    analysis.component_sensitivity(X[: N // 2, :7], table[: N // 2])
    assert vars(analysis).keys() == before.keys()
    assert all(vars(analysis)[name] is before[name] for name in before)
    assert list(getattr(analysis, "notes_", [])) == notes


def test_a_fitted_model_may_be_the_primary_head(study):
    X, table, _ = study
    model = LogisticRegression(max_iter=5000).fit(X, table["target"])
    with_model = WeightSpaceCorrelation("target", target_head=model)
    with_weights = WeightSpaceCorrelation(
        "target", target_head=(model.coef_, model.intercept_)
    )
    pd.testing.assert_frame_equal(
        with_model.component_sensitivity(X, table),
        with_weights.component_sensitivity(X, table),
    )


def test_trained_column_heads_need_no_other_null(study):
    X, table, coef = study
    analysis = WeightSpaceCorrelation("target", heads={"age": coef})
    assert analysis.component_sensitivity(X, table)["age"].notna().all()


def test_one_pass_and_nothing_but_head_fits(study, monkeypatch):
    X, table, _ = study
    analysis = WeightSpaceCorrelation("target", n_permutations=99)
    fits, passes = [], []
    fit_heads, fit_subspace = module.fit_heads, prepare.fit_subspace
    monkeypatch.setattr(
        module, "fit_heads", lambda *args: fits.append(1) or fit_heads(*args)
    )
    monkeypatch.setattr(
        prepare, "fit_subspace", lambda *args: passes.append(1) or fit_subspace(*args)
    )
    for name in ("infer_encoding", "measure_reliability", "make_decision"):
        monkeypatch.delattr(estimator, name)
    found = analysis.component_sensitivity(X, table)
    # No projection shares the heads of the full rank.
    assert len(fits) == len(found) - 1 and len(passes) == 1


def test_refused_columns_have_no_scores(study):
    X, table, _ = study
    y = table.assign(copy=np.where(table["target"] == "a", "p", "q"))
    columns = ["site", "copy"]
    analysis = WeightSpaceCorrelation("target", adjust_for_target=True, columns=columns)
    found = analysis.component_sensitivity(X, y, [5])
    assert found["copy"].isna().all() and found["site"].notna().all()


def test_heads_that_do_not_converge_are_named(study, monkeypatch):
    X, table, _ = study
    spied = module.fit_heads
    monkeypatch.setattr(module, "fit_heads", lambda *args: [*spied(*args), "site"][-1:])
    with pytest.warns(ConvergenceWarning, match=r"k=5: \['site'\]") as caught:
        WeightSpaceCorrelation("target").component_sensitivity(X, table, [5])
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "dimensions", "message"),
    [
        *(({}, bad, "n_components") for bad in ([0], [2.5], [], 5, "10", [[1, 2]])),
        ({"target": None}, None, "set target or target_head"),
        ({"C": -1.0}, None, "'C' parameter"),
    ],
)
def test_what_cannot_be_used(study, options, dimensions, message):
    X, table, _ = study
    analysis = WeightSpaceCorrelation(**{"target": "target"} | options)
    with pytest.raises(ValueError, match=message):
        analysis.component_sensitivity(X, table, dimensions)
