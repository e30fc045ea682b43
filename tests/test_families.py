"""Where a verdict could mislead: the quick version of benchmarks/families.

The benchmark prints the rates of many more studies, in many more cells.
"""

import json
from functools import partial

import numpy as np
import pytest

from benchmarks.families import __main__ as command
from benchmarks.families import consequences, interventions, networks
from benchmarks.families.cells import FAMILIES, list_cells
from benchmarks.families.measure import (
    OUTCOMES,
    WARNED,
    at_detectable,
    is_not_used,
    is_used,
    measure,
)
from benchmarks.families.measure import (
    test as run_test,
)
from benchmarks.families.outputs import draw_effect, draw_noise
from benchmarks.families.study import Cell, Claim
from benchmarks.families.table import (
    append_line,
    every_cell,
    judge,
    judge_all,
    read_lines,
    worst_cells,
)
from sklearn_wsca import utilization_test

N_STUDIES, M = 20, 39
# Quick cells; a rate of 20 studies must not be outside of the claim for sure.
QUICK = [
    "noise: noise x 3 in 10 %, 1 output, 1 image",
    "noise: noise x 3 in 10 %, 3 outputs, 1 image",
    "curves: kinked target, categorical column, n = 200",
    "curves: quadratic confounder, continuous column, n = 200",
    "kinds: coded confounder, kind said",
    "kinds: coded confounder, kind not said",
    "kinds: coded column, used, kind said",
    "classes: 80 positives of 4,000, sensitivity 95 -> 74 %",
    "levels: 12 'unknown' of 5,000, no effect",
    "patients: 1 and 20 images, used",
    "patients: one wrong cell, used",
    "networks: 0.3 each, opposite, second tells classes better",
    "networks: 0.3 to 0.1",
    "interventions: one level three times noisier",
    "interventions: a fifth of the units moves, two repeats",
]
# What can be true of a study of a family, where that is not a verdict on a column.
OWN_OUTCOMES = {
    "consequences": (
        "p <= 5 %",
        "gap covered",
        *(claim.what for claim in consequences.COVERED),
    ),
    "networks": networks.OUTCOMES,
    "interventions": interventions.OUTCOMES,
}


def cell_of(key):
    (cell,) = [cell for cell in list_cells() if cell.key == key]
    return cell


@pytest.mark.parametrize("key", QUICK)
def test_the_claims_of_the_quick_cells_are_met(key):
    cell = cell_of(key)
    record = measure(cell, N_STUDIES, M)
    for claim in cell.claims:
        found = judge(claim, record)
        assert found["met"] != "NO", (claim.what, found)


@pytest.mark.parametrize("family", FAMILIES)
def test_families_hold_cells_of_their_name_each_once(family):
    cells = list_cells([family])
    assert len({cell.key for cell in cells}) == len(cells) >= 4
    for cell in cells:
        assert cell.family == family
        assert cell.claims and {claim.what for claim in cell.claims} <= {
            *OWN_OUTCOMES.get(family, (*OUTCOMES, WARNED))
        }


def test_every_cell_is_printed_beside_what_is_true():
    still = cell_of("interventions: nothing moves")
    pair = cell_of("networks: 0.3 to 0")
    record = {"replicates": 20, "counts": {"p <= 5 %": 1, "shift in interval": 19}}
    lines = {still.key: record, pair.key: {"replicates": 40, "counts": {"same": 4}}}
    table = every_cell([still, pair], lines)
    assert table.loc[still.key, "shift"] == pytest.approx(0.0, abs=1e-3)
    assert table.loc[still.key, "sensitivity"] == pytest.approx(0.19, abs=0.01)
    assert table.loc[still.key, "shift in interval"] == "95.0 %"
    assert table.loc[pair.key, ["studies", "same"]].tolist() == [40, "10.0 %"]


def test_a_pair_uses_the_column_to_the_degree_that_is_stated():
    pair = networks.Networks((0.3, 0.1), n=6000, classes=3, levels=3)
    found = networks.compare(pair, 0, 0)
    assert found.utilization_a == pytest.approx(0.3, rel=0.1)
    assert found.utilization_b == pytest.approx(0.1, rel=0.25)


def test_noise_and_curves_cover_the_whole_grid():
    assert len(list_cells(["noise"])) == 5 * 3 * 3 * 2
    assert len(list_cells(["curves"])) == 6 * 2 * 2 * 2 + 4
    assert len(list_cells(word="step")) == 8


def test_a_claim_that_is_not_met_is_seen():
    """A use of one standard deviation where none is allowed."""
    claims = Claim("used", high=0.05), Claim("not used", low=0.9)
    moved = partial(draw_effect, effect=2.0, units=300)
    record = measure(Cell("noise", "moved", moved, claims), N_STUDIES, M)
    assert [judge(claim, record)["met"] for claim in claims] == ["NO", "NO"]


def test_rates_beside_their_claims():
    record = {"replicates": 20, "counts": {"used": 2}}
    found = judge(Claim("used", high=0.05), record)
    assert (found["rate"], found["met"]) == ("10.0 %", "open")
    assert found["95 % interval"] == "1.2 to 31.7 %"
    assert judge(Claim("used", high=0.1), record)["met"] == "yes"
    record["counts"]["used"] = 5
    assert judge(Claim("used", high=0.05), record)["met"] == "NO"
    assert judge(Claim("used", high=0.05), record, 100)["met"] == "open"
    assert judge(Claim("used", low=0.9), record)["met"] == "NO"
    assert judge(Claim("not used", high=0.0), record)["rate"] == "0.0 %"


@pytest.mark.parametrize("classwise", [False, True])
def test_the_truth_of_a_moved_level_is_what_is_estimated(classwise):
    """6,000 rows, so that noise moves little."""
    study = draw_effect(
        np.random.default_rng(0),
        effect=2.0,
        classwise=classwise,
        outputs=3,
        units=6000,
    )
    result = run_test(study, 0, 0)
    assert study.truth > 0.1
    assert result.utilization == pytest.approx(study.truth, rel=0.1)


def test_the_effect_is_the_one_that_is_stated():
    simulate = partial(draw_effect, units=300)
    moved = at_detectable(simulate)
    stated = run_test(draw_noise(np.random.default_rng(0), units=300), 0, 0)
    truth = moved(np.random.default_rng(1)).truth
    assert truth == pytest.approx(stated.minimum_detectable_effect, rel=0.15)


def test_the_rules_of_the_verdicts():
    study = draw_effect(np.random.default_rng(0), effect=2.0, units=300)
    used = run_test(study, 0, M)
    assert is_used(used) and not is_not_used(used)
    unused = run_test(draw_noise(np.random.default_rng(0), units=3000), 0, M)
    assert is_not_used(unused) and not is_used(unused)


def test_a_class_that_moves_on_its_own_is_not_unused():
    """One class of ten moves by 0.17; pooled and balanced are below the margin."""
    cell = cell_of("classes: one class of ten, 40 % of its logit")
    study = cell.simulate(np.random.default_rng(0))
    result = utilization_test(
        study.outputs, study.column, target=study.target, n_permutations=0
    )
    assert max(result.high, result.balanced_high) < 0.1
    assert not is_not_used(result)


def run(capsys, path, *more):
    options = ["--family", "kinds", "--cells", "confounder, kind said"]
    settings = ["--replicates", "2", "--permutations", "19", "--out", str(path)]
    command.main([*options, *settings, *more])
    return capsys.readouterr()


def test_finished_cells_are_not_measured_again(tmp_path, capsys, monkeypatch):
    path = tmp_path / "cells.jsonl"
    first = run(capsys, path)
    assert "| kinds | used | coded confounder, kind said |" in first.out
    assert "kinds: coded confounder, kind said: used" in first.err
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["replicates"] == 2

    def fail(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(command, "measure", fail)
    again = run(capsys, path)
    assert (again.out, again.err) == (first.out, "")
    with pytest.raises(AssertionError, match="again"):
        run(capsys, path, "--family", "levels", "--cells", "12")


def test_the_worst_cell_is_the_one_furthest_outside():
    """Rates of 0, 10 and 5 % where 5 % are allowed, and 100 and 80 % of 90 %."""
    never, found = Claim("used", high=0.05), Claim("used", low=0.9)
    claims = {"a": never, "b": never, "c": never, "d": found, "e": found}
    cells = [Cell("noise", name, draw_noise, (claims[name],)) for name in claims]
    hits = dict(zip(claims, (0, 2, 1, 20, 16), strict=True))
    lines = {
        cell.key: {"replicates": 20, "counts": {"used": hits[cell.name]}}
        for cell in cells
    }
    worst = worst_cells(judge_all(cells, lines))
    assert list(worst["cell"]) == ["b", "e"]
    assert list(worst["cells"]) == [3, 2]
    assert list(worst["open"]) == [1, 1]


def test_a_line_that_was_cut_off_is_measured_again(tmp_path):
    path = tmp_path / "cells.jsonl"
    path.write_text('{"cell": "a"}\n{"cell": "b", "repl')
    assert set(read_lines(path)) == {"a"}
    append_line(path, {"cell": "b"})
    assert set(read_lines(path)) == {"a", "b"}
    assert read_lines(tmp_path / "none.jsonl") == {}
