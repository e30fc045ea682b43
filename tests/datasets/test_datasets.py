import warnings
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.utils import Bunch

from sklearn_wsca.datasets import (
    load_heart_hospitals,
    load_sentiment_sources,
    make_shortcut,
)

DATA = files("sklearn_wsca.datasets") / "data"

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
    for load in (load_heart_hospitals, load_sentiment_sources):
        with pytest.raises(TypeError):
            load(True)


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


def head_outputs(bunch):
    """Outputs of the head, centred over classes if it has several rows."""
    coef, intercept = bunch.head
    outputs = bunch.data @ coef.T + intercept
    if outputs.shape[1] > 1:
        outputs = outputs - outputs.mean(axis=1, keepdims=True)
    return outputs


def indicators(labels):
    """One column of zeros and ones per level but the first."""
    return pd.get_dummies(labels, drop_first=True).to_numpy(dtype=float)


def regression_utilization(bunch):
    """Utilization of the scanner by least squares, step by step as defined."""
    outputs = head_outputs(bunch)
    scanner = indicators(bunch.metadata["scanner"])
    target = indicators(bunch.metadata["target"])
    design = np.column_stack([np.ones(len(scanner)), target, scanner])
    effects = np.linalg.lstsq(design, outputs, rcond=None)[0]
    level_effects = np.vstack(
        [np.zeros(outputs.shape[1]), effects[-scanner.shape[1] :]]
    )
    contrasts = level_effects - level_effects.mean(axis=0)
    total_variance = outputs.var(axis=0).sum()
    return np.sqrt((contrasts**2).sum(axis=1).mean() / total_variance)


def cramers_v(metadata):
    """Cramer's V of target and scanner."""
    observed = pd.crosstab(metadata["target"], metadata["scanner"]).to_numpy()
    n_samples = observed.sum()
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / n_samples
    chi_square = ((observed - expected) ** 2 / expected).sum()
    return np.sqrt(chi_square / (n_samples * (min(observed.shape) - 1)))


def held_out_accuracy(bunch, column):
    """Accuracy of a linear probe on the second half of the rows."""
    labels = bunch.metadata[column].to_numpy(dtype=str)
    half = len(labels) // 2
    probe = LogisticRegression(max_iter=500).fit(bunch.data[:half], labels[:half])
    return probe.score(bunch.data[half:], labels[half:])


SETTINGS = [
    {"n_classes": 2, "use": 0.3},
    {"n_classes": 2, "use": 1.0, "association": 0.5},
    {"n_classes": 4, "use": 0.3, "association": 0.5},
    {"n_classes": 4, "use": 1.0, "n_levels": 2},
    {"n_classes": 3, "use": 1.0, "n_levels": 5, "signal": 2.5, "noise": 0.4},
    {"use": 1.0, "association": 0.5, "rows_per_group": 4, "group_effect": 0.7},
]


class TestMakeShortcut:
    @pytest.mark.parametrize("setting", SETTINGS, ids=str)
    def test_true_utilization_is_what_a_regression_finds(self, setting):
        bunch = make_shortcut(200_000, 10, encoding=1.5, **setting, random_state=1)
        assert np.abs(bunch.data.mean(axis=0)).max() > 1
        expected = bunch.true_utilization["scanner"]
        assert expected > 0.05
        assert regression_utilization(bunch) == pytest.approx(expected, rel=0.02)

    def test_true_utilization_is_one_if_only_the_scanner_varies(self):
        # Nothing but the scanner moves the outputs: all of their variance is its own.
        bunch = make_shortcut(
            encoding=2.0, use=0.5, signal=0.0, noise=1e-9, random_state=0
        )
        assert bunch.true_utilization["scanner"] == pytest.approx(1.0)

    @pytest.mark.parametrize("n_classes", [2, 4])
    @pytest.mark.parametrize("association", [0.0, 0.6])
    def test_no_use(self, n_classes, association):
        bunch = make_shortcut(
            50_000, 12, n_classes=n_classes, association=association, random_state=2
        )
        assert bunch.true_utilization["scanner"] == 0.0
        assert regression_utilization(bunch) < 0.02

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_head_is_orthogonal_to_the_scanner_only_without_use(self, n_classes):
        options = {"n_classes": n_classes, "noise": 1e-9, "random_state": 3}
        for use in (0.0, 0.5):
            bunch = make_shortcut(400, 12, use=use, **options)
            coef, _ = bunch.head
            cells = bunch.metadata.groupby(["target", "scanner"]).indices
            displacement = (
                bunch.data[cells["class 0", "scanner A"][0]]
                - bunch.data[cells["class 0", "scanner B"][0]]
            )
            assert np.linalg.norm(displacement) == pytest.approx(np.sqrt(2))
            movement = np.abs(coef @ displacement).max()
            assert movement == pytest.approx(use * (1 + (n_classes == 2)), abs=1e-7)

    def test_only_the_scanner_is_used(self):
        truth = make_shortcut(use=1.0, random_state=0).true_utilization
        assert list(truth) == ["scanner", "age", "batch"]
        assert truth["scanner"] > 0.1
        assert truth["age"] == truth["batch"] == 0.0

    def test_use_raises_utilization_and_no_encoding_means_none(self):
        found = [
            make_shortcut(use=use, random_state=0).true_utilization["scanner"]
            for use in (0.0, 0.1, 0.3, 1.0)
        ]
        assert np.all(np.diff(found) > 0)
        hidden = make_shortcut(use=1.0, encoding=0.0, random_state=0)
        assert hidden.true_utilization["scanner"] == 0.0

    def test_rows_of_the_head_do_not_share_a_direction(self):
        # A vector that is common to all rows changes no prediction.
        bunch = make_shortcut(n_classes=4, use=0.5, random_state=0)
        coef, _ = bunch.head
        assert coef.shape == (4, 64)
        assert np.linalg.matrix_rank(coef - coef.mean(axis=0)) == 3

    @pytest.mark.parametrize("n_classes", [2, 4, 11])
    def test_head_predicts_the_class_of_its_row(self, n_classes):
        bunch = make_shortcut(
            500, n_classes=n_classes, n_levels=2, signal=8.0, random_state=0
        )
        coef, intercept = bunch.head
        outputs = bunch.data @ coef.T + intercept
        codes = outputs.argmax(axis=1) if n_classes > 2 else outputs[:, 0] > 0
        classes = np.unique(bunch.target)
        assert len(classes) == n_classes
        predicted = classes[codes.astype(int)]
        assert np.mean(predicted == bunch.target) > 0.99

    def test_encoding_is_decodable_only_if_there(self):
        options = {"n_samples": 4000, "n_features": 20, "use": 1.0, "random_state": 4}
        absent = make_shortcut(encoding=0.0, **options)
        present = make_shortcut(encoding=2.0, **options)
        assert held_out_accuracy(absent, "scanner") == pytest.approx(1 / 3, abs=0.05)
        assert held_out_accuracy(present, "scanner") > 0.8
        assert held_out_accuracy(present, "batch") == pytest.approx(1 / 4, abs=0.05)
        assert held_out_accuracy(present, "target") > 0.65

    def test_age_is_unrelated(self):
        bunch = make_shortcut(20_000, 8, encoding=2.0, random_state=5)
        age = bunch.metadata["age"]
        assert age.mean() == pytest.approx(60, abs=0.5)
        assert age.std() == pytest.approx(12, abs=0.5)
        for feature in bunch.data.T:
            assert abs(np.corrcoef(age, feature)[0, 1]) < 0.04

    @pytest.mark.parametrize(("n_classes", "n_levels"), [(2, 3), (4, 3), (3, 3)])
    def test_association_ties_scanner_to_target(self, n_classes, n_levels):
        dependence = [
            cramers_v(
                make_shortcut(
                    8000,
                    8,
                    n_classes=n_classes,
                    n_levels=n_levels,
                    association=association,
                    random_state=6,
                ).metadata
            )
            # At 1 with two classes the third scanner would be absent.
            for association in (0.0, 0.25, 0.5, 0.75, 0.95)
        ]
        assert dependence[0] < 0.04
        assert np.all(np.diff(dependence) > 0.1)

    def test_full_association_determines_the_scanner(self):
        metadata = make_shortcut(
            300, n_classes=4, n_levels=2, association=1.0, random_state=0
        ).metadata
        scanners = metadata.groupby("target")["scanner"].unique()
        assert [list(names) for names in scanners] == [
            ["scanner A"],
            ["scanner B"],
            ["scanner A"],
            ["scanner B"],
        ]

    def test_patient_labels_are_constant_within_patients(self):
        metadata = make_shortcut(
            1003, 8, rows_per_group=5, association=0.3, random_state=7
        ).metadata
        by_patient = metadata.groupby("patient")
        assert by_patient.ngroups == 201
        assert by_patient.size().max() == 5
        assert (by_patient[["target", "scanner", "age"]].nunique() == 1).all().all()
        assert by_patient["batch"].nunique().mean() > 2
        assert metadata["patient"].is_monotonic_increasing

    def test_rows_of_a_patient_are_alike(self):
        def correlation_within_patients(group_effect):
            bunch = make_shortcut(
                20_000,
                6,
                signal=0.0,
                encoding=0.0,
                noise=3.0,
                rows_per_group=2,
                group_effect=group_effect,
                random_state=8,
            )
            pairs = (bunch.data - bunch.data.mean(axis=0)).reshape(-1, 2, 6)
            return np.mean(pairs[:, 0] * pairs[:, 1]) / np.mean(pairs**2)

        assert correlation_within_patients(0.0) == pytest.approx(0.0, abs=0.02)
        # Shared variance over total variance: 1 / (1 + 1).
        assert correlation_within_patients(1.0) == pytest.approx(0.5, abs=0.02)

    @pytest.mark.parametrize("rows_per_group", [1, 3])
    def test_random_state_determines_everything(self, rows_per_group):
        def make(seed):
            return make_shortcut(
                50,
                8,
                rows_per_group=rows_per_group,
                group_effect=0.5,
                random_state=seed,
            )

        first, again, other = make(0), make(0), make(1)
        generated = make(np.random.RandomState(0))
        for same in (again, generated):
            np.testing.assert_array_equal(first.data, same.data)
            np.testing.assert_array_equal(first.head[0], same.head[0])
            np.testing.assert_array_equal(first.head[1], same.head[1])
            pd.testing.assert_frame_equal(first.metadata, same.metadata)
        assert not np.allclose(first.data, other.data)
        assert not np.allclose(first.head[0], other.head[0])

    def test_association_changes_nothing_but_the_scanner(self):
        free = make_shortcut(200, 8, encoding=0.0, random_state=9)
        linked = make_shortcut(200, 8, encoding=0.0, association=0.9, random_state=9)
        np.testing.assert_array_equal(free.data, linked.data)
        np.testing.assert_array_equal(free.target, linked.target)
        assert (free.metadata["scanner"] != linked.metadata["scanner"]).any()

    def test_fewer_rows_than_a_patient_has(self):
        metadata = make_shortcut(1, 8, rows_per_group=4, random_state=0).metadata
        assert metadata["patient"].tolist() == ["patient 1"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_samples", 0),
            ("n_features", 4),
            ("n_classes", 1),
            ("n_levels", 1),
            ("n_levels", 27),
            ("encoding", -0.1),
            ("encoding", np.nan),
            ("use", -1.0),
            ("use", np.inf),
            ("association", -0.1),
            ("association", 1.1),
            ("signal", -1.0),
            ("noise", 0.0),
            ("noise", -1.0),
            ("rows_per_group", 0),
            ("group_effect", -0.5),
        ],
    )
    def test_bad_values(self, name, value):
        with pytest.raises(ValueError, match=name):
            make_shortcut(**{name: value})

    def test_too_few_features_for_the_directions(self):
        message = r"n_features == 9, must be >= n_classes \+ n_levels == 10"
        with pytest.raises(ValueError, match=message):
            make_shortcut(n_features=9, n_classes=4, n_levels=6)
        assert make_shortcut(5, 10, n_classes=4, n_levels=6).data.shape == (5, 10)

    @pytest.mark.parametrize("name", ["n_samples", "n_levels", "noise"])
    def test_bad_types(self, name):
        with pytest.raises(TypeError, match=name):
            make_shortcut(**{name: "many"})
