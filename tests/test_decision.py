"""Models, nulls and p-values of several columns beside one decision."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from reference import add_one_pvalue, least_squares_utilization, max_t
from scipy import special, stats

from sklearn_wsca import _decision
from sklearn_wsca._decision import (
    Decision,
    combine_shares,
    examine,
    infer_utilization,
    make_decision,
    no_utilization,
    read_outputs,
    run_here,
)
from sklearn_wsca._embeddings import Embeddings
from sklearn_wsca._exchangeability import Groups
from sklearn_wsca._heads import Head
from sklearn_wsca._metadata import Column, LeftOutError, read_column
from sklearn_wsca._permutation import PermutationPlan
from sklearn_wsca._roles import Roles

N_GROUPS = 60
UNIT = np.repeat(np.arange(N_GROUPS), [1, 2, 4, 3] * 15)
N = len(UNIT)
SCALES, MEANS = np.array([1.0, 4.0, 0.3]), np.array([5.0, -200.0, 1.0])


def study(seed=0, strength=0.0):
    """A decision on rows of 60 patients, and columns of every kind.

    `strength` is how far scanner and view move the outputs.
    """
    rng = np.random.default_rng(seed)
    ill = rng.integers(0, 2, N_GROUPS)[UNIT]
    labels = {
        "scanner": rng.integers(0, 3, N_GROUPS)[UNIT],
        "age": 60.0 + 9.0 * rng.standard_normal(N_GROUPS)[UNIT] + 5.0 * ill,
        "view": rng.integers(0, 2, N),
        "pixels": 0.1 + 0.02 * rng.standard_normal(N),
    }
    outputs = rng.standard_normal((N, 3)) + rng.standard_normal((N_GROUPS, 3))[UNIT]
    outputs += np.outer(ill, [1.0, -0.5, 0.3])
    moves = strength * (labels["scanner"] + labels["view"])
    outputs += np.outer(moves, [1.0, 0.6, -1.0])
    columns = {
        name: read_column(pd.Series(values, name=name), kind="auto")
        for name, values in labels.items()
    }
    target = read_column(pd.Series(ill, name="disease"))
    decision = Decision(outputs * SCALES + MEANS, None, np.ones(N), target, [], None)
    return decision, columns


def grouped(decision):
    return replace(decision, groups=Groups.of(pd.Series(UNIT, name="patient")))


def infer(decision, columns, m=49, significance=0.05, seed=3):
    plan = PermutationPlan(seed, m, len(decision.weights))
    return infer_utilization(decision, columns, plan, significance, run_here)


# --- the outputs ---------------------------------------------------------------------

CLASSES = {1: ("well", "ill"), 3: ("a", "b", "c")}


def make_head(n_rows, kind):
    rng = np.random.default_rng(n_rows)
    classes = CLASSES[n_rows] if kind == "logistic" else None
    coef = rng.standard_normal((n_rows, 4)) * [1.0, 10.0, 0.1, 1.0]
    return Head(coef, rng.standard_normal(n_rows), classes, kind)


@pytest.mark.parametrize("n_rows", [1, 3])
@pytest.mark.parametrize("kind", ["logistic", "ridge"])
def test_outputs_are_centred_scores_and_have_probabilities_for_classes(n_rows, kind):
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((20, n_rows)) * 3.0 + np.arange(n_rows) - 5.0
    outputs, probabilities = read_outputs(scores, make_head(n_rows, kind))
    if kind == "ridge":
        assert probabilities is None
        np.testing.assert_array_equal(outputs, scores)
    elif n_rows == 1:
        np.testing.assert_array_equal(outputs, scores)
        np.testing.assert_allclose(probabilities, 1.0 / (1.0 + np.exp(-scores)))
    else:
        np.testing.assert_allclose(outputs.sum(axis=1), 0.0, atol=1e-12)
        np.testing.assert_allclose(np.diff(outputs), np.diff(scores))
        weights = np.exp(scores)
        expected = weights / weights.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected)


def test_a_decision_is_made_of_the_outputs_in_canonical_order():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30, 4)) * [1.0, 0.1, 5.0, 1.0] + [7.0, 1.0, -50.0, 0.0]
    order, head = rng.permutation(30), make_head(3, "logistic")
    target = read_column(pd.Series(rng.integers(0, 2, 30), name="disease"))
    groups = Groups.of(pd.Series(rng.integers(0, 9, 30), name="patient"))
    weights = rng.uniform(0.5, 2.0, 30)
    roles = Roles(groups, [target])
    found = make_decision(head, Embeddings(X), order, target, roles, weights)
    expected = X[order] @ head.coef.T + head.intercept
    np.testing.assert_allclose(
        found.outputs, expected - expected.mean(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(found.probabilities, special.softmax(expected, axis=1))
    np.testing.assert_array_equal(found.weights, weights)
    assert (found.target, found.groups) == (target, groups)
    assert found.confounders == [target]


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
    ("name", "with_groups", "held", "scheme"),
    [
        ("scanner", False, None, "rows within levels of the target"),
        ("scanner", True, None, "groups within levels of the target"),
        ("age", True, None, "groups within levels of the target"),
        ("view", True, None, "rows within groups within levels of the target"),
        (
            "scanner",
            False,
            "age",
            "residuals (Freedman-Lane) of rows within levels of the target",
        ),
        (
            "scanner",
            True,
            "age",
            "residuals (Freedman-Lane) of groups within levels of the target",
        ),
        (
            "view",
            True,
            "pixels",
            "residuals (Freedman-Lane) of rows within groups within levels of the "
            "target",
        ),
    ],
)
def test_the_scheme_is_said_in_words(name, with_groups, held, scheme):
    decision, columns = study()
    decision = grouped(decision) if with_groups else decision
    if held:
        decision = replace(decision, confounders=[columns[held]])
    found = examine(decision, columns[name])
    assert found.scheme == scheme
    assert found.describe()[0].startswith(f"utilization: {scheme} shuffled, ")


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
        "utilization: rows within levels of the target shuffled, 20 units, 30240 "
        "distinct permutations"
    ]


def test_large_numbers_of_arrangements_are_given_as_powers_of_ten():
    decision, columns = study()
    found = examine(decision, columns["age"])
    assert found.describe()[0].endswith(
        f"shuffled, {N} units, 1e{found.arrangements:.0f} distinct permutations"
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


# --- several columns -----------------------------------------------------------------


def slow_pvalues(tests, names):
    """p-values from the statistics of data and shuffles, by loops."""
    observed, null = [], []
    plan = PermutationPlan(3, 49, N)
    for name in names:
        found = tests.examined[name]
        shuffles = found.model.shuffles(plan.orders(range(49)))[:, 1:]
        together = np.vstack([found.observed[1:], shuffles])
        standard = (together - together.mean(axis=0)) / together.std(axis=0)
        largest = [max(row) for row in standard]
        observed.append(largest[0])
        null.append(largest[1:])
    null = np.array(null).T
    alone = [add_one_pvalue(o, v) for o, v in zip(observed, null.T, strict=True)]
    return np.array(alone), max_t(np.array(observed), null)


@pytest.mark.parametrize("with_groups", [False, True])
@pytest.mark.parametrize("strength", [0.0, 0.8])
def test_pvalues_are_those_of_a_loop_over_shuffles(with_groups, strength):
    decision, columns = study(1, strength)
    tests = infer(grouped(decision) if with_groups else decision, columns)
    alone, corrected = slow_pvalues(tests, list(columns))
    np.testing.assert_allclose(tests.table["pvalue"], alone)
    np.testing.assert_allclose(tests.table["pvalue_fwer"], corrected)
    np.testing.assert_allclose(
        tests.table["qvalue"], stats.false_discovery_control(alone)
    )
    assert (corrected >= alone).all()
    assert (corrected > alone).any()
    assert (alone.min() == 0.02) == (strength > 0)


@pytest.mark.parametrize("m", [0, 49])
def test_estimates_are_freed_of_noise(m):
    """By the mean square of the shuffles, or by its expectation without any."""
    decision, columns = study(2, 0.1)
    tests = infer(grouped(decision), columns, m)
    for name, found in tests.examined.items():
        row = tests.row(name)
        noise = found.noise.mean_square
        if m:
            noise = np.mean(tests.null[name] ** 2)
        expected = np.sqrt(max(found.raw**2 - noise, 0.0))
        assert row["utilization"] == pytest.approx(expected)
        assert row["utilization"] < row["raw"] == found.raw
        assert (row["low"], row["high"]) == found.noise.interval(found.raw, 0.95)
        assert row["upper"] == found.noise.upper_limit(found.raw, 0.95)
    assert tests.table["utilization"].gt(0).any()


@pytest.mark.parametrize("significance", [0.05, 0.2])
@pytest.mark.parametrize("names", [["scanner"], ["scanner", "age", "view", "pixels"]])
def test_the_detectable_effect_counts_the_columns(significance, names):
    decision, columns = study()
    chosen = {name: columns[name] for name in names}
    tests = infer(decision, chosen, 0, significance)
    for name in names:
        expected = tests.examined[name].typical.detectable(significance / len(names))
        found = tests.row(name)["minimum_detectable_effect"]
        assert found == expected
        assert (found > tests.examined[name].typical.detectable(significance)) == (
            len(names) > 1
        )


@pytest.mark.parametrize("size", [1, 7])
def test_batches_make_no_difference(size, monkeypatch):
    decision, columns = study()
    expected = infer(grouped(decision), columns)
    monkeypatch.setattr(_decision, "SHUFFLES_PER_BATCH", size)
    found = infer(grouped(decision), columns)
    pd.testing.assert_frame_equal(found.table, expected.table)
    pd.testing.assert_frame_equal(found.null, expected.null)


def test_a_column_is_tested_alike_in_any_company():
    decision, columns = study(3, 0.1)
    together = infer(grouped(decision), columns)
    shared = ["utilization", "raw", "low", "high", "upper", "pvalue"]
    for name, column in columns.items():
        alone = infer(grouped(decision), {name: column}).row(name)
        pd.testing.assert_series_equal(alone[shared], together.row(name)[shared])
        assert alone["pvalue"] == alone["pvalue_fwer"] == alone["qvalue"]


def test_columns_that_cannot_be_tested_leave_the_others_alone():
    decision, columns = study(3, 0.1)
    expected = infer(decision, columns)
    twin = replace(decision.target, name="twin")
    found = infer(decision, {"head": None, **columns, "twin": twin})
    assert found.untestable["head"] == "there are no labels"
    assert "nothing is left to compare" in found.untestable["twin"]
    assert set(found.untestable) == {"head", "twin"}
    assert list(found.index) == ["head", *columns, "twin"]
    pd.testing.assert_frame_equal(found.table.loc[list(columns)], expected.table)
    assert found.table.loc[["head", "twin"]].isna().all(axis=None)
    assert found.null[["head", "twin"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(found.null[list(columns)], expected.null)


def test_without_shuffles_there_are_estimates_but_no_pvalues():
    decision, columns = study()
    tests = infer(decision, columns, 0)
    pvalues = ["pvalue", "pvalue_fwer", "qvalue"]
    assert tests.table[pvalues].isna().all(axis=None)
    others = tests.table.drop(columns=[*pvalues, "probability_shift"])
    assert np.isfinite(others).all(axis=None)
    assert tests.null.shape == (0, 4)
    assert set(tests.untestable.values()) == {
        "n_permutations=0, so there are no p-values"
    }
    assert list(tests.examined) == list(columns)


def test_nothing_to_test_gives_an_empty_table_of_the_same_form():
    decision, columns = study()
    for found in (
        infer(decision, {"head": None, ("a", "b"): None}, 9),
        no_utilization(["head", ("a", "b")], "there are no labels"),
    ):
        assert found.table.isna().all(axis=None)
        assert list(found.table) == list(infer(decision, columns, 0).table)
        assert set(found.untestable.values()) == {"there are no labels"}
        assert found.row(("a", "b")).name == ("a", "b")
        assert found.null.isna().all(axis=None)
        assert found.examined == {}


def test_names_may_be_tuples():
    decision, columns = study()
    pair = ("scanner", "view")
    found = infer(decision, {"age": columns["age"], pair: columns["scanner"]})
    expected = infer(decision, columns)
    assert found.row(pair)["raw"] == expected.row("scanner")["raw"]
    assert found.row(pair)["pvalue"] == expected.row("scanner")["pvalue"]


# --- the statistic -------------------------------------------------------------------


def test_the_statistic_is_the_larger_standardised_share():
    rng = np.random.default_rng(0)
    shares = rng.random((30, 2, 2)) * [[0.1, 3.0], [1e-3, 1.0]] + [[0.2, 5.0], [0, 0]]
    expected = np.empty((30, 2))
    for j in range(2):
        both = stats.zscore(shares[:, j], axis=0)
        expected[:, j] = both.max(axis=1)
    np.testing.assert_allclose(combine_shares(shares), expected, atol=1e-6)
    assert np.ptp(expected) > 1.0


def test_shares_that_do_not_vary_say_nothing():
    shares = np.zeros((20, 2, 2))
    shares[:, 0, 0] = np.arange(20.0)
    shares[:, 0, 1] = 0.3 * (1.0 + 1e-14 * np.arange(20))
    shares[:, 1] = 0.25
    found = combine_shares(shares)
    np.testing.assert_array_equal(found[:, 1], 0.0)
    low = np.arange(20) < 9
    np.testing.assert_array_equal(found[low, 0], 0.0)
    assert (np.diff(found[~low, 0])[1:] > 0).all()


def test_rounding_does_not_break_ties():
    """Shuffles that give the same column give the same statistic."""
    rng = np.random.default_rng(0)
    shares = np.repeat(rng.random((10, 1, 2)), 2, axis=0)
    blurred = shares * (1.0 + 1e-13 * rng.standard_normal(shares.shape))
    found = combine_shares(blurred)
    np.testing.assert_array_equal(found[::2], found[1::2])
    assert len(np.unique(found)) == 10


# --- size and power ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("with_groups", [False, True])
def test_false_alarms_over_columns_are_rare_and_use_is_found(with_groups):
    """Family-wise: any of four columns. Scanner and view are used, if any."""
    alarms = found = 0
    n_studies = 40
    for seed in range(n_studies):
        rng = np.random.default_rng(seed)
        decision, columns = study(seed)
        if not with_groups:
            # Independent rows.
            outputs = rng.standard_normal((N, 3)) * SCALES + MEANS
            decision = replace(decision, outputs=outputs)
        else:
            decision = grouped(decision)
        table = infer(decision, columns, 39, seed=seed).table
        alarms += (table["pvalue_fwer"] <= 0.05).any()
        if seed < 10:
            moves = 1.5 * (columns["scanner"].labels + columns["view"].labels)
            outputs = decision.outputs + np.outer(moves, [1.0, 0.6, -1.0]) * SCALES
            used = infer(replace(decision, outputs=outputs), columns, 39, seed=seed)
            found += (used.table.loc[["scanner", "view"], "pvalue_fwer"] <= 0.05).sum()
    assert alarms <= stats.binom.ppf(0.999, n_studies, 0.05)
    assert found >= 19
