"""Groups: rows of one patient are kept together, in folds as in permutations."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut

from sklearn_wsca import WeightSpaceCorrelation, performance_test, utilization_test
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.exchangeability import exchange_units
from tests.columns import make_folds
from tests.study_changes import CHANGES, Study, assert_same_results

D = 6
HEAD = np.random.default_rng(99).normal(size=(3, D))
BETWEEN, WITHIN = ["scanner", "age"], ["view", "pixels"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([2**53 + 1, 2**53 + 3, None], "float64"),
        ([2**53 + 1, 2**53 + 3, 7], "float64"),
        ([2**24 + 1, 2**24 + 3, 7], "float32"),
        ([2**53, 1, None], "Float64"),
    ],
)
def test_names_of_groups_that_may_have_been_rounded_are_refused(values, dtype):
    series = pd.Series(values, dtype=dtype, name="patient")
    expected = "groups: 'patient' holds floating-point numbers too large.*as text"
    with pytest.raises(ValueError, match=expected):
        Groups.of(series)
    exact = pd.Series(values, dtype="Int64", name="patient")
    assert Groups.of(exact).codes.max() == exact.nunique() - 1
    assert Groups.of(pd.Series([0.5, 2.0**50, np.nan])).codes.tolist() == [0, 1, -1]


@pytest.mark.parametrize(("values", "count"), [((None,), 0), ((np.nan,), 0), ("a", 1)])
@pytest.mark.parametrize("test", [utilization_test, performance_test])
def test_a_table_without_two_groups_is_refused_as_such(test, values, count):
    """Not with a word about the levels of the column, which has enough."""
    rng = np.random.default_rng(0)
    groups = np.array([*values] * 60, dtype=object)
    message = f"^groups: 'groups' holds {count} different values; at least 2 are needed"
    with pytest.raises(ValueError, match=message):
        test(
            rng.normal(size=60),
            rng.choice(["A", "B"], 60),
            target=rng.choice(["no", "yes"], 60),
            groups=groups,
        )


@pytest.mark.parametrize("make", ["text", "Int64", "object", "polars", "pyarrow"])
def test_patients_of_large_numbers_do_not_merge(make):
    rng = np.random.default_rng(0)
    n = 80
    ids = [2**53 + 1 + i // 2 for i in range(n)]
    ids[7] = None
    groups = {
        "text": lambda: pd.Series([None if i is None else str(i) for i in ids]),
        "Int64": lambda: pd.Series(ids, dtype="Int64"),
        "object": lambda: np.array(ids, dtype=object),
        "polars": lambda: pytest.importorskip("polars").Series("patient", ids),
        "pyarrow": lambda: pytest.importorskip("pyarrow").table({"patient": ids}),
    }[make]()
    codes, target = np.arange(n) % 3, np.arange(n) // 2 % 2
    column = np.array(["a", "b", "c"])[codes]
    outputs = rng.normal(3, 2, size=n) + codes
    options = {"target": target, "n_permutations": 39, "random_state": 0}
    found = utilization_test(outputs, column, groups=groups, **options)
    small = [None if i is None else i - 2**53 for i in ids]
    expected = utilization_test(outputs, column, groups=pd.Series(small), **options)
    assert found.n_units == expected.n_units
    assert (found.low, found.high) == (expected.low, expected.high)


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
        "check_head": False,
        "groups": "patient",
        "n_permutations": 19,
        "random_state": 3,
        # No warning about the floor of the p-values.
        "significance": 0.5,
    } | options
    with warnings.catch_warnings():
        if settings["groups"] is None:
            # That there are patients is meant to be overlooked.
            warnings.filterwarnings("ignore", "groups: .* rows share")
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


# --- missing groups and rare levels --------------------------------------------------


def test_rows_without_a_group_are_noted_and_not_used(study):
    X, table = study
    gaps = table.copy()
    gaps.loc[::7, "patient"] = None
    found = fit(X, gaps, n_permutations=0)
    for name in [*BETWEEN, *WITHIN]:
        assert found.summary_.loc[name, "n_samples"] == 240 - 35
        assert "35 rows without 'patient' are not used" in note_of(found, name)


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
    if options:
        # Folds of a refitted head hold other units: rows without a group are on their
        # own, but still have a target.
        drop += list(first.summary_.loc[:, "utilization":"verdict"])
        drop += [*first.summary_.filter(like="performance"), "consequence"]
        drop = list(dict.fromkeys(drop))
    pd.testing.assert_frame_equal(
        first.summary_.drop(columns=drop), second.summary_.drop(columns=drop)
    )
    assert np.unique(first.summary_[KINDS]).size > 3
    assert first.utilization_raw_.min() > 1e-3


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
    assert list(without.dropped_columns_) == ["patient"]


# --- the column that names the groups ------------------------------------------------


def test_groups_are_no_column_to_analyse_by_default(study, fitted):
    assert fitted.summary_.index.tolist() == [*BETWEEN, *WITHIN]
    without = fit(*study, groups=None, n_permutations=0)
    assert "patient" in without.summary_.index


# --- few patients --------------------------------------------------------------------


def test_fewer_than_20_patients_are_untestable():
    X, table = make_patients(0, n_patients=19)
    found = fit(X, table, columns=BETWEEN)
    assert (found.verdicts_ == "untestable").all()
    for name in BETWEEN:
        assert note_of(found, name).startswith(
            "untestable: 19 groups can be exchanged within levels of the target, and "
            "at least 20 are needed"
        )
    assert found.utilization_.isna().all()
    assert found.encoding_pvalues_.notna().all()


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


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_groups_keep_the_level(null_pvalues, kind):
    assert rejections(null_pvalues[kind]) <= most_by_chance(len(null_pvalues))
    assert null_pvalues[kind].nunique() > 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_permuted_rows_give_false_alarms(naive_pvalues, kind):
    assert rejections(naive_pvalues[kind]) > 0.25


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["encoding_pvalue", "utilization_pvalue"])
def test_groups_leave_power(moved_pvalues, kind):
    assert rejections(moved_pvalues[kind]) > 0.6


@pytest.mark.slow
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


VARIANTS = {
    "constant target": HEAD[:1],
    "varying target": HEAD[:1],
    "three classes": HEAD,
    "refitted head": None,
}


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    """A study whose target is constant within patients, or varies; fitted."""
    (X, table), rng = make_patients(1, moved=0.1), np.random.default_rng(100)
    if request.param == "varying target":
        table["disease"] = rng.choice(["healthy", "ill"], len(table))
    if request.param == "three classes":
        table["disease"] = rng.choice(["a", "b", "c"], 24).repeat(10)
    options = {"target": "disease", "groups": "patient"}
    study = Study(X, table, VARIANTS[request.param], options)
    return study, fit_study(study)


def fit_study(study):
    return fit(study.X, study.table, target_head=study.head, **study.options)


@pytest.mark.parametrize(
    "name",
    [
        *("row order", "column order", "group names", "class names in another order"),
        *("another unit", "rotation", "one vector in all rows of the head"),
        "two workers",
    ],
)
def test_nothing_changes_with(variant, name):
    study, base = variant
    other = fit_study(CHANGES[name].of(study, np.random.default_rng(0)))
    assert_same_results(base, other, CHANGES[name].tolerance)
    raw = base.utilization_raw_
    np.testing.assert_allclose(other.utilization_raw_[raw.index], raw, rtol=1e-9)
    assert np.unique(base.summary_[KINDS]).size > 3
    assert raw.min() > 1e-3
    if name == "two workers":
        pd.testing.assert_frame_equal(other.erasure_, base.erasure_)
        pd.testing.assert_series_equal(other.reliability_, base.reliability_)


# --- weights -------------------------------------------------------------------------


def test_rows_of_weight_zero_are_absent(study):
    X, table = study
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    used = weight > 0
    assert 0 < used.sum() < len(X)
    pd.testing.assert_frame_equal(
        fit(X, table, weight).summary_, fit(X[used], table[used], weight[used]).summary_
    )


@pytest.mark.parametrize("seed", range(2))
def test_weight_two_is_a_repeated_image(seed):
    X, table = make_patients(seed, moved=0.5)
    times = np.random.default_rng(seed).integers(1, 3, len(X))
    repeated = np.repeat(np.arange(len(X)), times)
    weighted = fit(X, table, times.astype(float), n_permutations=0)
    longer = fit(X[repeated], table.iloc[repeated], n_permutations=0)
    np.testing.assert_allclose(
        weighted.alignment_scores_, longer.alignment_scores_, atol=1e-6
    )
    # What an image adds to its patient is told from the number of rows.
    np.testing.assert_allclose(
        weighted.utilization_raw_, longer.utilization_raw_, atol=0.02
    )
    unweighted = fit(X, table, n_permutations=0)
    change = (weighted.utilization_raw_ - unweighted.utilization_raw_).abs()
    assert change.max() > 1e-3


def test_five_patients_are_enough_for_a_number_that_varies_within():
    X, table = make_patients(0, n_patients=5, images=40)
    fitted = fit(X, table, columns=["pixels"])
    assert fitted.verdicts_["pixels"] != "untestable"
    assert np.isfinite(fitted.encoding_scores_["pixels"])
