"""Shift of contributions: sizes, p-values, and what cannot be compared."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import IntegratedFeatureAnalysis
from sklearn_wsca._features.shift import compare_contributions
from tests.features.shifts import (
    CLASS_MEANS,
    N_FEATURES,
    PLANTED,
    SCALE,
    compare_by,
    contributions,
    draw_patients,
    draw_scanner,
    draw_values,
    few_samples,
    plant,
)

PVALUES = ["pvalue", "pvalue_fwer", "qvalue"]


# Controls: what is planted is found, and nothing else more often than it should.


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("grouped", [False, True])
def test_planted_shift_is_found(seed, grouped):
    rng = np.random.default_rng(seed)
    patients = None
    if grouped:
        classes, scanner, patients = draw_patients(rng, 100)
    else:
        classes = rng.integers(0, 3, 300)
        scanner = draw_scanner(rng, classes)
    values = draw_values(rng, classes, patients)
    values = plant(values, classes, scanner, 2.5 if grouped else 1.0)
    table = compare_by(scanner, values, classes, patients, seed, m=199)
    assert set(PLANTED) <= set(table.index[table["pvalue_fwer"] <= 0.05])
    assert table["smd"].abs().nlargest(2).index.isin(PLANTED).all()
    assert table["ks"].nlargest(2).index.isin(PLANTED).all()
    assert (np.sign(table["smd"][PLANTED]) == [1, -1]).all()
    assert (table["pvalue_fwer"] <= 0.05).sum() <= 3
    assert (table["n_units"] == (100 if grouped else 300)).all()


def rejections(draw, n_simulations=200):
    """Share of features with small p-values, and of tables with a corrected one."""
    single, familywise = [], []
    for seed in range(n_simulations):
        labels, values, classes, patients = draw(np.random.default_rng([11, seed]))
        table = compare_by(labels, values[:, ::3], classes, patients, seed)
        single.append((table["pvalue"] <= 0.05).mean())
        familywise.append(table["pvalue_fwer"].min() <= 0.05)
    return np.mean(single), np.mean(familywise)


def null_rows(rng):
    classes = rng.integers(0, 3, 90)
    return draw_scanner(rng, classes), draw_values(rng, classes), classes, None


def null_number(rng):
    classes = rng.integers(0, 3, 90)
    number = classes + rng.normal(size=90)
    return number, draw_values(rng, classes), classes, None


def null_patients(rng):
    classes, scanner, patients = draw_patients(rng, 60)
    return scanner, draw_values(rng, classes, patients), classes, patients


def null_mixed_patients(rng):
    """Patients of several classes, of which the scanners have different shares."""
    patients = np.repeat(np.arange(50), 5)
    scanner = rng.integers(0, 2, 50)[patients]
    classes = np.where(rng.random(250) < 0.3, 2 * scanner, rng.integers(0, 3, 250))
    return scanner, draw_values(rng, classes, patients), classes, patients


def null_within(rng):
    """A scanner that varies within patients, who prefer one of them."""
    patients = np.repeat(np.arange(40), 6)
    scanner = (rng.random(240) < rng.random(40)[patients]).astype(int)
    classes = np.where(rng.random(240) < 0.5, scanner, rng.integers(0, 3, 240))
    return scanner, draw_values(rng, classes, patients), classes, patients


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw", [null_rows, null_number, null_patients, null_mixed_patients, null_within]
)
def test_pvalues_keep_their_level(draw):
    single, familywise = rejections(draw)
    assert 0.02 <= single <= 0.075
    # 99.9 % of 200 draws at 5 %.
    assert 0.005 <= familywise <= 0.105


def test_exchanging_rows_of_patients_would_reject_far_too_often():
    single, familywise = rejections(lambda rng: (*null_patients(rng)[:3], None), 30)
    assert single > 0.3
    assert familywise > 0.6


def test_classes_that_are_not_held_fixed_would_seem_to_shift():
    labels, values, classes, _ = null_rows(np.random.default_rng(0))
    held = compare_by(labels, values, classes)
    loose = compare_by(labels, values, np.zeros_like(classes))
    assert (held["pvalue"] <= 0.05).mean() < 0.2
    assert (loose["pvalue"] <= 0.05).mean() > 0.8


def test_number_that_moves_a_feature_is_found():
    rng = np.random.default_rng(1)
    number, values, classes, _ = null_number(rng)
    values = plant(values, classes, number - classes, 1.2)
    table = compare_by(number, values, classes, m=199)
    assert (table["pvalue_fwer"][PLANTED] <= 0.05).all()
    assert (np.sign(table["smd"][PLANTED]) == [1, -1]).all()


def test_shift_within_patients_is_found_beside_their_differences():
    rng = np.random.default_rng(2)
    classes, _, patients = draw_patients(rng, 40)
    scanner = rng.integers(0, 2, 200)
    values = plant(draw_values(rng, classes, patients), classes, scanner, 1.0)
    table = compare_by(scanner, values, classes, patients, m=199)
    assert (table["pvalue_fwer"][PLANTED] <= 0.05).all()


# Invariances.


def test_order_scale_and_names_do_not_matter():
    rng = np.random.default_rng(6)
    classes, scanner, patients = draw_patients(rng, 40)
    values = plant(draw_values(rng, classes, patients), classes, scanner, 1.0)
    table = compare_by(scanner, values, classes, patients)
    order = rng.permutation(200)
    moved = compare_by(scanner[order], values[order], classes[order], patients[order])
    pd.testing.assert_frame_equal(table, moved, rtol=1e-5)
    scaled = compare_by(scanner, values * SCALE[::-1] * 8, classes, patients)
    pd.testing.assert_frame_equal(table, scaled, rtol=1e-4)
    names = np.array(["S", "E"])[scanner]
    named = compare_by(names, values, 2 - classes, patients + 1000)
    np.testing.assert_allclose(named["smd"], -table["smd"], rtol=1e-9)
    same = ["ks", "explained", *PVALUES]
    pd.testing.assert_frame_equal(table[same], named[same], rtol=1e-5)
    reverse = compare_by(scanner, values[:, ::-1], classes, patients)[::-1]
    np.testing.assert_allclose(reverse[PVALUES], table[PVALUES])


def test_order_of_equal_contributions_does_not_matter():
    rng = np.random.default_rng(12)
    classes, scanner, patients = draw_patients(rng, 40)
    # Only labels and patients tell most samples apart.
    values = rng.integers(0, 2, (200, 1)) + 5.0
    table = compare_by(scanner, values, classes, patients, m=299)
    for _ in range(3):
        order = rng.permutation(200)
        rows = scanner[order], values[order], classes[order], patients[order]
        pd.testing.assert_frame_equal(table, compare_by(*rows, m=299), rtol=1e-5)


# Limiting cases.


def test_identical_samples_do_not_shift():
    rng = np.random.default_rng(7)
    classes = rng.integers(0, 3, 60)
    same = contributions(draw_values(rng, classes), classes)
    table = compare_contributions(same, same, pd.DataFrame(), range(N_FEATURES), 0, 99)
    np.testing.assert_allclose(table["smd"], 0.0, atol=1e-12)
    assert (table["ks"] == 0.0).all()
    assert (table[PVALUES] == 1.0).all(axis=None)


def test_constant_features_do_not_shift_and_jumps_are_infinite():
    rng = np.random.default_rng(8)
    classes = rng.integers(0, 3, 90)
    scanner = draw_scanner(rng, classes)
    values = draw_values(rng, classes)
    values[:, 0] = 1234.567
    values[:, 1] = 1234.567 + CLASS_MEANS[classes]
    values[:, 2] = 0.0
    values[:, 3] = -scanner
    table = compare_by(scanner, values, classes)
    assert (table.loc[:2, ["smd", "ks", "explained"]] == 0.0).all(axis=None)
    assert (table.loc[:2, "pvalue"] == 1.0).all()
    assert table.loc[3, "smd"] == -np.inf
    assert table.loc[3, "ks"] == pytest.approx(1.0)
    assert table.loc[3, "pvalue"] == 0.01
    assert np.isfinite(table.loc[4:, "smd"]).all()


def test_a_number_that_varies_by_rounding_is_left_out():
    rng = np.random.default_rng(9)
    classes = rng.integers(0, 3, 120)
    values = draw_values(rng, classes)
    rounding = 1000.0 + 1.5 * classes + 1e-12 * rng.normal(size=120)
    assert len(np.unique(rounding)) > 20
    new = contributions(values, classes)
    metadata = pd.DataFrame({"label": rounding})
    with pytest.warns(UserWarning, match="'label'.*does not vary within any class"):
        compare_contributions(
            few_samples(N_FEATURES, False), new, metadata, range(N_FEATURES), 0, 9
        )


@pytest.mark.parametrize("grouped", [False, True])
def test_numbers_far_from_zero_are_told_apart(grouped):
    """Seconds since 1970 within half an hour say what the minutes say."""
    rng = np.random.default_rng(11)
    classes, _, patients = draw_patients(rng, 60, 2)
    minutes = 6.0 * rng.normal(size=60)[patients]
    values = draw_values(rng, classes)
    values[:, 4] += SCALE[4] * minutes
    groups = patients if grouped else None
    expected = compare_by(minutes, values, classes, groups)
    assert expected.loc[4, "pvalue"] == 0.01 and expected.loc[4, "smd"] > 0.5
    found = compare_by(1.7e9 + 60.0 * minutes, values, classes, groups)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4, atol=1e-6)


def test_classes_without_a_contrast_tell_nothing():
    rng = np.random.default_rng(9)
    classes = rng.integers(0, 2, 100)
    scanner = rng.integers(0, 2, 100)
    values = draw_values(rng, classes)
    alone = compare_by(scanner, values, classes, m=0)
    more = draw_values(rng, np.full(50, 2)) * 3
    both = compare_by(
        np.r_[scanner, np.ones(50, int)],
        np.r_[values, more],
        np.r_[classes, np.full(50, 2)],
        m=0,
    )
    np.testing.assert_allclose(both["ks"], alone["ks"], rtol=1e-9)
    assert (np.sign(both["smd"]) == np.sign(alone["smd"])).all()


# The method of the estimator.


def make_data(seed, n=120, shift=0.0):
    """Feature maps and a table; a scanner may shift feature 2."""
    rng = np.random.default_rng(seed)
    y = pd.DataFrame(
        {
            "label": rng.choice(["sick", "well"], n),
            "scanner": rng.choice(["A", "B"], n),
            "age": rng.normal(50.0, 10.0, n),
            "patient": np.char.add(f"{seed}-", (np.arange(n) // 2).astype(str)),
        }
    )
    A = 3.0 + rng.normal(size=(n, 6, 2, 2))
    A[:, 1] += 3.0 * (y["label"] == "well").to_numpy()[:, None, None]
    A[:, 2] += shift * (y["scanner"] == "B").to_numpy()[:, None, None]
    return A * np.geomspace(0.1, 10.0, 6)[:, None, None], y


@pytest.fixture(scope="module")
def analysis():
    A, y = make_data(0)
    head = np.linspace(1.0, 2.0, 6) / np.geomspace(0.1, 10.0, 6)
    head[0], head[2] = -2.0, -0.5
    estimator = IntegratedFeatureAnalysis(
        (head[None], [-head @ A.mean(axis=(0, 2, 3))]),
        target="label",
        metadata=["scanner", "age"],
        groups=None,
        n_permutations=99,
        random_state=0,
    )
    return estimator.fit(A, y)


def test_compare_names_feature_and_column(analysis):
    A, y = make_data(1, shift=2.0)
    table = analysis.compare(A, y)
    assert list(table.index.names) == ["comparison", "feature"]
    assert list(table.index.levels[0]) == ["age", "scanner", "split"]
    assert len(table) == 3 * (6 + 2)
    assert table.loc["age"].index.tolist() == [*range(6), "own score", "own margin"]
    table = table.drop(index=["own score", "own margin"], level=1)
    small = table.index[table["pvalue_fwer"] <= 0.05].tolist()
    assert set(small) == {("scanner", 2), ("split", 2)}
    described = table.attrs["comparisons"]
    assert described["scanner"]["levels"] == ["A", "B"]
    assert described["split"]["levels"] == ["fitted", "new"]
    assert described["split"]["permuted"] == "rows within classes"
    assert table.attrs["left_out"] == {}


def test_shift_does_not_cancel_between_opposite_classes(analysis):
    # A single row of weights speaks for one class as much as against the other.
    A, y = make_data(1, shift=2.0)
    assert analysis.compare(A, y).loc[("scanner", 2), "smd"] > 2.0
    assert analysis.compare(A, y).loc[("split", 2), "smd"] > 0.5


def test_further_metadata(analysis):
    A, y = make_data(1)
    further = pd.DataFrame({"hospital": np.tile(["N", "S", "W"], 40)})
    table = analysis.compare(A, y, further)
    assert set(table.index.get_level_values(0)) == {
        *("split", "scanner", "age", "hospital")
    }
    assert set(table.loc["hospital", "measure"]) == {
        "largest standardised mean difference"
    }
    apart = analysis.compare(A, y.drop(columns="age"), y[["age"]])
    pd.testing.assert_frame_equal(apart.loc["age"], table.loc["age"])


def weak_features(seed, n):
    """Every one of 60 features tells a little of three classes, at its own scale."""
    rng = np.random.default_rng([7, seed])
    means = np.random.default_rng(5).normal(0.0, 0.25, (3, 60))
    labels = np.arange(n) % 3
    scale = np.geomspace(0.1, 10.0, 60)
    return (rng.standard_normal((n, 60)) + means[labels] + 5.0) * scale, labels


@pytest.mark.parametrize("seed", range(3))
def test_overfitting_that_is_spread_over_features_is_seen_in_the_margin(seed):
    """And a head that has seen other samples has the same margin in both."""
    pooled, labels = weak_features(seed, 150)
    new, of_new = weak_features(seed + 10, 150)
    tables = {}
    for name, (X, y) in {
        "same": (pooled, labels),
        "others": weak_features(seed + 20, 600),
    }.items():
        rows = np.column_stack([X, np.ones(len(X))])
        weights = np.linalg.lstsq(rows, np.eye(3)[y], rcond=None)[0].T
        head = weights[:, :-1], weights[:, -1]
        estimator = IntegratedFeatureAnalysis(head, n_permutations=99, random_state=0)
        tables[name] = estimator.fit(pooled, labels).compare(new, of_new).loc["split"]
    over = tables["same"]
    assert (over["pvalue_fwer"][:60] <= 0.05).sum() <= 1
    assert over.loc["own margin", "pvalue_fwer"] <= 0.05
    assert over.loc["own margin", "smd"] < -0.5
    assert tables["others"].loc["own margin", "pvalue_fwer"] > 0.05


def test_sums_of_contributions_are_scores_and_margins(analysis):
    A, y = make_data(1, shift=2.0)
    found = analysis.compare(A, y).loc["scanner"]
    outputs = A.mean(axis=(2, 3)) @ analysis.head_.coef.T + analysis.head_.intercept
    own = np.where(y["label"] == "well", 1.0, -1.0) * (outputs[:, 1] - outputs[:, 0])
    rows = pd.DataFrame({"own": own, "label": y["label"]})
    centred = own - rows.groupby("label")["own"].transform("mean")
    of_b = (y["scanner"] == "B").to_numpy()
    assert np.sign(found.loc["own margin", "smd"]) == np.sign(
        centred[of_b].mean() - centred[~of_b].mean()
    )
    numbers = found.drop(columns="measure").astype(float)
    np.testing.assert_allclose(numbers.loc["own score"], numbers.loc["own margin"])


def test_labels_alone_and_names_of_features():
    A, y = make_data(0)
    frame = pd.DataFrame(A.mean(axis=(2, 3)), columns=list("abcdef"))
    estimator = IntegratedFeatureAnalysis(n_permutations=19, random_state=0)
    table = estimator.fit(frame, y["label"]).compare(frame, y["label"])
    names = [*"abcdef", "own score", "own margin"]
    assert table.index.tolist() == [("split", name) for name in names]
    assert (table["pvalue"] == 1.0).all()


def test_head_of_a_number():
    A, y = make_data(0)
    estimator = IntegratedFeatureAnalysis(
        target="age", metadata=["scanner"], n_permutations=99, random_state=0
    ).fit(A, y)
    A, y = make_data(1, shift=2.0)
    table = estimator.compare(A, y)
    assert table.attrs["comparisons"]["scanner"]["permuted"] == "rows"
    features = table.loc["scanner"][:6]
    assert features["pvalue"].idxmin() == 2
    sums = table.loc["scanner"].index[6:]
    assert sums.tolist() == ["own score", "absolute error"]
    assert table.loc[("scanner", 2), "smd"] > 1.0


def test_without_permutations_there_are_no_pvalues(analysis):
    A, y = make_data(1)
    table = analysis.compare(A, y)
    analysis.set_params(n_permutations=0)
    without = analysis.compare(A, y)
    analysis.set_params(n_permutations=99)
    assert without[PVALUES].isna().all(axis=None)
    same = ["measure", "smd", "ks", "explained", "n_units"]
    pd.testing.assert_frame_equal(without[same], table[same])


# What is said about what cannot be compared.


@pytest.fixture(scope="module")
def grouped():
    A, y = make_data(0)
    estimator = IntegratedFeatureAnalysis(
        target="label",
        metadata=["scanner"],
        groups="patient",
        n_permutations=99,
        random_state=0,
    )
    return estimator.fit(A, y)


def test_patients_in_both_are_counted(grouped):
    A, y = make_data(1)
    y.loc[:9, "patient"] = [f"0-{i}" for i in range(10)]
    with pytest.warns(UserWarning, match=r"10 of 65 values of 'patient' were in fit"):
        table = grouped.compare(A, y)
    assert table.attrs["comparisons"]["split"]["n_units"] == 60 + 65


def test_too_few_groups_give_no_pvalue(grouped):
    A, y = make_data(1)
    y["patient"] = y["patient"].where(np.arange(120) < 24)
    y["scanner"] = np.arange(120) // 2 % 2
    with pytest.warns(
        UserWarning, match=r"no p-values for 'scanner' \(\d+ groups within"
    ):
        table = grouped.compare(A, y)
    assert table.loc["scanner", PVALUES].isna().all(axis=None)
    assert table.loc["scanner", "smd"].notna().all()
    assert table.loc["split", PVALUES].notna().all(axis=None)
    notes = table.attrs["comparisons"]["scanner"]["notes"]
    assert notes == ["96 rows without 'patient' are not used"]


def test_few_varying_groups_give_no_pvalue(grouped):
    A, y = make_data(1)
    number = np.arange(120)
    y["patient"] = np.where(number < 90, number // 30, number).astype(str)
    y["scanner"] = np.where(number < 90, y["scanner"], "A")
    with pytest.warns(UserWarning, match="varies within 3 groups only"):
        table = grouped.compare(A, y)
    assert table.loc["scanner", PVALUES].isna().all(axis=None)


def test_columns_that_cannot_be_compared_are_named(analysis):
    A, y = make_data(1)
    further = pd.DataFrame(
        {
            "image": np.arange(120),
            "country": "NL",
            "diagnosis": y["label"],
            "split": y["scanner"],
        }
    )
    with pytest.warns(UserWarning, match="left out") as caught:
        table = analysis.compare(A, y, further)
    (message,) = [str(warning.message) for warning in caught]
    assert "'image' (identifier-like" in message
    assert "'country' (constant" in message
    assert "'diagnosis' (it does not vary within any class" in message
    assert list(table.attrs["left_out"]) == [
        "column split",
        "image",
        "country",
        "diagnosis",
    ]
    assert set(table.index.get_level_values(0)) == {"split", "scanner", "age"}


def test_nothing_to_compare(analysis):
    A, y = make_data(1)
    with pytest.raises(ValueError, match="nothing can be compared: 'split'"):
        analysis.compare(A[:1], y["label"].to_frame().assign(scanner=0, age=0.0)[:1])


def edit(**changes):
    return lambda y: y.assign(**changes)


@pytest.mark.parametrize(
    ("change", "further", "message"),
    [
        (edit(label="dead"), None, "y: 120 of 120 labels are none of the classes"),
        (lambda y: y.drop(columns="scanner"), None, "metadata: there is no .*scanner"),
        (lambda y: y.drop(columns="label"), None, "target: there is no .*label"),
        (lambda y: y[:100], None, "y: 100 labels for 120 samples of A"),
        (lambda y: None, None, "requires y to be passed"),
        (edit(), pd.DataFrame({"a": [1, 2]}), "metadata: 2 rows for 120 samples"),
        (edit(), pd.DataFrame({"patient": range(120)}), None),
        (
            edit(),
            pd.DataFrame({"a": range(120)}, index=range(1, 121)),
            "indexes of y and metadata",
        ),
    ],
)
def test_bad_input(analysis, change, further, message):
    A, y = make_data(1)
    if message is None:
        further = further.assign(patient=np.tile(["a", "b"], 60))
        assert ("patient", 0) in analysis.compare(A, y, further).index
        return
    with pytest.raises(ValueError, match=message):
        analysis.compare(A, change(y), further)


def test_infinite_values_are_left_out(analysis):
    A, y = make_data(1)
    with pytest.warns(UserWarning, match="left out 'age' .holds 120 infinite values"):
        found = analysis.compare(A, y.assign(age=np.inf))
    assert "age" not in found.index.get_level_values(0)
    assert "scanner" in found.index.get_level_values(0)


def test_column_given_twice():
    A, y = make_data(0)
    y = y[["label", "scanner"]]
    estimator = IntegratedFeatureAnalysis(target="label", n_permutations=0).fit(A, y)
    with pytest.raises(ValueError, match=r"metadata: the columns \['scanner'\]"):
        estimator.compare(A, y, y[["scanner"]])


def test_other_number_of_features(analysis):
    A, y = make_data(1)
    with pytest.raises(ValueError, match=r"have 5 features, but .* fitted with 6"):
        analysis.compare(A[:, :5], y)
