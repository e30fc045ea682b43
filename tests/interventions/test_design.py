"""Cells of units and levels: means, noise of repeats, and how many permutations."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

from sklearn_wsca._interventions.reading import make_design


def design_of(table, target=None, groups=None, repeats="repeat"):
    columns = {name: table[name] for name in ("unit", "level")}
    return make_design(
        **columns,
        repeats=None if repeats is None else table[repeats],
        target=None if target is None else table[target],
        groups=None if groups is None else table[groups],
    )


@pytest.fixture
def table():
    """Unequal repeats, and unit c was not under level 2."""
    cells = [("a", 1, 2), ("a", 2, 1), ("b", 1, 1), ("b", 2, 3), ("b", 3, 2)]
    cells += [("c", 1, 2), ("c", 3, 1)]
    rows = [(unit, level, i) for unit, level, n in cells for i in range(n)]
    table = pd.DataFrame(rows, columns=["unit", "level", "repeat"])
    return table.sample(frac=1, random_state=0).reset_index(drop=True)


def test_cell_means_and_noise_are_those_of_a_table(table):
    design, _, order = design_of(table)
    rows = 7.0 + np.random.default_rng(0).standard_normal((len(table), 2)) * [1.0, 9.0]
    means = design.cell_means(rows[order])
    noise = design.cell_noise(rows[order], means)
    by_cell = pd.DataFrame(rows).groupby([table["unit"], table["level"]])
    units = [design.units.index(name) for name in "abc"]
    total = by_cell.var().sum(axis=1, min_count=1)
    counts = by_cell.size()
    pooled = (total * (counts - 1)).groupby("level").sum() / (
        (counts - 1).groupby("level").sum()
    )
    for (unit, level), expected in by_cell.mean().iterrows():
        place = units["abc".index(unit)], design.levels.index(level)
        np.testing.assert_allclose(means[place], expected)
        spread = total[unit, level] if counts[unit, level] > 1 else pooled[level]
        assert noise[place] == pytest.approx(spread / counts[unit, level])
    absent = units[2], design.levels.index(2)
    assert not design.seen[absent]
    assert (means[absent] == 0).all() and noise[absent] == 0
    assert design.seen.sum() == 7


def test_a_level_without_repeats_takes_the_noise_of_the_others():
    rows = [(f"u{i}", level, r) for i in range(4) for level, r in ("A0", "A1", "B0")]
    table = pd.DataFrame(rows, columns=["unit", "level", "repeat"])
    design, _, order = design_of(table)
    values = np.random.default_rng(0).standard_normal((12, 1))[order]
    noise = design.cell_noise(values, design.cell_means(values))
    pairs = values[design.level == 0].reshape(4, 2)
    assert noise[:, 1] == pytest.approx(pairs.var(axis=1, ddof=1).mean())


def test_names_of_levels_are_sorted_or_ordered_as_categories(table):
    design, _, _ = design_of(table)
    assert design.levels == [1, 2, 3]
    ordered = pd.Categorical(table["level"], categories=[3, 1, 2, 9])
    assert design_of(table.assign(level=ordered))[0].levels == [3, 1, 2]


def test_arrangements_are_counted():
    units, levels, repeats = np.indices((5, 3, 2)).reshape(3, -1)
    table = pd.DataFrame({"unit": units, "level": levels, "repeat": repeats})
    once = table[table["repeat"] == 0]
    design, _, _ = design_of(once, repeats=None)
    # To rename the levels of all units alike changes nothing.
    assert design.log_arrangements == pytest.approx(4 * np.log(6))
    repeated, _, _ = design_of(table)
    expected = 5 * (gammaln(7) - 3 * np.log(2)) - np.log(6)
    assert repeated.log_arrangements == pytest.approx(expected)
    # Three groups of 2, 2 and 1 units, which change their levels alike.
    grouped, _, _ = design_of(once.assign(group=once["unit"] // 2), None, "group", None)
    assert grouped.n_clusters == 3
    assert grouped.log_arrangements == pytest.approx(2 * np.log(6))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"unit": [1, "1", 1, "1"] * 3}, "differ in type only"),
        ({"group": range(12)}, "^groups: unit .* has several"),
    ],
)
def test_names_that_contradict_are_refused(changed, message):
    units, levels = np.indices((6, 2)).reshape(2, -1)
    table = pd.DataFrame({"unit": units, "level": levels, "group": units})
    with pytest.raises(ValueError, match=message):
        design_of(table.assign(**changed), None, "group", None)
