"""One column adjusted for what is held fixed: model, units, shift of probabilities."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca._input.column import Column, LeftOutError, read_column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._utilization.adjusted_effect import Decision, examine
from tests.decision_studies import MEANS, SCALES, UNIT, N, grouped, study
from tests.reference import least_squares_utilization


def test_a_column_is_not_held_fixed_for_itself():
    decision, columns = study()
    decision = replace(decision, confounders=[columns["age"], columns["view"]])
    names = [c.name for c in decision.held_fixed(columns["scanner"])]
    assert names == ["disease", "age", "view"]
    names = [c.name for c in decision.held_fixed(columns["age"])]
    assert names == ["disease", "view"]
    names = [c.name for c in decision.held_fixed(decision.target)]
    assert names == ["age", "view"]
    untargeted = replace(decision, target=None)
    assert [c.name for c in untargeted.held_fixed(columns["age"])] == ["view"]


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
    found = examine(replace(decision, confounders=[age]), columns["scanner"])
    lost = int((~known).sum())
    assert found.notes == [f"{lost} rows have no value to be held fixed"]
    assert found.describe()[1:] == found.notes
    assert len(found.model.rows.roots) == N - lost
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
    found = examine(decision, columns[name])
    within = found.model.exchange.scheme == "within groups"
    expected = least_squares_utilization(
        decision.outputs,
        columns[name].labels,
        decision.target.labels,
        weights=weights,
        groups=UNIT if within else None,
    )
    assert within == (with_groups and name in ("view", "pixels"))
    np.testing.assert_allclose(
        found.observed, [expected.raw, expected.by_common, expected.by_all], atol=1e-9
    )


# --- probabilities -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels"])
@pytest.mark.parametrize("n_classes", [1, 3])
def test_the_shift_of_probabilities_is_that_of_a_regression(name, n_classes):
    decision, columns = study(strength=0.5)
    logits = (decision.outputs - MEANS) / SCALES
    probabilities = special.softmax(logits, axis=1)[:, :n_classes]
    decision = replace(decision, probabilities=probabilities)
    contrasts = least_squares_utilization(
        probabilities, columns[name].labels, decision.target.labels
    ).contrasts
    largest = 0.0
    for one in contrasts:
        for other in contrasts if len(contrasts) > 1 else np.zeros((1, n_classes)):
            largest = max(largest, np.abs(one - other).max())
    found = examine(decision, columns[name]).probability_shift
    assert found == pytest.approx(100.0 * largest)
    assert found > 0.1
    assert np.isnan(examine(study()[0], columns[name]).probability_shift)


def test_ten_percentage_points_are_ten():
    """Without noise: scanner "b" raises the first probability by 0.1 in all classes."""
    rng = np.random.default_rng(0)
    ill, scanner = rng.integers(0, 2, 80), rng.integers(0, 3, 80)
    first = 0.2 + 0.5 * ill + 0.1 * (scanner == 1) + 0.03 * (scanner == 2)
    probabilities = np.column_stack([first, 1.0 - first])
    decision = Decision(
        np.column_stack([probabilities, rng.standard_normal(80)]),
        probabilities,
        np.ones(80),
        Column("disease", "categorical", np.arange(80), ill, (0, 1)),
        [],
        None,
    )
    column = Column("scanner", "categorical", np.arange(80), scanner, tuple("abc"))
    assert examine(decision, column).probability_shift == pytest.approx(10.0)


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
    """In the others the column is constant, as if by mistake."""
    decision, column = small(30, images=6, within=True)
    varies = np.arange(180) < 30
    assert examine(decision, replace(column, labels=column.labels * varies)).n_units
    varies = np.arange(180) < 24
    with pytest.raises(LeftOutError, match="varies within 4 groups only"):
        examine(decision, replace(column, labels=column.labels * varies))


def test_rows_in_varying_groups_are_counted():
    decision, column = small(9, images=2, within=True)
    with pytest.raises(LeftOutError, match="18 rows within groups can be exchanged"):
        examine(decision, column)
    assert examine(*small(10, images=2, within=True)).n_units == 20
