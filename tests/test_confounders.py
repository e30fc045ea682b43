"""Confounders: held fixed in utilization, and balanced by weights in alignment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation, utilization_test
from tests.reference import (
    aggregate,
    align,
    balancing_weights,
    cells_of,
    fit_head,
    in_unit_of_embeddings,
    principal_directions,
)

D = 6
HOSPITALS = np.array(["north", "south", "west"])


def make_study(seed, n=240, *, kind="levels", direct=0.0):
    """The outputs move with the hospital (or the dose), and the scanner follows it.

    The head reads feature 0, which disease and confounder move, and the scanner moves
    feature 1 and, by `direct`, feature 0 too.
    """
    rng = np.random.default_rng(seed)
    disease = rng.integers(0, 2, n)
    hospital, dose = rng.integers(0, 3, n), rng.normal(size=n)
    cause = 1.5 * (hospital == 1) if kind == "levels" else dose
    follows = (hospital == 1) if kind == "levels" else dose > 0
    scanner = np.where(rng.random(n) < 0.75, follows, rng.random(n) < 0.5).astype(int)
    X = rng.normal(size=(n, D))
    X[:, 0] += disease + cause + direct * scanner
    X[:, 1] += 2.0 * scanner
    table = pd.DataFrame(
        {
            "disease": np.array(["healthy", "ill"])[disease],
            "hospital": HOSPITALS[hospital],
            "dose": dose,
            "scanner": np.array(["S", "T"])[scanner],
        }
    )
    return X, table


HEAD = np.eye(1, D)


def fit(X, table, confounders=None, weight=None, **options):
    settings = {
        "target": "disease",
        "target_head": HEAD,
        "columns": ["scanner"],
        "n_permutations": 19,
        "random_state": 1,
    } | options
    model = WeightSpaceCorrelation(confounders=confounders, **settings)
    return model.fit(X, table, sample_weight=weight)


def note_of(fitted, name="scanner"):
    return fitted.summary_.loc[name, "note"]


@pytest.fixture(scope="module")
def study():
    return make_study(0)


# --- utilization ---------------------------------------------------------------------

SEEDS = range(6)
CONFOUNDER = {"levels": "hospital", "numbers": "dose"}


@pytest.fixture(scope="module", params=["levels", "numbers"])
def indirect(request):
    """Analyses without and with the confounder through which the scanner acts."""
    name = CONFOUNDER[request.param]
    studies = [make_study(seed, kind=request.param) for seed in SEEDS]
    return [fit(*s) for s in studies], [fit(*s, [name]) for s in studies]


def used(fits, name="scanner"):
    return sum(fitted.verdicts_[name] == "used" for fitted in fits)


def test_a_column_that_acts_through_a_confounder_is_used_without_it(indirect):
    without, _ = indirect
    assert used(without) == len(without)
    assert min(fitted.utilization_["scanner"] for fitted in without) > 0.1


def test_and_not_with_it(indirect):
    _, with_it = indirect
    # One column at 5 % in six samples.
    rejected = [fitted.utilization_pvalues_["scanner"] <= 0.05 for fitted in with_it]
    assert sum(rejected) <= 1
    assert used(with_it) <= 1
    assert np.median([fitted.utilization_["scanner"] for fitted in with_it]) < 0.06
    for fitted in with_it:
        (held,) = fitted.confounders
        assert f"at fixed 'disease' and {held!r} the outputs move" in note_of(fitted)


@pytest.mark.parametrize("kind", CONFOUNDER)
def test_a_use_of_its_own_is_found_beside_the_confounder(kind):
    studies = [make_study(seed, kind=kind, direct=1.0) for seed in SEEDS]
    with_it = [fit(*s, [CONFOUNDER[kind]]) for s in studies]
    assert used(with_it) >= len(with_it) - 1


def test_a_confounder_that_has_nothing_to_do_with_it_changes_little(study):
    X, table = study
    other = np.random.default_rng(5).choice(["a", "b"], len(X))
    table = table.assign(other=other)
    without, beside = fit(X, table), fit(X, table, ["other"])
    assert beside.verdicts_["scanner"] == "used"
    assert beside.utilization_raw_["scanner"] == pytest.approx(
        without.utilization_raw_["scanner"], rel=0.1
    )


def test_permutations_that_hold_confounders_are_of_residuals(study):
    assert "utilization: rows within levels of the target" in note_of(fit(*study))
    found = note_of(fit(*study, ["hospital"]))
    assert "utilization: residuals (Freedman-Lane) of rows" in found


def test_it_is_the_effect_of_a_linear_model(study):
    """Contrast of the scanner beside target, hospital and dose, by least squares."""
    X, table = study
    found = fit(X, table, ["hospital", "dose"], n_permutations=0)
    terms = pd.get_dummies(table[["disease", "hospital", "scanner"]], dtype=float)
    terms = terms.drop(columns=["disease_ill", "hospital_west", "scanner_S"])
    terms = terms.assign(dose=table["dose"], one=1.0)
    coef = np.linalg.lstsq(terms.to_numpy(), X[:, 0], rcond=None)[0]
    (difference,) = coef[terms.columns == "scanner_T"]
    common = abs(difference) / 2 / X[:, 0].std()
    # Effects that differ between the classes of the target come on top.
    raw = found.utilization_raw_["scanner"]
    assert common <= raw <= 1.3 * common + 0.1
    result = utilization_test(
        X[:, 0],
        table["scanner"],
        target=table["disease"],
        confounders=table[["hospital", "dose"]],
        n_permutations=0,
    )
    assert result.raw == pytest.approx(raw)


@pytest.mark.parametrize("order", [["hospital", "dose"], ["dose", "hospital"]])
def test_order_of_the_confounders(study, order):
    base = fit(*study, ["hospital", "dose"]).summary_
    other = fit(*study, order).summary_
    numbers = base.columns[3:17]
    pd.testing.assert_frame_equal(other[numbers], base[numbers], rtol=1e-9)


# --- a column that is itself a confounder --------------------------------------------


def test_confounders_are_columns_to_analyse_by_default(study):
    found = fit(*study, ["hospital"], columns=None, n_permutations=0)
    assert found.summary_.index.tolist() == ["hospital", "dose", "scanner"]


def test_a_confounder_is_tested_with_the_others_held(study):
    X, table = study
    columns = {"columns": ["hospital", "dose"]}
    both = fit(X, table, ["hospital", "dose"], n_permutations=0, **columns)
    for name, other in [("hospital", "dose"), ("dose", "hospital")]:
        alone = fit(X, table, [other], columns=[name], n_permutations=0)
        pd.testing.assert_series_equal(
            both.utilization_raw_[[name]], alone.utilization_raw_[[name]]
        )
        pd.testing.assert_frame_equal(
            both.utilization_ci_.loc[[name]], alone.utilization_ci_.loc[[name]]
        )
    assert both.utilization_raw_["hospital"] > 0.3


def test_a_single_confounder_is_tested_at_fixed_target_only(study):
    X, table = study
    itself = fit(X, table, ["hospital"], columns=["hospital"])
    without = fit(X, table, columns=["hospital"])
    assert itself.utilization_.equals(without.utilization_)
    assert itself.utilization_pvalues_.equals(without.utilization_pvalues_)
    assert itself.verdicts_["hospital"] == "used"
    assert "balanced" not in note_of(itself, "hospital")
    assert itself.alignment_scores_.equals(without.alignment_scores_)


# --- alignment -----------------------------------------------------------------------


def balanced_size(weights):
    return weights.sum() ** 2 / np.sum(weights**2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["hospital", "dose"])
def test_alignment_is_that_of_a_head_under_balancing_weights(study, name, weighted):
    X, table = study
    base = np.random.default_rng(0).uniform(0.5, 2.0, len(X)) if weighted else None
    found = fit(X, table, [name], base, n_permutations=0)
    base = np.ones(len(X)) if base is None else base
    kind = "continuous" if name == "dose" else "categorical"
    scanner = (table["scanner"] == "T").to_numpy()
    strata = cells_of(table[name].to_numpy(), kind)
    weights = balancing_weights(scanner.astype(int), strata, base)
    principal = principal_directions(X, base)
    T = principal.coordinates(X)
    coef, intercept = fit_head(T, scanner, "logistic", weights=weights)
    coef, _ = in_unit_of_embeddings(principal, coef, intercept)
    expected = aggregate(align(HEAD, coef, principal, "weight"), "rms")
    assert found.alignment_scores_["scanner"] == pytest.approx(expected, abs=1e-6)
    plain = fit(X, table, None, base, n_permutations=0)
    assert abs(plain.alignment_scores_["scanner"] - expected) > 1e-3
    assert (
        f"head balanced against {name}: effective sample size "
        f"{balanced_size(weights):.0f} of 240 rows, largest weight "
        f"{weights.max() / weights.mean():.1f} times the mean"
    ) in note_of(found)
    assert "balanced" not in note_of(plain)


def test_balancing_removes_an_alignment_that_the_confounder_makes():
    """Both the primary head and, by its hospital, the scanner read feature 0."""
    options = {"n_permutations": 0}
    plain = [fit(*make_study(seed, n=400), **options) for seed in SEEDS]
    balanced = [
        fit(*make_study(seed, n=400), ["hospital"], **options) for seed in SEEDS
    ]
    before = np.array([fitted.alignment_scores_["scanner"] for fitted in plain])
    after = np.array([fitted.alignment_scores_["scanner"] for fitted in balanced])
    assert np.median(after) < np.median(before) / 2
    assert np.median(before) > 0.1


def test_permutations_of_the_alignment_keep_the_strata():
    """A scanner that follows the hospital is no news at fixed hospital."""
    pvalues = []
    for seed in range(12):
        X, table = make_study(seed, n=150)
        # Without a trace of its own.
        X[:, 1] = np.random.default_rng(seed + 50).normal(size=len(X))
        pvalues.append(fit(X, table, ["hospital"]).pvalues_["scanner"])
    assert sum(p <= 0.05 for p in pvalues) <= 3
    assert np.median(pvalues) > 0.1


def test_permutations_of_the_alignment_have_no_more_arrangements_than_the_strata():
    """One T among four rows of each of three hospitals: 64 arrangements of 220."""
    X, table = make_study(0, n=12)
    table["hospital"] = np.repeat(HOSPITALS, 4)
    table["scanner"] = np.tile(["S", "S", "T", "S"], 3)
    options = {"n_permutations": 199, "cv": 2}
    within = fit(X, table, ["hospital"], **options).null_distribution_["scanner"]
    free = fit(X, table, **options).null_distribution_["scanner"]
    assert 40 < within.round(9).nunique() <= 64 < 90 < free.round(9).nunique()


@pytest.fixture(scope="module")
def empty_cell():
    X, table = make_study(3)
    lost = (table["scanner"] == "T") & (table["hospital"] == "west")
    X, table = X[~lost], table[~lost].reset_index(drop=True)
    return fit(X, table, ["hospital"], columns=["scanner", "dose"], significance=0.2)


def test_an_empty_cell_gives_no_alignment(empty_cell):
    found = empty_cell.summary_.loc["scanner"]
    names = ["alignment_score", "alignment_pvalue", "alignment_pvalue_fwer"]
    assert found[[*names, "alignment_qvalue"]].isna().all()
    assert (
        "no alignment: 1 of 6 combinations with hospital do not occur (first: scanner "
        "T with hospital west)"
    ) in found["note"]
    assert np.isnan(empty_cell.alignment_corrected_["scanner"])
    assert empty_cell.null_distribution_["scanner"].isna().all()


def test_and_leaves_encoding_and_utilization(empty_cell):
    found = empty_cell.summary_.loc["scanner"]
    assert found["encoding_pvalue"] == 0.05
    for name in ["encoding_score", "utilization", "utilization_pvalue"]:
        assert np.isfinite(found[name])
    assert found["verdict"] != "untestable"
    assert not empty_cell.dropped_columns_


def test_and_leaves_the_other_columns(empty_cell):
    found = empty_cell.summary_.loc["dose"]
    assert np.isfinite(found["alignment_pvalue"])
    assert found["alignment_pvalue_fwer"] == found["alignment_pvalue"]
    assert found["alignment_qvalue"] == found["alignment_pvalue"]


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confounders", "message"),
    [
        (["dose", "disease"], "confounders: the target 'disease' is among them; it is"),
        ("dose", "confounders='dose' is text and no list of names"),
        (["vendor"], "confounders: 'vendor' cannot be held fixed: constant"),
    ],
)
def test_confounders_that_cannot_be_used(study, confounders, message):
    X, table = study
    with pytest.raises(ValueError, match=message):
        fit(X, table.assign(vendor="one"), confounders)


def test_no_confounders(study):
    assert fit(*study, []).summary_.equals(fit(*study).summary_)
