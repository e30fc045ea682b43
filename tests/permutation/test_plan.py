"""Permutations, their order, and the p-values that they give."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._permutation.plan import (
    PermutationPlan,
    benjamini_hochberg,
    canonical_order,
    exchange_groups,
    max_t_pvalues,
    permutation_pvalues,
    sequential_pvalue,
    split,
    stable_order,
)
from tests.reference import (
    add_one_pvalue,
    analyse,
    besag_clifford,
    cosine,
    every_permutation_score,
    fit_head,
    max_t,
    principal_directions,
)

# --- permutations --------------------------------------------------------------------


def test_permutations_are_permutations_and_do_not_depend_on_batches():
    plan = PermutationPlan(7, 20, 50)
    rows = np.arange(50)
    together = plan.sources(range(20), rows)
    np.testing.assert_array_equal(np.sort(together, axis=1), np.tile(rows, (20, 1)))
    apart = [plan.sources(batch, rows) for batch in split(range(20), 3)]
    np.testing.assert_array_equal(np.concatenate(apart), together)
    assert len(np.unique(together, axis=0)) == 20


def test_permutations_stay_within_strata():
    plan = PermutationPlan(1, 15, 60)
    strata = np.random.default_rng(0).integers(0, 4, 60)
    sources = plan.sources(range(15), np.arange(60), strata)
    np.testing.assert_array_equal(strata[sources], np.tile(strata, (15, 1)))
    np.testing.assert_array_equal(np.sort(sources, axis=1)[0], np.arange(60))
    assert (sources != np.arange(60)).any(axis=1).all()


@pytest.mark.parametrize("within", [False, True])
def test_groups_are_exchanged_one_after_the_other(within):
    """The slow and obvious way: a list of entries for each group."""
    rng = np.random.default_rng(3)
    groups = rng.permutation(np.repeat(np.arange(12), rng.integers(1, 6, 12)))
    strata = rng.integers(0, 3, 12) if within else None
    orders = PermutationPlan(3, 8, len(groups)).orders(range(8))
    sources = exchange_groups(orders, groups, strata)
    for source, order in zip(sources, orders, strict=True):
        drawn = {}
        for entry in order:
            drawn.setdefault(groups[entry], []).append(entry)
        for stratum in set(strata) if within else {None}:
            takers = [g for g in range(12) if not within or strata[g] == stratum]
            givers = [g for g in drawn if g in takers]
            for taker, giver in zip(takers, givers, strict=True):
                place = np.arange(np.sum(groups == taker)) % len(drawn[giver])
                expected = np.array(drawn[giver])[place]
                np.testing.assert_array_equal(source[groups == taker], expected)


@pytest.mark.parametrize("largest", [0, 7, 2**16 - 1, 2**16, 2**20])
def test_stable_order(largest):
    codes = np.random.default_rng(0).integers(0, largest + 1, 3000)
    codes[1500:] = codes[:1500]
    codes[7] = largest
    expected = np.argsort(codes, kind="stable")
    np.testing.assert_array_equal(stable_order(codes), expected)


def test_columns_without_gaps_share_their_permutations_and_gaps_keep_the_order():
    """The rows that stay are permuted by the same keys: their order is inherited."""
    plan = PermutationPlan(2, 5, 30)
    kept = np.flatnonzero(np.arange(30) % 3)
    full = plan.sources(range(5), np.arange(30))
    partial = kept[plan.sources(range(5), kept)]
    for whole, part in zip(full, partial, strict=True):
        np.testing.assert_array_equal(whole[np.isin(whole, kept)], part)


def test_every_order_of_three_rows_is_equally_likely():
    plan = PermutationPlan(3, 3000, 3)
    sources = plan.sources(range(3000), np.arange(3))
    counts = np.unique(sources, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_signs_are_balanced_and_reproducible():
    plan = PermutationPlan(4, 1000, 10)
    signs = plan.signs(range(1000), 6)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    np.testing.assert_array_equal(signs[3:5], plan.signs(range(3, 5), 6))
    assert np.abs(signs.mean(axis=0)).max() < 0.12


# --- canonical order -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_canonical_order_depends_on_content_only(seed):
    rng = np.random.default_rng(seed)
    T = rng.standard_normal((40, 5)) * [3, 1, 1, 0.5, 0.1]
    mixed = rng.permutation(40)
    distance = np.sum(T**2, axis=1)
    order = canonical_order(distance, lambda: pytest.fail("no ties here"))
    again = canonical_order(distance[mixed], lambda: pytest.fail("no ties here"))
    np.testing.assert_array_equal(T[order], T[mixed][again])


def test_equal_embeddings_are_ordered_by_the_tie_breaker():
    rng = np.random.default_rng(0)
    T = np.repeat(rng.standard_normal((8, 4)), 3, axis=0)
    marks = rng.permutation(24)
    # Rounding sets equal rows apart, and not always in the same direction.
    blurred = T * (1.0 + 1e-14 * rng.standard_normal((24, 1)))
    order = canonical_order(np.sum(T**2, axis=1), lambda: marks)
    again = canonical_order(np.sum(blurred**2, axis=1), lambda: marks)
    np.testing.assert_array_equal(order, again)
    for start in range(0, 24, 3):
        assert (np.diff(marks[order][start : start + 3]) > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_different_rows_that_are_equal_in_all_else_have_an_order(seed):
    """Counts and codes at the same distance from the mean, turned and mixed."""
    rng = np.random.default_rng(seed)
    T = rng.integers(-1, 2, (200, 4)) * 1.0
    marks = rng.integers(0, 3, 200).astype(np.uint64) << np.uint64(61)
    mixed, turn = rng.permutation(200), np.linalg.qr(rng.standard_normal((4, 4)))[0]

    def order_of(rows, own):
        squares = np.sum(rows**2, axis=1)
        order = canonical_order(squares, lambda: own, lambda x: rows @ (x @ rows))
        plain = canonical_order(squares, lambda: own)
        return order, plain

    order, plain = order_of(T, marks)
    again, plain_again = order_of(T[mixed] @ turn, marks[mixed])
    np.testing.assert_array_equal(T[order], T[mixed][again])
    np.testing.assert_array_equal(marks[order], marks[mixed][again])
    assert (T[plain] != T[mixed][plain_again]).any()


# --- p-values ------------------------------------------------------------------------


def test_pvalue_adds_one_and_is_never_zero():
    observed = np.array([10.0, 0.5, -3.0])
    null = np.array([[1.0, 0.5, 2.0], [2.0, 0.4, -3.0], [3.0, 0.6, 5.0]])
    pvalues = permutation_pvalues(observed, null)
    np.testing.assert_allclose(pvalues, [1 / 4, 3 / 4, 1.0])
    expected = [add_one_pvalue(o, n) for o, n in zip(observed, null.T, strict=True)]
    np.testing.assert_allclose(pvalues, expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_ties_within_rounding_and_within_the_tolerance_count(sign):
    observed = np.array([sign * 0.3])
    rounded = observed * (1.0 - sign * 50 * np.finfo(float).eps)
    smaller = observed - 1e-6
    null = np.array([rounded, smaller, observed - 1.0])
    assert permutation_pvalues(observed, null)[0] == 2 / 4
    assert permutation_pvalues(observed, null, tolerance=1e-5)[0] == 3 / 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["null", "observed"])
def test_a_value_that_is_not_finite_is_an_error(where, bad):
    observed, null = np.array([0.5, 40.0]), np.tile([0.1, 30.0], (9, 1))
    if where == "null":
        null[4, 1] = bad
    else:
        observed[1] = bad
    with pytest.raises(ValueError, match="not finite"):
        permutation_pvalues(observed, null)
    with pytest.raises(ValueError, match="not finite"):
        max_t_pvalues(observed, null)


@pytest.mark.parametrize("seed", range(4))
def test_max_t_matches_the_loop_and_is_not_below_the_raw_pvalue(seed):
    rng = np.random.default_rng(seed)
    scales = np.array([0.01, 1.0, 50.0, 3.0])
    shared = rng.standard_normal((99, 1))
    null = (shared + rng.standard_normal((99, 4))) * scales + [5.0, -2.0, 100.0, 0.0]
    observed = null.mean(axis=0) + np.array([0.5, 2.5, 4.5, 1.5]) * scales
    found = max_t_pvalues(observed, null)
    np.testing.assert_allclose(found, max_t(observed, null, tie=0.0))
    raw = permutation_pvalues(observed, null)
    assert (found >= raw).all()
    assert (found > raw).any()
    assert (found <= np.minimum(1.0, 4 * raw + 0.05)).all()


@pytest.mark.parametrize("tolerance", [0.0, 1e-5])
@pytest.mark.parametrize("blur", [5e-15, 1e-14])
def test_max_t_counts_the_ties_that_the_raw_pvalue_counts(blur, tolerance):
    """A spread far below the mean must not turn rounding into a difference."""
    rng = np.random.default_rng(1)
    null = 1.0 + 1e-3 * np.sort(rng.standard_normal((49, 2)), axis=0)
    observed = null[25] * (1.0 + blur)
    raw = permutation_pvalues(observed, null, tolerance)
    assert (max_t_pvalues(observed, null, tolerance) >= raw).all()
    single = max_t_pvalues(observed[:1], null[:, :1], tolerance)
    assert single == raw[:1]


def test_a_column_whose_statistic_never_varies_is_not_significant():
    rng = np.random.default_rng(2)
    null = np.column_stack([np.full(49, 0.25), rng.standard_normal(49)])
    found = max_t_pvalues(np.array([0.25, 9.0]), null)
    np.testing.assert_allclose(found, [1.0, 1 / 50])


def test_max_t_of_no_columns_is_empty():
    assert max_t_pvalues(np.empty(0), np.empty((9, 0))).shape == (0,)


def test_benjamini_hochberg_matches_scipy_and_passes_nan():
    pvalues = np.array([0.01, np.nan, 0.04, 0.03, np.nan, 0.5])
    found = benjamini_hochberg(pvalues)
    given = ~np.isnan(pvalues)
    np.testing.assert_array_equal(np.isnan(found), ~given)
    np.testing.assert_allclose(
        found[given], stats.false_discovery_control(pvalues[given])
    )
    # By hand: 0.01 * 4 / 1, and the largest is left as it is.
    np.testing.assert_allclose(found[[0, 5]], [0.04, 0.5])
    assert np.isnan(benjamini_hochberg(np.array([np.nan, np.nan]))).all()


# --- sequential p-values ------------------------------------------------------------

SEEDS = [0, 1, 2]
STOP = 5


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


def test_sequential_pvalue_by_hand():
    null = np.array([0.0, 3.0, 1.0, 2.0, 5.0, 2.0])
    assert sequential_pvalue(2.0, null, 2) == (2 / 4, 4)
    assert sequential_pvalue(2.0, null, 4) == (4 / 6, 6)
    assert sequential_pvalue(2.0, null, 5) == (5 / 7, 6)
    assert sequential_pvalue(9.0, null, 1) == (1 / 7, 6)
    assert sequential_pvalue(-1.0, null, 3) == (1.0, 3)


@pytest.mark.parametrize("observed", [0.3, -0.3])
def test_ties_of_a_sequential_pvalue_count(observed):
    rounded = observed - 50 * np.finfo(float).eps * abs(observed)
    null = np.array([rounded, observed - 1e-6, observed - 1.0])
    assert sequential_pvalue(observed, null, 1) == (1.0, 1)
    assert sequential_pvalue(observed, null, 2) == (2 / 4, 3)
    assert sequential_pvalue(observed, null, 2, tolerance=1e-5) == (1.0, 2)


@pytest.mark.parametrize("stop_after", [1, 10])
def test_sequential_pvalue_without_permutations_is_1(stop_after):
    assert sequential_pvalue(0.5, np.empty(0), stop_after) == (1.0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_an_error_of_a_sequential_pvalue(bad):
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


def sequential_pvalues(seed, decimals=None, n_cases=8000, m=299):
    """p-values and permutations used where data and permutations are exchangeable."""
    statistics = np.random.default_rng(seed).standard_normal((n_cases, m + 1))
    if decimals is not None:
        statistics = statistics.round(decimals)
    found = [sequential_pvalue(row[0], row[1:], STOP) for row in statistics]
    return np.array(found).T


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("seed", SEEDS)
def test_small_pvalues_are_no_more_frequent_than_they_say(seed, decimals):
    pvalues, _ = sequential_pvalues(seed, decimals)
    for level in (0.02, 0.05, 0.1, 0.3):
        rejected = np.sum(pvalues <= level)
        assert rejected <= stats.binom.ppf(0.9995, len(pvalues), level)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_ties_the_pvalue_is_exact_and_the_unbiased_estimate_is_not(seed):
    pvalues, used = sequential_pvalues(seed)
    n_cases = len(pvalues)
    for level in (2 / 300, 4 / 300, STOP / 250, STOP / 100, STOP / 50, STOP / 16):
        low, high = stats.binom.interval(0.999, n_cases, level)
        assert low <= np.sum(pvalues <= level + 1e-12) <= high
    unbiased = np.where(pvalues > STOP / 299, (STOP - 1) / np.maximum(used - 1, 1), 0)
    rejected = np.sum(unbiased <= 0.1)
    assert rejected > stats.binom.ppf(0.9995, n_cases, 0.1)


# --- exhaustive enumeration ----------------------------------------------------------


def tiny_study(seed, strength):
    """Seven rows with a binary and a continuous column along one direction."""
    rng = np.random.default_rng(seed)
    sex = np.array([0, 1, 0, 1, 1, 0, 0])
    X = rng.standard_normal((7, 3)) * [1.0, 3.0, 0.5]
    X[:, 0] += strength * sex
    age = 60.0 + 8.0 * rng.standard_normal(7) + 10.0 * strength * sex
    table = pd.DataFrame({"sex": sex, "age": age})
    return X + [4.0, -2.0, 10.0], table


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "head"), [("age", "ridge"), ("sex", "logistic")])
def test_random_permutations_agree_with_all_5040(name, head, seed):
    """Ties included: the binary column has only 35 different permutations."""
    X, table = tiny_study(seed, strength=[0.0, 1.0, 4.0][seed])
    trained = np.array([[1.0, 0.2, -0.3]])
    m = 999
    found = WeightSpaceCorrelation(
        target_head=trained,
        heads={name: head},
        columns=[name],
        cv=2,
        n_permutations=m,
        random_state=seed,
    ).fit(X, table)
    principal = principal_directions(X, np.ones(7))
    T = principal.coordinates(X)
    labels = table[name].to_numpy(dtype=float if head == "ridge" else int)
    scores = every_permutation_score(T, labels, head, trained @ principal.directions.T)
    assert len(scores) == 5040
    assert found.alignment_scores_[name] == pytest.approx(scores[0], abs=1e-6)
    exact = np.mean(scores >= scores[0] * (1 - 1e-6))
    assert exact >= (1 / 35 if head == "logistic" else 1 / 5040)
    # b out of m permutations is binomial with the exact p-value.
    reached = found.pvalues_[name] * (m + 1) - 1
    low, high = stats.binom.interval(0.9999, m, exact)
    assert low <= reached <= high
    # The two distributions agree as wholes, not only at the observed value.
    null = found.null_distribution_[name]
    for quantile in (0.25, 0.5, 0.75):
        share = np.mean(null <= np.quantile(scores, quantile) + 1e-7)
        expected = np.mean(scores <= np.quantile(scores, quantile) + 1e-7)
        assert share == pytest.approx(expected, abs=4 * np.sqrt(0.25 / m))


def test_permutations_that_change_nothing_are_ties_of_the_largest_alignment():
    """The trained head is the fitted one: only ties can reach the observed value."""
    X, table = tiny_study(5, strength=3.0)
    principal = principal_directions(X, np.ones(7))
    coef, _ = fit_head(principal.coordinates(X), table["sex"].to_numpy(), "logistic")
    trained = coef @ principal.directions
    assert cosine((trained @ principal.directions.T)[0], coef[0]) > 1 - 1e-12
    found = WeightSpaceCorrelation(
        target_head=trained, columns=["sex"], cv=2, n_permutations=999, random_state=0
    ).fit(X, table)
    assert found.alignment_scores_["sex"] == pytest.approx(1.0)
    # 3! 4! of the 5040 permutations leave the column as it is. The head is compared by
    # its absolute value, but exchanging the levels needs 4 of one and 3 of the other.
    low, high = stats.binom.interval(0.9999, 999, 1 / 35)
    reached = found.pvalues_["sex"] * 1000 - 1
    assert low <= reached <= high


@pytest.mark.parametrize(("name", "head"), [("age", "ridge"), ("sex", "logistic")])
def test_ties_of_the_encoding_score_count(name, head):
    """Within folds of a tiny table many permutations give back the same labels."""
    X, table = tiny_study(4, strength=6.0)
    table["sex"] = np.array(["f", "m"])[table["sex"]]
    trained = np.array([[1.0, 0.2, -0.3]])
    found = WeightSpaceCorrelation(
        target_head=trained,
        heads={name: head},
        columns=[name],
        cv=2,
        n_permutations=399,
        random_state=1,
    ).fit(X, table)
    expected = analyse(
        X,
        table,
        None,
        {name: head},
        target_head=(trained, "ridge"),
        n_permutations=399,
        random_state=1,
        cv=2,
    )
    score, null = expected.encoding_statistics[name], expected.encoding_nulls[name]
    ties = np.sum(np.abs(null - score) < 1e-9)
    assert ties > 0
    assert found.encoding_pvalues_[name] == expected.encoding_pvalues[name]
    assert found.encoding_pvalues_[name] >= (ties + 1) / 400
    assert found.pvalues_[name] == expected.pvalues[name]
