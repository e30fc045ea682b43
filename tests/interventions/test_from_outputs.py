"""The same units under several levels: tests, repeats and invariances."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import utilization_test
from tests.interventions.studies import (
    ESTIMATES,
    LEVELS,
    SCALES,
    make_study,
    run,
    truth_of,
)

# --- repeats --------------------------------------------------------------------------


def test_repeats_remove_their_noise():
    outputs, table = make_study(n=200, single=0.4, noise=0.4, n_repeats=3)
    quiet, quiet_table = make_study(n=200, single=0.4)
    expected = truth_of(quiet, quiet_table)["sensitivity"]
    found = run(outputs, table, repeats=True)
    assert found.sensitivity == pytest.approx(expected, rel=0.1)
    assert found.sensitivity_low < expected < found.sensitivity_high
    assert not found.includes_noise
    assert found.repeat_noise > 0.1
    assert 0.0 < found.flipped_by_repeats < found.flipped
    first = table["repeat"] == 0
    noisy = run(outputs[first], table[first])
    assert noisy.includes_noise
    assert noisy.sensitivity > 1.25 * expected
    assert "included" in noisy.to_text()


def test_nothing_but_the_noise_of_repeats():
    found = [
        run(*make_study(seed, noise=0.5, n_repeats=2), repeats=True)
        for seed in range(20)
    ]
    assert sum(one.pvalue <= 0.05 for one in found) <= 4
    assert sum(one.sensitivity_low > 0.0 for one in found) <= 3
    assert np.median([one.sensitivity for one in found]) < 0.05


def test_moves_of_single_units_need_repeats_to_be_tested():
    """In directions of their own they leave all means where they are."""
    options = {"n": 60, "single": 0.6, "noise": 0.2}
    alone = [run(*make_study(seed, **options)) for seed in range(20)]
    assert sum(one.pvalue <= 0.05 for one in alone) <= 4
    repeated = [
        run(*make_study(seed, n_repeats=2, **options), repeats=True)
        for seed in range(5)
    ]
    assert all(one.pvalue == 1 / 40 for one in repeated)
    assert all(one.sensitivity > 4 * one.shift for one in repeated)


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_a_common_move_is_found(n_repeats):
    options = {"common": 0.15, "noise": 0.3, "n_repeats": n_repeats}
    for seed in range(5):
        found = run(*make_study(seed, n=60, **options), repeats=n_repeats > 1)
        assert found.pvalue == 1 / 40
        assert found.shift_low > 0.0


def test_a_level_that_is_only_noisier_is_no_move():
    rejected = 0
    for seed in range(20):
        outputs, table = make_study(seed, noise=0.1)
        noisier = (table["level"] == "scanner C").to_numpy()
        rng = np.random.default_rng(100 + seed)
        outputs[noisier] += rng.standard_normal((noisier.sum(), 3)) * SCALES
        rejected += run(outputs, table).pvalue <= 0.05
    assert rejected <= 4


def test_images_of_a_patient_move_together():
    """Noise of a scan that all images of a patient share is no move of many units."""
    rejected = {True: 0, False: 0}
    for seed in range(15):
        rng = np.random.default_rng(seed)
        outputs, table = make_study(seed, n=80)
        unit = table["unit"].str.split().str[1].astype(int).to_numpy()
        patient, level = unit // 8, table["level"].factorize()[0]
        outputs += (rng.standard_normal((10, 3, 3)) * SCALES)[patient, level]
        for grouped in rejected:
            groups = pd.Series(patient, name="patient") if grouped else None
            found = run(outputs, table, groups=groups)
            rejected[grouped] += found.pvalue <= 0.05
    assert rejected[True] <= 3
    assert rejected[False] >= 10


# --- levels in few units --------------------------------------------------------------


def see_fewer(n_rare, seed=0):
    """Outputs and table of a study whose last level was seen in a few units only."""
    outputs, table = make_study(seed, 40, single=0.3, common=0.3)
    rare = table["level"] == LEVELS[2]
    few = table["unit"].isin([f"patient {code}" for code in range(n_rare)])
    kept = (~rare | few).to_numpy()
    return outputs[kept], table[kept].reset_index(drop=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_rare", [1, 5, 9])
def test_levels_that_few_units_were_seen_under_are_left_out(n_rare, seed):
    outputs, table = see_fewer(n_rare, seed)
    message = rf"^level: few units .* 'scanner C' \({n_rare} units\): rows"
    with pytest.warns(UserWarning, match=message):
        found = run(outputs, table)
    usual = (table["level"] != LEVELS[2]).to_numpy()
    expected = run(outputs[usual], table[usual])
    np.testing.assert_allclose(numbers(found), numbers(expected))
    assert list(found.n_rows_by_level.index) == list(LEVELS[:2])
    assert found.notes[0].startswith("level: few units")


def test_units_that_are_left_with_one_level_are_left_out_too():
    outputs, table = see_fewer(5)
    kept = ~((table["unit"] == "patient 0") & (table["level"] == LEVELS[1]))
    with pytest.warns(UserWarning, match="and 1 units that are left with one level"):
        found = run(outputs[kept], table[kept])
    assert found.n_units == 39 and "patient 0" not in found.units.index


@pytest.mark.filterwarnings("error:level. few")
def test_levels_of_enough_units_and_of_small_studies_stay():
    for n_rare in (10, 40):
        assert len(run(*see_fewer(n_rare)).n_rows_by_level) == 3
    assert len(run(*make_study(0, 8, single=0.3)).n_rows_by_level) == 3


@pytest.mark.parametrize("by_group", [False, True])
def test_levels_in_few_units_that_stay_are_named(by_group):
    outputs, table = make_study(0, 20, n_levels=3, single=0.3)
    few = table["unit"].isin([f"patient {code}" for code in range(8)])
    third = table["level"] == LEVELS[2]
    fourth = table["level"].where(~third, "scanner D")
    lower = pd.concat([table, table[third & few].assign(level=fourth)])
    kept = np.r_[np.ones(len(table), dtype=bool), [True] * 8]
    kept[: len(table)] &= (~third | few).to_numpy()
    rows = np.r_[np.arange(len(table)), np.flatnonzero(third & few)][kept]
    lower = lower[kept].reset_index(drop=True)
    groups = lower["unit"] if by_group else None
    what = "groups" if by_group else "units"
    message = (
        rf"^level: few {what} .*'scanner C' \(8 {what}\).*'scanner D' \(8 {what}\), "
        "which stay .* intervals are wide, and those of such a level by itself"
    )
    with pytest.warns(UserWarning, match=message):
        found = run(outputs[rows], lower, groups=groups)
    assert len(found.n_rows_by_level) == 4
    assert found.notes[0].startswith(f"level: few {what}")


def test_a_level_in_few_patients_of_many_images_is_left_out():
    outputs, table = see_fewer(20)
    patient = table["unit"].str.removeprefix("patient ").astype(int) // 4
    with pytest.warns(UserWarning, match=r"few groups .* \(5 groups\)"):
        found = run(outputs, table, target=False, groups=patient)
    assert len(found.n_rows_by_level) == 2


# --- invariances ----------------------------------------------------------------------


def numbers(found):
    keys = [f"{name}{end}" for name in ESTIMATES for end in ("", "_low", "_high")]
    return np.array([getattr(found, key) for key in (*keys, "repeat_noise")])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "change",
    [
        lambda outputs, rng: outputs * 1000.0,
        lambda outputs, rng: outputs + np.array([3.0, -50.0, 7.0]),
        lambda outputs, rng: outputs + rng.standard_normal((len(outputs), 1)),
    ],
    ids=["unit", "means", "what all classes share"],
)
def test_unit_and_origin_of_the_outputs_do_not_matter(seed, change):
    outputs, table = make_study(seed, common=0.1, single=0.2, noise=0.2, n_repeats=2)
    expected = run(outputs, table, repeats=True)
    found = run(change(outputs, np.random.default_rng(9)), table, repeats=True)
    chosen = [i for i in range(10) if not 6 <= i <= 8]
    np.testing.assert_allclose(
        numbers(found)[chosen], numbers(expected)[chosen], rtol=1e-6
    )
    assert found.pvalue == expected.pvalue


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_order_of_rows_and_names_do_not_matter(n_repeats):
    outputs, table = make_study(common=0.05, noise=0.5, n_repeats=n_repeats)
    expected = run(outputs, table, repeats=n_repeats > 1)
    order = np.random.default_rng(3).permutation(len(table))
    found = run(
        outputs[order],
        table.iloc[order].reset_index(drop=True),
        repeats=n_repeats > 1,
    )
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-9)
    assert found.pvalue == expected.pvalue
    assert 1 / 40 < expected.pvalue < 1.0
    named = table.assign(unit=table["unit"].map(lambda name: f"z{hash(name)}"))
    found = run(outputs, named, repeats=n_repeats > 1)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-9)
    assert found.pvalue == expected.pvalue


def test_all_common_containers_give_the_same(make_frame):
    outputs, table = make_study(common=0.2)
    expected = run(outputs, table)
    frame = make_frame({name: table[name].to_list() for name in table})
    found = run(make_frame(dict(zip("abc", outputs.T, strict=True))), frame)
    assert (found.sensitivity, found.pvalue) == (expected.sensitivity, expected.pvalue)


def test_shift_is_what_utilization_estimates_from_other_units():
    """Each unit of a large study under one level only."""
    outputs, table = make_study(n=1500, common=0.4)
    found = run(outputs, table, n_permutations=19, significance=0.1)
    unit = table["unit"].str.split().str[1].astype(int)
    once = (unit // 3 % 3 == table["level"].factorize()[0]).to_numpy()
    assert once.sum() == 1500
    use = utilization_test(
        outputs[once],
        table["level"][once],
        target=table["target"][once],
        n_permutations=19,
        significance=0.1,
        random_state=0,
    )
    assert use.low < found.shift < use.high
    assert use.utilization == pytest.approx(found.shift, rel=0.25)
