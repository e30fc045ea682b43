"""Shapes and heads at the edge of what the estimator takes."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from sklearn_wsca import Head, WeightSpaceCorrelation
from sklearn_wsca._heads import probe as probe_module
from tests.reference import (
    fit_head,
    in_unit_of_embeddings,
    make_study,
    principal_directions,
)

COLUMNS = ["site", "sex", "age", "dose"]


def analysis(target="disease", **options):
    settings = {
        "columns": COLUMNS,
        "n_permutations": 9,
        "random_state": 0,
        "significance": 0.5,
    } | options
    return WeightSpaceCorrelation(target, **settings)


def trained(seed, rows, d):
    return np.random.default_rng(seed).standard_normal((rows, d)) + 0.5


def assert_head(model, name, X, labels, kind, atol=1e-6):
    """The head of a column is that of the reference on the rows where it is known."""
    principal = principal_directions(X, np.ones(len(X)))
    known = labels.notna().to_numpy()
    labels = labels[known].to_numpy(dtype=str if kind == "logistic" else float)
    coef, intercept = fit_head(principal.coordinates(X)[known], labels, kind)
    coef, _ = in_unit_of_embeddings(principal, coef, intercept)
    found = model.heads_[name].coef
    np.testing.assert_allclose(found, coef, atol=atol * np.abs(coef).max())


# --- shapes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "d", "k"), [(120, 8, 8), (40, 90, 39), (30, 12, 12), (160, 80, 80)]
)
def test_few_features_or_rows_make_the_projection_a_no_op(n, d, k):
    X, table = make_study(0, n=n, d=d)
    # 80 features of equal weight in 160 rows need more than 50 directions for 99 %.
    model = analysis().fit(X, table)
    principal = principal_directions(X, np.ones(n))
    assert model.n_components_ == len(principal.variances)
    assert model.n_components_ <= k
    np.testing.assert_allclose(model.explained_variance_, principal.variances)
    if k < 50:
        assert model.n_components_ == k
        assert any("removes nothing" in note for note in model.notes_)


def test_floor_of_50_directions():
    """A few strong directions explain 99 %, and 50 are kept all the same."""
    X, table = make_study(1, n=150, d=100)
    X = X * np.geomspace(1000.0, 0.1, 100)
    assert analysis().fit(X, table).n_components_ == 50
    low = analysis(min_components=2).fit(X, table)
    ratio = low.explained_variance_ratio_
    assert 2 <= low.n_components_ < 50
    assert ratio.sum() >= 0.99 > ratio[:-1].sum()


@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
def test_far_more_features_than_rows(metric):
    X, table = make_study(2, n=48, d=22000)
    head = trained(2, 2, X.shape[1])
    model = analysis(target_head=head, metric=metric).fit(X.astype(np.float32), table)
    assert model.n_components_ == 47
    P = model.components_
    np.testing.assert_allclose(P @ P.T, np.eye(47), atol=1e-8)
    assert_head(model, "age", X.astype(np.float32), table["age"], "ridge", atol=1e-5)
    assert model.null_distribution_.std().min() > 0
    assert model.transform(X[:3].astype(np.float32)).shape == (3, 2 + 3 + 1 + 1 + 1)


@pytest.mark.parametrize("n_components", [1, 3, 8, 0.5, 0.9, 1.0, None])
def test_number_of_directions(n_components):
    X, table = make_study(3)
    model = analysis(n_components=n_components, min_components=1).fit(X, table)
    expected = principal_directions(X, np.ones(len(X)), n_components, 1)
    assert model.n_components_ == len(expected.variances)
    assert model.scale_ == pytest.approx(expected.scale)
    assert model.alignment_scores_.between(0.0, 1.0).all()


def test_more_directions_than_there_are_is_noted():
    X, table = make_study(4, d=6)
    model = analysis(n_components=40).fit(X, table)
    assert model.n_components_ == 6
    assert any("40 was asked for" in note for note in model.notes_)


def test_constant_and_repeated_features_do_no_harm():
    X, table = make_study(5)
    wide = np.hstack([X, np.full((len(X), 2), 1e8), X[:, :2]])
    model = analysis().fit(wide, table)
    assert model.n_components_ == X.shape[1]
    assert np.isfinite(model.summary_["alignment_score"].astype(float)).all()


# --- columns -------------------------------------------------------------------------


def test_forty_classes():
    X, table = make_study(6, n=600)
    rng = np.random.default_rng(6)
    table["site"] = [f"site {i:02d}" for i in rng.integers(0, 40, len(X))]
    model = analysis(heads={"age": "ridge", "dose": "ridge"}).fit(X, table)
    assert model.heads_["site"].coef.shape == (40, X.shape[1])
    assert model.summary_.loc["site", "n_levels"] == 40
    assert_head(model, "site", X, table["site"], "logistic", atol=1e-5)


@pytest.mark.parametrize("cv", [2, 3, 5])
def test_class_with_three_members(cv):
    X, table = make_study(7)
    table["site"] = np.where(np.arange(len(X)) < 3, "Dublin", table["site"])
    model = analysis(cv=cv).fit(X, table)
    assert model.heads_["site"].classes == ("Aarhus", "Bergen", "Cork", "Dublin")
    assert np.isfinite(model.encoding_scores_["site"])
    assert np.isfinite(model.encoding_metrics_.loc["site", "auroc"])
    assert "folds" not in model.summary_.loc["site", "note"]


@pytest.mark.parametrize("metric", ["weight", "score"])
def test_column_that_is_mostly_missing(metric):
    X, table = make_study(8, n=400)
    kept = np.random.default_rng(8).permutation(len(X))[:40]
    gone = ~np.isin(np.arange(len(X)), kept)
    table["sex"] = table["sex"].mask(gone)
    table["age"] = table["age"].mask(gone)
    model = analysis(metric=metric).fit(X, table)
    assert model.summary_["n_samples"].to_dict() == {
        "site": 400,
        "sex": 40,
        "age": 40,
        "dose": 400,
    }
    assert "360 of 400 rows are missing" in model.summary_.loc["age", "note"]
    for name, head in (("sex", "logistic"), ("age", "ridge")):
        assert_head(model, name, X, table[name], head)


def test_bins_of_a_continuous_column():
    X, table = make_study(9)
    model = analysis(n_bins=4).fit(X, table)
    assert model.summary_.loc["age", "n_levels"] == 4
    codes = pd.qcut(table["age"], 4, labels=False)
    assert_head(model, "age", X, codes, "logistic")


# --- trained heads -------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["vector", "row"])
def test_vector_of_ones_without_a_target(shape):
    """SA-SonoNet pools by averaging: its head is a vector of ones."""
    X, table = make_study(10)
    ones = np.ones(X.shape[1]) if shape == "vector" else np.ones((1, X.shape[1]))
    model = analysis(None, target_head=ones).fit(X, table)
    assert model.alignment_.shape == (1, 3 + 1 + 1 + 1)
    assert np.isfinite(model.pvalues_).all()
    np.testing.assert_allclose(model.transform(X)[:, 0], X.sum(axis=1))
    age = model.heads_["age"].coef[0]
    expected = age.sum() / np.linalg.norm(age) / np.sqrt(X.shape[1])
    assert model.alignment_scores_["age"] == pytest.approx(abs(expected))


def test_no_primary_task_compares_all_heads_with_each_other():
    X, table = make_study(11)
    model = analysis(None).fit(X, table)
    assert model.target_head_ is None
    assert model.alignment_scores_.isna().all()
    assert model.pvalues_.isna().all()
    assert model.correlation_.shape == (6, 6)
    np.testing.assert_allclose(np.diag(model.correlation_), 1.0)
    assert model.encoding_pvalues_.notna().all()


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e15])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_components", [0.99, 3, None])
@pytest.mark.parametrize("source", ["fitted", "trained"])
def test_score_metric_is_the_correlation_of_the_outputs(
    source, n_components, weighted, unit
):
    """Whatever the subspace, and whatever units the heads are in side by side."""
    X, table = make_study(12, d=12)
    table["dose"] = table["dose"] * unit
    weight = np.random.default_rng(12).uniform(0.2, 2.0, len(X)) if weighted else None
    model = analysis(
        target_head=trained(12, 1, 12) if source == "trained" else None,
        check_head=False,
        columns=["sex", "age", "dose"],
        metric="score",
        n_components=n_components,
    ).fit(X, table, sample_weight=weight)
    outputs = model.transform(X).T
    covariance = np.cov(outputs, aweights=weight)
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(
        model.correlation_, covariance / np.outer(spread, spread), atol=1e-9
    )
    if not weighted:
        np.testing.assert_allclose(model.correlation_, np.corrcoef(outputs), atol=1e-9)
    assert np.abs(model.alignment_.to_numpy()).max() > 0.05


def test_score_metric_of_trained_heads_outside_the_subspace():
    """All heads are trained, so most of what they read lies outside 3 directions."""
    X, table = make_study(13, d=30)
    heads = {
        "sex": trained(1, 1, 30),
        "age": (1e6 * trained(2, 1, 30)[0], 3.0),
        "elsewhere": 1e-6 * trained(3, 1, 30),
    }
    model = WeightSpaceCorrelation(
        "disease",
        target_head=trained(0, 1, 30),
        columns=list(heads),
        heads=heads,
        metric="score",
        check_head=False,
        n_components=3,
        n_permutations=99,
        null="sign_flip",
        random_state=0,
    ).fit(X, table)
    expected = np.corrcoef(model.transform(X).T)
    np.testing.assert_allclose(model.correlation_, expected, atol=1e-9)
    outside = 1 - np.sum((model.components_ @ heads["sex"][0]) ** 2) / np.sum(
        heads["sex"] ** 2
    )
    assert outside > 0.5


@pytest.mark.parametrize("metric", ["weight", "pattern"])
def test_trained_head_without_projection_keeps_its_whole_length(metric):
    """48 rows span 47 directions; without projection the rest of a head counts."""
    X, table = make_study(14, n=48, d=100)
    head = trained(14, 1, 100)
    cosines = {}
    for n_components in (0.99, None):
        model = analysis(
            target_head=head, metric=metric, n_components=n_components
        ).fit(X, table)
        cosines[n_components] = model.alignment_scores_["age"]
    inside = np.linalg.norm(model.components_ @ head[0]) / np.linalg.norm(head)
    assert inside < 0.9
    assert cosines[None] == pytest.approx(cosines[0.99] * inside, rel=1e-6)


def test_trained_metadata_heads_and_sign_flips():
    X, table = make_study(15)
    d = X.shape[1]
    site = trained(1, 3, d)
    heads = {"site": site, "age": Ridge().fit(X, table["age"]), "camera": np.ones(d)}
    options = {
        "columns": ["site", "sex", "age", "camera"],
        "heads": heads,
        "target_head": trained(0, 1, d),
    }
    model = analysis(null="sign_flip", **options).fit(X, table)
    np.testing.assert_array_equal(model.heads_["site"].coef, site)
    assert model.heads_["site"].classes == ("Aarhus", "Bergen", "Cork")
    summary = model.summary_
    assert summary["alignment_pvalue"].notna().all()
    assert summary.loc["camera", "kind"] == "trained head"
    assert np.isnan(summary.loc["camera", "encoding_score"])
    assert "no encoding" in summary.loc["camera", "note"]
    assert summary.drop("camera")["encoding_pvalue"].notna().all()
    # The probes of trained columns are fitted as if no head had come with them.
    probed = analysis(target_head=trained(0, 1, d)).fit(X, table)
    for name in ("site", "sex", "age"):
        assert summary.loc[name, "encoding_score"] == pytest.approx(
            probed.summary_.loc[name, "encoding_score"]
        )
    with pytest.raises(ValueError, match="sign_flip"):
        analysis(**options).fit(X, table)


def test_trained_metadata_head_is_centred_over_its_classes():
    X, table = make_study(16)
    d = X.shape[1]
    options = {"null": "sign_flip", "columns": ["site", "age"]}
    site = trained(1, 3, d)
    models = [
        analysis(heads={"site": site + shift}, **options).fit(X, table)
        for shift in (0.0, 10.0 * np.arange(d))
    ]
    np.testing.assert_allclose(models[0].alignment_, models[1].alignment_, atol=1e-10)
    np.testing.assert_allclose(
        models[0].null_distribution_, models[1].null_distribution_, atol=1e-10
    )


@pytest.mark.parametrize("adjust", [False, True])
def test_estimators_as_recipes_equal_the_built_in_heads(adjust):
    """Their penalties act on the same coordinates, and they take balancing weights."""
    X, table = make_study(17, n=240 if adjust else 120)
    classifier = LogisticRegression(C=0.1, tol=1e-10, max_iter=1000)
    recipes = {"sex": classifier, "age": Ridge(alpha=5.0)}
    if not adjust:
        recipes |= {"site": classifier, "dose": Ridge(alpha=5.0)}
    options = {"adjust_for_target": adjust, "columns": list(recipes)}
    own = analysis(heads=recipes, **options).fit(X, table)
    options["target_head"] = own.target_head_
    built_in = analysis(C=0.1, alpha=5.0, **options).fit(X, table)
    for name in recipes:
        coef = built_in.heads_[name].coef
        np.testing.assert_allclose(
            own.heads_[name].coef, coef, atol=1e-5 * np.abs(coef).max()
        )
    np.testing.assert_allclose(
        own.null_distribution_, built_in.null_distribution_, atol=1e-4
    )
    pd.testing.assert_series_equal(own.pvalues_, built_in.pvalues_)
    if not adjust:
        pd.testing.assert_series_equal(
            own.encoding_pvalues_, built_in.encoding_pvalues_
        )


def test_fitted_head_given_back_as_a_trained_one_changes_the_rows_judged_only():
    X, table = make_study(19)
    base = analysis("stage").fit(X, table)
    assert isinstance(base.target_head_, Head)
    other = analysis("stage", target_head=base.target_head_).fit(X, table)
    # Outputs of a head that is fitted here are those at rows that it has not seen.
    judged = ("utilization", "probability", "minimum", "verdict", "note")
    judged += ("performance", "consequence")
    same = [name for name in base.summary_ if not name.startswith(judged)]
    assert "encoding_skill" in same and "alignment_qvalue" in same
    pd.testing.assert_frame_equal(base.summary_[same], other.summary_[same])
    pd.testing.assert_frame_equal(base.null_distribution_, other.null_distribution_)
    assert not base.utilization_raw_.equals(other.utilization_raw_)


def test_head_aligned_with_itself_scores_one():
    X, table = make_study(20)
    table["twin"] = table["disease"]
    model = analysis(columns=["twin", "age"]).fit(X, table)
    assert model.alignment_scores_["twin"] == pytest.approx(1.0)
    assert model.pvalues_["twin"] == pytest.approx(1 / 10)


@pytest.mark.parametrize("n_components", [0.99, None])
@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
def test_head_that_reads_only_dead_features(metric, n_components):
    """What rounding leaves of it after projection must not pass for a direction."""
    X, table = make_study(21, n=60)
    X = np.hstack([X, np.full((60, 2), 0.1)])
    head = np.zeros((1, X.shape[1]))
    head[0, -1] = 3.0
    model = analysis(target_head=head, metric=metric, n_components=n_components)
    if metric == "score" or n_components is not None:
        with pytest.raises(ValueError, match="no direction"):
            model.fit(X, table)
    elif metric == "weight":
        # Without projection it has a direction, which no metadata head shares.
        model.fit(X, table)
        np.testing.assert_allclose(model.alignment_, 0.0, atol=1e-9)


def test_equal_rows_of_a_softmax_head_have_no_direction():
    X, table = make_study(22)
    equal = np.tile(trained(22, 1, X.shape[1]), (3, 1))
    with pytest.raises(ValueError, match=r"primary.*no direction"):
        analysis(None, target_head=equal).fit(X, table)


def test_a_column_called_like_the_unnamed_primary_task_keeps_its_head():
    rng = np.random.default_rng(0)
    X = rng.normal(3.0, 2.0, size=(60, 8))
    table = pd.DataFrame(
        {"primary": rng.normal(size=60), "age": rng.normal(60.0, 9.0, size=60)}
    )
    fitted = WeightSpaceCorrelation(target_head=np.ones(8), n_permutations=0).fit(
        X, table
    )
    assert list(fitted.heads_) == ["primary", "age"]
    assert fitted.transform(X).shape == (60, 3)
    assert list(fitted.get_feature_names_out()) == ["primary_", "primary", "age"]


def test_direction_null_without_projection_does_not_depend_on_the_basis():
    rng = np.random.default_rng(1)
    X = rng.normal(3.0, 2.0, size=(20, 40))
    rotation = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    heads = rng.normal(size=(2, 40))
    table = pd.DataFrame({"age": rng.normal(60.0, 9.0, size=20)})
    nulls = [
        WeightSpaceCorrelation(
            target_head=heads[0] @ turn,
            heads={"scanner": heads[1] @ turn},
            n_components=None,
            null="sign_flip",
            n_permutations=59,
            random_state=0,
        )
        .fit(X @ turn, table)
        .null_distribution_["scanner"]
        for turn in (np.eye(40), rotation)
    ]
    assert nulls[0].std() > 0.01
    np.testing.assert_allclose(nulls[0], nulls[1], atol=1e-8)


def test_heads_that_miss_the_tolerance_are_named(monkeypatch):
    X, table = make_study(3)
    hurried = partial(probe_module.fit_logistic, max_iter=1)
    monkeypatch.setattr(probe_module, "fit_logistic", hurried)
    analysis = WeightSpaceCorrelation("disease", columns=["site", "age"])
    with pytest.warns(ConvergenceWarning, match="did not reach") as caught:
        analysis.set_params(n_permutations=39).fit(X, table)
    messages = [str(warning.message) for warning in caught]
    assert [message.split(" of ")[0] for message in messages] == [
        "heads",
        "cross-validated heads",
        "cross-fitted heads",
        "permuted heads",
    ]
    # The ridge head of the age has no iterations to miss.
    assert "['disease', 'site']" in messages[0]
    assert "['site']" in messages[1] and "['disease']" in messages[2]
    assert "site (39 of 39)" in messages[3]
    assert all(warning.filename == __file__ for warning in caught)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_embeddings_whose_squares_overflow_are_refused(size):
    X, table = make_study(5)[:2]
    with pytest.raises(ValueError, match=r"X: the largest embedding has the size .*e"):
        WeightSpaceCorrelation(n_permutations=0).fit(X * size, table)
