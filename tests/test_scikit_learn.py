"""Life inside scikit-learn: pipelines, searches, outputs, routing, callbacks."""

from __future__ import annotations

import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from sklearn_wsca import Head, WeightSpaceCorrelation

N, D = 90, 8


def make_columns(X, generator):
    """Metadata that the embeddings encode; site is not balanced, age has a gap."""
    noise = generator.normal(size=(len(X), 3))
    age = 60 + 8 * X[:, 2] + noise[:, 2]
    age[3] = np.nan
    return {
        "disease": np.where(X[:, 0] + noise[:, 0] > 0, "ill", "well").tolist(),
        "site": np.array(["north", "south", "west"])[
            np.digitize(X[:, 1] + 0.5 * noise[:, 1], [-0.5, 0.6])
        ].tolist(),
        "age": age.tolist(),
    }


GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, D)) * np.linspace(2.0, 0.5, D)
COLUMNS = make_columns(X, GENERATOR)
TABLE = pd.DataFrame(COLUMNS)
WEIGHTS = GENERATOR.integers(0, 3, size=N).astype(float)


def quick(**parameters):
    """Estimator without permutations."""
    defaults = {"target": "disease", "n_permutations": 0, "random_state": 0}
    return WeightSpaceCorrelation(**defaults | parameters)


def assert_same_fit(one, other, rtol=1e-12):
    """Same heads, summary and null."""
    np.testing.assert_allclose(one.transform(X), other.transform(X), rtol, atol=1e-9)
    pd.testing.assert_frame_equal(one.summary_, other.summary_, rtol=rtol)
    pd.testing.assert_frame_equal(one.correlation_, other.correlation_, rtol=1e-7)
    pd.testing.assert_frame_equal(one.null_distribution_, other.null_distribution_)


class TestPipeline:
    def test_after_a_scaler(self, make_frame):
        table = make_frame(COLUMNS)
        pipeline = make_pipeline(StandardScaler(), quick()).fit(X, table)
        scaled = StandardScaler().fit_transform(X)
        alone = quick().fit(scaled, table)
        pd.testing.assert_frame_equal(pipeline[-1].summary_, alone.summary_)
        np.testing.assert_allclose(pipeline.transform(X), alone.transform(scaled))
        assert pipeline.score(X, table) == pytest.approx(alone.score(scaled, table))

    def test_names(self):
        frame = pd.DataFrame(X).add_prefix("f")
        pipeline = make_pipeline(StandardScaler(), quick()).fit(frame, TABLE)
        expected = ["disease=well", "site=north", "site=south", "site=west", "age"]
        assert pipeline.get_feature_names_out().tolist() == expected
        assert pipeline.feature_names_in_.tolist() == frame.columns.tolist()

    def test_weights_without_routing(self):
        pipeline = make_pipeline(StandardScaler(), quick())
        step = "weightspacecorrelation__sample_weight"
        pipeline.fit(X, TABLE, **{step: WEIGHTS})
        scaled = StandardScaler().fit_transform(X)
        alone = quick().fit(scaled, TABLE, sample_weight=WEIGHTS)
        np.testing.assert_allclose(pipeline.transform(X), alone.transform(scaled))

    def test_weights_with_routing(self):
        scaled = StandardScaler().fit_transform(X)
        alone = quick().fit(scaled, TABLE, sample_weight=WEIGHTS)
        with sklearn.config_context(enable_metadata_routing=True):
            estimator = quick()
            estimator.set_fit_request(sample_weight=True)
            estimator.set_score_request(sample_weight=True)
            scaler = StandardScaler().set_fit_request(sample_weight=False)
            pipeline = make_pipeline(scaler, estimator)
            pipeline.fit(X, TABLE, sample_weight=WEIGHTS)
            score = pipeline.score(X, TABLE, sample_weight=WEIGHTS)
            assert 0 < pipeline.score(X, TABLE) < 1
        np.testing.assert_allclose(pipeline.transform(X), alone.transform(scaled))
        assert score == pytest.approx(alone.score(scaled, TABLE, WEIGHTS))
        assert score != pytest.approx(alone.score(scaled, TABLE), abs=1e-4)

    def test_features_for_a_classifier(self):
        pipeline = make_pipeline(quick(target=None), LogisticRegression())
        labels = np.asarray(COLUMNS["disease"])
        assert pipeline.fit(X, labels).score(X, labels) > 0.7


MODEL = make_pipeline(StandardScaler(), PCA(6), LogisticRegression())
MODEL.fit(X, TABLE["disease"])


class TestTrainedPipeline:
    """A fitted Pipeline as the trained head, and a head behind a step."""

    def test_outputs_are_those_of_the_pipeline(self):
        frame = pd.DataFrame(X).add_prefix("f")
        model = clone(MODEL).fit(frame, TABLE["disease"])
        for source in (model, FrozenEstimator(model)):
            fitted = quick(target_head=source).fit(frame, TABLE)
            np.testing.assert_allclose(
                fitted.transform(frame)[:, 0], model.decision_function(frame)
            )
        assert fitted.target_head_.classes == ("ill", "well")
        with pytest.raises(ValueError, match=r"target_head: .*the order alone differs"):
            quick(target_head=model).fit(frame[frame.columns[::-1]], TABLE)

    def test_pipelines_are_heads_of_columns_too(self):
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(X, TABLE["site"])
        fitted = quick(heads={"site": model}).fit(X, TABLE)
        np.testing.assert_allclose(
            fitted.heads_["site"].outputs(X), model.decision_function(X)
        )

    @pytest.mark.parametrize("scaler", [StandardScaler(), PCA(whiten=True)], ids=str)
    def test_outputs_and_utilization_behind_a_scaler_are_those_without_it(self, scaler):
        embeddings = X * np.logspace(-2, 2, D) + 3.0
        model = LogisticRegression(max_iter=5000).fit(X, TABLE["disease"])
        weights = model.coef_ / np.logspace(-2, 2, D)
        head = Head(
            weights,
            model.intercept_ - 3.0 * weights.sum(axis=1),
            tuple(model.classes_),
            "logistic",
        )
        scaler.fit(embeddings)
        options = {"columns": ["site", "age"], "n_permutations": 79}
        alone = quick(target_head=head, **options).fit(embeddings, TABLE)
        pipeline = make_pipeline(
            FrozenEstimator(scaler), quick(target_head=head.behind(scaler), **options)
        ).fit(embeddings, TABLE)
        behind = pipeline[-1]
        np.testing.assert_allclose(
            pipeline.transform(embeddings)[:, 0], alone.transform(embeddings)[:, 0]
        )
        names = [name for name in vars(alone) if name.startswith("utilization_")]
        for name in ("effects_", "minimum_detectable_effect_", *names):
            one, other = (pd.DataFrame(getattr(o, name)) for o in (alone, behind))
            pd.testing.assert_frame_equal(one, other, rtol=1e-6, atol=1e-9)
        assert len(names) >= 9 and alone.utilization_raw_.min() > 0.0
        # And so it is with new rows.
        rows, table = embeddings[::2], TABLE.iloc[::2]
        audits = [
            a.audit(e, table).filter(like="utilization")
            for a, e in ((alone, rows), (behind, scaler.transform(rows)))
        ]
        pd.testing.assert_frame_equal(*audits, rtol=1e-6, atol=1e-9)

    def test_a_clone_keeps_its_trained_head(self):
        estimator = quick(target_head=MODEL, columns=["site"])
        cloned = clone(estimator)
        assert cloned.target_head is not MODEL
        np.testing.assert_array_equal(
            cloned.target_head.decision_function(X), MODEL.decision_function(X)
        )
        assert not hasattr(cloned, "heads_")
        scores = cross_val_score(estimator, X, TABLE, cv=3, error_score="raise")
        assert np.isfinite(scores).all()
        search = GridSearchCV(
            make_pipeline("passthrough", estimator),
            {"weightspacecorrelation__C": [0.1, 1.0]},
            cv=3,
            error_score="raise",
        ).fit(X, TABLE)
        np.testing.assert_allclose(
            search.transform(X)[:, 0], MODEL.decision_function(X)
        )


DISEASE = TABLE["disease"]
REST = TABLE.drop(columns="disease")


SITE = {"confounders": ["age"], "columns": ["site"]}


@cache
def of_whole_table():
    """A fit of the whole table, its score, and the tables that it makes of rows."""
    whole = quick(**SITE).fit(X, TABLE, WEIGHTS)
    tables = [
        whole.audit(X, TABLE),
        whole.utilization_by_feature(X, TABLE, "site"),
        whole.component_sensitivity(X, TABLE, [3]),
    ]
    return whole, whole.score(X, TABLE, WEIGHTS), tables


class TestSeparateTarget:
    """y is the target alone, and the table is metadata."""

    @pytest.mark.parametrize(
        ("y", "target", "table"),
        [
            (DISEASE, "disease", REST),
            (DISEASE, "disease", TABLE),
            (DISEASE, None, REST),
            (DISEASE, None, TABLE),
            (DISEASE.rename("label"), "disease", REST),
            (DISEASE.to_numpy(), "disease", TABLE),
            (DISEASE.tolist(), "disease", REST),
            (DISEASE.to_frame(), None, REST),
        ],
    )
    def test_same_as_the_whole_table(self, y, target, table):
        whole, score, expected = of_whole_table()
        apart = quick(**SITE | {"target": target}).fit(X, y, WEIGHTS, table)
        assert_same_fit(apart, whole)
        # As text: what was not computed is NaN.
        assert str(apart.description_) == str(whole.description_)
        assert apart.target == target
        assert apart.score(X, y, WEIGHTS, table) == score
        found = [
            apart.audit(X, y, metadata=table),
            apart.utilization_by_feature(X, y, "site", metadata=table),
            apart.component_sensitivity(X, y, [3], metadata=table),
        ]
        for one, other in zip(found, expected, strict=True):
            pd.testing.assert_frame_equal(one, other)

    def test_metadata_of_either_library(self, make_frame):
        columns = {name: COLUMNS[name] for name in ("site", "age")}
        whole = quick().fit(X, TABLE)
        fitted = quick().fit(X, DISEASE.to_numpy(), metadata=make_frame(columns))
        assert_same_fit(fitted, whole)

    def test_an_unnamed_target(self):
        fitted = quick(target=None).fit(X, DISEASE.to_numpy(), metadata=REST)
        assert fitted.description_["target"]["name"] == "target"
        assert fitted.get_feature_names_out()[0] == "target=well"
        assert fitted.verdicts_.index.tolist() == ["site", "age"]
        # Displays and reports know its name.
        assert "target" in fitted.to_markdown()
        with pytest.raises(ValueError, match="metadata: the column 'target' has"):
            quick(target=None).fit(X, DISEASE.tolist(), metadata=REST.assign(target=1))

    def test_groups_lie_in_the_table(self):
        table = TABLE.assign(patient=np.arange(N) // 3)
        options = {"groups": "patient", "columns": ["site"]}
        whole = quick(**options).fit(X, table)
        rest = table.drop(columns="disease")
        assert_same_fit(quick(**options).fit(X, DISEASE, metadata=rest), whole)
        with pytest.raises(ValueError, match="groups: there is no column 'patient'"):
            quick(**options).fit(X, DISEASE, metadata=REST)

    @pytest.mark.parametrize(
        ("y", "metadata", "message"),
        [
            (
                DISEASE.tolist(),
                None,
                "y: it is a single column and there is none named",
            ),
            (DISEASE, None, r"y: it is a single column .* none named 'site'"),
            (TABLE, TABLE, "y: 3 columns, but with metadata y is the target alone"),
            (None, TABLE, "target y is None: pass the column of the target as y"),
            (DISEASE[:50], REST[:50], "X has 90 rows and y has 50 rows"),
            (DISEASE, REST[:50], "y has 90 rows and metadata has 50 rows"),
            (DISEASE, REST[["age"]], "columns: there is no column 'site'"),
            (DISEASE, REST.assign(site=1), "metadata: all columns are left out"),
        ],
    )
    def test_what_does_not_belong_together(self, y, metadata, message):
        with pytest.raises(ValueError, match=message):
            quick(columns=["site"]).fit(X, y, metadata=metadata)

    def test_nothing_but_the_target(self):
        message = "metadata: there is no column besides the target 'disease'"
        with pytest.raises(ValueError, match=message):
            quick().fit(X, DISEASE, metadata=TABLE[["disease"]])

    def test_rows_of_frames_belong_together(self):
        frame = pd.DataFrame(X, index=np.arange(N) + 100)
        message = "the indexes of X and metadata have"
        with pytest.raises(ValueError, match=message):
            quick().fit(frame, DISEASE.to_numpy(), metadata=REST)

    def test_new_rows_need_the_table_too(self):
        fitted = quick().fit(X, DISEASE, metadata=REST)
        with pytest.raises(ValueError, match=r"y: it is a single column .* none named"):
            fitted.score(X, DISEASE)
        with pytest.raises(ValueError, match="metadata: there is no column 'site'"):
            fitted.audit(X, DISEASE, metadata=REST[["age"]])


@cache
def scores_of_site(scaled):
    """Skill of the head of the site in every fold, by a plain loop."""
    scores = []
    for train, test in KFold(3).split(X):
        scaler = StandardScaler(with_mean=scaled, with_std=scaled).fit(X[train])
        alone = quick(columns=["site"])
        alone.fit(scaler.transform(X[train]), TABLE.iloc[train])
        scores.append(alone.score(scaler.transform(X[test]), TABLE.iloc[test]))
    return scores


class TestRouting:
    """Metadata on their way through scikit-learn."""

    def make(self, *last, **options):
        estimator = quick(columns=["site"], **options).set_fit_request(metadata=True)
        if not last:
            estimator.set_score_request(metadata=True)
        return make_pipeline(StandardScaler(), estimator, *last)

    def make_alone(self, **options):
        return self.make(**options)[-1]

    def test_before_a_classifier(self, make_frame):
        metadata = make_frame({name: COLUMNS[name] for name in ("site", "age")})
        scaled = StandardScaler().fit_transform(X)
        outputs = quick(columns=["site"]).fit(scaled, TABLE).transform(scaled)
        alone = LogisticRegression().fit(outputs, DISEASE)
        with sklearn.config_context(enable_metadata_routing=True):
            pipeline = self.make(LogisticRegression())
            pipeline.fit(X, DISEASE, metadata=metadata)
        np.testing.assert_allclose(pipeline[-1].coef_, alone.coef_, rtol=1e-6)
        assert pipeline.score(X, DISEASE) == alone.score(outputs, DISEASE) > 0.7

    def test_before_a_classifier_without_routing(self):
        pipeline = make_pipeline(StandardScaler(), quick(), LogisticRegression())
        step = "weightspacecorrelation__metadata"
        assert pipeline.fit(X, DISEASE, **{step: REST}).score(X, DISEASE) > 0.7
        found = cross_validate(
            pipeline, X, DISEASE, params={step: REST}, cv=3, error_score="raise"
        )
        assert np.mean(found["test_score"]) > 0.6

    @pytest.mark.parametrize("with_target", [True, False])
    @pytest.mark.parametrize("scaled", [True, False])
    def test_cross_validate_slices_the_table(self, make_frame, with_target, scaled):
        if scaled and parse_version(sklearn.__version__) < parse_version("1.8"):
            pytest.skip("scikit-learn below 1.8 scores a Pipeline without metadata")
        names = list(COLUMNS) if with_target else ["site", "age"]
        metadata = make_frame({name: COLUMNS[name] for name in names})
        with sklearn.config_context(enable_metadata_routing=True):
            found = cross_validate(
                self.make(diagnostics=False)
                if scaled
                else self.make_alone(diagnostics=False),
                X,
                DISEASE.to_numpy(),
                params={"metadata": metadata},
                cv=KFold(3),
                error_score="raise",
            )
        np.testing.assert_allclose(found["test_score"], scores_of_site(scaled))

    def test_grid_search_and_groups(self):
        table = REST.assign(patient=np.arange(N) // 3)
        with sklearn.config_context(enable_metadata_routing=True):
            search = GridSearchCV(
                self.make_alone(groups="patient"),
                {"C": [1e-3, 1.0]},
                cv=GroupKFold(3),
                error_score="raise",
            )
            search.fit(X, DISEASE, metadata=table, groups=table["patient"])
            assert search.score(X, DISEASE, metadata=table) > 0
        assert len(set(search.cv_results_["mean_test_score"].round(10))) == 2

    def test_weights_go_along(self):
        scaled = StandardScaler().fit_transform(X)
        alone = quick(columns=["site"]).fit(scaled, TABLE, WEIGHTS)
        with sklearn.config_context(enable_metadata_routing=True):
            pipeline = self.make()
            pipeline[-1].set_fit_request(sample_weight=True, metadata=True)
            pipeline[0].set_fit_request(sample_weight=False)
            pipeline.fit(X, DISEASE, sample_weight=WEIGHTS, metadata=REST)
        np.testing.assert_allclose(pipeline.transform(X), alone.transform(scaled))

    def test_metadata_that_nobody_asked_for(self):
        with sklearn.config_context(enable_metadata_routing=True):
            pipeline = make_pipeline(StandardScaler(), quick(), LogisticRegression())
            with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
                pipeline.fit(X, DISEASE, metadata=REST)

    def test_a_table_of_another_length_is_not_sliced(self):
        message = "y has 60 rows and metadata has 80"
        with (
            sklearn.config_context(enable_metadata_routing=True),
            pytest.raises(ValueError, match=message),
        ):
            cross_validate(
                self.make_alone(),
                X,
                DISEASE.to_numpy(),
                params={"metadata": REST[:80]},
                cv=KFold(3),
                error_score="raise",
            )


class TestModelSelection:
    def test_cross_validate_is_the_plain_loop(self, make_frame):
        result = cross_validate(
            quick(), X, make_frame(COLUMNS), cv=KFold(3), error_score="raise"
        )
        expected = [
            quick().fit(X[train], TABLE.iloc[train]).score(X[test], TABLE.iloc[test])
            for train, test in KFold(3).split(X)
        ]
        np.testing.assert_allclose(result["test_score"], expected)
        assert min(expected) > 0

    def test_routed_weights(self):
        with sklearn.config_context(enable_metadata_routing=True):
            estimator = quick().set_fit_request(sample_weight=True)
            estimator.set_score_request(sample_weight=True)
            result = cross_validate(
                estimator,
                X,
                TABLE,
                cv=KFold(3),
                params={"sample_weight": WEIGHTS},
                error_score="raise",
            )
        expected = [
            quick()
            .fit(X[train], TABLE.iloc[train], WEIGHTS[train])
            .score(X[test], TABLE.iloc[test], WEIGHTS[test])
            for train, test in KFold(3).split(X)
        ]
        np.testing.assert_allclose(result["test_score"], expected)

    @pytest.mark.parametrize(
        ("parameter", "values"),
        [
            ("C", [1e-4, 1.0]),
            ("alpha", [1.0, 1e6]),
            ("n_components", [2, 0.9, None]),
            ("heads", ["logistic", "ridge"]),
            ("binning", ["quantile", "uniform"]),
        ],
    )
    def test_grid_search(self, parameter, values):
        # Numbers in classes, so that both kinds of heads fit every column.
        n_bins = 3 if parameter in ("heads", "binning") else None
        search = GridSearchCV(
            quick(n_bins=n_bins, min_components=1, diagnostics=False),
            {parameter: values},
            cv=KFold(3),
            error_score="raise",
        )
        search.fit(X, TABLE)
        scores = search.cv_results_["mean_test_score"]
        assert len(set(scores.round(10))) == len(values)
        assert search.best_params_[parameter] == values[int(np.argmax(scores))]
        assert search.score(X, TABLE) > 0
        assert search.transform(X).shape[0] == N

    def test_grid_search_over_a_pipeline(self, make_frame):
        pipeline = make_pipeline(StandardScaler(), quick(diagnostics=False))
        grid = {"weightspacecorrelation__C": [0.1, 1.0]}
        search = GridSearchCV(pipeline, grid, cv=KFold(3), error_score="raise")
        assert search.fit(X, make_frame(COLUMNS)).best_score_ > 0
        assert search.transform(X).shape[0] == N


class TestFolds:
    """The argument `cv`: a splitter sees the rows as the user gave them."""

    def test_splits_are_of_the_rows_as_given(self):
        # Not of the rows in the order in which they are analysed.
        splits = list(KFold(3).split(X))
        of_list = quick(cv=splits).fit(X, TABLE).encoding_scores_
        labels = PredefinedSplit(np.repeat(np.arange(3), N // 3))
        masks = [tuple(np.isin(np.arange(N), rows) for rows in s) for s in splits]
        for same in (KFold(3), iter(splits), labels, masks):
            found = quick(cv=same).fit(X, TABLE).encoding_scores_
            pd.testing.assert_series_equal(found, of_list)
        default = quick().fit(X, TABLE).encoding_scores_
        found = quick(cv=None).fit(X, TABLE).encoding_scores_
        pd.testing.assert_series_equal(found, default)

    def test_encoding_score_is_that_of_the_given_splits(self):
        splits = list(KFold(3).split(X))
        estimator = quick(cv=splits, columns=["age"], min_components=D)
        found = estimator.fit(X, TABLE).encoding_metrics_.loc["age", "r2"]
        known = TABLE["age"].notna().to_numpy()
        age = TABLE["age"].to_numpy()
        predicted = np.full(N, np.nan)
        for train, test in splits:
            # The same penalty on the scale of all rows.
            rows = train[known[train]]
            mean, mean_age = X[rows].mean(axis=0), age[rows].mean()
            centred = X[rows] - mean
            gram = centred.T @ centred + estimator.scale_**2 * np.eye(D)
            slope = np.linalg.solve(gram, centred.T @ (age[rows] - mean_age))
            predicted[test] = (X[test] - mean) @ slope + mean_age
        expected = sklearn.metrics.r2_score(age[known], predicted[known])
        assert found == pytest.approx(expected, rel=1e-6)

    def test_splits_count_rows_of_weight_zero(self):
        weights = np.ones(N)
        weights[::7] = 0
        absent = weights > 0
        splits = list(KFold(3).split(X))
        fold = np.repeat(np.arange(3), N // 3)[absent]
        weighted = quick(cv=splits).fit(X, TABLE, sample_weight=weights)
        reduced = quick(cv=PredefinedSplit(fold)).fit(X[absent], TABLE[absent])
        pd.testing.assert_series_equal(
            weighted.encoding_scores_, reduced.encoding_scores_
        )

    def test_stratified_splitter_sees_levels(self):
        cv = StratifiedKFold(3, shuffle=True, random_state=0)
        fitted = quick(cv=cv, columns=["site"]).fit(X, TABLE)
        assert fitted.encoding_scores_["site"] > 0


class TestOutput:
    def test_pandas(self):
        frame = pd.DataFrame(X, index=np.arange(N) + 100).add_prefix("f")
        table = TABLE.set_axis(frame.index)
        fitted = quick().set_output(transform="pandas").fit(frame, table)
        outputs = fitted.transform(frame)
        assert isinstance(outputs, pd.DataFrame)
        assert outputs.columns.tolist() == fitted.get_feature_names_out().tolist()
        pd.testing.assert_index_equal(outputs.index, frame.index)

    def test_polars(self):
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame({f"f{i}": X[:, i] for i in range(D)})
        fitted = quick().set_output(transform="polars").fit(frame, TABLE)
        outputs = fitted.transform(frame)
        assert isinstance(outputs, polars.DataFrame)
        assert outputs.columns == fitted.get_feature_names_out().tolist()
        # Old versions of scikit-learn do not see the names in new ones of polars.
        seen = getattr(StandardScaler().fit(frame), "feature_names_in_", None)
        np.testing.assert_equal(getattr(fitted, "feature_names_in_", None), seen)

    def test_outputs_are_those_of_the_heads(self):
        fitted = quick().fit(X, TABLE)
        outputs = fitted.transform(X)
        start = fitted.target_head_.n_rows
        np.testing.assert_allclose(
            outputs[:, :start],
            X @ fitted.target_head_.coef.T + fitted.target_head_.intercept,
        )
        for head in fitted.heads_.values():
            stop = start + head.n_rows
            expected = X @ head.coef.T + head.intercept
            np.testing.assert_allclose(outputs[:, start:stop], expected)
            start = stop
        assert start == outputs.shape[1]


class TestObject:
    def test_clone_has_the_parameters_and_is_not_fitted(self):
        estimator = quick(
            target_head=np.eye(2, D), heads={"age": "ridge"}, columns=["age"]
        ).fit(X, TABLE)
        copy = clone(estimator)
        assert not hasattr(copy, "heads_")
        for name, value in estimator.get_params().items():
            np.testing.assert_array_equal(copy.get_params()[name], value)

    def test_pickle_round_trip(self):
        fitted = quick(n_permutations=39).fit(X, TABLE)
        again = pickle.loads(pickle.dumps(fitted))
        assert_same_fit(again, fitted)
        assert again.score(X, TABLE) == fitted.score(X, TABLE)

    def test_text_and_html(self):
        fitted = quick(target_head=np.eye(2, D), heads={"site": "ridge"})
        fitted.fit(X, TABLE)
        assert repr(fitted).startswith("WeightSpaceCorrelation(")
        html = fitted._repr_html_()
        assert "WeightSpaceCorrelation" in html
        pipeline = make_pipeline(StandardScaler(), fitted)
        assert "WeightSpaceCorrelation" in pipeline._repr_html_()

    def test_use_before_fit(self):
        for use in (
            lambda estimator: estimator.transform(X),
            lambda estimator: estimator.score(X, TABLE),
            lambda estimator: estimator.audit(X, TABLE),
            lambda estimator: estimator.get_feature_names_out(),
        ):
            with pytest.raises(sklearn.exceptions.NotFittedError):
                use(quick())

    def test_inputs_are_neither_changed_nor_kept(self, make_frame):
        embeddings, table, weights = X.copy(), make_frame(COLUMNS), WEIGHTS.copy()
        fitted = quick().fit(embeddings, table, sample_weight=weights)
        fitted.transform(embeddings)
        fitted.score(embeddings, table, sample_weight=weights)
        np.testing.assert_array_equal(embeddings, X)
        np.testing.assert_array_equal(weights, WEIGHTS)
        assert table.equals(make_frame(COLUMNS))
        for value in vars(fitted).values():
            assert value is not embeddings
            assert value is not table
            # Nothing has one entry per row, in whatever order.
            assert N not in np.shape(value)

    def test_names_that_are_no_strings(self):
        table = TABLE.set_axis([1, ("scan", "site"), 3.5], axis=1)
        table.columns = pd.Index([1, ("scan", "site"), 3.5], tupleize_cols=False)
        fitted = quick(target=1, n_permutations=79).fit(X, table)
        assert fitted.summary_.index.tolist() == [("scan", "site"), 3.5]
        assert fitted.encoding_scores_.notna().all()
        assert fitted.pvalues_[3.5] <= 1
        assert fitted.score(X, table) > 0

    def test_only_tuple_names(self):
        table = TABLE.copy()
        names = [("a", 1), ("a", 2), ("b", 1)]
        table.columns = pd.Index(names, tupleize_cols=False)
        fitted = quick(target=("a", 1), n_permutations=79).fit(X, table)
        assert fitted.summary_.index.tolist() == names[1:]
        assert fitted.encoding_scores_.notna().all()
        assert fitted.encoding_metrics_.index.tolist() == names[1:]
        assert fitted.get_feature_names_out()[-1] == "('b', 1)"


class TestWeights:
    @pytest.mark.parametrize("heads", ["auto", "ridge"])
    def test_zero_weight_is_absence(self, heads):
        weights = np.ones(N)
        weights[::7] = 0
        kept = weights > 0
        estimator = quick(n_permutations=39, heads=heads)
        weighted = clone(estimator).fit(X, TABLE, sample_weight=weights)
        reduced = clone(estimator).fit(X[kept], TABLE[kept])
        assert_same_fit(weighted, reduced)
        assert weighted.score(X, TABLE, weights) == pytest.approx(
            reduced.score(X[kept], TABLE[kept])
        )

    def test_rows_of_weight_zero_may_hold_levels_of_their_own(self):
        table = TABLE.copy()
        table.loc[:4, "site"] = "elsewhere"
        weights = np.where(np.arange(N) < 5, 0.0, 1.0)
        fitted = quick().fit(X, table, sample_weight=weights)
        assert fitted.heads_["site"].classes == ("north", "south", "west")

    @pytest.mark.parametrize(
        "options",
        [
            {"n_components": 0.95},
            {"n_components": 3},
            {"n_components": 0.95, "heads": "ridge"},
            {"n_components": 3, "heads": "ridge"},
            {"adjust_for_target": True, "columns": ["site"]},
        ],
        ids=str,
    )
    def test_double_weight_is_repetition(self, options):
        counts = 1 + np.arange(N) % 2
        estimator = quick(min_components=1, **options)
        weighted = clone(estimator).fit(X, TABLE, sample_weight=counts)
        rows = np.repeat(np.arange(N), counts)
        repeated = clone(estimator).fit(X[rows], TABLE.iloc[rows])
        np.testing.assert_allclose(
            weighted.transform(X), repeated.transform(X), rtol=1e-6, atol=1e-7
        )
        pd.testing.assert_frame_equal(
            weighted.correlation_, repeated.correlation_, rtol=1e-5, atol=1e-7
        )
        assert weighted.n_components_ == repeated.n_components_
        assert weighted.scale_ == pytest.approx(repeated.scale_)
        assert weighted.score(X, TABLE, counts) == pytest.approx(
            repeated.score(X[rows], TABLE.iloc[rows])
        )

    def test_weights_change_the_fit(self):
        plain = quick().fit(X, TABLE).transform(X)
        weighted = quick().fit(X, TABLE, sample_weight=WEIGHTS).transform(X)
        assert np.abs(plain - weighted).max() > 0.01


class TestRandomness:
    parameters = {"n_permutations": 59, "random_state": 3}

    def test_integer_gives_the_same_result(self):
        one, other = (quick(**self.parameters).fit(X, TABLE) for _ in range(2))
        assert_same_fit(one, other)
        assert one.null_distribution_.to_numpy().std() > 0

    def test_other_integer_gives_another_null(self):
        one = quick(**self.parameters).fit(X, TABLE)
        other = quick(**self.parameters | {"random_state": 4}).fit(X, TABLE)
        assert not one.null_distribution_.equals(other.null_distribution_)
        np.testing.assert_allclose(one.alignment_scores_, other.alignment_scores_)

    def test_random_state_object_moves_on(self):
        state = np.random.RandomState(0)
        one = quick(n_permutations=59, random_state=state).fit(X, TABLE)
        other = quick(n_permutations=59, random_state=state).fit(X, TABLE)
        assert not one.null_distribution_.equals(other.null_distribution_)


def test_tidy_embeddings_give_no_spurious_warning_or_error():
    # On a grid some permutations carry no information at all: their heads are zero.
    grid = np.array([[i, j] for i in range(3) for j in range(4)], dtype=float)
    labels = pd.DataFrame({"a": [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1]})
    for seed in range(6):
        estimator = WeightSpaceCorrelation(
            target_head=np.ones(2), n_permutations=39, random_state=seed, cv=3
        )
        fitted = estimator.fit(grid, labels)
        assert fitted.null_distribution_.notna().all(axis=None)


@pytest.fixture
def callback_module():
    """scikit-learn's callbacks, where it has them."""
    return pytest.importorskip(
        "sklearn.callback", reason="scikit-learn has fit callbacks from 1.9 on"
    )


class Recorder:
    """Fit callback that writes down what it is told."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup", id(context)))

    def teardown(self, estimator, context):
        self.events.append(("teardown", id(context)))

    def on_fit_task_begin(self, estimator, context):
        self.contexts = [*getattr(self, "contexts", []), context]
        self.events.append(("begin", id(context)))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", id(context)))


class TestCallbacks:
    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"n_permutations": 39},
            {"n_permutations": 39, "null": "sign_flip"},
            {"n_permutations": 39, "target": None},
            {"target": None},
            {"n_permutations": 39, "n_jobs": 2, "adjust_for_target": True},
        ],
        ids=str,
    )
    def test_every_announced_task_begins_and_ends(self, callback_module, parameters):
        if parameters.get("adjust_for_target"):
            parameters = parameters | {"columns": ["site"]}
        recorder = Recorder()
        quick(**parameters).set_callbacks(recorder).fit(X, TABLE)
        begun = [key for event, key in recorder.events if event == "begin"]
        ended = [key for event, key in recorder.events if event == "end"]
        assert sorted(begun) == sorted(ended)
        assert len(set(begun)) == len(begun)
        children = dict.fromkeys(begun, 0)
        for context in recorder.contexts:
            if context.parent is not None:
                children[id(context.parent)] += 1
        for context in recorder.contexts:
            assert children[id(context)] == context.max_subtasks, context.task_name
        assert recorder.events[0][0] == "setup"
        assert recorder.events[-1][0] == "teardown"
        names = {context.task_name for context in recorder.contexts}
        assert {"fit", "fit heads", "encoding"} <= names

    def test_begin_comes_before_end_and_children_lie_inside(self, callback_module):
        recorder = Recorder()
        quick(n_permutations=39).set_callbacks(recorder).fit(X, TABLE)
        when = {event: i for i, event in enumerate(recorder.events)}
        for context in recorder.contexts:
            assert when["begin", id(context)] < when["end", id(context)]
            if context.parent is not None:
                assert when["begin", id(context.parent)] < when["begin", id(context)]
                assert when["end", id(context)] < when["end", id(context.parent)]

    def test_progress_bar(self, callback_module, capsys):
        pytest.importorskip("rich", reason="the progress bar needs rich")
        estimator = quick(n_permutations=39)
        estimator.set_callbacks(callback_module.ProgressBar()).fit(X, TABLE)
        shown = capsys.readouterr().out
        assert "100%" in shown
        assert "WeightSpaceCorrelation" in shown

    def test_inside_a_search(self, callback_module):
        recorder = Recorder()
        search = GridSearchCV(
            quick().set_callbacks(recorder), {"C": [0.1, 1.0]}, cv=KFold(3)
        )
        search.fit(X, TABLE)
        kinds = [event for event, _ in recorder.events]
        assert kinds.count("setup") == kinds.count("teardown") == 7
        assert kinds.count("begin") == kinds.count("end") > 7

    def test_failed_fit_tears_down(self, callback_module):
        recorder = Recorder()
        with pytest.raises(ValueError, match="target"):
            quick(target="nothing").set_callbacks(recorder).fit(X, TABLE)
        assert recorder.events[-1][0] == "teardown"

    def test_same_result_as_without(self, callback_module):
        with_callback = quick(n_permutations=39).set_callbacks(Recorder())
        assert_same_fit(
            with_callback.fit(X, TABLE), quick(n_permutations=39).fit(X, TABLE)
        )
