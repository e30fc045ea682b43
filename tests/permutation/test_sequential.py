"""Stopping rule of Besag and Clifford and extrapolated p-values of the estimator."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment import null as alignment_null
from sklearn_wsca._permutation import rounds
from sklearn_wsca._permutation.plan import sequential_pvalue
from tests.reference import make_study

SEEDS = [0, 1, 2]
# With seed 1 the unrelated column aligns by chance, p = 0.015.
UNALIGNED = [0, 2, 3]
M = 399
STOP = 5

# --- the p-value ---------------------------------------------------------------------


def besag_clifford(observed, null, stop_after, tie=1e-12):
    reached = 0
    for number, value in enumerate(null, start=1):
        reached += value >= observed - tie * abs(observed)
        if reached == stop_after:
            return stop_after / number, number
    return (reached + 1) / (len(null) + 1), len(null)


@pytest.mark.parametrize("stop_after", [1, 2, 5, 10])
@pytest.mark.parametrize("decimals", [0, 1, 12])
def test_sequential_pvalues_match_a_loop(stop_after, decimals):
    stopped = 0
    for seed in range(60):
        statistics = np.random.default_rng(seed).standard_normal(80).round(decimals)
        observed, null = statistics[0] + 1.5, statistics[1:]
        found = sequential_pvalue(observed, null, stop_after)
        assert found == besag_clifford(observed, null, stop_after)
        stopped += found[1] < len(null)
    assert 10 < stopped < 60


def test_the_pvalue_by_hand():
    null = np.array([0.0, 3.0, 1.0, 2.0, 5.0, 2.0])
    assert sequential_pvalue(2.0, null, 2) == (2 / 4, 4)
    assert sequential_pvalue(2.0, null, 4) == (4 / 6, 6)
    assert sequential_pvalue(2.0, null, 5) == (5 / 7, 6)
    assert sequential_pvalue(9.0, null, 1) == (1 / 7, 6)
    assert sequential_pvalue(-1.0, null, 3) == (1.0, 3)


@pytest.mark.parametrize("observed", [0.3, -0.3])
def test_ties_within_rounding_and_within_the_tolerance_count(observed):
    rounded = observed - 50 * np.finfo(float).eps * abs(observed)
    null = np.array([rounded, observed - 1e-6, observed - 1.0])
    assert sequential_pvalue(observed, null, 1) == (1.0, 1)
    assert sequential_pvalue(observed, null, 2) == (2 / 4, 3)
    assert sequential_pvalue(observed, null, 2, tolerance=1e-5) == (1.0, 2)


@pytest.mark.parametrize("stop_after", [1, 10])
def test_without_permutations_the_pvalue_is_1(stop_after):
    assert sequential_pvalue(0.5, np.empty(0), stop_after) == (1.0, 0)


@pytest.mark.parametrize("stop_after", [1, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_statistic_that_no_permute_reaches_has_the_floor(stop_after, seed):
    null = np.random.default_rng(seed).standard_normal(199)
    assert sequential_pvalue(10.0, null, stop_after) == (1 / 200, 199)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_an_error(bad):
    with pytest.raises(ValueError, match="not finite"):
        sequential_pvalue(bad, np.zeros(9), 2)
    with pytest.raises(ValueError, match="not finite"):
        sequential_pvalue(0.5, np.append(np.zeros(9), bad), 2)


@pytest.mark.parametrize("stop_after", [1, 5])
@pytest.mark.parametrize("seed", range(10))
def test_permutations_after_the_last_one_used_do_not_matter(stop_after, seed):
    rng = np.random.default_rng(seed)
    null = rng.standard_normal(400)
    expected = sequential_pvalue(0.5, null, stop_after)
    used = expected[1]
    assert used < 100
    for drawn in (used, used + 1, 2 * used, 399):
        assert sequential_pvalue(0.5, null[:drawn], stop_after) == expected
    others = np.append(null[:used], rng.normal(100.0, 1.0, 50))
    assert sequential_pvalue(0.5, others, stop_after) == expected
    assert sequential_pvalue(0.5, null[: used - 1], stop_after)[1] == used - 1


# --- size ----------------------------------------------------------------------------


def null_pvalues(seed, decimals=None, n_cases=8000, m=299):
    """p-values and permutations used where data and permutations are exchangeable."""
    statistics = np.random.default_rng(seed).standard_normal((n_cases, m + 1))
    if decimals is not None:
        statistics = statistics.round(decimals)
    found = [sequential_pvalue(row[0], row[1:], STOP) for row in statistics]
    return np.array(found).T


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("seed", SEEDS)
def test_small_pvalues_are_no_more_frequent_than_they_say(seed, decimals):
    pvalues, _ = null_pvalues(seed, decimals)
    for level in (0.02, 0.05, 0.1, 0.3):
        rejected = np.sum(pvalues <= level)
        assert rejected <= stats.binom.ppf(0.9995, len(pvalues), level)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_ties_the_pvalue_is_exact_and_the_unbiased_estimate_is_not(seed):
    pvalues, used = null_pvalues(seed)
    n_cases = len(pvalues)
    for level in (2 / 300, 4 / 300, STOP / 250, STOP / 100, STOP / 50, STOP / 16):
        low, high = stats.binom.interval(0.999, n_cases, level)
        assert low <= np.sum(pvalues <= level + 1e-12) <= high
    unbiased = np.where(pvalues > STOP / 299, (STOP - 1) / np.maximum(used - 1, 1), 0)
    rejected = np.sum(unbiased <= 0.1)
    assert rejected > stats.binom.ppf(0.9995, n_cases, 0.1)


# --- the estimator: stop_after -------------------------------------------------------


def study(seed):
    """Embeddings with a column without signal and an echo of the target."""
    X, table = make_study(seed, n=150, d=24, shared=1.0)
    rng = np.random.default_rng(200 + seed)
    disease = table["disease"].to_numpy()
    wrong = rng.random(len(table)) < 0.05
    return X, pd.DataFrame(
        {
            "disease": disease,
            "unrelated": rng.permutation(table["site"].to_numpy()),
            "echo": np.where(wrong, rng.permutation(disease), disease),
            "sex": table["sex"],
            "age": table["age"],
        }
    )


def fit(seed, **parameters):
    parameters = {"n_permutations": M, "random_state": 0} | parameters
    return WeightSpaceCorrelation("disease", **parameters).fit(*study(seed))


@pytest.mark.parametrize("seed", UNALIGNED)
def test_columns_without_signal_stop_early_and_strong_ones_never(seed):
    found = fit(seed, stop_after=STOP)
    used = found.n_permutations_used_
    assert list(used.columns) == ["encoding", "alignment"]
    assert list(used.index) == list(found.pvalues_.index)
    assert (used.loc["unrelated"] <= 60).all()
    assert (used.loc["unrelated"] >= STOP).all()
    assert (used.loc["echo"] == M).all()
    assert used.loc["sex", "encoding"] == M
    assert found.pvalues_["echo"] == found.encoding_pvalues_["echo"] == 1 / (M + 1)
    assert found.pvalues_["unrelated"] == STOP / used.loc["unrelated", "alignment"]
    assert (
        found.encoding_pvalues_["unrelated"] == STOP / used.loc["unrelated", "encoding"]
    )


def test_all_permutations_are_used_without_a_stopping_rule():
    assert (fit(0).n_permutations_used_ == M).all(axis=None)


@pytest.mark.parametrize("stop_after", [None, STOP])
def test_no_head_is_refitted_after_the_last_round(monkeypatch, stop_after):
    refit_scores, drawn = alignment_null.refit_scores, []

    def recorded(T, nulls, batch, **others):
        drawn.extend(batch)
        return refit_scores(T, nulls=nulls, batch=batch, **others)

    monkeypatch.setattr(alignment_null, "refit_scores", recorded)
    monkeypatch.setattr(rounds, "FIRST_ROUND", 60)
    found = fit(0, columns=["unrelated"], stop_after=stop_after)
    assert drawn == list(range(M if stop_after is None else 60))
    assert found.n_permutations_used_.loc["unrelated", "alignment"] <= len(drawn)


@pytest.mark.parametrize("null", ["permutation", "sign_flip"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_null_is_that_of_the_full_test_up_to_the_last_permute_used(seed, null):
    full, found = fit(seed, null=null), fit(seed, null=null, stop_after=STOP)
    pd.testing.assert_series_equal(found.alignment_scores_, full.alignment_scores_)
    assert found.null_distribution_.shape == full.null_distribution_.shape
    for name, used in found.n_permutations_used_["alignment"].items():
        kept, whole = found.null_distribution_[name], full.null_distribution_[name]
        assert kept[used:].isna().all()
        np.testing.assert_allclose(kept[:used], whole[:used], rtol=0, atol=1e-6)
        score = found.alignment_scores_[name]
        expected = besag_clifford(score, whole, STOP, tie=1e-6)
        assert (found.pvalues_[name], used) == expected
    assert found.null_distribution_.isna().any(axis=None)


@pytest.mark.parametrize("adjust", [False, True])
def test_there_are_qvalues_but_no_correction_by_max_t(adjust):
    found = fit(0, stop_after=STOP, adjust_for_target=adjust)
    assert found.pvalues_fwer_.isna().all()
    assert found.summary_["alignment_pvalue_fwer"].isna().all()
    assert sum("max-T" in note for note in found.notes_) == 1
    tested = found.alignment_scores_.notna()
    assert tested.sum() > 1
    expected = stats.false_discovery_control(found.pvalues_[tested], method="bh")
    np.testing.assert_allclose(found.qvalues_[tested], expected)
    full = fit(0, adjust_for_target=adjust)
    assert full.pvalues_fwer_[tested].notna().all()
    assert not any("max-T" in note for note in full.notes_)


@pytest.mark.parametrize(
    "changed",
    [
        {"_permutation.rounds.FIRST_ROUND": 7},
        {"_permutation.rounds.FIRST_ROUND": 1000},
        {"_alignment.null.PERMUTATIONS_PER_BATCH": 13},
        {
            "_permutation.rounds.FIRST_ROUND": 30,
            "_alignment.null.PERMUTATIONS_PER_BATCH": 50,
            "_encoding.null.FOLD_PERMUTATIONS_PER_BATCH": 17,
        },
    ],
)
def test_results_do_not_depend_on_how_many_permutations_are_drawn_at_a_time(
    monkeypatch, changed
):
    expected = fit(1, stop_after=STOP)
    for name, value in changed.items():
        monkeypatch.setattr(f"sklearn_wsca.{name}", value)
    assert_same_tests(fit(1, stop_after=STOP), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_results_do_not_depend_on_the_number_of_workers(seed):
    assert_same_tests(
        fit(seed, stop_after=STOP, n_jobs=2), fit(seed, stop_after=STOP, n_jobs=1)
    )


def assert_same_tests(found, expected):
    pd.testing.assert_frame_equal(
        found.n_permutations_used_, expected.n_permutations_used_
    )
    for name in ("pvalues_", "encoding_pvalues_", "qvalues_"):
        pd.testing.assert_series_equal(
            getattr(found, name), getattr(expected, name), rtol=0, atol=0
        )
    pd.testing.assert_frame_equal(
        found.null_distribution_, expected.null_distribution_, rtol=0, atol=1e-6
    )


def test_without_permutations_or_without_a_primary_head_none_are_used():
    assert (fit(0, stop_after=STOP, n_permutations=0).n_permutations_used_ == 0).all(
        axis=None
    )
    X, table = study(0)
    found = WeightSpaceCorrelation(
        None, columns=["unrelated"], n_permutations=M, stop_after=STOP, random_state=0
    ).fit(X, table)
    assert found.n_permutations_used_.loc["unrelated", "alignment"] == 0
    assert 0 < found.n_permutations_used_.loc["unrelated", "encoding"] < M


# --- the estimator: extrapolate ------------------------------------------------------


@pytest.mark.parametrize("seed", UNALIGNED)
def test_extrapolation_adds_to_the_pvalues_and_replaces_none(seed):
    plain, found = fit(seed), fit(seed, extrapolate=True)
    for name in ("pvalues_", "encoding_pvalues_", "pvalues_fwer_", "qvalues_"):
        pd.testing.assert_series_equal(getattr(found, name), getattr(plain, name))
    assert plain.pvalues_extrapolated_.isna().all()
    assert not plain.summary_["note"].str.contains("extrapolated").any()
    assert list(found.pvalues_extrapolated_.index) == list(found.pvalues_.index)
    assert found.pvalues_["unrelated"] > 10 / (M + 1)
    assert np.isnan(found.pvalues_extrapolated_["unrelated"])
    assert found.pvalues_["echo"] == 1 / (M + 1)
    assert 0 < found.pvalues_extrapolated_["echo"] < 1 / (M + 1)
    notes = found.summary_["note"]
    assert "extrapolated" in notes["echo"]
    assert f"{found.pvalues_extrapolated_['echo']:.1e}" in notes["echo"]
    assert "extrapolated" not in notes["unrelated"]


@pytest.mark.parametrize("seed", UNALIGNED)
def test_a_column_that_never_stops_is_extrapolated_as_without_the_rule(seed):
    full = fit(seed, extrapolate=True)
    found = fit(seed, extrapolate=True, stop_after=STOP)
    assert found.pvalues_extrapolated_["echo"] == pytest.approx(
        full.pvalues_extrapolated_["echo"], rel=1e-3
    )
    assert np.isnan(found.pvalues_extrapolated_["unrelated"])


def test_too_few_permutations_are_not_extrapolated():
    found = fit(0, n_permutations=98, extrapolate=True)
    assert found.pvalues_extrapolated_.isna().all()
    assert not found.summary_["note"].str.contains("extrapolated").any()


# --- parameters ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop_after", 0),
        ("stop_after", -3),
        ("stop_after", 2.5),
        ("stop_after", "10"),
        ("extrapolate", "yes"),
        ("extrapolate", None),
    ],
)
def test_bad_values_are_named(name, value):
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
        fit(0, **{name: value})
