"""Synthetic data with known use and known encoding."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_wsca.datasets import make_shortcut


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
