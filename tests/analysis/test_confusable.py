"""Columns that go together: which of them the outputs move with is known here."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._analysis import confusable as confusable_module
from sklearn_wsca._analysis.confusable import (
    GO_TOGETHER,
    confusable_with,
    find_confusable,
)
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._utilization.decision import Decision
from tests.columns import column_of


def study(seed, n=1200, moved=0.15, use=0.6):
    """Outputs that move with the scanner; hospitals have moved some of theirs."""
    rng = np.random.default_rng(seed)
    ill, hospital = rng.integers(0, 2, n), rng.integers(0, 3, n)
    scanner = np.where(rng.random(n) < moved, rng.integers(0, 3, n), hospital)
    outputs = rng.standard_normal((n, 2)) + np.outer(ill, [1.0, 0.0])
    outputs += np.outer(use * scanner, [1.0, -0.5])
    labels = {
        "scanner": scanner,
        "hospital": hospital,
        "dose": scanner + 0.4 * rng.standard_normal(n),
        "sex": rng.integers(0, 2, n),
        "age": rng.standard_normal(n),
    }
    columns = {name: column_of(values, name) for name, values in labels.items()}
    target = column_of(ill, "disease")
    return Decision(outputs, None, np.ones(n), target, [], None), columns


@pytest.mark.parametrize("seed", range(4))
def test_only_what_is_used_moves_the_outputs_at_fixed_other(seed):
    decision, columns = study(seed)
    found = find_confusable(decision, columns, 0.05)
    for other in ("hospital", "dose"):
        used, not_used = found.loc["scanner", other], found.loc[other, "scanner"]
        assert used["association"] == not_used["association"] > GO_TOGETHER
        assert 0.15 < used["low"] <= used["utilization"] <= used["high"]
        assert not_used["utilization"] < 0.12
        assert not_used["low"] == 0.0 < not_used["high"]
    assert (found["reason"] == "").all()


@pytest.mark.parametrize("seed", range(4))
def test_without_any_use_none_moves_them(seed):
    decision, columns = study(seed, use=0.0)
    found = find_confusable(decision, columns, 0.01)
    assert len(found) == 6
    assert (found["low"] == 0.0).all()


def test_only_pairs_that_go_together_are_compared(monkeypatch):
    decision, columns = study(0)
    found = find_confusable(decision, columns, 0.05)
    names = ("scanner", "hospital", "dose")
    pairs = {(a, b) for a in names for b in names if a != b}
    assert set(found.index) == pairs
    assert list(found.index.names) == ["column", "fixed"]

    def never(*arguments):
        raise AssertionError("a pair was compared")

    monkeypatch.setattr(confusable_module, "prepare", never)
    alone = {name: columns[name] for name in ("scanner", "sex", "age")}
    for nothing in (
        find_confusable(decision, alone, 0.05),
        find_confusable(None, columns, 0.05),
        find_confusable(decision, {"head": None, "scanner": columns["scanner"]}, 0.05),
    ):
        assert nothing.empty
        assert list(nothing) == list(found)
        assert (nothing.dtypes == found.dtypes).all()


def test_copies_have_a_reason():
    decision, columns = study(0, moved=0.0)
    found = find_confusable(decision, columns, 0.05).loc["hospital", "scanner"]
    assert found["association"] == pytest.approx(1.0)
    assert "nothing is left to compare" in found["reason"]
    assert found[["utilization", "low", "high"]].isna().all()


def test_a_column_is_no_pair_with_what_it_is_combined_from():
    decision, columns = study(0)
    both = ("scanner", "sex")
    labels = 2 * columns["scanner"].labels + columns["sex"].labels
    pair = {"scanner": columns["scanner"], both: column_of(labels, both)}
    assert find_confusable(decision, pair, 0.05).empty
    pair["hospital"] = columns["hospital"]
    found = find_confusable(decision, pair, 0.05)
    assert ("hospital", both) in set(found.index)
    assert len(found) == 4
    assert [row["column"] for row in confusable_with(found, both)] == ["hospital"]


def test_a_confounder_is_held_fixed_already():
    decision, columns = study(0)
    pair = {name: columns[name] for name in ("scanner", "hospital")}
    found = find_confusable(decision, pair, 0.05)
    held = replace(decision, confounders=[columns["hospital"]])
    pd.testing.assert_frame_equal(find_confusable(held, pair, 0.05), found)
    target = {"disease": decision.target, "copy": replace(decision.target, name="copy")}
    assert find_confusable(decision, target, 0.05).empty


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_one_patient_are_no_evidence(seed):
    """Every patient three times: the interval is that of the patients."""
    decision, columns = study(seed, n=300)
    once = find_confusable(decision, columns, 0.05)
    rows = np.repeat(np.arange(300), 3)

    def repeat(column):
        return replace(column, rows=np.arange(900), labels=column.labels[rows])

    thrice = replace(
        decision,
        outputs=decision.outputs[rows],
        weights=np.ones(900),
        target=repeat(decision.target),
        groups=Groups.of(pd.Series(rows, name="patient")),
    )
    repeated = {name: repeat(column) for name, column in columns.items()}
    found = find_confusable(thrice, repeated, 0.05)
    np.testing.assert_allclose(found["high"], once["high"], atol=0.03)


def test_the_strongest_association_comes_first():
    decision, columns = study(0)
    found = find_confusable(decision, columns, 0.05)
    rows = confusable_with(found, "scanner")
    assert {row["column"] for row in rows} == {"hospital", "dose"}
    assert rows[0]["association"] >= rows[1]["association"]
    assert confusable_with(found, "sex") == []
