"""Simulated networks use a column by what they say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sklearn_wsca import utilization_test
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._screening.simulated_outputs import (
    MOST_OUTPUTS,
    Assumptions,
    draw_networks,
    give_target,
)
from tests.screening.tables import draw_patients, draw_table

SEPARATION = Assumptions(0.9, 0.5).separation


def networks_on(table, name="scanner", n_networks=6, share=0.5, groups=None):
    base = give_target(read_column(table["disease"]), len(table), SEPARATION)
    groups = None if groups is None else Groups.of(table[groups])
    column = read_column(table[name])
    return draw_networks(n_networks, column, base, groups, share, seed=3)


@pytest.mark.parametrize("auroc", [0.5, 0.8, 0.95])
def test_the_target_is_told_as_well_as_assumed(auroc):
    table = draw_table(n=20_000, share=0.1)
    separation = Assumptions(auroc, 0.5).separation
    base = give_target(read_column(table["disease"]), len(table), separation)
    outputs = base[:, 0] + np.random.default_rng(0).standard_normal(len(table))
    found = roc_auc_score(table["disease"] == "yes", outputs)
    assert found == pytest.approx(auroc, abs=0.02)


def test_a_class_head_has_an_output_per_class_and_tells_them_alike():
    rng = np.random.default_rng(0)
    labels = pd.Series(rng.integers(0, 4, 8000).astype(str), name="class")
    base = give_target(read_column(labels), 8000, SEPARATION)
    outputs = base + rng.standard_normal(base.shape)
    for number in range(4):
        found = roc_auc_score(labels == str(number), outputs[:, number])
        assert found == pytest.approx(0.9, abs=0.02)
    many = pd.Series(np.repeat(np.arange(12), 5).astype(str), name="class")
    assert give_target(read_column(many), 60, SEPARATION).shape[1] == MOST_OUTPUTS


def test_a_number_is_told_as_well_as_two_even_classes():
    even = give_target(read_column(draw_table(n=4000)["disease"]), 4000, SEPARATION)
    ages = pd.Series(7e3 + 40.0 * np.random.default_rng(1).random(500), name="age")
    number = give_target(read_column(ages), 500, SEPARATION)
    assert number.var() == pytest.approx(even.var(), rel=0.01)


def test_rows_without_target_get_nothing_of_it():
    labels = pd.Series(["a", None, "b", "a", "b", "a", "b"], name="class")
    base = give_target(read_column(labels), 7, 2.0)
    assert base[:, 0].tolist() == [0, 0, 2, 0, 2, 0, 2]
    assert (give_target(None, 3, 2.0) == 0).all()


@pytest.mark.parametrize("name", ["scanner", "age"])
@pytest.mark.parametrize("classes", [2, 5])
def test_the_utilization_that_is_said_is_that_which_is_measured(name, classes):
    table = draw_table(n=6000, shares=(0.7, 0.2, 0.1), follows=0.3)
    if classes > 2:
        rng = np.random.default_rng(5)
        table["disease"] = rng.integers(0, classes, len(table)).astype(str)
    networks = networks_on(table, name)
    effects = np.full(6, 0.7)
    outputs = networks.outputs(effects, slice(0, 6)).reshape(len(table), 6, -1)
    expected = networks.utilizations(0.7)
    assert (expected > 0.1).all()
    for number in range(2):
        own = outputs[:, number] * 13.0 - 400.0
        found = utilization_test(
            own, table[name], target=table["disease"], n_permutations=0
        )
        assert found.utilization == pytest.approx(expected[number], rel=0.12)
        assert found.low < expected[number] < found.high


def test_without_effect_outputs_do_not_move_with_the_column():
    table = draw_table(n=2000)
    outputs = networks_on(table).outputs(np.zeros(6), slice(0, 6))
    for own in outputs.T[:3]:
        found = utilization_test(
            own,
            table["scanner"],
            target=table["disease"],
            n_permutations=99,
            random_state=0,
        )
        assert found.pvalue > 0.02


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_rows_of_a_group_share_noise(share):
    table = draw_patients(n=400, images=(2, 5))
    networks = networks_on(table, share=share, groups="patient")
    noise = networks.outputs(np.zeros(6), slice(0, 6)) - networks.base
    assert noise.var() == pytest.approx(1.0, rel=0.15)
    frame = pd.DataFrame(noise)
    means = frame.groupby(table["patient"].to_numpy()).transform("mean")
    within = (frame - means).to_numpy().ravel()
    sizes = table.groupby("patient")["patient"].transform("size").to_numpy()
    expected = (1.0 - share) * (1.0 - 1.0 / sizes).mean()
    assert np.mean(within**2) == pytest.approx(expected, rel=0.1, abs=1e-12)


def test_portions_cover_all_networks():
    networks = networks_on(draw_table(n=10))
    parts = list(networks.parts(10**6))
    assert len(parts) > 1
    assert [own.start for own in parts[1:]] == [own.stop for own in parts[:-1]]
    assert (parts[0].start, parts[-1].stop) == (0, 10**6)


def test_one_level_alone_differs():
    table = draw_table(n=300, shares=(0.5, 0.3, 0.2))
    base = give_target(read_column(table["disease"]), 300, SEPARATION)
    column = read_column(table["scanner"])
    found = draw_networks(5, column, base, None, 0.5, seed=1, only=2).directions
    assert found[0] == pytest.approx(found[1])
    assert found[2] == pytest.approx(-2.0 * found[0])
    assert np.mean(found**2, axis=0) == pytest.approx(np.ones((5, 1)))
