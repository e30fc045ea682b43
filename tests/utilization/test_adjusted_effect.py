"""One column adjusted for what is held fixed: model, units, shift of probabilities."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._utilization.adjusted_effect import examine as examine_at
from sklearn_wsca._utilization.decision import Decision
from tests.decision_studies import (
    MEANS,
    N_GROUPS,
    SCALES,
    UNIT,
    N,
    Sample,
    grouped,
    study,
)
from tests.reference import least_squares_utilization


def examine(decision, column):
    return examine_at(decision, column, 0.05)


# --- one column ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels"])
def test_a_confounder_that_is_tested_is_a_column_like_others(name):
    decision, columns = study()
    alone = examine(decision, columns[name])
    both = replace(decision, confounders=[columns[name]])
    np.testing.assert_allclose(examine(both, columns[name]).observed, alone.observed)
    other = {"age": "scanner"}.get(name, "age")
    both = replace(decision, confounders=[columns[other]])
    found = examine(both, columns[name]).observed
    assert np.abs(found - alone.observed).max() > 1e-5


@pytest.mark.parametrize(
    ("name", "with_groups", "held", "units"),
    [
        ("scanner", False, None, "rows"),
        ("scanner", True, None, "groups"),
        ("age", True, None, "groups"),
        ("view", True, None, "rows within groups"),
        ("scanner", False, "age", "residuals (Freedman-Lane) of rows"),
        ("scanner", True, "age", "residuals (Freedman-Lane) of groups"),
        ("view", True, "pixels", "residuals (Freedman-Lane) of rows within groups"),
    ],
)
def test_the_scheme_is_said_in_words(name, with_groups, held, units):
    decision, columns = study()
    decision = grouped(decision) if with_groups else decision
    if held:
        decision = replace(decision, confounders=[columns[held]])
    found = examine(decision, columns[name])
    assert found.scheme == f"{units} within levels of the target"
    assert found.describe()[0].startswith(f"utilization: {found.scheme} permuted, ")


@pytest.mark.parametrize(
    ("name", "with_groups", "scheme"),
    [
        ("scanner", False, "rows"),
        ("age", True, "groups"),
        ("view", True, "rows within groups"),
    ],
)
def test_without_target_there_are_no_levels_to_stay_in(name, with_groups, scheme):
    decision, columns = study()
    decision = replace(grouped(decision) if with_groups else decision, target=None)
    found = examine(decision, columns[name])
    assert found.scheme == scheme
    varying = replace(grouped(decision), target=columns["view"])
    assert "levels of the target" not in examine(varying, columns["scanner"]).scheme


def test_units_and_arrangements_are_counted_and_described():
    """10 + 10 rows of 2 classes: binomial coefficients."""
    rng = np.random.default_rng(0)
    labels = np.array([0] * 3 + [1] * 7 + [0] * 5 + [1] * 5 + [1] * 4)
    ill = np.array([0] * 10 + [1] * 10 + [2] * 4)
    outputs = rng.standard_normal((24, 2)) * [1.0, 30.0] + [4.0, 900.0]
    target = Column("disease", "categorical", np.arange(24), ill, ("a", "b", "c"))
    column = Column("scanner", "categorical", np.arange(24), labels, ("S", "T"))
    decision = Decision(outputs, None, np.ones(24), target, [], None)
    found = examine(decision, column)
    # All rows of the third class have one scanner.
    assert found.n_units == 20
    assert 10**found.arrangements == pytest.approx(120 * 252)
    assert found.describe() == [
        "utilization: rows within levels of the target permuted, 20 units, 30240 "
        "distinct permutations"
    ]


def test_large_numbers_of_arrangements_are_given_as_powers_of_ten():
    decision, columns = study()
    found = examine(decision, columns["age"])
    assert found.describe()[0].endswith(
        f"permuted, {N} units, 1e{found.arrangements:.0f} distinct permutations"
    )
    assert found.arrangements > 100


def test_rows_without_what_is_held_fixed_are_left_out_and_counted():
    decision, columns = study(strength=0.2)
    known = np.arange(N) % 6 != 0
    labels = np.where(known, columns["age"].labels, np.nan)
    age = read_column(pd.Series(labels, name="age"))
    decision = replace(decision, adjustment="linear")
    found = examine(replace(decision, confounders=[age]), columns["scanner"])
    lost = int((~known).sum())
    assert found.notes == [f"{lost} rows have no value to be held fixed"]
    assert found.describe()[1:] == found.notes
    assert found.class_rows.sum() == N - lost
    expected = least_squares_utilization(
        decision.outputs[known],
        columns["scanner"].labels[known],
        decision.target.labels[known],
        [labels[known]],
    )
    assert found.raw == pytest.approx(expected.raw)
    assert examine(decision, columns["scanner"]).notes == []


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels"])
@pytest.mark.parametrize("with_groups", [False, True])
def test_weights_and_groups_reach_the_model(name, with_groups):
    decision, columns = study(strength=0.3)
    weights = np.random.default_rng(0).uniform(0.2, 3.0, N)
    decision = replace(grouped(decision) if with_groups else decision, weights=weights)
    decision = replace(decision, adjustment="linear")
    found = examine(decision, columns[name])
    within = "rows within groups" in found.scheme
    assert within == (with_groups and name in ("view", "pixels"))
    sample = Sample(
        decision.outputs,
        columns[name].labels,
        decision.target.labels,
        [],
        weights,
        UNIT if with_groups else None,
    )
    np.testing.assert_allclose(
        found.observed, [sample.reference().raw, *sample.statistics()], rtol=1e-8
    )


# --- rare levels ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_rare_levels_are_named_and_are_no_part_of_the_headline(seed):
    """As if their rows were missing; their own effects are shown all the same."""
    rng = np.random.default_rng(seed)
    n = 300
    codes = rng.permutation(np.repeat(np.arange(4), [150, 141, 6, 3]))
    outputs = rng.standard_normal((n, 2)) + np.outer(codes == 1, [0.5, -0.5])
    # Wild guesses for what is hardly known.
    outputs[codes > 1] += 10.0
    target = Column("disease", "categorical", np.arange(n), rng.integers(0, 2, n), "ab")
    sex = Column("sex", "categorical", np.arange(n), codes, ("f", "m", "?", "unknown"))
    decision = Decision(outputs, None, np.ones(n), target, [], None)
    found = examine(decision, sex)
    known = np.flatnonzero(codes < 2)
    alone = examine(decision, Column("sex", "categorical", known, codes[known], "fm"))
    assert found.rare == {"?": 6, "unknown": 3}
    assert alone.rare == {}
    np.testing.assert_array_equal(found.observed, alone.observed)
    assert found.noise == alone.noise
    assert found.balanced == alone.balanced
    assert found.n_units == alone.n_units == 291
    assert "levels in few units are no part" in found.notes[0]
    assert "'?' (6), 'unknown' (3)" in found.notes[0]
    effects = found.effects.xs("all", level="target_class")
    assert list(effects.index.unique("level")) == ["f", "m", "?", "unknown"]
    assert (effects.loc[["?", "unknown"], "effect"] > 1.0).all()
    assert (effects["n_rows"] == np.repeat([150, 141, 6, 3], 2)).all()
    # The common levels are compared with each other, not with the rare ones.
    f, m = effects.loc["f", "effect"], effects.loc["m", "effect"]
    np.testing.assert_allclose(f + m, 0.0, atol=1e-12)


@pytest.mark.parametrize("size", [0.0, 2.0])
def test_a_rare_level_that_moves_is_told_from_one_that_does_not(size):
    """Over the headline nothing moves, so no other number shows it."""
    n, found = 1500, []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        codes = rng.permutation(np.repeat(np.arange(3), [800, 688, 12]))
        outputs = 7.0 + 3.0 * rng.standard_normal((n, 2))
        outputs[codes == 2, 0] += 3.0 * size
        target = Column(
            "disease", "categorical", np.arange(n), rng.integers(0, 2, n), "ab"
        )
        scanner = Column("scanner", "categorical", np.arange(n), codes, ("A", "B", "C"))
        decision = Decision(outputs, None, np.ones(n), target, [], None)
        found.append(examine(decision, scanner))
    sizes = [one.rare_sizes["C"] for one in found]
    assert all(one.carrier != "most under 'C'" for one in found)
    if size:
        # The unit is the deviation of both outputs together.
        assert np.mean(sizes) == pytest.approx(size / np.sqrt(2.0), rel=0.25)
    else:
        assert sizes == [0.0] * 5


# --- columns that differ between and within groups -----------------------------------


def test_a_column_that_differs_between_and_within_groups_uses_both():
    decision, columns = study(strength=0.5)
    decision = replace(grouped(decision), adjustment="linear")
    labels = columns["scanner"].labels.copy()
    labels[::7] = 2 - labels[::7]
    found = examine(decision, replace(columns["scanner"], labels=labels))
    assert found.scheme == "groups with the rows in them within levels of the target"
    assert found.n_units == N_GROUPS
    coded = np.eye(3)[labels]
    between = np.array([coded[k == UNIT].mean(axis=0) for k in UNIT])
    share = np.sum((between - coded.mean(axis=0)) ** 2)
    share /= np.sum((coded - coded.mean(axis=0)) ** 2)
    note = f"{share:.0%} of its variation is between groups, the rest within them"
    assert found.notes == [note]
    assert 0.3 < share < 1.0


# --- probabilities -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels"])
@pytest.mark.parametrize("n_classes", [1, 3])
def test_the_shift_of_probabilities_is_that_of_a_regression(name, n_classes):
    """Without noise beyond doubt in a class, it is the largest common one."""
    decision, columns = study(strength=1.5)
    logits = (decision.outputs - MEANS) / SCALES
    probabilities = special.softmax(logits, axis=1)[:, :n_classes]
    decision = replace(
        decision,
        probabilities=probabilities,
        outputs=decision.outputs[:, :n_classes],
        adjustment="linear",
    )
    labels, ill = columns[name].labels, decision.target.labels
    largest = {}
    for part, rows in (("all", ill >= 0), (0, ill == 0), (1, ill == 1)):
        contrasts = least_squares_utilization(
            probabilities[rows], labels[rows], ill[rows] if part == "all" else None
        ).contrasts
        if len(contrasts) == 1:
            # Of the standard deviation in all rows.
            unit = labels.std() / labels[rows].std()
            contrasts = np.vstack([contrasts * unit, 0.0 * contrasts])
        largest[part] = 100.0 * np.ptp(contrasts, axis=0).max()
    found = examine(decision, columns[name]).shift
    if name in ("scanner", "view"):
        assert found.low > 0.0
        assert any(found.points == pytest.approx(v) for v in largest.values())
        assert found.points >= 0.999 * largest["all"]
    else:
        assert found.points == pytest.approx(largest["all"])
    assert found.low < found.points < found.high
    assert found.points > 0.01
    nothing = examine(study()[0], columns[name]).shift
    assert np.isnan([nothing.points, nothing.low, nothing.high]).all()
    assert nothing.sentence == ("", "")


def test_ten_percentage_points_are_ten():
    """Without noise: scanner "b" raises the first probability by 0.1 in all classes."""
    rng = np.random.default_rng(0)
    ill, scanner = rng.integers(0, 2, 80), rng.integers(0, 3, 80)
    first = 0.2 + 0.5 * ill + 0.1 * (scanner == 1) + 0.03 * (scanner == 2)
    probabilities = np.column_stack([first, 1.0 - first])
    decision = Decision(
        probabilities + 0.01 * rng.standard_normal((80, 2)),
        probabilities,
        np.ones(80),
        Column("disease", "categorical", np.arange(80), ill, (0, 1)),
        [],
        None,
    )
    column = Column("scanner", "categorical", np.arange(80), scanner, tuple("abc"))
    found = examine(decision, column).shift
    assert found.points == pytest.approx(10.0)
    assert found.low == pytest.approx(10.0, abs=1e-6)
    assert found.high == pytest.approx(10.0, abs=1e-6)
    words = {0: "higher under 'b' than under 'a'", 1: "higher under 'a' than under 'b'"}
    what, where = found.sentence
    assert what.startswith("the probability of ")
    # All classes move alike; rounding tells which is named.
    assert where.startswith(words[int(what.split()[3])])


# --- too little to exchange ----------------------------------------------------------


def small(n_rows, images=1, within=False, seed=0):
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n_rows), images)
    n = len(unit)
    outputs = rng.standard_normal((n, 2)) * [1.0, 30.0] + [4.0, 900.0]
    labels = np.arange(n) % 2 if within else (np.arange(n_rows) % 2)[unit]
    column = Column("scanner", "categorical", np.arange(n), labels, ("S", "T"))
    groups = Groups.of(pd.Series(unit)) if images > 1 else None
    return Decision(outputs, None, np.ones(n), None, [], groups), column


@pytest.mark.parametrize(("images", "what"), [(1, "rows"), (3, "groups")])
def test_at_least_20_units_are_needed(images, what):
    assert examine(*small(20, images)).n_units == 20
    with pytest.raises(LeftOutError, match=f"19 {what} can be exchanged, and at leas"):
        examine(*small(19, images))


@pytest.mark.parametrize(("n_mixed", "enough"), [(20, True), (19, False)])
def test_units_in_classes_that_hold_one_level_do_not_count(n_mixed, enough):
    """Beside the mixed class there is one for each scanner."""
    decision, column = small(60)
    ill = np.where(np.arange(60) < n_mixed, 0, column.labels + 1)
    target = Column("disease", "categorical", np.arange(60), ill, (0, 1, 2))
    decision = replace(decision, target=target)
    if enough:
        assert examine(decision, column).n_units == n_mixed
        return
    reason = "19 rows can be exchanged within levels of the target"
    with pytest.raises(LeftOutError, match=reason):
        examine(decision, column)


def test_at_least_5_groups_must_vary():
    decision, column = small(5, images=30, within=True)
    assert examine(decision, column).n_units == 150
    with pytest.raises(LeftOutError, match="varies within 4 groups only"):
        examine(*small(4, images=30, within=True))


def test_a_column_that_varies_in_few_of_many_groups_is_exchanged_with_them():
    """It is constant in the others, as if by mistake in these."""
    decision, column = small(30, images=6, within=True)
    labels = np.where(np.arange(180) < 24, column.labels, np.arange(180) // 6 % 2)
    found = examine(decision, replace(column, labels=labels))
    assert found.scheme == "groups with the rows in them"
    assert found.n_units == 30


def test_rows_in_varying_groups_are_counted():
    decision, column = small(9, images=2, within=True)
    with pytest.raises(LeftOutError, match="18 rows within groups can be exchanged"):
        examine(decision, column)
    assert examine(*small(10, images=2, within=True)).n_units == 20
