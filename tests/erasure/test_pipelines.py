"""MetadataEraser in use: forms of tables and embeddings, and steps of a Pipeline."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils.fixes import parse_version

from sklearn_wsca import MetadataEraser, WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut
from tests.erasure.studies import COLUMNS, SHAPES, study

# Columns of these studies are associated, and the target is not always named.
pytestmark = pytest.mark.filterwarnings("ignore:target. without one:UserWarning")


class TestForms:
    def test_tables(self, make_frame):
        X, table, _ = study(0, (60, 6))
        expected = MetadataEraser(COLUMNS).fit_transform(X, table)
        frame = make_frame({name: table[name].tolist() for name in table})
        found = MetadataEraser(COLUMNS).fit_transform(X, frame)
        np.testing.assert_array_equal(found, expected)

    def test_arrays(self):
        X, table, _ = study(0, (60, 6))
        expected = MetadataEraser(COLUMNS).fit_transform(X, table)
        array = table[COLUMNS].to_numpy()
        eraser = MetadataEraser().fit(X, array)
        assert eraser.columns_ == ["x0", "x1"]
        np.testing.assert_allclose(eraser.transform(X), expected)
        one = MetadataEraser().fit_transform(X, table["age"].to_numpy())
        named = MetadataEraser(["age"]).fit_transform(X, table)
        np.testing.assert_allclose(one, named)

    def test_memory_map(self, tmp_path):
        X, table, _ = study(0, (60, 6))
        X = X.astype(np.float32)
        np.save(tmp_path / "X.npy", X)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        eraser = MetadataEraser(COLUMNS).fit(mapped, table)
        expected = MetadataEraser(COLUMNS).fit_transform(X, table)
        np.testing.assert_allclose(eraser.transform(mapped), expected, rtol=1e-6)

    def test_tensors(self):
        torch = pytest.importorskip("torch")
        pytest.importorskip("array_api_compat")
        X, table, _ = study(0, (60, 6))
        tensor = torch.asarray(X)
        found = MetadataEraser(COLUMNS).fit(tensor, table).transform(tensor)
        np.testing.assert_allclose(
            found, MetadataEraser(COLUMNS).fit_transform(X, table)
        )

    def test_names_of_features(self):
        X, table, _ = study(0, (60, 6))
        frame = pd.DataFrame(X, index=np.arange(60) + 5).add_prefix("unit_")
        eraser = MetadataEraser(COLUMNS).set_output(transform="pandas")
        found = eraser.fit_transform(frame, table.set_index(frame.index))
        assert found.columns.tolist() == frame.columns.tolist()
        assert found.index.tolist() == frame.index.tolist()
        assert eraser.get_feature_names_out().tolist() == frame.columns.tolist()


class TestPipeline:
    def test_analysis_of_erased_embeddings(self):
        X, table = make_shortcut(
            400, 12, encoding=2.0, use=1.0, random_state=0, return_X_y=True
        )
        analysis = WeightSpaceCorrelation("target", n_permutations=59, random_state=0)
        plain = analysis.fit(X, table).summary_
        pipeline = make_pipeline(MetadataEraser(["scanner"]), analysis).fit(X, table)
        erased = pipeline[-1].summary_
        assert plain.loc["scanner", "encoding_score"] > 0.5
        assert erased.loc["scanner", "encoding_score"] < 0.0
        assert erased.loc["scanner", "encoding_pvalue"] > 0.05
        assert pipeline.transform(X).shape == (400, 9)

    def test_out_of_fold(self):
        X, table = make_shortcut(400, 12, encoding=2.0, random_state=0, return_X_y=True)
        analysis = WeightSpaceCorrelation(columns=["scanner"], n_permutations=0)
        pipeline = make_pipeline(MetadataEraser(["scanner"]), analysis)
        plain, erased = (
            cross_validate(model, X, table, cv=KFold(4), error_score="raise")
            for model in (analysis, pipeline)
        )
        assert plain["test_score"].min() > 0.5
        assert np.abs(erased["test_score"]).max() < 0.06


class TestSeparateTarget:
    """y is the target alone, and the table is metadata."""

    @pytest.mark.parametrize("target", ["disease", None])
    @pytest.mark.parametrize("in_table", [True, False])
    def test_same_as_the_whole_table(self, target, in_table):
        X, table, _ = study(0, SHAPES["n > d"])
        columns = [name for name in table if name != "disease"]
        whole = MetadataEraser(columns, target=target).fit(X, table)
        metadata = table if in_table else table[columns]
        apart = MetadataEraser(target=target).fit(X, table["disease"], None, metadata)
        assert apart.columns_ == whole.columns_
        np.testing.assert_array_equal(apart.transform(X), whole.transform(X))

    def test_the_target_alone_is_no_table(self):
        X, table, _ = study(0, SHAPES["n > d"])
        with pytest.raises(ValueError, match=r"y: it is a single column .* 'site'"):
            MetadataEraser(COLUMNS).fit(X, table["disease"])

    def test_before_a_classifier(self):
        X, table, _ = study(1, SHAPES["n > d"])
        y, metadata = table["disease"], table[COLUMNS]
        erased = MetadataEraser().fit(X, metadata).transform(X)
        alone = LogisticRegression(max_iter=1000).fit(erased, y)
        with sklearn.config_context(enable_metadata_routing=True):
            pipeline = make_pipeline(
                MetadataEraser().set_fit_request(metadata=True),
                LogisticRegression(max_iter=1000),
            ).fit(X, y, metadata=metadata)
            found = cross_validate(
                pipeline, X, y, params={"metadata": metadata}, cv=3, error_score="raise"
            )
        np.testing.assert_allclose(pipeline[-1].coef_, alone.coef_)
        assert found["test_score"].min() > 0.4


class TestQuadraticInPipelines:
    def test_metadata_are_routed_to_fit_and_transform(self):
        X, table, _ = study(1, SHAPES["n > d"])
        y, metadata = table["disease"], table[["site"]]
        eraser = MetadataEraser(["site"], target="disease", method="quadratic")
        erased = eraser.fit(X, table).transform(X, metadata=table)
        alone = LogisticRegression(max_iter=1000).fit(erased, y)
        with sklearn.config_context(enable_metadata_routing=True):
            pipeline = make_pipeline(clone(eraser), LogisticRegression(max_iter=1000))
            pipeline.fit(X, y, metadata=metadata)
            found = pipeline.predict(X, metadata=metadata)
            with pytest.raises(ValueError, match="metadata: a quadratic erasure needs"):
                pipeline.predict(X)
        np.testing.assert_array_equal(found, alone.predict(erased))

    @pytest.mark.skipif(
        parse_version(sklearn.__version__) < parse_version("1.8"),
        reason="scikit-learn below 1.8 scores a Pipeline without metadata",
    )
    def test_metadata_are_routed_by_cross_validation(self):
        X, table, _ = study(1, SHAPES["n > d"])
        eraser = MetadataEraser(["site"], target="disease", method="quadratic")
        with sklearn.config_context(enable_metadata_routing=True):
            scores = cross_validate(
                make_pipeline(eraser, LogisticRegression(max_iter=1000)),
                X,
                table["disease"],
                params={"metadata": table[["site"]]},
                cv=3,
                error_score="raise",
            )
        assert scores["test_score"].min() > 0.5

    def test_the_table_alone(self):
        X, table, _ = study(0, (60, 6))
        eraser = MetadataEraser(["site"], target="stage", method="quadratic")
        erased = eraser.fit_transform(X, table)
        np.testing.assert_array_equal(erased, eraser.transform(X, metadata=table))
        as_float = eraser.transform(X.astype(np.float32), metadata=table)
        assert as_float.dtype == np.float32
