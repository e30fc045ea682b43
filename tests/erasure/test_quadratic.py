"""Quadratic erasure: equal means and covariances, class means that stay."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score

from sklearn_wsca import MetadataEraser, utilization_test
from sklearn_wsca._erasure.quadratic import level_map, split_directions

SEEDS = [0, 1, 2]


def draw(seed, n=2000, d=8, association=0.5, shares=(0.5, 0.5), spread=0.5):
    """Levels that differ in means and covariances; scales and means far from equal."""
    rng = np.random.default_rng([seed, 1])
    target = rng.integers(0, 2, n)
    level = rng.choice(len(shares), n, p=shares)
    level = np.where(rng.random(n) < association, target % len(shares), level)
    fixed = np.random.default_rng(9)
    roots = []
    for _ in shares:
        turn = linalg.qr(fixed.standard_normal((d, d)))[0]
        roots.append((turn * np.exp(spread * fixed.standard_normal(d))) @ turn.T)
    X = np.einsum("nij,nj->ni", np.stack(roots)[level], rng.standard_normal((n, d)))
    X[:, 0] += 2.5 * target
    X[:, 1] += 2.0 * level
    X = X * np.geomspace(4.0, 0.5, d) + 30.0
    table = pd.DataFrame(
        {
            "target": np.array(["no", "yes"])[target],
            "site": np.array(["Aarhus", "Bergen", "Cork"])[level],
        }
    )
    return X, table


def tell_levels(X, table, fitted):
    """Balanced accuracy of a quadratic probe on other rows."""
    n_levels = table["site"].nunique()
    probe = QuadraticDiscriminantAnalysis(
        priors=np.full(n_levels, 1.0 / n_levels), reg_param=1e-2
    )
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    probe.fit(scaled[fitted], table["site"][fitted])
    found = probe.predict(scaled[~fitted])
    return balanced_accuracy_score(table["site"][~fitted], found)


def moments(X, weights):
    shares = weights / weights.sum()
    centred = X - shares @ X
    return shares @ X, (centred.T * shares) @ centred


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore:target. without one:UserWarning")
def test_means_and_covariances_are_equal_without_shrinkage(seed, weighted):
    X, table = draw(seed, shares=(0.6, 0.3, 0.1))
    weights = np.ones(len(X))
    if weighted:
        weights = np.random.default_rng(seed).uniform(0.2, 3.0, len(X))
    eraser = MetadataEraser(["site"], method="quadratic", shrinkage=0.0)
    erased = eraser.fit(X, table, weights).transform(X, metadata=table)
    mean, _ = moments(X, weights)
    found = [
        moments(erased[rows], weights[rows])
        for rows in (table["site"] == name for name in table["site"].unique())
    ]
    for own_mean, own_covariance in found:
        np.testing.assert_allclose(own_mean, mean, atol=1e-8)
        np.testing.assert_allclose(own_covariance, found[0][1], atol=1e-8)
    assert eraser.shrinkage_ == 0.0


@pytest.mark.parametrize("target", [None, "target"])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore:target. without one:UserWarning")
def test_a_quadratic_probe_fails_on_other_rows_where_linear_erasure_is_not_enough(
    seed, target
):
    X, table = draw(seed, association=0.0)
    fitted = np.arange(len(X)) % 2 == 0
    told = {"before": tell_levels(X, table, fitted)}
    for method in ("linear", "quadratic"):
        eraser = MetadataEraser(["site"], target=target, method=method)
        eraser.fit(X[fitted], table[fitted])
        told[method] = tell_levels(eraser.transform(X, metadata=table), table, fitted)
    assert told["before"] > 0.9
    assert told["linear"] > 0.78
    # Within classes the precision with which a level tells them is left.
    assert told["quadratic"] < (0.56 if target is None else 0.65)


@pytest.mark.parametrize("seed", SEEDS)
def test_at_fixed_target_no_head_moves_and_class_means_stay(seed):
    X, table = draw(seed)
    eraser = MetadataEraser(["site"], target="target", method="quadratic")
    erased = eraser.fit(X, table).transform(X, metadata=table)
    assert eraser.notes_ == []
    heads = np.random.default_rng(seed).standard_normal((8, 3))
    found = []
    for rows in (X, erased):
        design = np.stack(
            [np.ones(len(X)), table["target"] == "yes", table["site"] == "Bergen"], 1
        )
        found.append(linalg.lstsq(design.astype(float), rows @ heads)[0])
    before, after = found
    assert np.abs(before[2]).max() > 0.5
    np.testing.assert_allclose(after[2], 0.0, atol=1e-8)
    np.testing.assert_allclose(after[1], before[1], atol=0.2)


def test_a_blind_head_gets_no_worse():
    X, table = draw(0, n=4000)
    fitted = np.arange(len(X)) % 2 == 0
    eraser = MetadataEraser(["site"], target="target", method="quadratic")
    erased = eraser.fit(X[fitted], table[fitted]).transform(X, metadata=table)
    used = [
        utilization_test(
            rows[~fitted, 0],
            table["site"][~fitted],
            target=table["target"][~fitted],
            n_permutations=0,
        ).utilization
        for rows in (X, erased)
    ]
    assert max(used) < 0.05
    gap = [
        abs(np.diff([rows[table["target"] == t, 0].mean() for t in ("no", "yes")]))
        / rows[:, 0].std()
        for rows in (X, erased)
    ]
    assert gap[1] > 0.95 * gap[0]


def draw_even(seed, n, d, spread):
    """Variances that are the same in all directions, and under all levels but one."""
    rng = np.random.default_rng([seed, 2])
    target, level = rng.integers(0, 2, n), rng.integers(0, 3, n)
    X = rng.standard_normal((n, d)) * np.where(level == 1, spread, 1.0)[:, None]
    X[:, 0] += 2 * target
    X[:, 1] += 1.5 * (level == 2)
    names = np.array(["Aarhus", "Bergen", "Cork"])[level]
    return X, pd.DataFrame({"target": target, "site": names})


@pytest.mark.parametrize(("n", "d"), [(2000, 4), (2000, 16), (400, 32)])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_level_that_is_noisier_everywhere_is_not_told_by_its_variance(seed, n, d):
    X, table = draw_even(seed, n + 2000, d, 2.5)
    fitted = np.arange(len(X)) < n
    eraser = MetadataEraser(["site"], target="target", method="quadratic")
    eraser.fit(X[fitted], table[fitted])
    erased = eraser.transform(X, metadata=table)
    variances = pd.DataFrame(erased[~fitted, 2:]).groupby(
        table["site"][~fitted].to_numpy()
    )
    variances = variances.var().mean(axis=1)
    assert variances.max() < (1.2 if n == 2000 else 1.5) * variances.min()
    if n == 2000:
        half = ~fitted & (np.arange(len(X)) % 2 == 0)
        told = [tell_levels(rows, table, half) for rows in (X, erased)]
        assert told[0] > 0.7
        assert told[1] < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_few_rows_of_levels_that_are_alike_do_not_mark_them(seed):
    """Maps that fit chance would make other rows of a level tell it."""
    n = 300
    X, table = draw_even(seed, n + 3000, 32, 1.0)
    fitted = np.arange(len(X)) < n
    other = ~fitted & (np.arange(len(X)) % 2 == 0)
    eraser = MetadataEraser(["site"], target="target", method="quadratic")
    eraser.fit(X[fitted], table[fitted])
    erased = eraser.transform(X, metadata=table)
    told = [
        tell_levels(rows[~fitted], table[~fitted].reset_index(), other[~fitted])
        for rows in (X, erased)
    ]
    assert told[1] < told[0]


def test_levels_that_are_alike_are_left_alone():
    X, table = draw(0, spread=0.0, association=0.0, n=4000)
    eraser = MetadataEraser(["site"], target="target", method="quadratic")
    erased = eraser.fit(X, table).transform(X, metadata=table)
    linear = MetadataEraser(["site"], target="target").fit(X, table).transform(X)
    spread = X.std(axis=0)
    quadratic_change = ((erased - X) / spread).std(axis=0)
    assert quadratic_change[2:].max() < 0.12
    # It knows the level, and need not take the noise along the direction with it.
    assert np.sum((erased - X) ** 2) < np.sum((linear - X) ** 2)


@pytest.mark.parametrize(("n", "d"), [(60, 90), (120, 120), (40, 8)])
def test_few_rows_and_rare_levels_do_no_harm(n, d):
    X, table = draw(1, n=n, d=d, shares=(0.6, 0.3, 0.1))
    table.loc[table.index[3], "site"] = "Dublin"
    eraser = MetadataEraser(["site"], target="target", method="quadratic")
    erased = eraser.fit(X, table).transform(X, metadata=table)
    assert np.isfinite(erased).all()
    assert np.linalg.norm(erased - X) < np.linalg.norm(X - X.mean(axis=0))
    assert 0 < eraser.shrinkage_ <= 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("target", [None, "target"])
@pytest.mark.filterwarnings("ignore:target. without one:UserWarning")
def test_invariances(seed, target):
    X, table = draw(seed, n=300, shares=(0.6, 0.3, 0.1))
    rng = np.random.default_rng(seed)

    def erase(X, table):
        eraser = MetadataEraser(["site"], target=target, method="quadratic")
        return eraser.fit_transform(X, table)

    expected = erase(X, table)
    close = {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(erase(1e3 * X, table) / 1e3, expected, **close)
    np.testing.assert_allclose(erase(X + 500.0, table) - 500.0, expected, **close)
    turn = linalg.qr(rng.standard_normal((8, 8)))[0]
    np.testing.assert_allclose(erase(X @ turn, table) @ turn.T, expected, **close)
    order = rng.permutation(len(X))
    found = erase(X[order], table.iloc[order])
    np.testing.assert_allclose(found, expected[order], **close)


def test_pieces():
    kept, other = split_directions(np.array([[3.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    assert kept.shape == (3, 1) and other.shape == (3, 2)
    np.testing.assert_allclose(np.abs(kept[:, 0]), [1.0, 0.0, 0.0], atol=1e-12)
    covariance = np.array([[2.0, 0.3, 0.1], [0.3, 4.0, 0.0], [0.1, 0.0, 0.25]])
    change = level_map(covariance, kept, other)
    np.testing.assert_allclose(change @ kept, kept, atol=1e-12)
    after = change @ covariance @ change.T
    np.testing.assert_allclose(other.T @ after @ other, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(kept.T @ after @ other, 0.0, atol=1e-12)
    everything = level_map(covariance, np.eye(3), np.zeros((3, 0)))
    np.testing.assert_array_equal(everything, np.eye(3))
