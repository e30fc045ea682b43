"""Pairs of head rows, of one network and of several, with known relations."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from sklearn_wsca import Head, WeightSpaceCorrelation, reference_cosines
from sklearn_wsca._alignment.row_pairs import BETWEEN, NETWORKS, SAME_TASK, WITHIN
from sklearn_wsca._displays.null_distribution import pair_cosines

D, N_LATENT, N_ROWS = 64, 6, 120
SIDES = (("network", "task"), ("other_network", "other_task"))
TASKS = {"plane": 4, "scanner": 3, "sex": 2, "age": 5}
NARROW = {"plane": Head(np.eye(3, 9), np.zeros(3))}


def train(seed, axes=None, **options):
    """Network whose embeddings have few directions, and heads that share nothing.

    Networks with the same `axes` stand for those that were fine-tuned from one start.
    """
    rng = np.random.default_rng(seed)
    if axes is None:
        axes = rng.standard_normal((N_LATENT, D))
    scale = np.geomspace(5.0, 0.5, N_LATENT)
    Z = 3.0 + rng.standard_normal((N_ROWS, N_LATENT)) * scale @ axes
    basis = np.linalg.qr(axes.T)[0].T
    heads = {
        name: Head(rng.standard_normal((n, N_LATENT)) @ basis, np.zeros(n), range(n))
        for name, n in TASKS.items()
    }
    return analyse(Z, heads, **options)


def analyse(Z, heads, **options):
    options = {"min_components": N_LATENT, "n_permutations": 0} | options
    analysis = WeightSpaceCorrelation(
        columns=list(heads), heads=heads, diagnostics=False, **options
    )
    return analysis.fit(Z, pd.DataFrame({"label": np.arange(len(Z)) % 2}))


def spread_of(pairs):
    return pairs.groupby("pair")["cosine"].std()


def cosines_of(pairs, kind):
    return pairs.loc[pairs["pair"] == kind, "cosine"].to_numpy()


@pytest.mark.parametrize("n_components", [0.99, 3, None])
def test_pairs_of_one_network_are_those_of_its_correlation(n_components):
    analysis = train(0, n_components=n_components)
    found = reference_cosines([analysis])
    expected = pair_cosines(analysis.correlation_)
    for kind in (WITHIN, BETWEEN):
        values = cosines_of(found, kind)
        assert_allclose(np.sort(values), np.sort(cosines_of(expected, kind)))
    assert set(found["pair"]) == {WITHIN, BETWEEN}
    row = found.iloc[20]
    cosine = analysis.correlation_.loc[
        (row["task"], row["class"]), (row["other_task"], row["other_class"])
    ]
    assert row["cosine"] == pytest.approx(cosine)


def test_every_pair_occurs_once_and_says_what_it_is_of():
    found = reference_cosines({name: train(seed) for seed, name in enumerate("abc")})
    n = sum(TASKS.values())
    within = sum(k * (k - 1) // 2 for k in TASKS.values())
    same = sum(k**2 for k in TASKS.values())
    assert found["pair"].value_counts(sort=False).to_dict() == {
        WITHIN: 3 * within,
        BETWEEN: 3 * (n * (n - 1) // 2 - within),
        NETWORKS: 3 * (n**2 - same),
        SAME_TASK: 3 * same,
    }
    assert not found.drop(columns="cosine").duplicated().any()
    own, alike = (found[a] == found[b] for a, b in zip(*SIDES, strict=True))
    assert (own == found["pair"].isin([WITHIN, BETWEEN])).all()
    assert (alike == found["pair"].isin([WITHIN, SAME_TASK])).all()


@pytest.mark.parametrize("seed", [0, 10, 20])
def test_beside_pairs_between_networks_any_two_heads_look_aligned(seed):
    """Heads of a network that share nothing: 5 % lie outside of their own 95 %."""
    pairs = reference_cosines([train(seed + i) for i in range(3)])
    new = cosines_of(reference_cosines([train(seed + 5)]), BETWEEN)
    alarms = {}
    for kind in (BETWEEN, NETWORKS):
        low, high = np.quantile(cosines_of(pairs, kind), [0.025, 0.975])
        alarms[kind] = np.mean((new < low) | (new > high))
    assert alarms[BETWEEN] < 0.15
    assert alarms[NETWORKS] > 0.35
    spread = spread_of(pairs)
    assert spread[NETWORKS] == pytest.approx(1 / np.sqrt(D), rel=0.3)
    assert spread[BETWEEN] == pytest.approx(1 / np.sqrt(N_LATENT), rel=0.3)


def test_the_same_task_tells_whether_networks_have_a_space_in_common():
    axes = np.random.default_rng(9).standard_normal((N_LATENT, D))
    apart = reference_cosines([train(0), train(1)])
    assert spread_of(apart)[SAME_TASK] == pytest.approx(1 / np.sqrt(D), rel=0.4)
    # Of one embedding, heads of two networks are like heads of one.
    common = spread_of(reference_cosines([train(0, axes), train(1, axes)]))
    assert common[NETWORKS] == pytest.approx(1 / np.sqrt(N_LATENT), rel=0.3)


def test_a_head_that_two_networks_share_is_found():
    first, second = train(0), train(0)
    found = reference_cosines({"one": first, "two": second})
    same = found[
        (found["pair"] == SAME_TASK) & (found["class"] == found["other_class"])
    ]
    assert_allclose(same["cosine"], 1.0)


def test_rows_without_a_direction_have_no_pairs():
    heads = dict(train(0).heads_)
    Z = np.random.default_rng(0).normal(1.0, 2.0, (N_ROWS, D))
    coef = heads["age"].coef - heads["age"].coef.mean(axis=0)
    coef[2] = 0.0
    coef[3:] -= coef.sum(axis=0) / 2
    found = reference_cosines([analyse(Z, heads | {"age": Head(coef, np.zeros(5))})])
    is_age = (found["task"] == "age") & (found["other_task"] == "age")
    assert is_age.sum() == 6
    assert found["cosine"].notna().all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda a: a, TypeError, "analyses: found a WeightSpaceCorrelation; pass a l"),
        (lambda a: [], ValueError, "analyses: there is none"),
        (lambda a: [a, a], ValueError, "0 and 1 are the same analysis"),
        (lambda a: {"one": a.heads_}, TypeError, "'one' is a dict; pass a fitted"),
        (lambda a: [WeightSpaceCorrelation()], NotFittedError, "not fitted"),
        (
            lambda a: [a, train(1, metric="score")],
            ValueError,
            "1 has metric='score', .* set metric='weight'",
        ),
        (
            lambda a: [a, analyse(np.random.default_rng(0).random((60, 9)), NARROW)],
            ValueError,
            "1 has 9 features and 0 has 64",
        ),
    ],
    ids=["no list", "empty", "twice", "heads", "not fitted", "metric", "width"],
)
def test_what_cannot_be_compared_is_named(make, error, message):
    with pytest.raises(error, match=message):
        reference_cosines(make(train(0)))
