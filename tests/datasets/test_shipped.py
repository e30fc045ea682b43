"""The data sets that are shipped."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from sklearn_wsca.datasets import load_heart_hospitals, load_sentiment_sources

DATA = files("sklearn_wsca.datasets") / "data"


class TestShippedFiles:
    def test_size(self):
        sizes = [len(entry.read_bytes()) for entry in DATA.iterdir()]
        assert sum(sizes) < 2_000_000

    def test_no_pickles(self):
        archives = [entry for entry in DATA.iterdir() if entry.name.endswith(".npz")]
        assert len(archives) == 2
        for entry in archives:
            with (
                entry.open("rb") as stream,
                np.load(stream, allow_pickle=False) as arrays,
            ):
                assert all(arrays[name].dtype != object for name in arrays.files)
        suffixes = {entry.name.rpartition(".")[2] for entry in DATA.iterdir()}
        assert suffixes == {"npz", "csv", "rst", "md"}

    def test_every_file_has_origin_and_licence(self):
        readme = (DATA / "README.md").read_text(encoding="utf-8")
        for entry in DATA.iterdir():
            assert entry.name == "README.md" or entry.name in readme
        for licence in ("Creative Commons Attribution 4.0", "MIT", "Apache"):
            assert licence in readme


class TestHeartHospitals:
    def test_counts(self):
        heart = load_heart_hospitals()
        hospitals = heart.metadata["hospital"].value_counts().to_dict()
        assert hospitals == {
            "Cleveland": 304,
            "Hungary": 293,
            "VA Long Beach": 200,
            "Switzerland": 123,
        }
        present = heart.metadata["hospital"][heart.target == "present"]
        assert present.value_counts().to_dict() == {
            "Cleveland": 139,
            "Hungary": 106,
            "VA Long Beach": 149,
            "Switzerland": 115,
        }
        assert set(heart.metadata["sex"]) == {"female", "male"}
        assert heart.metadata["age"].between(28, 77).all()

    def test_units_are_alive_activations(self):
        data = load_heart_hospitals().data
        assert data.min() == 0
        assert (data.max(axis=0) > 0).all()

    def test_split_is_stratified(self):
        heart = load_heart_hospitals()
        is_train = heart.split == "train"
        assert set(heart.split) == {"train", "held-out"}
        assert is_train.sum() == 552
        cells = [heart.metadata["hospital"], heart.metadata["disease"]]
        shares = pd.Series(is_train).groupby(cells).mean()
        assert shares.between(0.5, 0.7).all()

    def test_head_predicts_disease_on_held_out_patients(self):
        heart = load_heart_hospitals()
        coef, intercept = heart.head
        probability = expit(heart.data @ coef[0] + intercept[0])
        present = heart.target == "present"
        auroc = {
            part: roc_auc_score(present[rows], probability[rows])
            for part in ("train", "held-out")
            for rows in [heart.split == part]
        }
        assert auroc["held-out"] > 0.85
        assert abs(auroc["train"] - auroc["held-out"]) < 0.03
        held_out = heart.split == "held-out"
        # Probabilities mean what they say, so the intercept belongs to the head.
        assert probability[held_out].mean() == pytest.approx(
            present[held_out].mean(), abs=0.05
        )

    def test_labels_sort_with_the_positive_class_second(self):
        assert sorted(set(load_heart_hospitals().target)) == ["absent", "present"]


class TestSentimentSources:
    def test_source_and_sentiment_are_crossed(self):
        metadata = load_sentiment_sources().metadata
        table = pd.crosstab(metadata["source"], metadata["sentiment"])
        assert table.shape == (4, 2)
        assert (table == 500).all().all()

    def test_rating_has_the_sign_of_the_sentiment(self):
        metadata = load_sentiment_sources().metadata
        positive = metadata["sentiment"] == "positive"
        np.testing.assert_array_equal(metadata["rating"] > 0, positive)
        assert metadata["rating"].abs().between(0.4, 4.0).all()
        assert metadata["n_words"].min() >= 1

    def test_source_and_sentiment_are_encoded(self):
        data, metadata = load_sentiment_sources(return_X_y=True)
        train = np.arange(len(data)) % 2 == 0
        for column, floor in [("source", 0.75), ("sentiment", 0.7)]:
            labels = metadata[column].to_numpy(dtype=str)
            probe = LogisticRegression(C=100.0).fit(data[train], labels[train])
            predicted = probe.predict(data[~train])
            assert balanced_accuracy_score(labels[~train], predicted) > floor
