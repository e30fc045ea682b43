"""Heads behind and before affine steps, which are found by running them."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import CCA, PLSRegression
from sklearn.decomposition import (
    NMF,
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_wsca import Head, MetadataEraser
from sklearn_wsca._heads.given import read_head

N, D = 80, 6
RNG = np.random.default_rng(0)
UNITS = np.array([0.05, 1.0, 30.0, 200.0, 0.2, 500.0])
MIXED = RNG.standard_normal((N, D)) @ RNG.standard_normal((D, D))
X = (MIXED + [3.0, -20.0, 0.0, 700.0, 1.0, -5.0]) * UNITS
LABELS = np.array(["a", "b", "c"])[np.digitize(MIXED[:, 0], [-1.0, 1.0])]
HEAD = Head(
    RNG.standard_normal((3, D)) / UNITS,
    np.array([10.0, -4.0, 0.5]),
    ("a", "b", "c"),
    "logistic",
)
NEW = (RNG.standard_normal((20, D)) * 5.0 + 2.0) * UNITS


def outputs_behind(head, step, rows):
    """Outputs of the head that is expressed on the output of a step."""
    found = step.transform(rows.copy())
    found = found.toarray() if sparse.issparse(found) else np.asarray(found)
    return head.behind(step).outputs(found.astype(float))


def assert_same_outputs(found, expected, rtol=1e-9):
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=rtol * expected.std())


INVERTIBLE = {
    "standard": StandardScaler(),
    "without mean": StandardScaler(with_mean=False),
    "in place": StandardScaler(copy=False),
    "min-max": MinMaxScaler((-2.0, 5.0)),
    "largest": MaxAbsScaler(),
    "robust": RobustScaler(),
    "PCA": PCA(),
    "whitened PCA": PCA(whiten=True),
    "incremental PCA": IncrementalPCA(),
    "SVD": TruncatedSVD(D),
    "ICA": FastICA(whiten="unit-variance", random_state=0, max_iter=2000, tol=0.1),
    "scaler and PCA": make_pipeline(StandardScaler(), PCA(whiten=True)),
    "nested": make_pipeline(
        "passthrough", make_pipeline(MinMaxScaler(), None), RobustScaler()
    ),
    "imputer of complete data": SimpleImputer(),
    "nothing dropped": VarianceThreshold(),
    "identity": FunctionTransformer(),
    "sparse output": FunctionTransformer(sparse.csr_matrix),
    "function": FunctionTransformer(lambda rows: 3.0 - 2.0 * rows[:, ::-1]),
    "with a constant": PolynomialFeatures(1),
    "side by side": FeatureUnion([("all", StandardScaler()), ("some", PCA(2))]),
    "other order": ColumnTransformer(
        [("scale", StandardScaler(), [4, 1])], remainder="passthrough"
    ),
    "as pandas": StandardScaler().set_output(transform="pandas"),
}


@pytest.mark.parametrize("step", INVERTIBLE.values(), ids=INVERTIBLE)
def test_a_head_behind_a_step_gives_the_same_outputs_on_any_rows(step):
    step.fit(X.copy())
    assert_same_outputs(outputs_behind(HEAD, step, NEW), HEAD.outputs(NEW))
    behind = HEAD.behind(step)
    assert (behind.classes, behind.kind) == (HEAD.classes, HEAD.kind)
    # It is not the head itself, unless the step does nothing.
    assert (behind is not HEAD) and (behind.coef is not HEAD.coef)


@pytest.mark.parametrize(
    "model", [LogisticRegression(C=0.1), RidgeClassifier(), Ridge()], ids=repr
)
@pytest.mark.parametrize("step", INVERTIBLE.values(), ids=INVERTIBLE)
def test_a_fitted_pipeline_is_a_head_in_the_space_of_its_input(step, model):
    labels = MIXED[:, 1] if isinstance(model, Ridge) else LABELS
    pipeline = make_pipeline(StandardScaler(), step, model).fit(X, labels)
    head = read_head(pipeline, argument="target_head", n_features=D, levels=None)
    decide = getattr(pipeline, "decision_function", pipeline.predict)
    assert_same_outputs(head.outputs(NEW), decide(NEW).reshape(len(NEW), -1), 1e-8)
    assert head.classes == (None if isinstance(model, Ridge) else ("a", "b", "c"))


LOSSY = {
    "PCA": PCA(3),
    "factors": FactorAnalysis(2),
    "SVD": TruncatedSVD(4),
    "selection": SelectKBest(k=4),
    "discriminants": LinearDiscriminantAnalysis(),
    "eraser": MetadataEraser(),
    "scaled PCA": make_pipeline(StandardScaler(), PCA(3)),
}


@pytest.mark.parametrize("step", LOSSY.values(), ids=LOSSY)
def test_a_step_that_loses_what_the_head_reads_is_refused(step):
    step.fit(X, pd.Series(LABELS, name="site"))
    with pytest.raises(ValueError, match=r"Head.behind: .* keeps \d of 6 directions"):
        HEAD.behind(step)
    with pytest.raises(ValueError, match="what it loses of these rows"):
        HEAD.behind(step, X)


@pytest.mark.parametrize("step", LOSSY.values(), ids=LOSSY)
def test_a_head_within_the_space_of_such_a_step_is_expressed_exactly(step):
    step.fit(X, pd.Series(LABELS, name="site"))
    width = np.asarray(step.transform(X)).shape[1]
    model = Head(RNG.standard_normal((2, width)), np.ones(2), None, "logistic")
    # As a head on the input, which must find its way back.
    offset = model.outputs(step.transform(np.zeros((1, D))))[0]
    slopes = model.outputs(step.transform(np.eye(D))) - offset
    head = Head(slopes.T, offset, None, "logistic")
    assert_same_outputs(outputs_behind(head, step, NEW), head.outputs(NEW), 1e-7)


def test_a_dropped_feature_counts_in_its_own_unit():
    # Its weight is tiny, and what it adds to the outputs is not.
    head = Head(np.array([[1.0, 1e-9]]), np.zeros(1), None, "ridge")
    rows = RNG.standard_normal((50, 2)) * [1.0, 1e9]
    step = SelectKBest(k=1).fit(rows, rows[:, 0] > 0)
    with pytest.raises(ValueError, match="keeps 1 of 2 directions"):
        head.behind(step)


class TestOnTheData:
    """Steps that lose directions along which the rows do not vary."""

    def test_dead_features_are_constants(self):
        rows = X.copy()
        rows[:, [1, 4]] = [7.0, -0.3]
        step = make_pipeline(VarianceThreshold(), StandardScaler()).fit(rows)
        with pytest.raises(ValueError, match="VarianceThreshold keeps 4 of 6"):
            HEAD.behind(step)
        behind = HEAD.behind(step, rows)
        assert behind.coef.shape == (3, 4)
        assert_same_outputs(behind.outputs(step.transform(rows)), HEAD.outputs(rows))
        # A frame is taken by its numbers.
        frame = pd.DataFrame(rows)
        np.testing.assert_allclose(HEAD.behind(step, frame).coef, behind.coef)

    @pytest.mark.parametrize("whiten", [False, True])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_a_pca_of_fewer_rows_than_features_keeps_all_of_them(self, whiten, dtype):
        rows = RNG.standard_normal((9, 30)) * 4.0 + 50.0
        step = PCA(8, whiten=whiten).fit(rows.astype(dtype))
        head = Head(RNG.standard_normal((2, 30)), np.ones(2), None, "logistic")
        tolerance = 1e-9 if dtype == np.float64 else 1e-4
        found = outputs_behind(head, step, rows)
        assert_same_outputs(found, head.outputs(rows), tolerance)
        assert_same_outputs(
            head.behind(step, rows).outputs(step.transform(rows)),
            head.outputs(rows),
            tolerance,
        )

    def test_a_pca_that_keeps_most_of_the_variance_does_not_keep_all(self):
        rows = RNG.standard_normal((60, 5)) * [1.0, 1.0, 1.0, 1.0, 1e-3]
        step = PCA(4).fit(rows)
        assert step.explained_variance_ratio_.sum() > 0.999999
        head = Head(np.ones((1, 5)), np.zeros(1), None, "ridge")
        with pytest.raises(ValueError, match="PCA keeps 4 of 5 directions"):
            head.behind(step)


def cut(rows):
    return np.clip(rows, -1e5, 1e5)


NOT_AFFINE = {
    "quantiles": (QuantileTransformer(n_quantiles=20), "QuantileTransformer is not"),
    "powers": (PowerTransformer(), "PowerTransformer is not affine: only affine"),
    "unit length": (Normalizer(), "Normalizer is not affine"),
    "products": (PolynomialFeatures(2), "PolynomialFeatures is not affine"),
    "clip": (MinMaxScaler(clip=True), "MinMaxScaler is not affine: it clips .* clip=F"),
    "logarithm": (FunctionTransformer(np.log1p), "FunctionTransformer is not affine"),
    "saturation": (FunctionTransformer(np.tanh), "FunctionTransformer is not affine"),
    "rounding": (FunctionTransformer(np.round), "FunctionTransformer is not affine"),
    "absolute": (FunctionTransformer(np.abs), "FunctionTransformer is not affine"),
    "cut far out": (FunctionTransformer(cut), "FunctionTransformer is not affine"),
    "only positive": (NMF(2, init="random", max_iter=2000), "NMF cannot be run on all"),
    "in a pipeline": (
        make_pipeline(StandardScaler(), PowerTransformer(), PCA()),
        "PowerTransformer is not affine",
    ),
    "noise": (
        FunctionTransformer(lambda rows: rows + RNG.standard_normal(rows.shape)),
        "FunctionTransformer is not affine",
    ),
    "classifier": (
        Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]),
        "LogisticRegression is no fitted transformer",
    ),
}


@pytest.mark.parametrize(("step", "message"), NOT_AFFINE.values(), ids=NOT_AFFINE)
def test_a_step_that_is_not_affine_is_refused_by_its_name(step, message):
    step.fit(np.abs(MIXED), LABELS)
    with pytest.raises(ValueError, match=f"Head.behind: {message}"):
        HEAD.behind(step)
    if hasattr(step, "transform"):
        model = RidgeClassifier().fit(step.transform(np.abs(MIXED)), LABELS)
        with pytest.raises(ValueError, match=f"target_head: {message}"):
            read_head(
                Pipeline([("step", step), ("model", model)]),
                argument="target_head",
                n_features=D,
                levels=None,
            )


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (StandardScaler(), "StandardScaler is not fitted; .*FrozenEstimator"),
        (StandardScaler, "StandardScaler is no fitted transformer"),
        ("scale", "'scale' is no fitted transformer"),
        (
            StandardScaler().fit(MIXED[:, :4]),
            "StandardScaler was fitted on 4 features and is given 6",
        ),
    ],
)
def test_what_is_no_fitted_step_of_this_width_is_refused(step, message):
    with pytest.raises(ValueError, match=f"Head.behind: {message}"):
        HEAD.behind(step)


@pytest.mark.parametrize("step", ["passthrough", None])
def test_no_step_changes_nothing(step):
    np.testing.assert_array_equal(HEAD.behind(step).coef, HEAD.coef)


def test_steps_in_single_precision_are_affine_up_to_its_rounding():
    step = make_pipeline(
        FunctionTransformer(lambda rows: rows.astype(np.float32)),
        StandardScaler(),
        PCA(),
    ).fit(MIXED + 100.0)
    rows = MIXED + 100.0
    assert_same_outputs(outputs_behind(HEAD, step, rows), HEAD.outputs(rows), 1e-3)


@pytest.mark.parametrize("frozen", [False, True])
def test_steps_are_run_on_the_names_they_were_fitted_on(frozen):
    # Without them scikit-learn would warn, which is an error here.
    frame = pd.DataFrame(X).add_prefix("f")
    columns = ColumnTransformer([("some", StandardScaler(), ["f3", "f0"])])
    step = make_pipeline(StandardScaler(), columns).set_output(transform="pandas")
    pipeline = make_pipeline(step, LogisticRegression()).fit(frame, LABELS)
    source = FrozenEstimator(pipeline) if frozen else pipeline
    head = read_head(source, argument="target_head", n_features=D, levels=None)
    assert_same_outputs(head.outputs(X), pipeline.decision_function(frame))
    np.testing.assert_allclose(head.coef[:, [1, 2, 4, 5]], 0.0, atol=1e-12)


@pytest.mark.parametrize("names", [list("badc"), list("abcx")])
def test_a_model_of_other_features_is_no_head_of_these(names):
    rows = RNG.standard_normal((40, 4))
    model = LogisticRegression().fit(pd.DataFrame(rows, columns=names), rows[:, 0] > 0)
    cure = r"pass X\[target_head.feature_names_in_\]"
    if "x" in names:
        cure = "pass the embeddings that it was fitted on"
    with pytest.raises(ValueError, match=f"target_head: LogisticRegression .*{cure}"):
        read_head(
            model,
            argument="target_head",
            n_features=4,
            levels=None,
            feature_names=np.array(list("abcd"), dtype=object),
        )


def read(model):
    return read_head(model, argument="target_head", n_features=D, levels=None)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("model", [PLSRegression(2), CCA(1), Ridge()])
@pytest.mark.parametrize("named", [False, True])
def test_a_head_predicts_what_its_regressor_predicts(model, several, named):
    """The coefficients of some are those of centred features."""
    y = 300.0 + 40.0 * MIXED[:, :2] if several else 300.0 + 40.0 * MIXED[:, 0]
    names = [f"unit {i}" for i in range(D)]
    seen, new = (pd.DataFrame(v, columns=names) if named else v for v in (X, NEW))
    head = read(clone(model).fit(seen, y))
    predicted = clone(model).fit(seen, y).predict(new).reshape(len(NEW), -1)
    np.testing.assert_allclose(NEW @ head.coef.T + head.intercept, predicted, rtol=1e-6)


def test_predictions_that_are_not_linear_leave_the_linear_predictor():
    model = PoissonRegressor(alpha=0.1).fit(MIXED, np.exp(MIXED[:, 0] / 9.0) + 1.0)
    head = read(model)
    found = MIXED @ head.coef.T + head.intercept
    np.testing.assert_allclose(np.exp(found[:, 0]), model.predict(MIXED))
