"""Directions of noise: columns that embeddings do not show, levels they do not tell."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataEraser
from tests.reference import make_study


@pytest.mark.parametrize(("n", "d"), [(300, 10), (60, 120)])
@pytest.mark.parametrize("column", ["site", "age"])
def test_columns_that_the_embeddings_do_not_show(n, d, column):
    """p-values of 60 unrelated columns; and of one that moves the embeddings."""
    said = 0
    for seed in range(60):
        X, table = make_study(seed, n, d, shared=0.0)
        eraser = MetadataEraser([column], target="disease").fit(X, table)
        said += any("beyond chance" in note for note in eraser.notes_)
    assert 52 <= said <= 60
    X, table = make_study(0, n, d, shared=3.0)
    eraser = MetadataEraser([column], target="disease").fit(X, table)
    assert not any("beyond chance" in note for note in eraser.notes_)


def draw_levels(seed, n=800):
    """Scanners A and C alike, B with a direction of its own along little variance."""
    rng = np.random.default_rng(seed)
    target, scanner = rng.integers(0, 2, n), rng.integers(0, 3, n)
    X = rng.standard_normal((n, 8)) * np.geomspace(3.0, 0.3, 8)
    X[:, 0] += 2 * target
    X[:, 7] += 0.3 * (scanner == 1)
    names = np.array(["A", "B", "C"])[scanner]
    return X, pd.DataFrame({"scanner": names, "disease": target})


@pytest.mark.parametrize("target", [None, "disease"])
def test_levels_that_the_embeddings_do_not_tell_are_named(target):
    alike = 0
    for seed in range(20):
        X, table = draw_levels(seed)
        eraser = MetadataEraser(["scanner"], target=target).fit(X, table)
        alike += any("do not tell 'A' from 'C' beyond" in x for x in eraser.notes_)
        assert not any("'B'" in note for note in eraser.notes_)
    assert alike >= 16


def test_levels_are_not_compared_where_it_says_nothing():
    X, table = draw_levels(0)
    merged = table.assign(scanner=table["scanner"].replace("C", "A"))
    assert MetadataEraser(["scanner"], target="disease").fit(X, merged).notes_ == []
    quadratic = MetadataEraser(["scanner"], target="disease", method="quadratic")
    assert quadratic.fit(X, table).notes_ == []
    # One sentence says that nothing is seen of the whole column.
    hidden = table.assign(scanner=np.random.default_rng(1).permutation(table.scanner))
    (note,) = MetadataEraser(["scanner"], target="disease").fit(X, hidden).notes_
    assert "do not show it" in note


def test_a_pair_of_levels_without_known_target_is_not_compared():
    X, table = draw_levels(0)
    table["disease"] = table["disease"].astype(float)
    table.loc[table["scanner"] != "B", "disease"] = np.nan
    table.loc[[0, 1, 2], ["scanner", "disease"]] = [["A", 0.0], ["A", 1.0], ["B", 0.0]]
    eraser = MetadataEraser(["scanner"], target="disease").fit(X, table)
    assert not any("'C'" in note for note in eraser.notes_)
