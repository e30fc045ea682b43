"""What an erasure without a target does to a head: algebra, figures, warnings."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

from sklearn_wsca import Head, MetadataEraser, utilization_test
from sklearn_wsca._erasure.without_target import (
    MARGIN,
    Moves,
    association_pvalue,
    column_values,
    describe_moves,
    measure_move,
)
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca.datasets import make_shortcut

SEEDS = [0, 1, 2]


def study_of(seed=0, association=0.5, use=0.0, n=1000, **settings):
    settings = {"n_features": 24, "encoding": 2.0, "signal": 2.0} | settings
    return make_shortcut(
        n, use=use, association=association, random_state=seed, **settings
    )


def warning_of(study, columns=("scanner",), **arguments):
    """What fit says of the target, if anything."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eraser = MetadataEraser(list(columns))
        eraser.fit(study.data, study.metadata, **arguments)
    messages = [str(one.message) for one in caught]
    assert [m for m in messages if m not in eraser.notes_] == []
    return eraser, "".join(m for m in messages if m.startswith("target: "))


@pytest.mark.parametrize("n_levels", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_left_of_the_target_moves_with_the_column(seed, n_levels):
    """The equation of the module holds for any head on the rows of the fit."""
    study = study_of(seed, n_levels=n_levels, n_classes=3)
    eraser, _ = warning_of(study)
    outputs = eraser.transform(study.data) @ np.random.default_rng(seed).normal(
        size=(24, 4)
    )
    z, t = (
        pd.get_dummies(study.metadata[name]).to_numpy(float)[:, 1:]
        for name in ("scanner", "target")
    )
    z, t, outputs = (part - part.mean(axis=0) for part in (z, t, outputs))
    coef = linalg.lstsq(np.hstack([z, t]), outputs)[0]
    of_column, of_target = coef[: z.shape[1]], coef[z.shape[1] :]
    expected = -linalg.solve(z.T @ z, z.T @ t @ of_target)
    assert np.abs(of_column).max() > 0.1
    np.testing.assert_allclose(of_column, expected, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_figure_is_how_far_a_blind_head_then_moves(seed, n_classes):
    """Rows of other studies of the same kind: what a user would see afterwards."""
    study = study_of(seed, n_classes=n_classes, n_levels=n_classes, n=2000)
    eraser, said = warning_of(study)
    assert "name it: target='target'" in said
    figure = float(said.split("standard deviation")[0].split(" by ")[-1].split()[0])
    head = Head(*study.head)
    before, after = (
        utilization_test(
            own.outputs(study.data),
            study.metadata["scanner"],
            target=study.target,
            n_permutations=0,
        ).utilization
        for own in (head, eraser.repair_head(head))
    )
    assert before < 0.1 < 0.25 < after
    assert figure == pytest.approx(after, abs=0.06)


def test_naming_the_target_is_what_helps():
    study = study_of()
    eraser = MetadataEraser(["scanner"], target="target")
    eraser.fit(study.data, study.metadata)
    assert eraser.notes_ == []
    result = utilization_test(
        eraser.repair_head(study.head).outputs(study.data),
        study.metadata["scanner"],
        target=study.target,
        n_permutations=0,
    )
    assert result.utilization < 0.02


@pytest.mark.parametrize("n", [100, 400])
def test_columns_that_are_not_associated_are_not_warned_of(n):
    said = [warning_of(study_of(seed, 0.0, n=n))[1] for seed in range(25)]
    assert sum(map(bool, said)) <= 1


def test_an_associated_column_that_is_not_encoded_is_no_target():
    study = study_of(association=0.0, n=200)
    rng = np.random.default_rng(0)
    moved = rng.random(200) < 0.4
    noise = np.where(moved, rng.permutation(study.metadata["scanner"]), "other")
    site = np.where(rng.random(200) < 0.6, study.metadata["scanner"], noise)
    study.metadata["site"] = site
    study.data[:] = rng.standard_normal(study.data.shape)
    assert warning_of(study)[1] == ""


def test_the_target_that_is_y_is_the_only_one_asked_about():
    study = study_of()
    table = study.metadata.drop(columns="target")
    table["copy"] = study.target
    _, said = warning_of(study)
    assert "'target'" in said
    eraser = MetadataEraser(["scanner"])
    with pytest.warns(UserWarning, match="target='target'") as caught:
        eraser.fit(study.data, study.target, metadata=table)
    assert not any("'copy'" in str(one.message) for one in caught)
    named = MetadataEraser(["scanner"], target="target")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        named.fit(study.data, study.target, metadata=table)


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_moves_are_those_of_the_test_of_utilization(kind):
    rng = np.random.default_rng(3)
    n = 3000
    target = rng.integers(0, 2, n)
    x = rng.standard_normal(n) + target
    values = np.where(x > 0.5, "b", "a") if kind == "categorical" else 50 + 9 * x
    outputs = (3.0 * target + 0.8 * x + rng.standard_normal(n))[:, None] + 40
    column = read_column(pd.Series(values, name="column"))
    held = read_column(pd.Series(target, name="target").map({0: "no", 1: "yes"}))
    found = measure_move(outputs, column, held, np.ones(n))
    expected = utilization_test(
        outputs, values, target=target, adjustment="linear", n_permutations=0
    )
    assert found > 0.2
    assert found == pytest.approx(expected.utilization, abs=0.01)
    assert association_pvalue(column, held, np.ones(n)) < 1e-10
    shuffled = read_column(pd.Series(rng.permutation(values), name="column"))
    assert association_pvalue(shuffled, held, np.ones(n)) > 0.001
    assert measure_move(0.0 * outputs, column, held, np.ones(n)) == 0.0


def test_values_of_rows_that_do_not_count_are_zero():
    column = read_column(pd.Series(["a", "b", None] * 3, name="x"))
    shares = np.array([0.5, 0.5] + 7 * [0.0])
    found = column_values(column, shares)
    np.testing.assert_array_equal(found[:3], [[1, 0], [0, 1], [0, 0]])
    assert not found[3:].any()


def test_words():
    assert describe_moves(None) == []
    (said,) = describe_moves(Moves("site", "grade", 0.02, 0.41))
    assert "predicts 'grade' then move with 'site' at fixed 'grade' by 0.41" in said
    assert MARGIN == 0.1
