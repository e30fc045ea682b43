"""Sizes of shifts and their permutations, against slow and obvious calculations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca._features.shift_statistics import (
    ShiftTest,
    measure_sizes,
    products_with_sum,
    to_unit,
)
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.features.shifts import SCALE, compare_by, draw_patients, draw_values


def slow_difference(feature, classes, levels, first, second):
    """Class-adjusted difference over the deviation within class and level."""
    weights, differences, squares, n_cells = [], [], 0.0, 0
    for k in np.unique(classes):
        for level in np.unique(levels[classes == k]):
            cell = feature[(classes == k) & (levels == level)]
            squares += ((cell - cell.mean()) ** 2).sum()
            n_cells += 1
        a = feature[(classes == k) & (levels == first)]
        b = feature[(classes == k) & (levels == second)]
        if len(a) and len(b):
            weights.append(1 / (1 / len(a) + 1 / len(b)))
            differences.append(b.mean() - a.mean())
    deviation = np.sqrt(squares / (len(feature) - n_cells))
    return np.average(differences, weights=weights) / deviation


def slow_explained(feature, classes, levels):
    """Sum of squares between levels within classes over all within classes."""
    between, total = 0.0, 0.0
    for k in np.unique(classes):
        of_class = feature[classes == k]
        total += ((of_class - of_class.mean()) ** 2).sum()
        for level in np.unique(levels[classes == k]):
            cell = feature[(classes == k) & (levels == level)]
            between += len(cell) * (cell.mean() - of_class.mean()) ** 2
    return between / total


def slow_ks(feature, classes, levels, first, second):
    """Distance of distribution functions, averaged over classes, at every value."""
    centred = feature - np.array([feature[classes == k].mean() for k in classes])
    weights, distances = [], []
    for k in np.unique(classes):
        a = centred[(classes == k) & (levels == first)]
        b = centred[(classes == k) & (levels == second)]
        if len(a) and len(b):
            below = centred[:, None]
            weights.append(1 / (1 / len(a) + 1 / len(b)))
            distances.append((a <= below).mean(axis=1) - (b <= below).mean(axis=1))
    return np.abs(np.average(distances, axis=0, weights=weights)).max()


@pytest.fixture(params=[2, 4])
def by_level(request):
    """Rounded values, classes and levels; one level is missing in one class."""
    rng = np.random.default_rng(request.param)
    classes = rng.integers(0, 3, 150)
    levels = (classes + rng.integers(0, 2, 150) * rng.integers(0, 3, 150)) % 4
    levels = levels % request.param
    levels[(classes == 2) & (levels == 1)] = 0
    values = draw_values(rng, classes)[:, ::5]
    values = SCALE[::5] * np.round(values / SCALE[::5] * 2) / 2
    return values.astype(np.float32).astype(float), classes, levels


def test_sizes_agree_with_slow_loops(by_level):
    values, classes, levels = by_level
    table = compare_by(levels, values, classes, m=0)
    pairs = [(a, b) for b in range(levels.max() + 1) for a in range(b)]
    for row, feature in zip(table.itertuples(), values.T, strict=True):
        smd = [slow_difference(feature, classes, levels, *pair) for pair in pairs]
        smd = smd[0] if len(pairs) == 1 else np.abs(smd).max()
        assert row.smd == pytest.approx(smd, rel=1e-9)
        ks = max(slow_ks(feature, classes, levels, *pair) for pair in pairs)
        assert row.ks == pytest.approx(ks, rel=1e-9)
        explained = slow_explained(feature, classes, levels)
        assert row.explained == pytest.approx(explained, rel=1e-4)


def test_sizes_of_a_number_are_those_of_scipy():
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 3, 120)
    number = classes + rng.normal(size=120)
    values = draw_values(rng, classes)
    values[:, 4] += SCALE[4] * number
    table = compare_by(number, values, classes, m=0)
    means = np.array([number[classes == k].mean() for k in classes])
    medians = np.array([np.median(number[classes == k]) for k in classes])
    halves = (number > medians).astype(int)
    for row, feature in zip(table.itertuples(), values.T, strict=True):
        centred = feature - np.array([feature[classes == k].mean() for k in classes])
        r = stats.pearsonr(centred, number - means).statistic
        assert row.smd == pytest.approx(r, abs=1e-5)
        assert row.ks == pytest.approx(slow_ks(feature, classes, halves, 0, 1), 1e-6)
    assert table["smd"].abs().idxmax() == 4
    assert set(table["measure"]) == {"partial correlation"}


@pytest.mark.parametrize("scheme", ["rows", "between groups", "within groups"])
@pytest.mark.parametrize("kind", ["levels", "number"])
def test_permutations_agree_with_permuted_labels(scheme, kind):
    rng = np.random.default_rng(5)
    classes, scanner, patients = draw_patients(rng, 20, 4)
    labels = rng.integers(0, 3, 80) if scheme != "between groups" else scanner
    if kind == "number":
        labels = rng.normal(size=80) if scheme != "between groups" else patients**0.5
    values = draw_values(rng, classes, patients).astype(np.float32)[:, :4]
    column = read_column(pd.Series(labels, name="label"), min_rows=2)
    groups = None if scheme == "rows" else Groups.of(pd.Series(patients))
    exchange = exchange_units(column, groups, both=False)
    assert exchange.scheme == scheme
    exchange = exchange.within(classes[exchange.first])
    test = ShiftTest.of(values, column, classes, exchange)
    plan = PermutationPlan(0, 7, 80)
    centred = values.astype(float)
    if scheme == "within groups":
        centred -= pd.DataFrame(centred).groupby(patients).transform("mean").to_numpy()
        if kind == "number":
            labels = labels - pd.Series(labels).groupby(patients).transform("mean")
    for order, found in zip(plan.orders(range(7)), test.null(plan), strict=True):
        permuted = np.asarray(labels)[exchange.sources(order[None])[0]]
        expected = [slow_share(x, classes, permuted, kind) for x in centred.T]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def slow_share(feature, classes, labels, kind):
    if kind == "levels":
        return slow_explained(feature, classes, labels)
    along, total = 0.0, 0.0
    for k in np.unique(classes):
        of_class, number = feature[classes == k], labels[classes == k]
        squares = ((of_class - of_class.mean()) ** 2).sum()
        along += stats.pearsonr(of_class, number).statistic ** 2 * squares
        total += squares
    return along / total


def test_levels_that_share_no_class_are_not_compared_with_each_other():
    """Two sites are in the first class only, and two in the others."""
    rng = np.random.default_rng(10)
    classes = rng.integers(0, 3, 200)
    half = rng.integers(0, 2, 200)
    site = np.where(classes == 0, 3 * half, 1 + half)
    values = draw_values(rng, classes)
    table = compare_by(site, values, classes, m=0)
    for found, feature in zip(table["smd"], values.T, strict=True):
        pairs = [slow_difference(feature, classes, site, *p) for p in [(0, 3), (1, 2)]]
        assert found == pytest.approx(np.abs(pairs).max(), rel=1e-5)


def test_many_features_give_the_same_as_few():
    rng = np.random.default_rng(10)
    column = read_column(pd.Series(rng.integers(0, 3, 60), name="label"))
    classes = rng.integers(0, 2, 60)
    values = rng.normal(size=(60, 150)).astype(np.float32)
    sizes = measure_sizes(values, classes, column)
    part = measure_sizes(values[:, 100:], classes, column)
    np.testing.assert_allclose(sizes.shift[100:], part.shift)
    np.testing.assert_allclose(sizes.ks[100:], part.ks)


def test_products_with_a_sum_are_those_of_standardised_rows():
    """Over several blocks of features; the diagonal adds up to the distance."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 70)) * np.geomspace(1.0, 1e3, 70) + 5.0
    classes = np.arange(40) % 2
    column = read_column(pd.Series(list("ab") * 20)[rng.permutation(40)])
    centred = values.copy()
    for k in range(2):
        centred[classes == k] -= values[classes == k].mean(axis=0)
    gram = to_unit(centred) @ to_unit(centred).T
    numbers = rng.standard_normal(40)
    found = products_with_sum(values, classes, column, numbers)
    np.testing.assert_allclose(found, gram @ numbers, atol=1e-9)
    distance = measure_sizes(values, classes, column).distance
    np.testing.assert_allclose(np.diag(gram), distance, rtol=1e-9)
