"""The same units under several levels: numbers, tests, and what is refused."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca import InterventionResult, intervention_test, utilization_test
from tests.interventions.studies import MEANS, SCALES, make_study, truth_of

ESTIMATES = ("sensitivity", "shift", "flipped")


def run(outputs, table, *, target=True, repeats=False, **options):
    options = {"n_permutations": 39, "random_state": 0, **options}
    return intervention_test(
        outputs,
        table["level"],
        table["unit"],
        target=table["target"] if target else None,
        repeats=table["repeat"] if repeats else None,
        **options,
    )


# --- numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("single", [0.0, 0.5])
def test_numbers_are_those_of_their_definition(single):
    outputs, table = make_study(common=0.3, single=single)
    truth = truth_of(outputs, table)
    found = run(outputs, table)
    assert isinstance(found, InterventionResult)
    assert found.sensitivity == pytest.approx(truth["sensitivity"], rel=1e-9)
    assert found.sensitivity > 0.05
    if single:
        # What the noise of the means adds is removed.
        assert 0.5 * truth["raw shift"] < found.shift < truth["raw shift"]
        assert found.shift < 0.9 * found.sensitivity
    else:
        assert found.shift == pytest.approx(found.sensitivity, rel=1e-9)
    for name in ESTIMATES:
        low, high = (getattr(found, f"{name}_{end}") for end in ("low", "high"))
        assert 0.0 <= low <= getattr(found, name) <= high <= 1.0
    assert found.n_units == 40
    assert found.n_rows_by_level.to_list() == [40, 40, 40]


def test_flipped_is_the_share_of_changed_decisions():
    outputs, table = make_study(single=1.5)
    decisions = outputs.argmax(axis=1).reshape(-1, 3)
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = np.mean([decisions[:, i] != decisions[:, j] for i, j in pairs])
    found = run(outputs, table)
    assert found.flipped == pytest.approx(expected)
    assert 0.05 < expected < 0.95
    own = np.mean([decisions[:, i] != decisions[:, j] for i, j in pairs], axis=0)
    by_unit = found.units.loc[[f"patient {i}" for i in range(40)], "flipped"]
    np.testing.assert_allclose(by_unit, own)


@pytest.mark.parametrize(
    ("make", "target", "has_decisions"),
    [
        (lambda score: score, None, False),
        (special.expit, None, True),
        (lambda score: score, "two", True),
        (lambda score: score, "number", False),
        (special.expit, "number", False),
    ],
)
def test_a_single_output_is_a_decision_where_that_is_known(make, target, has_decisions):
    outputs, table = make_study(single=1.0)
    score = outputs[:, 1] + 2.0
    unit = table["unit"].str.split().str[1].astype(int)
    targets = {"two": np.where(unit % 2, "ill", "well"), "number": 0.37 * unit}
    found = intervention_test(
        make(score),
        table["level"],
        table["unit"],
        target=targets.get(target),
        n_permutations=19,
        significance=0.1,
    )
    assert np.isnan(found.flipped) != has_decisions
    if has_decisions:
        signs = (score > 0).reshape(-1, 3)
        changed = [signs[:, i] != signs[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]
        assert found.flipped == pytest.approx(np.mean(changed))
        assert found.flipped > 0.05


def test_without_target_there_is_one_class():
    outputs, table = make_study(common=0.3, single=0.3)
    table["target"] = "all of them"
    one = run(outputs, table)
    without = run(outputs, table, target=False)
    assert without.shift == one.shift
    assert without.effects.index.equals(one.effects.index)


def test_classes_that_move_apart_are_seen_with_the_target_only():
    outputs, table = make_study(n=60)
    sign = table["target"].map({"well": 1.0, "mild": 0.0, "severe": -1.0}).to_numpy()
    step = table["level"].map({"scanner A": 0, "scanner B": 1, "scanner C": 2})
    outputs[:, 2] += 2.0 * sign * step.to_numpy()
    with_target = run(outputs, table)
    assert with_target.shift == pytest.approx(with_target.sensitivity)
    assert with_target.pvalue == 1 / 40
    without = run(outputs, table, target=False)
    assert without.shift < 0.3 * with_target.shift
    assert without.sensitivity == with_target.sensitivity


def test_thirds_of_a_number_are_its_classes():
    outputs, table = make_study(common=0.2, n=60)
    number = table["unit"].str.split().str[1].astype(float) * 1.7
    found = run(outputs, table.assign(target=number))
    names = found.effects.index.unique("target_class")
    assert len(names) == 4
    assert names[0] == "all"
    assert "0 to" in names[1]


def test_effects_are_the_signed_moves():
    outputs, table = make_study(common=0.5, single=0.2)
    truth = truth_of(outputs, table)
    found = run(outputs, table)
    own = found.effects.xs("all", level="target_class")["effect"].unstack("output")
    expected = truth["moves"].mean(axis=0) / np.sqrt(truth["spread"])
    np.testing.assert_allclose(own.to_numpy(), expected, rtol=1e-9, atol=1e-12)
    severe = found.effects.xs("severe", level="target_class")["effect"].unstack(
        "output"
    )
    members = (table["target"] == "severe").to_numpy()[::3]
    expected = truth["moves"][members].mean(axis=0) / np.sqrt(truth["spread"])
    np.testing.assert_allclose(severe.to_numpy(), expected, rtol=1e-9, atol=1e-12)
    assert (found.effects["low"] < found.effects["effect"]).all()


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


# --- designs --------------------------------------------------------------------------


def test_missing_cells_do_not_bias():
    complete = truth_of(*make_study(n=300, common=0.3, single=0.3))
    outputs, table = make_study(n=300, common=0.3, single=0.3, missing=0.4)
    assert table.groupby("unit").size().min() == 2
    found = run(outputs, table)
    assert found.sensitivity == pytest.approx(complete["sensitivity"], rel=0.1)
    assert found.shift == pytest.approx(complete["raw shift"], rel=0.15)
    own = found.effects.xs("all", level="target_class")["effect"].unstack("output")
    expected = complete["moves"].mean(axis=0) / np.sqrt(complete["spread"])
    np.testing.assert_allclose(own.to_numpy(), expected, atol=0.03)


def test_cells_that_are_missing_with_the_unit_do_not_bias():
    """Ill patients were not on scanner C: their level is no effect of the scanner."""
    outputs, table = make_study(n=90)
    outputs[:, 0] += 30.0 * (table["target"] == "severe")
    gone = (table["target"] == "severe") & (table["level"] == "scanner C")
    with pytest.warns(UserWarning, match="leaves out 'severe'"):
        found = run(outputs[~gone], table[~gone])
    assert found.sensitivity == pytest.approx(0.0, abs=1e-9)
    assert found.shift == pytest.approx(0.0, abs=1e-9)
    assert found.pvalue > 0.5


def test_levels_that_share_no_unit_are_named():
    outputs, table = make_study(n=60, common=0.3)
    unit = table["unit"].str.split().str[1].astype(int)
    absent = np.where(unit % 2, "scanner A", "scanner C")
    kept = table["level"] != absent
    with pytest.warns(UserWarning, match="under 'scanner A' and 'scanner C'"):
        found = run(outputs[kept], table[kept], target=False)
    assert found.shift > 0.05
    assert len(found.notes) == 1


def test_nothing_at_all_moves():
    outputs, table = make_study()
    found = run(outputs, table)
    assert (found.sensitivity, found.shift, found.flipped) == (0.0, 0.0, 0.0)
    assert (found.sensitivity_high, found.shift_high) == (0.0, 0.0)
    assert 0.0 < found.flipped_high < 0.15
    assert found.pvalue == 1.0


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


# --- what is refused or said ----------------------------------------------------------


def leave_once(outputs, table):
    kept = (table["unit"] != "patient 3") | (table["level"] == "scanner B")
    return outputs[kept], table[kept]


def double(outputs, table):
    rows = [*range(len(table)), 5]
    return outputs[rows], table.iloc[rows].reset_index(drop=True)


def with_value(column, value, row=4):
    def change(outputs, table):
        values = table[column].astype(object)
        values[row] = value
        return outputs, table.assign(**{column: values})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            leave_once,
            "^unit: 1 of 40 units were seen under one level only.*'patient 3'",
        ),
        (
            lambda outputs, table: (outputs[::3], table.iloc[::3]),
            "^level: all 40 rows have the level 'scanner A'",
        ),
        (double, "^unit: unit 'patient 1' under level 'scanner C' has several rows"),
        (with_value("unit", None), "^unit: 1 of 120 rows have none.*row 4 "),
        (with_value("level", np.nan), "^level: 1 of 120 rows have none"),
        (with_value("target", None), "^target: 1 of 120 rows have none"),
        (with_value("target", "well"), "^target: unit 'patient 1' has several"),
        (with_value("level", ["a", "list"]), "^level: .*cannot be names"),
        (
            lambda outputs, table: (outputs[:-1], table),
            "level has 120 rows and outputs has 119",
        ),
        (
            lambda outputs, table: (
                [row.tolist()[: 2 + i % 2] for i, row in enumerate(outputs)],
                table,
            ),
            "^outputs: the rows of the outputs differ in length",
        ),
        (
            lambda outputs, table: (np.where(outputs > 5.5, np.nan, outputs), table),
            "^outputs",
        ),
        (
            lambda outputs, table: (outputs[:6], table.iloc[:6]),
            "^unit: there are 2 units",
        ),
        (
            lambda outputs, table: (
                pd.DataFrame(outputs).iloc[::-1],
                table,
            ),
            "the same labels in a different order",
        ),
    ],
)
def test_bad_input_is_one_clear_error(change, message):
    with pytest.raises(ValueError, match=message) as error:
        run(*change(*make_study()))
    assert "\n" not in str(error.value)


def test_repeats_must_differ():
    outputs, table = make_study(n_repeats=2)
    with pytest.raises(ValueError, match=r"^unit: .*pass repeats"):
        run(outputs, table)
    with pytest.raises(ValueError, match=r"^repeats: .*two rows of the same repeat"):
        run(outputs, table.assign(repeat=1), repeats=True)


@pytest.mark.parametrize("name", ["level", "unit"])
def test_levels_and_units_are_needed(name):
    outputs, table = make_study()
    arguments = {"level": table["level"], "unit": table["unit"], name: None}
    with pytest.raises(ValueError, match=f"^{name} is None"):
        intervention_test(outputs, **arguments)


@pytest.mark.parametrize("value", [0.0, 1.0, -1])
def test_settings_are_checked(value):
    with pytest.raises(ValueError, match="significance"):
        run(*make_study(), significance=value)


def test_levels_that_nothing_links_are_refused():
    outputs, table = make_study()
    unit = table["unit"].str.split().str[1].astype(int)
    others = table["level"].where(unit % 2 == 0, table["level"] + " of others")
    with pytest.raises(ValueError, match=r"^level: no unit links"):
        run(outputs, table.assign(level=others))


@pytest.mark.parametrize(
    ("study", "options", "message"),
    [
        ({"n": 3, "n_levels": 2}, {"target": False}, "no p-value can be below 0.25"),
        ({"n": 40}, {"n_permutations": 9}, "n_permutations=9: no p-value can be below"),
    ],
)
def test_what_no_pvalue_can_show_is_said(study, options, message):
    with pytest.warns(UserWarning, match=message):
        run(*make_study(common=0.2, noise=0.1, **study), **options)


def test_repeats_that_there_are_not_are_said():
    study = make_study(common=0.2, noise=0.2)
    with pytest.warns(UserWarning, match="no unit was seen twice"):
        found = run(*study, repeats=True)
    assert found.includes_noise
    assert found.sensitivity == run(*study).sensitivity


def test_exchanged_arguments_are_suspected():
    outputs, table = make_study(noise=0.1)
    exchanged = table.rename(columns={"unit": "level", "level": "unit"})
    with pytest.warns(UserWarning, match="40 levels and 3 units"):
        run(outputs, exchanged, target=False)


def test_no_permutations_give_no_pvalue():
    found = run(*make_study(common=0.2), n_permutations=0)
    assert np.isnan(found.pvalue)
    assert found.sensitivity > 0.05


def test_nothing_is_said_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(*make_study(common=0.2, noise=0.2))
    assert found.notes == ()
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.scheme == "levels within units"
    assert MEANS.any()
