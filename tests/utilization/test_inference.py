"""Nulls, p-values and estimates of several columns beside one decision."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._permutation.exchangeability import Exchangeability
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization import inference as inference_module
from sklearn_wsca._utilization.adjusted_effect import prepare
from sklearn_wsca._utilization.inference import (
    combine,
    detectable_effect,
    infer_utilization,
    no_utilization,
)
from tests.decision_studies import MEANS, SCALES, N, grouped, study
from tests.reference import add_one_pvalue, max_t


def infer(decision, columns, m=49, significance=0.05, seed=3):
    plan = PermutationPlan(seed, m, len(decision.weights))
    return infer_utilization(
        decision, columns, plan, significance, SequentialRunner("permutations")
    )


def slow_pvalues(tests, decision, columns):
    """p-values from the statistics of data and permutations, by loops."""
    observed, null = [], []
    plan = PermutationPlan(3, 49, N)
    for name, column in columns.items():
        found = tests.examined[name]
        model = prepare(decision, column).model
        permutations = model.permutations(plan.orders(range(49)))[:, 1:]
        together = np.vstack([found.observed[1:], permutations])
        together = np.cbrt(together)
        standard = (together - together.mean(axis=0)) / together.std(axis=0)
        largest = [max(row) for row in standard]
        observed.append(largest[0])
        null.append(largest[1:])
    null = np.array(null).T
    alone = [add_one_pvalue(o, v) for o, v in zip(observed, null.T, strict=True)]
    return np.array(alone), max_t(np.array(observed), null)


@pytest.mark.parametrize("with_groups", [False, True])
@pytest.mark.parametrize("strength", [0.0, 0.8])
def test_pvalues_are_those_of_a_loop_over_permutations(with_groups, strength):
    decision, columns = study(4, strength)
    given = grouped(decision) if with_groups else decision
    tests = infer(given, columns)
    alone, corrected = slow_pvalues(tests, given, columns)
    np.testing.assert_allclose(tests.table["pvalue"], alone)
    np.testing.assert_allclose(tests.table["pvalue_fwer"], corrected)
    np.testing.assert_allclose(
        tests.table["qvalue"], stats.false_discovery_control(alone)
    )
    assert (corrected >= alone).all()
    assert (corrected > alone).any()
    assert (alone.min() == 0.02) == (strength > 0)


@pytest.mark.parametrize("with_groups", [False, True])
@pytest.mark.parametrize("own_order", [True, False])
def test_outputs_may_give_the_order_of_the_rows(own_order, with_groups):
    decision, columns = study(4, 0.2)
    decision = grouped(decision) if with_groups else decision
    decision = replace(decision, orders_rows=True)
    mixed = np.random.default_rng(0).permutation(N)
    moved = replace(
        decision,
        outputs=7.0 * decision.outputs[mixed] + 100.0,
        probabilities=None,
        weights=decision.weights[mixed],
        target=decision.target.take(mixed),
        confounders=[column.take(mixed) for column in decision.confounders],
        groups=decision.groups.take(mixed) if with_groups else None,
        orders_rows=own_order,
    )
    found = infer(moved, {name: c.take(mixed) for name, c in columns.items()})
    expected = infer(replace(decision, probabilities=None), columns)
    same = np.allclose(found.null, expected.null, rtol=1e-6)
    assert same == own_order
    if own_order:
        pd.testing.assert_frame_equal(found.table, expected.table, rtol=1e-6)


@pytest.mark.parametrize("m", [0, 49])
def test_estimates_are_freed_of_noise(m):
    """The larger one of the mean square of permutations and of its estimate."""
    decision, columns = study(2, 0.1)
    tests = infer(grouped(decision), columns, m)
    for name, found in tests.examined.items():
        row = tests.row(name)
        noise = found.noise.mean_square
        if m:
            noise = max(noise, np.mean(tests.null[name] ** 2))
        expected = np.sqrt(max(found.raw**2 - noise, 0.0))
        assert row["utilization"] == pytest.approx(expected)
        assert row["utilization"] < row["raw"] == found.raw
        low, high = found.noise.interval(found.raw, 0.95)
        assert row["low"] == min(low, row["utilization"])
        limit = found.noise.upper_limit(found.raw, 0.95)
        assert row["upper"] == max(limit, row["utilization"])
        assert row["high"] == max(high, row["upper"])
        for entry, value in found.balanced.items():
            wanted = "balanced" if entry == "utilization" else f"balanced_{entry}"
            assert row[wanted] == value
    assert tests.table["utilization"].gt(0).any()


@pytest.mark.parametrize("significance", [0.05, 0.2])
@pytest.mark.parametrize("names", [["scanner"], ["scanner", "age", "view", "pixels"]])
def test_the_detectable_effect_counts_the_columns(significance, names):
    decision, columns = study()
    chosen = {name: columns[name] for name in names}
    tests = infer(decision, chosen, 0, significance)
    for name in names:
        found, examined = tests.row(name), tests.examined[name]
        expected = detectable_effect(examined, significance / len(names))
        assert found["minimum_detectable_effect"] == expected
        alone = detectable_effect(examined, significance)
        assert (expected > alone) == (len(names) > 1)
        # Along the estimated contrast it is the leading part or all effects.
        level = significance / len(names) / 2.0
        leading = examined.leading_noise.detectable(level) / examined.leading_share
        assert expected == min(leading, examined.noise.detectable(level))


@pytest.mark.parametrize("size", [1, 7])
def test_batches_make_no_difference(size, monkeypatch):
    decision, columns = study()
    expected = infer(grouped(decision), columns)
    monkeypatch.setattr(inference_module, "PERMUTATIONS_PER_BATCH", size)
    found = infer(grouped(decision), columns)
    pd.testing.assert_frame_equal(found.table, expected.table)
    pd.testing.assert_frame_equal(found.null, expected.null)


@pytest.mark.parametrize(
    ("with_groups", "n_kinds"), [(False, 1), (True, 2)], ids=["rows", "groups"]
)
def test_columns_that_are_exchanged_alike_share_what_is_drawn(
    with_groups, n_kinds, monkeypatch
):
    """Two columns of the patients, and two that differ within them."""
    drawn, draw = [], Exchangeability.unit_sources
    monkeypatch.setattr(
        Exchangeability,
        "unit_sources",
        lambda self, orders: drawn.append(self.scheme) or draw(self, orders),
    )
    decision, columns = study(4)
    infer(grouped(decision) if with_groups else decision, columns, m=9)
    assert len(columns) == 4
    assert len(drawn) == n_kinds


def test_nothing_by_row_is_held_of_any_column():
    """Models of all columns together would take more memory than the coordinates."""
    decision, columns = study()
    tests = infer(decision, columns)
    assert set(tests.examined) == set(columns)
    for found in tests.examined.values():
        arrays = [v for v in vars(found).values() if isinstance(v, np.ndarray)]
        assert max(map(len, arrays)) < 5


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
    for part, names in ((found.by_class(), ["target_class"]), (found.effects(), [])):
        assert list(part.index.unique(0)) == list(columns)
        assert list(part.index.names[1:]) == (
            names or ["level", "output", "target_class"]
        )
        for name in columns:
            own = getattr(found.examined[name], "effects" if not names else "by_class")
            pd.testing.assert_frame_equal(
                part.loc[name],
                own[list(part)],
                check_index_type=False,
                check_dtype=False,
            )
    assert found.table.loc[["head", "twin"]].isna().all(axis=None)
    assert found.null[["head", "twin"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(found.null[list(columns)], expected.null)


def test_without_permutations_there_are_estimates_but_no_pvalues():
    decision, columns = study()
    tests = infer(decision, columns, 0)
    pvalues = ["pvalue", "pvalue_fwer", "qvalue"]
    assert tests.table[pvalues].isna().all(axis=None)
    shift = ["", "_low", "_high"]
    others = tests.table.drop(
        columns=[*pvalues, *(f"probability_shift{end}" for end in shift)]
    )
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


def test_the_statistic_is_the_largest_standardised_cube_root():
    rng = np.random.default_rng(0)
    scales = [[0.1, 3.0, 9.0], [1e-3, 1.0, 2.0]]
    statistics = rng.chisquare(3, (30, 2, 3)) * scales
    expected = np.empty((30, 2))
    for j in range(2):
        expected[:, j] = stats.zscore(np.cbrt(statistics[:, j]), axis=0).max(axis=1)
    np.testing.assert_allclose(combine(statistics), expected, atol=1e-6)
    assert np.ptp(expected) > 1.0


def test_statistics_that_do_not_vary_say_nothing():
    statistics = np.zeros((20, 2, 2))
    statistics[:, 0, 0] = np.arange(20.0)
    statistics[:, 0, 1] = 0.3 * (1.0 + 1e-14 * np.arange(20))
    statistics[:, 1] = 0.25
    found = combine(statistics)
    np.testing.assert_array_equal(found[:, 1], 0.0)
    low = np.cbrt(np.arange(20)) < np.cbrt(np.arange(20)).mean()
    assert 3 < low.sum() < 17
    np.testing.assert_array_equal(found[low, 0], 0.0)
    assert (np.diff(found[~low, 0])[1:] > 0).all()


def test_rounding_does_not_break_ties():
    """Permutations that give the same column give the same statistic."""
    rng = np.random.default_rng(0)
    statistics = np.repeat(rng.random((10, 1, 2)), 2, axis=0)
    blurred = statistics * (1.0 + 1e-13 * rng.standard_normal(statistics.shape))
    found = combine(blurred)
    np.testing.assert_array_equal(found[::2], found[1::2])
    assert len(np.unique(found)) == 10


@pytest.mark.parametrize("degrees", [(1, 4, 12), (2, 2, 60)])
def test_no_statistic_decides_alone_under_the_null(degrees):
    """Each is the largest about as often, and above all where p-values are small."""
    rng = np.random.default_rng(0)
    statistics = np.stack([rng.chisquare(d, (4000, 1)) for d in degrees], axis=2)
    roots = np.cbrt(statistics[:, 0])
    standard = (roots - roots.mean(axis=0)) / roots.std(axis=0)
    top = np.argsort(combine(statistics)[:, 0])[-200:]
    counts = np.bincount(standard[top].argmax(axis=1), minlength=3)
    assert counts.min() > 40


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
