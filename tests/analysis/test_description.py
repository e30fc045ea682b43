"""What an analysis was made of, in plain dicts and lists."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._analysis.confusable import find_confusable
from sklearn_wsca._analysis.description import (
    MOST_TARGET_LEVELS,
    count_by_target,
    count_lacking,
    describe_labels,
    describe_rows,
    describe_test,
)
from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.roles import RoleNames, Roles, read_roles
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization.inference import infer_utilization
from sklearn_wsca._verdicts.rule import Rule
from tests.decision_studies import N_GROUPS, N, grouped, study


def infer(decision, columns, m=19):
    runner = SequentialRunner("permutations")
    return infer_utilization(decision, columns, PermutationPlan(0, m, N), 0.05, runner)


# --- labels --------------------------------------------------------------------------


def test_levels_have_their_numbers_of_rows_also_where_there_are_none():
    labels = np.array([2, 0, 2, 2, 0])
    column = Column("site", "categorical", np.arange(5), labels, (1, 2, 3, 4))
    assert describe_labels(column) == {
        "levels": [
            {"level": "1", "n_samples": 2},
            {"level": "2", "n_samples": 0},
            {"level": "3", "n_samples": 3},
            {"level": "4", "n_samples": 0},
        ]
    }


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_numbers_are_described_by_quartiles_and_moments(shift):
    values = pd.Series(np.random.default_rng(0).gamma(2.0, 30.0, 41) + shift)
    found, expected = describe_labels(read_column(values)), values.describe()
    names = {
        "minimum": "min",
        "lower_quartile": "25%",
        "median": "50%",
        "upper_quartile": "75%",
        "maximum": "max",
        "mean": "mean",
    }
    assert {n: found[n] for n in names} == pytest.approx(
        {name: expected[other] for name, other in names.items()}
    )
    assert found["standard_deviation"] == pytest.approx(values.std(ddof=0))


def test_dates_are_days_since_1970():
    dates = pd.Series(pd.to_datetime(["1970-01-02", "1970-01-06", "1970-01-21"]))
    found = describe_labels(read_column(dates))
    assert [found[n] for n in ("minimum", "median", "maximum")] == [1.0, 5.0, 20.0]


# --- levels of the target ------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_rows_by_target_level_are_those_that_have_both(seed):
    rng = np.random.default_rng(seed)
    site, disease = (
        pd.Series(rng.choice(list("abcd"), 90, p=[0.4, 0.3, 0.2, 0.1])).where(
            rng.random(90) < 0.8
        )
        for _ in range(2)
    )
    found = count_by_target(read_column(site), read_column(disease))
    np.testing.assert_array_equal(found, pd.crosstab(site, disease))
    transposed = count_by_target(read_column(disease), read_column(site))
    np.testing.assert_array_equal(found, np.transpose(transposed))


def test_there_are_no_counts_of_numbers_or_of_very_many_levels():
    def levels(n):
        return read_column(pd.Series(np.arange(3 * n) % n), kind="categorical")

    numbers, few = read_column(pd.Series(np.linspace(0.0, 1.0, 60))), levels(3)
    assert count_by_target(None, few) is None is count_by_target(few, None)
    assert count_by_target(numbers, few) is None is count_by_target(few, numbers)
    assert count_by_target(few, levels(MOST_TARGET_LEVELS + 1)) is None
    counts = count_by_target(few, levels(MOST_TARGET_LEVELS))
    assert np.shape(counts) == (3, MOST_TARGET_LEVELS)


# --- tests ---------------------------------------------------------------------------


def test_what_was_permuted_is_said_or_why_nothing_was():
    decision, columns = study(0)
    tests = infer(grouped(decision), {"head": None, **columns})
    for name, scheme in [
        ("scanner", "groups within levels of the target"),
        ("view", "rows within groups within levels of the target"),
    ]:
        found, row = describe_test(name, tests), tests.row(name)
        examined = tests.examined[name]
        assert found["scheme"] == scheme == examined.scheme
        assert (found["raw"], found["pvalue_fwer"]) == (row["raw"], row["pvalue_fwer"])
        assert found["n_units"] == examined.n_units
        assert found["log10_arrangements"] == examined.arrangements
        assert found["untestable"] is None
    head = describe_test("head", tests)
    assert head["untestable"] == "there are no labels"
    assert np.isnan([head["raw"], head["pvalue_fwer"]]).all()
    nothing = ("scheme", "n_units", "log10_arrangements", "shift")
    assert [head[name] for name in nothing] == [None] * 4 and head["effects"] == []


def test_effects_are_those_on_one_output_with_levels_as_text():
    decision, columns = study(1)
    tests = infer(decision, columns)
    found = describe_test("scanner", tests)
    effects = tests.examined["scanner"].effects
    assert {row["output"] for row in found["effects"]} == {
        str(effects["effect"].abs().xs("all", level="target_class").idxmax()[1])
    }
    levels = [row["level"] for row in found["effects"] if row["target_class"] == "all"]
    assert levels == list(map(str, columns["scanner"].levels))
    assert found["shift"] is None or found["shift"]["higher"] in levels


@pytest.mark.parametrize("with_groups", [False, True])
def test_the_whole_description_can_be_written(with_groups):
    decision, columns = study(1)
    if with_groups:
        decision = grouped(decision)
    table = pd.DataFrame({"disease": np.arange(N), "patient": np.arange(N)})
    X = Embeddings(np.zeros((N, 2)))
    given = Input(X, table, np.ones(N), 2 * N, Roles(decision.groups, []))
    columns = {"head": None, **columns}
    tests, rule = (
        infer(decision, columns),
        Rule(0.1, 0.2, ["disease", "age"], "too few"),
    )
    twin = replace(columns["scanner"], name="twin")
    pair = {"scanner": columns["scanner"], "twin": twin}
    pairs = find_confusable(decision, pair, 0.1)
    found = describe_rows(
        given, columns, decision.target, tests, rule, "cross-fitted", pairs
    )
    assert (found["head_rows"], found["withheld"]) == ("cross-fitted", "too few")
    assert (found["n_samples"], found["n_permutations"]) == (N, 19)
    groups = ("patient", N_GROUPS) if with_groups else (None, None)
    assert (found["groups"], found["n_groups"]) == groups
    labels = describe_labels(decision.target)
    assert found["target"] == {"name": "disease", "labels": labels}
    assert found["held_fixed"] == ["disease", "age"]
    assert (found["significance"], found["min_effect"]) == (0.1, 0.2)
    assert [entry["name"] for entry in found["columns"]] == list(columns)
    head, scanner, age = found["columns"][:3]
    assert head["labels"] is None is head["counts_by_target"]
    assert np.sum(scanner["counts_by_target"]) == N
    assert scanner["labels"] == describe_labels(columns["scanner"])
    told = describe_test("scanner", tests)
    assert json.dumps(scanner["utilization"]) == json.dumps(told)
    robustness = tests.robustness(0.2).loc["scanner"]
    assert scanner["robustness"] == robustness.to_dict()
    assert [other["column"] for other in scanner["confusable"]] == ["twin"]
    assert age["confusable"] == []
    assert age["counts_by_target"] is None
    json.dumps(found)


def test_without_a_target_nothing_is_held_fixed():
    _, columns = study(1)
    given = Input(Embeddings(np.eye(N)), pd.DataFrame(index=range(N)), np.ones(N), N)
    tests = infer(None, columns, 0)
    rule, pairs = Rule(0.05, 0.0, [None]), find_confusable(None, columns, 0.05)
    found = describe_rows(given, columns, None, tests, rule, None, pairs)
    assert found["head_rows"] is None is found["withheld"]
    assert found["target"] is None and found["held_fixed"] == []
    assert all(entry["counts_by_target"] is None for entry in found["columns"])
    reasons = {entry["utilization"]["untestable"] for entry in found["columns"]}
    assert reasons == {
        "no target column, so there is nothing to hold fixed; name it in target"
    }


def test_rows_that_lack_something_are_counted():
    """By role; a row that lacks two of them is counted for both, and used once less."""
    table = pd.DataFrame(
        {
            "disease": ["ill", "well"] * 9 + ["odd", None],
            "patient": [None, *range(19)],
            "age": [np.nan, *np.linspace(50.0, 67.3, 18), np.nan],
        }
    )
    target = read_column(table["disease"])
    roles = read_roles(table, RoleNames("disease", ["age"], "patient"))
    given = Input(Embeddings(np.eye(20)), table, np.ones(20), 20, roles)
    found = count_lacking(given, target)
    counts = [tuple(entry.values()) for entry in found["lacking"]]
    assert counts == [
        ("target", "disease", 1, 1),
        ("group", "patient", 1, 0),
        ("confounder", "age", 2, 0),
    ]
    assert found["n_used"] == 17


def test_nothing_is_lacking():
    given = Input(Embeddings(np.eye(N)), pd.DataFrame(index=range(N)), np.ones(N), N)
    assert count_lacking(given, None) == {"n_used": N, "lacking": []}
