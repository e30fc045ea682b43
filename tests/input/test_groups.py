"""Groups: rows of one patient are kept together, in folds as in permutations."""

from __future__ import annotations

from math import comb, factorial, log10, prod

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut

from sklearn_wsca import WeightSpaceCorrelation, utilization_test
from sklearn_wsca._encoding.folds import make_folds
from sklearn_wsca._input.column import read_column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.exchangeability import exchange_units

D = 6
HEAD = np.random.default_rng(99).normal(size=(3, D))
BETWEEN, WITHIN = ["scanner", "age"], ["view", "pixels"]


def make_patients(seed, n_patients=24, images=10, *, moved=0.0):
    """Patients who differ along the first row of the head, and columns of every kind.

    Scanner and age are constant within patients, view and pixels are not. `moved` is
    how strongly all of them move the embeddings along that row too.
    """
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), images)
    half = np.arange(n_patients) % 2
    disease, scanner = rng.permutation(half)[patient], rng.permutation(half)[patient]
    age = rng.normal(size=n_patients)[patient]
    view = rng.integers(0, 2, len(patient))
    pixels = rng.normal(size=len(patient))
    own = 2.0 * rng.normal(size=n_patients)[patient]
    shift = own + moved * (2.0 * scanner + age + view + 0.5 * pixels)
    X = np.outer(shift, HEAD[0] / np.linalg.norm(HEAD[0]))
    X += rng.normal(size=(len(patient), D))
    table = pd.DataFrame(
        {
            "patient": np.char.add("patient ", patient.astype(str)),
            "disease": np.array(["healthy", "ill"])[disease],
            "scanner": np.array(["S", "T"])[scanner],
            "age": 60.0 + 9.0 * age,
            "view": np.array(["left", "right"])[view],
            "pixels": 0.1 + 0.02 * pixels,
        }
    )
    return X, table


def fit(X, table, weight=None, **options):
    settings = {
        "target": "disease",
        "target_head": HEAD[:1],
        "groups": "patient",
        "n_permutations": 19,
        "random_state": 3,
        # No warning about the floor of the p-values.
        "significance": 0.5,
    } | options
    return WeightSpaceCorrelation(**settings).fit(X, table, sample_weight=weight)


def note_of(fitted, name):
    return fitted.summary_.loc[name, "note"]


@pytest.fixture(scope="module")
def study():
    return make_patients(0)


@pytest.fixture(scope="module")
def fitted(study):
    return fit(*study)


# --- folds ---------------------------------------------------------------------------


def folds_of(table, name, n_folds, seed, groups="patient"):
    column = read_column(table[name])
    units = None if groups is None else Groups.of(table[groups])
    return make_folds(column, exchange_units(column, units), n_folds, seed)


@pytest.mark.parametrize("n_folds", [2, 5])
@pytest.mark.parametrize("name", [*BETWEEN, *WITHIN])
@pytest.mark.parametrize("seed", range(3))
def test_folds_never_split_a_group(name, seed, n_folds):
    table = make_patients(seed)[1].sample(frac=0.8, random_state=seed)
    folds = folds_of(table.reset_index(drop=True), name, n_folds, seed)
    by_patient = pd.Series(folds.fold).groupby(table["patient"].to_numpy())
    assert (by_patient.nunique() == 1).all()
    assert folds.n_folds == n_folds
    assert folds.note == ""
    sizes = by_patient.first().value_counts()
    assert sizes.max() <= 2 * sizes.min() + 1


@pytest.mark.parametrize("name", [*BETWEEN, *WITHIN])
def test_without_groups_folds_do_split_patients(name):
    table = make_patients(0)[1]
    fold = pd.Series(folds_of(table, name, 5, 0, groups=None).fold)
    assert (fold.groupby(table["patient"]).nunique() > 1).all()


@pytest.mark.parametrize("n_folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_folds_are_stratified_by_units_not_by_rows(seed, n_folds):
    """Patients with many images do not fill a fold alone."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 30, 25)
    patient = np.repeat(np.arange(25), images)
    scanner = np.where(np.arange(25) < 10, "S", "T")
    table = pd.DataFrame({"patient": patient, "scanner": scanner[patient]})
    fold = folds_of(table, "scanner", n_folds, seed).fold
    per_unit = pd.Series(fold).groupby(patient).first()
    counts = pd.crosstab(scanner, per_unit.to_numpy())
    assert counts.shape == (2, n_folds)
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_training_rows_hold_all_levels_of_a_column_that_varies_within(seed):
    table = make_patients(seed)[1]
    patients = table["patient"].unique()
    rare = table["patient"].isin(patients[:3]) & (table.index % 3 == 0)
    table.loc[rare, "view"] = "from above"
    fold = folds_of(table, "view", 5, seed).fold
    for number in range(5):
        assert table["view"][fold != number].nunique() == 3


def test_fewer_folds_where_a_level_has_few_patients():
    X, table = make_patients(0, n_patients=8, images=6)
    found = fit(X, table, columns=["scanner", "view"], n_permutations=0, cv=10)
    assert "4 instead of 10 folds" in note_of(found, "scanner")
    assert "8 instead of 10 folds: there are 8 groups" in note_of(found, "view")


@pytest.mark.parametrize("name", ["scanner", "age"])
def test_skill_is_not_that_of_recognising_patients(name):
    """The column is random, but patients can be told apart by their embeddings."""
    with_groups, without = [], []
    for seed in range(5):
        X, table = make_patients(seed, n_patients=12)
        own = np.random.default_rng(seed + 100).normal(scale=5.0, size=(12, 10))
        X = np.hstack([X, np.repeat(own, 10, axis=0)])
        head = np.ones((1, X.shape[1]))
        options = {"columns": [name], "target_head": head, "n_permutations": 0}
        with_groups.append(fit(X, table, **options).encoding_scores_[name])
        without.append(fit(X, table, groups=None, **options).encoding_scores_[name])
    assert np.median(with_groups) < 0
    assert np.min(without) > 0.5


SPLITTERS = {
    "GroupKFold": lambda table: GroupKFold(4),
    "LeaveOneGroupOut": lambda table: LeaveOneGroupOut(),
    "list": lambda table: list(GroupKFold(4).split(table, None, table["patient"])),
}


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("gap", [False, True])
def test_splitters_of_groups(study, splitter, gap):
    X, table = study
    cv = SPLITTERS[splitter](table)
    if gap:
        table = table.copy()
        table.loc[:9, "patient"] = None
    found = fit(X, table, cv=cv, n_permutations=0)
    assert found.encoding_scores_.notna().all()


def test_splitters_are_given_the_groups(study):
    """In the order of the input, which is not that of the analysis."""
    X, table = study
    # Folds of GroupKFold follow from the sizes of the groups where these differ.
    patient = np.repeat(np.arange(20), np.arange(20) + 2)
    order = np.random.default_rng(0).permutation(len(patient))
    X, table = X[order], table.iloc[order].assign(patient=patient[order])
    splits = list(GroupKFold(3).split(X, None, table["patient"]))
    options = {"columns": ["view", "pixels"], "n_permutations": 0}
    by_list = fit(X, table, cv=splits, **options)
    by_splitter = fit(X, table, cv=GroupKFold(3), **options)
    pd.testing.assert_series_equal(
        by_list.encoding_scores_, by_splitter.encoding_scores_
    )


@pytest.mark.parametrize("name", ["scanner", "view"])
def test_splits_that_tear_a_group_apart_raise(study, name):
    X, table = study
    splits = list(KFold(5, shuffle=True, random_state=0).split(X))
    message = (
        "cv: a group is in the training and in the test rows of a fold.*pass a "
        "number of folds, or a splitter such as GroupKFold"
    )
    with pytest.raises(ValueError, match=message):
        fit(X, table, columns=[name], cv=splits)
    fit(X, table, columns=[name], cv=splits, groups=None, n_permutations=0)


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored by KFold")
def test_kfold_that_tears_a_group_apart_raises(study):
    X, table = study
    cv = KFold(5, shuffle=True, random_state=0)
    with pytest.raises(ValueError, match="cv: a group is in the training and in the"):
        fit(X, table, cv=cv)
    # Without a permutation it splits the sorted patients of equal size between folds
    # only.
    X, table = make_patients(0, n_patients=25)
    fit(X, table, cv=KFold(5), n_permutations=0)


# --- missing groups and rare levels --------------------------------------------------


def test_rows_without_a_group_are_noted_and_not_used(study):
    X, table = study
    gaps = table.copy()
    gaps.loc[::7, "patient"] = None
    found = fit(X, gaps, n_permutations=0)
    for name in [*BETWEEN, *WITHIN]:
        assert found.summary_.loc[name, "n_samples"] == 240 - 35
        assert "35 rows without 'patient' are not used" in note_of(found, name)


def test_no_note_where_every_row_has_a_group(fitted):
    assert not fitted.summary_["note"].str.contains("without 'patient'").any()


@pytest.mark.parametrize("options", [{}, {"target_head": None}], ids=["head", "refit"])
def test_rows_without_a_group_are_as_rows_without_a_value(study, options):
    """Whole patients, so that each of the others keeps its place in permutations."""
    X, table = study
    lost = table["patient"].isin(table["patient"].unique()[[2, 11, 17]])
    no_group, no_value = table.copy(), table.copy()
    no_group.loc[lost, "patient"] = None
    columns = [*BETWEEN, *WITHIN]
    no_value[columns] = no_value[columns].mask(lost)
    first, second = fit(X, no_group, **options), fit(X, no_value, **options)
    drop = ["note"]
    pd.testing.assert_frame_equal(
        first.summary_.drop(columns=drop), second.summary_.drop(columns=drop)
    )
    assert np.unique(first.summary_[KINDS]).size > 3
    assert first.utilization_raw_.min() > 1e-3


def test_levels_in_too_few_groups_are_not_used(study):
    X, table = study
    patients = table["patient"].unique()
    table = table.copy()
    table.loc[table["patient"].isin(patients[:2]), "scanner"] = "U"
    table.loc[[0, 1, 2, 3, 11, 12, 13], "view"] = "from above"
    found = fit(X, table, columns=["scanner", "view"], n_permutations=0)
    message = "levels in fewer than 3 different 'patient' are not used: {!r}"
    assert message.format("U") in note_of(found, "scanner")
    assert message.format("from above") in note_of(found, "view")
    assert found.summary_["n_levels"].tolist() == [2, 2]
    assert found.summary_["n_samples"].tolist() == [220, 233]
    assert found.heads_["view"].classes == ("left", "right")
    # By rows alone there are enough of each.
    rows = fit(X, table, columns=["scanner", "view"], n_permutations=0, groups=None)
    assert rows.summary_["n_levels"].tolist() == [3, 3]


def test_columns_of_too_few_groups_are_left_out(study):
    X, table = study
    patients = table["patient"].unique()
    first_two = table["patient"].isin(patients[:2])
    table = table.assign(
        device=np.where(first_two, "a", "b"),
        weight=np.where(first_two, table["pixels"], np.nan),
    )
    found = fit(X, table, n_permutations=0)
    assert found.dropped_columns_ == {
        "device": "fewer than 2 of its 2 levels occur in 3 or more different 'patient'",
        "weight": "observed in 2 different 'patient' only",
    }
    assert found.verdicts_[["device", "weight"]].tolist() == ["untestable"] * 2
    without = fit(X, table, n_permutations=0, groups=None)
    assert without.dropped_columns_ == {}


# --- the column that names the groups ------------------------------------------------


def test_groups_are_no_column_to_analyse_by_default(study, fitted):
    assert fitted.summary_.index.tolist() == [*BETWEEN, *WITHIN]
    without = fit(*study, groups=None, n_permutations=0)
    assert "patient" in without.summary_.index


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["scanner", "patient"]}, "columns: 'patient' is among them; it"),
        ({"target": "patient", "columns": ["age"]}, "groups: 'patient' is target too"),
        ({"confounders": ["age", "patient"]}, "'patient' is a confounder too"),
        ({"groups": "patients"}, r"groups: there is no column 'patients'.*'patient'\?"),
        ({"groups": "hospital"}, "groups: 'hospital' holds 1 different values; at lea"),
        ({"groups": "unknown"}, "groups: 'unknown' holds 0 different values; at least"),
    ],
)
def test_groups_that_cannot_be_used(study, options, message):
    X, table = study
    table = table.assign(hospital="north", unknown=None)
    with pytest.raises(ValueError, match=message):
        fit(X, table, **options)


@pytest.mark.parametrize("names", ["numbers", "dates", "categories"])
def test_groups_of_any_type(study, fitted, names):
    X, table = study
    codes = pd.factorize(table["patient"])[0]
    values = {
        "numbers": codes / 8 - 1.0,
        "dates": pd.Timestamp("2020-01-31") + pd.to_timedelta(codes, "D"),
        "categories": pd.Categorical(codes, np.arange(-3, 40)),
    }
    found = fit(X, table.assign(patient=values[names]))
    pd.testing.assert_frame_equal(found.summary_, fitted.summary_)


# --- the scheme in words -------------------------------------------------------------


def words(scheme, n_units, count):
    return (
        f"utilization: {scheme} permuted, {n_units} units, {count} distinct "
        "permutations"
    )


def test_scheme_of_a_column_that_is_constant_within_groups(study, fitted):
    table = study[1].drop_duplicates("patient")
    cells = pd.crosstab(table["disease"], table["scanner"]).to_numpy()
    count = prod(comb(int(row.sum()), int(row[0])) for row in cells)
    scheme = "groups within levels of the target"
    assert words(scheme, 24, count) in note_of(fitted, "scanner")
    count = 2 * log10(factorial(12))
    assert words(scheme, 24, f"1e{count:.0f}") in note_of(fitted, "age")


def test_scheme_of_a_column_that_varies_within_groups(study, fitted):
    cells = pd.crosstab(study[1]["patient"], study[1]["view"]).to_numpy()
    count = sum(log10(comb(10, int(row[0]))) for row in cells)
    scheme = "rows within groups within levels of the target"
    assert words(scheme, 240, f"1e{count:.0f}") in note_of(fitted, "view")


def test_patients_in_whom_a_column_does_not_vary_are_no_units(study):
    X, table = study
    constant = table["patient"].isin(table["patient"].unique()[:4])
    table = table.assign(view=table["view"].mask(constant, "left"))
    found = fit(X, table, columns=["view"])
    assert "permuted, 200 units" in note_of(found, "view")


def test_scheme_where_the_target_varies_within_groups(study):
    X, table = study
    rng = np.random.default_rng(0)
    table = table.assign(disease=rng.choice(["healthy", "ill"], len(table)))
    found = fit(X, table, columns=["scanner", "view"])
    scheme = "residuals (Freedman-Lane) of {}"
    for name, what in [("scanner", "groups"), ("view", "rows within groups")]:
        assert f"utilization: {scheme.format(what)} permuted" in note_of(found, name)


def test_scheme_without_groups(study):
    found = fit(*study, groups=None, columns=["scanner"])
    scheme = "rows within levels of the target"
    assert f"utilization: {scheme} permuted, 240 units" in note_of(found, "scanner")


# --- few patients --------------------------------------------------------------------


@pytest.mark.parametrize("n_patients", [12, 19])
def test_fewer_than_20_patients_are_untestable(n_patients):
    X, table = make_patients(0, n_patients=n_patients)
    found = fit(X, table, columns=BETWEEN)
    assert (found.verdicts_ == "untestable").all()
    for name in BETWEEN:
        assert note_of(found, name).startswith(
            f"untestable: {n_patients} groups can be exchanged within levels of the "
            "target, and at least 20 are needed"
        )
    assert found.utilization_.isna().all()
    assert found.encoding_pvalues_.notna().all()


def test_20_patients_are_enough():
    X, table = make_patients(0, n_patients=20)
    assert "untestable" not in set(fit(X, table, columns=BETWEEN).verdicts_)


def test_images_of_few_patients_are_enough_for_what_varies_within():
    X, table = make_patients(0, n_patients=8)
    found = fit(X, table, columns=["scanner", "view"])
    assert found.verdicts_["scanner"] == "untestable"
    assert found.verdicts_["view"] != "untestable"


def test_a_column_that_varies_within_few_groups_is_untestable(study):
    """As by a typing error: its patients are neither exchanged nor many."""
    X, table = study
    table = table.copy()
    table.loc[[0, 10], "scanner"] = table.loc[[0, 10], "scanner"].map(
        {"S": "T", "T": "S"}
    )
    found = fit(X, table, columns=["scanner"])
    assert found.verdicts_["scanner"] == "untestable"
    assert "varies within 2 groups only, and at least 5" in note_of(found, "scanner")


# --- size and power ------------------------------------------------------------------

KINDS = ["encoding_pvalue", "alignment_pvalue", "utilization_pvalue"]
SEEDS = range(16)


def collect_pvalues(moved=0.0, groups="patient"):
    """p-values of two columns of patients, over seeds."""
    found = []
    for seed in SEEDS:
        X, table = make_patients(seed, moved=moved)
        options = {"columns": BETWEEN, "random_state": seed}
        found.append(fit(X, table, groups=groups, **options).summary_[KINDS])
    return pd.concat(found)


def rejections(pvalues):
    return (pvalues <= 0.05).mean()


def most_by_chance(n):
    """Share of p-values at 5 % that is exceeded once in 2000 calibrated samples."""
    return stats.binom.isf(5e-4, n, 0.05) / n


@pytest.fixture(scope="module")
def null_pvalues():
    return collect_pvalues()


@pytest.fixture(scope="module")
def naive_pvalues():
    return collect_pvalues(groups=None)


@pytest.fixture(scope="module")
def moved_pvalues():
    return collect_pvalues(moved=3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_keep_the_level(null_pvalues, kind):
    assert rejections(null_pvalues[kind]) <= most_by_chance(len(null_pvalues))
    assert null_pvalues[kind].nunique() > 5


@pytest.mark.parametrize("kind", KINDS)
def test_permuted_rows_give_false_alarms(naive_pvalues, kind):
    assert rejections(naive_pvalues[kind]) > 0.25


@pytest.mark.parametrize("kind", ["encoding_pvalue", "utilization_pvalue"])
def test_groups_leave_power(moved_pvalues, kind):
    assert rejections(moved_pvalues[kind]) > 0.6


def test_level_where_the_target_varies_within_groups():
    """Then residuals are permuted."""
    found = []
    for seed in range(24):
        X, table = make_patients(seed)
        rng = np.random.default_rng(seed + 100)
        results = utilization_test(
            X @ HEAD[0],
            table[[*BETWEEN, *WITHIN]],
            target=rng.choice(["healthy", "ill"], len(table)),
            groups=table["patient"],
            n_permutations=19,
            significance=0.5,
            random_state=seed,
        )
        found += [result.pvalue for result in results.values()]
        assert all("Freedman-Lane" in result.scheme for result in results.values())
        # What permutations give by chance is small, in every sample.
        assert max(np.mean(r.null_distribution**2) for r in results.values()) < 0.2
    assert rejections(np.array(found)) <= most_by_chance(len(found))


# --- what must not change the results ------------------------------------------------


def assert_same(first, second, tolerance=1e-6):
    """p-values and verdicts are equal, utilization too but for rounding."""
    second_table = second.summary_.loc[first.summary_.index]
    assert first.verdicts_.tolist() == second_table["verdict"].tolist()
    for kind in [*KINDS, "alignment_pvalue_fwer", "utilization_qvalue"]:
        assert first.summary_[kind].tolist() == second_table[kind].tolist()
    for name in ["utilization", "utilization_low", "utilization_high"]:
        np.testing.assert_allclose(
            second_table[name], first.summary_[name], rtol=1e-9, atol=1e-9
        )
    np.testing.assert_allclose(
        second.utilization_raw_[first.utilization_raw_.index],
        first.utilization_raw_,
        rtol=1e-9,
    )
    for name in ["encoding_score", "alignment_score"]:
        np.testing.assert_allclose(
            second_table[name], first.summary_[name], atol=tolerance
        )
    assert np.unique(first.summary_[KINDS]).size > 3
    assert first.utilization_raw_.min() > 1e-3


@pytest.fixture(scope="module", params=["constant", "varying"])
def variant(request):
    """A study whose target is constant within patients, or varies; fitted."""
    X, table = make_patients(1, moved=0.1)
    if request.param == "varying":
        rng = np.random.default_rng(100)
        table["disease"] = rng.choice(["healthy", "ill"], len(table))
    return X, table, fit(X, table)


@pytest.mark.parametrize("seed", range(2))
def test_order_of_the_rows(variant, seed):
    X, table, base = variant
    order = np.random.default_rng(seed).permutation(len(X))
    assert_same(base, fit(X[order], table.iloc[order]))


def test_names_of_the_groups(variant):
    X, table, base = variant
    patients = table["patient"].unique()
    names = np.random.default_rng(0).permutation(1000)[: len(patients)]
    new = table["patient"].map(dict(zip(patients, names, strict=True)))
    assert_same(base, fit(X, table.assign(patient=new)))


def test_order_of_the_columns(variant):
    X, table, base = variant
    other = fit(X, table[table.columns[::-1]])
    assert other.summary_.index.tolist() == base.summary_.index.tolist()[::-1]
    assert_same(base, other)


def test_names_of_the_levels(variant):
    X, table, base = variant
    new = {
        "disease": {"healthy": "no", "ill": "a yes"},
        "scanner": {"S": "Z", "T": "A"},
        "view": {"left": "3", "right": "1"},
    }
    # The single row of the head is that of the second class, which is now the other.
    assert_same(base, fit(X, table.replace(new), target_head=-HEAD[:1]))


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_unit_of_the_embeddings(variant, unit):
    X, table, base = variant
    assert_same(base, fit(X * unit, table, target_head=HEAD[:1] / unit))


def test_rotation_of_the_embeddings(variant):
    X, table, base = variant
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    assert_same(base, fit(X @ turn, table, target_head=HEAD[:1] @ turn))


def test_vector_added_to_all_rows_of_a_softmax_head(variant):
    X, table, _ = variant
    rng = np.random.default_rng(4)
    table = table.assign(disease=rng.choice(["a", "b", "c"], 24).repeat(10))
    base = fit(X, table, target_head=HEAD)
    other = fit(X, table, target_head=HEAD + rng.normal(size=D))
    assert_same(base, other)


def test_refitted_primary_head_and_order_of_rows(variant):
    X, table, _ = variant
    order = np.random.default_rng(0).permutation(len(X))
    base = fit(X, table, target_head=None)
    other = fit(X[order], table.iloc[order], target_head=None)
    assert_same(base, other)


def test_number_of_jobs(variant):
    X, table, base = variant
    other = fit(X, table, n_jobs=2)
    pd.testing.assert_frame_equal(other.summary_, base.summary_)
    pd.testing.assert_frame_equal(other.erasure_, base.erasure_)
    pd.testing.assert_series_equal(other.reliability_, base.reliability_)


# --- weights -------------------------------------------------------------------------


def test_rows_of_weight_zero_are_absent(study):
    X, table = study
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    used = weight > 0
    assert 0 < used.sum() < len(X)
    pd.testing.assert_frame_equal(
        fit(X, table, weight).summary_,
        fit(X[used], table[used], weight[used]).summary_,
    )


@pytest.mark.parametrize("seed", range(2))
def test_weight_two_is_a_repeated_image(seed):
    X, table = make_patients(seed, moved=0.5)
    times = np.random.default_rng(seed).integers(1, 3, len(X))
    repeated = np.repeat(np.arange(len(X)), times)
    weighted = fit(X, table, times.astype(float), n_permutations=0)
    longer = fit(X[repeated], table.iloc[repeated], n_permutations=0)
    for attribute in ["utilization_raw_", "alignment_scores_"]:
        np.testing.assert_allclose(
            getattr(weighted, attribute), getattr(longer, attribute), atol=1e-6
        )
    shift = "probability_shift"
    np.testing.assert_allclose(weighted.summary_[shift], longer.summary_[shift])
    unweighted = fit(X, table, n_permutations=0)
    change = (weighted.utilization_raw_ - unweighted.utilization_raw_).abs()
    assert change.max() > 1e-3


def test_five_patients_are_enough_for_a_number_that_varies_within():
    X, table = make_patients(0, n_patients=5, images=40)
    fitted = fit(X, table, columns=["pixels"])
    assert fitted.verdicts_["pixels"] != "untestable"
    assert np.isfinite(fitted.encoding_scores_["pixels"])
