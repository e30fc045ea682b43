"""Small p-values from a generalised Pareto tail: fit, calibration, size, limits."""

import numpy as np
import pytest
from scipy import optimize, stats

from sklearn_wsca._permutation.tail import (
    FEWEST_PERMUTATIONS,
    LARGEST_MISFIT,
    REACHED_IS_ENOUGH,
    _misfit,
    extrapolated_pvalue,
    fit_tail,
)

SMALLEST = np.finfo(float).tiny


def straight(score):
    """The scale on which tails are fitted."""
    return -np.log1p(-np.square(score))


def bent(value):
    """The score that `straight` takes to a value."""
    return np.sqrt(-np.expm1(-np.asarray(value)))


class Cosine:
    """Scores whose square is a beta variable."""

    def __init__(self, a, b):
        self.square = stats.beta(a, b)

    def draw(self, m, seed):
        return np.sqrt(self.square.rvs(size=m, random_state=seed))

    def isf(self, chance):
        return np.sqrt(self.square.isf(chance))

    def sf(self, score):
        return self.square.sf(np.square(score))


class MatrixOfCosines:
    """Rms cosine of 4 random directions with 3 fixed ones, in 60 dimensions.

    The squared cosines of a random direction z add up to ``z' V'V z / z'z``, which
    depends on the fixed unit vectors V through the eigenvalues of ``VV'`` only.
    """

    n_dimensions, n_random = 60, 4
    correlations = np.array([[1.0, 0.3, 0.5], [0.3, 1.0, 0.2], [0.5, 0.2, 1.0]])

    def __init__(self, n_directions=1_000_000, n_pairings=8):
        """The upper tail: directions are independent, so they pair in many ways."""
        cosines = self._squared_cosines(n_directions, seed=2**20)
        tails, lower = [], np.quantile(cosines.mean(axis=0), 0.95)
        for pairing in range(n_pairings):
            pairs = [np.roll(row, pairing * 11**i) for i, row in enumerate(cosines)]
            means = np.mean(pairs, axis=0)
            tails.append(means[means > lower])
        self.tail = np.sqrt(np.sort(np.concatenate(tails)))
        self.n_simulated = n_directions * n_pairings

    def _squared_cosines(self, m, seed):
        eigenvalues = np.linalg.eigvalsh(self.correlations)
        rng, n_fixed = np.random.default_rng(seed), len(eigenvalues)
        squares = rng.standard_normal((self.n_random, m, n_fixed)) ** 2
        rest = rng.chisquare(self.n_dimensions - n_fixed, (self.n_random, m))
        return squares @ eigenvalues / n_fixed / (squares.sum(axis=2) + rest)

    def draw(self, m, seed):
        return np.sqrt(self._squared_cosines(m, seed).mean(axis=0))

    def isf(self, chance):
        return self.tail[-round(chance * self.n_simulated)]

    def sf(self, score):
        beyond = len(self.tail) - np.searchsorted(self.tail, score)
        return beyond / self.n_simulated


NULLS = {
    "one cosine, 8 dimensions": lambda: Cosine(0.5, 3.5),
    "one cosine, 50 dimensions": lambda: Cosine(0.5, 24.5),
    "three dimensions of 52": lambda: Cosine(1.5, 24.5),
    "matrix of cosines": MatrixOfCosines,
}


@pytest.fixture(scope="module")
def nulls():
    return {name: make() for name, make in NULLS.items()}


def draw_null(m, seed):
    return Cosine(0.5, 24.5).draw(m, seed)


def log_likelihood(excess, shape, scale):
    return stats.genpareto.logpdf(excess, shape, scale=scale).sum()


# --- fit -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fits_of_scipy():
    """Simulated excesses with shape and scale of an unconstrained fit."""
    fits = []
    for shape in (0.0, 0.1, 0.3):
        for n in (20, 60, 250):
            for seed in range(8):
                excess = stats.genpareto.rvs(shape, 0, 0.3, n, random_state=seed)
                found, _, scale = stats.genpareto.fit(excess, floc=0)
                fits.append((excess, found, scale))
    return fits


def test_the_fit_is_at_least_as_likely_as_that_of_scipy(fits_of_scipy):
    fits = [fit for fit in fits_of_scipy if fit[1] >= 0]
    assert len(fits) >= 20
    for excess, shape, scale in fits:
        found = log_likelihood(excess, *fit_tail(excess))
        assert found >= log_likelihood(excess, shape, scale) - 1e-6


def test_the_fit_is_that_of_scipy_where_the_tail_is_long_enough(fits_of_scipy):
    fits = [fit for fit in fits_of_scipy if fit[1] > 0.01]
    assert len(fits) >= 20
    for excess, shape, scale in fits:
        assert fit_tail(excess) == pytest.approx((shape, scale), rel=1e-2)


def test_a_tail_that_would_end_is_fitted_by_an_exponential(fits_of_scipy):
    fits = [fit for fit in fits_of_scipy if fit[1] < 0]
    assert len(fits) >= 20
    for excess, _, _ in fits:
        shape, scale = fit_tail(excess)
        assert shape == pytest.approx(0.0, abs=1e-6)
        assert scale == pytest.approx(excess.mean(), rel=1e-6)


@pytest.mark.parametrize("shape", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_fit_finds_the_tail_that_was_simulated(shape, scale, seed):
    n = 4000
    excess = stats.genpareto.rvs(shape, 0, scale, n, random_state=seed)
    found, found_scale = fit_tail(excess)
    assert found == pytest.approx(shape, abs=4 * (1 + shape) / np.sqrt(n))
    assert found_scale == pytest.approx(scale, rel=4 * np.sqrt(2 * (1 + shape) / n))


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.1, 0.3])
@pytest.mark.parametrize("unit", [1e-9, 1e-3, 0.3, 7.0, 1e5])
def test_the_unit_of_the_excess_changes_nothing_but_the_scale(shape, unit):
    for seed in range(10):
        excess = stats.genpareto.rvs(shape, size=200, random_state=seed)
        expected, expected_scale = fit_tail(excess)
        found, scale = fit_tail(unit * excess)
        assert found == pytest.approx(expected, rel=1e-6)
        assert scale == pytest.approx(unit * expected_scale, rel=1e-6)


# --- calibration ---------------------------------------------------------------------


def decades_off(pvalue_of, null, p, n_seeds=60):
    """log10(estimate / truth) for independent sets of 999 permutations."""
    observed = null.isf(p)
    estimates = [pvalue_of(observed, null.draw(999, s)) for s in range(n_seeds)]
    return np.log10(estimates) - np.log10(p)


@pytest.mark.parametrize("name", list(NULLS))
@pytest.mark.parametrize(("p", "most_cautious"), [(1e-4, 0.65), (1e-5, 0.9)])
def test_extrapolated_pvalues_are_right_in_order_of_magnitude(
    nulls, name, p, most_cautious
):
    """Too large is cautious, but less so than the floor of 1e-3."""
    off = decades_off(extrapolated_pvalue, nulls[name], p)
    assert np.isfinite(off).all()
    assert -0.1 <= np.median(off) <= most_cautious
    assert np.mean(np.abs(off) < 1.2) >= 0.75


def smallest_score(pvalue_of, null, p):
    """Score at which the tail of a null claims a p-value."""
    start = straight(np.sort(null)[-REACHED_IS_ENOUGH:][:2].mean())

    def difference(value):
        return np.log(pvalue_of(bent(value), null) / p)

    if difference(25.0) > 0:
        return 1.0
    return bent(optimize.brentq(difference, start, 25.0, xtol=5e-4))


def size_of_claims(pvalue_of, null, p=1e-4, n_seeds=80):
    """True size of p-values up to p, relative to p, by the true chances of scores."""
    claims = [smallest_score(pvalue_of, null.draw(999, s), p) for s in range(n_seeds)]
    return np.mean([null.sf(claim) for claim in claims]) / p


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NULLS))
def test_a_pvalue_of_1e4_is_claimed_about_as_rarely_as_that(nulls, name):
    assert 0.25 <= size_of_claims(extrapolated_pvalue, nulls[name]) <= 1.4


@pytest.mark.parametrize("m", [199, 999])
@pytest.mark.parametrize("seed", range(2))
def test_extrapolation_keeps_the_size_of_the_test(m, seed):
    n_cases = 2000
    squares = np.random.default_rng(seed).beta(0.5, 24.5, (n_cases, m + 1))
    scores = np.sqrt(squares)
    reached = np.sum(scores[:, 1:] >= scores[:, :1], axis=1)
    pvalues = (reached + 1) / (m + 1)
    for case in np.flatnonzero(reached < REACHED_IS_ENOUGH):
        found = extrapolated_pvalue(scores[case, 0], scores[case, 1:])
        if not np.isnan(found):
            pvalues[case] = found
    rejected = np.sum(pvalues <= 0.01)
    assert rejected <= stats.binom.ppf(0.9995, n_cases, 0.01)
    assert rejected >= stats.binom.ppf(0.0005, n_cases, 0.008)


@pytest.mark.parametrize("chance", [1e-3, 1e-4, 1e-6, 1e-12])
def test_a_tail_that_is_exponential_is_followed_as_far_as_asked(chance):
    """1 - s^2 to the power 24.5 is uniform where s^2 ~ beta(1, 24.5)."""
    null = bent(-np.log((np.arange(999) + 0.5) / 999) / 24.5)
    observed = bent(-np.log(chance) / 24.5)
    assert extrapolated_pvalue(observed, null) == pytest.approx(chance, rel=0.05)


# --- goodness of fit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "smallest", "largest"), [(0.0, 0.07, 0.10), (0.1, 0.025, 0.06)]
)
def test_the_largest_misfit_is_about_the_5_percent_point(shape, smallest, largest):
    """With shapes of either sign it would be that of exponential tails.

    Those that would fit best with an end may not have one, so more of them are misfits.
    """
    n_cases, rejected = 1000, 0
    for seed in range(n_cases):
        excess = stats.genpareto.rvs(shape, size=200, random_state=seed)
        rejected += _misfit(excess, *fit_tail(excess)) > LARGEST_MISFIT
    assert smallest <= rejected / n_cases <= largest


def test_what_is_no_tail_is_a_misfit():
    rejected = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        excess = np.abs(rng.choice([0.0, 3.0], 200) + 0.3 * rng.standard_normal(200))
        rejected += _misfit(excess, *fit_tail(excess)) > LARGEST_MISFIT
    assert rejected == 20


@pytest.mark.parametrize("seed", range(5))
def test_fewer_exceedances_are_used_where_only_the_far_tail_fits(seed):
    """The upper quarter holds a part of the body, which is no part of the tail."""
    rng = np.random.default_rng(seed)
    body, tail = rng.uniform(0.01, 0.02, 850), 0.3 + rng.exponential(0.1, 149)
    values, reached = np.append(body, tail), 0.3 - 0.1 * np.log(1e-3 / 0.149)
    excess = np.sort(values)[-249:] - np.sort(values)[-250]
    assert _misfit(excess, *fit_tail(excess)) > LARGEST_MISFIT
    found = extrapolated_pvalue(bent(reached), bent(values))
    assert abs(np.log10(found / 1e-3)) < 0.7


# --- never zero ----------------------------------------------------------------------


@pytest.mark.parametrize("name", list(NULLS))
@pytest.mark.parametrize("seed", range(3))
def test_scores_up_to_1_have_pvalues_above_zero_that_fall_with_the_score(
    nulls, name, seed
):
    null = nulls[name].draw(499, seed)
    scores = np.append(np.linspace(null.max(), 1.0, 10), 1 - 10.0 ** -np.arange(2, 17))
    found = [extrapolated_pvalue(score, null) for score in np.sort(scores)]
    assert found[0] < REACHED_IS_ENOUGH / 500
    assert found[-1] >= SMALLEST
    assert (np.diff(found) <= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_score_of_1_is_as_good_as_one_next_to_it(seed):
    null = draw_null(499, seed)
    p = extrapolated_pvalue(1.0, null)
    assert 0 < p < 1e-6
    assert extrapolated_pvalue(np.nextafter(1.0, 2.0), null) == p
    assert p <= extrapolated_pvalue(np.nextafter(1.0, 0.0), null) <= p * (1 + 1e-9)


def test_a_pvalue_below_the_smallest_number_is_that_number():
    null = bent(-np.log((np.arange(999) + 0.5) / 999) / 2000)
    assert extrapolated_pvalue(1.0, null) == SMALLEST
    assert extrapolated_pvalue(0.9, null) == SMALLEST
    assert extrapolated_pvalue(0.5, null) > SMALLEST


@pytest.mark.parametrize("seed", range(5))
def test_permutations_close_to_1_are_no_obstacle(seed):
    """Directions of a plane: s^2 ~ beta(0.5, 0.5), as often close to 1 as to 0."""
    null = Cosine(0.5, 0.5).draw(999, seed)
    p = extrapolated_pvalue(1.0, null)
    assert np.isnan(p) or 0 < p < 1e-3
    assert np.isnan(extrapolated_pvalue(1.0, np.append(null, np.ones(10))))


# --- where there is none, and what does not matter -----------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_ten_permutations_that_reach_the_score_need_no_extrapolation(seed):
    null = draw_null(499, seed)
    ninth, tenth, eleventh = np.sort(null)[::-1][[8, 9, 10]]
    assert np.isnan(extrapolated_pvalue(eleventh, null))
    assert np.isnan(extrapolated_pvalue(tenth, null))
    between = (ninth + tenth) / 2
    assert extrapolated_pvalue(between, null) == pytest.approx(10 / 500, rel=0.6)
    assert np.isnan(extrapolated_pvalue(between, null, tolerance=1.0))


def test_too_few_permutations_give_no_extrapolation():
    found = {FEWEST_PERMUTATIONS - 1: 0, FEWEST_PERMUTATIONS: 0}
    for seed in range(20):
        for m in found:
            null = draw_null(m, seed)
            p = extrapolated_pvalue((1 + null.max()) / 2, null)
            found[m] += not np.isnan(p)
    assert found[98] == 0
    assert found[99] >= 15
    assert np.isnan(extrapolated_pvalue(1.0, np.empty(0)))


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("observed", [0.0, 0.3, 0.7, 1.0])
def test_equal_permutations_give_no_extrapolation(value, observed):
    assert np.isnan(extrapolated_pvalue(observed, np.full(999, value)))


@pytest.mark.parametrize("seed", range(5))
def test_a_handful_of_different_permutations_gives_no_extrapolation(seed):
    null = np.random.default_rng(seed).choice(draw_null(16, seed), 999)
    assert np.isnan(extrapolated_pvalue(0.9, null))


@pytest.mark.parametrize("name", list(NULLS))
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_permutations_does_not_matter(nulls, name, seed):
    null = nulls[name].draw(499, seed)
    observed = 0.9 * null.max() + 0.1
    expected = extrapolated_pvalue(observed, null)
    permuted = np.random.default_rng(seed).permutation(null)
    assert 0 < expected < 0.02
    assert extrapolated_pvalue(observed, permuted) == expected
