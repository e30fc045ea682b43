"""Maps of randomised networks: similarity, size and power of its test, bad input."""

import numpy as np
import pytest
from scipy import ndimage, stats

from sklearn_wsca import weight_randomisation_test

N, SPATIAL, N_SEEDS = 30, (6, 5), 200


def smooth(rng, n=N):
    """Maps with a common bright centre, unequal contrasts and heavy tails."""
    noise = rng.standard_t(3, size=(n, *SPATIAL)) * rng.lognormal(size=(n, 1, 1))
    centre = ndimage.gaussian_filter(np.pad([[40.0]], ((2, 3), (2, 2))), 1.5)
    return 7 + centre + ndimage.gaussian_filter(noise, (0, 1, 1))


def pvalues(make, n_seeds=N_SEEDS):
    found = []
    for seed in range(n_seeds):
        maps, randomised, groups = make(np.random.default_rng(seed))
        options = {"groups": groups, "n_permutations": 39, "random_state": seed}
        found.append(weight_randomisation_test(maps, randomised, **options).pvalue)
    return np.array(found)


def unrelated(rng):
    return smooth(rng), [smooth(rng) for _ in range(3)], None


def of_patients(rng, named=True):
    """Six maps of each of ten patients are alike, but not by both networks."""
    patient = np.repeat(np.arange(10), 6)
    one, *others = (smooth(rng, 10)[patient] + 0.1 * smooth(rng, 60) for _ in range(4))
    return one, others, patient if named else None


def related(rng):
    """A part of the map is of the image, whatever the weights."""
    image = smooth(rng)
    return image + smooth(rng), [image + smooth(rng) for _ in range(3)], None


@pytest.mark.parametrize("make", [unrelated, of_patients])
def test_size(make):
    """Also of maps that are all alike: 0.3 or more by chance; 95 % bounds of 5 %."""
    reject = (pvalues(make) <= 0.05).mean()
    assert 0.02 <= reject <= 0.09


def test_size_without_the_names_of_patients():
    """The control of the test above: images of one patient are no evidence."""
    reject = pvalues(lambda rng: of_patients(rng, named=False), 40) <= 0.05
    assert reject.mean() > 0.25


def test_power():
    assert (pvalues(related, 40) <= 0.05).mean() > 0.9


def test_a_method_that_ignores_the_weights():
    maps = smooth(np.random.default_rng(0))
    result = weight_randomisation_test(maps, [maps, np.exp(maps / 9)], random_state=0)
    assert result.similarity == pytest.approx(1)
    assert result.pvalue == 0.001
    assert 0.1 < result.chance < result.detectable < 0.95
    assert result.n_units == N and result.n_constant == 0


def test_similarity_is_a_rank_correlation():
    rng = np.random.default_rng(0)
    maps, randomised = smooth(rng), [smooth(rng), smooth(rng)]
    result = weight_randomisation_test(maps, randomised, n_permutations=1999)
    table = np.array(
        [
            [
                [stats.spearmanr(a.ravel(), b.ravel()).statistic for b in network]
                for a in maps
            ]
            for network in randomised
        ]
    )
    own = table[:, np.arange(N), np.arange(N)].mean(axis=1)
    np.testing.assert_allclose(result.by_network, own)
    assert result.similarity == pytest.approx(own.mean())
    assert result.chance == pytest.approx(table.mean())
    assert result.null_distribution.mean() == pytest.approx(table.mean(), abs=0.005)


def test_order_and_constant_maps():
    rng = np.random.default_rng(0)
    maps, other = smooth(rng), smooth(rng)
    maps[3] = 1.0
    result = weight_randomisation_test(maps, [other, other], random_state=0)
    assert result.n_constant == 1
    order = rng.permutation(N)
    again = weight_randomisation_test(maps[order], [other[order]], random_state=0)
    assert again.similarity == pytest.approx(result.similarity)
    nothing = weight_randomisation_test(np.ones((6, 4)), [np.ones((6, 4))])
    assert (nothing.similarity, nothing.pvalue) == (0, 1)


@pytest.mark.parametrize(
    ("maps", "randomised", "options", "message"),
    [
        (np.ones(6), [np.ones(6)], {}, r"maps: an array of shape \(6,\)"),
        (np.ones((6, 4)), [], {}, "randomised: there is none"),
        (np.ones((6, 4)), [np.ones((6, 5))], {}, r"randomised\[0\]: .* \(6, 5\)"),
        (np.ones((6, 4)), [np.full((6, 4), np.nan)], {}, "6 of 6 maps hold NaN"),
        (np.ones((4, 4)), [np.ones((4, 4))], {}, "maps: 4 samples; pass 5 or more"),
        (np.ones((6, 4)), [np.ones((6, 4))], {"groups": [1] * 6}, "maps: 1 groups"),
        (np.ones((6, 4)), [np.ones((6, 4))], {"groups": [1]}, "groups: 1 for 6"),
        (
            np.ones((6, 4)),
            [np.ones((6, 4))],
            {"groups": ["a", None, "b", "c", "d", "e"]},
            "groups: 1 are missing",
        ),
    ],
)
def test_bad_input(maps, randomised, options, message):
    with pytest.raises(ValueError, match=message):
        weight_randomisation_test(maps, randomised, **options)
